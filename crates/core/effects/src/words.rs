//! Words of a name or of the beginning of a description.

/// Words of a name that are looked at: longer names say nothing more.
const NAME_WORDS_MAX: usize = 24;

/// The lower-case words of a name: `readFile`, `read_file`, `read-file`, `HTTPGet2` all fall apart where people see it.
pub(crate) fn of_name(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut characters = name.chars().peekable();
    let mut previous = '_';
    while let Some(c) = characters.next() {
        let next_is_lower = characters.peek().is_some_and(char::is_ascii_lowercase);
        let hump = c.is_ascii_uppercase()
            && (previous.is_ascii_lowercase() || (previous.is_ascii_uppercase() && next_is_lower));
        if (!c.is_ascii_alphabetic() || hump) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
            if words.len() == NAME_WORDS_MAX {
                return words;
            }
        }
        if c.is_ascii_alphabetic() {
            word.push(c.to_ascii_lowercase());
        }
        previous = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The first `most` words of a text, lower case, at most to the end of its first sentence.
pub(crate) fn of_text(text: &str, most: usize) -> Vec<String> {
    // 400 bytes hold the first words of any sentence; a description may be 100 KB of something else.
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= 400).unwrap_or(text.len());
    let head = text.get(..end).unwrap_or_default();
    let mut words = Vec::new();
    for piece in head.split_whitespace() {
        let word: String = piece.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
        if !word.is_empty() {
            words.push(word);
        }
        if words.len() == most || piece.ends_with(['.', ':', ';', '!', '?']) && !words.is_empty() {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, words) in [
            ("read_text_file", "read text file"),
            ("API-post-search", "api post search"),
            ("getHTTPResponse2xx", "get http response xx"),
            ("DeleteS3Object", "delete s object"),
            ("listPRs", "list p rs"),
            ("", ""),
            ("__", ""),
            ("\u{43f}\u{440}\u{438}", ""),
        ] {
            assert_eq!(of_name(name).join(" "), words, "{name}");
        }
        assert_eq!(of_name(&"a_".repeat(10_000)).len(), NAME_WORDS_MAX);
    }

    #[test]
    fn texts() {
        assert_eq!(of_text("  Permanently deletes a file. Then more", 12).join(" "), "permanently deletes a file");
        assert_eq!(of_text("one two three", 2).join(" "), "one two");
        assert_eq!(of_text(&"\u{e9}".repeat(100_000), 2).len(), 0);
    }
}
