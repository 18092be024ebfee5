//! Event streams: no panic, bounded, the same events wherever the stream is cut, and an encoder that it understands.
#![no_main]

use holdshort_wire::sse::{Decoder, Event, SseError, encode};
use libfuzzer_sys::fuzz_target;

const EVENT_BYTES_MAX: usize = 256;

fn decode<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<SseError>) {
    let (mut decoder, mut events) = (Decoder::new(EVENT_BYTES_MAX), Vec::new());
    for chunk in chunks {
        if let Err(error) = decoder.push(chunk, &mut events) {
            return (events, Some(error));
        }
    }
    (events, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((cut, stream)) = data.split_first() else { return };
    let whole = decode(std::iter::once(stream));
    assert_eq!(whole, decode(stream.chunks(usize::from(*cut).max(1))), "chunks must not matter");
    assert!(whole.0.iter().all(|event| event.data.len() <= EVENT_BYTES_MAX));
    // Newlines are white space between the tokens of JSON: an encoded text keeps everything else.
    if let Ok(text) = std::str::from_utf8(stream)
        && text.len() < EVENT_BYTES_MAX / 2
    {
        let (events, fault) = decode(std::iter::once(encode(text).as_bytes()));
        assert_eq!((events.len(), fault), (1, None));
        assert_eq!(events[0].data, text.replace('\r', "\n"));
    }
});
