//! Lives of a log on a disk that fails, by seed: records of all sizes, alone and in bursts, and at a chosen change of the
//! disk, or between two of them, the end. Then it is opened again, often on a disk that fails while it is.
//!
//! `HOLDSHORT_SEEDS` says how many seeds, `HOLDSHORT_SEED` which is the first. A seed fixes what is appended, what fails
//! at which change, and what a loss of power takes away. It does not fix how the threads of the log take turns, so that a
//! seed that failed may have to be run a few times; the history of changes, which is printed, is exact.

use super::dice::Dice;
use super::fault::{Fault, FaultDisk, Kind, memory};
use super::oracle::Oracle;
use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use tempfile::TempDir;

const SEEDS_DEFAULT: u64 = 200;
/// Changes of the disk within which something fails while a log is used, and while it is opened.
const CHANGES_OF_A_LIFE: u64 = 200;
const CHANGES_OF_OPENING: u64 = 40;

const NAMES_OF_SEGMENTS: Kind = |change| change.starts_with("sync folder") && change.ends_with("/records");

struct World {
    dice: Dice,
    disk: FaultDisk,
    options: LogOptions,
    oracle: Oracle,
    /// Times that something failed or the power went.
    points: u64,
    _data: TempDir,
}

impl World {
    fn new(seed: u64, disk: FaultDisk) -> Self {
        let (data, mut dice) = (memory(), Dice::new(seed));
        let interval = [Duration::ZERO, Duration::ZERO, Duration::from_millis(2), Duration::from_secs(3_600)];
        let options = LogOptions {
            checkpoint_interval: interval[usize::try_from(dice.below(4)).unwrap()],
            queue_bytes_max: if dice.percent(20) { 4_096 } else { 64 << 20 },
            segment_bytes_first: 0,
            segment_bytes_max: dice.below(2) << 21,
            ..LogOptions::new(data.path().join("log"), data.path().join("log.key"), "example.com/simulation")
        };
        Self { dice, disk, oracle: Oracle::new(&options), options, points: 0, _data: data }
    }

    fn run(&mut self) {
        for _ in 0..3 + self.dice.below(3) {
            self.live();
            for _ in 0..self.dice.below(3) {
                self.open_on_a_failing_disk();
            }
            self.disk.mend();
            self.oracle.check(&self.disk, &mut self.dice);
        }
    }

    /// Opens the log, uses it, and ends it in one way or another.
    fn live(&mut self) {
        let faults = [Fault::Crash, Fault::Crash, Fault::Broken, Fault::Broken, Fault::Full, Fault::ReadOnly];
        let fault = faults.get(usize::try_from(self.dice.below(8)).unwrap()).copied();
        match fault {
            Some(fault) => self.plan(fault),
            None => self.disk.mend(),
        }
        if self.dice.percent(15) {
            // As when somebody tidied up: whoever had it may still be writing.
            std::fs::remove_file(self.options.directory.join(layout::LOCK_FILE)).ok();
        }
        // Between two changes, when something was acknowledged just now.
        let cut = fault.is_none() && self.dice.percent(50);
        match Log::open_on(Arc::new(self.disk.clone()), self.options.clone()) {
            Ok((log, report)) => {
                self.oracle.opened(&report);
                self.use_log(&log, cut);
                if !cut && self.dice.percent(70) {
                    self.oracle.closed(&log, log.close_blocking());
                }
            }
            Err(error) => {
                assert!(fault.is_some(), "does not open on a sound disk: {error:?}");
                Oracle::refused(&error);
            }
        }
        let crashed = self.disk.is_off();
        let chance = if crashed { 80 } else { 40 };
        self.points += u64::from(crashed || fault.is_some());
        self.end(chance);
    }

    /// Any change may fail, or one of a kind that is rare among all.
    fn plan(&mut self, fault: Fault) {
        let kinds: [(Kind, u64); 6] = [
            (|change| change.starts_with("sync"), 16),
            (|change| change.starts_with("sync") && change.ends_with(".seg"), 8),
            (|change| change.starts_with("sync folder"), 16),
            (NAMES_OF_SEGMENTS, 4),
            (|change| change.starts_with("rename"), 8),
            (|change| change.starts_with("write"), 16),
        ];
        match kinds.get(usize::try_from(self.dice.below(8)).unwrap()) {
            Some((kind, within)) => self.disk.plan_kind(*kind, self.dice.skewed(*within), fault),
            None => self.disk.plan(self.dice.skewed(CHANGES_OF_A_LIFE), fault),
        }
    }

