//! How a process that answers others listens: its certificate, and whom it believes about callers.

use crate::commands::listen::Network;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Certificate and its chain (PEM): speaks TLS; read again when the file changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A proxy in front, such as `10.0.0.0/8`: only its `X-Forwarded-For` says who a caller is; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub(crate) trusted_proxy: Vec<Network>,
}
