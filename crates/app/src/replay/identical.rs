//! The recorded decision comes out again, or the first thing that differs.

use super::snapshots::NoSnapshot;
use super::{Entry, Kept, Stretch};
use holdshort_decide::{Redecider, Unreplayable, replayable};
use holdshort_effects::normalise;
use holdshort_inventory::as_recorded;
use holdshort_model::{DecisionRecord, Digest, RecordId};
use holdshort_store::records::LoggedRecord;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Records that are named of each kind; the rest is counted.
const NAMED_MAX: usize = 20;
/// Snapshots that are counted one by one.
const SNAPSHOTS_MAX: usize = 1_000;
/// Longest value of a difference that is shown, in characters.
const VALUE_CHARS_MAX: usize = 200;
/// Nanoseconds in a millisecond.
const NS_OF_MS: i64 = 1_000_000;
/// Compiled snapshots that one thread holds.
const HELD_MAX: usize = 8;

/// What came of deciding one record again.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// No decision of the stretch.
    Other,
    /// A record of another version.
    Unreadable(u64),
    /// A record whose key was destroyed.
    Erased(u64),
    /// A record whose key is not at hand.
    Closed(u64),
    /// It cannot be decided again.
    Unreplayable(u64, String),
    /// The same decision.
    Identical(Digest),
    /// Another one.
    Different(Box<Differing>),
}

/// A decision that did not come out again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Differing {
    /// Index of the record.
    pub(crate) index: u64,
    /// Id of the decision.
    pub(crate) id: RecordId,
    /// The snapshot that decided.
    pub(crate) snapshot: Digest,
    /// What differs first: a field of the decision, or a fact that is not what was asked, or the snapshot.
    pub(crate) field: String,
    /// What is on record.
    pub(crate) recorded: String,
    /// What came out.
    pub(crate) replayed: String,
}

/// Decides records again, each with the snapshot that decided it.
pub(crate) struct Judge<'a> {
    stretch: &'a Stretch,
    kept: &'a Kept<'a>,
    held: HashMap<Digest, Redecider>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(stretch: &'a Stretch, kept: &'a Kept<'a>) -> Self {
        Self { stretch, kept, held: HashMap::new() }
    }

    /// Judges one record.
    pub(crate) fn judge(&mut self, logged: &LoggedRecord) -> Verdict {
        let index = logged.index();
        let record = match self.stretch.read(logged) {
            Entry::Decision(record) => record,
            Entry::Other => return Verdict::Other,
            Entry::Unreadable => return Verdict::Unreadable(index),
            Entry::Erased => return Verdict::Erased(index),
            Entry::Closed => return Verdict::Closed(index),
        };
        let differing = |field: &str, recorded: String, replayed: String| {
            let (id, snapshot) = (record.decision.id, record.decision.snapshot);
            Verdict::Different(Box::new(Differing { index, id, snapshot, field: field.into(), recorded, replayed }))
        };
        if let Some((field, asked, known)) = contradiction(&record) {
            return differing(&format!("facts.{field}"), short(&known), short(&asked));
        }
        match replayable(&record) {
            Ok(()) => {}
            Err(why @ (Unreplayable::Digested | Unreplayable::Tool | Unreplayable::Version)) => {
                return Verdict::Unreplayable(index, why.to_string());
            }
        }
        let redecider = match self.redecider(&record.decision.snapshot) {
            Ok(redecider) => redecider,
            Err(why) => {
                return match &*why {
                    NoSnapshot::Missing(_) => Verdict::Unreplayable(index, why.to_string()),
                    NoSnapshot::Wrong(_, what) => {
                        differing("snapshot", record.decision.snapshot.to_string(), what.clone())
                    }
                };
            }
        };
        let mut decision = redecider.redecide(&record);
        as_recorded(&mut decision, &record.decision);
        if decision == record.decision {
            return Verdict::Identical(decision.snapshot);
        }
        let (recorded, replayed) = (value(&record.decision), value(&decision));
        let (field, recorded, replayed) = first_difference(String::new(), &recorded, &replayed);
        differing(&field, recorded, replayed)
    }

    fn redecider(&mut self, digest: &Digest) -> Result<&Redecider, std::sync::Arc<NoSnapshot>> {
        if !self.held.contains_key(digest) {
            let snapshot = self.kept.find(digest)?;
            if self.held.len() >= HELD_MAX {
                self.held.clear();
            }
            self.held.insert(*digest, Redecider::new(&snapshot));
        }
        self.held.get(digest).ok_or_else(|| std::sync::Arc::new(NoSnapshot::Missing(*digest)))
    }
}

