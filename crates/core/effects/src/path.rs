//! Paths as arguments give them, made absolute and normalised, lexically.
//!
//! What is NOT checked here: symbolic links and case-insensitive file systems. Those need the file system that the server
//! sees. Names that a normalisation of Unicode could turn into others are not certain. A path that different programs would read differently is kept raw and is not
//! `certain`: only the pattern `*` matches it.

/// Longest path that is looked at (`PATH_MAX` of Linux).
pub const PATH_BYTES_MAX: usize = 4_096;

/// Longest name in a path (`NAME_MAX` of Linux).
const NAME_BYTES_MAX: usize = 255;

/// A path from an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Absolute and without `.`, `..`, `//` and a slash at the end; or as given, when not `certain`.
    pub text: String,
    /// Whether the text says for sure which path is meant.
    pub certain: bool,
}

/// Normalises a path or a `file:` URI; relative ones stand in `workspace`.
pub fn normalise(raw: &str, workspace: Option<&str>) -> Path {
    match resolve(raw, workspace) {
        Some(text) => Path { text, certain: true },
        None => Path { text: raw.to_owned(), certain: false },
    }
}

fn resolve(raw: &str, workspace: Option<&str>) -> Option<String> {
    if raw.is_empty() || raw.len() > PATH_BYTES_MAX || raw.trim() != raw || raw.chars().any(is_deceptive) {
        return None;
    }
    let path = if is_file_uri(raw) { path_of_uri(raw)? } else { raw };
    // `~` and `$HOME` mean what somebody's shell makes of them; `\` and `C:` are separators on some systems only.
    if path.starts_with(['~', '$']) || path.contains('\\') || has_drive(path) {
        return None;
    }
    let folded = if path.starts_with('/') {
        fold(path.split('/'))
    } else {
        let base = workspace.filter(|base| base.starts_with('/'))?;
        fold(base.split('/').chain(path.split('/')))
    };
    let certain = folded.split('/').all(is_plain) && !changes_its_root(&folded);
    certain.then_some(folded)
}

// A name that every file system and every program takes for the same one. `/a /` ends in a space only when its slash is
// cut, Windows drops dots and spaces at the end of a name, and a name beyond `NAME_MAX` is cut or refused.
fn is_plain(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.trim_end() == name
        && !(name.ends_with('.') && name.len() > 1)
        && !composes(name)
}

// macOS stores names decomposed and Linux as they come: one file there, two files here. Full-width letters,
// dots and slashes become plain ones where a program or a system maps names to its own letters.
fn composes(name: &str) -> bool {
    name.chars().any(|c| {
        matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}' | '\u{3099}' | '\u{309a}')
            || matches!(c, '\u{2024}'..='\u{2026}' | '\u{2044}' | '\u{2126}' | '\u{212a}' | '\u{212b}' | '\u{2215}' | '\u{29f8}'
                | '\u{fb00}'..='\u{fb06}' | '\u{ff0e}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff3c}' | '\u{ff41}'..='\u{ff5a}')
            || c.is_whitespace() && c != ' '
    })
}

