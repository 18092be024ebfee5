//! Uploads as they are written and read: whole, byte by byte, cut off, and with anything in them changed.

use super::*;
use crate::proof::MemoryTiles;
use crate::{Edge, subtree_root};
use proptest::prelude::*;

const ORIGIN: &str = "example.com/log";

fn entry(index: u64) -> Vec<u8> {
    let length = usize::try_from(index % 40).unwrap();
    vec![u8::try_from(index % 251).unwrap(); length]
}

fn tree(size: u64) -> (MemoryTiles, Hash) {
    let (mut edge, mut tiles) = (Edge::default(), MemoryTiles::default());
    (0..size).for_each(|index| edge.push(Hash::leaf(&entry(index)), &mut |tile, hashes| tiles.insert(tile, hashes)));
    edge.partial_tiles().for_each(|(tile, hashes)| tiles.insert(tile, hashes));
    (tiles, edge.root())
}

fn header(start: u64, end: u64) -> UploadHeader {
    UploadHeader { origin: ORIGIN.into(), start, end, ticket: b"t".to_vec() }
}

fn upload(start: u64, end: u64) -> (Vec<u8>, Hash) {
    let (mut tiles, root) = tree(end);
    let header = header(start, end);
    let mut bytes = header.encode().unwrap();
    for range in header.packages() {
        let entries: Vec<Vec<u8>> = (range.start..range.end).map(entry).collect();
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        bytes.extend(encode_package(range, &entries, end, &mut tiles).unwrap());
    }
    (bytes, root)
}

/// What a reader gives for a body that comes in pieces of this size, and whether it was whole.
fn read(bytes: &[u8], piece: usize) -> Result<(Vec<Package>, bool), UploadError> {
    let (mut reader, mut packages) = (UploadReader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(package) = reader.package()? {
            packages.push(package);
        }
    }
    Ok((packages, reader.is_done()))
}

#[test]
fn the_packages_of_an_upload_are_cut_at_multiples_of_256() {
    let ranges = |start, end| header(start, end).packages().map(|one| (one.start, one.end)).collect::<Vec<_>>();
    assert_eq!(ranges(0, 0), []);
    assert_eq!(ranges(700, 700), []);
    assert_eq!(ranges(0, 1), [(0, 1)]);
    assert_eq!(ranges(0, 256), [(0, 256)]);
    assert_eq!(ranges(255, 257), [(255, 256), (256, 257)]);
    assert_eq!(ranges(300, 700), [(300, 512), (512, 700)]);
    assert_eq!(ranges(u64::MAX - 1, u64::MAX), [(u64::MAX - 1, u64::MAX)]);
    assert_eq!(ranges(u64::MAX, u64::MAX), []);
}

#[test]
fn an_upload_is_read_in_pieces_of_any_size_and_every_package_verifies() {
    for (start, end) in [(0, 0), (0, 1), (0, 256), (3, 257), (255, 256), (256, 700), (300, 700), (0, 1_030)] {
        let (bytes, root) = upload(start, end);
        let leaf = |index| Hash::leaf(&entry(index));
        for piece in [1, 7, 4_096, bytes.len()] {
            let (packages, done) = read(&bytes, piece).unwrap();
            assert!(done, "{start}..{end} in pieces of {piece}");
            let found: Vec<_> = packages.iter().map(|package| package.range).collect();
            assert_eq!(found, header(start, end).packages().collect::<Vec<_>>());
            for package in packages {
                let before: Vec<Hash> = (package.range.start & !255..package.range.start).map(leaf).collect();
                let leaves = package.leaves();
                assert_eq!(leaves, (package.range.start..package.range.end).map(leaf).collect::<Vec<_>>());
                assert_eq!(package.verify(&before, &leaves, (end, &root)), Ok(()));
                assert!(package.verify(&before, &leaves, (end, &leaf(end))).is_err());
                let mut other = leaves.clone();
                other[0] = leaf(end + 1);
                assert!(package.verify(&before, &other, (end, &root)).is_err());
                assert!(package.verify(&leaves, &leaves, (end, &root)).is_err(), "the gap before it is another one");
            }
        }
    }
}