/// A fact that is not what was asked or decided: its name, what was asked, what was known.
fn contradiction(record: &DecisionRecord) -> Option<(&'static str, Value, Value)> {
    let (request, facts) = (&record.request, &record.facts);
    let (subject, action, context) = (&request.subject, &request.action, &request.context);
    let (who, what, around) = (&facts.subject, &facts.action, &facts.context);
    let delegation = subject.delegation.iter().map(|agent| agent.as_str());
    let delegated = delegation.eq(who.delegation.iter().map(String::as_str));
    let workspace = context.workspace.as_deref().map(|raw| normalise(raw, None).text);
    let tool = facts.tool.as_ref().map(|tool| (Some(tool.server.as_str()), tool.name.as_str()));
    let called = tool.is_none_or(|tool| tool == (action.server.as_deref(), action.name.as_str()));
    let risk = &record.decision.risk;
    // Named lazily: nearly always nothing differs.
    type Both<'a> = &'a dyn Fn() -> (Value, Value);
    let same: [(&'static str, bool, Both<'_>); 17] = [
        ("subject.agent.id", subject.agent == who.agent.id, &|| (value(&subject.agent), value(&who.agent.id))),
        ("subject.user", subject.user == who.user, &|| (value(&subject.user), value(&who.user))),
        ("subject.delegation", delegated, &|| (value(&subject.delegation), value(&who.delegation))),
        ("subject.session", request.session == who.session, &|| (value(&request.session), value(&who.session))),
        ("subject.authenticated_by", subject.authenticated_by == who.authenticated_by, &|| {
            (value(&subject.authenticated_by), value(&who.authenticated_by))
        }),
        ("action.kind", action.kind == what.kind, &|| (value(&action.kind), value(&what.kind))),
        ("action.server", action.server == what.server, &|| (value(&action.server), value(&what.server))),
        ("action.name", action.name == what.name, &|| (value(&action.name), value(&what.name))),
        ("action.args", action.args == what.args, &|| (Value::Null, Value::Null)),
        ("action.digest", action.digest == what.digest, &|| (value(&action.digest), value(&what.digest))),
        ("context.intent", context.intent == around.intent, &|| (value(&context.intent), value(&around.intent))),
        ("context.workspace", workspace == around.workspace, &|| (value(&workspace), value(&around.workspace))),
        ("context.enforcement_point", context.enforcement_point == around.enforcement_point, &|| {
            (value(&context.enforcement_point), value(&around.enforcement_point))
        }),
        ("context.trace", context.trace == around.trace, &|| (value(&context.trace), value(&around.trace))),
        ("context.time", u64::try_from(around.time / NS_OF_MS).unwrap_or(0) == record.received_ms, &|| {
            (value(&record.received_ms), value(&around.time))
        }),
        ("tool", called, &|| (value(&(&action.server, &action.name)), value(&tool))),
        ("risk", facts.risk == *risk, &|| (value(risk), value(&facts.risk))),
    ];
    let (field, _, both) = same.into_iter().find(|(_, same, _)| !same)?;
    let (asked, known) = both();
    let (asked, known) = if field == "action.args" { (action.args.clone(), what.args.clone()) } else { (asked, known) };
    // Of what has parts, the part is named.
    match first_difference(String::new(), &asked, &known) {
        (at, _, _) if at.is_empty() => Some((field, asked, known)),
        (at, asked, known) => {
            Some((field, Value::from(format!("{asked} at `{at}`")), Value::from(format!("{known} at `{at}`"))))
        }
    }
}

fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or(Value::Null)
}

/// The first place where two values differ, in the order of their fields, with what stands there.
fn first_difference(at: String, left: &Value, right: &Value) -> (String, String, String) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let pair = |name: String, left: Option<&Value>, right: Option<&Value>| match (left, right) {
        (Some(left), Some(right)) => (left != right).then(|| first_difference(name, left, right)),
        (None, None) => None,
        (left, right) => {
            let text = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), short);
            Some((name, text(left), text(right)))
        }
    };
    let found = match (left, right) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let more = theirs.keys().filter(|key| !ours.contains_key(*key));
            ours.keys().chain(more).find_map(|key| pair(below(key), ours.get(key), theirs.get(key)))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let count = ours.len().max(theirs.len());
            (0..count).find_map(|number| pair(format!("{at}[{number}]"), ours.get(number), theirs.get(number)))
        }
        _ => None,
    };
    found.unwrap_or_else(|| (at, short(left), short(right)))
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Records that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Named {
    /// How many.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) records: Vec<u64>,
}

