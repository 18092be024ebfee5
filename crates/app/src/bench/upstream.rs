//! What stands behind the gateway while it is measured: the smallest MCP server, and a bare reverse proxy before it.

use crate::failure::Failure;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Bytes of the text that a call is answered with.
const TEXT_BYTES: usize = 1_024;

/// A pooled client.
pub(super) type Http = Client<HttpConnector, Full<Bytes>>;

/// A client that sends small requests at once.
pub(super) fn client() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Starts an MCP server with one tool, `echo`, that speaks 2025-11-25.
pub(super) async fn server() -> Result<SocketAddr, Failure> {
    listen(|request| async move {
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        answer(&serde_json::from_slice(&body).unwrap_or_default())
    })
    .await
}

/// Starts a proxy that does nothing but forward.
pub(super) async fn bare_proxy(to: SocketAddr) -> Result<SocketAddr, Failure> {
    let client = client();
    listen(move |request| {
        let client = client.clone();
        async move { forward(&client, to, request).await.unwrap_or_else(|()| status(StatusCode::BAD_GATEWAY)) }
    })
    .await
}

async fn forward(client: &Http, to: SocketAddr, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, ()> {
    let (mut head, body) = request.into_parts();
    head.uri = format!("http://{to}{}", head.uri.path()).parse().map_err(drop)?;
    head.headers.remove(header::HOST);
    let body = body.collect().await.map_err(drop)?.to_bytes();
    let response = client.request(Request::from_parts(head, Full::new(body))).await.map_err(drop)?;
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, Full::new(body.collect().await.map_err(drop)?.to_bytes())))
}

pub(in crate::bench) async fn listen<F, A>(handle: F) -> Result<SocketAddr, Failure>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Failure::internal)?;
    let address = listener.local_addr().map_err(Failure::internal)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Without it a reply may wait for an acknowledgement; then it is slow, and that is all.
            let _ = stream.set_nodelay(true);
            let handle = handle.clone();
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

fn answer(message: &Value) -> Response<Full<Bytes>> {
    let Some(id) = message.get("id") else { return status(StatusCode::ACCEPTED) };
    let result = match message.get("method").and_then(Value::as_str) {
        Some("initialize") => json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "bench", "version": "1"},
        }),
        Some("tools/list") => json!({"tools": [
            {"name": "echo", "description": "Reads a text", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}},
        ]}),
        Some("tools/call") => json!({"content": [{"type": "text", "text": "x".repeat(TEXT_BYTES)}]}),
        _ => {
            let error = json!({"code": -32601, "message": "method not found"});
            return reply(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
    };
    reply(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn reply(message: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(message.to_string())));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
