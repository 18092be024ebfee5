//! Strict JSON: it never takes what a usual parser refuses, reads the same value, and slices and splices exactly.
#![no_main]

use holdshort_wire::json::{elements, members, quote, span, splice, strict, text};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = text(data) else { return };
    let usual: Result<Value, _> = serde_json::from_str(text);
    if let Ok(value) = strict(text) {
        // A key of its own makes `serde_json` read the value inside; `strict` sees the object that everybody else sees.
        let usual = usual.map_err(|error| error.to_string());
        assert!(text.contains("$serde_json") || text.contains('\\') || usual == Ok(value), "{usual:?}");
    }
    if let Ok(members) = members(text) {
        let mut edits = Vec::new();
        for (key, value) in &members {
            let span = span(text, value.get()).expect("a value is a slice of its text");
            assert_eq!(&text[span.clone()], value.get());
            assert_eq!(serde_json::from_str::<String>(&quote(key)).expect("a quoted key is JSON"), key.as_ref());
            edits.push((span, value.get().to_owned()));
        }
        assert_eq!(splice(text, edits.clone()), text, "putting the same back changes nothing");
        let emptied = splice(text, edits.into_iter().map(|(span, _)| (span, "0".to_owned())).collect());
        let emptied = holdshort_wire::json::members(&emptied).expect("still an object").len();
        assert_eq!(emptied, members.len());
    }
    for element in elements(text).unwrap_or_default() {
        assert!(span(text, element.get()).is_some());
    }
    assert!(span("abc", text).is_none() || text.is_empty());
});
