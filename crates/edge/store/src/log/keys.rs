//! The log's keys: the private one outside the log directory, the public one in it.

use super::disk::{Disk, folder_of, write_whole};
use super::layout::{COSIGNER_PUBLIC_KEY_FILE, PUBLIC_KEY_FILE};
use super::{LogError, LogOptions};
use holdshort_ledger::{Cosigner, CosignerAlgorithm, CosignerKey, SigningKey, VerifierKey};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Longest key file that is read, in bytes.
pub(crate) const KEY_FILE_BYTES_MAX: u64 = 4_096;

/// What signs the checkpoints of a log.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) log: SigningKey,
    /// Signs with ML-DSA-44 beside it, so that a checkpoint of today is not forged by a quantum computer of tomorrow.
    pub(crate) cosigner: Cosigner,
}

/// Reads the keys, or makes them for a log that has none yet.
pub(crate) fn load_or_create(disk: &dyn Disk, options: &LogOptions, is_new: bool) -> Result<Keys, LogError> {
    let log = log_key(disk, options, is_new)?;
    // A log of an earlier version gets its other keys now.
    let file = cosigner_file(&options.key_file);
    let public = options.directory.join(COSIGNER_PUBLIC_KEY_FILE);
    let cosigner = cosigner(disk, &file, &public, log.verifier().name(), CosignerAlgorithm::MlDsa44)?;
    super::receipts::load_or_create(disk, &options.key_file, &options.directory)?;
    Ok(Keys { log, cosigner })
}

/// `log.key` stands beside `log.mldsa.key`.
fn cosigner_file(key_file: &Path) -> PathBuf {
    key_file.with_extension("mldsa.key")
}

/// Reads the key of a cosigner, or makes it; the public half goes where it can be handed out.
pub(crate) fn cosigner(
    disk: &dyn Disk,
    file: &Path,
    public_file: &Path,
    name: &str,
    algorithm: CosignerAlgorithm,
) -> Result<Cosigner, LogError> {
    let wrong = |what| LogError::Key { file: file.to_owned(), what };
    if !file.exists() {
        if public_file.exists() {
            return Err(wrong(
                "is missing, but its public half exists; bring it back, or remove that to begin a new one",
            ));
        }
        let key = Cosigner::from_seed(algorithm, name, &seed(file)?)
            .map_err(|_| wrong("cannot be made: the name has a space, `+` or nothing in it"))?;
        write_private(disk, file, &key.to_secret_text())?;
        let folder = folder_of(file);
        disk.sync_folder(folder).map_err(LogError::io("sync", folder))?;
    }
    check_mode(file)?;
    let key = Cosigner::parse(read_bounded(file)?.trim_end())
        .map_err(|_| wrong("is not a cosigner's private key in signed-note format"))?;
    // If we crashed between the two files, the public one is written now: it follows from the private one.
    if !public_file.exists() {
        write_whole(disk, public_file, format!("{}\n", key.key()).as_bytes(), 0o644)
            .map_err(LogError::io("write", public_file))?;
    }
    let public = CosignerKey::parse(read_bounded(public_file)?.trim_end());
    if public.as_ref() != Ok(key.key()) || key.key().name() != name {
        return Err(wrong("is not the key of its public half, or has another name"));
    }
    Ok(key)
}

fn log_key(disk: &dyn Disk, options: &LogOptions, is_new: bool) -> Result<SigningKey, LogError> {
    let file = &options.key_file;
    let wrong = |what| LogError::Key { file: file.clone(), what };
    if file.starts_with(&options.directory) {
        return Err(wrong("the private key must not lie in the log directory, which is handed out"));
    }
    let public_file = options.directory.join(PUBLIC_KEY_FILE);
    if !file.exists() {
        if !is_new || public_file.exists() {
            return Err(wrong("is missing, but the log exists; bring the key back, or start a new log elsewhere"));
        }
        create_private(disk, options)?;
    }
    let key = read_private(file)?;
    if is_new {
        let folder = folder_of(file);
        disk.sync_folder(folder).map_err(LogError::io("sync", folder))?;
    }
    // If we crashed between the two files, the public one is written now: it follows from the private one.
    if !public_file.exists() && is_new {
        let text = format!("{}\n", key.verifier());
        write_whole(disk, &public_file, text.as_bytes(), 0o644).map_err(LogError::io("write", &public_file))?;
    }
    let public = read_public(&public_file)?;
    if public != key.verifier() {
        return Err(wrong("is not the private key of this log: `log.pub` has another one"));
    }
    Ok(key)
}

/// Reads `log.pub`.
pub(crate) fn read_public(file: &Path) -> Result<VerifierKey, LogError> {
    let text = read_bounded(file)?;
    VerifierKey::parse(text.trim_end())
        .map_err(|_| LogError::Key { file: file.to_owned(), what: "is not a verification key in signed-note format" })
}

fn create_private(disk: &dyn Disk, options: &LogOptions) -> Result<(), LogError> {
    let file = &options.key_file;
    let key = SigningKey::from_seed(&options.origin, &seed(file)?).map_err(|_| LogError::Key {
        file: file.clone(),
        what: "cannot be made: the log's origin has a space, `+` or nothing in it",
    })?;
    write_private(disk, file, &key.to_secret_text())
}

pub(crate) fn seed(file: &Path) -> Result<[u8; 32], LogError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| LogError::io("draw random bytes for", file)(std::io::Error::other(error)))?;
    Ok(seed)
}

pub(crate) fn write_private(disk: &dyn Disk, file: &Path, text: &str) -> Result<(), LogError> {
    let folder = folder_of(file);
    disk.create_folder(folder).map_err(LogError::io("make", folder))?;
    write_whole(disk, file, format!("{text}\n").as_bytes(), 0o600).map_err(LogError::io("write", file))
}

pub(crate) fn check_mode(file: &Path) -> Result<(), LogError> {
    let mode = std::fs::metadata(file).map_err(LogError::io("read", file))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let what = "can be read by others; set its mode to 0600, and replace the key if it was exposed";
    Err(LogError::Key { file: file.to_owned(), what })
}

pub(crate) fn read_private(file: &Path) -> Result<SigningKey, LogError> {
    check_mode(file)?;
    let wrong = |what| LogError::Key { file: file.to_owned(), what };
    SigningKey::parse(read_bounded(file)?.trim_end()).map_err(|_| wrong("is not a private key in signed-note format"))
}

pub(crate) fn read_bounded(file: &Path) -> Result<String, LogError> {
    use std::io::Read;
    let mut text = String::new();
    let opened = super::tiles::open_plain(file).map_err(LogError::io("open", file))?;
    opened.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(LogError::io("read", file))?;
    Ok(text)
}
