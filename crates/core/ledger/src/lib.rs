//! Merkle tree, tiles, checkpoints, proofs, segments. Depends on nothing of ours.
