//! The log on disk behind the server's trait for writing.

use super::seals::{Ready, Seals};
use futures_util::FutureExt as _;
use holdshort_model::Receipt;
use holdshort_server::{Appending, Erasure, Preparing, RecordOwner, Recorder, RecorderError};
use holdshort_store::log::{Log, LogError};
use std::sync::Arc;

/// Writes to the log.
pub(crate) struct LogRecorder {
    log: Log,
    seals: Arc<Seals>,
}

impl LogRecorder {
    pub(crate) fn new(log: Log, seals: Arc<Seals>) -> Self {
        Self { log, seals }
    }
}

impl Recorder for LogRecorder {
    fn append(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending {
        self.append_any(record, owner, false)
    }

    fn enqueue(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        self.log.check_space().map_err(failed)?;
        let ready = self.seals.seal(record, owner)?;
        self.log.enqueue(ready.record).map_err(failed)
    }

    fn append_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Appending {
        self.append_any(record, owner, true)
    }

    fn enqueue_kept(&self, record: Vec<u8>, owner: Option<&RecordOwner>) -> Result<(), RecorderError> {
        let ready = self.seals.seal(record, owner)?;
        self.log.enqueue_kept(ready.record).map_err(failed)
    }

    fn prepare(&self, owner: &RecordOwner) -> Option<Preparing> {
        // INVARIANT: for what a nearly full disk refuses no key is made: whoever opens session after session would fill the
        // rest of it with their keys.
        if self.log.check_space().is_err() { None } else { self.seals.prepare(owner) }
    }

    fn erasure(&self) -> Option<Arc<dyn Erasure>> {
        Some(self.seals.clone())
    }
}

impl LogRecorder {
    fn append_any(&self, record: Vec<u8>, owner: Option<&RecordOwner>, kept: bool) -> Appending {
        // In the call itself, so that no record overtakes another one while it is sealed.
        let room = if kept { Ok(()) } else { self.log.check_space().map_err(failed) };
        let Ready { record, held: _held } = match room.and_then(|()| self.seals.seal(record, owner)) {
            Ok(ready) => ready,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let log = self.log.clone();
        let mut appending = Box::pin(async move {
            let appended = if kept { log.append_kept(record).await } else { log.append(record).await };
            Ok(Receipt { log: log.origin().to_owned(), index: appended.map_err(failed)?.index })
        });
        // INVARIANT: the record is in the queue when this returns, so that the order of calls is the order in the log.
        // The first poll puts it there, unless the queue is full; then its place in the line for room is taken.
        // Unconstrained, since a task that used up its budget would be told to wait although there is room.
        match tokio::task::unconstrained(&mut appending).now_or_never() {
            Some(done) => Box::pin(std::future::ready(done)),
            None => appending,
        }
    }
}

fn failed(error: LogError) -> RecorderError {
    let text = error.to_string();
    if matches!(error, LogError::NearlyFull { .. }) { RecorderError::Full(text) } else { RecorderError::Down(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;
    use crate::place::Place;
    use holdshort_store::keys::{Keys, Scope};
    use holdshort_store::log::LogOptions;
    use holdshort_store::sqlite::StateDb;

    #[test]
    fn a_nearly_full_disk_takes_no_keys_of_new_sessions_either() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { data: Some(dir.path().to_owned()), ..Place::default() };
        let data = place.data(&Loaded::read(None).unwrap()).unwrap();
        let options = LogOptions::new(data.log(), data.log_key(), "example.com/test");
        Log::open(LogOptions { keep_free: 0, ..options.clone() }).unwrap().0.close_blocking().unwrap();
        let (log, _) = Log::open(LogOptions { keep_free: u64::MAX / 2, ..options }).unwrap();
        let keys = Keys::open(&data.keys()).unwrap();
        let state = Arc::new(StateDb::open(&data.database()).unwrap());
        let recorder = LogRecorder::new(log, Arc::new(Seals::new(keys.clone(), true, state, &data)));
        let owner = |number: u32| RecordOwner::Session { agent: Some("a".into()), session: number.to_string().into() };
        for number in 0..5 {
            let owner = owner(number);
            assert!(recorder.prepare(&owner).is_none());
            let answer = recorder.append(b"{}".to_vec(), Some(&owner)).now_or_never();
            assert!(matches!(answer, Some(Err(RecorderError::Full(_)))), "{answer:?}");
            assert!(matches!(recorder.enqueue(b"{}".to_vec(), Some(&owner)), Err(RecorderError::Full(_))));
        }
        assert_eq!(keys.select(&Scope::Agent("a".into())).unwrap(), []);
        recorder.enqueue_kept(b"{}".to_vec(), Some(&owner(7))).unwrap();
        assert_eq!(keys.select(&Scope::Agent("a".into())).unwrap().len(), 1, "what ran is recorded, sealed");
    }

    fn world(dir: &std::path::Path) -> (Log, Keys, LogRecorder) {
        let place = Place { data: Some(dir.to_owned()), ..Place::default() };
        let data = place.data(&Loaded::read(None).unwrap()).unwrap();
        let (log, _) =
            Log::open(LogOptions { keep_free: 0, ..LogOptions::new(data.log(), data.log_key(), "example.com/test") })
                .unwrap();
        let keys = Keys::open(&data.keys()).unwrap();
        let state = Arc::new(StateDb::open(&data.database()).unwrap());
        (log.clone(), keys.clone(), LogRecorder::new(log, Arc::new(Seals::new(keys, true, state, &data))))
    }

    /// Whoever decides at the moment of an erasure: the record is in front of the erasure's, or has a key that stays.
    #[test]
    fn no_record_behind_an_erasure_is_sealed_with_a_key_that_it_destroys() {
        use holdshort_store::records::{Content, Records};
        const ROUNDS: usize = 40;
        let dir = tempfile::tempdir().unwrap();
        let (log, keys, recorder) = world(dir.path());
        let owner = RecordOwner::Session { agent: Some("a".into()), session: "s".into() };
        recorder.enqueue_kept(b"{}".to_vec(), Some(&owner)).unwrap();
        let ended = std::sync::atomic::AtomicBool::new(false);
        let mut marks = Vec::new();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !ended.load(std::sync::atomic::Ordering::Acquire) {
                        // A full queue is no failure of this.
                        let _ = recorder.enqueue(b"{\"seen\":1}".to_vec(), Some(&owner));
                    }
                });
            }
            for _ in 0..ROUNDS {
                let ids: Vec<_> =
                    keys.select(&Scope::Agent("a".into())).unwrap().into_iter().map(|owned| owned.id).collect();
                let retired = keys.retire(&ids);
                let mark = log.append_kept_blocking(b"{\"type\":\"erasure\"}".to_vec()).unwrap().index;
                keys.erase(&ids, 7).unwrap();
                drop(retired);
                marks.push((mark, ids));
            }
            ended.store(true, std::sync::atomic::Ordering::Release);
        });
        log.close_blocking().unwrap();
        let records = Records::open(&dir.path().join("log")).unwrap().with_keys(Some(keys));
        let mut erased = 0;
        for record in records.forwards(0) {
            let record = record.unwrap();
            let Some(id) = record.key_id() else { continue };
            match marks.iter().find(|(_, ids)| ids.contains(&id)) {
                Some((mark, _)) => {
                    assert!(record.index() < *mark, "{} is behind the erasure at {mark}", record.index());
                    assert_eq!(record.content, Content::Erased);
                    erased += 1;
                }
                None => assert_eq!(record.content, Content::Opened(b"{\"seen\":1}".to_vec()), "{}", record.index()),
            }
        }
        assert!(erased >= 1, "some were erased");
    }
}
