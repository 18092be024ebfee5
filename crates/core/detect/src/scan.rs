//! One pass over all texts of an action or a result.
//!
//! What comes out depends on the content and the detectors alone: sorted, without repetition, bounded. Whatever was not
//! looked at is said by `truncated`.

mod leaves;

use crate::destination::{self, Lookalikes};
use crate::secrets::{self, Fuel, Hit, Own, RuleSet, Tries};
use crate::{DetectError, Exemption, Field, FingerprintKey, Parts, Text, personal};
use holdshort_model::{Content, DestinationSignal, Digest, FOUND_MAX, Mark, PersonalData, SecretSignal};
use leaves::Leaf;
use serde_json::Value;

pub use leaves::LEAVES_MAX;

/// Most bytes of text that one scan looks at, decoded forms not counted.
pub const SCAN_BYTES_MAX: usize = 1024 * 1024;

// A value of up to this length is also looked at together with its name: `{"api_key": "..."}` is an assignment.
const NAMED_BYTES_MAX: usize = 512;

// Ours. Bump it when what the detectors find changes without their data.
const REVISION: &[u8] = b"detect/1";

/// The detectors, compiled.
pub(crate) struct Built {
    key: FingerprintKey,
    secrets: &'static RuleSet,
    own: Own,
    lookalikes: Lookalikes,
    exemptions: Vec<Exemption>,
    injection: Option<crate::injection::Model>,
    intelligence: Option<std::sync::Arc<crate::intelligence::Intelligence>>,
    rules: Option<std::sync::Arc<crate::rules::Rules>>,
    digest: Digest,
}

