//! Uploads to a mirror: no panic, the same packages however the bytes come, never more held than one of them, what is taken is
//! written back as it was, and no proof holds for a root that nobody made it for.
#![no_main]

use holdshort_ledger::{Hash, PACKAGE_BYTES_MAX, Package, UploadError, UploadReader};
use libfuzzer_sys::fuzz_target;

/// The packages of a body that comes in pieces, and whether it was whole.
fn read(body: &[u8], piece: usize) -> Result<(Vec<Package>, bool), UploadError> {
    let (mut reader, mut packages) = (UploadReader::default(), Vec::new());
    for bytes in body.chunks(piece) {
        reader.push(bytes);
        while let Some(package) = reader.package()? {
            packages.push(package);
        }
        assert!(reader.held() <= PACKAGE_BYTES_MAX + piece + (1 << 17));
    }
    Ok((packages, reader.is_done()))
}

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let whole = read(body, body.len().max(1));
    assert_eq!(read(body, usize::from(*first).max(1)), whole);
    let Ok((packages, done)) = whole else { return };
    let mut reader = UploadReader::default();
    reader.push(body);
    let Ok(Some(header)) = reader.header().map(|header| header.cloned()) else { return };
    let ranges: Vec<_> = header.packages().take(packages.len()).collect();
    assert_eq!(packages.iter().map(|package| package.range).collect::<Vec<_>>(), ranges);
    let mut again = header.encode().expect("what was read can be written");
    for package in &packages {
        let leaves = package.leaves();
        assert_eq!(leaves.len(), package.range.count());
        let root = Hash::leaf(b"of nobody");
        assert!(package.verify(&[], &leaves, (header.end, &root)).is_err());
        again.extend_from_slice(&package.bundle);
        again.push(u8::try_from(package.hashes.len()).expect("at most 63"));
        package.hashes.iter().for_each(|hash| again.extend_from_slice(hash.as_bytes()));
    }
    assert!(body.starts_with(&again) && (!done || body == again));
});
