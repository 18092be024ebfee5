//! Headers that mirror a body: values round-trip as visible ASCII, our own mirror verifies, and a lie does not.
#![no_main]

use holdshort_wire::mcp::headers::{declared, decode, encode, mirror, verify};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The first line is a value, the second an input schema, the third the params of a call.
fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let value = lines.next().unwrap_or_default();
    let encoded = encode(value);
    assert!(encoded.bytes().all(|byte| matches!(byte, 0x20..=0x7e)), "{encoded:?}");
    assert_eq!(decode(&encoded).as_deref(), Some(value));
    let _ = decode(value);
    let schema: Value = lines.next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let params: Value = lines.next().and_then(|rest| serde_json::from_str(rest).ok()).unwrap_or_default();
    let declared = declared(&schema);
    for method in ["tools/call", "resources/read", "tasks/get", "ping"] {
        let headers = mirror(method, &params, &declared);
        let of = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        for (name, value) in &headers {
            assert!(value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && !name.is_empty());
            // Two declarations may share a header and disagree; then nothing can verify, which is the safe answer.
            let twice = headers.iter().filter(|(key, _)| key == name).count() > 1;
            let lie = |header: &str| if header == name { Some("\u{1}another story") } else { of(header) };
            assert!(verify(method, &params, &declared, true, lie).is_err());
            assert!(
                twice
                    || verify(method, &params, &declared, false, |header| of(header).filter(|_| header == name))
                        .is_ok()
            );
        }
    }
});
