//! Filters that no record can meet, and why.

use super::row::Facet;
use Facet::{Agent, Effect, Enforced, Kind, Level, Policy, Server, Session, Text, Tool, User, Verb};

/// Why nothing can be found, whatever the log holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The time ends before it begins. In milliseconds since 1970.
    #[error("nothing happened from {since_ms} ms on and before {until_ms} ms: the time ends before it begins")]
    Time {
        /// Where it is to begin.
        since_ms: u64,
        /// Where it is to end.
        until_ms: u64,
    },
    /// Records of this type do not have what is asked for.
    #[error("records of type `{types}` have no {what}{hint}")]
    Type {
        /// The types that are asked for.
        types: String,
        /// What they do not have.
        what: &'static str,
        /// What to ask for instead.
        hint: &'static str,
    },
    /// A name without letters.
    #[error("an empty {0} is in no record")]
    Empty(&'static str),
}

/// What a record has beside its type; none for a type that this version does not write.
fn carried(record_type: &str) -> Option<&'static [Facet]> {
    Some(match record_type {
        "decision" => &[Agent, User, Session, Server, Tool, Kind, Effect, Enforced, Level, Policy, Verb, Text],
        "outcome" => &[Session, Text],
        "approval" => &[Agent, User, Session, Server, Tool, Kind, Policy, Text],
        "standing" | "declassification" => &[Agent, User, Session, Text],
        "tool-change" => &[Server, Tool, Text],
        "policy" | "response" => &[Text],
        "promotion" => &[Policy, User, Text],
        "erasure" => &[User, Text],
        "lifecycle" => &[Agent, User, Session, Server, Text],
        "erased" | "closed" => &[],
        _ => return None,
    })
}

/// Whether a record may carry the id of a decision, an approval or an incident.
fn carries_id(record_type: &str) -> bool {
    !matches!(record_type, "tool-change" | "policy" | "promotion" | "erasure" | "erased" | "closed")
}

fn is_readable(record_type: &str) -> bool {
    !matches!(record_type, "erased" | "closed")
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) types: &'a [String],
    pub(super) facets: Vec<Facet>,
    pub(super) ids: bool,
    pub(super) contains: bool,
    pub(super) bounds: Option<(u64, u64)>,
}

impl Asked<'_> {
    pub(super) fn check(&self) -> Result<(), Contradiction> {
        if let Some((since_ms, until_ms)) = self.bounds.filter(|(since, until)| since > until) {
            return Err(Contradiction::Time { since_ms, until_ms });
        }
        for facet in self.facets.iter().filter(|facet| **facet != Facet::Type) {
            let hint = match facet {
                Agent if self.types == ["outcome"] => "; `session`, or `id` of the decision, finds them",
                _ => "",
            };
            let has = |name: &str| carried(name).is_none_or(|facets| facets.contains(facet));
            self.any(has, facet.as_str(), hint)?;
        }
        if self.ids {
            self.any(carries_id, "id", "")?;
        }
        if self.bounds.is_some() {
            self.any(is_readable, "time that can be read", "")?;
        }
        if self.contains {
            self.any(is_readable, "text that can be read", "")?;
        }
        Ok(())
    }

    fn any(&self, has: impl Fn(&str) -> bool, what: &'static str, hint: &'static str) -> Result<(), Contradiction> {
        if self.types.is_empty() || self.types.iter().any(|name| has(name)) {
            return Ok(());
        }
        Err(Contradiction::Type { types: self.types.join("`, `"), what, hint })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::*;
    use holdshort_model::{Effect as Decided, RecordId};

    #[test]
    fn what_no_record_can_be_is_said() {
        let of = |name: &str| Filter::default().any(Facet::Type, [name]);
        let id = RecordId::from_parts(1, 1);
        let cases = [
            (Filter::default().since(Some(9)).until(Some(8)), "ends before it begins"),
            (of("outcome").any(Agent, ["tidy"]), "no agent; `session`"),
            (
                of("outcome").any(Facet::Type, ["policy"]).effects(Effect, [Decided::Deny]),
                "`outcome`, `policy` have no effect",
            ),
            (of("approval").at_least(holdshort_model::Level::High), "no level"),
            (of("erasure").ids([id]), "no id"),
            (of("erased").since(Some(1)), "no time"),
            (of("closed").contains(Some("x".into())), "no text"),
            (of("erased").says("word").unwrap(), "no text"),
            (Filter::default().any(Agent, [""]), "an empty agent"),
            (Filter::default().contains(Some(String::new())), "an empty text"),
        ];
        for (filter, expected) in cases {
            let said = filter.check().unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        for right in [
            Filter::default(),
            Filter::default().since(Some(8)).until(Some(8)),
            of("outcome").any(Session, ["s"]).ids([id]).since(Some(1)),
            of("outcome").any(Facet::Type, ["decision"]).any(Agent, ["tidy"]),
            of("of-2031").any(Agent, ["tidy"]).ids([id]),
            of("erased"),
        ] {
            assert_eq!(right.check(), Ok(()));
        }
    }
}
