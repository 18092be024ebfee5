//! The certificate of a process that listens, read again when it was renewed.

use crate::failure::{Failure, named_file};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A certificate with its key, and the files that they came from.
#[derive(Debug)]
pub(super) struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: Arc<Current>,
    provider: Arc<CryptoProvider>,
}

/// The one that new connections get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// By what a file that was replaced or written is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trace(u64, u64, i64, i64);

impl Certificate {
    /// # Errors
    /// When a file cannot be read, or the key is not the certificate's.
    pub(super) fn open(chain_file: &Path, key_file: &Path) -> Result<Self, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certified = read(chain_file, key_file, &provider)?;
        Ok(Self {
            chain_file: chain_file.to_owned(),
            key_file: key_file.to_owned(),
            current: Arc::new(Current(RwLock::new(Arc::new(certified)))),
            provider,
        })
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, Failure> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(Failure::internal)?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self.current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again on each SIGHUP, and when they changed. Does not end.
    ///
    /// A pair that cannot be used, such as a certificate that was replaced before its key, changes nothing and is tried again.
    pub(super) async fn renew(&self, mut hangup: Signal) {
        let mut known = self.traces();
        let mut told = None;
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let found = self.traces();
            if !asked && found == known {
                continue;
            }
            match read(&self.chain_file, &self.key_file, &self.provider) {
                Ok(certified) => {
                    *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                    (known, told) = (found, None);
                    tracing::info!(certificate = %self.chain_file.display(), "certificate read again");
                }
                Err(error) if asked || told != Some(found) => {
                    told = Some(found);
                    tracing::warn!(%error, "the new certificate cannot be used; the one before stays");
                }
                Err(_) => {}
            }
        }
    }

    fn traces(&self) -> [Option<Trace>; 2] {
        let trace = |file: &Path| {
            let found = fs::metadata(file).ok()?;
            Some(Trace(found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
        };
        [trace(&self.chain_file), trace(&self.key_file)]
    }
}

fn read(chain_file: &Path, key_file: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, Failure> {
    let read = |file: &Path| fs::read(file).map_err(named_file("read", file));
    let wrong = |file: &Path, what: &dyn std::fmt::Display| Failure::usage(format!("`{}`: {what}", file.display()));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(chain_file)?).collect();
    let chain = chain.map_err(|error| wrong(chain_file, &error))?;
    if chain.is_empty() {
        return Err(wrong(chain_file, &"holds no certificate").hint("a PEM file, the server's certificate first"));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(key_file)?)
        .map_err(|_| wrong(key_file, &"holds no private key").hint("a PEM file with one key and no passphrase"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        wrong(key_file, &format_args!("is not the key of the certificate in `{}`: {error}", chain_file.display()))
    })
}
