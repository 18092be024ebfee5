//! Requests to a witness: what is taken, and what is answered.

use super::*;
use crate::proof::MemoryTiles;
use crate::{Cosigner, CosignerAlgorithm, Edge, SigningKey};
use proptest::prelude::*;

const ORIGIN: &str = "example.com/log";

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

/// A tree whose leaves from `fork` on are another story, with the roots of all its beginnings.
fn tree(size: u64, fork: u64) -> (MemoryTiles, Vec<Hash>) {
    let (mut edge, mut tiles) = (Edge::default(), MemoryTiles::default());
    let mut roots = vec![edge.root()];
    for index in 0..size {
        let leaf = if index < fork { index } else { index + 1_000_000 };
        edge.push(Hash::leaf(&leaf.to_be_bytes()), &mut |tile, hashes| tiles.insert(tile, hashes));
        roots.push(edge.root());
    }
    edge.partial_tiles().for_each(|(tile, hashes)| tiles.insert(tile, hashes));
    (tiles, roots)
}

fn checkpoint(size: u64, root: Hash) -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size, root }
}

/// A request over a tree of 700 leaves.
fn request(old_size: u64, new_size: u64, fork: u64) -> (AddCheckpoint, Vec<Hash>) {
    let (mut tiles, roots) = tree(new_size, fork);
    let proof = ConsistencyProof::make(old_size.min(new_size), new_size, &mut tiles).unwrap().hashes;
    let note = checkpoint(new_size, *roots.last().unwrap()).sign(&key()).unwrap();
    (AddCheckpoint { old_size, proof, note }, roots)
}

#[test]
fn each_answer_of_the_specification() {
    let (_, roots) = tree(700, u64::MAX);
    let stored = checkpoint(300, roots[300]);
    let check = |stored: Option<&Checkpoint>, request: &AddCheckpoint, expected: Judgement| {
        assert_eq!(judge(stored, &key().verifier(), request), expected, "{request}");
    };
    let honest = |old, new| request(old, new, u64::MAX).0;
    let new = |size: u64| Judgement::Cosign(checkpoint(size, roots[usize::try_from(size).unwrap()]));
    check(None, &honest(0, 700), new(700));
    check(None, &honest(0, 0), new(0));
    check(Some(&stored), &honest(300, 700), new(700));
    check(Some(&stored), &honest(300, 300), new(300));
    check(Some(&stored), &honest(0, 700), Judgement::Outdated { known: 300, contradiction: false });
    check(Some(&stored), &honest(400, 700), Judgement::Outdated { known: 300, contradiction: false });
    check(None, &honest(10, 700), Judgement::Outdated { known: 0, contradiction: false });
    // Rolled back: an old checkpoint is no new one.
    check(Some(&stored), &honest(200, 200), Judgement::Outdated { known: 300, contradiction: false });
    check(Some(&stored), &honest(300, 200), Judgement::Backwards);
    // Rewritten and signed again.
    let forked = |old, new| request(old, new, 299).0;
    check(Some(&stored), &forked(300, 700), Judgement::Unproved);
    check(Some(&stored), &forked(300, 300), Judgement::Contradiction);
    check(Some(&stored), &forked(0, 300), Judgement::Outdated { known: 300, contradiction: true });
    // A proof where none belongs, none where one belongs, another one.
    let proof = vec![Hash::leaf(b"x")];
    check(None, &AddCheckpoint { proof: proof.clone(), ..honest(0, 700) }, Judgement::Unproved);
    check(Some(&stored), &AddCheckpoint { proof: proof.clone(), ..honest(300, 300) }, Judgement::Unproved);
    check(Some(&stored), &AddCheckpoint { proof: vec![], ..honest(300, 700) }, Judgement::Unproved);
    check(Some(&stored), &AddCheckpoint { proof, ..honest(300, 700) }, Judgement::Unproved);
    // A tree of nothing has one root.
    let note = checkpoint(0, Hash::leaf(b"x")).sign(&key()).unwrap();
    check(None, &AddCheckpoint { old_size: 0, proof: vec![], note }, Judgement::Unproved);
}

#[test]
fn only_the_log_s_own_signature_counts() {
    let other = SigningKey::from_seed(ORIGIN, &[8; 32]).unwrap();
    let (request, _) = request(0, 5, u64::MAX);
    assert_eq!(judge(None, &other.verifier(), &request), Judgement::Unsigned);
    let note = checkpoint(5, Hash::leaf(b"x")).sign(&other).unwrap();
    assert_eq!(judge(None, &key().verifier(), &AddCheckpoint { note, ..request }), Judgement::Unsigned);
}

