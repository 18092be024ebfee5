//! `serve`: the service in this process.

use crate::cli::ServeArgs;
use crate::failure::{Failure, Outcome};
use crate::service::serve::{RunOptions, run};
use std::time::Duration;

/// How long the end waits for what cannot be interrupted.
const LEAVE_MAX: Duration = Duration::from_secs(5);

pub(super) fn serve(arguments: ServeArgs) -> Outcome {
    let ServeArgs { place, background, idle_exit } = arguments;
    if background {
        // A session of its own: the terminal's Ctrl-C is for the client that started the wrapper, not for the service
        // that others use too. It fails only for a process that leads one already, which is as good.
        let _ = rustix::process::setsid();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start threads: {error}")))?;
    let ended = runtime.block_on(run(RunOptions { place, background, idle_exit: idle_exit.map(Duration::from_secs) }));
    // Everything that counts is stored. What may hang now are disks and names of others.
    runtime.shutdown_timeout(LEAVE_MAX);
    ended
}
