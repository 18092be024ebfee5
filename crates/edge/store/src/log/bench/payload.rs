//! The records that are written: each another one, of a fixed length, in the form that every reader knows.

/// What stands before and behind the digits and the filling.
const PARTS: [&[u8]; 3] =
    [b"{\"type\":\"lifecycle\",\"time_ms\":1700000000000,\"event\":\"bench\",\"detail\":\"", b" ", b"\"}"];
/// Digits of the number.
const DIGITS: usize = 20;

/// Makes records.
#[derive(Debug)]
pub(super) struct Payload {
    template: Vec<u8>,
}

impl Payload {
    /// Of `bytes` bytes, or as many as it takes.
    pub(super) fn new(bytes: usize) -> Self {
        let [head, blank, tail] = PARTS;
        let least: usize = PARTS.iter().map(|part| part.len()).sum::<usize>().saturating_add(DIGITS);
        let filling = vec![b'x'; bytes.saturating_sub(least)];
        Self { template: [head, [b'0'; DIGITS].as_slice(), blank, &filling, tail].concat() }
    }

    /// The record with this number.
    pub(super) fn record(&self, number: u64) -> Vec<u8> {
        let mut record = self.template.clone();
        let [head, ..] = PARTS;
        let digits = record.iter_mut().skip(head.len()).take(DIGITS).rev();
        let mut rest = number;
        for digit in digits {
            *digit = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or_default());
            rest /= 10;
        }
        record
    }

    /// Bytes of a record.
    pub(super) fn bytes(&self) -> usize {
        self.template.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_model::Record;

    #[test]
    fn each_is_another_record_of_the_same_length() {
        let payload = Payload::new(500);
        for (number, digits) in [(0, "0 x"), (1_234_567, "1234567 x"), (u64::MAX, "18446744073709551615 x")] {
            let record = payload.record(number);
            assert_eq!(record.len(), 500);
            assert!(String::from_utf8(record.clone()).unwrap().contains(digits));
            assert!(matches!(serde_json::from_slice(&record).unwrap(), Record::Lifecycle(_)));
        }
        assert!(Payload::new(1).bytes() > 1);
    }
}
