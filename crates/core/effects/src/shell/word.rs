//! Words as the shell reads them: quotes taken off, and what is only known at run time marked.

/// A word without its quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// The text; expansions stand in it as they were written.
    pub(super) text: String,
    /// A variable, a substitution, `$'..'`: the text is not what the program gets.
    pub(super) dynamic: bool,
    /// An unquoted `*`, `?`, `[`: names of files stand in its place.
    pub(super) glob: bool,
    /// An unquoted `{a,b}`: several words.
    pub(super) brace: bool,
    /// The insides of command substitutions, as they were written.
    pub(super) inside: Vec<String>,
}

impl Text {
    /// A word that is what it says.
    pub(super) fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Words that come from somewhere else: standard input, a search.
    pub(super) fn unknown(text: &str) -> Self {
        Self { dynamic: true, ..Self::plain(text) }
    }

    /// Whether it may stand for another text, or for several.
    pub(super) fn is_open(&self) -> bool {
        self.dynamic || self.glob || self.brace || self.text.starts_with('~')
    }

    /// Whether it may turn into an option, or a part of it decides which option it is.
    pub(super) fn may_be_option(&self) -> bool {
        let opens = |c: char| matches!(c, '*' | '?' | '[' | '{' | '$' | '`' | '@' | '+' | '!');
        (self.dynamic || self.glob || self.brace)
            && (self.text.is_empty() || self.text.starts_with('-') || self.text.starts_with(opens))
    }

    /// The same marks on a part of the text.
    pub(super) fn part(&self, text: &str) -> Self {
        let open = self.dynamic || self.brace;
        Self { text: text.to_owned(), dynamic: open, glob: self.glob, brace: false, inside: Vec::new() }
    }
}

/// Takes the quotes off a word.
pub(super) fn read(raw: &str) -> Text {
    let mut reader = Reader { rest: raw, text: Text::default(), braces: 0, comma: false, bracket: false };
    reader.unquoted();
    reader.text
}

/// Marks the expansions in a text that is neither quoted nor split: a here-document, an arithmetic expression.
pub(super) fn read_expanding(raw: &str) -> Text {
    let mut reader = Reader { rest: raw, text: Text::default(), braces: 0, comma: false, bracket: false };
    reader.quoted(None);
    reader.text
}

struct Reader<'a> {
    rest: &'a str,
    text: Text,
    braces: usize,
    comma: bool,
    bracket: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        Some(c)
    }

    fn unquoted(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escaped(),
                '\'' => self.single(),
                '"' => self.quoted(Some('"')),
                '$' if self.rest.starts_with(['\'', '"']) => {
                    // `$'..'` writes any character, `$".."` is translated: what results is not what stands here.
                    self.text.dynamic = true;
                    self.text.text.push('$');
                }
                '$' | '`' => self.expansion(c),
                _ => {
                    self.mark(c);
                    self.text.text.push(c);
                }
            }
        }
    }

    fn escaped(&mut self) {
        match self.next() {
            Some('\n') => {}
            Some(c) => self.text.text.push(c),
            None => self.text.text.push('\\'),
        }
    }

    fn single(&mut self) {
        let end = self.rest.find('\'').unwrap_or(self.rest.len());
        // After `$`, a backslash can hide the closing quote: the whole is dynamic by then, and the rest only text.
        self.text.text.push_str(self.rest.get(..end).unwrap_or_default());
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
    }

    fn quoted(&mut self, end: Option<char>) {
        while let Some(c) = self.next() {
            match c {
                _ if Some(c) == end => return,
                '\\' if self.rest.starts_with(['$', '`', '"', '\\', '\n']) => self.escaped(),
                '$' | '`' => self.expansion(c),
                _ => self.text.text.push(c),
            }
        }
    }

    // The insides of `${..}` and `$((..))` are read like the rest of the word, so that substitutions in them are found.
    fn expansion(&mut self, opener: char) {
        self.text.text.push(opener);
        if opener == '`' {
            self.text.dynamic = true;
            let end = end_of_backquotes(self.rest);
            let inside = self.rest.get(..end).unwrap_or_default();
            self.text.text.push_str(inside);
            self.text.text.push('`');
            self.text.inside.push(unescape_backquotes(inside));
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            return;
        }
        let name = |c: char| c.is_ascii_alphanumeric() || "_@*#?-$!{[(".contains(c);
        if !self.rest.starts_with(name) {
            return;
        }
        self.text.dynamic = true;
        let arithmetic = self.rest.starts_with("((");
        if let Some(rest) = self.rest.strip_prefix('(') {
            let end = end_of_parenthesis(rest);
            let inside = rest.get(..end).unwrap_or_default();
            // `$((a); (b))` is a substitution, and looks like arithmetic.
            if !arithmetic || inside.contains([';', '\n', '&', '|']) || !inside.ends_with(')') {
                self.text.inside.push(inside.to_owned());
            } else {
                let nested = read_expanding(inside);
                self.text.inside.extend(nested.inside);
            }
            self.text.text.push('(');
            self.text.text.push_str(inside);
            self.text.text.push(')');
            self.rest = rest.get(end + 1..).unwrap_or_default();
        }
    }

    fn mark(&mut self, c: char) {
        match c {
            '*' | '?' => self.text.glob = true,
            '[' => self.bracket = true,
            ']' => self.text.glob |= self.bracket,
            '(' => self.text.glob |= self.text.text.ends_with(['@', '+', '!', '*', '?']),
            '{' => {
                self.braces += 1;
                self.comma = false;
            }
            ',' => self.comma |= self.braces > 0,
            '.' => self.comma |= self.braces > 0 && self.text.text.ends_with('.'),
            '}' if self.braces > 0 => {
                self.braces -= 1;
                self.text.brace |= self.comma;
            }
            _ => {}
        }
    }
}

