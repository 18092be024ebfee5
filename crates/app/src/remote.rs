//! The public files of a log from wherever they are: a directory, or an address that serves them (C2SP tlog-tiles).

use crate::failure::{Failure, named_file};
use bytes::Bytes;
use holdshort_ledger::VerifierKey;
use holdshort_store::log::{Damage, DirectorySource, PUBLIC_KEY_FILE, Source, SourceError, Wrong};
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longest time that one file may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time until somebody answers at an address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest key or token that is read, in bytes.
const KEY_BYTES_MAX: usize = 4_096;

/// Where a log is.
#[derive(Clone, Debug)]
pub(crate) enum Whereabouts {
    Directory(PathBuf),
    Address(Uri),
}

impl Whereabouts {
    /// Reads `http://...`, `https://...` or a directory.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self::Directory(PathBuf::from(text)));
        }
        let sound = |uri: &Uri| {
            uri.scheme().is_some() && uri.host().is_some() && uri.query().is_none() && !text.contains(['@', '#'])
        };
        let uri = text.trim_end_matches('/').parse().ok().filter(sound);
        uri.map(Self::Address).ok_or_else(|| {
            Failure::usage(format!("`{text}` is not the address of a log"))
                .hint("such as `https://logs.example.com/node-1`, without user, query or fragment")
        })
    }

    /// Opens it. `token` is a file with a bearer token, for a log that is not served to everybody.
    pub(crate) fn open(&self, token: Option<&Path>) -> Result<Box<dyn Source>, Failure> {
        match (self, token) {
            (Self::Directory(directory), None) => Ok(Box::new(DirectorySource::new(directory))),
            (Self::Directory(_), Some(_)) => Err(Failure::usage("a directory takes no token")),
            (Self::Address(base), token) => Ok(Box::new(HttpSource::new(base.clone(), token)?)),
        }
    }
}

/// The verification key: from a file, or the one that the log serves itself, which proves nothing about who it is.
pub(crate) fn key(named: Option<&Path>, source: &mut dyn Source) -> Result<VerifierKey, Failure> {
    let (text, place) = match named {
        Some(path) => (fs::read_to_string(path).map_err(named_file("read", path))?, path.display().to_string()),
        None => {
            let bytes = source.fetch(PUBLIC_KEY_FILE, KEY_BYTES_MAX).map_err(|error| match error {
                SourceError::Unreachable(why) => unreachable(&why),
                error => Failure::refused(format!("the log's key `{PUBLIC_KEY_FILE}`: {error}"))
                    .hint("name a copy with `--key`"),
            })?;
            (String::from_utf8_lossy(&bytes).into_owned(), PUBLIC_KEY_FILE.to_owned())
        }
    };
    VerifierKey::parse(text.trim()).map_err(|error| {
        Failure::usage(format!("`{place}` holds no verification key: {error}")).hint("a copy of `log.pub` is one")
    })
}

/// The failure of a check that found this damage, unless the log could not be reached: that is nothing wrong with it.
pub(crate) fn judged(damage: &Damage, failure: Failure) -> Failure {
    match &damage.wrong {
        Wrong::Unreachable(why) => unreachable(why),
        _ => failure,
    }
}

fn unreachable(why: &str) -> Failure {
    let hint = match why {
        _ if why.contains("token") => {
            "nothing was checked; `--token` names a file with the token, see `holdshort people add --role audit`"
        }
        _ if why.contains("certificate") => {
            "nothing was checked; the variable SSL_CERT_FILE names certificates (PEM) that are believed in place of the system's"
        }
        _ => "nothing was checked; check the address, and that somebody serves the log there",
    };
    Failure::unreachable(format!("the log cannot be reached: {why}")).hint(hint)
}

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Fetches files one after the other. Follows no redirect: what is asked for is what is read.
struct HttpSource {
    base: Uri,
    token: Option<String>,
    client: Http,
    /// Longest time that one file may take.
    patience: Duration,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for HttpSource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "HttpSource({})", self.base)
    }
}

