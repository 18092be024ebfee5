//! A directory for one measurement: it may hold gigabytes, and goes whatever ends the measurement.

use crate::failure::{Failure, io_failure};
use crate::place::DataDir;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

const NAME: &str = "bench-";
/// What a shell adds to the number of a signal that ended a program.
const ENDED_BY_SIGNAL: i32 = 128;
/// Times that a directory is removed which others still write to.
const TRIES: usize = 20;

/// A directory on the disk of the data directory. Removed at the end, by Ctrl-C as well; what a killed measurement left is
/// removed by the next one.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(data: &DataDir) -> Result<Self, Failure> {
        data.prepare()?;
        sweep(data.root());
        let path = data.root().join(format!("{NAME}{}", std::process::id()));
        std::fs::create_dir(&path).map_err(io_failure("make", &path))?;
        let scratch = Self(path.clone());
        remove_on_signal(path).map_err(|error| Failure::internal(format!("cannot listen for signals: {error}")))?;
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(path: &Path) {
    // What stays behind is a directory whose name says what it is; the next measurement removes it.
    let gone = |()| std::fs::remove_dir_all(path).is_ok() || !path.exists();
    std::iter::repeat_n((), TRIES).any(gone);
}

/// Removes what measurements left whose process is gone.
fn sweep(root: &Path) {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            remove(&entry.path());
        }
    }
}

fn remove_on_signal(path: PathBuf) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("bench-signals".into()).spawn(move || {
        let number = runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
                _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
            }
        });
        remove(&path);
        std::process::exit(ENDED_BY_SIGNAL.saturating_add(number));
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_measurements_left_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let (dead, own) = (format!("{NAME}{}", ended.id()), format!("{NAME}{}", std::process::id()));
        for name in [dead.as_str(), own.as_str(), "bench-notes", "log"] {
            std::fs::create_dir_all(root.path().join(name).join("log")).unwrap();
        }
        sweep(root.path());
        let mut left: Vec<_> =
            std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        let mut expected = vec![own.into(), "bench-notes".into(), std::ffi::OsString::from("log")];
        expected.sort();
        assert_eq!(left, expected);
    }
}
