//! Receipts of real directories, their key, and roots that nobody signed.

use super::super::tests::{data, fill, options};
use super::super::{LogOptions, keys};
use super::*;
use holdshort_ledger::{Hash, ReceiptProof, SigningKey};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const SIZE: u64 = 700;

fn signer(options: &LogOptions) -> ReceiptSigner {
    receipt_signer(&receipt_key_file(&options.key_file), &options.directory).unwrap()
}

fn public(options: &LogOptions) -> ReceiptVerifier {
    ReceiptVerifier::parse(&fs::read_to_string(options.directory.join(RECEIPT_PUBLIC_KEY_FILE)).unwrap()).unwrap()
}

fn checkpoint(options: &LogOptions) -> Checkpoint {
    let key = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
    read_checkpoint(&options.directory, &key).unwrap().1
}

#[test]
fn a_record_has_a_receipt_over_the_signed_root() {
    let data = data();
    let options = options(&data);
    fill(&options, SIZE).close_blocking().unwrap();
    for index in [0, 255, 256, 699] {
        let (receipt, disclosure) = inclusion_receipt(&options.directory, index, true, &signer(&options)).unwrap();
        let proved = receipt.verify_inclusion(&disclosure.entry().leaf(), &public(&options)).unwrap();
        assert_eq!((proved.root, proved.size), (checkpoint(&options).root, Some(SIZE)));
        assert!(matches!(receipt.proof(), ReceiptProof::Inclusion(proof) if proof.index == index));
    }
    let error = inclusion_receipt(&options.directory, SIZE, false, &signer(&options)).unwrap_err();
    assert!(error.to_string().contains("covers 700 records"), "{error}");
}

#[test]
fn a_log_that_goes_on_has_a_receipt_of_that_and_one_that_was_rewritten_has_none() {
    let data = data();
    let options = options(&data);
    fill(&options, 300).close_blocking().unwrap();
    let older = checkpoint(&options);
    fill(&options, SIZE).close_blocking().unwrap();
    let (receipt, newer) = consistency_receipt(&options.directory, &older, &signer(&options)).unwrap();
    let proved = receipt.verify_consistency(&older, &public(&options)).unwrap();
    assert_eq!((proved.root, newer), (checkpoint(&options).root, checkpoint(&options)));

    let found = |older: Checkpoint| match consistency_receipt(&options.directory, &older, &signer(&options)) {
        Err(LogError::Damaged(damage)) => damage.wrong,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(Checkpoint { root: Hash::empty(), ..older.clone() }), Wrong::Rewritten(300));
    assert_eq!(found(Checkpoint { size: 701, ..older.clone() }), Wrong::RolledBack { expected: 701, found: SIZE });
    assert!(matches!(found(Checkpoint { origin: "else".into(), ..older.clone() }), Wrong::Checkpoint(_)));
    assert!(matches!(found(Checkpoint { size: 0, root: Hash::empty(), ..older }), Wrong::Format(_)));
}

/// Whoever has the receipt key and can write the directory still gets no receipt for a root that the log did not sign.
#[test]
fn a_checkpoint_that_the_log_did_not_sign_gets_no_receipt() {
    let data = data();
    let options = options(&data);
    fill(&options, SIZE).close_blocking().unwrap();
    let own = checkpoint(&options);
    let stranger = SigningKey::from_seed(&own.origin, &[9; 32]).unwrap();
    fs::write(options.directory.join(CHECKPOINT_FILE), own.sign(&stranger).unwrap().to_string()).unwrap();
    assert!(inclusion_receipt(&options.directory, 1, false, &signer(&options)).is_err());
    assert!(consistency_receipt(&options.directory, &own, &signer(&options)).is_err());
}

#[test]
fn the_key_is_made_once_kept_apart_and_may_be_taken_away() {
    let data = data();
    let options = options(&data);
    fill(&options, 1).close_blocking().unwrap();
    let (file, before) = (receipt_key_file(&options.key_file), public(&options));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fill(&options, 2).close_blocking().unwrap();
    assert_eq!(public(&options), before);

    let away = data.path().join("away");
    fs::rename(&file, &away).unwrap();
    fill(&options, 3).close_blocking().unwrap();
    assert!(!file.exists(), "no second key is made behind the first one's back");
    assert!(receipt_signer(&away, &options.directory).is_ok());

    fs::write(&file, ReceiptSigner::from_seed(&[1; 32]).to_secret_text()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let error = receipt_signer(&file, &options.directory).unwrap_err();
    assert!(error.to_string().contains("another one"), "{error}");
    assert!(super::super::Log::open(options.clone()).is_err());
    fs::set_permissions(&away, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(receipt_signer(&away, &options.directory).unwrap_err().to_string().contains("0600"));

    // If a crash left the private half alone, the public one follows from it.
    fs::remove_file(options.directory.join(RECEIPT_PUBLIC_KEY_FILE)).unwrap();
    fill(&options, 4).close_blocking().unwrap();
    assert_eq!(public(&options), ReceiptSigner::from_seed(&[1; 32]).verifier());
}
