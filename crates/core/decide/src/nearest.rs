//! The nearest known name, for hints.

/// `; did you mean ...?`, or what is known, or nothing.
pub(crate) fn hint<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let close = known.iter().map(|name| (strsim::damerau_levenshtein(wrong, name), *name)).min();
    match close {
        Some((distance, name)) if distance <= 2.max(wrong.len() / 3) => format!("; did you mean `{name}`?"),
        Some(_) if known.len() <= 12 => format!("; known are `{}`", known.join("`, `")),
        _ => String::new(),
    }
}
