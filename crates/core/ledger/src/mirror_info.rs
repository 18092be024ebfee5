//! C2SP `tlog-mirror`: what a mirror says of itself to whoever uploads, as `text/x.tlog.mirror-info`.

use crate::mirror_upload::MIRROR_TICKET_BYTES_MAX;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

/// Media type of the answer.
pub const MIRROR_INFO_TYPE: &str = "text/x.tlog.mirror-info";
/// Longest answer that is parsed, in bytes: two numbers and a ticket.
pub const MIRROR_INFO_BYTES_MAX: usize = 64 + MIRROR_TICKET_BYTES_MAX.div_ceil(3) * 4;

/// How far a mirror is: the body of an answer 202 or 409.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorInfo {
    /// Tree size of a checkpoint up to which entries may be uploaded; 0 = there is none.
    pub size: u64,
    /// Index of the first entry that the mirror does not have.
    pub next: u64,
    /// What the mirror wants back with the next upload; may be empty.
    pub ticket: Vec<u8>,
}

impl MirrorInfo {
    /// Parses an answer. Only the one spelling that [`fmt::Display`] writes is accepted.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Option<Self> {
        if answer.len() > MIRROR_INFO_BYTES_MAX {
            return None;
        }
        let text = std::str::from_utf8(answer).ok()?.strip_suffix('\n')?;
        let mut lines = text.split('\n');
        let (size, next, ticket) = (lines.next()?, lines.next()?, lines.next()?);
        let ticket = STANDARD.decode(ticket).ok().filter(|ticket| ticket.len() <= MIRROR_TICKET_BYTES_MAX)?;
        let info = Self { size: size.parse().ok()?, next: next.parse().ok()?, ticket };
        // Printing it again settles every question of signs, leading zeros, padding and more lines.
        (info.to_string().as_bytes() == answer).then_some(info)
    }
}

/// The body as it is sent: three lines.
impl fmt::Display for MirrorInfo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n{}\n{}\n", self.size, self.next, STANDARD.encode(&self.ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_lines_and_nothing_else_are_an_answer() {
        let info = MirrorInfo { size: 20, next: 7, ticket: b"x".to_vec() };
        assert_eq!(info.to_string(), "20\n7\neA==\n");
        assert_eq!(MirrorInfo::parse(b"20\n7\neA==\n"), Some(info));
        assert_eq!(MirrorInfo::parse(b"0\n0\n\n"), Some(MirrorInfo { size: 0, next: 0, ticket: Vec::new() }));
        for wrong in [
            "",
            "\n\n\n",
            "1\n2\n",
            "1\n2\n\n\n",
            "01\n2\n\n",
            "+1\n2\n\n",
            "1\n2\neA\n",
            "1\n2\n\r\n",
            "1\n2\n",
            "-1\n2\n\n",
            "1\n2\n=",
        ] {
            assert_eq!(MirrorInfo::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
        let long = MirrorInfo { size: u64::MAX, next: u64::MAX, ticket: vec![7; MIRROR_TICKET_BYTES_MAX] };
        assert_eq!(MirrorInfo::parse(long.to_string().as_bytes()), Some(long));
        let longer = MirrorInfo { size: 1, next: 1, ticket: vec![7; MIRROR_TICKET_BYTES_MAX + 1] };
        assert_eq!(MirrorInfo::parse(longer.to_string().as_bytes()), None);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_written_back(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(info) = MirrorInfo::parse(&bytes) {
                prop_assert_eq!(info.to_string().into_bytes(), bytes);
            }
        }
    }
}
