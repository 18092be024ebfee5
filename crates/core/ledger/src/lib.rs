//! The tamper-evident ledger as values: Merkle tree, tiles, proofs, signed checkpoints, entries and record frames.
//!
//! Nothing here touches a disk, a clock or a source of randomness; crate `store` does. The formats are those that other
//! people's verifiers read: RFC 6962 hashing, C2SP `tlog-tiles`, `signed-note`, `tlog-checkpoint` and
//! `tlog-proof`, COSE receipts (RFC 9942). What is our own (the entry encoding and the frames that hold payloads beside
//! the tree) is written down in `docs/reference/log-format.md`.
//!
//! All parsers face attackers: each is bounded by a named constant and has a fuzz target.

mod checkpoint;
mod cosignature;
mod difference;
mod edge;
mod entry;
mod mirror_info;
mod mirror_upload;
mod note;
mod notes;
mod policy;
mod proof;
mod receipt;
mod receipt_key;
mod sealed;
mod segment;
mod subtree;
mod tile;
mod tlog_proof;
mod tree;
mod witness;

pub use checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint, CheckpointError};
pub use cosignature::{Cosigner, CosignerAlgorithm, CosignerKey};
pub use difference::{DifferenceError, first_difference};
pub use edge::{Edge, EdgeError};
pub use entry::{COMMITMENT_DOMAIN, ENTRY_BYTES, Entry, EntryError, SALT_BYTES, Salt};
pub use mirror_info::{MIRROR_INFO_BYTES_MAX, MIRROR_INFO_TYPE, MirrorInfo};
pub use mirror_upload::{
    MIRROR_ORIGIN_BYTES_MAX, MIRROR_TICKET_BYTES_MAX, PACKAGE_BYTES_MAX, PACKAGE_HASHES_MAX, PACKAGES_EACH_MAX,
    Package, PackageRange, UploadError, UploadHeader, UploadReader, encode_package,
};
pub use note::{
    KEY_NAME_BYTES_MAX, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, Note, NoteError, NoteSignature, SigningKey, VerifierKey,
};
pub use notes::{KEPT_NOTES_MAX, KeptNotes, append_note, kept_notes};
pub use policy::{Cosigned, POLICY_BYTES_MAX, POLICY_NAMES_MAX, PolicyError, PolicyWitness, WitnessPolicy};
pub use proof::{ConsistencyProof, InclusionProof, PROOF_HASHES_MAX, ProofError, TileReader, tree_root};
pub use receipt::{Proved, RECEIPT_BYTES_MAX, Receipt, ReceiptError, ReceiptProof};
pub use receipt_key::{RECEIPT_KEY_ID_BYTES, ReceiptKeyError, ReceiptSigner, ReceiptVerifier};
pub use sealed::{
    KEY_BYTES, KEY_ID_BYTES, KeyId, KeyNonce, OwnerKey, RecordKey, SEALABLE_BYTES_MAX, SEALED_HEADER_BYTES,
    SEALED_MAGIC, SEALED_TAG_BYTES, Sealed, SealedError, is_sealed, seal,
};
pub use segment::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, FrameError, FrameHeader, PAYLOAD_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader,
    encode_frame,
};
pub use subtree::{Subtree, SubtreeProof};
pub use tile::{BUNDLE_BYTES_MAX, PATH_BYTES_MAX, TILE_WIDTH, Tile, TileError, TileFile, decode_bundle, encode_bundle};
pub use tlog_proof::{Disclosure, PROOF_FILE_BYTES_MAX, TlogProof, TlogProofError};
pub use tree::{HASH_BYTES, Hash, subtree_root};
pub use witness::{
    AddCheckpoint, Judgement, WITNESS_ANSWER_BYTES_MAX, WITNESS_PROOF_LINES_MAX, WITNESS_REQUEST_BYTES_MAX,
    WITNESS_SIZE_TYPE, WitnessError, cosignature_lines, judge, origin_digest, parse_cosignatures, parse_size_answer,
};
