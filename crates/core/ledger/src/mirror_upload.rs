//! C2SP `tlog-mirror`: the body of a request `add-entries`, written, and read piece by piece as it comes.
//!
//! A header says which entries of which log follow. Then come packages: the entries up to the next multiple of 256, and the
//! proof that they stand in the tree whose size the header names. A reader holds one package at a time, whatever the
//! length of the body, and says nothing about whether a proof holds.

use crate::{BUNDLE_BYTES_MAX, HASH_BYTES, Hash, ProofError, Subtree, SubtreeProof, TileReader};
use thiserror::Error;

/// Longest origin that is read, in bytes: no log has a longer name.
pub const MIRROR_ORIGIN_BYTES_MAX: usize = 255;
/// Longest ticket that is read, in bytes. The format allows 65,535; a checkpoint with post-quantum signatures fits here.
pub const MIRROR_TICKET_BYTES_MAX: usize = 16 * 1024;
/// Most hashes of the proof in a package, by the specification.
pub const PACKAGE_HASHES_MAX: usize = 63;
/// Longest package, in bytes: 256 entries of the longest kind, and a proof.
pub const PACKAGE_BYTES_MAX: usize = BUNDLE_BYTES_MAX + 1 + PACKAGE_HASHES_MAX * HASH_BYTES;
/// Most packages that a client sends in one request, by the specification's advice.
pub const PACKAGES_EACH_MAX: usize = 32;

/// Entries in a full package.
const PACKAGE_ENTRIES: u64 = 256;

/// The beginning of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadHeader {
    /// Name of the log.
    pub origin: String,
    /// First entry that is uploaded.
    pub start: u64,
    /// Tree size of the checkpoint that the proofs are for, and the end of the upload.
    pub end: u64,
    /// What the mirror gave out before; may be empty.
    pub ticket: Vec<u8>,
}

/// Which entries a package holds: at most 256, and none on both sides of a multiple of 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageRange {
    /// First entry.
    pub start: u64,
    /// The entry behind the last one.
    pub end: u64,
}

/// A package as it came. Nothing of it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Which entries they are said to be.
    pub range: PackageRange,
    /// The entries as in a bundle: each with its length.
    pub bundle: Vec<u8>,
    /// The proof.
    pub hashes: Vec<Hash>,
}

/// Why a body is no upload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UploadError {
    /// The header.
    #[error(
        "not an upload: expected origin, start, end and ticket, each as the format says, and a start that is not behind the end"
    )]
    Header,
    /// A proof that is too long to be one.
    #[error("package from entry {0} on has more than {PACKAGE_HASHES_MAX} hashes")]
    Hashes(u64),
    /// More bytes than the packages that the header asks for.
    #[error("there is more than the entries that the header names")]
    Trailing,
}

impl UploadHeader {
    /// The bytes as they are sent; none when the origin or the ticket is too long.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let length = |bytes: &[u8], most: usize| u16::try_from(bytes.len()).ok().filter(|_| bytes.len() <= most);
        let origin = length(self.origin.as_bytes(), MIRROR_ORIGIN_BYTES_MAX)?;
        let ticket = length(&self.ticket, MIRROR_TICKET_BYTES_MAX)?;
        let mut bytes = origin.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes.extend_from_slice(&self.start.to_be_bytes());
        bytes.extend_from_slice(&self.end.to_be_bytes());
        bytes.extend_from_slice(&ticket.to_be_bytes());
        bytes.extend_from_slice(&self.ticket);
        Some(bytes)
    }

    /// The packages of the upload, in their order.
    pub fn packages(&self) -> impl Iterator<Item = PackageRange> + use<> {
        let (mut start, end) = (self.start, self.end);
        std::iter::from_fn(move || {
            let range = PackageRange::at(start, end)?;
            start = range.end;
            Some(range)
        })
    }

    /// Reads a header from the beginning of `bytes`, and gives its length; none while there is too little of it.
    fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, UploadError> {
        let Some((origin, rest)) = short(bytes, MIRROR_ORIGIN_BYTES_MAX)? else { return Ok(None) };
        let Some((start, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
        let Some((end, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
        let (start, end) = (u64::from_be_bytes(*start), u64::from_be_bytes(*end));
        let origin = std::str::from_utf8(origin).ok().filter(|origin| !origin.is_empty());
        let origin = origin.filter(|_| start <= end).ok_or(UploadError::Header)?.to_owned();
        let Some((ticket, rest)) = short(rest, MIRROR_TICKET_BYTES_MAX)? else { return Ok(None) };
        let read = bytes.len().saturating_sub(rest.len());
        Ok(Some((Self { origin, start, end, ticket: ticket.to_vec() }, read)))
    }
}

/// Bytes, and what follows them.
type Split<'a> = (&'a [u8], &'a [u8]);

/// Bytes behind their length, and what follows; none while there is too little of it.
fn short(bytes: &[u8], most: usize) -> Result<Option<Split<'_>>, UploadError> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > most {
        return Err(UploadError::Header);
    }
    Ok(rest.split_at_checked(length))
}

impl PackageRange {
    /// The package that begins at `start` in an upload to `end`; none at its end.
    fn at(start: u64, end: u64) -> Option<Self> {
        let border = (start | (PACKAGE_ENTRIES - 1)).saturating_add(1);
        (start < end).then(|| Self { start, end: end.min(border) })
    }

    /// Number of entries, 1 to 256.
    #[must_use]
    pub fn count(self) -> usize {
        usize::try_from(self.end.saturating_sub(self.start)).unwrap_or_default()
    }

    /// The leaves that the proof is for: from the multiple of 256 on, those that are not in the package included. None when
    /// this is no range of a package.
    #[must_use]
    pub fn subtree(self) -> Option<Subtree> {
        Subtree::new(self.start & !(PACKAGE_ENTRIES - 1), self.end)
    }
}

impl Package {
    /// The hashes of its entries.
    #[must_use]
    pub fn leaves(&self) -> Vec<Hash> {
        let mut rest = self.bundle.as_slice();
        let mut leaves = Vec::with_capacity(self.range.count());
        while let Some((entry, after)) = rest
            .split_first_chunk::<2>()
            .and_then(|(length, after)| after.split_at_checked(usize::from(u16::from_be_bytes(*length))))
        {
            leaves.push(Hash::leaf(entry));
            rest = after;
        }
        leaves
    }

    /// Checks that the entries stand where the package says in the tree of `size` leaves with this root. `before` are the
    /// leaf hashes that the checker has itself, from the multiple of 256 before the package up to it.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, before: &[Hash], leaves: &[Hash], (size, root): (u64, &Hash)) -> Result<(), ProofError> {
        let subtree = self.range.subtree().ok_or(ProofError::Range)?;
        let known = u64::try_from(before.len()).unwrap_or(u64::MAX);
        if leaves.len() != self.range.count() || self.range.start.checked_sub(known) != Some(subtree.start()) {
            return Err(ProofError::Length);
        }
        let all: Vec<Hash> = before.iter().chain(leaves).copied().collect();
        let proof = SubtreeProof { subtree, size, hashes: self.hashes.clone() };
        proof.verify(&crate::subtree_root(&all), root)
    }
}

