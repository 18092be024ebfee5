//! What it costs to look for signs: prose, arguments and a long output with every built-in detector, and how long the rules
//! take to be ready. Texts are put together from numbered words, so that nothing is found by heart.
#![expect(clippy::expect_used, reason = "a benchmark stops on a fault")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdshort_detect::{Detectors, FingerprintKey, OwnSecret, Parts};
use serde_json::json;
use std::fmt::Write as _;
use std::hint::black_box;

const WORDS: [&str; 24] = [
    "the",
    "report",
    "says",
    "that",
    "quarterly",
    "revenue",
    "they",
    "keyboard",
    "access",
    "was",
    "delayed",
    "because",
    "of",
    "shipping;",
    "asked",
    "Author:",
    "her",
    "team",
    "to",
    "review",
    "token",
    "counts",
    "before",
    "Friday.",
];

fn prose(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    for n in 0usize.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(WORDS.get((n * 7 + n / 24) % WORDS.len()).copied().unwrap_or_default());
        text.push(if n % 13 == 12 { '\n' } else { ' ' });
    }
    text.truncate(bytes);
    text
}

// What tools print: lines of JSON with ids, addresses, dates and paths.
fn output(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 256);
    for n in 0u64.. {
        if text.len() >= bytes {
            break;
        }
        let id = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        writeln!(
            text,
            r#"{{"id":"{id:016x}","path":"/srv/data/part-{n}.parquet","at":"2026-11-21T10:{:02}:00Z","url":"https://files.example.org/{n}?page=2","note":"{}"}}"#,
            n % 60,
            prose(80)
        )
        .expect("a string takes everything");
    }
    text.truncate(bytes);
    text
}

fn built() -> Detectors {
    let key = FingerprintKey::new(&[7; 32]);
    let own = ["correct/horse=battery9", "another-secret-of-ours"];
    let own_secrets = own.iter().filter_map(|value| OwnSecret::of(&key, "own", value)).collect();
    let known_domains = (0..500).map(|n| format!("partner{n}.example.org")).collect();
    Detectors::new(Parts { key, own_secrets, known_domains, ..Parts::default() }).expect("detectors")
}

fn detect(c: &mut Criterion) {
    let detectors = built();
    let argument = json!({
        "to": ["anna.schmidt@mail.firma.de", "team@firma.de"], "subject": "Quarterly report", "priority": 3,
        "options": {"html": false, "track": true, "reply_to": "office@firma.de", "label_ids": ["a1", "b2"]},
        "body": prose(800),
    });
    let mut group = c.benchmark_group("detect");
    for (name, part) in [("prose_1k", prose(1024)), ("output_1k", output(1024)), ("output_64k", output(64 * 1024))] {
        group.throughput(Throughput::Bytes(part.len() as u64));
        let parts = [part];
        group.bench_function(name, |b| b.iter(|| detectors.scan_parts(black_box(&parts), false)));
    }
    group.throughput(Throughput::Bytes(argument.to_string().len() as u64));
    group.bench_function("argument_1k", |b| b.iter(|| detectors.scan_args(black_box(&argument))));
    group.throughput(Throughput::Elements(1));
    let hosts = ["https://api.partner7.example.org/v1/x", "files.example.net", "https://login.partner8-example.org/"];
    group.bench_function("destinations_3", |b| {
        b.iter(|| detectors.destinations(black_box(hosts).into_iter(), &|_| false));
    });
    group.bench_function("build", |b| b.iter(built));
    group.finish();
}

criterion_group!(benches, detect);
criterion_main!(benches);
