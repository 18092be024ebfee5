//! Receivers on this host that take whatever comes: what is measured is ours.

use super::Way;
use crate::bench::upstream;
use crate::failure::Failure;
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use std::path::Path;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

/// Where events go. What listens ends with the runtime that it was made on.
pub(super) struct Receiver {
    place: String,
}

impl Receiver {
    pub(super) async fn new(scratch: &Path, way: Way) -> Result<Self, Failure> {
        let place = match way {
            Way::File(format) => {
                let path = scratch.join(format!("events.{}", format.as_str()));
                // What the case before left.
                let _ = std::fs::remove_file(&path);
                path.display().to_string()
            }
            Way::Syslog => {
                let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::internal)?;
                let address = listener.local_addr().map_err(Failure::internal)?;
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(swallow(stream));
                    }
                });
                format!("tcp://{address}")
            }
            Way::Http(_) => {
                let taken = |request: http::Request<hyper::body::Incoming>| async move {
                    let mut body = request.into_body();
                    while let Some(Ok(_)) = body.frame().await {}
                    Response::new(Full::new(Bytes::new()))
                };
                format!("http://{}", upstream::listen(taken).await?)
            }
        };
        Ok(Self { place })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

async fn swallow(mut stream: TcpStream) {
    // Whoever breaks off here shows at the other end.
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    let _ = stream.shutdown().await;
}
