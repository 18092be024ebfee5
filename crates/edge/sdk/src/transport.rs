//! The two ways to a service, as one kind of stream.

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// Host and port of HTTP on loopback.
    Http(String),
}

/// A text that is not the address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL of the right form.
    #[error("`{0}` is not the address of a service: expected `http://127.0.0.1:7070`")]
    Malformed(String),
    /// The token would travel in clear text.
    #[error(
        "`{0}` is not on this host; a token is not sent over the network in clear text, use a loopback address or a tunnel"
    )]
    NotLoopback(String),
}

impl Endpoint {
    /// Reads `http://HOST:PORT`, where the host is a loopback address or `localhost`.
    ///
    /// # Errors
    /// When the text is something else.
    pub fn http(url: &str) -> Result<Self, EndpointError> {
        let malformed = || EndpointError::Malformed(url.chars().take(200).collect());
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?;
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
        if uri.scheme_str() != Some("http") || !plain {
            return Err(malformed());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !loopback {
            return Err(EndpointError::NotLoopback(url.chars().take(200).collect()));
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self::Http(format!("{}:{port}", authority.host())))
    }

    /// The authority that requests name. A unix socket's service does not look at it.
    pub(crate) fn authority(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Http(authority) => authority,
        }
    }

    async fn connect(self) -> io::Result<TokioIo<Stream>> {
        let stream = match self {
            Self::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
            Self::Http(authority) => {
                let stream = TcpStream::connect(&authority).await?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        Ok(TokioIo::new(stream))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Http(authority) => write!(f, "http://{authority}"),
        }
    }
}

/// Opens connections to one endpoint, whatever the URI says.
#[derive(Clone, Debug)]
pub(crate) struct Connector(pub(crate) Endpoint);

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.0.clone().connect())
    }
}

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, into),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses() {
        for (url, expected) in [
            ("http://127.0.0.1:7070", "127.0.0.1:7070"),
            ("http://localhost:1/", "localhost:1"),
            ("http://[::1]:7070", "[::1]:7070"),
            ("http://127.1.2.3", "127.1.2.3:80"),
        ] {
            assert_eq!(Endpoint::http(url), Ok(Endpoint::Http(expected.into())), "{url}");
        }
        for url in ["", "127.0.0.1:7070", "https://127.0.0.1", "http://127.0.0.1/v1", "http://a@localhost", "http:///"]
        {
            assert!(matches!(Endpoint::http(url), Err(EndpointError::Malformed(_))), "{url}");
        }
        for url in ["http://10.0.0.1:7070", "http://example.com", "http://localhost.example.com", "http://0.0.0.0:1"] {
            assert!(matches!(Endpoint::http(url), Err(EndpointError::NotLoopback(_))), "{url}");
        }
    }
}
