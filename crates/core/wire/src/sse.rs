//! Server-sent events (WHATWG HTML, section 9.2), as a decoder that is fed bytes and an encoder.

/// A decoded event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Value of the last `event` field; empty means `message`.
    pub event: String,
    /// The `data` lines, joined by line feeds.
    pub data: String,
    /// Value of the last `id` field, if any.
    pub id: Option<String>,
    /// Value of the last `retry` field, in milliseconds.
    pub retry_ms: Option<u64>,
}

/// A stream that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event is larger than the decoder was told to take.
    #[error("an event is larger than {0} bytes")]
    Oversize(usize),
    /// A line is not UTF-8.
    #[error("a line is not valid UTF-8")]
    Utf8,
}

/// Incremental decoder. Memory is bounded by `event_bytes_max`.
#[derive(Debug)]
pub struct Decoder {
    event_bytes_max: usize,
    line: Vec<u8>,
    after_cr: bool,
    at_start: bool,
    data_lines: usize,
    current: Event,
}

impl Decoder {
    /// A decoder for events of at most `event_bytes_max` bytes.
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            event_bytes_max,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            data_lines: 0,
            current: Event::default(),
        }
    }

    /// Takes the next bytes and appends the events that they complete to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), SseError> {
        for &byte in bytes {
            let line_feed_of_crlf = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if line_feed_of_crlf => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    self.take_line(&line, out)?;
                }
                _ => {
                    if self.line.len() + self.current.data.len() >= self.event_bytes_max {
                        return Err(SseError::Oversize(self.event_bytes_max));
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], out: &mut Vec<Event>) -> Result<(), SseError> {
        let line =
            if std::mem::take(&mut self.at_start) { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.is_empty() {
            let event = std::mem::take(&mut self.current);
            let complete = std::mem::take(&mut self.data_lines) > 0;
            if complete || event.id.is_some() || event.retry_ms.is_some() {
                out.push(event);
            }
            return Ok(());
        }
        let line = std::str::from_utf8(line).map_err(|_| SseError::Utf8)?;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.data_lines > 0 {
                    self.current.data.push('\n');
                }
                self.data_lines += 1;
                self.current.data.push_str(value);
            }
            "event" => self.current.event = value.to_owned(),
            "id" if !value.contains('\0') => self.current.id = Some(value.to_owned()),
            "retry" => self.current.retry_ms = value.parse().ok().or(self.current.retry_ms),
            _ => {}
        }
        Ok(())
    }
}

/// One `message` event that carries `json`. JSON that was pretty-printed becomes several `data` lines.
pub fn encode(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 24);
    out.push_str("event: message\n");
    for line in json.split(['\n', '\r']) {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<Event> {
        let (mut decoder, mut events) = (Decoder::new(1000), Vec::new());
        for chunk in chunks {
            decoder.push(chunk, &mut events).unwrap();
        }
        events
    }

    #[test]
    fn every_line_ending_and_every_chunk_border() {
        let stream =
            b"\xef\xbb\xbf: hi\r\nevent: message\r\nid: 7\rdata: {\"a\":\ndata:  1}\n\nretry: 5\n\ndata\n\ndata: x";
        let whole = decode(&[stream]);
        assert_eq!(whole.len(), 3);
        assert_eq!((whole[0].data.as_str(), whole[0].id.as_deref()), ("{\"a\":\n 1}", Some("7")));
        assert_eq!((whole[1].retry_ms, whole[2].data.as_str()), (Some(5), ""));
        for cut in 0..stream.len() {
            assert_eq!(decode(&[&stream[..cut], &stream[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn an_oversize_event_is_an_error() {
        let mut decoder = Decoder::new(10);
        assert_eq!(decoder.push(b"data: 0123456789", &mut Vec::new()), Err(SseError::Oversize(10)));
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_json() {
        let json = "{\"a\":\n1}";
        assert_eq!(decode(&[encode(json).as_bytes()])[0].data, json);
    }
}
