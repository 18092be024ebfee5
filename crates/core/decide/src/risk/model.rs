//! What signs weigh: data with a version.

use holdshort_model::{Level, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// The weights that are built in.
const BUILTIN: &str = include_str!("risk.toml");

/// What a signal is called, in the order in which a score names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Who acts, and how sure that is.
    Identity,
    /// What was granted and what was taken away.
    Permissions,
    /// Whether the person asked for it, and what untrusted text has to do with it.
    PromptContext,
    /// What the action does.
    Tool,
    /// Where it goes.
    Destination,
    /// What is usual for this agent.
    History,
    /// What data is involved.
    Data,
    /// What threat intelligence knows.
    Intelligence,
    /// What people answered before.
    Approvals,
    /// What is not known.
    Confidence,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 10] = [
        Self::Identity,
        Self::Permissions,
        Self::PromptContext,
        Self::Tool,
        Self::Destination,
        Self::History,
        Self::Data,
        Self::Intelligence,
        Self::Approvals,
        Self::Confidence,
    ];

    /// The text form, as in `input.risk.parts[_].signal`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Permissions => "permissions",
            Self::PromptContext => "prompt_context",
            Self::Tool => "tool",
            Self::Destination => "destination",
            Self::History => "history",
            Self::Data => "data",
            Self::Intelligence => "intelligence",
            Self::Approvals => "approvals",
            Self::Confidence => "confidence",
        }
    }
}

/// The weights of signs, the caps of signals and the borders of levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskWeights {
    /// Version of the numbers, for people.
    pub version: String,
    /// Signals that may reach `critical` alone. Default: none.
    #[serde(default)]
    pub alone: BTreeSet<Signal>,
    /// The lowest score of each level above `low`.
    pub levels: Levels,
    /// The most that a signal can add, 0 to 100.
    pub caps: BTreeMap<Signal, u8>,
    /// How much of prompt context, destination and data counts, by what the action does, in percent.
    #[schemars(with = "BTreeMap<String, u8>")]
    pub exposure: BTreeMap<Verb, u8>,
    /// Points of each sign, 0 to 100, by signal.
    pub points: BTreeMap<Signal, BTreeMap<String, u8>>,
}

/// The lowest score of each level above `low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// From here on a person is asked.
    pub medium: u8,
    /// From here on it is refused and permissions are taken away.
    pub high: u8,
    /// From here on the agent is isolated.
    pub critical: u8,
}

/// Weights that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RiskError {
    /// The levels are not in order.
    #[error("the levels have to rise: 0 < medium < high < critical <= 100")]
    Levels,
    /// A number over 100.
    #[error("`{0}` is over 100")]
    Range(String),
    /// A name that is missing or unknown.
    #[error("`{0}` is {1}; the built-in weights name every sign")]
    Name(String, &'static str),
    /// It cannot be read.
    #[error("the weights cannot be read: {0}")]
    Syntax(String),
}

impl Default for RiskWeights {
    fn default() -> Self {
        Self::builtin().clone()
    }
}

