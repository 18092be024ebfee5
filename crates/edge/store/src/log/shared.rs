//! Whether other machines may write to a file system without this kernel knowing of it.
//!
//! On such a one a lock holds only if somebody else keeps the tables, and what another machine wrote is seen late.

use std::io;
use std::path::Path;

/// What the kernel calls them (`statfs(2)`). File systems in user space are among them: nobody knows what stands behind one.
const SHARED: [(u32, &str); 10] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x786f_4256, "vboxsf"),
];

/// The name of the file system of a path, when it is a shared one.
pub(crate) fn shared_file_system(path: &Path) -> io::Result<Option<&'static str>> {
    let found = rustix::fs::statfs(path)?;
    Ok(u64::try_from(found.f_type).ok().and_then(name))
}

fn name(magic: u64) -> Option<&'static str> {
    SHARED.iter().find(|(known, _)| u64::from(*known) == magic).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_ones_are_known_by_their_numbers_and_local_ones_are_not_among_them() {
        assert_eq!(name(0x6969), Some("NFS"));
        assert_eq!(name(0xff53_4d42), Some("CIFS"));
        // ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS.
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1] {
            assert_eq!(name(local), None);
        }
        assert!(shared_file_system(Path::new("/proc/self")).unwrap().is_none());
        assert!(shared_file_system(Path::new("/does/not/exist")).is_err());
    }
}
