//! `witness`: what it listens on, what it remembers, whom it knows.

use super::{ListenArgs, Output};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// Address and port; port 0 takes a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:7080")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) listening: ListenArgs,
    /// Directory with what was cosigned; whoever loses it has to begin with a new key
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Private key, outside of that directory; made when the witness is new, with the one for ML-DSA-44 beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Verification key of a log that is cosigned; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) log: Vec<PathBuf>,
    /// Name of a new witness in its cosignatures, such as `witness.example.com/w1`; an existing one keeps its own
    #[arg(long)]
    pub(crate) name: Option<String>,
}
