//! A finished segment in compressed form: one zstd frame that says how long it is, of the segment without its zeros.
//!
//! Reading unpacks it into a file without a name, so that everything that reads a segment reads an archive too. What an
//! archive says about itself is not believed: it is bounded before anything is unpacked, and what a broken one still gave
//! is kept, so that the first record that is not sound can be named.

use super::disk::DiskFile;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Longest segment that an archive may hold, in bytes: four times what this version writes.
pub(crate) const ARCHIVED_BYTES_MAX: u64 = 256 << 20;
/// Effort of the compression: three times as much makes JSON a tenth smaller.
const LEVEL: i32 = 6;
/// Most memory that unpacking may ask for, as a power of two.
const WINDOW_LOG_MAX: u32 = 24;
/// Bytes that are read or compared at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Longest header of a frame, in bytes.
const HEADER_BYTES_MAX: usize = 18;

/// What came out of an archive.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// The segment, as far as it could be unpacked. The file has no name.
    pub(crate) file: File,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// Why that is not all, or not to be trusted.
    pub(crate) fault: Option<String>,
}

/// Unpacks an archive.
pub(crate) fn unpack(path: &Path) -> io::Result<Unpacked> {
    let mut packed = BufReader::with_capacity(CHUNK_BYTES, File::open(path)?);
    let mut unpacked = Unpacked { file: tempfile::tempfile()?, length: 0, fault: None };
    let head = packed.fill_buf()?;
    let declared = match zstd::zstd_safe::get_frame_content_size(head.get(..HEADER_BYTES_MAX).unwrap_or(head)) {
        Ok(Some(length)) if length <= ARCHIVED_BYTES_MAX => length,
        Ok(Some(length)) => {
            let what = format!("archive says that it holds {length} bytes; more than {ARCHIVED_BYTES_MAX} are refused");
            return Ok(Unpacked { fault: Some(what), ..unpacked });
        }
        Ok(None) | Err(_) => {
            let what = "archive is not a zstd frame that says how long it is".to_owned();
            return Ok(Unpacked { fault: Some(what), ..unpacked });
        }
    };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let bytes = match decoder.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => chunk.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                unpacked.fault = Some(format!("archive cannot be unpacked: {error}"));
                return Ok(unpacked);
            }
        };
        let length = unpacked.length.saturating_add(as_u64(bytes.len()));
        if length > declared {
            unpacked.fault = Some("archive holds more than it says".to_owned());
            return Ok(unpacked);
        }
        unpacked.file.write_all_at(bytes, unpacked.length)?;
        unpacked.length = length;
    }
    if unpacked.length < declared {
        unpacked.fault = Some("archive holds less than it says".to_owned());
    } else if !decoder.finish().fill_buf()?.is_empty() {
        unpacked.fault = Some("something follows the archive in its file".to_owned());
    }
    Ok(unpacked)
}

/// Packs the first `length` bytes of a segment. Gives the length of the archive in bytes; nothing is synced yet.
pub(crate) fn pack(segment: &File, length: u64, archive: &dyn DiskFile) -> io::Result<u64> {
    let mut encoder = zstd::stream::write::Encoder::new(Sink { file: archive, at: 0 }, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(length))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0;
    while at < length {
        let bytes = read_part(segment, &mut chunk, at, length)?;
        encoder.write_all(bytes)?;
        at = at.saturating_add(as_u64(bytes.len()));
    }
    Ok(encoder.finish()?.at)
}

/// Whether an archive holds exactly the first `length` bytes of a segment.
pub(crate) fn is_same(segment: &File, length: u64, archive: &Path) -> io::Result<bool> {
    let unpacked = unpack(archive)?;
    if unpacked.fault.is_some() || unpacked.length != length {
        return Ok(false);
    }
    let (mut one, mut other) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut at = 0;
    while at < length {
        let bytes = read_part(segment, &mut one, at, length)?;
        if bytes != read_part(&unpacked.file, &mut other, at, length)? {
            return Ok(false);
        }
        at = at.saturating_add(as_u64(bytes.len()));
    }
    Ok(true)
}

