//! A disk whose free room a test decides: what is taken, what is refused, and the way back.

use super::disk::{Disk, DiskFile, RealDisk};
use super::space::Gauge;
use super::tests::{check, data, options, payload};
use super::*;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

const MIB: u64 = 1 << 20;
const KEEP: u64 = 100 * MIB;

/// The disk of this machine, with as much room as a test says.
#[derive(Debug)]
struct RoomDisk(AtomicU64);

impl Disk for RoomDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_folder(path)
    }
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path, mode)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path)
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
        match self.0.load(Ordering::SeqCst) {
            u64::MAX => Err(io::Error::other("does not say")),
            free => Ok(free),
        }
    }
}

fn disk(free: u64) -> Arc<RoomDisk> {
    Arc::new(RoomDisk(AtomicU64::new(free)))
}

/// Opens a log that keeps [`KEEP`] free and looks at its disk all the time.
fn open(disk: &Arc<RoomDisk>, options: &LogOptions) -> Log {
    let options = LogOptions { keep_free: KEEP, space_interval: Duration::from_millis(1), ..options.clone() };
    Log::open_on(disk.clone(), options).unwrap().0
}

fn wait_for(log: &Log, wanted: &str) {
    let mut space = log.space();
    queue::block_on(space.wait_for(|space| space.as_str() == wanted)).unwrap();
}

fn is_nearly_full(result: Result<Appended, LogError>) -> bool {
    matches!(result, Err(LogError::NearlyFull { keep_free: KEEP, .. }))
}

#[test]
fn states_follow_the_room_and_the_way_back_needs_a_margin() {
    let disk = disk(0);
    let gauge = Gauge::new(disk.clone(), Path::new("."), 160 * MIB, Duration::ZERO);
    // Whether a segment is wanted, whether a record was refused for it, free MiB, what follows.
    for (segment, exhausted, free, expected) in [
        (false, false, 400, "enough"),
        (false, false, 160, "enough"),
        (false, false, 159, "nearly-full"),
        (false, false, 169, "nearly-full"),
        (false, false, 170, "enough"),
        (true, false, 170, "enough"),
        (true, false, 169, "low"),
        (false, false, 179, "low"),
        (false, true, 179, "nearly-full"),
        (false, false, 179, "nearly-full"),
        (false, false, 180, "enough"),
        (true, true, 169, "nearly-full"),
        (false, false, 180, "enough"),
    ] {
        disk.0.store(free * MIB, Ordering::SeqCst);
        if segment {
            assert_eq!(gauge.segment(10 * MIB, 10 * MIB).is_some(), expected == "enough");
        }
        if exhausted {
            gauge.exhaust()
        } else {
            gauge.look()
        };
        let state = *gauge.state().borrow();
        assert_eq!(state.as_str(), expected, "{segment} {exhausted} {free}");
        assert_eq!(gauge.refuses(), expected == "nearly-full");
    }
}

#[test]
fn a_segment_shrinks_to_what_there_is() {
    for (free, expected) in
        [(200, Some(64)), (164, Some(64)), (163, Some(16)), (104, Some(4)), (101, Some(1)), (100, None)]
    {
        let gauge = Gauge::new(disk(free * MIB), Path::new("."), KEEP, Duration::ZERO);
        assert_eq!(gauge.segment(64 * MIB, MIB), expected.map(|size| size * MIB), "{free}");
    }
    let silent = Gauge::new(disk(u64::MAX), Path::new("."), KEEP, Duration::ZERO);
    assert_eq!(silent.segment(MIB, MIB), None, "a disk that does not say how much is free was written to");
}

