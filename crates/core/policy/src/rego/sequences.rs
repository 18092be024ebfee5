//! The sequences that policies declare under `custom.sequences`.

use super::policy::{Draft, short};
use crate::diagnostic::{Diagnostic, suggest};
use holdshort_model::{EventPattern, LabelPattern, SequenceSpec};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Most sequences of one policy, and of one bundle: every decision answers all of them.
const POLICY_MAX: usize = 32;
const BUNDLE_MAX: usize = 1_024;
/// Longest name.
const NAME_BYTES_MAX: usize = 64;
/// What a list begins with that the organisation supplies.
const ORG: &str = "data.org.";

/// One declaration and where it stands.
pub(crate) struct Declared {
    pub(crate) spec: SequenceSpec,
    pub(crate) file: String,
    pub(crate) place: (u32, u32),
}

/// Every declaration of a bundle, by its full name.
pub(crate) fn declared(
    drafts: &[Draft<'_>],
    org: &Map<String, Json>,
    faults: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Declared> {
    let mut all = BTreeMap::new();
    for draft in drafts {
        let sequences = &draft.metadata.custom.sequences;
        let file = draft.file.path.as_str();
        if sequences.len() > POLICY_MAX {
            let message = format!("{} sequences; a policy declares at most {POLICY_MAX}", sequences.len());
            faults.push(Diagnostic::at(file, (1, 1), "too-large", message).hint("split it into several policies"));
        }
        for (name, spec) in sequences {
            let place = place(&draft.file.text, name);
            let fault = |message: String| Diagnostic::at(file, place, "bad-sequence", message);
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
                let message = format!("`{name}` is no name of a sequence");
                faults.push(fault(message).hint("lower-case letters, digits and `_`"));
                continue;
            }
            let mut spec = SequenceSpec { name: format!("{}/{name}", short(&draft.id)), ..spec.clone() };
            let filled = fill(&mut spec, org);
            let checked = filled.and_then(|()| spec.check().map_err(|error| (error.to_string(), None)));
            if let Err((message, hint)) = checked {
                let fault = fault(format!("sequence `{name}`: {message}"));
                faults.push(match hint {
                    Some(hint) => fault.hint(hint),
                    None => fault,
                });
            }
            all.insert(spec.name.clone(), Declared { spec, file: file.to_owned(), place });
        }
    }
    if all.len() > BUNDLE_MAX {
        let message = format!("{} sequences; a bundle declares at most {BUNDLE_MAX}", all.len());
        faults.push(Diagnostic::of_file("", "too-large", message));
    }
    all
}

// Lists that the organisation supplies: `labels: data.org.classified_labels`.
fn fill(spec: &mut SequenceSpec, org: &Map<String, Json>) -> Result<(), (String, Option<String>)> {
    let patterns = [Some(&mut spec.matching), spec.until.as_mut(), spec.throughout.as_mut()];
    for pattern in patterns.into_iter().flatten() {
        let EventPattern { server, tool, kind, host, path, labels, label, .. } = pattern;
        let mut lists = vec![server, tool, kind, host, path, labels];
        if let Some(LabelPattern { confidentiality, category, .. }) = label {
            lists.extend([confidentiality, category]);
        }
        for list in lists {
            let Some(name) = list.iter().find_map(|text| text.strip_prefix(ORG)) else { continue };
            if list.len() > 1 {
                return Err((format!("`{ORG}{name}` is a list and stands alone"), None));
            }
            let Some(value) = org.get(name) else {
                let message = format!("`{ORG}{name}` is neither supplied nor declared");
                return Err((message, Some(suggest(name, org.keys().map(String::as_str)))));
            };
            let texts = value.as_array().map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)));
            let texts: Option<Vec<String>> = texts.and_then(Iterator::collect);
            match texts {
                Some(texts) if !texts.is_empty() => *list = texts,
                _ => {
                    let message = format!("`{ORG}{name}` is {value}; a sequence needs a list of texts, at least one");
                    return Err((message, None));
                }
            }
        }
    }
    Ok(())
}

// The line of the metadata on which a sequence is declared; the first line when it is written in an unusual way.
fn place(text: &str, name: &str) -> (u32, u32) {
    let mut inside = false;
    for (number, line) in (1_u32..).zip(text.lines().take_while(|line| !line.starts_with("package "))) {
        let key = line.trim_start_matches('#').trim();
        if inside && key.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')) {
            return (number, 1);
        }
        inside |= key == "sequences:";
    }
    (1, 1)
}