impl HttpSource {
    fn new(base: Uri, token: Option<&Path>) -> Result<Self, Failure> {
        let token = token.map(|path| read_token(path, &base)).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| Failure::internal(format!("the system's root certificates cannot be read: {error}")))?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
        Ok(Self {
            base,
            token,
            client: Client::builder(TokioExecutor::new()).build(connector),
            patience: FETCH_TIMEOUT,
            runtime,
        })
    }

    async fn get(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, SourceError> {
        let failed = |error: &dyn std::fmt::Display| SourceError::Failed(error.to_string());
        let mut request = Request::get(format!("{}/{path}", self.base.to_string().trim_end_matches('/')));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).map_err(|error| failed(&error))?;
        let response = self.client.request(request).await.map_err(|error| {
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            match error.is_connect() {
                true => SourceError::Unreachable(cause.to_string()),
                false => failed(&format!("cannot be fetched: {cause}")),
            }
        })?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(SourceError::Missing),
            // Nothing of the log was seen, so that nothing is the matter with it.
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let why = format!("it asks for a token that reads it and answers with status {status}");
                return Err(SourceError::Unreachable(why));
            }
            status => return Err(failed(&format!("is answered with status {status}"))),
        }
        let body = Limited::new(response.into_body(), bytes_max).collect().await;
        body.map(|body| body.to_bytes().to_vec()).map_err(|error| failed(&format!("cannot be read: {error}")))
    }
}

impl Source for HttpSource {
    fn fetch(&mut self, path: &str, bytes_max: usize) -> Result<Vec<u8>, SourceError> {
        self.runtime.block_on(async {
            tokio::time::timeout(self.patience, self.get(path, bytes_max))
                .await
                .unwrap_or_else(|_| Err(SourceError::Failed(format!("did not come within {:?}", self.patience))))
        })
    }
}

/// A source whose small files stay what they were when they were first asked for: a check that asks twice must not be shown
/// one checkpoint to judge and another to speak of. Tiles and entries are fetched anew; what was signed is what they are checked
/// against.
#[derive(Debug)]
pub(crate) struct Steady {
    source: Box<dyn Source>,
    seen: BTreeMap<String, Result<Vec<u8>, SourceError>>,
}

impl Steady {
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self { source, seen: BTreeMap::new() }
    }
}

impl Source for Steady {
    fn fetch(&mut self, path: &str, bytes_max: usize) -> Result<Vec<u8>, SourceError> {
        if path.starts_with("tile/") {
            return self.source.fetch(path, bytes_max);
        }
        let found = match self.seen.get(path) {
            Some(seen) => seen.clone(),
            None => {
                let found = self.source.fetch(path, bytes_max);
                self.seen.insert(path.to_owned(), found.clone());
                found
            }
        };
        found.and_then(|bytes| {
            let fits = bytes.len() <= bytes_max;
            fits.then_some(bytes).ok_or_else(|| SourceError::Failed("file is longer than it can be".into()))
        })
    }
}

/// A token goes to nobody who could read it on the way.
fn read_token(path: &Path, base: &Uri) -> Result<String, Failure> {
    let host = base.host().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    if base.scheme_str() != Some("https") && !local {
        return Err(Failure::usage(format!("a token is not sent to `{base}` in the clear")).hint("use https"));
    }
    let text = fs::read_to_string(path).map_err(named_file("read", path))?;
    let token = text.trim();
    let sound = !token.is_empty() && token.len() <= KEY_BYTES_MAX && token.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| token.to_owned()).ok_or_else(|| Failure::usage(format!("`{}` holds no token", path.display())))
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_and_everything_else_is_a_directory() {
        for good in ["http://127.0.0.1:7070/log", "https://logs.example.com/", "https://[::1]:8/a/b"] {
            assert!(matches!(Whereabouts::parse(good), Ok(Whereabouts::Address(_))), "{good}");
        }
        for bad in ["http://", "https://a@b/", "https://a/?x", "https://a/#x", "http:// "] {
            assert!(Whereabouts::parse(bad).is_err(), "{bad}");
        }
        assert!(matches!(Whereabouts::parse("copy/log"), Ok(Whereabouts::Directory(_))));
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "secret\n").unwrap();
        for (base, good) in [
            ("http://127.0.0.1:1/log", true),
            ("http://[::1]:1/log", true),
            ("https://example.com/log", true),
            ("http://example.com/log", false),
            ("http://127.0.0.1.example.com/log", false),
        ] {
            assert_eq!(read_token(file.path(), &base.parse().unwrap()).is_ok(), good, "{base}");
        }
        fs::write(file.path(), "two\nlines").unwrap();
        assert!(read_token(file.path(), &"https://example.com".parse().unwrap()).is_err());
    }
}
