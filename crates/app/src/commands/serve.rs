//! `serve`: the service in this process.

use crate::cli::ServeArgs;
use crate::failure::{Failure, Outcome};
use crate::service::serve::{RunOptions, run};
use std::time::Duration;

pub(super) fn serve(arguments: ServeArgs) -> Outcome {
    let ServeArgs { place, background, idle_exit } = arguments;
    if background {
        // A session of its own: the terminal's Ctrl-C is for the client that started the wrapper, not for the service
        // that others use too. It fails only for a process that leads one already, which is as good.
        let _ = rustix::process::setsid();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start threads: {error}")))?;
    runtime.block_on(run(RunOptions { place, background, idle_exit: idle_exit.map(Duration::from_secs) }))
}
