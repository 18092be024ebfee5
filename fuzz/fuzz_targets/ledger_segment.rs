//! Segments: no panic, and a frame that is taken is written back as it was.
#![no_main]

use holdshort_ledger::{FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader, encode_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((header, _)) = data.split_first_chunk::<SEGMENT_HEADER_BYTES>()
        && let Ok(segment) = SegmentHeader::decode(header)
    {
        assert_eq!(segment.encode(), *header);
    }
    let mut rest = data;
    while let Some((header, behind)) = rest.split_first_chunk::<FRAME_HEADER_BYTES>() {
        let Ok(Some(frame)) = FrameHeader::decode(header) else { return };
        let Some((payload, next)) = behind.split_at_checked(frame.length) else { return };
        if frame.check(payload).is_ok() {
            let mut again = Vec::new();
            encode_frame(&mut again, frame.index, frame.pending, &frame.salt, payload).expect("a bounded length");
            assert_eq!(again, rest[..FRAME_HEADER_BYTES + payload.len()]);
            assert!(frame.durable_before() <= frame.index);
        }
        rest = next;
    }
});
