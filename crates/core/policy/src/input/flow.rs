//! `input.labels`, `input.provenance`, `input.request`, `input.history`.

use super::{Keys, Sections, insert_text, insert_texts, whole};
use holdshort_model::{
    ArgumentRole, Asks, Character, Facts, HistoryFacts, Integrity, Labels, Origin, Provenance, Reach, RequestFacts,
    SequenceFacts, SourceKind, ValueSource,
};
use regorus::Value;
use regorus::value::Object;

pub(super) fn insert(k: &Keys, input: &mut Object, facts: &Facts, read: Sections) {
    if read.have("labels") {
        input.insert(k.labels.clone(), labels(k, &facts.labels));
    }
    if !facts.provenance.is_empty() && read.have("provenance") {
        let mut object = Object::new();
        for (pointer, value) in &facts.provenance {
            object.insert(Value::from(pointer.as_str()), provenance(k, value));
        }
        input.insert(k.provenance.clone(), whole(object));
    }
    if read.have("request") {
        input.insert(k.request.clone(), request(k, &facts.request));
    }
    if read.have("history") {
        input.insert(k.history.clone(), history(k, &facts.history));
    }
}

fn labels(k: &Keys, labels: &Labels) -> Value {
    let mut object = Object::new();
    object.insert(k.integrity.clone(), Value::from(integrity(labels.integrity)));
    let confidentiality = labels.confidentiality.as_str();
    insert_text(&mut object, &k.confidentiality, Some(confidentiality).filter(|text| !text.is_empty()));
    insert_texts(&mut object, &k.categories, &labels.categories);
    if let Some(since) = labels.since {
        object.insert(k.since.clone(), Value::from(since));
    }
    insert_texts(&mut object, &k.sources, &labels.sources);
    whole(object)
}

fn provenance(k: &Keys, provenance: &Provenance) -> Value {
    let mut object = Object::new();
    object.insert(k.role.clone(), Value::from(role(provenance.role)));
    object.insert(k.origin.clone(), Value::from(origin(provenance.origin)));
    if !provenance.sources.is_empty() {
        let sources: Vec<Value> = provenance.sources.iter().map(|one| source(k, one)).collect();
        object.insert(k.sources.clone(), Value::from(sources));
    }
    object.insert(k.coverage.clone(), Value::from(u64::from(provenance.coverage)));
    object.insert(k.required.clone(), Value::Bool(provenance.required));
    object.insert(k.address.clone(), Value::Bool(provenance.address));
    object.insert(k.record.clone(), Value::Bool(provenance.record));
    object.insert(k.rivals.clone(), Value::from(u64::from(provenance.rivals)));
    object.insert(k.known.clone(), Value::Bool(provenance.known));
    whole(object)
}

fn source(k: &Keys, source: &ValueSource) -> Value {
    let mut object = Object::new();
    object.insert(k.kind.clone(), Value::from(source_kind(source.kind)));
    object.insert(k.id.clone(), Value::from(source.id.as_str()));
    object.insert(k.trust.clone(), Value::from(integrity(source.trust)));
    object.insert(k.character.clone(), Value::from(character(source.character)));
    object.insert(k.reach.clone(), Value::from(reach(source.reach)));
    object.insert(k.document.clone(), Value::Bool(source.document));
    object.insert(k.span.clone(), Value::from(source.span.map(Value::from).to_vec()));
    object.insert(k.form.clone(), Value::from(source.form.as_str()));
    whole(object)
}

fn request(k: &Keys, request: &RequestFacts) -> Value {
    let mut object = Object::new();
    object.insert(k.known.clone(), Value::Bool(request.known));
    object.insert(k.asks.clone(), Value::from(asks(request.asks)));
    insert_texts(&mut object, &k.because, &request.because);
    insert_texts(&mut object, &k.steered_by, &request.steered_by);
    whole(object)
}

