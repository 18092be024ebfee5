//! The log's keys: the private one outside the log directory, the public one in it.

use super::disk::{Disk, write_whole};
use super::layout::PUBLIC_KEY_FILE;
use super::{LogError, LogOptions};
use holdshort_ledger::{SigningKey, VerifierKey};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Longest key file that is read, in bytes.
pub(crate) const KEY_FILE_BYTES_MAX: u64 = 4_096;

/// Reads the keys, or makes them for a log that has none yet.
pub(crate) fn load_or_create(disk: &dyn Disk, options: &LogOptions, is_new: bool) -> Result<SigningKey, LogError> {
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
    if let Some(folder) = file.parent().filter(|_| is_new) {
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
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| LogError::io("draw random bytes for", file)(std::io::Error::other(error)))?;
    let key = SigningKey::from_seed(&options.origin, &seed).map_err(|_| LogError::Key {
        file: file.clone(),
        what: "cannot be made: the log's origin has a space, `+` or nothing in it",
    })?;
    if let Some(folder) = file.parent() {
        disk.create_folder(folder).map_err(LogError::io("make", folder))?;
    }
    let text = format!("{}\n", key.to_secret_text());
    write_whole(disk, file, text.as_bytes(), 0o600).map_err(LogError::io("write", file))
}

fn read_private(file: &Path) -> Result<SigningKey, LogError> {
    let wrong = |what| LogError::Key { file: file.to_owned(), what };
    let mode = std::fs::metadata(file).map_err(LogError::io("read", file))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(wrong("can be read by others; set its mode to 0600, and replace the key if it was exposed"));
    }
    SigningKey::parse(read_bounded(file)?.trim_end()).map_err(|_| wrong("is not a private key in signed-note format"))
}

fn read_bounded(file: &Path) -> Result<String, LogError> {
    use std::io::Read;
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(LogError::io("open", file))?;
    opened.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(LogError::io("read", file))?;
    Ok(text)
}
