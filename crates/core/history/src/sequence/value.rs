//! What an event is worth, and what it is told apart by.

use super::pattern::Pattern;
use holdshort_model::{ActionEffect, ActionFacts, Digest, Measure, Resource};
use serde_json::Value;

/// What an amount counts that nobody can tell: an effect without a bound, an argument that is missing or no number.
/// Large, so that a limit over a sum is passed and not slipped under.
pub const AMOUNT_UNKNOWN: u64 = 1_000_000_000;
/// The most that one event counts; larger amounts count as this.
pub const AMOUNT_MAX: u64 = 1_000_000_000_000;
/// Most different values of one `count_distinct_within` that are told apart; with more, the answer is
/// [`AMOUNT_UNKNOWN`].
pub const DISTINCT_MAX: usize = 256;
/// [`DISTINCT_MAX`] of each window of a sequence with `same`.
pub const KEYED_DISTINCT_MAX: usize = 64;
/// Most values or keys of one event that are looked at: one more than are told apart, so that an event with more is
/// seen to have too many.
const VALUES_MAX: usize = DISTINCT_MAX + 1;
/// Sums are kept in millionths, rounded up, so that they depend on no order.
const MICRO: u64 = 1_000_000;
/// Longest text of an amount that is read.
const AMOUNT_BYTES_MAX: usize = 40;

/// An amount in millionths.
pub(super) type Micro = u128;

/// A value or key of an event: the beginning of a digest, 16 bytes.
pub(super) type Mark = [u8; 16];

/// The amount as policies see it. Exact up to 2^53 millionths, rounded beyond.
pub(super) fn shown(amount: Micro) -> f64 {
    let (whole, part) = (amount / u128::from(MICRO), amount % u128::from(MICRO));
    #[expect(clippy::cast_precision_loss, reason = "policies compare numbers of the size of limits")]
    let shown = whole as f64 + part as f64 / MICRO as f64;
    shown
}

/// One, or a whole number of things, in millionths.
pub(super) fn micro(number: u64) -> Micro {
    u128::from(number.min(AMOUNT_MAX)) * u128::from(MICRO)
}

/// How much an event adds to a sum.
pub(super) fn amount(measure: Option<&Measure>, pattern: &Pattern, action: &ActionFacts) -> Micro {
    match measure {
        Some(Measure::Argument(pointers)) => {
            let value = pointers.iter().find_map(|pointer| action.args.pointer(pointer));
            value.and_then(number).unwrap_or_else(|| micro(AMOUNT_UNKNOWN))
        }
        Some(Measure::Count) => {
            let counts = pattern.effects(action).map(|effect| micro(effect.count.unwrap_or(AMOUNT_UNKNOWN)));
            counts.fold(0, u128::saturating_add).min(micro(AMOUNT_MAX))
        }
        _ => micro(1),
    }
}

// The absolute value: an agent that pays -50 has not earned a larger budget. Texts are read as decimal numbers.
fn number(value: &Value) -> Option<Micro> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.len() <= AMOUNT_BYTES_MAX => text.trim().to_owned(),
        _ => return None,
    };
    let digits = text.trim_start_matches(['-', '+']);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) {
        // An exponent, `inf`, thousands separators: read as a float, or not at all.
        return float(text.parse::<f64>().ok()?);
    }
    let whole: u64 = whole.parse().unwrap_or(AMOUNT_MAX);
    let mut millionths: u128 = 0;
    for place in 0..6 {
        let digit = part.as_bytes().get(place).map_or(0, |digit| digit.wrapping_sub(b'0'));
        millionths = millionths * 10 + u128::from(digit);
    }
    let rest = part.bytes().skip(6).any(|digit| digit != b'0');
    let sum = micro(whole) + millionths + u128::from(rest);
    Some(sum.min(micro(AMOUNT_MAX)))
}

fn float(number: f64) -> Option<Micro> {
    if !number.is_finite() {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the cast saturates, and the result is capped"
    )]
    let millionths = (number.abs() * MICRO as f64).ceil() as u128;
    Some(millionths.min(micro(AMOUNT_MAX)))
}

/// The different values that an event has: at least one; what is absent is a value of its own.
pub(super) fn marks(measure: &Measure, pattern: &Pattern, action: &ActionFacts) -> Vec<Mark> {
    let mut marks: Vec<Mark> = match measure {
        Measure::Count => Vec::new(),
        Measure::Host => of_effects(pattern, action, |effect| vec![effect.resource.host.as_deref()]),
        Measure::Resource => of_effects(pattern, action, |effect| resource(&effect.resource)),
        Measure::Tool => vec![mark(&[action.server.as_deref(), Some(&action.name)])],
        Measure::Server => vec![mark(&[action.server.as_deref()])],
        Measure::Argument(pointers) => match pointers.iter().find_map(|pointer| action.args.pointer(pointer)) {
            Some(Value::Array(items)) => items.iter().take(VALUES_MAX).map(json).collect(),
            Some(value) => vec![json(value)],
            None => Vec::new(),
        },
    };
    marks.sort_unstable();
    marks.dedup();
    if marks.is_empty() {
        marks.push(mark(&[None]));
    }
    marks
}

// A pending action that is none of the counted ones still has a host: that of any of its effects.
fn of_effects(
    pattern: &Pattern,
    action: &ActionFacts,
    parts: impl Fn(&ActionEffect) -> Vec<Option<&str>>,
) -> Vec<Mark> {
    let marked = |effects: Vec<&ActionEffect>| {
        effects.into_iter().take(VALUES_MAX).map(|effect| mark(&parts(effect))).collect::<Vec<Mark>>()
    };
    let meant = marked(pattern.effects(action).collect());
    if meant.is_empty() { marked(action.effects.iter().collect()) } else { meant }
}

fn resource(resource: &Resource) -> Vec<Option<&str>> {
    let name = resource.path.as_deref().or(resource.id.as_deref()).or(resource.host.as_deref());
    vec![Some(&resource.kind), name]
}

fn json(value: &Value) -> Mark {
    match value {
        Value::String(text) => mark(&[Some(text)]),
        other => mark(&[None, Some(&other.to_string())]),
    }
}

fn mark(parts: &[Option<&str>]) -> Mark {
    let bytes = parts.iter().flat_map(|part| match part {
        Some(text) => [b"+".as_slice(), text.as_bytes()],
        None => [b"-".as_slice(), b"".as_slice()],
    });
    let digest = Digest::of_parts(bytes);
    let mut mark = Mark::default();
    for (to, from) in mark.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts() {
        for (value, millionths) in [
            (json!(5), Some(5_000_000)),
            (json!(-5), Some(5_000_000)),
            (json!(0.1), Some(100_000)),
            (json!("12.50"), Some(12_500_000)),
            (json!(" 7 "), Some(7_000_000)),
            (json!("0.0000001"), Some(1)),
            (json!(1e3), Some(1_000_000_000)),
            (json!("1e3"), Some(1_000_000_000)),
            (json!(u64::MAX), Some(micro(AMOUNT_MAX))),
            (json!("99999999999999999999999999"), Some(micro(AMOUNT_MAX))),
            (json!("1,000"), None),
            (json!("inf"), None),
            (json!("ten"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([5]), None),
        ] {
            assert_eq!(number(&value), millionths, "{value}");
        }
        assert!((shown(12_500_000) - 12.5).abs() < f64::EPSILON);
    }
}
