//! What the text model of injected instructions costs: prose, records and noise, a KiB and a large output.
#![expect(clippy::expect_used, reason = "a benchmark stops on a fault")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use holdshort_detect::injection::Model;
use std::hint::black_box;

const PROSE: &str = "The report of the second quarter was delayed because of the shipping; her team asked the author to review it before Friday. ";
const RECORDS: &str =
    r#"{"id":"9e3779b97f4a7c15","path":"/srv/data/part-17.parquet","at":"2026-11-21T10:42:00Z","note":"waiting"}"#;

fn of(pattern: &str, bytes: usize) -> String {
    let mut text = pattern.repeat(bytes / pattern.len() + 1);
    text.truncate(bytes);
    text
}

fn noise(bytes: usize) -> String {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(u8::try_from(33 + (state >> 33) % 94).expect("printable"))
        })
        .collect()
}

fn injection(c: &mut Criterion) {
    let model = Model::builtin();
    let mut group = c.benchmark_group("injection");
    for bytes in [1024, 64 * 1024] {
        group.throughput(Throughput::Bytes(bytes as u64));
        for (name, text) in [("prose", of(PROSE, bytes)), ("records", of(RECORDS, bytes)), ("noise", noise(bytes))] {
            group.bench_with_input(BenchmarkId::new(name, bytes), &text, |b, text| {
                b.iter(|| model.percent(black_box(text)))
            });
        }
    }
    group.finish();
}

criterion_group!(benches, injection);
criterion_main!(benches);