#[test]
fn what_is_written_is_read_and_the_example_of_the_specification_is_taken() {
    let (request, _) = request(300, 700, u64::MAX);
    assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()), Ok(request.clone()));
    assert_eq!(request.origin(), ORIGIN);
    let example = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\n\
        example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let parsed = AddCheckpoint::parse(example.as_bytes()).unwrap();
    assert_eq!((parsed.old_size, parsed.proof.len(), parsed.to_string()), (20_852_014, 2, example.to_owned()));
}

#[test]
fn other_spellings_and_other_texts_are_refused() {
    let good = request(300, 700, u64::MAX).0.to_string();
    assert!(AddCheckpoint::parse(good.as_bytes()).is_ok());
    for bad in [
        String::new(),
        good.replace("old 300", "old 0300"),
        good.replace("old 300", "old +300"),
        good.replace("old 300", "old  300"),
        good.replace("old 300", "old 300 "),
        good.replace("old 300", "old 18446744073709551616"),
        good.replace("old 300", "Old 300"),
        good.replace("old 300\n", ""),
        good.replacen('\n', "\r\n", 1),
        good.replacen('\n', "\nAAAA\n", 1),
        good.replacen('\n', "\n ", 1),
        good.trim_end().to_owned(),
        good.replace(ORIGIN, ""),
        good.replace("\n700\n", "\n0700\n"),
        format!("{good}x"),
    ] {
        assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let line = format!("{}\n", STANDARD.encode([7; 32]));
    let long = |lines| good.replacen('\n', &format!("\n{}", line.repeat(lines)), 1);
    let own = request(300, 700, u64::MAX).0.proof.len();
    assert!(AddCheckpoint::parse(long(WITNESS_PROOF_LINES_MAX - own).as_bytes()).is_ok());
    assert_eq!(AddCheckpoint::parse(long(WITNESS_PROOF_LINES_MAX - own + 1).as_bytes()), Err(WitnessError::TooLarge));
    let huge = vec![b'x'; WITNESS_REQUEST_BYTES_MAX + 1];
    assert_eq!(AddCheckpoint::parse(&huge), Err(WitnessError::TooLarge));
}

#[test]
fn an_answer_is_the_lines_that_were_added() {
    let mut note = request(0, 5, u64::MAX).0.note;
    for algorithm in [CosignerAlgorithm::Ed25519, CosignerAlgorithm::MlDsa44] {
        Cosigner::from_seed(algorithm, "w.example/1", &[3; 32]).unwrap().cosign(&mut note, 7).unwrap();
    }
    let lines = cosignature_lines(&note, 2);
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(parse_cosignatures(lines.as_bytes()).unwrap(), note.signatures()[1..]);
    for bad in ["", "x\n", "\n", lines.trim_end(), &lines.repeat(9)] {
        assert!(parse_cosignatures(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn sizes_in_answers() {
    for (text, size) in
        [("0\n", Some(0)), ("50\n", Some(50)), ("", None), ("50", None), ("050\n", None), ("5\n6\n", None)]
    {
        assert_eq!(parse_size_answer(text.as_bytes()), size, "{text:?}");
    }
}

proptest! {
    /// A witness that follows its own answers never has two stories of one log, whoever asks in whatever order.
    #[test]
    fn nothing_that_does_not_continue_is_cosigned(steps in prop::collection::vec((0u64..40, 0u64..40, 0u64..40, any::<bool>()), 1..60)) {
        let mut stored: Option<Checkpoint> = None;
        let mut cosigned: Vec<Checkpoint> = Vec::new();
        for (old, new, fork, follow) in steps {
            let old = if follow { stored.as_ref().map_or(0, |stored| stored.size) } else { old };
            let (mut request, _) = request(old, new, fork);
            request.old_size = old;
            if let Judgement::Cosign(found) = judge(stored.as_ref(), &key().verifier(), &request) {
                let (_, roots) = tree(new, fork);
                for earlier in &cosigned {
                    prop_assert_eq!(roots[usize::try_from(earlier.size).unwrap()], earlier.root);
                }
                prop_assert!(stored.as_ref().is_none_or(|stored| stored.size <= found.size));
                cosigned.push(found.clone());
                stored = Some(found);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(request) = AddCheckpoint::parse(&bytes) {
            prop_assert_eq!(request.to_string().into_bytes(), bytes);
        }
    }
}
