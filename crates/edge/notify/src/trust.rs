//! Whose certificates are believed.

use crate::TargetError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Whose certificates are believed: those that the system believes, or those of one file.
#[derive(Clone, Debug, Default)]
pub struct Trust(Option<RootCertStore>);

impl Trust {
    /// The certificates of a PEM file, and no others.
    ///
    /// # Errors
    /// When it cannot be read or holds none.
    pub fn file(path: &Path) -> Result<Self, TargetError> {
        let wrong = |what: String| TargetError::Tls(format!("`{}`: {what}", path.display()));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        if roots.is_empty() { Err(wrong("holds no certificate".into())) } else { Ok(Self(Some(roots))) }
    }

    pub(crate) fn client(&self) -> Result<ClientConfig, TargetError> {
        // A host without a certificate store can still tell somebody on loopback; TLS fails on connecting.
        let roots = self.0.clone().unwrap_or_else(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        });
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| TargetError::Tls(error.to_string()))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}
