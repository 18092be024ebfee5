//! COSE receipts (RFC 9942) of a log directory, and the key that signs them.
//!
//! The key is made with the log's other keys, so that its public half can be handed out before the first receipt is. The
//! service itself signs no receipts: the private half can be taken away and kept offline, the log opens without it.

use super::audit::proof_damage;
use super::disk::{Disk, folder_of, write_whole};
use super::error::{Damage, LogError, Wrong};
use super::keys::{check_mode, read_bounded, read_public, seed, write_private};
use super::layout::{CHECKPOINT_FILE, PUBLIC_KEY_FILE, RECEIPT_PUBLIC_KEY_FILE};
use super::prove::prove;
use super::recover::read_checkpoint;
use super::tiles::DirectoryTiles;
use super::verify::check_older;
use holdshort_ledger::{
    Checkpoint, ConsistencyProof, Disclosure, Note, Receipt, ReceiptError, ReceiptSigner, ReceiptVerifier,
};
use std::path::{Path, PathBuf};

/// `log.cose.key` stands beside `log.key`.
#[must_use]
pub fn receipt_key_file(key_file: &Path) -> PathBuf {
    key_file.with_extension("cose.key")
}

/// Makes the key of a log that has none, and checks that the halves which are here belong together.
pub(crate) fn load_or_create(disk: &dyn Disk, key_file: &Path, directory: &Path) -> Result<(), LogError> {
    let (file, public_file) = (receipt_key_file(key_file), directory.join(RECEIPT_PUBLIC_KEY_FILE));
    match (file.exists(), public_file.exists()) {
        // The private half is kept elsewhere.
        (false, true) => return Ok(()),
        (false, false) => {
            write_private(disk, &file, ReceiptSigner::from_seed(&seed(&file)?).to_secret_text().trim_end())?;
            let folder = folder_of(&file);
            disk.sync_folder(folder).map_err(LogError::io("sync", folder))?;
        }
        (true, _) => {}
    }
    // If we crashed between the two files, the public one is written now: it follows from the private one.
    if !public_file.exists() {
        let public = read_private(&file)?.verifier().to_string();
        write_whole(disk, &public_file, public.as_bytes(), 0o644).map_err(LogError::io("write", &public_file))?;
    }
    receipt_signer(&file, directory).map(drop)
}

/// Reads the key that signs the receipts of the log in `directory`.
///
/// # Errors
/// [`LogError::Key`] when it can be read by others, is no such key, or not that of this log's `log.cose.pub`;
/// [`LogError::Io`].
pub fn receipt_signer(file: &Path, directory: &Path) -> Result<ReceiptSigner, LogError> {
    let signer = read_private(file)?;
    let public = read_bounded(&directory.join(RECEIPT_PUBLIC_KEY_FILE))?;
    if ReceiptVerifier::parse(&public).as_ref() == Ok(&signer.verifier()) {
        return Ok(signer);
    }
    let what = "is not the receipt key of this log: `log.cose.pub` has another one";
    Err(LogError::Key { file: file.to_owned(), what })
}

fn read_private(file: &Path) -> Result<ReceiptSigner, LogError> {
    check_mode(file)?;
    let what = "is not an Ed25519 private key in PEM";
    ReceiptSigner::parse(&read_bounded(file)?).map_err(|_| LogError::Key { file: file.to_owned(), what })
}

/// A receipt for a record, over the tree of the last checkpoint, and what was recorded, as [`prove`] discloses it.
///
/// # Errors
/// As [`prove`].
pub fn inclusion_receipt(
    directory: &Path,
    index: u64,
    disclose: bool,
    signer: &ReceiptSigner,
) -> Result<(Receipt, Disclosure), LogError> {
    let key = read_public(&directory.join(PUBLIC_KEY_FILE))?;
    let proof = prove(directory, index, disclose)?;
    let wrong = |error: String| Damage::new(CHECKPOINT_FILE, 0, Some(index), Wrong::Format(error));
    let disclosure = proof.disclosure().map_err(|error| wrong(error.to_string()))?;
    let receipt = signer.inclusion(&proof, &disclosure.entry().leaf(), &key);
    Ok((receipt.map_err(|error| wrong(error.to_string()))?, disclosure))
}

/// A receipt that the last checkpoint continues an older one, whose signature must have been checked.
///
/// # Errors
/// [`LogError::Damaged`] when it does not, or the tiles are not what was signed; [`LogError::Key`] for `log.pub`.
pub fn consistency_receipt(
    directory: &Path,
    older: &Checkpoint,
    signer: &ReceiptSigner,
) -> Result<(Receipt, Checkpoint), LogError> {
    let key = read_public(&directory.join(PUBLIC_KEY_FILE))?;
    let (note, checkpoint) = read_checkpoint(directory, &key)?;
    check_older(older, &checkpoint)?;
    let wrong = |wrong| Damage::new(CHECKPOINT_FILE, 0, None, wrong);
    let note = Note::parse(note.as_bytes()).map_err(|error| wrong(Wrong::Checkpoint(error.to_string())))?;
    let proof = ConsistencyProof::make(older.size, checkpoint.size, &mut DirectoryTiles::new(directory))
        .map_err(|error| proof_damage(error, checkpoint.size))?;
    let receipt = signer.consistency(older, &note, proof.hashes, &key).map_err(|error| match error {
        ReceiptError::Proof(_) if older.size > 0 => wrong(Wrong::Rewritten(older.size)),
        other => wrong(Wrong::Format(other.to_string())),
    })?;
    Ok((receipt, checkpoint))
}

#[cfg(test)]
#[path = "receipts_tests.rs"]
mod tests;