#[test]
fn a_body_that_is_cut_off_gives_what_was_whole_and_is_never_done() {
    let (bytes, _) = upload(250, 520);
    let whole = read(&bytes, bytes.len()).unwrap().0;
    for cut in 0..bytes.len() {
        let (packages, done) = read(&bytes[..cut], 64).unwrap();
        assert!(!done && packages.len() < whole.len() && packages[..] == whole[..packages.len()], "cut at {cut}");
    }
    assert_eq!(read(&[&bytes[..], &[0]].concat(), 64), Err(UploadError::Trailing));
    assert_eq!(read(&[&upload(5, 5).0[..], &[0]].concat(), 64), Err(UploadError::Trailing));
}

#[test]
fn headers_that_are_none_are_refused_at_once() {
    let bytes = |origin: &[u8], start: u64, end: u64| {
        let length = u16::try_from(origin.len()).unwrap().to_be_bytes();
        [&length[..], origin, &start.to_be_bytes(), &end.to_be_bytes(), &[0, 0]].concat()
    };
    assert!(read(&bytes(b"x", 1, 1), 1).unwrap().1);
    for wrong in [bytes(b"", 0, 0), bytes(b"\xff", 0, 0), bytes(b"x", 2, 1), bytes(&[b'x'; 256], 0, 0)] {
        assert_eq!(read(&wrong, 1), Err(UploadError::Header));
    }
    let mut long = header(0, 0);
    long.ticket = vec![0; MIRROR_TICKET_BYTES_MAX + 1];
    assert_eq!(long.encode(), None);
    let mut claimed = bytes(b"x", 0, 9);
    claimed.truncate(claimed.len() - 2);
    claimed.extend([0xff, 0xff]);
    assert_eq!(read(&claimed, 1), Err(UploadError::Header));
}

#[test]
fn a_proof_that_is_too_long_is_refused_before_it_is_waited_for() {
    let mut bytes = header(0, 1).encode().unwrap();
    bytes.extend([0, 0, 64]);
    assert_eq!(read(&bytes, 1), Err(UploadError::Hashes(0)));
    *bytes.last_mut().unwrap() = 63;
    assert_eq!(read(&bytes, 1), Ok((Vec::new(), false)));
}

#[test]
fn what_is_held_is_one_package_however_much_comes() {
    let mut reader = UploadReader::default();
    reader.push(&header(0, 1 << 40).encode().unwrap());
    let longest = [[0xff, 0xff].as_slice(), &[7; 65_535]].concat();
    let (mut most, mut packages) = (0, 0);
    for count in 1..=600 {
        reader.push(&longest);
        if count % 256 == 0 {
            reader.push(&[0]);
        }
        while reader.package().unwrap().is_some() {
            packages += 1;
        }
        most = most.max(reader.held());
    }
    assert!(packages == 2 && most <= PACKAGE_BYTES_MAX + longest.len(), "{packages} {most}");
}

proptest! {
    #[test]
    fn garbage_is_read_the_same_in_any_pieces(bytes in prop::collection::vec(any::<u8>(), 0..900), piece in 1usize..64) {
        let bytes = [&header(0, 3).encode().unwrap()[..], &bytes].concat();
        prop_assert_eq!(read(&bytes, piece), read(&bytes, bytes.len()));
    }

    /// Whatever single byte is changed: no package of another tree verifies.
    #[test]
    fn a_changed_byte_is_found(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (mut bytes, root) = upload(0, 300);
        let first = header(0, 300).encode().unwrap().len();
        let at = first + at.index(bytes.len() - first);
        bytes[at] ^= 1 << bit;
        let Ok((packages, done)) = read(&bytes, 4_096) else { return Ok(()) };
        let all = packages.iter().all(|one| one.verify(&[], &one.leaves(), (300, &root)).is_ok());
        prop_assert!(!done || !all, "byte {at}");
        let leaves: Vec<Hash> = packages.iter().flat_map(Package::leaves).collect();
        prop_assert!(!done || subtree_root(&leaves) != root || packages.len() != 2 || !all);
    }
}
