//! Policies: what is read, and when a quorum is met.

use super::*;
use crate::{Cosigner, CosignerAlgorithm, Hash, SigningKey};
use proptest::prelude::*;

fn log() -> SigningKey {
    SigningKey::from_seed("example.com/log", &[7; 32]).unwrap()
}

fn witness(at: u8) -> Cosigner {
    let algorithm = if at.is_multiple_of(2) { CosignerAlgorithm::Ed25519 } else { CosignerAlgorithm::MlDsa44 };
    Cosigner::from_seed(algorithm, &format!("w{at}.example/w"), &[at; 32]).unwrap()
}

/// The example of the specification with six witnesses.
fn example() -> String {
    let mut text = format!("# known\nlog {} https://example.com/log\n\n", log().verifier());
    for at in 1..=6 {
        text += &format!("witness W{at}\t{}  http://127.0.0.1:{at}/\n", witness(at).key());
    }
    text + "group X 2 W1 W2 W3\n group Y any W4 W5 W6 \ngroup both all X Y\nquorum both\n"
}

fn cosigned(witnesses: &[u8]) -> Note {
    let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 3, root: Hash::leaf(b"x") };
    let mut note = checkpoint.sign(&log()).unwrap();
    for at in witnesses {
        witness(*at).cosign(&mut note, 1_700_000_000 + u64::from(*at)).unwrap();
    }
    note
}

#[test]
fn a_quorum_of_groups() {
    let policy = WitnessPolicy::parse(example().as_bytes()).unwrap();
    assert_eq!(policy.logs(), [log().verifier()]);
    assert_eq!(policy.witnesses()[1].url.as_deref(), Some("http://127.0.0.1:2"));
    assert_eq!(policy.quorum(), "2 of the 2 in `both`");
    for (witnesses, met) in [
        (&[][..], false),
        (&[1, 2], false),
        (&[1, 4], false),
        (&[4, 5, 6], false),
        (&[1, 2, 4], true),
        (&[2, 3, 6], true),
        (&[1, 2, 3, 4, 5, 6], true),
    ] {
        let found = policy.check(&cosigned(witnesses));
        assert_eq!((found.met, found.present.len()), (met, witnesses.len()), "{witnesses:?}");
        assert_eq!(found.missing.len(), 6 - witnesses.len());
    }
    assert_eq!(policy.check(&cosigned(&[2])).present, [("W2".to_owned(), 1_700_000_002)]);
}

#[test]
fn a_url_holds_no_secret() {
    for url in ["https://u:hunter2@w.example", "https://w.example/?t=hunter2", "http://w.example/#hunter2"] {
        let text = format!("witness W {} {url}\nquorum W\n", witness(1).key());
        let wrong = WitnessPolicy::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(wrong.contains("line 1") && !wrong.contains("hunter2"), "{wrong}");
    }
}

#[test]
fn a_cosignature_without_a_time_is_no_witness_s() {
    for at in [1, 2] {
        let policy = WitnessPolicy::parse(format!("witness W {}\nquorum W\n", witness(at).key()).as_bytes()).unwrap();
        let mut note = cosigned(&[]);
        witness(at).cosign(&mut note, 0).unwrap();
        let found = policy.check(&note);
        assert!(!found.met && found.missing[0].1.contains("no time"), "{found:?}");
    }
}

#[test]
fn cosignatures_of_others_of_another_checkpoint_and_of_the_log_itself_do_not_count() {
    let text = format!("witness W {}\nquorum W\n", witness(2).key());
    let policy = WitnessPolicy::parse(text.as_bytes()).unwrap();
    assert!(!policy.check(&cosigned(&[4])).met);
    let mut lie = cosigned(&[]);
    let other = Checkpoint { origin: "example.com/log".into(), size: 4, root: Hash::leaf(b"y") };
    let mut foreign = other.sign(&log()).unwrap();
    witness(2).cosign(&mut foreign, 9).unwrap();
    lie.add(foreign.signatures()[1].clone()).unwrap();
    let found = policy.check(&lie);
    assert!(!found.met && found.missing[0].1.contains("wrong"), "{found:?}");
    let own = Cosigner::from_seed(CosignerAlgorithm::MlDsa44, "example.com/log", &[9; 32]).unwrap();
    let policy = WitnessPolicy::parse(format!("witness W {}\nquorum W\n", own.key()).as_bytes()).unwrap();
    let mut note = cosigned(&[]);
    own.cosign(&mut note, 9).unwrap();
    let found = policy.check(&note);
    assert!(!found.met && found.missing[0].1.contains("the log itself"), "{found:?}");
}

#[test]
fn none_asks_for_nothing_and_a_witness_can_be_the_quorum() {
    let none = WitnessPolicy::parse(b"quorum none").unwrap();
    assert!(none.check(&cosigned(&[])).met && none.logs().is_empty());
    let one = WitnessPolicy::parse(format!("witness W {}\nquorum W", witness(1).key()).as_bytes()).unwrap();
    assert!(one.check(&cosigned(&[1])).met && !one.check(&cosigned(&[2])).met);
}

