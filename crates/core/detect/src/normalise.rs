//! One text as the detectors see it: as it stands, folded, decoded, and the exact signs that it bears.

use std::borrow::Cow;

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// An argument of an action.
    Argument,
    /// A part of a result.
    Result,
}

/// One text, normalised once for every detector. It has no `Debug`: it holds what may be a secret.
pub struct Text<'a> {
    /// JSON pointer into the arguments, or `part/N` of a result.
    pub at: &'a str,
    /// As it stands.
    pub plain: &'a str,
    /// In NFKC, without tag characters, zero-width and bidi characters; what was written in tag characters is at its end.
    pub folded: Cow<'a, str>,
    /// What stood in it in base64, hex, percent signs or HTML entities: one layer.
    pub decoded: Vec<Layer>,
    /// Kinds of the exact signs of injected instructions: `chat-template`, `hidden-text`, `bidi`, `tag-characters`.
    pub marks: Vec<&'static str>,
}

/// A decoded stretch of a text.
pub struct Layer {
    /// How it was hidden: `base64`, `hex`, `percent`, `entities`.
    pub how: &'static str,
    /// What it says, folded.
    pub text: String,
}

impl<'a> Text<'a> {
    /// Normalises `plain`, which stands at `at`.
    pub fn new(at: &'a str, plain: &'a str) -> Self {
        Self { at, plain, folded: Cow::Borrowed(plain), decoded: Vec::new(), marks: Vec::new() }
    }
}
