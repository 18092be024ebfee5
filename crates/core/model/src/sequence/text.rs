//! How windows, measures and lists are written.

use super::{Measure, SEQUENCE_LIST_MAX, SEQUENCE_WINDOW_NS_MAX, SequenceError, SequenceWindow};
use serde::de::{Error as _, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

impl FromStr for SequenceWindow {
    type Err = SequenceError;

    fn from_str(text: &str) -> Result<Self, SequenceError> {
        let wrong = || SequenceError::Window(text.chars().take(40).collect());
        let (number, seconds) = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)]
            .into_iter()
            .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
            .ok_or_else(wrong)?;
        if !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let ns =
            number.checked_mul(seconds).and_then(|seconds| seconds.checked_mul(1_000_000_000)).ok_or_else(wrong)?;
        if ns <= 0 || ns > SEQUENCE_WINDOW_NS_MAX { Err(wrong()) } else { Ok(Self(ns)) }
    }
}

impl fmt::Display for SequenceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000_000_000;
        let (size, unit) = [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(size, _)| seconds % size == 0)
            .unwrap_or((1, 's'));
        write!(f, "{}{unit}", seconds / size)
    }
}

impl Serialize for SequenceWindow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SequenceWindow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Measure {
    fn word(text: &str) -> Option<Self> {
        Some(match text {
            "count" => Self::Count,
            "host" => Self::Host,
            "resource" => Self::Resource,
            "tool" => Self::Tool,
            "server" => Self::Server,
            _ => return None,
        })
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let word = match self {
            Self::Count => "count",
            Self::Host => "host",
            Self::Resource => "resource",
            Self::Tool => "tool",
            Self::Server => "server",
            Self::Argument(pointers) => return pointers.serialize(serializer),
        };
        serializer.serialize_str(word)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts: Vec<String> = one_or_many(deserializer)?;
        if let [text] = texts.as_slice()
            && let Some(measure) = Self::word(text)
        {
            return Ok(measure);
        }
        match texts.iter().find(|text| !text.starts_with('/')) {
            None if !texts.is_empty() && texts.len() <= SEQUENCE_LIST_MAX => Ok(Self::Argument(texts)),
            wrong => Err(D::Error::custom(SequenceError::Measure(wrong.cloned().unwrap_or_default()))),
        }
    }
}

/// A list, or one entry without brackets. Keeps the errors of the entries, which an untagged enum would not.
pub(super) fn one_or_many<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(text.into_deserializer()).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = seq.next_element()? {
                list.push(entry);
            }
            match list.is_empty() {
                true => Err(A::Error::custom("an empty list matches nothing; leave it out")),
                false => Ok(list),
            }
        }
    }

    deserializer.deserialize_any(List(PhantomData))
}
