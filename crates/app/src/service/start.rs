//! Finds the running service of a data directory, or starts one in the background.

use crate::failure::{Failure, io_failure};
use crate::place::DataDir;
use crate::service::lock::open_private;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A service in the background ends after this time without a client.
const IDLE_EXIT_S: u64 = 600;
/// A service has to be ready within this time. Loading policies takes well below a second; a cold disk takes longer.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// What a service in the background writes to standard output once its socket takes connections.
pub(crate) const READY_LINE: &str = "holdshort: ready";

/// Whether a service answers on the socket of the data directory.
pub(crate) fn is_running(data: &DataDir) -> bool {
    UnixStream::connect(data.socket()).is_ok()
}

/// Makes sure that a service answers on the socket. Many wrappers at once start exactly one: whoever gets the lock
/// starts it, and the others find it running when they get the lock after that.
pub(crate) fn ensure_running(data: &DataDir, config: Option<&Path>) -> Result<(), Failure> {
    if is_running(data) {
        return Ok(());
    }
    data.prepare()?;
    let lock_path = data.start_lock();
    let lock = open_private(&lock_path)?;
    lock.lock().map_err(io_failure("lock", &lock_path))?;
    // If the holder crashed while starting, its lock ended with it, and this one starts the service.
    match is_running(data) {
        true => Ok(()),
        // If it cannot start since `holdshort serve` is just taking the directory, that one is as good.
        false => spawn(data, config).or_else(|failure| if is_running(data) { Ok(()) } else { Err(failure) }),
    }
}

fn spawn(data: &DataDir, config: Option<&Path>) -> Result<(), Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::internal(format!("cannot find this program: {error}")))?;
    let log_path = data.service_log();
    let mut command = Command::new(&program);
    command.args(["serve", "--background", "--idle-exit", &IDLE_EXIT_S.to_string(), "--data"]).arg(data.root());
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(open_private(&log_path)?).current_dir(data.root());
    let mut child = command.spawn().map_err(io_failure("start", &program))?;
    let ready = child.stdout.take().is_some_and(says_ready);
    // The child leads its own session from now on; it is not waited for.
    if ready {
        return Ok(());
    }
    // Ended by itself, or late: a late one must not come up behind the back of whoever gets the lock next.
    let _ = child.kill();
    let ended = child.wait().map_or_else(|error| error.to_string(), |status| format!("did not get ready ({status})"));
    Err(Failure::unreachable(format!("the service in the background {ended}"))
        .hint(format!("see `{}`, or run `holdshort serve` in a terminal", log_path.display())))
}

fn says_ready(stdout: ChildStdout) -> bool {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // Nobody listens after the timeout; then the answer does not matter.
        let _ = sender.send(read.is_ok() && line.trim_end() == READY_LINE);
    });
    receiver.recv_timeout(START_TIMEOUT).unwrap_or(false)
}
