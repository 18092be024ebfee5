//! Patterns as JavaScript reads them, in the syntax of the crate `regex`.

/// Rewrites what the two read differently. What `regex` does not know at all (look-around, back-references) stays, and is
/// refused when the pattern is parsed.
///
/// # Errors
/// What cannot be said.
pub(super) fn from_javascript(pattern: &str) -> Result<String, String> {
    // The rules' own engine compares without regard to case, and takes inline flags off.
    let body = strip_flags(pattern);
    let mut out = String::with_capacity(pattern.len() + 8);
    out.push_str("(?i)");
    let mut chars = body.chars().peekable();
    let mut rest = body;
    let mut class = false;
    while let Some(c) = chars.next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match (c, class) {
            ('\\', _) => {
                let Some(next) = chars.next() else { return Err("it ends with a backslash".into()) };
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
                match (next, class) {
                    // For `regex`, `\<` and `\>` are borders of words.
                    ('<' | '>' | '\'' | '"', _) => out.push(next),
                    ('b', true) => out.push_str("\\x08"),
                    ('0', _) => out.push_str("\\x00"),
                    ('c', _) => return Err("control letters are not read".into()),
                    (next, _) if next.is_ascii() => out.extend(['\\', next]),
                    (next, _) => out.push(next),
                }
            }
            ('[', false) => {
                class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    rest = rest.get(1..).unwrap_or_default();
                    out.push('^');
                }
                if rest.starts_with(']') {
                    return Err("an empty class".into());
                }
            }
            ('[', true) => out.push_str("\\["),
            (']', true) => {
                class = false;
                out.push(']');
            }
            ('&' | '~', true) => out.extend(['\\', c]),
            ('-', true) if rest.starts_with('-') => return Err("two hyphens in a class".into()),
            ('{', false) if !is_count(rest) => out.push_str("\\{"),
            _ => out.push(c),
        }
    }
    Ok(out)
}

fn strip_flags(pattern: &str) -> &str {
    let inner = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    match inner {
        Some((flags, rest)) if !flags.is_empty() && flags.bytes().all(|b| b"imsu".contains(&b)) => rest,
        _ => pattern,
    }
}

// `{` begins a count when digits, perhaps a comma and digits, and `}` follow.
fn is_count(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (low, high) = inside.split_once(',').unwrap_or((inside, "0"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_rewritten() {
        let check = |from: &str, to: &str| assert_eq!(from_javascript(from).unwrap(), format!("(?i){to}"), "{from}");
        check("(?i)a\\/b", "a\\/b");
        check("(?is)a.b", "a.b");
        check("\\<script\\>", "<script>");
        check("[^[\\]]{0,20}", "[^\\[\\]]{0,20}");
        check("{\"a\"}", "\\{\"a\"}");
        check("x{2,}y{3}", "x{2,}y{3}");
        check("[a&&b]", "[a\\&\\&b]");
        check("[\\b]", "[\\x08]");
        for bad in ["a\\", "[]", "[^]", "[a--b]", "\\cA"] {
            from_javascript(bad).unwrap_err();
        }
    }
}