impl RiskWeights {
    /// The weights that are built in.
    pub fn builtin() -> &'static Self {
        static WEIGHTS: OnceLock<RiskWeights> = OnceLock::new();
        WEIGHTS.get_or_init(|| match toml::from_str(BUILTIN) {
            Ok(weights) => weights,
            // A test reads the file; and what has no weights weighs everything.
            Err(_) => Self::heaviest(),
        })
    }

    /// Reads weights that name only what differs from the built-in ones.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn with_changes(changes: &toml::Table) -> Result<Self, RiskError> {
        let mut table: toml::Table = toml::from_str(BUILTIN).map_err(|error| RiskError::Syntax(error.to_string()))?;
        overlay(&mut table, changes, "")?;
        let weights: Self = table.try_into().map_err(|error: toml::de::Error| RiskError::Syntax(error.to_string()))?;
        weights.check()?;
        Ok(weights)
    }

    /// Checks that the numbers go together and that every sign has one.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), RiskError> {
        let Levels { medium, high, critical } = self.levels;
        if medium == 0 || medium >= high || high >= critical || critical > 100 {
            return Err(RiskError::Levels);
        }
        let caps = self.caps.iter().map(|(signal, cap)| (format!("caps.{}", signal.as_str()), *cap));
        let exposure = self.exposure.iter().map(|(verb, percent)| (format!("exposure.{}", verb.as_str()), *percent));
        let points = self.points.iter().flat_map(|(signal, points)| {
            points.iter().map(|(sign, points)| (format!("points.{}.{sign}", signal.as_str()), *points))
        });
        if let Some((name, _)) = caps.chain(exposure).chain(points).find(|(_, number)| *number > 100) {
            return Err(RiskError::Range(name));
        }
        for signal in Signal::ALL {
            let missing = !self.caps.contains_key(&signal) || !self.points.contains_key(&signal);
            if missing {
                return Err(RiskError::Name(signal.as_str().to_owned(), "missing"));
            }
        }
        match Verb::ALL.iter().find(|verb| !self.exposure.contains_key(verb)) {
            Some(verb) => Err(RiskError::Name(format!("exposure.{}", verb.as_str()), "missing")),
            None => Ok(()),
        }
    }

    /// The level of a score.
    pub fn level(&self, score: u8) -> Level {
        let Levels { medium, high, critical } = self.levels;
        match score {
            score if score >= critical => Level::Critical,
            score if score >= high => Level::High,
            score if score >= medium => Level::Medium,
            _ => Level::Low,
        }
    }

    /// The most that a signal can add.
    pub(crate) fn cap(&self, signal: Signal) -> u8 {
        let cap = self.caps.get(&signal).copied().unwrap_or(100);
        if self.alone.contains(&signal) { cap } else { cap.min(self.levels.critical.saturating_sub(1)) }
    }

    /// The points of a sign. One that has none weighs most: it cannot be lost by a typing error.
    pub(crate) fn points(&self, signal: Signal, sign: &str) -> u8 {
        self.points.get(&signal).and_then(|points| points.get(sign)).copied().unwrap_or(100)
    }

    pub(crate) fn exposure(&self, verb: Verb) -> u8 {
        self.exposure.get(&verb).copied().unwrap_or(100)
    }

    fn heaviest() -> Self {
        Self {
            version: "none".into(),
            alone: BTreeSet::new(),
            levels: Levels { medium: 1, high: 2, critical: 3 },
            caps: BTreeMap::new(),
            exposure: BTreeMap::new(),
            points: BTreeMap::new(),
        }
    }
}

// Only names that the built-in weights have: a misspelt one would do nothing.
fn overlay(base: &mut toml::Table, changes: &toml::Table, place: &str) -> Result<(), RiskError> {
    for (name, change) in changes {
        let at = format!("{place}{name}");
        match (base.get_mut(name), change) {
            (None, _) => return Err(RiskError::Name(at, "unknown")),
            (Some(toml::Value::Table(base)), toml::Value::Table(changes)) => overlay(base, changes, &format!("{at}."))?,
            (Some(slot), change) => *slot = change.clone(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> Result<RiskWeights, RiskError> {
        RiskWeights::with_changes(&toml::from_str(text).unwrap())
    }

    #[test]
    fn the_built_in_weights_can_be_read_and_go_together() {
        let weights: RiskWeights = toml::from_str(BUILTIN).unwrap();
        weights.check().unwrap();
        assert_eq!(&weights, RiskWeights::builtin());
        let verbs = &weights.points[&Signal::Tool];
        assert!(Verb::ALL.iter().all(|verb| verbs.contains_key(verb.as_str())));
    }

    #[test]
    fn changes_are_laid_over_and_checked() {
        let weights = changed("version = \"ours\"\n[levels]\nmedium = 30\n[points.tool]\nsend = 20").unwrap();
        assert_eq!((weights.levels.medium, weights.points(Signal::Tool, "send")), (30, 20));
        assert_eq!(weights.level(30), Level::Medium);
        for (text, wrong) in [
            ("[levels]\nmedium = 90", RiskError::Levels),
            ("[points.tool]\nsend = 101", RiskError::Range("points.tool.send".into())),
            ("[points.tool]\nsned = 1", RiskError::Name("points.tool.sned".into(), "unknown")),
            ("[caps]\ndata = 200", RiskError::Range("caps.data".into())),
        ] {
            assert_eq!(changed(text), Err(wrong), "{text}");
        }
        assert!(matches!(changed("[levels]\nmedium = \"x\""), Err(RiskError::Syntax(_))));
    }

    #[test]
    fn no_signal_reaches_critical_alone_unless_it_is_named() {
        for text in ["[caps]\nintelligence = 100", "[caps]\ndata = 100"] {
            let weights = changed(text).unwrap();
            assert!(Signal::ALL.iter().all(|signal| weights.level(weights.cap(*signal)) < Level::Critical));
        }
        let weights = changed("alone = [\"data\"]\n[caps]\ndata = 100").unwrap();
        assert_eq!(weights.cap(Signal::Data), 100);
    }
}