fn end_of_backquotes(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '`' => return at,
            _ => {}
        }
    }
    text.len()
}

fn unescape_backquotes(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match characters.peek() {
            Some(next @ ('`' | '\\' | '$')) if c == '\\' => {
                plain.push(*next);
                characters.next();
            }
            _ => plain.push(c),
        }
    }
    plain
}

// Where the parenthesis closes that was opened before the text. Quotes and comments hide parentheses; a `case` inside
// ends it too early, and then the inside does not parse: unprovable, which it is anyway.
fn end_of_parenthesis(text: &str) -> usize {
    let mut depth = 1_usize;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', None | Some('"')) => escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            ('(', None) => depth += 1,
            (')', None) => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (raw, text, marks) in [
            ("abc", "abc", ""),
            ("'a b'", "a b", ""),
            ("\"a b\"", "a b", ""),
            ("a\\ b", "a b", ""),
            ("r''m", "rm", ""),
            ("\\rm", "rm", ""),
            ("'$x'", "$x", ""),
            ("\"$x\"", "$x", "d"),
            ("$x", "$x", "d"),
            ("${x@P}", "${x@P}", "d"),
            ("a$", "a$", ""),
            ("\"\\$x\"", "$x", ""),
            ("$'\\x72m'", "$\\x72m", "d"),
            ("*.txt", "*.txt", "g"),
            ("'*'", "*", ""),
            ("[", "[", ""),
            ("a[0]", "a[0]", "g"),
            ("{a,b}", "{a,b}", "b"),
            ("{1..3}", "{1..3}", "b"),
            ("{}", "{}", ""),
            ("stash@{0}", "stash@{0}", ""),
            ("$(rm x)", "$(rm x)", "d1"),
            ("\"a$(rm x)b`ls`\"", "a$(rm x)b`ls`", "d2"),
            ("$((1+2))", "$((1+2))", "d"),
            ("$(( $(rm x) ))", "$(( $(rm x) ))", "d1"),
            ("${a:-$(rm x)}", "${a:-$(rm x)}", "d1"),
            ("'$(rm x)'", "$(rm x)", ""),
        ] {
            let word = read(raw);
            let mut found = String::new();
            found
                .extend([(word.dynamic, 'd'), (word.glob, 'g'), (word.brace, 'b')].iter().filter(|m| m.0).map(|m| m.1));
            if !word.inside.is_empty() {
                found.push_str(&word.inside.len().to_string());
            }
            assert_eq!((word.text.as_str(), found.as_str()), (text, marks), "{raw}");
        }
        assert_eq!(read("$(echo \")\" ')' \\) x)").inside, ["echo \")\" ')' \\) x"]);
        assert_eq!(read("`echo \\`ls\\``").inside, ["echo `ls`"]);
    }
}
