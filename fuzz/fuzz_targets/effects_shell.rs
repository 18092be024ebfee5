//! Effects of any shell text: no panic, bounded, never nothing, and the same each time.
#![no_main]

use holdshort_effects::shell::{self, ShellContext};
use holdshort_model::{Certainty, Verb};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let context = ShellContext { workspace: Some("/w"), cwd: None };
    let reading = shell::read(&text, &context);
    assert!(!reading.effects.is_empty() && reading.effects.len() < 1_024);
    assert_eq!(reading, shell::read(&text, &context));
    let unsure = reading.effects.iter().any(|effect| effect.certainty >= Certainty::Unprovable);
    assert!(reading.provable != unsure);
    for effect in reading.effects.iter().filter(|effect| effect.certainty == Certainty::Derived) {
        if let Some(path) = &effect.resource.path {
            assert!(path.starts_with('/') && path.split('/').all(|name| name != ".." && name != "."));
        }
    }
    // A command more never hides that something is deleted without a bound.
    let deletes = |reading: &shell::ShellReading| {
        reading.effects.iter().any(|effect| effect.verb == Verb::Delete && effect.count.is_none())
    };
    let more = shell::read(&format!("rm -rf zzz\n{text}"), &context);
    assert!(deletes(&more) || !more.provable);
});
