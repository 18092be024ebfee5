//! Waits until a file of a directory was replaced. The kernel tells; where it does not, as on some network file systems, a
//! look every second has to do.

use rustix::fs::inotify;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long nothing is looked at when the kernel tells of changes, and when it does not.
const LOOK_AFTER: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(1)];
/// Room for the events of one read.
const EVENT_BYTES: usize = 4_096;

/// Changes of a directory.
pub(crate) struct Changes {
    told: Option<mpsc::Receiver<()>>,
}

impl Changes {
    /// Changes from now on.
    pub(crate) fn of(directory: &Path) -> Self {
        Self { told: watch(directory).ok() }
    }

    /// Resolves when a file took another one's name since the last time, or when it is time to look.
    pub(crate) async fn next(&mut self) {
        let Some(told) = &mut self.told else { return tokio::time::sleep(LOOK_AFTER[1]).await };
        if let Ok(None) = tokio::time::timeout(LOOK_AFTER[0], told.recv()).await {
            self.told = None;
        }
    }
}

/// A thread that waits in the kernel. It ends when nobody listens any more and something happens, or with the process.
fn watch(directory: &Path) -> std::io::Result<mpsc::Receiver<()>> {
    let fd = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&fd, directory, inotify::WatchFlags::MOVED_TO)?;
    let (tell, told) = mpsc::channel(1);
    let mut events = File::from(fd);
    std::thread::Builder::new().name("holdshort-changes".into()).spawn(move || {
        let mut bytes = [0; EVENT_BYTES];
        // Which file it was does not matter. One that is told and not yet looked at stands for those after it.
        while events.read(&mut bytes).is_ok() && !tell.is_closed() {
            let _ = tell.try_send(());
        }
    })?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_was_replaced_is_told_and_each_time_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut changes = Changes::of(directory.path());
        for round in 0..3 {
            std::fs::write(directory.path().join("new"), [round]).unwrap();
            std::fs::rename(directory.path().join("new"), directory.path().join("file")).unwrap();
            let told = tokio::time::timeout(LOOK_AFTER[0] / 2, changes.next()).await;
            assert!(told.is_ok(), "round {round}");
        }
        let told = tokio::time::timeout(Duration::from_millis(50), changes.next()).await;
        assert!(told.is_err(), "nothing happened since");
    }

    #[tokio::test]
    async fn what_the_kernel_does_not_tell_is_looked_at() {
        let mut changes = Changes::of(Path::new("/nowhere/at/all"));
        assert!(changes.told.is_none());
        assert!(tokio::time::timeout(LOOK_AFTER[1] * 5, changes.next()).await.is_ok());
    }
}
