//! Paths, tiles, bundles and entries: no panic, one spelling for each path, exact lengths.
#![no_main]

use holdshort_ledger::{Entry, Tile, TileFile, decode_bundle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(file) = TileFile::parse(&text) {
        assert_eq!(file.path(), text);
    }
    let Some((width, bytes)) = data.split_first() else { return };
    let width = usize::from(*width) + 1;
    if let Ok(tile) = Tile::new(0, 0, width)
        && let Ok(hashes) = tile.decode(bytes)
    {
        assert_eq!(hashes.len(), width);
        assert_eq!(Tile::encode(&hashes), bytes);
    }
    if let Ok(entries) = decode_bundle(bytes, width) {
        assert_eq!(entries.len(), width);
        assert_eq!(entries.iter().map(|entry| entry.len() + 2).sum::<usize>(), bytes.len());
        for entry in entries {
            assert!(
                Entry::parse(entry).is_ok_and(|parsed| parsed.as_bytes() == entry)
                    || entry.len() != 33
                    || entry[0] != 1
            );
        }
    }
});