#[test]
fn without_room_for_another_segment_what_fits_is_taken_then_nothing_and_it_comes_back() {
    let (data, disk) = (data(), disk(KEEP + 3 * MIB));
    let options = options(&data);
    let log = open(&disk, &options);
    disk.0.store(KEEP + MIB / 2, Ordering::SeqCst);
    let mut taken = 0;
    // Nothing is torn: each is taken whole or refused whole.
    while !is_nearly_full(log.append_blocking(vec![1; 50_000])) {
        taken += 1;
        assert!(taken < 100, "it never ended");
    }
    assert!((10..20).contains(&taken), "{taken} fitted into one segment");
    assert!(log.failure().is_none());
    assert_eq!(log.space().borrow().as_str(), "nearly-full");
    // Small ones are refused as well: what comes later does not overtake what was refused.
    assert!(is_nearly_full(log.append_blocking(vec![1])));
    assert!(matches!(log.enqueue(vec![1]), Err(LogError::NearlyFull { .. })));
    // What belongs to actions that ran is taken as long as it fits.
    let mut kept = 0;
    while log.append_kept_blocking(vec![2; 10_000]).is_ok() {
        kept += 1;
        assert!(kept < 100, "it never ended");
    }
    assert!(kept > 15, "only {kept}");
    assert!(log.failure().is_none());

    disk.0.store(KEEP + 40 * MIB, Ordering::SeqCst);
    wait_for(&log, "enough");
    let index = log.append_blocking(payload(1)).unwrap().index;
    assert_eq!(index, taken + kept);
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, index + 1);
}

#[test]
fn when_others_fill_the_disk_it_refuses_at_once() {
    let (data, disk) = (data(), disk(10 * KEEP));
    let log = open(&disk, &options(&data));
    log.append_blocking(payload(0)).unwrap();
    for free in [KEEP - 1, u64::MAX] {
        disk.0.store(free, Ordering::SeqCst);
        wait_for(&log, "nearly-full");
        assert!(is_nearly_full(log.append_blocking(payload(1))));
        log.append_kept_blocking(payload(1)).unwrap();
        disk.0.store(10 * KEEP, Ordering::SeqCst);
        wait_for(&log, "enough");
        log.append_blocking(payload(1)).unwrap();
    }
}

#[test]
fn a_nearly_full_disk_opens_an_old_log_and_makes_no_new_one() {
    let (data, disk) = (data(), disk(KEEP));
    let options = options(&data);
    let refused = Log::open_on(disk.clone(), LogOptions { keep_free: KEEP, ..options.clone() }).unwrap_err();
    assert!(matches!(refused, LogError::NearlyFull { .. }) && refused.to_string().contains("100 MiB"), "{refused}");

    disk.0.store(10 * KEEP, Ordering::SeqCst);
    open(&disk, &options).append_blocking(payload(0)).unwrap();
    disk.0.store(KEEP - 1, Ordering::SeqCst);
    for _ in 0..3 {
        let log = open(&disk, &options);
        assert!(is_nearly_full(log.append_blocking(payload(1))), "the first look came late");
        assert_eq!((log.size(), log.close_blocking().is_ok()), (1, true));
    }
}

#[test]
fn many_at_once_are_taken_in_order_until_one_is_refused() {
    let (data, disk) = (data(), disk(KEEP + 3 * MIB));
    let options = options(&data);
    let log = open(&disk, &options);
    disk.0.store(KEEP, Ordering::SeqCst);
    let lengths = (0..400).map(|index| if index % 7 == 0 { 30_000 } else { 300 });
    let all = lengths.map(|length| log.append(vec![3; length]));
    let told = queue::block_on(futures_util::future::join_all(all));
    let taken = told.iter().take_while(|told| told.is_ok()).count();
    assert!(taken > 20 && taken < 400, "{taken}");
    assert!(told.into_iter().skip(taken).all(is_nearly_full), "something overtook what was refused");
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, taken as u64);
}

#[test]
fn one_long_record_does_not_take_the_room_that_is_kept() {
    let (data, disk) = (data(), disk(KEEP + 3 * MIB));
    let options = options(&data);
    let log = open(&disk, &options);
    disk.0.store(KEEP, Ordering::SeqCst);
    assert!(is_nearly_full(log.append_blocking(vec![1; PAYLOAD_BYTES_MAX])));
    (0..20).for_each(|_| assert!(log.append_kept_blocking(vec![2; 10_000]).is_ok()));
    disk.0.store(KEEP + 40 * MIB, Ordering::SeqCst);
    wait_for(&log, "enough");
    assert_eq!(log.append_blocking(vec![1; PAYLOAD_BYTES_MAX]).unwrap().index, 20);
    log.close_blocking().unwrap();
    assert_eq!(check(&options).unwrap().checkpoint.size, 21);
}
