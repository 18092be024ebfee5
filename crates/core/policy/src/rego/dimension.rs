//! The fields of the input that a guard can speak of.

use crate::input;
use holdshort_model::Facts;

/// A field, or a list of fields that are alike. The most selective first: the first one of a guard is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dimension {
    Sign,
    Sequence,
    Level,
    ToolName,
    ActionName,
    ToolServer,
    ActionServer,
    Confidentiality,
    Category,
    EffectLabel,
    Class,
    Pin,
    Verb,
    ResourceKind,
    Kind,
    Certainty,
    Asks,
    Role,
    Origin,
    Integrity,
    Address,
    Record,
    KnownValue,
    KnownRequest,
    Count,
    Workspace,
}

/// What a field says that is asked only whether it holds: Rego's truth, where undefined is not true.
pub(crate) const TRUE: &str = "true";
/// The opposite, absence included.
pub(crate) const FALSE: &str = "false";

/// Where sequences stand, and what is read of them.
const SEQUENCES: (&str, &str) = ("history.sequences.", ".holds");

impl Dimension {
    const ALL: [Self; 26] = [
        Self::Sign,
        Self::Sequence,
        Self::Level,
        Self::ToolName,
        Self::ActionName,
        Self::ToolServer,
        Self::ActionServer,
        Self::Confidentiality,
        Self::Category,
        Self::EffectLabel,
        Self::Class,
        Self::Pin,
        Self::Verb,
        Self::ResourceKind,
        Self::Kind,
        Self::Certainty,
        Self::Asks,
        Self::Role,
        Self::Origin,
        Self::Integrity,
        Self::Address,
        Self::Record,
        Self::KnownValue,
        Self::KnownRequest,
        Self::Count,
        Self::Workspace,
    ];

