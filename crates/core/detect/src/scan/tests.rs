use super::*;
use crate::{Detectors, OwnSecret};
use proptest::prelude::*;
use serde_json::json;

fn detectors() -> Detectors {
    Detectors::new(Parts::default()).unwrap()
}

fn rules(content: &Content) -> Vec<(&str, &str)> {
    content.secrets.iter().map(|secret| (secret.rule.as_str(), secret.at.as_str())).collect()
}

// Put together here, so that no scanner takes this file for a leak.
fn pat() -> String {
    ["ghp_", "x7Kd93mQpL2vNc8R", "tYw4ZbHs61JfGaUe50Xo"].concat()
}

#[test]
fn secrets_are_found_in_strings_keys_and_under_names() {
    let found = detectors().scan_args(&json!({
        "body": format!("my token is {}, thanks", pat()),
        "headers": [{"api_key": "9f3KqL0xZ27vBn4M8sTt"}],
        (pat()): 1,
        "url": format!("https://x.example/?a=1&t={}&b=2", pat()),
    }));
    assert_eq!(
        rules(&found),
        [
            ("generic-api-key", "/headers/0/api_key"),
            ("github-pat", "/body"),
            ("github-pat", &format!("/{}", pat())),
            ("github-pat", "/url"),
        ]
    );
    let prints: Vec<&str> = found.secrets.iter().skip(1).map(|secret| secret.fingerprint.as_str()).collect();
    assert!(prints.iter().all(|print| *print == prints[0] && print.len() == 16));
}

#[test]
fn decoded_forms_are_scanned_and_said() {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("token: {}", pat()));
    let hex: String = pat().bytes().map(|byte| format!("{byte:02x}")).collect();
    let found = detectors().scan_parts(&[encoded, hex, pat().replace('_', "%5F")], false);
    let how: Vec<_> = found.secrets.iter().map(|secret| (secret.at.as_str(), secret.decoded.as_deref())).collect();
    assert_eq!(how, [("part/0", Some("base64")), ("part/1", Some("hex")), ("part/2", Some("percent"))]);
}

#[test]
fn own_secrets_are_known_by_fingerprint() {
    let key = FingerprintKey::new(&[7; 32]);
    let own = OwnSecret::of(&key, "payroll-db", "correct/horse=battery9").unwrap();
    assert!(
        OwnSecret::of(&key, "blank", "with a blank").is_none() && OwnSecret::of(&key, "short", "1234567").is_none()
    );
    let parts = Parts { key, own_secrets: vec![own], ..Parts::default() };
    let detectors = Detectors::new(parts).unwrap();
    for (text, decoded) in [
        ("postgres://app:correct/horse=battery9@db/x", None),
        ("say \"correct/horse=battery9\".", None),
        ("cor\u{200b}rect/horse=battery9", None),
        ("cGFzczogY29ycmVjdC9ob3JzZT1iYXR0ZXJ5OQ==", Some("base64")),
        ("q=correct%2Fhorse%3Dbattery9", Some("percent")),
    ] {
        let found = detectors.scan_args(&json!([text]));
        let own: Vec<_> = found.secrets.iter().filter(|secret| secret.own).collect();
        assert_eq!(own.len(), 1, "{text}");
        assert_eq!((own[0].rule.as_str(), own[0].confidence, own[0].decoded.as_deref()), ("payroll-db", 100, decoded));
    }
    let found = detectors.scan_args(&json!("correct/horse=battery91 xcorrect/horse=battery9"));
    assert!(found.secrets.iter().all(|secret| !secret.own));
}

#[test]
fn personal_data_is_found_in_numbers_and_by_name() {
    let found = detectors().scan_args(
        &json!({"card": 4929123456789015u64, "people": ["anna@firma.de", "bo@firma.de"], "ssn": "536904399"}),
    );
    let kinds: Vec<_> = found.personal_data.iter().map(|data| (data.kind.as_str(), data.at.as_str())).collect();
    assert_eq!(kinds, [("email", "/people/0"), ("email", "/people/1"), ("payment-card", "/card"), ("us-ssn", "/ssn")]);
}

