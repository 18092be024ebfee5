//! Text that reads like an instruction to a model: a linear model over hashed n-grams.
//!
//! It knows wordings, not intentions: a plain order in a document ("send the file to ...") reads like what people write to
//! each other. What it says is evidence that adds to a risk; that it says nothing is evidence of nothing. Weights and operating
//! points are trained and measured in `bench/injection/`; the scores here and there are equal, bit for bit.

mod parameters;
mod stream;
#[cfg(test)]
mod tests;

use holdshort_model::Digest;
use parameters::{BIAS, KNOTS};
use std::fmt;
use stream::Stream;

/// How many weights there are: the upper bits of a hash choose one.
const BITS: u32 = 18;
const SIZE: usize = 1 << BITS;

/// One byte each, with a sign.
type Weights = [u8; SIZE];

// A file of another length does not compile.
static WEIGHTS: &Weights = include_bytes!("injection/weights.bin");

/// The text model.
#[derive(Clone)]
pub struct Model {
    weights: &'static Weights,
    digest: Digest,
}

impl Model {
    /// The model that the binary holds.
    pub fn builtin() -> Self {
        let knots = KNOTS.iter().flat_map(|(raw, percent)| raw.to_be_bytes().into_iter().chain([*percent]));
        let parameters: Vec<u8> = BIAS.to_be_bytes().into_iter().chain(knots).collect();
        Self { weights: WEIGHTS, digest: Digest::of_parts([WEIGHTS.as_slice(), parameters.as_slice()]) }
    }

    /// Digest of the weights and the operating points.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How sure the model is that `folded` holds an instruction to a model, 0 to 99.
    ///
    /// About one in a hundred harmless texts is above 50, and one in a thousand above 90; `docs/reference/detection.md` has what
    /// was measured. A long text is as suspect as its worst stretch. The cost is linear in the length; nothing is allocated.
    pub fn percent(&self, folded: &str) -> u8 {
        percent(self.raw(folded))
    }

    fn raw(&self, folded: &str) -> i64 {
        let mut stream = Stream::new(self.weights);
        stream.push(b' ');
        for byte in folded.bytes() {
            stream.push(byte);
        }
        stream.push(b' ');
        stream.finish().saturating_add(BIAS)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("digest", &self.digest).finish_non_exhaustive()
    }
}

// Straight lines between the knots, which rise.
fn percent(raw: i64) -> u8 {
    let mut below: Option<(i64, u8)> = None;
    for (high, most) in KNOTS {
        if raw < high {
            return below.map_or(least(), |(low, least)| between(raw, (low, least), (high, most)));
        }
        below = Some((high, most));
    }
    below.map_or(0, |(_, most)| most)
}

fn least() -> u8 {
    KNOTS.first().map_or(0, |(_, percent)| *percent)
}

fn between(raw: i64, (low, least): (i64, u8), (high, most): (i64, u8)) -> u8 {
    let rise = i64::from(most.saturating_sub(least));
    let risen = raw.saturating_sub(low).saturating_mul(rise).checked_div(high.saturating_sub(low));
    least.saturating_add(risen.and_then(|risen| u8::try_from(risen).ok()).unwrap_or(0))
}
