//! References to sequences: they are declared, and read as their operator says.

use super::Walker;
use super::reference::NoField;
use crate::diagnostic::suggest;
use crate::rego::schema::{SEQUENCE, Shape};
use crate::rego::source::place;
use crate::rego::syntax::{Chain, Step, chain};
use holdshort_model::SequenceOutcome;
use regorus::unstable::{Expr, Span};

impl Walker<'_> {
    /// Whether a step below `input.history.sequences` leads to a declared sequence.
    pub(super) fn sequence_step(&self, known: &'static Shape, step: &Step<'_>) -> Result<(), NoField> {
        if !is_sequences(known) {
            return Ok(());
        }
        let (message, hint, span): (String, String, &Span) = match step {
            Step::Field(name, _) if self.world.sequences.contains_key(name) => return Ok(()),
            Step::Field(name, span) => {
                let message = format!("no policy declares the sequence `{name}`");
                let hint = match self.world.sequences.is_empty() {
                    true => "declare it in the metadata: `custom.sequences`".to_owned(),
                    false => suggest(name, self.world.sequences.keys().map(String::as_str)),
                };
                (message, hint, span)
            }
            Step::Index(index) => {
                let message = "the name of a sequence is computed, so that nobody can say whether it is declared";
                (message.to_owned(), "write the name: `input.history.sequences[\"policy/name\"]`".into(), index.span())
            }
        };
        Err((place(span), message, hint))
    }

    /// Notes which sequences are read, and finds those that are read in a way that says nothing.
    pub(super) fn sequence_read(&mut self, path: &Chain<'_>) {
        let Some((name, field)) = self.sequence(path) else { return };
        self.sequences_read.insert(name.clone());
        let Some(declared) = self.world.sequences.get(&name) else { return };
        let Some((field, span)) = field else { return };
        let counts = declared.spec.operator.counts();
        let wrong = match field.as_str() {
            "holds" if counts => Some(("`holds` says nothing of a sequence that counts", "compare `value`")),
            "value" if !counts => Some(("`value` says nothing of a sequence that does not count", "read `holds`")),
            _ => None,
        };
        if let Some((message, hint)) = wrong {
            self.fault(span, "never-matches", format!("{message}: `{name}`"), hint);
        }
    }

    /// `not ... .holds` is for what has to have happened; anything else would let calls in flight pass for it.
    pub(super) fn sequence_negated(&mut self, expr: &Expr) {
        let Some(path) = chain(expr) else { return };
        let Some((name, Some((field, span)))) = self.sequence(&path) else { return };
        let Some(declared) = self.world.sequences.get(&name) else { return };
        if field == "holds" && declared.spec.outcome != SequenceOutcome::Done && !declared.spec.operator.counts() {
            let message = format!("what has to have happened must have come back: `{name}` counts calls in flight");
            self.fault(span, "bad-sequence", message, "declare the sequence with `outcome: done`");
        }
    }

    // The sequence that a reference names, and the field after it.
    fn sequence<'p>(&self, path: &'p Chain<'_>) -> Option<(String, Option<(String, &'p Span)>)> {
        for at in 0..path.steps.len() {
            let before = Chain { root: path.root, steps: path.steps.get(..at)?.iter().map(Step::again).collect() };
            let shape = self.follow(&before).ok().flatten()?;
            if is_sequences(shape) {
                let Step::Field(name, _) = path.steps.get(at)? else { return None };
                let field = match path.steps.get(at.saturating_add(1)) {
                    Some(Step::Field(field, span)) => Some((field.clone(), *span)),
                    _ => None,
                };
                return Some((name.clone(), field));
            }
        }
        None
    }
}

fn is_sequences(shape: &'static Shape) -> bool {
    matches!(shape, Shape::Map(element) if std::ptr::eq(*element, &raw const SEQUENCE))
}