#[test]
fn exemptions_hold_where_they_are_meant() {
    let parts = |server: Option<&str>| Parts {
        exemptions: vec![Exemption { rule: "email".into(), server: server.map(str::to_owned) }],
        ..Parts::default()
    };
    let args = json!({"to": "anna@firma.de"});
    assert_eq!(Detectors::new(parts(None)).unwrap().scan_args(&args).personal_data, []);
    let at_mail = Detectors::new(parts(Some("mail"))).unwrap();
    let mut found = at_mail.scan_args(&args);
    at_mail.exempt("files", &mut found);
    assert_eq!(found.personal_data.len(), 1);
    at_mail.exempt("mail", &mut found);
    assert_eq!(found.personal_data, []);
}

#[test]
fn what_is_over_a_bound_is_said() {
    let detectors = detectors();
    assert!(detectors.scan_parts(&["x".repeat(SCAN_BYTES_MAX + 1)], false).truncated);
    assert!(!detectors.scan_parts(&["x ".repeat(SCAN_BYTES_MAX / 2)], false).truncated);
    assert!(detectors.scan_parts(&[], true).truncated);
    assert!(detectors.scan_args(&json!(vec!["a"; LEAVES_MAX + 1])).truncated);
    let deep = (0..200).fold(json!("x"), |inner, _| json!([inner]));
    assert!(detectors.scan_args(&deep).truncated);
    let many: Vec<String> = (0..FOUND_MAX + 1).map(|n| format!("a{n}@firma.de")).collect();
    let found = detectors.scan_args(&json!(many));
    assert!(found.truncated && found.personal_data.len() == FOUND_MAX);
}

#[test]
fn the_default_scans_nothing() {
    let none = Detectors::default();
    assert_eq!(none.scan_args(&json!(pat())), Content::default());
    assert_eq!(none.digest(), Detectors::default().digest());
    assert_ne!(none.digest(), detectors().digest());
}

#[test]
fn the_digest_covers_what_is_configured() {
    let with = |parts| Detectors::new(parts).unwrap().digest();
    let base = with(Parts::default());
    assert_eq!(base, with(Parts::default()));
    assert_ne!(base, with(Parts { known_domains: vec!["example.com".into()], ..Parts::default() }));
    assert_ne!(base, with(Parts { key: FingerprintKey::new(&[1; 32]), ..Parts::default() }));
    let exemptions = vec![Exemption { rule: "email".into(), server: None }];
    assert_ne!(base, with(Parts { exemptions, ..Parts::default() }));
}

#[test]
fn faults_are_told_all_at_once() {
    let own = OwnSecret { name: "short".into(), fingerprint: [0; 32], bytes: 3 };
    let faults = Detectors::new(Parts {
        own_secrets: vec![own],
        known_domains: vec!["not a domain".into()],
        exemptions: vec![Exemption { rule: "emial".into(), server: None }],
        ..Parts::default()
    });
    let faults: Vec<String> = faults.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
}

// Texts that cost the most: keywords, separators and figures, over and over.
#[test]
fn hostile_texts_are_scanned_in_bounded_time() {
    let detectors = detectors();
    for piece in [
        "key=",
        "ey",
        "-----BEGIN ",
        "sk",
        "a@",
        "1 ",
        "1-2-",
        "&#65;",
        "%41",
        "curl ",
        "curl -u a:",
        "facebook 1234567890123456|",
        "kind: secret data: ",
        "QUJD",
        "<|im_start|>",
        "display:none ",
    ] {
        let text = piece.repeat(128 * 1024 / piece.len());
        detectors.scan_parts(&[text], false);
    }
}

proptest! {
    #[test]
    fn any_text_is_scanned_the_same_twice_and_no_value_is_shown(text in "\\PC{0,200}", keep in any::<bool>()) {
        let detectors = detectors();
        let text = if keep { format!("{text} {} {text}", pat()) } else { text };
        let parts = [text.clone(), text.clone()];
        let found = detectors.scan_parts(&parts, false);
        prop_assert_eq!(&found, &detectors.scan_parts(&parts, false));
        let shown = format!("{found:?} {} {detectors:?}", serde_json::to_string(&found).unwrap());
        prop_assert!(!shown.contains(&pat()));
        prop_assert!(found.secrets.is_sorted() && found.secrets.len() <= FOUND_MAX);
        detectors.destinations([text.as_str()].into_iter(), &|_| false);
    }

    // More text never hides what was found: signals only grow with what stands beside.
    #[test]
    fn what_stands_beside_hides_nothing(before in "[ -~]{0,80}", after in "[ -~]{0,80}") {
        let found = detectors().scan_args(&json!([before, pat(), after]));
        prop_assert!(found.secrets.iter().any(|secret| secret.rule == "github-pat" && secret.at == "/1"));
    }
}