/// The bytes of a package: the bundle's entries of this range, and their proof in the tree of `size` leaves.
///
/// # Errors
/// As [`SubtreeProof::make`]; [`ProofError::Length`] when the proof is longer than a package may hold.
pub fn encode_package<R: TileReader>(
    range: PackageRange,
    entries: &[&[u8]],
    size: u64,
    tiles: &mut R,
) -> Result<Vec<u8>, ProofError<R::Error>> {
    let subtree = range.subtree().filter(|_| entries.len() == range.count()).ok_or(ProofError::Range)?;
    let proof = SubtreeProof::make(subtree, size, tiles)?;
    let count = u8::try_from(proof.hashes.len()).ok().filter(|_| proof.hashes.len() <= PACKAGE_HASHES_MAX);
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(&u16::try_from(entry.len()).map_err(|_| ProofError::Length)?.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes.push(count.ok_or(ProofError::Length)?);
    proof.hashes.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
    Ok(bytes)
}

/// Takes an upload apart as it comes: push bytes, then take what is whole by now.
///
/// Holds at most one package and what was pushed last. Errors are final.
#[derive(Debug, Default)]
pub struct UploadReader {
    buffer: Vec<u8>,
    header: Option<UploadHeader>,
    /// The entry that the next package begins with.
    at: u64,
    /// Of the next package: entries that are whole, and the bytes up to there. Looked at once, however small the pieces are.
    counted: (usize, usize),
}

impl UploadReader {
    /// Adds bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The header, once it is there.
    ///
    /// # Errors
    /// [`UploadError::Header`].
    pub fn header(&mut self) -> Result<Option<&UploadHeader>, UploadError> {
        if self.header.is_none()
            && let Some((header, read)) = UploadHeader::read(&self.buffer)?
        {
            self.buffer.drain(..read);
            self.at = header.start;
            self.header = Some(header);
        }
        Ok(self.header.as_ref())
    }

    /// The next package, once it is there.
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn package(&mut self) -> Result<Option<Package>, UploadError> {
        let Some(end) = self.header()?.map(|header| header.end) else { return Ok(None) };
        let Some(range) = PackageRange::at(self.at, end) else {
            return if self.buffer.is_empty() { Ok(None) } else { Err(UploadError::Trailing) };
        };
        let (mut entries, mut read) = self.counted;
        while entries < range.count() {
            let rest = self.buffer.get(read..).unwrap_or_default();
            let Some((length, _)) = rest.split_first_chunk::<2>() else { break };
            let whole = usize::from(u16::from_be_bytes(*length)).saturating_add(2);
            if rest.len() < whole {
                break;
            }
            (entries, read) = (entries.saturating_add(1), read.saturating_add(whole));
        }
        self.counted = (entries, read);
        let Some(count) = self.buffer.get(read).copied().filter(|_| entries == range.count()) else { return Ok(None) };
        if usize::from(count) > PACKAGE_HASHES_MAX {
            return Err(UploadError::Hashes(range.start));
        }
        let first = read.saturating_add(1);
        let last = first.saturating_add(usize::from(count).saturating_mul(HASH_BYTES));
        let Some(hashes) = self.buffer.get(first..last) else { return Ok(None) };
        let hashes = hashes.chunks_exact(HASH_BYTES).filter_map(Hash::from_slice).collect();
        // The bundle stays where it is: it may be long, and what comes behind it is not.
        let rest = self.buffer.split_off(last);
        let mut bundle = std::mem::replace(&mut self.buffer, rest);
        bundle.truncate(read);
        (self.at, self.counted) = (range.end, (0, 0));
        Ok(Some(Package { range, bundle, hashes }))
    }

    /// Whether header and packages were all taken.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.header.as_ref().is_some_and(|header| self.at == header.end) && self.buffer.is_empty()
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len()
    }
}

#[cfg(test)]
#[path = "mirror_upload_tests.rs"]
mod tests;