    fn use_log(&mut self, log: &Log, cut: bool) {
        let steps = 1 + self.dice.below(6);
        for _ in 0..steps {
            match self.dice.below(11) {
                0..4 => self.oracle.append(log, &[self.dice.below(400)]),
                4..7 => {
                    let records = self.dice.skewed(600) + 1;
                    let lengths: Vec<u64> = (0..records).map(|_| self.dice.skewed(700)).collect();
                    self.oracle.append(log, &lengths);
                }
                7 => {
                    let lengths: Vec<u64> = (0..1 + self.dice.below(3)).map(|_| self.dice.skewed(1 << 20)).collect();
                    self.oracle.append(log, &lengths);
                }
                8 => self.oracle.append(log, &[PAYLOAD_BYTES_MAX as u64]),
                9 => (0..self.dice.below(40)).for_each(|at| self.oracle.enqueue(log, at * 7)),
                _ => self.retire(),
            }
            self.oracle.look(log);
        }
        if cut {
            self.disk.cut_power();
        }
    }

    /// Old segments are compressed, and sometimes dropped, beside the writer.
    fn retire(&mut self) {
        if self.dice.percent(30) {
            // Between the change of a name and the next one the power goes as well.
            self.disk.plan_kind(NAMES_OF_SEGMENTS, self.dice.below(4), Fault::Crash);
        }
        let soon = SystemTime::now() + Duration::from_secs(60);
        let result = Retention::open_on(Arc::new(self.disk.clone()), &self.options.directory).and_then(|retention| {
            retention.archive(soon, false, &|| true)?;
            match retention.plan_drop(soon)?.filter(|_| self.dice.percent(15)) {
                Some(plan) => self.oracle.drop_records(&retention, &plan),
                None => Ok(()),
            }
        });
        result.unwrap_or_else(|error| Oracle::refused(&error));
    }

    /// The end of a process: by a kill, after which the kernel goes on, or of the machine.
    fn end(&mut self, power_loss_percent: u64) {
        if self.dice.percent(power_loss_percent) {
            self.disk.lose_power(self.dice.roll());
            self.points += 1;
        }
        self.disk.mend();
    }

    /// Something fails while the log is opened. It must open or say so, and may not take anything for damage.
    fn open_on_a_failing_disk(&mut self) {
        let fault = if self.dice.percent(75) { Fault::Crash } else { Fault::Broken };
        self.disk.plan(self.dice.below(CHANGES_OF_OPENING), fault);
        if let Err(error) = Log::open_on(Arc::new(self.disk.clone()), self.options.clone()) {
            Oracle::refused(&error);
        }
        self.points += 1;
        self.end(if fault == Fault::Crash { 80 } else { 40 });
    }
}

/// Runs one seed; what failed, if something did.
fn run(seed: u64, disk: &FaultDisk) -> Result<u64, String> {
    let mut world = World::new(seed, disk.clone());
    let ran = catch_unwind(AssertUnwindSafe(|| world.run()));
    ran.map(|()| world.points).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Runs seeds on all processors; the first that failed, and how many points there were.
fn run_all(first: u64, seeds: u64, disk: impl Fn() -> FaultDisk + Sync) -> Result<u64, (u64, String, Vec<String>)> {
    let (next, points) = (AtomicU64::new(first), AtomicU64::new(0));
    let failed = Mutex::new(None);
    let work = || {
        while failed.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                break;
            }
            let disk = disk();
            match run(seed, &disk) {
                Ok(more) => drop(points.fetch_add(more, Ordering::Relaxed)),
                Err(what) => drop(failed.lock().unwrap().insert((seed, what, disk.history()))),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    failed.into_inner().unwrap().map_or(Ok(points.into_inner()), Err)
}

#[test]
fn whatever_fails_and_whenever_nothing_that_was_acknowledged_is_lost() {
    let (first, seeds) = (number("HOLDSHORT_SEED", 0), number("HOLDSHORT_SEEDS", SEEDS_DEFAULT));
    match run_all(first, seeds, FaultDisk::default) {
        Ok(points) => println!("{seeds} seeds from {first}, {points} times something failed or the power went"),
        Err((seed, what, history)) => panic!(
            "seed {seed}: {what}\n{}\nagain: HOLDSHORT_SEED={seed} HOLDSHORT_SEEDS=1 cargo test -p holdshort-store simulation",
            history.join("\n")
        ),
    }
}

/// The test of the test: a disk that says that it synced, and did not, is found out.
#[test]
fn a_disk_that_lies_about_one_kind_of_sync_is_found_out() {
    let lies: [(&str, Kind); 5] = [
        ("records", |change| change.starts_with("sync") && change.contains(".seg")),
        ("names of segments", NAMES_OF_SEGMENTS),
        ("the checkpoint", |change| change.starts_with("sync") && change.ends_with("checkpoint.tmp")),
        ("a new segment's header", |change| change.starts_with("sync") && change.ends_with("records/next.tmp")),
        ("names of the log", |change| change.starts_with("sync folder") && change.ends_with("/log")),
    ];
    for (what, lie) in lies {
        let found = run_all(0, SEEDS_DEFAULT, || FaultDisk::lying(lie));
        assert!(found.is_err(), "nobody noticed that {what} were not synced");
    }
}
