//! Requests to a witness and its answers: no panic, what is taken is written back as it was, and nothing is cosigned without
//! the log's key.
#![no_main]

use holdshort_ledger::{AddCheckpoint, Checkpoint, Hash, Judgement, SigningKey, judge, kept_notes};
use holdshort_ledger::{parse_cosignatures, parse_size_answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = (parse_size_answer(data), kept_notes(data));
    if let Ok(signatures) = parse_cosignatures(data) {
        let again: String = signatures.iter().map(|signature| format!("{signature}\n")).collect();
        assert_eq!(parse_cosignatures(again.as_bytes()).as_ref(), Ok(&signatures));
    }
    let Ok(request) = AddCheckpoint::parse(data) else { return };
    assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()).as_ref(), Ok(&request));
    let log = SigningKey::from_seed(request.origin(), &[7; 32]);
    let Ok(log) = log else { return };
    let stored = Checkpoint { origin: request.origin().to_owned(), size: 3, root: Hash::leaf(b"x") };
    for stored in [None, Some(&stored)] {
        assert_eq!(judge(stored, &log.verifier(), &request), Judgement::Unsigned, "cosigned without the key");
    }
    // The same request, signed: whatever it asks for, it is answered, and the answer keeps to the rules.
    let Ok(note) = log.sign(request.note.text()) else { return };
    let request = AddCheckpoint { note, ..request };
    if let Judgement::Cosign(found) = judge(Some(&stored), &log.verifier(), &request) {
        assert!(found.size >= stored.size && request.old_size == stored.size);
        assert!(found.size > stored.size || found.root == stored.root);
    }
});