fn history(k: &Keys, history: &HistoryFacts) -> Value {
    let mut object = Object::new();
    object.insert(k.actions.clone(), Value::from(history.actions));
    object.insert(k.in_flight.clone(), Value::from(history.in_flight));
    if !history.counts.is_empty() {
        let mut counts = Object::new();
        for (verb, count) in &history.counts {
            counts.insert(Value::from(verb.as_str()), Value::from(*count));
        }
        object.insert(k.counts.clone(), whole(counts));
    }
    if !history.sequences.is_empty() {
        let mut sequences = Object::new();
        for (name, facts) in &history.sequences {
            sequences.insert(Value::from(name.as_str()), sequence(k, facts));
        }
        object.insert(k.sequences.clone(), whole(sequences));
    }
    object.insert(k.truncated.clone(), Value::Bool(history.truncated));
    whole(object)
}

fn sequence(k: &Keys, facts: &SequenceFacts) -> Value {
    let mut object = Object::new();
    object.insert(k.holds.clone(), Value::Bool(facts.holds));
    object.insert(k.value.clone(), Value::from(facts.value));
    let witnesses: Vec<String> = facts.witnesses.iter().map(ToString::to_string).collect();
    insert_texts(&mut object, &k.witnesses, &witnesses);
    whole(object)
}

/// Text form, as serde writes it.
pub(crate) fn integrity(integrity: Integrity) -> &'static str {
    match integrity {
        Integrity::Trusted => "trusted",
        Integrity::Untrusted => "untrusted",
    }
}

/// Text form, as serde writes it.
pub(crate) fn role(role: ArgumentRole) -> &'static str {
    match role {
        ArgumentRole::Target => "target",
        ArgumentRole::Content => "content",
        ArgumentRole::Setting => "setting",
    }
}

/// Text form, as serde writes it.
pub(crate) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Request => "request",
        Origin::Field => "field",
        Origin::Named => "named",
        Origin::Prose => "prose",
        Origin::Instruction => "instruction",
        Origin::Nowhere => "nowhere",
        Origin::Unknown => "unknown",
    }
}

fn source_kind(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::User => "user",
        SourceKind::System => "system",
        SourceKind::Tool => "tool",
        SourceKind::Memory => "memory",
    }
}

fn character(character: Character) -> &'static str {
    match character {
        Character::Field => "field",
        Character::Cell => "cell",
        Character::Entry => "entry",
        Character::Prose => "prose",
        Character::Instruction => "instruction",
    }
}

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Named => "named",
        Reach::Topic => "topic",
        Reach::Linked => "linked",
        Reach::Elsewhere => "elsewhere",
    }
}

/// Text form, as serde writes it.
pub(crate) fn asks(asks: Asks) -> &'static str {
    match asks {
        Asks::Call => "call",
        Asks::Step => "step",
        Asks::Open => "open",
        Asks::No => "no",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn same<T: serde::Serialize + Copy>(values: &[T], word: fn(T) -> &'static str) {
        for value in values {
            assert_eq!(serde_json::to_value(value).unwrap(), word(*value));
        }
    }

    pub(in crate::input) fn words() {
        use Origin as O;
        same(&[Integrity::Trusted, Integrity::Untrusted], integrity);
        same(&[ArgumentRole::Target, ArgumentRole::Content, ArgumentRole::Setting], role);
        same(&[O::Request, O::Field, O::Named, O::Prose, O::Instruction, O::Nowhere, O::Unknown], origin);
        same(&[SourceKind::User, SourceKind::System, SourceKind::Tool, SourceKind::Memory], source_kind);
        use Character as C;
        same(&[C::Field, C::Cell, C::Entry, C::Prose, C::Instruction], character);
        same(&[Reach::Named, Reach::Topic, Reach::Linked, Reach::Elsewhere], reach);
        same(&[Asks::Call, Asks::Step, Asks::Open, Asks::No], asks);
    }
}
