//! A log that ends in ways that nobody planned: whoever waits is told, nobody waits for ever, and nothing is said too early.

use super::disk::{Disk, DiskFile, RealDisk};
use super::tests::{check, data, options, payload};
use super::*;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::time::Instant;

/// The disk of this machine, and what happens before each write and sync.
#[derive(Debug, Clone)]
struct HookedDisk(Arc<Hook>);

#[derive(Debug)]
struct Hook {
    armed: AtomicBool,
    /// What the name ends in that a file was opened by, for it to matter: a segment is `records/next.tmp`.
    suffix: &'static str,
    what: What,
    free: AtomicU64,
    looked: AtomicU64,
}

#[derive(Debug)]
enum What {
    Panic,
    /// Says that it has come here, and waits until it may go on.
    Gate(Sender<()>, Mutex<Receiver<()>>),
}

#[derive(Debug)]
struct HookedFile(HookedDisk, String, Box<dyn DiskFile>);

impl HookedDisk {
    fn new(suffix: &'static str, what: What) -> Self {
        let (free, looked) = (AtomicU64::new(u64::MAX / 2), AtomicU64::new(0));
        Self(Arc::new(Hook { armed: AtomicBool::new(false), suffix, what, free, looked }))
    }

    fn arm(&self) {
        self.0.armed.store(true, Ordering::SeqCst);
    }

    fn pass(&self, name: &str) {
        if !name.ends_with(self.0.suffix) || !self.0.armed.swap(false, Ordering::SeqCst) {
            return;
        }
        match &self.0.what {
            What::Panic => panic!("a test wanted it"),
            What::Gate(come, go) => {
                come.send(()).unwrap();
                go.lock().unwrap().recv().unwrap();
            }
        }
    }

    fn file(&self, path: &Path, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(HookedFile(self.clone(), path.display().to_string(), file?)))
    }
}

impl Disk for HookedDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_folder(path)
    }
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        self.file(path, RealDisk.create(path, mode))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(path, RealDisk.open(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)
    }
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_folder(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }
    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_file_system(path)
    }
    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        self.0.looked.fetch_add(1, Ordering::SeqCst);
        Ok(self.0.free.load(Ordering::SeqCst))
    }
}

impl DiskFile for HookedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.pass(&self.1);
        self.2.write_at(bytes, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.2.sync()
    }
}

#[test]
fn a_writer_that_panics_ends_the_log_for_everybody() {
    let (data, disk) = (data(), HookedDisk::new("records/next.tmp", What::Panic));
    // Most of them find no room in the queue.
    let options = LogOptions { queue_bytes_max: 4_096, ..options(&data) };
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    log.append_blocking(payload(0)).unwrap();
    disk.arm();
    let all = (0..60).map(|_| log.append(vec![1; 1_000]));
    for told in queue::block_on(futures_util::future::join_all(all)) {
        assert!(matches!(&told, Err(LogError::Poisoned { cause, .. }) if cause.contains("panicked")), "{told:?}");
    }
    assert!(matches!(log.append_blocking(payload(1)), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.enqueue(payload(1)), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.close_blocking(), Err(LogError::Poisoned { .. })));
    drop(log);
    let (log, report) = Log::open(options).unwrap();
    assert_eq!(report.size, 1);
    log.close_blocking().unwrap();
}

#[test]
fn a_sealer_that_panics_ends_the_log_too() {
    let (data, disk) = (data(), HookedDisk::new("checkpoint.tmp", What::Panic));
    let options = LogOptions { checkpoint_interval: Duration::ZERO, ..options(&data) };
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    disk.arm();
    let mut taken = 0;
    let failure = loop {
        match log.append_blocking(payload(taken)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(failure.to_string().contains("the log's sealer panicked"), "{failure}");
    assert!(log.close_blocking().is_err());
    drop(log);
    // What was acknowledged before anybody knew is there.
    let (log, report) = Log::open(options.clone()).unwrap();
    assert!(report.size >= taken);
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, report.size);
}

#[test]
fn who_closes_a_log_that_is_being_closed_waits_for_it_too() {
    let ((come, came), (go, may)) = (channel(), channel());
    let (data, disk) = (data(), HookedDisk::new("records/next.tmp", What::Gate(come, Mutex::new(may))));
    let options = options(&data);
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    disk.arm();
    log.enqueue(payload(0)).unwrap();
    came.recv().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let (mut first, mut second) = (Box::pin(log.close()), Box::pin(log.close()));
    assert!(Future::poll(first.as_mut(), &mut context).is_pending());
    assert!(Future::poll(second.as_mut(), &mut context).is_pending(), "closed while a record is being written");
    go.send(()).unwrap();
    queue::block_on(async {
        second.await.unwrap();
        first.await.unwrap();
        log.close().await.unwrap();
    });
    assert_eq!(check(&options).unwrap().checkpoint.size, 1);
}

#[test]
fn sealing_that_waits_for_room_does_not_keep_a_processor_busy() {
    let (data, disk) = (data(), HookedDisk::new("nothing", What::Panic));
    let look = Duration::from_millis(40);
    let options = LogOptions {
        keep_free: 8 << 20,
        space_interval: look,
        checkpoint_interval: Duration::from_millis(300),
        ..options(&data)
    };
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    // The first is sealed at once, the second is due a little later: then there is no room for it.
    log.append_blocking(payload(0)).unwrap();
    log.append_blocking(payload(1)).unwrap();
    disk.0.free.store(0, Ordering::SeqCst);
    let mut space = log.space();
    queue::block_on(space.wait_for(|space| space.as_str() == "nearly-full")).unwrap();
    let due = Instant::now() + 2 * options.checkpoint_interval;
    let wait_for_looks = |more: u64| {
        let wanted = disk.0.looked.load(Ordering::SeqCst) + more;
        while disk.0.looked.load(Ordering::SeqCst) < wanted {
            std::thread::yield_now();
        }
    };
    while Instant::now() < due {
        wait_for_looks(1);
    }
    let begun = Instant::now();
    wait_for_looks(8);
    assert!(begun.elapsed() >= look, "eight looks in {:?}", begun.elapsed());
    disk.0.free.store(1 << 40, Ordering::SeqCst);
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, 2);
}