#[test]
fn names_are_octets_and_comments_may_be_anything() {
    let key = witness(2).key().to_string();
    let text = [
        &b"# \xff\xfe\nwitness \xff "[..],
        key.as_bytes(),
        b"\nwitness \xfe ",
        witness(4).key().to_string().as_bytes(),
        b"\ngroup g 1 \xff \xfe\nquorum g",
    ]
    .concat();
    assert!(WitnessPolicy::parse(&text).unwrap().check(&cosigned(&[4])).met);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let check = |text: &str, line: usize, what: &str| match WitnessPolicy::parse(text.as_bytes()) {
        Err(PolicyError::Line { line: found, what: said }) => {
            assert_eq!(found, line, "{text}: {said}");
            assert!(said.contains(what), "{text}: {said}");
        }
        other => panic!("{text}: {other:?}"),
    };
    let (one, two) = (format!("witness W1 {}", witness(1).key()), format!("witness W2 {}", witness(2).key()));
    check("quorum W", 1, "not defined");
    check("quorum none\nquorum none", 2, "second");
    check("quorum none none", 1, "expected");
    check("witnes W", 1, "`witnes` is not");
    check("witness W x", 1, "not a witness's key");
    check(&format!("witness W {}", log().verifier()), 1, "not a witness's key");
    check(&format!("log {}", witness(2).key()), 1, "not a key");
    check(&format!("log {0}\nlog {0}", log().verifier()), 2, "two lines");
    check(&format!("{one}\n{}", one.replacen("W1", "W3", 1)), 2, "count twice");
    check(&format!("{one}\n{}", two.replacen("W2", "W1", 1)), 2, "given twice");
    check(&one.replacen("W1", "none", 1), 1, "of the format");
    check(&format!("{one} ftp://x"), 1, "begin with");
    check(&format!("{one}\ngroup g all"), 2, "expected");
    check(&format!("{one}\ngroup g 0 W1"), 2, "0 of 1");
    check(&format!("{one}\ngroup g 2 W1"), 2, "2 of 1");
    check(&format!("{one}\ngroup g 01 W1"), 2, "not `all`");
    check(&format!("{one}\ngroup g all W1 W1"), 2, "member already");
    check(&format!("{one}\ngroup g all W1\ngroup h all W1"), 3, "member already");
    check(&format!("{one}\ngroup g all g"), 2, "not defined above");
    check(&format!("{one}\ngroup g all none"), 2, "not defined above");
    let own = Cosigner::from_seed(CosignerAlgorithm::MlDsa44, "example.com/log", &[9; 32]).unwrap();
    check(&format!("log {}\nwitness W {}", log().verifier(), own.key()), 2, "no witness of its own");
    check(&format!("witness W {}\nlog {}", own.key(), log().verifier()), 2, "none of its own");
    let same = Cosigner::from_seed(CosignerAlgorithm::Ed25519, "w.example/other", &[7; 32]).unwrap();
    check(&format!("log {}\nwitness W {}", log().verifier(), same.key()), 2, "no witness of its own");
    for url in [
        "http://",
        "https:///x",
        "http://:80",
        "http://h:",
        "http://h:0",
        "http://h:65536",
        "http://h:+1",
        "http://[::1",
        "http://[h]:1",
        "http://[::1]x",
        "http://a\\b",
        "http://h/\u{e9}",
        "http://h:1:2",
    ] {
        check(&format!("{one} {url}"), 1, "is no address");
    }
    check("quorum none\r\n", 1, "control character");
    assert_eq!(WitnessPolicy::parse(b""), Err(PolicyError::NoQuorum));
    assert_eq!(WitnessPolicy::parse(&vec![b'#'; POLICY_BYTES_MAX + 1]), Err(PolicyError::TooLarge));
}

#[test]
fn a_key_of_the_same_bytes_under_another_name_is_the_same_witness() {
    let same = Cosigner::from_seed(CosignerAlgorithm::Ed25519, "else.example/w", &[2; 32]).unwrap();
    let text = format!("witness A {}\nwitness B {}\ngroup g all A B\nquorum g", witness(2).key(), same.key());
    assert!(matches!(WitnessPolicy::parse(text.as_bytes()), Err(PolicyError::Line { line: 2, .. })));
}

proptest! {
    /// More cosignatures never unmeet a quorum, and fewer never meet one.
    #[test]
    fn a_quorum_is_monotonic(mask in 0u8..64, more in 1u8..=6) {
        let policy = WitnessPolicy::parse(example().as_bytes()).unwrap();
        let some: Vec<u8> = (1..=6).filter(|at| mask & (1 << (at - 1)) != 0).collect();
        let mut all = some.clone();
        if !all.contains(&more) {
            all.push(more);
        }
        prop_assert!(!policy.check(&cosigned(&some)).met || policy.check(&cosigned(&all)).met);
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = WitnessPolicy::parse(&bytes);
    }
}

#[test]
fn two_keys_of_one_witness_count_once_or_not_at_all() {
    let key = |algorithm, seed| Cosigner::from_seed(algorithm, "w.example/w", &[seed; 32]).unwrap();
    let (classic, newer) = (key(CosignerAlgorithm::Ed25519, 1), key(CosignerAlgorithm::MlDsa44, 2));
    let lines = format!("witness old {}\nwitness new {}\nwitness W {}\n", classic.key(), newer.key(), witness(2).key());
    for twice in [
        "group g 2 old new W\nquorum g",
        "group g all old new\nquorum g",
        "group a any old\ngroup b any new W\ngroup g all a b\nquorum g",
    ] {
        let wrong = WitnessPolicy::parse(format!("{lines}{twice}").as_bytes()).unwrap_err().to_string();
        assert!(wrong.contains("line 2: `new` has the name of `old`") && wrong.contains("any old new"), "{wrong}");
    }
    let once = format!("{lines}group one any old new\ngroup g all one W\nquorum g");
    let policy = WitnessPolicy::parse(once.as_bytes()).unwrap();
    let mut note = cosigned(&[]);
    classic.cosign(&mut note, 5).unwrap();
    newer.cosign(&mut note, 5).unwrap();
    assert!(!policy.check(&note).met, "one witness");
    witness(2).cosign(&mut note, 5).unwrap();
    assert!(policy.check(&note).met);
    assert!(WitnessPolicy::parse(format!("{lines}quorum old").as_bytes()).is_ok(), "the other one is only known");
}
