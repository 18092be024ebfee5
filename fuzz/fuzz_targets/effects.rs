//! Effects of any tool call: no panic, never empty, bounded, and a path that is certain is normal.
#![no_main]

use holdshort_effects::{ARGUMENT_LEAVES_MAX, Catalog, Question, effects_of, host_of_url, normalise};
use holdshort_model::{ActionKind, Certainty};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The first line is the tool's name, the second its definition, the rest its arguments.
fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let name = lines.next().unwrap_or_default();
    let definition: Option<Value> = lines.next().and_then(|line| serde_json::from_str(line).ok());
    let args: Value = lines.next().and_then(|rest| serde_json::from_str(rest).ok()).unwrap_or(Value::Null);
    let catalog = Catalog::default();
    for trusted in [false, true] {
        let question = Question {
            kind: ActionKind::ToolCall,
            server: Some("s"),
            name,
            args: &args,
            definition: definition.as_ref(),
            trusted,
            catalog: &catalog,
            workspace: Some("/w"),
        };
        let effects = effects_of(&question);
        assert!(!effects.is_empty() && effects.len() < ARGUMENT_LEAVES_MAX);
        for effect in effects.iter().filter(|effect| effect.certainty != Certainty::Unknown) {
            if let Some(path) = &effect.resource.path {
                assert!(path.starts_with('/') && path.split('/').all(|name| name != ".." && name != "."));
            }
        }
    }
    let _ = host_of_url(name);
    let path = normalise(name, Some("/w"));
    assert!(!path.certain || normalise(&path.text, None) == path);
});
