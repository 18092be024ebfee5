//! The gateway in process, on a port of its own, with a recording authority; clients that send exactly what they say.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test file uses its part")]

mod authority;
mod client;
mod door;
mod upstream;
mod wrapper;

pub use authority::{Asked, Recorder, Say};
pub use client::{Client, Incoming, messages};
pub use door::Door;
pub use upstream::{Reply, bodies, child, http, played, respond, scripted, stdio, taped};
pub use wrapper::Wrapper;

use holdshort_enforce::Gate;
use holdshort_model::Authentication;
use holdshort_proxy::mcp::{Authenticate, Gateway, GatewayOptions, Principal, UpstreamConfig, serve_http};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Bounds a hang; nothing here takes so long.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Tokens are the names of the agents; `alice` and `bob` are known.
struct Names;

impl Authenticate for Names {
    fn authenticate(&self, token: Option<&str>) -> Option<Principal> {
        let known = token.filter(|token| ["alice", "bob"].contains(token))?;
        Some(Principal { agent: known.into(), authenticated_by: Authentication::Token })
    }
}

/// A running gateway. Ended, with its upstream processes, when it is dropped.
pub struct Rig {
    pub authority: Arc<Recorder>,
    pub gateway: Arc<Gateway>,
    address: String,
    shutdown: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    runtime: Option<Runtime>,
}

impl Rig {
    pub fn new(authority: Arc<Recorder>, upstreams: Vec<UpstreamConfig>) -> Self {
        Self::with(authority, upstreams, GatewayOptions::default())
    }

    pub fn with(authority: Arc<Recorder>, upstreams: Vec<UpstreamConfig>, options: GatewayOptions) -> Self {
        let runtime = runtime();
        let gateway = Gateway::new(Gate::new(authority.clone()), Arc::new(Names), upstreams, options).unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (shutdown, stopped) = oneshot::channel();
        let served = runtime.spawn(serve_http(listener, gateway.clone(), async move {
            let _ = stopped.await;
        }));
        let (shutdown, served, runtime) = (Some(shutdown), Some(served), Some(runtime));
        Self { authority, gateway, address, shutdown, served, runtime }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Alice at one upstream.
    pub fn client(&self, upstream: &str) -> Client {
        Client::new(&self.address, &format!("/mcp/{upstream}"), Some("alice"))
    }

    /// Alice at all upstreams.
    pub fn federated(&self) -> Client {
        Client::new(&self.address, "/mcp", Some("alice"))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        if let (Some(runtime), Some(served)) = (self.runtime.take(), self.served.take()) {
            let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, served).await });
            runtime.shutdown_background();
            if !std::thread::panicking() {
                ended.expect("the gateway ends when it is told to").unwrap().unwrap();
            }
        }
    }
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
