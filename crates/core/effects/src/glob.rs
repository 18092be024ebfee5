//! Globs over names: `*` any characters, `?` one. Case matters. Linear in the text for a fixed pattern.

use std::fmt;

/// A compiled glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: Vec<char>,
    literal: bool,
}

impl Glob {
    /// Compiles a pattern; every text is one.
    pub fn new(pattern: &str) -> Self {
        Self { pattern: pattern.chars().collect(), literal: !pattern.contains(['*', '?']) }
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        if self.literal {
            return text.chars().eq(self.pattern.iter().copied());
        }
        if self.pattern == ['*'] {
            return true;
        }
        let text: Vec<char> = text.chars().collect();
        matches(&self.pattern, &text)
    }

    /// Whether it names exactly one text.
    pub fn is_literal(&self) -> bool {
        self.literal
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern.iter().try_for_each(|c| write!(f, "{c}"))
    }
}

// The usual two-pointer walk: only the last star is ever retried, so the cost is pattern x text at worst.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    p = after_star;
                    t = from + 1;
                    retry = Some((after_star, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("?", "\u{e9}", true),
            ("?", "", false),
            ("read_*", "read_file", true),
            ("read_*", "Read_file", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("**", "x/y", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
        assert!(!Glob::new(&format!("{}b", "*a".repeat(50))).matches(&"a".repeat(5_000)));
    }
}
