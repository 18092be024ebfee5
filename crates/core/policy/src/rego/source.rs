//! From source text to a syntax tree, with faults as diagnostics.

use crate::bundle::{Bundle, FILE_BYTES_MAX, FILES_MAX, SourceFile};
use crate::diagnostic::Diagnostic;
use regorus::Source;
use regorus::unstable::{Module, Parser, Span};
use std::collections::BTreeSet;

/// Deepest nesting of brackets. regorus' parser reads a bracket twice, to see whether it is a comprehension, so that
/// its time doubles with each level.
const DEPTH_MAX: usize = 14;

/// Parses every file of a bundle; faulty ones are left out and reported.
pub(crate) fn parse_all<'a>(bundle: &'a Bundle, faults: &mut Vec<Diagnostic>) -> Vec<(&'a SourceFile, Module)> {
    if bundle.files.len() > FILES_MAX {
        let message = format!("{} files; at most {FILES_MAX} are read", bundle.files.len());
        faults.push(Diagnostic::of_file("", "too-large", message));
        return Vec::new();
    }
    let mut paths = BTreeSet::new();
    let mut parsed = Vec::with_capacity(bundle.files.len());
    for file in &bundle.files {
        if !paths.insert(file.path.as_str()) {
            faults.push(Diagnostic::of_file(&file.path, "duplicate-file", "two files have this path"));
            continue;
        }
        match parse(file) {
            Ok(module) => parsed.push((file, module)),
            Err(fault) => faults.push(fault),
        }
    }
    parsed
}

fn parse(file: &SourceFile) -> Result<Module, Diagnostic> {
    if file.text.len() > FILE_BYTES_MAX {
        let message = format!("{} bytes; a policy file has at most {FILE_BYTES_MAX}", file.text.len());
        return Err(Diagnostic::of_file(&file.path, "too-large", message));
    }
    if let Some(place) = too_deep(&file.text) {
        let message = format!("brackets are nested deeper than {DEPTH_MAX}");
        return Err(Diagnostic::at(&file.path, place, "too-large", message).hint("give the inner parts names"));
    }
    let fault = |error: String| from_engine(&file.path, "parse-error", &error);
    let source = Source::from_contents(file.path.clone(), file.text.clone()).map_err(|e| fault(e.to_string()))?;
    let mut parser = Parser::new(&source).map_err(|e| fault(e.to_string()))?;
    parser.enable_rego_v1().map_err(|e| fault(e.to_string()))?;
    parser.parse().map_err(|e| fault(e.to_string()))
}

/// Where brackets are nested too deeply, if they are. Strings and comments do not count.
fn too_deep(text: &str) -> Option<(u32, u32)> {
    let (mut line, mut column, mut depth) = (1_u32, 0_u32, 0_usize);
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut comment = false;
    for letter in text.chars() {
        column = column.saturating_add(1);
        if letter == '\n' {
            (line, column, comment) = (line.saturating_add(1), 0, false);
            // Only raw strings go on in the next line.
            quote = quote.filter(|mark| *mark == '`');
            escaped = false;
        } else if let Some(mark) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' if mark == '"' => escaped = true,
                _ if letter == mark => quote = None,
                _ => {}
            }
        } else if !comment {
            match letter {
                '#' => comment = true,
                '"' | '`' => quote = Some(letter),
                '[' | '{' | '(' => depth = depth.saturating_add(1),
                ']' | '}' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEPTH_MAX {
                return Some((line, column));
            }
        }
    }
    None
}

/// Line and column of a syntax node.
pub(crate) fn place(span: &Span) -> (u32, u32) {
    (span.line, span.col)
}

/// A diagnostic from the engine's text, which is `--> file:line:column`, the source line, then `error: message`.
pub(crate) fn from_engine(path: &str, code: &'static str, text: &str) -> Diagnostic {
    let place = text.split_once("--> ").and_then(|(_, rest)| {
        let mut parts = rest.lines().next()?.rsplitn(3, ':');
        let column = parts.next()?.trim().parse().ok()?;
        let line = parts.next()?.parse().ok()?;
        Some(((line, column), parts.next()?.to_owned()))
    });
    let message = match text.rsplit_once("error: ") {
        Some((_, message)) => message,
        None => text,
    };
    let message = message.trim().trim_end_matches('.').to_owned();
    match place {
        Some((place, file)) => Diagnostic::at(&file, place, code, message),
        None => Diagnostic::of_file(path, code, message),
    }
}
