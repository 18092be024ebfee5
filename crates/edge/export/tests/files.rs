//! Files of events: put aside by us or by others, torn, full.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use holdshort_export::{Arguments, Encoder, Failed, Format, Rotation, Sink, SinkTarget};
use std::path::{Path, PathBuf};
use support::following::{Memory, Setup, indices};
use support::{decision, event};

fn file(path: &Path, bytes_max: u64) -> SinkTarget {
    SinkTarget::File { path: path.to_owned(), rotation: Rotation { bytes_max, files_kept: 100 } }
}

fn files(path: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let aside = |number: u32| PathBuf::from(format!("{}.{number}", path.display()));
    let count = (1..).take_while(|number| aside(*number).exists()).count() as u32;
    for path in (1..=count).rev().map(aside).chain([path.to_owned()]) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'));
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

#[tokio::test]
async fn a_file_is_put_aside_and_a_torn_line_is_cut_off() {
    let setup = Setup::new(Memory::of(40));
    let path = setup.home.path().join("events.ndjson");
    let running = setup.start(file(&path, 20_000));
    setup.until(|state| state.next == 40).await;
    running.stop().await;
    assert_eq!(indices(&files(&path)), (0..40).collect::<Vec<_>>());
    assert!(setup.home.path().join("events.ndjson.1").exists());
    // As after a loss of power: half a line more than the cursor knows of.
    let mut text = std::fs::read(&path).unwrap();
    text.extend(b"{\"log\":\"x\",\"ind");
    std::fs::write(&path, text).unwrap();
    setup.memory.write(3);
    let running = setup.start(file(&path, 20_000));
    setup.until(|state| state.next == 43).await;
    running.stop().await;
    assert_eq!(indices(&files(&path)), (0..43).collect::<Vec<_>>());
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Names the file, in the process that may not write much.
const LIMITED: &str = "HOLDSHORT_TEST_LIMITED_FILE";

fn sink(path: &Path) -> Sink {
    Sink::new(Format::Json, file(path, 1 << 30)).unwrap()
}

fn items(range: std::ops::Range<u64>) -> Vec<holdshort_export::Item> {
    let mut encoder = Encoder::new(Format::Json, Arguments::Digest, 1_000);
    range.map(|index| encoder.push(&event(index, decision("tool.call", "x", &[])))).collect()
}

/// As logrotate does, in its two ways.
#[tokio::test]
async fn a_file_that_others_put_aside_or_cut_is_gone_on_with() {
    let home = tempfile::tempdir().unwrap();
    let (path, aside) = (home.path().join("events.ndjson"), home.path().join("events.ndjson-20261121"));
    let mut sink = sink(&path);
    sink.send(&items(0..3)).await.unwrap();
    std::fs::rename(&path, &aside).unwrap();
    sink.send(&items(3..5)).await.unwrap();
    sink.settle().unwrap();
    let lines =
        |path: &Path| indices(&std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!((lines(&aside), lines(&path)), (vec![0, 1, 2], vec![3, 4]));
    // Its place was taken by an empty one already.
    std::fs::rename(&path, &aside).unwrap();
    std::fs::File::create(&path).unwrap();
    sink.send(&items(5..6)).await.unwrap();
    assert_eq!(lines(&path), [5]);
    // Copied and cut: no hole of zeros, and the size counts from there.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    sink.send(&items(6..7)).await.unwrap();
    assert_eq!(lines(&path), [6]);
    std::fs::remove_file(&path).unwrap();
    sink.send(&items(7..8)).await.unwrap();
    assert_eq!(lines(&path), [7]);
}

/// A limit on the size of files stands for a disk with room for a part: this test again, in a process that has one.
#[tokio::test]
async fn a_disk_that_is_full_keeps_no_part_of_a_batch() {
    let Some(path) = std::env::var_os(LIMITED).map(PathBuf::from) else {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("events.ndjson");
        let limited = "trap '' XFSZ; ulimit -f 4; exec \"$0\" --exact a_disk_that_is_full_keeps_no_part_of_a_batch";
        let mut child = std::process::Command::new("bash");
        // Through pipes: what it prints into a file would be limited, too.
        let done = child.args(["-c", limited]).arg(std::env::current_exe().unwrap()).env(LIMITED, &path).output();
        let done = done.unwrap();
        assert!(
            done.status.success(),
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        assert_eq!(indices(&files(&path)), [0]);
        return;
    };
    let mut sink = sink(&path);
    sink.send(&items(0..1)).await.unwrap();
    for _ in 0..3 {
        let error = sink.send(&items(1..5)).await.unwrap_err();
        assert!(matches!(&error, Failed::Later { error, .. } if error.starts_with("cannot be written")), "{error}");
        assert_eq!(indices(&files(&path)), [0]);
    }
}
