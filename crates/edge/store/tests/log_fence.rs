//! Two real processes think that a log directory is theirs: the one that came first finds out, says so, and writes nothing
//! more; what it had acknowledged is in the log that goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use holdshort_store::log::{Log, LogError, LogOptions, VerifyOptions, verify};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const DATA: &str = "HOLDSHORT_TEST_LOG_FENCE_DATA";

fn options(data: &Path) -> LogOptions {
    LogOptions::new(data.join("log"), data.join("log.key"), "example.com/fence")
}

#[test]
#[ignore = "the process that the other tests fence"]
fn append_until_fenced() {
    let data = std::env::var_os(DATA).expect("run by the other tests");
    let (log, _) = Log::open(options(Path::new(&data))).unwrap();
    let end = (0u64..).find_map(|number| match log.append_blocking(format!("first {number}").into_bytes()) {
        Ok(appended) => {
            // One write for one line: it is either told or not.
            std::io::stdout().write_all(format!("ack {} {number}\n", appended.index).as_bytes()).unwrap();
            None
        }
        Err(error) => Some(error),
    });
    let Some(LogError::Poisoned { cause, .. }) = end else { panic!("ended with {end:?}") };
    std::io::stdout().write_all(format!("end {cause}\n").as_bytes()).unwrap();
}

struct First {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    acknowledged: Vec<(u64, u64)>,
}

impl First {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "append_until_fenced", "--ignored", "--nocapture"])
            .env(DATA, data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, acknowledged: Vec::new() }
    }

    /// Reads what it says until it has acknowledged so many records, or has ended: then why.
    fn read(&mut self, until: usize) -> Option<String> {
        for line in self.lines.by_ref().map(Result::unwrap) {
            if let Some(cause) = line.split("end ").nth(1) {
                return Some(cause.to_owned());
            }
            if let Some(numbers) = line.split("ack ").nth(1) {
                let mut numbers = numbers.split(' ').map(|number| number.parse().unwrap());
                self.acknowledged.push((numbers.next().unwrap(), numbers.next().unwrap()));
                if self.acknowledged.len() == until {
                    return None;
                }
            }
        }
        panic!("it ended without a word");
    }
}

impl Drop for First {
    fn drop(&mut self) {
        // It has ended, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_second_process_that_found_no_lock_file_goes_on_and_the_first_one_ends() {
    let data = tempfile::tempdir().unwrap();
    let mut first = First::start(data.path());
    assert!(first.read(50).is_none());
    assert!(matches!(Log::open(options(data.path())), Err(LogError::Locked { .. })));

    std::fs::remove_file(data.path().join("log/lock")).unwrap();
    let (second, report) = Log::open(options(data.path())).unwrap();
    let mine = second.append_blocking(b"second".to_vec()).unwrap();
    let cause = first.read(usize::MAX).unwrap();
    assert!(cause.contains("was taken over"), "{cause}");

    // Whatever the first one acknowledged was there when the second one began, and stands there still.
    assert!(first.acknowledged.iter().all(|(index, _)| *index < report.size), "{report:?}");
    let records: Vec<_> = second.reader().unwrap().forwards(0).map(Result::unwrap).collect();
    for (index, number) in &first.acknowledged {
        assert_eq!(records[usize::try_from(*index).unwrap()].payload, format!("first {number}").into_bytes());
    }
    assert_eq!(records[usize::try_from(mine.index).unwrap()].payload, b"second");
    second.close_blocking().unwrap();
    let verified = verify(&data.path().join("log"), &VerifyOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(verified.checkpoint.size, mine.index + 1);
}

#[test]
fn a_checkpoint_of_somebody_else_ends_the_log_within_the_interval() {
    let data = tempfile::tempdir().unwrap();
    let mut first = First::start(data.path());
    assert!(first.read(20).is_none());
    // As on a disk that two machines share with lock tables of their own: nothing shows but the checkpoint.
    let path = data.path().join("log/checkpoint");
    let foreign = std::fs::read_to_string(&path).unwrap().replacen('\n', "\n\n", 1);
    let cause = loop {
        // Its own next one may have been on its way to the name just then.
        if std::fs::read_to_string(&path).unwrap() != foreign {
            std::fs::write(&path, &foreign).unwrap();
        }
        if let Some(cause) = first.read(first.acknowledged.len() + 1) {
            break cause;
        }
    };
    assert!(cause.contains("is not the one that this process wrote last"), "{cause}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign, "it was replaced all the same");
}
