//! Hostile proofs and a tile reader that lies: no panic, no endless loop, and nothing verifies by accident.
#![no_main]

use holdshort_ledger::{ConsistencyProof, Edge, Hash, InclusionProof, Tile, TileReader};
use libfuzzer_sys::fuzz_target;

/// Gives back whatever the input says, of whatever width.
struct Lies<'a>(&'a [Hash]);

impl TileReader for Lies<'_> {
    type Error = ();

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, ()> {
        let many = self.0.iter().cycle().take(if self.0.is_empty() { 0 } else { tile.width() });
        Ok(many.copied().collect())
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((one, rest)) = data.split_first_chunk::<8>() else { return };
    let Some((other, rest)) = rest.split_first_chunk::<8>() else { return };
    let (one, other) = (u64::from_be_bytes(*one), u64::from_be_bytes(*other));
    let hashes: Vec<Hash> = rest.chunks_exact(32).filter_map(Hash::from_slice).collect();
    let (leaf, root) = (Hash::leaf(b"leaf"), Hash::leaf(b"root"));
    let inclusion = InclusionProof { index: one, size: other, hashes: hashes.clone() };
    assert!(inclusion.verify(&leaf, &root).is_err());
    let consistency = ConsistencyProof { old_size: one, new_size: other, hashes: hashes.clone() };
    assert!(consistency.verify(&leaf, &root).is_err());
    let mut lies = Lies(&hashes);
    if let Ok(proof) = InclusionProof::make(one, other, &mut lies) {
        let _ = proof.verify(&leaf, &root);
    }
    let _ = ConsistencyProof::make(one, other, &mut lies);
    if let Ok(edge) = Edge::from_tiles(one, &mut lies) {
        let _ = edge.root();
    }
});