    /// The path below `input`; `[]` stands for the elements of an array or of an object.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Sign => "signals",
            Self::Sequence => "history.sequences",
            Self::Level => "risk.level",
            Self::ToolName => "tool.name",
            Self::ActionName => "action.name",
            Self::ToolServer => "tool.server",
            Self::ActionServer => "action.server",
            Self::Confidentiality => "labels.confidentiality",
            Self::Category => "labels.categories[]",
            Self::EffectLabel => "action.effects[].resource.labels[]",
            Self::Class => "subject.agent.class",
            Self::Pin => "tool.pin",
            Self::Verb => "action.effects[].verb",
            Self::ResourceKind => "action.effects[].resource.kind",
            Self::Kind => "action.kind",
            Self::Certainty => "action.effects[].certainty",
            Self::Asks => "request.asks",
            Self::Role => "provenance[].role",
            Self::Origin => "provenance[].origin",
            Self::Integrity => "labels.integrity",
            Self::Address => "provenance[].address",
            Self::Record => "provenance[].record",
            Self::KnownValue => "provenance[].known",
            Self::KnownRequest => "request.known",
            Self::Count => "action.effects[].count",
            Self::Workspace => "context.workspace",
        }
    }

    /// The dimension of a field that is compared with texts.
    pub(crate) fn compared(place: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.is_text() && dimension.path() == place)
    }

    /// The dimension of a field that stands alone in a rule, and the value that it then has to have.
    pub(crate) fn held(place: &str) -> Option<(Self, String)> {
        if let Some(name) = place.strip_prefix(SEQUENCES.0).and_then(|rest| rest.strip_suffix(SEQUENCES.1)) {
            return Some((Self::Sequence, name.to_owned()));
        }
        Self::present(place).or_else(|| Some((Self::truth(place)?, TRUE.to_owned())))
    }

    /// The same for `not field`.
    pub(crate) fn negated(place: &str) -> Option<(Self, String)> {
        Some((Self::truth(place)?, FALSE.to_owned()))
    }

    /// The same for a list of signals that is iterated, or one of their flags.
    pub(crate) fn present(place: &str) -> Option<(Self, String)> {
        let name = place.strip_prefix("signals.")?;
        SIGNS.iter().any(|(known, _)| *known == name).then(|| (Self::Sign, name.to_owned()))
    }

    /// The same for a part of a sign that most of its kind do not have, where it is compared.
    pub(crate) fn part(place: &str) -> Option<(Self, String)> {
        Self::present(place).filter(|(_, name)| name.contains("[]."))
    }

    fn truth(place: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.is_truth() && dimension.path() == place)
    }

    fn is_truth(self) -> bool {
        matches!(
            self,
            Self::Address | Self::Record | Self::KnownValue | Self::KnownRequest | Self::Count | Self::Workspace
        )
    }

    fn is_text(self) -> bool {
        !self.is_truth() && !matches!(self, Self::Sign | Self::Sequence)
    }

    /// How a guard says it.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Sign | Self::Sequence => "have",
            _ => "is",
        }
    }

    /// Whether any value of these facts passes the test.
    pub(crate) fn any(self, facts: &Facts, mut test: impl FnMut(&str) -> bool) -> bool {
        let (effects, provenance) = (&facts.action.effects, &facts.provenance);
        match self {
            Self::Sign => SIGNS.iter().any(|(name, is_there)| is_there(facts) && test(name)),
            Self::Sequence => facts.history.sequences.iter().any(|(name, known)| known.holds && test(name)),
            Self::Level => test(input::level(facts.risk.level)),
            Self::ToolName => facts.tool.as_ref().is_some_and(|tool| test(&tool.name)),
            Self::ActionName => test(&facts.action.name),
            Self::ToolServer => facts.tool.as_ref().is_some_and(|tool| test(&tool.server)),
            Self::ActionServer => facts.action.server.as_deref().is_some_and(test),
            Self::Confidentiality => {
                let level = facts.labels.confidentiality.as_str();
                !level.is_empty() && test(level)
            }
            Self::Category => facts.labels.categories.iter().any(|category| test(category)),
            Self::EffectLabel => effects.iter().flat_map(|effect| &effect.resource.labels).any(|label| test(label)),
            Self::Class => test(&facts.subject.agent.class),
            Self::Pin => facts.tool.as_ref().is_some_and(|tool| test(input::pin(tool.pin))),
            Self::Verb => effects.iter().any(|effect| test(effect.verb.as_str())),
            Self::ResourceKind => effects.iter().any(|effect| test(&effect.resource.kind)),
            Self::Kind => test(facts.action.kind.as_str()),
            Self::Certainty => effects.iter().any(|effect| test(input::certainty(effect.certainty))),
            Self::Asks => test(input::asks(facts.request.asks)),
            Self::Role => provenance.values().any(|value| test(input::role(value.role))),
            Self::Origin => provenance.values().any(|value| test(input::origin(value.origin))),
            Self::Integrity => test(input::integrity(facts.labels.integrity)),
            Self::Address => provenance.values().any(|value| test(truth(value.address))),
            Self::Record => provenance.values().any(|value| test(truth(value.record))),
            Self::KnownValue => provenance.values().any(|value| test(truth(value.known))),
            Self::KnownRequest => test(truth(facts.request.known)),
            Self::Count => effects.iter().any(|effect| test(truth(effect.count.is_some()))),
            Self::Workspace => test(truth(facts.context.workspace.is_some())),
        }
    }
}

fn truth(holds: bool) -> &'static str {
    if holds { TRUE } else { FALSE }
}

/// A sign and whether facts have it.
type Sign = (&'static str, fn(&Facts) -> bool);

/// Lists, flags and parts below `input.signals` that are absent more often than not.
const SIGNS: [Sign; 16] = [
    ("injection.marks", |facts| !facts.signals.content.injection.marks.is_empty()),
    ("secrets", |facts| !facts.signals.content.secrets.is_empty()),
    ("personal_data", |facts| !facts.signals.content.personal_data.is_empty()),
    ("intelligence", |facts| !facts.signals.content.intelligence.is_empty()),
    ("rules", |facts| !facts.signals.content.rules.is_empty()),
    ("truncated", |facts| facts.signals.content.truncated),
    ("seen.marks", |facts| !facts.signals.seen.marks.is_empty()),
    ("seen.personal_data", |facts| !facts.signals.seen.personal_data.is_empty()),
    ("seen.own_secret", |facts| facts.signals.seen.own_secret),
    ("seen.truncated", |facts| facts.signals.seen.truncated),
    ("destinations", |facts| !facts.signals.destinations.is_empty()),
    ("destinations[].looks_like", |facts| facts.signals.destinations.iter().any(|one| one.looks_like.is_some())),
    ("destinations[].special", |facts| facts.signals.destinations.iter().any(|one| one.special.is_some())),
    ("destinations[].odd", |facts| facts.signals.destinations.iter().any(|one| !one.odd.is_empty())),
    ("destinations[].listed_confidence", |facts| {
        facts.signals.destinations.iter().any(|one| one.listed_confidence > 0)
    }),
    ("approvals.flooding", |facts| facts.signals.approvals.flooding),
];
