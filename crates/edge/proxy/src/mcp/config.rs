//! What the gateway is told: upstreams, limits, how to refuse, who may come.

use holdshort_model::{AgentId, Authentication};
use http::{HeaderName, HeaderValue, Uri};
use std::path::PathBuf;
use std::time::Duration;

/// One upstream MCP server.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Name in policies, grants and URLs: letters, digits, `-`, `.` and single `_`.
    pub name: String,
    /// How to reach it.
    pub transport: TransportConfig,
    /// Which era it speaks.
    pub era: EraChoice,
}

/// How to reach an upstream.
#[derive(Clone, Debug)]
pub enum TransportConfig {
    /// A child process that speaks newline-delimited JSON. Each client session gets its own.
    Stdio {
        /// Program, looked up in `PATH`.
        program: String,
        /// Arguments.
        args: Vec<String>,
        /// Variables set besides the inherited environment.
        env: Vec<(String, String)>,
        /// Working folder; that of the gateway when absent.
        cwd: Option<PathBuf>,
    },
    /// Streamable HTTP.
    Http {
        /// The MCP endpoint, `http` or `https`.
        url: Uri,
        /// Headers sent with every request, such as a credential of the gateway's own.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
}

/// Which era an upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EraChoice {
    /// Found out: the client's era first, the other if the upstream does not speak it.
    #[default]
    Auto,
    /// 2025-11-25 and older.
    Session,
    /// 2026-07-28.
    Stateless,
}

/// How a refused `tools/call` is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefusalStyle {
    /// JSON-RPC error -32001.
    #[default]
    Error,
    /// A tool result with `isError: true` and the same text.
    Result,
}

/// Bounds on what the gateway holds for a client. Over a bound the message is refused, never cut.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest message from a client, in bytes.
    pub request_bytes_max: usize,
    /// Largest message from an upstream, in bytes.
    pub response_bytes_max: usize,
    /// Requests of one session that may be under way at once.
    pub in_flight_max: usize,
    /// Live sessions of the gateway.
    pub sessions_max: usize,
    /// A session without traffic ends after this time.
    pub session_idle: Duration,
    /// An upstream that says nothing about a request for this long has failed.
    pub upstream_silence: Duration,
    /// A call that a person has to approve waits for that at most this long, and is refused then.
    pub approval_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes_max: 4 << 20,
            response_bytes_max: 64 << 20,
            in_flight_max: 256,
            sessions_max: 10_000,
            session_idle: Duration::from_secs(30 * 60),
            upstream_silence: Duration::from_secs(300),
            approval_wait: Duration::from_secs(45),
        }
    }
}

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// How a refused tool call is answered.
    pub refusal: RefusalStyle,
    /// Whether `/mcp` serves all upstreams together, names prefixed with `<upstream>__`.
    pub federated: bool,
    /// Bounds.
    pub limits: Limits,
    /// Hosts that a `Host` header may name besides loopback, against DNS rebinding. Without port.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` that browsers may send besides loopback origins.
    pub allowed_origins: Vec<String>,
    /// Folder that agents work in, for policies.
    pub workspace: Option<String>,
    /// Whether `_meta["com.holdshort/intent"]` of a client counts as the person's request.
    pub believes_meta: bool,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            refusal: RefusalStyle::default(),
            federated: true,
            limits: Limits::default(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            workspace: None,
            believes_meta: false,
        }
    }
}

/// Who stands behind a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The agent.
    pub agent: AgentId,
    /// How that is known.
    pub authenticated_by: Authentication,
}

/// Tells who a bearer token belongs to.
pub trait Authenticate: Send + Sync + 'static {
    /// The principal of a request, given its bearer token, if it has one. `None` is 401.
    fn authenticate(&self, token: Option<&str>) -> Option<Principal>;
}
