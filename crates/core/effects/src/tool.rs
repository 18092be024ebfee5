//! What a tool does, from its name, description and annotations. A guess, and said to be one.

use crate::lexicon::{Reading, changes_membership, is_container, makes, object_effect, reading, reading_in_text};
use crate::words;
use holdshort_model::{Certainty, Verb};
use serde_json::Value;
use std::collections::BTreeSet;

/// Words of a description that may hold its verb.
const DESCRIPTION_WORDS: usize = 12;

/// Where the reading of a tool comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A verb in its name.
    Name,
    /// A verb in the first sentence of its description.
    Description,
    /// The annotations of a trusted server.
    Annotations,
    /// Nothing said it.
    Nothing,
}

/// What a tool does, whatever its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    /// The effects, at least one.
    pub verbs: BTreeSet<Verb>,
    /// It takes something from one place to another and leaves nothing behind.
    pub moves: bool,
    /// It takes something from one place to another and leaves it there too.
    pub copies: bool,
    /// It goes out to an address that the arguments name.
    pub visits: bool,
    /// It removes or changes a thing that holds others, or all of them.
    pub container: bool,
    /// `Some(false)` when the server says that its changes destroy.
    pub reversible: Option<bool>,
    /// Where that comes from.
    pub source: Source,
}

impl Classified {
    /// How sure that is.
    pub fn certainty(&self) -> Certainty {
        if self.source == Source::Nothing { Certainty::Unknown } else { Certainty::Derived }
    }

    fn nothing() -> Self {
        Self {
            verbs: BTreeSet::new(),
            moves: false,
            copies: false,
            visits: false,
            container: false,
            reversible: None,
            source: Source::Nothing,
        }
    }

    fn add(&mut self, read: Reading, source: Source) {
        if self.source == Source::Nothing {
            self.source = source;
        }
        match read {
            Reading::One(verb) => {
                self.verbs.insert(verb);
            }
            Reading::Move => {
                self.moves = true;
                self.verbs.extend([Verb::Write, Verb::Delete]);
            }
            Reading::Manage => self.verbs.extend([Verb::Write, Verb::Delete]),
            Reading::Copy => {
                self.copies = true;
                self.verbs.extend([Verb::Read, Verb::Write]);
            }
            Reading::Visit => {
                self.visits = true;
                self.verbs.insert(Verb::Read);
            }
        }
    }
}

/// Reads a tool's definition. `trusted`: the configuration trusts the server's annotations.
///
/// Order: the first verb of the name, verbs joined to it (`fetch_and_delete`), removing verbs anywhere in the name,
/// its objects (`create_role` grants); only without a verb in the name the first verb of the description. Then the
/// annotations: those of a trusted server decide, those of any other can add effects and take away none.
pub fn classify(name: &str, definition: Option<&Value>, trusted: bool) -> Classified {
    let mut classified = Classified::nothing();
    let words = words::of_name(name);
    read_name(&words, &mut classified);
    let text = definition.and_then(|definition| definition.get("description")).and_then(Value::as_str);
    read_description(&words::of_text(text.unwrap_or_default(), DESCRIPTION_WORDS), &mut classified);
    if classified.source != Source::Nothing {
        read_objects(&words, &mut classified);
    }
    let annotations = definition.and_then(|definition| definition.get("annotations"));
    let hint = |key: &str| annotations.and_then(|hints| hints.get(key)).and_then(Value::as_bool);
    let hints = Hints { read_only: hint("readOnlyHint"), destructive: hint("destructiveHint") };
    if trusted {
        hints.decide(&mut classified)
    } else {
        hints.tighten(&mut classified)
    }
    if classified.verbs.is_empty() {
        classified.verbs.insert(Verb::Execute);
    }
    classified
}