/// The bytes from `at` on, as many as fit and lie before `end`; never none.
fn read_part<'a>(file: &File, chunk: &'a mut [u8], at: u64, end: u64) -> io::Result<&'a [u8]> {
    let count = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(chunk.len());
    let bytes = chunk.get_mut(..count).unwrap_or_default();
    file.read_exact_at(bytes, at)?;
    Ok(bytes)
}

/// Writes to a file of the log's disk.
struct Sink<'a> {
    file: &'a dyn DiskFile,
    at: u64,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.at)?;
        self.at = self.at.saturating_add(as_u64(bytes.len()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::disk::{Disk, RealDisk};
    use super::*;

    fn packed(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a.seg"), folder.path().join("a.seg.zst"));
        std::fs::write(&from, bytes).unwrap();
        let archive = RealDisk.create(&to, 0o600).unwrap();
        let source = File::open(from).unwrap();
        let length = pack(&source, bytes.len() as u64, archive.as_ref()).unwrap();
        assert_eq!(std::fs::metadata(&to).unwrap().len(), length);
        assert!(is_same(&source, bytes.len() as u64, &to).unwrap());
        assert!(bytes.is_empty() || !is_same(&source, bytes.len() as u64 - 1, &to).unwrap());
        (folder, to)
    }

    fn text() -> Vec<u8> {
        (0..200_000u32).flat_map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        for bytes in [Vec::new(), vec![7], text()] {
            let (_folder, archive) = packed(&bytes);
            let unpacked = unpack(&archive).unwrap();
            assert_eq!((unpacked.length, unpacked.fault), (bytes.len() as u64, None));
            let mut found = vec![0; bytes.len()];
            unpacked.file.read_exact_at(&mut found, 0).unwrap();
            assert_eq!(found, bytes);
        }
    }

    #[test]
    fn a_broken_archive_says_so_and_gives_what_it_can() {
        let (_folder, archive) = packed(&text());
        let sound = std::fs::read(&archive).unwrap();
        let mut parts = 0;
        for at in [0, 5, sound.len() / 2, sound.len() - 1] {
            let mut broken = sound.clone();
            broken[at] ^= 4;
            std::fs::write(&archive, broken).unwrap();
            let unpacked = unpack(&archive).unwrap();
            assert!(unpacked.fault.is_some(), "byte {at}");
            parts += unpacked.length;
        }
        assert!(parts > 0, "nothing was saved of any");
        for (bytes, expected) in [
            (sound[..sound.len() - 5].to_vec(), "unpacked"),
            ([sound.as_slice(), b"x"].concat(), "follows"),
            ([sound.as_slice(), &sound].concat(), "follows"),
            (Vec::new(), "not a zstd frame"),
            (b"hello".to_vec(), "not a zstd frame"),
        ] {
            std::fs::write(&archive, bytes).unwrap();
            let fault = unpack(&archive).unwrap().fault.unwrap();
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let bomb = folder.path().join("a.seg.zst");
        let mut encoder = zstd::stream::write::Encoder::new(File::create(&bomb).unwrap(), 1).unwrap();
        encoder.set_pledged_src_size(Some(ARCHIVED_BYTES_MAX + 1)).unwrap();
        let zeros = vec![0; 1 << 20];
        (0..ARCHIVED_BYTES_MAX >> 20).for_each(|_| encoder.write_all(&zeros).unwrap());
        encoder.write_all(&[0]).unwrap();
        encoder.finish().unwrap();
        let unpacked = unpack(&bomb).unwrap();
        assert_eq!(unpacked.length, 0);
        assert!(unpacked.fault.unwrap().contains("refused"));
        // One that does not say how long it is.
        let mut encoder = zstd::stream::write::Encoder::new(File::create(&bomb).unwrap(), 1).unwrap();
        encoder.write_all(&zeros).unwrap();
        encoder.finish().unwrap();
        assert!(unpack(&bomb).unwrap().fault.is_some());
    }
}
