//! A real process is killed with SIGKILL while it appends under load: every record that it acknowledged is there, byte for
//! byte, and the log goes on where it was.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use holdshort_store::log::{Log, LogOptions, VerifyOptions, verify};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const DATA: &str = "HOLDSHORT_TEST_LOG_KILL_DATA";
const ROUNDS: usize = 6;
/// Acknowledgements after which the process is killed in the first round; later rounds wait for more.
const KILL_AFTER: usize = 700;

fn options(data: &Path) -> LogOptions {
    LogOptions {
        segment_bytes_first: 0,
        segment_bytes_max: 4 << 20,
        ..LogOptions::new(data.join("log"), data.join("log.key"), "example.com/kill")
    }
}

/// What the child appends as its `number`th record: unique over all rounds, of different lengths.
fn payload(process: u32, number: usize) -> Vec<u8> {
    format!("{process} {number} {}", "x".repeat(number % 1_500)).into_bytes()
}

#[test]
#[ignore = "the process that the other test kills"]
fn append_until_killed() {
    let data = std::env::var_os(DATA).expect("run by the other test");
    let (log, _) = Log::open(options(Path::new(&data))).unwrap();
    let process = std::process::id();
    let append = |number: usize| {
        let log = log.clone();
        async move { (number, log.append(payload(process, number)).await.unwrap()) }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut waiting: FuturesUnordered<_> = (0..200).map(append).collect();
        let mut next = 200;
        while let Some((number, appended)) = waiting.next().await {
            // One write for one line: it is either told or not.
            let line = format!("ack {process} {number} {}\n", appended.index);
            std::io::stdout().write_all(line.as_bytes()).unwrap();
            waiting.push(append(next));
            next += 1;
        }
    });
}

#[test]
fn every_acknowledged_record_survives_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "append_until_killed", "--ignored", "--nocapture"])
            .env(DATA, data.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut seen = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // What it told before it died counts too, so the pipe is read to its end.
        for line in lines.map(Result::unwrap).filter(|line| line.contains("ack ")) {
            let mut fields = line.split_whitespace().skip_while(|field| *field != "ack").skip(1);
            let mut field = || fields.next().unwrap().parse::<u64>().unwrap();
            let (process, number, index) = (field(), field(), field());
            let payload = payload(u32::try_from(process).unwrap(), usize::try_from(number).unwrap());
            assert!(acknowledged.insert(index, payload).is_none(), "record {index} was acknowledged twice");
            seen += 1;
            if seen == KILL_AFTER * (round + 1) {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= KILL_AFTER * (round + 1), "the child ended by itself after {seen} records");

        let (log, report) = Log::open(options(data.path())).unwrap();
        let mut records = log.reader().unwrap().forwards(0).map(Result::unwrap);
        let mut checked = 0;
        for record in records.by_ref() {
            if let Some(payload) = acknowledged.get(&record.index) {
                assert_eq!(&record.payload, payload, "record {}", record.index);
                checked += 1;
            }
        }
        assert_eq!(checked, acknowledged.len(), "acknowledged records are missing; opening found {report:?}");
        log.close_blocking().unwrap();
        let verified = verify(&data.path().join("log"), &VerifyOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(verified.checkpoint.size, report.size);
    }
}