fn read_name(words: &[String], classified: &mut Classified) {
    let mut joined = true;
    for (position, word) in words.iter().enumerate() {
        let found = reading(word);
        let first = classified.source == Source::Nothing;
        match found {
            Some(read) if first || joined => classified.add(read, Source::Name),
            // `get_delete_policy`: perhaps a noun. The strict reading costs a question, the mild one an inbox.
            Some(Reading::One(Verb::Delete)) if removes(word) => {
                classified.add(Reading::One(Verb::Delete), Source::Name);
            }
            // `insert_execute_cell`: hardly ever a noun either.
            Some(Reading::One(Verb::Execute)) if matches!(word.as_str(), "execute" | "exec" | "eval" | "evaluate") => {
                classified.add(Reading::One(Verb::Execute), Source::Name);
            }
            _ => {}
        }
        joined = position > 0 && matches!(word.as_str(), "and" | "or" | "then");
    }
}

// Only words that are hardly ever nouns or adjectives: `get_empty_rooms` and `list_stop_orders` remove nothing.
fn removes(word: &str) -> bool {
    matches!(word, "delete" | "remove" | "purge" | "wipe" | "destroy" | "terminate" | "erase" | "truncate" | "drop")
}

fn read_description(words: &[String], classified: &mut Classified) {
    let leading = words.iter().take(2).find_map(|word| reading_in_text(word));
    // `Downloads it to a local file` leaves a file behind.
    let keeps = |word: &String| matches!(word.as_str(), "disk" | "local" | "locally" | "saved" | "saves");
    if classified.visits && words.iter().any(keeps) {
        classified.verbs.insert(Verb::Write);
    }
    match (classified.source, leading) {
        (Source::Nothing, _) => {
            if let Some(read) = words.iter().find_map(|word| reading_in_text(word)) {
                classified.add(read, Source::Description);
            }
        }
        // The name says read and the description begins with something that cannot be taken back: both.
        (_, Some(Reading::One(verb @ (Verb::Delete | Verb::Spend)))) => {
            classified.verbs.insert(verb);
        }
        _ => {}
    }
}

fn read_objects(words: &[String], classified: &mut Classified) {
    let changes = !classified.verbs.iter().all(|verb| *verb == Verb::Read);
    if !changes {
        return;
    }
    // The last word is the head: `delete_table` removes a table, `delete_table_row` does not.
    classified.container = words.last().is_some_and(|word| is_container(word))
        || words.iter().any(|word| matches!(word.as_str(), "all" | "everything"));
    if changes_membership(words) {
        classified.verbs.insert(Verb::Grant);
    }
    let makes = words.iter().any(|word| makes(word));
    for word in words {
        let moves_data = classified.verbs.contains(&Verb::Write) || classified.verbs.contains(&Verb::Send);
        let besides = object_effect(word).filter(|verb| match verb {
            Verb::Send => makes && moves_data,
            Verb::Spend => moves_data,
            _ => true,
        });
        classified.verbs.extend(besides);
    }
}

/// The annotations of MCP's `ToolAnnotations` that say something about effects.
struct Hints {
    read_only: Option<bool>,
    destructive: Option<bool>,
}

impl Hints {
    /// A trusted server: what it says is taken.
    fn decide(&self, classified: &mut Classified) {
        match (self.read_only, self.destructive) {
            (Some(true), _) => {
                let visits = classified.visits;
                *classified = Classified { visits, source: Source::Annotations, ..Classified::nothing() };
                classified.verbs.insert(Verb::Read);
            }
            // "Performs only additive updates" (the specification's words): nothing is removed.
            (_, Some(false)) if !classified.moves && classified.source != Source::Nothing => {
                if classified.verbs.remove(&Verb::Delete) {
                    classified.verbs.insert(Verb::Write);
                }
            }
            _ => self.tighten(classified),
        }
    }

    /// Any server: what it says of itself can only make the reading stricter.
    fn tighten(&self, classified: &mut Classified) {
        let reads_only = !classified.verbs.is_empty() && classified.verbs.iter().all(|verb| *verb == Verb::Read);
        let changes = self.read_only == Some(false) || self.destructive == Some(true);
        if changes && reads_only {
            classified.verbs.insert(Verb::Write);
        }
        if self.destructive == Some(true) {
            classified.reversible = Some(false);
        }
    }
}
