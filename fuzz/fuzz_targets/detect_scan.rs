//! Any content and any host: no panic, the same answer each time, bounded, and no more said of a place than there is.
#![no_main]

use holdshort_detect::{Detectors, FingerprintKey, OwnSecret, Parts};
use holdshort_model::FOUND_MAX;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static DETECTORS: LazyLock<Detectors> = LazyLock::new(|| {
    let key = FingerprintKey::default();
    let own_secrets = OwnSecret::of(&key, "own", "correct/horse=battery9").into_iter().collect();
    let known_domains = vec!["example.com".to_owned(), "paypal.com".to_owned()];
    Detectors::new(Parts { key, own_secrets, known_domains, ..Parts::default() }).expect("detectors")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let parts: Vec<String> = text.split('\0').map(str::to_owned).collect();
    let found = DETECTORS.scan_parts(&parts, false);
    assert_eq!(found, DETECTORS.scan_parts(&parts, false));
    assert!(found.secrets.len() <= FOUND_MAX && found.personal_data.len() <= FOUND_MAX);
    assert!(found.secrets.is_sorted() && found.personal_data.is_sorted());
    if let Ok(args) = serde_json::from_slice(data) {
        assert_eq!(DETECTORS.scan_args(&args), DETECTORS.scan_args(&args));
    }
    let hosts = DETECTORS.destinations(parts.iter().map(String::as_str), &|_| false);
    assert!(hosts.len() <= FOUND_MAX && hosts.is_sorted());
});
