//! One pattern: bounded, compiled when it is first needed.

use super::literals::{self, Required};
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use std::sync::OnceLock;

/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;
/// Largest compiled pattern, in bytes: repetitions of repetitions are refused.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Largest cache of a pattern's automaton, in bytes.
const CACHE_BYTES_MAX: usize = 256 << 10;
/// Deepest nesting of groups.
const NESTING_MAX: u32 = 64;

/// A pattern in the syntax of the crate `regex`; ASCII classes unless it holds other characters.
pub(super) struct Pattern {
    text: String,
    unicode: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Checks the syntax, and says what every match holds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(text: &str) -> Result<(Self, Required), String> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!("{} bytes, over {PATTERN_BYTES_MAX}", text.len()));
        }
        let unicode = needs_unicode(text);
        let mut parser = ParserBuilder::new();
        let hir =
            parser.unicode(unicode).utf8(false).nest_limit(NESTING_MAX).build().parse(text).map_err(first_line)?;
        if hir.properties().minimum_len().unwrap_or(0) == 0 {
            return Err("it matches the empty text".into());
        }
        let pattern = Self { text: text.to_owned(), unicode, compiled: OnceLock::new() };
        Ok((pattern, literals::required(&hir)))
    }

    /// Compiles it now.
    ///
    /// # Errors
    /// It is too large.
    pub(super) fn compile(&self) -> Result<(), String> {
        match self.compiled() {
            Some(_) => Ok(()),
            None => Err(format!("compiled it has more than {COMPILED_BYTES_MAX} bytes")),
        }
    }

    /// Whether it matches somewhere in `text`. A pattern that cannot be compiled matches nothing; import refuses such ones.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.compiled().is_some_and(|regex| regex.is_match(text))
    }

    fn compiled(&self) -> Option<&Regex> {
        let build = || {
            let mut builder = RegexBuilder::new(&self.text);
            builder.unicode(self.unicode).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(CACHE_BYTES_MAX);
            builder.nest_limit(NESTING_MAX).build().ok()
        };
        self.compiled.get_or_init(build).as_ref()
    }
}

// Classes such as `\w` in ASCII are what JavaScript means, and ten times smaller.
fn needs_unicode(text: &str) -> bool {
    !text.is_ascii() || ["\\p", "\\P", "\\u", "\\U", "\\x{"].iter().any(|escape| text.contains(escape))
}

fn first_line(error: regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match Pattern::new(text) {
            Err(reason) => reason,
            Ok((pattern, _)) => pattern.compile().unwrap_err(),
        }
    }

    #[test]
    fn what_is_too_much_is_refused() {
        assert!(refusal(&"a".repeat(PATTERN_BYTES_MAX + 1)).contains("over"));
        assert!(refusal("(?:[a-z]{1000}){1000}").contains("more than"));
        assert!(refusal(&format!("{}a{}", "(".repeat(100), ")".repeat(100))).contains("nest"));
        assert!(refusal("a*").contains("empty"));
        assert!(refusal("(?<!a)b").contains("look-around"));
        assert!(refusal("(a)\\1").contains("backreferences"));
    }

    #[test]
    fn characters_of_any_script_are_looked_for() {
        let (pattern, _) = Pattern::new("(?i)contrase[ñn]a").unwrap();
        assert!(pattern.is_match("CONTRASEÑA".as_bytes()));
        let (pattern, _) = Pattern::new("(?i)secret").unwrap();
        assert!(pattern.is_match("Ünser SECRET".as_bytes()));
    }
}
