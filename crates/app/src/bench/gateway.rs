//! `tools/call` of 1 KB over HTTP: direct, through a bare reverse proxy, and through the gateway with policies and a
//! durable record for each call. Everything runs in this process on this machine's cores, client included.

use super::case;
use super::upstream::{Http, bare_proxy, client, server};
use crate::config::{Config, Loaded, Upstream};
use crate::failure::Failure;
use crate::place::Place;
use crate::service::assemble::Assembled;
use crate::service::gateway::{gateway as make_gateway, upstreams};
use bytes::Bytes;
use holdshort_proxy::mcp::serve_http;
use holdshort_store::log::BenchCase;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Connections of the two cases.
const CONNECTIONS: [u32; 2] = [1, 32];
/// Bytes of the argument of a call.
const ARGUMENT_BYTES: usize = 1_024;
/// Name of the upstream behind the gateway.
const NAME: &str = "bench";

/// Measures with about `operations` calls for each case. The log is written in `directory`.
pub(crate) async fn gateway(directory: &Path, operations: u32) -> Result<Vec<BenchCase>, Failure> {
    let upstream = server().await?;
    let proxy = bare_proxy(upstream).await?;
    let (config, place) = (config(upstream), Place { config: None, data: Some(directory.join("data")) });
    let loaded = Loaded { config, file: None };
    let assembled = Assembled::start(&loaded, &place.data(&loaded)?).await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Failure::internal)?;
    let through = listener.local_addr().map_err(Failure::internal)?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let gateway = make_gateway(&assembled.service, &loaded, upstreams(&loaded)?)?;
    let served = tokio::spawn(serve_http(listener, gateway, async {
        let _ = ended.await;
    }));
    let mut cases = Vec::new();
    for connections in CONNECTIONS {
        for (what, address) in [("direct", upstream), ("bare proxy", proxy), ("gateway", through)] {
            let name = format!("tools/call: {what}, {connections} connections");
            cases.push(measure(&name, address, connections, operations).await?);
        }
    }
    drop(end);
    served.await.map_err(Failure::internal)?.map_err(Failure::internal)?;
    assembled.stop().await?;
    Ok(cases)
}

fn config(upstream: SocketAddr) -> Config {
    let mut config = Config { unknown_agent: holdshort_decide::UnknownAgent::Observe, ..Config::default() };
    config.mcp.anonymous_agent = Some(NAME.into());
    let url = Some(format!("http://{upstream}/mcp"));
    config.upstream.push(Upstream { name: NAME.into(), url, ..Upstream::default() });
    config
}

async fn measure(name: &str, address: SocketAddr, connections: u32, operations: u32) -> Result<BenchCase, Failure> {
    let each = operations.div_ceil(connections);
    let mut clients = JoinSet::new();
    let mut sessions = Vec::new();
    for _ in 0..connections {
        sessions.push(Session::open(address).await?);
    }
    let started = Instant::now();
    for session in sessions {
        clients.spawn(async move { session.calls(each).await });
    }
    let mut samples = Vec::new();
    while let Some(finished) = clients.join_next().await {
        samples.extend(finished.map_err(Failure::internal)??);
    }
    Ok(case(name, samples, started.elapsed()))
}

/// One client with its own connection.
struct Session {
    http: Http,
    uri: String,
    headers: HeaderMap,
}

impl Session {
    async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let mut session = Self { http: client(), uri: format!("http://{address}/mcp/{NAME}"), headers };
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": NAME, "version": "1"},
        });
        let (answered, _) =
            session.post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})).await?;
        if let Some(id) = answered.get("mcp-session-id") {
            session.headers.insert("mcp-session-id", id.clone());
        }
        session.headers.insert("mcp-protocol-version", HeaderValue::from_static("2025-11-25"));
        session.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await?;
        session.post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await?;
        Ok(session)
    }

    async fn calls(self, count: u32) -> Result<Vec<Duration>, Failure> {
        let text = "x".repeat(ARGUMENT_BYTES);
        let mut samples = Vec::new();
        for id in 0..count {
            let params = json!({"name": "echo", "arguments": {"text": text}});
            let message = json!({"jsonrpc": "2.0", "id": id + 2, "method": "tools/call", "params": params});
            let started = Instant::now();
            let (_, body) = self.post(&message).await?;
            samples.push(started.elapsed());
            if !String::from_utf8_lossy(&body).contains("\"result\"") {
                let said: String = String::from_utf8_lossy(&body).chars().take(300).collect();
                return Err(Failure::internal(format!("a measured call was not answered with a result: {said}")));
            }
        }
        Ok(samples)
    }

    async fn post(&self, message: &Value) -> Result<(HeaderMap, Bytes), Failure> {
        let body = Full::new(Bytes::from(message.to_string()));
        let mut request = Request::post(&self.uri).body(body).map_err(Failure::internal)?;
        request.headers_mut().clone_from(&self.headers);
        let response = self.http.request(request).await.map_err(Failure::internal)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(Failure::internal)?.to_bytes();
        match head.status.is_success() {
            true => Ok((head.headers, body)),
            false => Err(Failure::internal(format!("status {}: {}", head.status, String::from_utf8_lossy(&body)))),
        }
    }
}
