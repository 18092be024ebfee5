//! Sources that serve other bytes than the log signed: nothing is believed, nothing is stored, and the log is not accused.

use super::tests::{data, fill, options};
use super::*;
use std::fs;

/// Serves a directory, but for one file.
#[derive(Debug)]
struct Liar {
    truth: DirectorySource,
    about: String,
    lie: fn(&mut Vec<u8>),
}

impl Source for Liar {
    fn fetch(&mut self, path: &str, bytes_max: usize) -> Result<Vec<u8>, SourceError> {
        let mut bytes = self.truth.fetch(path, bytes_max)?;
        if path == self.about {
            (self.lie)(&mut bytes);
        }
        Ok(bytes)
    }
}

#[test]
fn a_source_that_lies_about_tiles_exposes_nobody_but_itself() {
    type Lie = fn(&mut Vec<u8>);
    let lies: [Lie; 3] = [|bytes| bytes[40] ^= 1, |bytes| bytes[..64].rotate_left(32), Vec::clear];
    // An older tree that is a node of the newer one, and one that is not.
    for older_size in [256, 300] {
        let data = data();
        let options = options(&data);
        fill(&options, older_size).close_blocking().unwrap();
        let key = keys::read_public(&options.directory.join(PUBLIC_KEY_FILE)).unwrap();
        let (copy, mirror_key) = (data.path().join("mirror"), data.path().join("mirror.key"));
        let mut mirror = Mirror::open(&copy, key.clone(), &mirror_key, "example.com/mirror").unwrap();
        mirror.step(&mut DirectorySource::new(&options.directory), 1).unwrap();
        let (_, older) = fetch_checkpoint(&mut DirectorySource::new(&copy), &key).unwrap();
        fill(&options, 700).close_blocking().unwrap();
        for about in ["tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/188"]
        {
            for lie in lies {
                let mut liar = Liar { truth: DirectorySource::new(&options.directory), about: about.to_owned(), lie };
                let found = mirror.step(&mut liar, 2);
                // What is not looked at does no harm: then everything is taken over, and as it was signed.
                assert!(matches!(found, Ok(_) | Err(MirrorError::Source(_))), "{older_size}, {about}: {found:?}");
                if let Err(damage) = audit(&mut liar, &key, &older) {
                    let accused = matches!(damage.wrong, Wrong::Rewritten(_) | Wrong::RolledBack { .. });
                    assert!(!accused, "{older_size}, {about}: {damage}");
                }
                assert!(!copy.join(CONTRADICTION_FILE).exists(), "{older_size}, {about}: the log is accused");
            }
        }
        mirror.step(&mut DirectorySource::new(&options.directory), 3).unwrap();
        let stored = fs::read_to_string(copy.join(CHECKPOINT_FILE)).unwrap();
        assert!(stored.contains("\n700\n"), "{stored}");
        drop(mirror);
        let found = verify_public(&mut DirectorySource::new(&copy), &key, &VerifyOptions::default(), &mut |_| {});
        assert_eq!(found.unwrap().size, 700);
    }
}
