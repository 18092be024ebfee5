//! What a log was seen to say, and whether it keeps its word when it is opened again.

use super::dice::Dice;
use super::fault::FaultDisk;
use super::tiles::read_bounded;
use super::*;
use holdshort_ledger::{Checkpoint, ConsistencyProof, NOTE_BYTES_MAX};
use std::collections::{BTreeMap, BTreeSet};

/// A disk may report a failure of earlier only now; then it is sound.
const OPENINGS_MAX: usize = 4;
/// Published checkpoints that each new tree is compared with.
const COMPARED_MAX: usize = 6;

#[derive(Debug)]
pub(super) struct Oracle {
    options: LogOptions,
    /// Length of each record that was handed over, by its number.
    sent: Vec<u64>,
    /// Number of the record that was acknowledged at an index.
    acknowledged: BTreeMap<u64, u64>,
    /// Records that were queued and that a good close has to have written.
    queued: BTreeSet<u64>,
    /// Records that have to be there, wherever.
    promised: BTreeSet<u64>,
    /// Each checkpoint that anybody could have seen.
    published: Vec<Checkpoint>,
    /// Records before this one may be gone: somebody asked for it.
    dropped: u64,
    /// What the log itself called its last checkpoint covers this much: that lasts.
    sealed: u64,
    /// Whether the log said in this life that it takes no more.
    ended: bool,
    /// Whether the log was ever open: from then on it has a checkpoint.
    created: bool,
}

/// What stands in a record: from its number and its length alone.
fn payload(number: u64, length: u64) -> Vec<u8> {
    let mut bytes = format!("{number} ").into_bytes();
    let length = usize::try_from(length).unwrap().clamp(bytes.len(), PAYLOAD_BYTES_MAX);
    bytes.resize(length, b'a' + u8::try_from(number % 26).unwrap());
    bytes
}

fn number_of(payload: &[u8]) -> u64 {
    let end = payload.iter().position(|byte| *byte == b' ').unwrap();
    std::str::from_utf8(&payload[..end]).unwrap().parse().unwrap()
}

impl Oracle {
    pub(super) fn new(options: &LogOptions) -> Self {
        Self {
            options: options.clone(),
            sent: Vec::new(),
            acknowledged: BTreeMap::new(),
            queued: BTreeSet::new(),
            promised: BTreeSet::new(),
            published: Vec::new(),
            dropped: 0,
            sealed: 0,
            ended: false,
            created: false,
        }
    }

    /// What failed was the disk. A log that takes it for damage would never open again.
    pub(super) fn refused(error: &LogError) {
        assert!(matches!(error, LogError::Io { .. }), "takes a failure of the disk for something else: {error:?}");
    }

    pub(super) fn opened(&mut self, report: &RecoveryReport) {
        assert!(report.size >= self.acknowledged.keys().next_back().map_or(0, |index| index + 1), "{report:?}");
        self.ended = false;
        self.created = true;
        self.queued.clear();
    }

    fn send(&mut self, length: u64) -> (u64, Vec<u8>) {
        self.sent.push(length);
        let number = self.sent.len() as u64 - 1;
        (number, payload(number, length))
    }

