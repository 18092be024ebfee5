//! RFC 6962 hashing: leaves, inner nodes, and the root over a run of nodes.

use sha2::{Digest, Sha256};
use std::fmt;

/// Bytes of a tree hash (SHA-256).
pub const HASH_BYTES: usize = 32;

/// A hash of the tree: of a leaf, of an inner node, or of the whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// The root of the empty tree: SHA-256 of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of a leaf: `SHA-256(0x00 || entry)` (RFC 6962, 2.1).
    #[must_use]
    pub fn leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into())
    }

    /// The hash of an inner node: `SHA-256(0x01 || left || right)` (RFC 6962, 2.1).
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        Self(Sha256::new().chain_update([0x01]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// Takes 32 bytes as a hash, without any check.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Takes a slice of exactly 32 bytes as a hash.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

/// Lower-case hexadecimal, 64 digits.
impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Hash({self})")
    }
}

/// The RFC 6962 root over `nodes`, which stand side by side at one height; the last one may be the root of an
/// incomplete subtree. No nodes: the root of the empty tree.
///
/// A node without a neighbour on its right rises unchanged, which gives the same tree as the RFC's split at the largest
/// power of two.
#[must_use]
pub fn subtree_root(nodes: &[Hash]) -> Hash {
    let mut row: Vec<Hash> = nodes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(Hash::node(left, right)),
                [alone] => Some(*alone),
                _ => None,
            })
            .collect();
    }
    row.first().copied().unwrap_or_else(Hash::empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves and roots of RFC 6962's reference implementation (certificate-transparency `merkletree` tests).
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn agrees_with_the_published_vectors_of_rfc_6962() {
        let leaves: Vec<Hash> = LEAVES.iter().map(|leaf| Hash::leaf(&unhex(leaf))).collect();
        for (count, root) in ROOTS.iter().enumerate() {
            assert_eq!(subtree_root(&leaves[..=count]).to_string(), *root, "root of {} leaves", count + 1);
        }
    }

    #[test]
    fn the_empty_tree_is_the_hash_of_nothing() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::empty().to_string(), empty);
        assert_eq!(subtree_root(&[]).to_string(), empty);
    }
}
