#![no_main]
//! Feeds and rules of any bytes: read without a panic, and what is read is found again.

use holdshort_detect::intelligence::{Builder, Feed, Format, parse};
use holdshort_detect::{Text, rules};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 5] = [Format::Plain, Format::Hosts, Format::Csv, Format::Misp, Format::Stix];

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    if *choice == 255 {
        if let Ok(text) = std::str::from_utf8(bytes) {
            let _ = rules::import(text);
            let _ = rules::read("f", text);
        }
        return;
    }
    let format = FORMATS[usize::from(*choice) % FORMATS.len()];
    let feed = Feed { name: "f", format, confidence: 80, ttl_ms: None, changed_ms: 0, bytes };
    let mut builder = Builder::new(1);
    let read = builder.add(&feed);
    let feeds = builder.build();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut found = Vec::new();
    feeds.find(&Text::new("", text), &mut found);
    // A single indicator reads the same again.
    if let (Ok(_), Ok(value)) = (read, parse(None, text)) {
        assert_eq!(parse(None, &value.to_string()), Ok(value));
    }
});
