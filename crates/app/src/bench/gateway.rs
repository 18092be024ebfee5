//! `tools/call` of 1 KB over HTTP: direct, through a bare reverse proxy, and through the gateway with policies and a
//! durable record for each call. The gateway is a process of its own, as in use; client, upstream and bare proxy share
//! this one and the same cores.

use super::case;
use super::upstream::{Http, bare_proxy, client, server};
use crate::failure::{Failure, io_failure};
use crate::service::lock::Whereabouts;
use bytes::Bytes;
use holdshort_store::log::{BenchCase, bench_sync};
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Connections of the two cases.
const CONNECTIONS: [u32; 2] = [1, 32];
/// Bytes of the argument of a call.
const ARGUMENT_BYTES: usize = 1_024;
/// Name of the upstream behind the gateway.
const NAME: &str = "bench";
/// Time for the raw sync of the disk.
const SYNC_TIME: Duration = Duration::from_secs(1);
/// Milliseconds of a tick in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux of today.
const TICK_MS: f64 = 10.0;

/// Measures with about `operations` calls for each case. The gateway keeps its data in `directory`.
pub(crate) async fn gateway(directory: &Path, operations: u32) -> Result<Vec<BenchCase>, Failure> {
    let upstream = server().await?;
    let proxy = bare_proxy(upstream).await?;
    let process = Process::start(directory, upstream)?;
    // What a durable record costs at least.
    let scratch = directory.to_owned();
    let synced = tokio::task::spawn_blocking(move || bench_sync(&scratch, SYNC_TIME)).await;
    let mut cases = vec![synced.map_err(Failure::internal)?.map_err(Failure::internal)?];
    cases.push(figure("gateway: memory when idle", "KiB", process.resident_kib()?, 1));
    for connections in CONNECTIONS {
        for (what, address) in [("direct", upstream), ("bare proxy", proxy)] {
            cases.push(
                measure(&format!("tools/call: {what}, {connections} connections"), address, connections, operations)
                    .await?,
            );
        }
        let before = process.cpu_ms()?;
        let name = format!("tools/call: gateway, {connections} connections");
        let measured = measure(&name, process.address, connections, operations).await?;
        let (spent, n) = (process.cpu_ms()? - before, measured.n);
        cases.push(measured);
        let name = format!("gateway: processor time for 1,000 calls, {connections} connections");
        cases.push(figure(&name, "ms", spent * 1_000.0 / n as f64, n));
    }
    cases.push(figure("gateway: memory after the calls", "KiB", process.resident_kib()?, 1));
    Ok(cases)
}

/// A figure that has no distribution.
fn figure(name: &str, unit: &'static str, value: f64, n: u64) -> BenchCase {
    BenchCase { name: name.to_owned(), unit, p50: value, p99: value, rate: 0.0, n }
}

/// `holdshort serve` in a process of its own. Ended when dropped.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(directory: &Path, upstream: SocketAddr) -> Result<Self, Failure> {
        let (file, data) = (directory.join("bench.toml"), directory.join("data"));
        let text = format!(
            "[api]\nlisten = \"127.0.0.1:0\"\n[mcp]\nlisten = \"127.0.0.1:0\"\nanonymous_agent = \"{NAME}\"\n\
             [[upstream]]\nname = \"{NAME}\"\nurl = \"http://{upstream}/mcp\"\n"
        );
        std::fs::write(&file, text).map_err(io_failure("write", &file))?;
        let program = std::env::current_exe().map_err(Failure::internal)?;
        let mut command = Command::new(&program);
        command.arg("serve").arg("--config").arg(&file).arg("--data").arg(&data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).env("HOLDSHORT_LOG", "error");
        let mut child = command.spawn().map_err(io_failure("start", &program))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.as_mut() {
            BufReader::new(stdout).read_line(&mut line).map_err(Failure::internal)?;
        }
        let found = Whereabouts::at(&data.join("service.json")).and_then(|found| found.mcp);
        let address = found.and_then(|url| url.trim_start_matches("http://").trim_end_matches("/mcp").parse().ok());
        let address = address.ok_or_else(|| Failure::internal("the gateway to be measured did not start"))?;
        Ok(Self { child, address })
    }

    fn proc(&self, file: &str) -> Result<String, Failure> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).map_err(io_failure("read", Path::new(&path)))
    }

    /// Processor time so far, in milliseconds: fields 14 and 15 of `/proc/PID/stat` (proc_pid_stat(5)).
    fn cpu_ms(&self) -> Result<f64, Failure> {
        let stat = self.proc("stat")?;
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
        Ok(ticks.sum::<f64>() * TICK_MS)
    }

    /// Resident memory, in KiB.
    fn resident_kib(&self) -> Result<f64, Failure> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        size.ok_or_else(|| Failure::internal("the kernel does not tell the memory of the gateway"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
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
