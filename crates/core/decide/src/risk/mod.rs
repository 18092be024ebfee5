//! Risk: ten signals, one score from 0 to 100, a level, and a reason for each part.
//!
//! [`assess`] is pure and monotone: adding a bad sign never lowers the score. The formula stands in `score`, the signs in
//! `signs`, what they weigh in `risk.toml`. Policies read the result as `input.risk`; nothing here decides.

mod model;
mod score;
mod signs;

pub use model::{Levels, RiskError, RiskWeights, Signal};

use holdshort_model::{Facts, Mode, Risk};
use score::Score;

/// Weighs everything that is known of an action. `lacking`: how the lack of a grant is treated, when there is one.
pub(crate) fn assess(weights: &RiskWeights, facts: &Facts, lacking: Option<Mode>) -> Risk {
    let mut score = Score::new(weights);
    signs::identity(facts, &mut score);
    signs::permissions(facts, lacking, &mut score);
    let exposure = signs::exposure(weights, facts);
    signs::prompt_context(facts, exposure, &mut score);
    signs::tool(facts, &mut score);
    signs::destination(facts, exposure, &mut score);
    signs::history(facts, &mut score);
    signs::data(facts, exposure, &mut score);
    signs::intelligence(facts, &mut score);
    signs::approvals(facts, &mut score);
    signs::confidence(facts, &mut score);
    score.risk()
}

#[cfg(test)]
mod tests;
