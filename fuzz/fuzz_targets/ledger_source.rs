//! A source that lies: it serves a sound log, but for the answers that the input replaces, cuts, extends or withholds.
//! INVARIANT: what is audited, verified and mirrored is the sound log or nothing. A mirror stores nothing else.
#![no_main]

#[path = "fixture/log.rs"]
mod fixture;

use fixture::{Bytes, Fixture, SIZE};
use holdshort_ledger::Checkpoint;
use holdshort_store::log::{
    DirectorySource, Mirror, Source, SourceError, VerifyOptions, audit, fetch_checkpoint, verify_public,
};
use libfuzzer_sys::fuzz_target;

/// Gives the sound bytes, changed as the input says: one instruction for each answer, none: as they are.
#[derive(Debug)]
struct Liar<'a> {
    truth: DirectorySource,
    lies: Bytes<'a>,
}

impl Source for Liar<'_> {
    fn fetch(&mut self, path: &str, bytes_max: usize) -> Result<Vec<u8>, SourceError> {
        let mut bytes = self.truth.fetch(path, bytes_max)?;
        self.lies.change(&mut bytes)?;
        // A source keeps to the limit; whoever asks relies on that and on nothing else.
        bytes.truncate(bytes_max);
        Ok(bytes)
    }
}

fuzz_target!(|data: &[u8]| {
    let fixture = Fixture::shared();
    let liar = || Liar { truth: DirectorySource::new(&fixture.log), lies: Bytes(data) };
    let sound = |found: &Checkpoint| assert_eq!(*found, fixture.checkpoint, "something else was believed");
    if let Ok((_, found)) = fetch_checkpoint(&mut liar(), &fixture.key) {
        // Both were signed: the older one may be served, and is found out by whoever knows the newer.
        assert!(found == fixture.checkpoint || found == fixture.older);
    }
    if let Ok(found) = audit(&mut liar(), &fixture.key, &fixture.older) {
        sound(&found);
    }
    if let Ok(found) = verify_public(&mut liar(), &fixture.key, &VerifyOptions::default(), &mut |_| {}) {
        sound(&found);
    }
    let copy = tempfile::tempdir().expect("a folder");
    let directory = copy.path().join("mirror");
    let mut mirror = Mirror::open(&directory, fixture.key.clone(), &copy.path().join("key"), "example.com/mirror")
        .expect("a new mirror");
    let taken = mirror.step(&mut liar(), 1);
    assert_eq!(taken.is_ok(), mirror.checkpoint().is_some(), "{taken:?}");
    drop(mirror);
    if taken.is_ok() {
        let found =
            verify_public(&mut DirectorySource::new(&directory), &fixture.key, &VerifyOptions::default(), &mut |_| {});
        sound(&found.expect("what was stored is sound"));
        assert_eq!(fixture.checkpoint.size, SIZE);
    }
});
