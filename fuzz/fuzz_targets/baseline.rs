//! Baselines: bytes from a store, and any past at any times. No panic, figures in range, bounded words, and learning
//! again never makes newer.
#![no_main]

use holdshort_history::{Baseline, BaselineEvent};
use holdshort_model::Facts;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

// Each line is one action: seconds since the one before, whether it was refused, and its name, which is its host too.
fuzz_target!(|data: &[u8]| {
    if let Ok(baseline) = Baseline::from_bytes(data) {
        assert_eq!(Baseline::from_bytes(&baseline.to_bytes()), Ok(baseline));
    }
    let mut baseline = Baseline::new(data.len() as u64);
    let mut now_ns = 1_800_000_000_000_000_000_i64;
    for line in data.split(|byte| *byte == b'\n').take(500) {
        let Some((time, [refused, name @ ..])) = line.split_first_chunk::<4>() else { continue };
        let seconds = i64::from(i32::from_le_bytes(*time));
        now_ns = now_ns.saturating_add(seconds * 1_000_000_000);
        let name = String::from_utf8_lossy(name);
        let resource = json!({"kind": "url", "id": name, "host": name, "labels": [name]});
        let facts: Facts = serde_json::from_value(json!({
            "subject": {"agent": {"id": "a", "class": "c"}, "session": "s", "authenticated_by": "token", "standing": "active"},
            "action": {"kind": "tool.call", "server": "s", "name": name, "args": {"text": name},
                "effects": [{"verb": "send", "resource": resource, "count": refused, "certainty": "derived"}]},
            "context": {"time": 0, "enforcement_point": "fuzz"},
        }))
        .unwrap();
        let event = BaselineEvent::of(&facts, Some(&name)).unwrap();
        let before = baseline.score(&event, now_ns);
        assert!(before.novelty.max(before.surprise).max(before.volume) <= 100 && before.why.len() <= 4);
        assert!(before.why.iter().all(|why| why.len() < 1_000));
        if refused % 2 == 1 {
            baseline.refuse(now_ns);
        } else {
            baseline.learn(&event, now_ns);
        }
        let after = baseline.score(&event, now_ns);
        assert!(before.cold || after.novelty <= before.novelty);
    }
});
