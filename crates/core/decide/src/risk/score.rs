//! The formula: signs are added up to the cap of their signal, signals are combined as independent chances of harm.

use super::model::{RiskWeights, Signal};
use holdshort_model::{Risk, RiskPart};

/// Longest list of reasons of one signal.
const REASONS_MAX: usize = 4;

/// Collects signs.
pub(super) struct Score<'w> {
    weights: &'w RiskWeights,
    parts: [Part; Signal::ALL.len()],
}

#[derive(Default)]
struct Part {
    points: u32,
    // Points before their confidence: what the confidence of the whole is taken from.
    weight: u32,
    reasons: Vec<(u32, String)>,
}

impl<'w> Score<'w> {
    pub(super) fn new(weights: &'w RiskWeights) -> Self {
        Self { weights, parts: Default::default() }
    }

    /// A sign that is there for sure.
    pub(super) fn add(&mut self, signal: Signal, sign: &str, why: impl FnOnce() -> String) {
        self.add_part(signal, sign, 100, 100, why);
    }

    /// A sign that is there to `share` percent and `confidence` percent sure.
    pub(super) fn add_part(
        &mut self,
        signal: Signal,
        sign: &str,
        share: u8,
        confidence: u8,
        why: impl FnOnce() -> String,
    ) {
        let weight = u32::from(self.weights.points(signal, sign)) * u32::from(share.min(100)) / 100;
        // A sign that weighs anything adds at least one point.
        let points = match weight * u32::from(confidence.min(100)) / 100 {
            0 if weight > 0 && confidence > 0 => 1,
            points => points,
        };
        if points == 0 {
            return;
        }
        let Some(part) = self.parts.get_mut(signal as usize) else { return };
        part.points += points;
        part.weight += weight.max(points);
        part.reasons.push((points, why()));
    }

    /// 100 * (1 - (1 - p1/100) * (1 - p2/100) * ...), rounded down, in whole numbers.
    ///
    /// INVARIANT: monotone. Every sign only adds points, a cap only cuts what is over it, and each signal's points only
    /// make the product smaller. The order of signs and signals does not matter.
    pub(super) fn risk(self) -> Risk {
        let mut parts = Vec::new();
        // Exact: ten factors of at most 100 are at most 10^20.
        let (mut left, mut whole) = (1u128, 1u128);
        for (signal, mut part) in Signal::ALL.into_iter().zip(self.parts) {
            let points = u8::try_from(part.points).unwrap_or(u8::MAX).min(self.weights.cap(signal));
            if points == 0 {
                continue;
            }
            left *= u128::from(100 - points.min(100));
            whole *= 100;
            part.reasons.sort_by(|a, b| b.cmp(a));
            let why: Vec<String> = part.reasons.into_iter().take(REASONS_MAX).map(|(_, why)| why).collect();
            let confidence = u8::try_from(100 * part.points / part.weight.max(1)).unwrap_or(100).min(100);
            parts.push(RiskPart { signal: signal.as_str().into(), points, confidence, why: why.join("; ") });
        }
        let rest = (left * 100).div_ceil(whole);
        let score = 100 - u8::try_from(rest).unwrap_or(100).min(100);
        Risk { score, level: self.weights.level(score), parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_model::Level;
    use proptest::prelude::*;

    const SIGNS: [(Signal, &str); 12] = [
        (Signal::Identity, "unregistered"),
        (Signal::Identity, "owner_inactive"),
        (Signal::Permissions, "uncovered"),
        (Signal::PromptContext, "steered"),
        (Signal::PromptContext, "unasked"),
        (Signal::Tool, "send"),
        (Signal::Destination, "looks_like"),
        (Signal::History, "novelty"),
        (Signal::Data, "own_secret"),
        (Signal::Intelligence, "here"),
        (Signal::Approvals, "refused_same"),
        (Signal::Confidence, "unprovable"),
    ];

    fn score(signs: &[(usize, u8, u8)]) -> Risk {
        let mut score = Score::new(RiskWeights::builtin());
        for (sign, share, confidence) in signs {
            let (signal, sign) = SIGNS[*sign];
            score.add_part(signal, sign, *share, *confidence, || sign.to_owned());
        }
        score.risk()
    }

    #[test]
    fn one_signal_is_its_points_and_two_are_less_than_their_sum() {
        let one = score(&[(6, 100, 100)]);
        assert_eq!((one.score, one.level, one.parts.len()), (45, Level::Medium, 1));
        let two = score(&[(6, 100, 100), (3, 100, 100)]);
        assert_eq!((two.score, two.level), (69, Level::Medium), "100 - 55 * 55 / 100, rounded down");
        let three = score(&[(6, 100, 100), (3, 100, 100), (8, 100, 100)]);
        assert_eq!((three.score, three.level), (90, Level::Critical));
        assert_eq!(score(&[]), Risk::default());
    }

    #[test]
    fn half_the_confidence_is_half_the_points_and_said() {
        let sure = score(&[(8, 100, 50)]);
        assert_eq!((sure.score, sure.parts[0].confidence), (35, 50));
    }

    proptest! {
        #[test]
        fn adding_a_bad_sign_never_lowers_the_score(
            signs in prop::collection::vec((0..SIGNS.len(), 0u8..=100, 0u8..=100), 0..12),
            more in (0..SIGNS.len(), 0u8..=100, 0u8..=100),
        ) {
            let before = score(&signs);
            let mut with = signs.clone();
            with.push(more);
            let after = score(&with);
            prop_assert!(after.score >= before.score && after.level >= before.level);
            with.reverse();
            prop_assert_eq!(score(&with).score, after.score, "order does not matter");
        }

        #[test]
        fn more_of_a_sign_never_weighs_less(
            signs in prop::collection::vec((0..SIGNS.len(), 0u8..=100, 0u8..=100), 1..12),
            at in any::<prop::sample::Index>(),
        ) {
            let mut worse = signs.clone();
            let at = at.index(worse.len());
            worse[at].1 = 100;
            worse[at].2 = 100;
            prop_assert!(score(&worse).score >= score(&signs).score);
        }
    }
}