impl Built {
    pub(crate) fn new(parts: Parts) -> Result<Self, Vec<DetectError>> {
        let mut faults = Vec::new();
        let secrets = secrets::builtin().map_err(|fault| vec![fault])?;
        let own = Own::new(parts.own_secrets, &mut faults);
        let lookalikes = Lookalikes::new(&parts.known_domains, &mut faults);
        for Exemption { rule, .. } in &parts.exemptions {
            let threat =
                parts.rules.as_ref().is_some_and(|rules| rules.entries().iter().any(|entry| entry.id == *rule));
            if !secrets.has(rule) && !personal::KINDS.contains(&rule.as_str()) && !threat {
                faults.push(DetectError::UnknownExemption(rule.clone()));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut built = Self {
            key: parts.key,
            secrets,
            own,
            lookalikes,
            exemptions: parts.exemptions,
            injection: parts.injection,
            intelligence: parts.intelligence,
            rules: parts.rules,
            digest: Digest::of(REVISION),
        };
        built.digest = built.describe();
        Ok(built)
    }

    // Everything that what is found depends on. The key is in it by what it makes of a fixed text.
    fn describe(&self) -> Digest {
        let mut parts: Vec<Vec<u8>> = vec![REVISION.to_vec(), self.secrets.digest().as_bytes().to_vec()];
        parts.push(self.key.fingerprint(REVISION).to_vec());
        parts.push(self.own.describe());
        parts.push(self.lookalikes.known().flat_map(|domain| domain.bytes().chain([0])).collect());
        for exemption in &self.exemptions {
            parts.push(format!("{}\0{:?}", exemption.rule, exemption.server).into_bytes());
        }
        let plugged = [
            self.injection.as_ref().map(|model| model.digest()),
            self.intelligence.as_ref().map(|feeds| feeds.digest()),
            self.rules.as_ref().map(|rules| rules.digest()),
        ];
        parts.extend(plugged.iter().map(|digest| digest.map_or_else(Vec::new, |digest| digest.as_bytes().to_vec())));
        Digest::of_parts(parts.iter().map(Vec::as_slice))
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn next_expiry_ms(&self) -> Option<u64> {
        self.intelligence.as_ref().and_then(|feeds| feeds.next_expiry_ms())
    }

    pub(crate) fn scan_args(&self, args: &Value) -> Content {
        let leaves = leaves::of(args);
        let bytes = leaves.all.iter().map(|leaf| leaf.text.len()).sum();
        let mut scan = Scan::new(self, Field::Argument, bytes, leaves.truncated);
        for leaf in &leaves.all {
            scan.leaf(leaf);
        }
        scan.finish()
    }

    pub(crate) fn scan_parts(&self, parts: &[String], truncated: bool) -> Content {
        let bytes = parts.iter().map(String::len).sum::<usize>().min(SCAN_BYTES_MAX);
        let mut scan = Scan::new(self, Field::Result, bytes, truncated);
        let mut left = SCAN_BYTES_MAX;
        for (n, part) in parts.iter().enumerate() {
            let text = leaves::cut(part, left);
            scan.content.truncated |= text.len() < part.len();
            left -= text.len();
            scan.leaf(&Leaf { at: format!("part/{n}"), name: "", text: text.into() });
        }
        scan.finish()
    }

    pub(crate) fn destinations(
        &self,
        reached: &mut dyn Iterator<Item = &str>,
        known: &dyn Fn(&str) -> bool,
    ) -> Vec<DestinationSignal> {
        destination::look(&self.lookalikes, self.intelligence.as_deref(), reached, known)
    }

    pub(crate) fn exempt(&self, server: &str, content: &mut Content) {
        self.retain(content, |exemption| exemption.server.as_deref() == Some(server));
    }

    fn retain(&self, content: &mut Content, holds: impl Fn(&Exemption) -> bool) {
        if self.exemptions.is_empty() {
            return;
        }
        let exempt = |rule: &str| self.exemptions.iter().any(|exemption| exemption.rule == rule && holds(exemption));
        content.secrets.retain(|secret| secret.own || !exempt(&secret.rule));
        content.personal_data.retain(|data| !exempt(&data.kind));
        content.rules.retain(|rule| !exempt(&rule.rule));
    }
}

// A scan that is under way.
struct Scan<'a> {
    built: &'a Built,
    field: Field,
    fuel: Fuel,
    tries: Tries,
    content: Content,
}

impl<'a> Scan<'a> {
    fn new(built: &'a Built, field: Field, bytes: usize, truncated: bool) -> Self {
        let content = Content { truncated, ..Content::default() };
        Self { built, field, fuel: Fuel::new(bytes), tries: Tries::new(bytes), content }
    }

    fn leaf(&mut self, leaf: &Leaf<'_>) {
        let text = Text::new(&leaf.at, &leaf.text);
        self.content.truncated |= text.truncated;
        let mark = |kind: &&'static str| Mark { kind: (*kind).to_owned(), at: leaf.at.clone() };
        self.content.injection.marks.extend(text.marks.iter().map(mark));
        self.secrets(&text, leaf.name);
        self.own(&text);
        self.personal(&text, leaf.name);
        let built = self.built;
        if let Some(model) = &built.injection {
            let percent = text.forms().map(|(_, form)| model.percent(form)).max().unwrap_or_default();
            self.content.injection.percent = self.content.injection.percent.max(percent);
        }
        if let Some(feeds) = &built.intelligence {
            self.content.truncated |= !feeds.find(&text, &mut self.content.intelligence);
        }
        if let Some(rules) = &built.rules {
            self.content.truncated |= !rules.find(&text, self.field, &mut self.content.rules);
        }
    }

    fn secrets(&mut self, text: &Text<'_>, name: &str) {
        let mut hits: Vec<Hit<'a>> = Vec::new();
        for (how, form) in text.forms() {
            // Longer values under a name are texts, and no assignments.
            let named = match how {
                None if !name.is_empty() && form.len() <= NAMED_BYTES_MAX => Some(format!("{name} = \"{form}\"")),
                _ => None,
            };
            let form = named.as_deref().unwrap_or(form);
            self.content.truncated |= !secrets::find(self.built.secrets, form, &mut self.fuel, &mut hits);
            for hit in hits.drain(..) {
                let value = form.as_bytes().get(hit.at).unwrap_or_default();
                self.secret(hit.rule, text.at, value, hit.confidence, how, false);
            }
        }
    }

    fn own(&mut self, text: &Text<'_>) {
        if self.built.own.is_empty() {
            return;
        }
        let mut found = Vec::new();
        let plain = (!matches!(text.folded, std::borrow::Cow::Borrowed(folded) if folded.len() == text.plain.len()))
            .then_some((None, text.plain));
        for (how, form) in text.forms().chain(plain) {
            let (key, tries) = (&self.built.key, &mut self.tries);
            self.content.truncated |= !self.built.own.find(key, form, tries, &mut found);
            for (name, at) in found.drain(..) {
                self.secret(name, text.at, form.as_bytes().get(at).unwrap_or_default(), 100, how, true);
            }
        }
    }

    fn secret(&mut self, rule: &str, at: &str, value: &[u8], confidence: u8, how: Option<&str>, own: bool) {
        let fingerprint = self.built.key.short(value);
        let (rule, at, decoded) = (rule.to_owned(), at.to_owned(), how.map(str::to_owned));
        self.content.secrets.push(SecretSignal { rule, at, fingerprint, own, confidence, decoded });
    }

    fn personal(&mut self, text: &Text<'_>, name: &str) {
        let mut found = personal::Found::default();
        for (_, form) in text.forms() {
            personal::find(form, name, &mut found);
        }
        for (kind, count, confidence) in found.counts() {
            self.content.personal_data.push(PersonalData {
                kind: kind.to_owned(),
                at: text.at.to_owned(),
                count,
                confidence,
            });
        }
    }

    fn finish(self) -> Content {
        let mut content = self.content;
        self.built.retain(&mut content, |exemption| exemption.server.is_none());
        // What matters most stays when there is more than is named.
        let mut over = false;
        over |= bound(&mut content.secrets, |one| (!one.own, 100 - one.confidence.min(100)));
        over |= bound(&mut content.personal_data, |one| 100 - one.confidence.min(100));
        over |= bound(&mut content.injection.marks, |_| 0u8);
        over |= bound(&mut content.intelligence, |one| 100 - one.confidence.min(100));
        over |= bound(&mut content.rules, |one| (!one.counts, std::cmp::Reverse(one.severity)));
        content.truncated |= over;
        content
    }
}

// Sorts, drops repetitions, keeps the first of `FOUND_MAX` by `rank`. True when some were dropped.
fn bound<T: Ord, R: Ord>(found: &mut Vec<T>, rank: impl Fn(&T) -> R) -> bool {
    found.sort();
    found.dedup();
    let over = found.len() > FOUND_MAX;
    if over {
        found.sort_by_key(rank);
        found.truncate(FOUND_MAX);
        found.sort();
    }
    over
}

#[cfg(test)]
mod tests;