// Links of the kernel that lead anywhere: the root of a process, its folder, what it has open.
fn changes_its_root(path: &str) -> bool {
    let names: Vec<&str> = path.split('/').skip(1).collect();
    match names.as_slice() {
        ["dev", "fd" | "stdin" | "stdout" | "stderr", ..] => true,
        ["proc", process, rest @ ..] if *process == "self" || *process == "thread-self" || is_number(process) => {
            let rest = match rest {
                ["task", _, rest @ ..] => rest,
                rest => rest,
            };
            matches!(rest, ["root" | "cwd" | "exe" | "fd" | "map_files", ..])
        }
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

fn fold<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in segments {
        match segment {
            "" | "." => {}
            // Above the root is the root, as in the kernel.
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Whether the text is a `file:` URI, whatever the case of the scheme.
pub(crate) fn is_file_uri(text: &str) -> bool {
    text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}

// RFC 8089. Percent-encoded ones are not decoded: servers differ in whether they do, so they are not certain.
fn path_of_uri(uri: &str) -> Option<&str> {
    let rest = uri.get(5..)?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    (path.starts_with('/') && !path.starts_with("//") && !path.contains(['%', '?', '#'])).then_some(path)
}

fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Control characters, and those that are invisible or turn the direction of text.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths() {
        for (raw, expected) in [
            ("/home/me/a.txt", "/home/me/a.txt"),
            ("/home//me/./a.txt/", "/home/me/a.txt"),
            ("/w/../etc/passwd", "/etc/passwd"),
            ("/../../etc", "/etc"),
            ("/", "/"),
            ("a/b", "/w/s/a/b"),
            ("../x", "/w/x"),
            ("../../../x", "/x"),
            (".", "/w/s"),
            ("file:///etc/passwd", "/etc/passwd"),
            ("FILE://localhost/a/../b", "/b"),
            ("file:/a", "/a"),
            ("/a/%2e%2e/b", "/a/%2e%2e/b"),
            ("/a b/\u{e9}", "/a b/\u{e9}"),
            ("/w/.hidden/..x/a..b", "/w/.hidden/..x/a..b"),
            ("/proc/self/status", "/proc/self/status"),
            ("/proc/cpuinfo", "/proc/cpuinfo"),
            ("/dev/null", "/dev/null"),
            ("/w/proc/self/root", "/w/proc/self/root"),
            ("/w/\u{8cc7}\u{ff08}1\u{ff09}.txt", "/w/\u{8cc7}\u{ff08}1\u{ff09}.txt"),
            ("/w/\u{4f60}\u{597d}/\u{43f}", "/w/\u{4f60}\u{597d}/\u{43f}"),
        ] {
            assert_eq!(normalise(raw, Some("/w/s")), Path { text: expected.into(), certain: true }, "{raw}");
        }
    }

    #[test]
    fn uncertain_paths_stay_raw() {
        let long = format!("/{}", "a".repeat(PATH_BYTES_MAX));
        let long_name = format!("/w/{}", "a".repeat(NAME_BYTES_MAX + 1));
        for raw in [
            "",
            "~",
            "~/x",
            "~root/x",
            "$HOME/x",
            "/a\0b",
            "/a\nb",
            " /etc/passwd",
            "/a ",
            "/a /",
            "C:\\x",
            "c:/x",
            "/a\\..\\b",
            "..\\x",
            "\\\\host\\share",
            "file://host/a",
            "file:///a/%2e%2e/b",
            "file:relative",
            "file:////a",
            "/a\u{202e}b",
            "/a\u{200b}/b",
            "/w/e\u{301}",
            "/w/\u{ff0e}\u{ff0e}/x",
            "/w/\u{2025}/x",
            "/w/a\u{2215}b",
            "/w/\u{fb01}le",
            "/w/a\u{a0}b",
            "/w/\u{212a}",
            "...",
            "/w/a.",
            "/w/a. ",
            "/w/a./b",
            "/w/a /b",
            "/w/.. /x",
            "/proc/self/root/etc/passwd",
            "/proc/1/root",
            "/proc/self/cwd/x",
            "/proc/self/task/7/root/etc",
            "/proc/thread-self/fd/3",
            "/w/../proc/self/./root",
            "/dev/fd/0",
            "/dev/stdin",
            "file:///proc/self/root/etc",
            &long_name,
            &long,
        ] {
            assert_eq!(normalise(raw, Some("/w")), Path { text: raw.into(), certain: false }, "{raw}");
        }
        for workspace in [None, Some("relative"), Some("")] {
            assert!(!normalise("a", workspace).certain);
            assert!(normalise("/a", workspace).certain);
        }
    }

    proptest! {
        #[test]
        fn certain_means_normal(raw in "[a-z./\\\\~% -]{0,40}", workspace in "/[a-z./]{0,20}") {
            let path = normalise(&raw, Some(&workspace));
            if path.certain {
                prop_assert!(path.text.starts_with('/'));
                prop_assert!(path.text == "/" || path.text.split('/').skip(1).all(|s| !matches!(s, "" | "." | "..")));
                prop_assert_eq!(normalise(&path.text, None), path);
            } else {
                prop_assert_eq!(path.text, raw);
            }
        }

        #[test]
        fn relative_is_joined(relative in "[a-z/.]{1,20}", workspace in "/[a-z/.]{0,20}") {
            prop_assume!(!relative.starts_with('/'));
            let (joined, whole) = (normalise(&relative, Some(&workspace)), normalise(&format!("{workspace}/{relative}"), None));
            prop_assert_eq!(joined.certain, whole.certain);
            prop_assert!(!joined.certain || joined == whole);
        }

        #[test]
        fn any_text_is_survived(raw in any::<String>(), workspace in any::<Option<String>>()) {
            let _ = normalise(&raw, workspace.as_deref());
        }
    }
}
