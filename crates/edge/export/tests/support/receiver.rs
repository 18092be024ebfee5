//! Receivers that do what they are told, and keep what they took.

use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    /// Decompressed.
    pub(crate) body: Vec<u8>,
}

impl Got {
    /// The lines of its body.
    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8(self.body.clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// What to answer; nothing is kept of what is not answered with a success.
pub(crate) enum Answer {
    Status(u16),
    RetryAfter(u64),
    /// Ask somebody else.
    Redirect(String),
    /// Nothing, ever.
    Silence,
    Body(u16, Vec<u8>),
    /// The connection ends in the middle of the exchange.
    HangUp,
}

type Judge = Arc<dyn Fn(&Got) -> Answer + Send + Sync>;

/// An HTTP endpoint on loopback.
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) taken: Arc<Mutex<Vec<Got>>>,
    /// Says something for every request, taken or not.
    pub(crate) asked: mpsc::UnboundedReceiver<u16>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub(crate) async fn new(judge: impl Fn(&Got) -> Answer + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), judge).await
    }

    pub(crate) async fn at(
        address: std::net::SocketAddr,
        judge: impl Fn(&Got) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (sender, asked) = mpsc::unbounded_channel();
        let (judge, kept): (Judge, _) = (Arc::new(judge), taken.clone());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (judge, kept, sender) = (judge.clone(), kept.clone(), sender.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (judge, kept, sender) = (judge.clone(), kept.clone(), sender.clone());
                    async move { answer(request, &judge, &kept, &sender).await }
                });
                connections
                    .spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url: format!("http://{address}"), address, taken, asked, task }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().flat_map(Got::lines).collect()
    }
}

async fn answer(
    request: Request<Incoming>,
    judge: &Judge,
    kept: &Mutex<Vec<Got>>,
    sender: &mpsc::UnboundedSender<u16>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    let raw = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let mut body = Vec::new();
    match headers.get("content-encoding").map(|encoding| encoding.to_str().unwrap()) {
        Some("gzip") => drop(GzDecoder::new(&raw[..]).read_to_end(&mut body).unwrap()),
        None => body.extend(&raw),
        other => panic!("{other:?}"),
    }
    let got = Got { path, headers, body };
    let (status, header, said) = match judge(&got) {
        Answer::Status(status) => (status, None, Vec::new()),
        Answer::RetryAfter(seconds) => (429, Some(("retry-after", seconds.to_string())), Vec::new()),
        Answer::Redirect(place) => (307, Some(("location", place)), Vec::new()),
        Answer::Body(status, said) => (status, None, said),
        Answer::Silence => {
            let _ = sender.send(0);
            std::future::pending().await
        }
        Answer::HangUp => {
            let _ = sender.send(0);
            return Err(std::io::Error::other("hung up"));
        }
    };
    if (200..300).contains(&status) {
        kept.lock().unwrap().push(got);
    }
    let mut response = Response::builder().status(status);
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    let response = response.body(Full::new(Bytes::from(said))).unwrap();
    let _ = sender.send(status);
    Ok(response)
}