impl Named {
    pub(crate) fn add(&mut self, index: u64) {
        self.count += 1;
        if self.records.len() < NAMED_MAX {
            self.records.push(index);
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let records: Vec<String> = self.records.iter().map(u64::to_string).collect();
        let more = self.count.saturating_sub(self.records.len() as u64);
        let word = if self.count == 1 { "record" } else { "records" };
        write!(f, "{word} {}", records.join(", "))?;
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

/// What came of all of them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Decisions of the stretch.
    pub(crate) decisions: u64,
    /// Of them: identical.
    pub(crate) identical: u64,
    /// Of them: different.
    pub(crate) different: u64,
    /// The first of those.
    pub(crate) differences: Vec<Differing>,
    /// Those that cannot be decided again, by what is missing.
    pub(crate) unreplayable: BTreeMap<String, Named>,
    /// Records of another version, which may be decisions.
    pub(crate) unreadable: Named,
    /// Records whose key was destroyed, which may have been decisions.
    pub(crate) erased: Named,
    /// Records whose key is not at hand, which may be decisions.
    pub(crate) closed: Named,
    /// Index of the first record that was kept, where some that may belong to the stretch were dropped.
    pub(crate) dropped_before: Option<u64>,
    /// How many each snapshot decided.
    pub(crate) snapshots: BTreeMap<Digest, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Other => {}
            Verdict::Unreadable(index) => self.unreadable.add(index),
            Verdict::Erased(index) => self.erased.add(index),
            Verdict::Closed(index) => self.closed.add(index),
            Verdict::Unreplayable(index, why) => {
                self.decisions += 1;
                // Snapshots that are not kept may be many.
                let why = match self.unreplayable.len() < NAMED_MAX || self.unreplayable.contains_key(&why) {
                    true => why,
                    false => "other reasons".to_owned(),
                };
                self.unreplayable.entry(why).or_default().add(index);
            }
            Verdict::Identical(snapshot) => {
                self.decisions += 1;
                self.identical += 1;
                self.note(snapshot);
            }
            Verdict::Different(difference) => {
                self.decisions += 1;
                self.different += 1;
                self.note(difference.snapshot);
                if self.differences.len() < NAMED_MAX {
                    self.differences.push(*difference);
                }
            }
        }
    }

    fn note(&mut self, snapshot: Digest) {
        if self.snapshots.len() < SNAPSHOTS_MAX || self.snapshots.contains_key(&snapshot) {
            *self.snapshots.entry(snapshot).or_default() += 1;
        }
    }

    /// Everything that is there was decided again, and came out the same.
    pub(crate) fn is_whole(&self) -> bool {
        self.different == 0
            && self.unreplayable.is_empty()
            && self.unreadable.count + self.erased.count + self.closed.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_is_named() {
        for (left, right, field, was, is) in [
            (json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3}), "b", "2", "3"),
            (json!({"a": [{"b": "x"}]}), json!({"a": [{"b": "y"}]}), "a[0].b", "x", "y"),
            (json!({"a": [1]}), json!({"a": [1, 2]}), "a[1]", "absent", "2"),
            (json!({"a": 1}), json!({}), "a", "1", "absent"),
            (json!({}), json!({"c": true}), "c", "absent", "true"),
            (json!({"a": {}}), json!({"a": []}), "a", "{}", "[]"),
        ] {
            let found = first_difference(String::new(), &left, &right);
            assert_eq!(found, (field.to_owned(), was.to_owned(), is.to_owned()));
        }
    }

    #[test]
    fn names_are_bounded() {
        let mut named = Named::default();
        (0..25).for_each(|index| named.add(index));
        assert!(named.to_string().ends_with("18, 19 and 5 more"), "{named}");
        let mut all = Tally::default();
        (0..100).for_each(|index| all.add(Verdict::Unreplayable(index, format!("why {index}"))));
        assert_eq!((all.unreplayable.len(), all.unreplayable["other reasons"].count), (NAMED_MAX + 1, 80));
        assert!(!all.is_whole());
    }
}