    /// Appends records that wait together.
    pub(super) fn append(&mut self, log: &Log, lengths: &[u64]) {
        let records: Vec<(u64, Vec<u8>)> = lengths.iter().map(|length| self.send(*length)).collect();
        let before = self.acknowledged.keys().next_back().copied();
        let all = records.iter().map(|(_, payload)| log.append(payload.clone()));
        let answers = queue::block_on(futures_util::future::join_all(all));
        for (answer, (number, _)) in answers.into_iter().zip(records) {
            match answer {
                Ok(appended) => {
                    assert!(!self.ended, "record {number} was acknowledged after the log had ended");
                    assert!(before.is_none_or(|before| appended.index > before), "{appended:?} is not new");
                    let other = self.acknowledged.insert(appended.index, number);
                    assert_eq!(other, None, "index {} was given to two records", appended.index);
                }
                Err(LogError::Poisoned { .. }) => self.ended = true,
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    pub(super) fn enqueue(&mut self, log: &Log, length: u64) {
        let (number, payload) = self.send(length);
        match log.enqueue(payload) {
            Ok(()) => drop(self.queued.insert(number)),
            Err(LogError::Full) => {}
            Err(LogError::Poisoned { .. }) => self.ended = true,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Drops records as somebody asked for it.
    pub(super) fn drop_records(&mut self, retention: &Retention, plan: &DropPlan) -> Result<(), LogError> {
        // It may fail, and be finished later all the same.
        self.dropped = self.dropped.max(plan.first);
        let statement = Dropped { first: 0, time_ms: 1, record: plan.first, because: "a simulation".to_owned() };
        retention.drop_records(plan, &statement, &self.options.key_file)
    }

    /// What anybody could have seen of the log at this moment.
    pub(super) fn look(&mut self, log: &Log) {
        let key = keys::read_public(&self.options.directory.join(PUBLIC_KEY_FILE)).unwrap();
        let said = Checkpoint::open(log.checkpoint().as_bytes(), &key).unwrap();
        let stands = self.stands();
        let size = log.size();
        self.sealed = self.sealed.max(said.size);
        for seen in [said, stands] {
            assert!(seen.size <= size, "the checkpoint of {} is ahead of {size} durable records", seen.size);
            self.publish(seen);
        }
    }

    /// The checkpoint on disk.
    fn stands(&self) -> Checkpoint {
        let key = keys::read_public(&self.options.directory.join(PUBLIC_KEY_FILE)).unwrap();
        let note = read_bounded(&self.options.directory.join(CHECKPOINT_FILE), NOTE_BYTES_MAX as u64).unwrap();
        Checkpoint::open(&note, &key).unwrap()
    }

    fn publish(&mut self, seen: Checkpoint) {
        if !self.published.contains(&seen) {
            let fork = self.published.iter().find(|other| other.size == seen.size);
            assert!(fork.is_none(), "two trees of size {} were signed", seen.size);
            self.published.push(seen);
        }
    }

    pub(super) fn closed(&mut self, log: &Log, answer: Result<(), LogError>) {
        match answer {
            Ok(()) => {
                assert!(!self.ended, "closed as if nothing had happened");
                self.promised.append(&mut self.queued);
                self.look(log);
                assert_eq!(self.published.iter().map(|seen| seen.size).max(), Some(log.size()), "not sealed");
            }
            Err(LogError::Poisoned { .. }) => self.ended = true,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Opens the log on a sound disk, and compares it with everything that was said.
    pub(super) fn check(&mut self, disk: &FaultDisk, dice: &mut Dice) {
        if self.created {
            // As it was left, before anybody repaired it.
            self.verify(dice);
        }
        let (log, report) = self.open(disk);
        self.opened(&report);
        self.records(&log, &report);
        self.look(&log);
        self.tree(dice);
        drop(log);
        let verified = self.verify(dice);
        assert_eq!((verified.unsealed, verified.torn_bytes), (0, 0), "a closed log is not sealed");
    }

    fn open(&self, disk: &FaultDisk) -> (Log, RecoveryReport) {
        for _ in 0..OPENINGS_MAX {
            match Log::open_on(Arc::new(disk.clone()), self.options.clone()) {
                Ok(opened) => return opened,
                Err(error) => Self::refused(&error),
            }
        }
        panic!("does not open on a sound disk");
    }

    fn records(&self, log: &Log, report: &RecoveryReport) {
        let key = keys::read_public(&self.options.directory.join(PUBLIC_KEY_FILE)).unwrap();
        let first = Dropped::read(&self.options.directory, &key).unwrap().map_or(0, |dropped| dropped.first);
        assert!(first <= self.dropped, "records before {first} were dropped, and nobody asked for it");
        let (mut next, mut seen) = (first, BTreeSet::new());
        for record in log.reader().unwrap().forwards(first) {
            let record = record.unwrap();
            assert_eq!(record.index, next, "a gap in the records");
            let number = number_of(&record.payload);
            let length = *self.sent.get(usize::try_from(number).unwrap()).expect("a record that nobody sent");
            assert!(record.payload == payload(number, length), "record {next} is not what was sent");
            assert!(seen.insert(number), "record {number} stands there twice");
            if let Some(expected) = self.acknowledged.get(&next) {
                assert_eq!(*expected, number, "another record at index {next}");
            }
            next += 1;
        }
        assert_eq!(next, report.size);
        let last = self.acknowledged.keys().next_back();
        assert!(last.is_none_or(|last| *last < next), "acknowledged records from {next} on are lost");
        let lost = self.promised.difference(&seen).next().filter(|_| self.dropped == 0);
        assert_eq!(lost, None, "a queued record is lost although the log was closed well");
    }

    /// Each published tree is the beginning of the tree that stands there now.
    fn tree(&mut self, dice: &mut Dice) {
        let newest = self.published.iter().max_by_key(|seen| seen.size).unwrap().clone();
        let mut tiles = DirectoryTiles::new(&self.options.directory);
        for _ in 0..COMPARED_MAX.min(self.published.len()) {
            let at = usize::try_from(dice.below(self.published.len() as u64)).unwrap();
            let older = &self.published[at];
            let proof = ConsistencyProof::make(older.size, newest.size, &mut tiles).unwrap();
            let continues = proof.verify(&older.root, &newest.root);
            assert!(continues.is_ok(), "the tree of {} does not continue that of {}", newest.size, older.size);
        }
        assert_eq!(self.stands(), newest, "an older checkpoint stands there");
    }

    /// The check that strangers make finds nothing, with a checkpoint in hand that was published before.
    fn verify(&mut self, dice: &mut Dice) -> Verified {
        let now = self.stands();
        assert!(now.size >= self.sealed, "the checkpoint of {} did not last: {} stands there", self.sealed, now.size);
        // One that could be read before its name lasted may be gone with the power; all its records have to be there.
        let known: Vec<&Checkpoint> = self.published.iter().filter(|seen| seen.size <= now.size).collect();
        let at = usize::try_from(dice.below(known.len().max(1) as u64)).unwrap();
        let options = VerifyOptions {
            older: known.get(at).map(|seen| (*seen).clone()).into_iter().collect(),
            ..VerifyOptions::default()
        };
        verify(&self.options.directory, &options, &mut |_| {}).unwrap_or_else(|damage| panic!("{damage}"))
    }
}
