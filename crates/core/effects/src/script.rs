//! Text in arguments that a machine runs: which language it is, and what it does.

use crate::shell::{self, ShellContext};
use crate::sql::{self, Dialect};
use crate::words;
use holdshort_model::ActionEffect;
use serde_json::Value;

/// Most texts of one call that are parsed: tools take one, and a list of commands is a script.
pub(crate) const SCRIPTS_MAX: usize = 6;

/// Which language a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Shell commands.
    Shell,
    /// SQL statements.
    Sql,
    /// Its name does not say: statements if it begins like one, else commands.
    Either,
    /// SQL if it begins like a statement, else not code at all.
    Query,
    /// A language that is not parsed.
    Other,
}

/// A text that a machine runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) language: Language,
    pub(crate) text: String,
}

/// The language of a parameter's text, by the words of its name. `None`: not code.
pub(crate) fn language(name: &[String]) -> Option<Language> {
    let any = |words: &[&str]| name.iter().any(|word| words.contains(&word.as_str()));
    if any(&["sql"]) {
        Some(Language::Sql)
    } else if any(&["javascript", "js"]) {
        Some(Language::Other)
    } else if any(&["command", "commands", "cmd", "cmds", "shell", "bash", "argv", "cmdline"]) {
        Some(Language::Shell)
    } else if any(&["script"]) {
        Some(Language::Either)
    } else if any(&["query", "queries", "statement", "statements", "q"]) {
        Some(Language::Query)
    } else {
        None
    }
}

/// Whether a text begins like a statement.
pub(crate) fn is_statement(text: &str) -> bool {
    const FIRST: &[&str] = &[
        "select", "insert", "update", "delete", "merge", "with", "drop", "create", "alter", "truncate", "grant",
        "revoke", "explain", "copy", "call", "exec", "execute", "begin", "vacuum", "pragma", "attach", "replace",
        "show", "describe", "do",
    ];
    const THEN: &[&str] = &[
        "from", "into", "set", "table", "database", "schema", "view", "index", "as", "on", "to", "user", "role",
        "select", "values",
    ];
    let mut words = text
        .trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';')
        .split(|c: char| !c.is_alphanumeric() && c != '_');
    let first = words.next().unwrap_or_default().to_ascii_lowercase();
    let comment = text.trim_start().starts_with("--") || text.trim_start().starts_with("/*");
    let then = || words.take(4_000).any(|word| THEN.contains(&word.to_ascii_lowercase().as_str()));
    comment || FIRST.contains(&first.as_str()) && then()
}

/// The texts of one argument list, `command` and `args` together: as the words that they are, and as the text that they
/// become when the server joins them.
pub(crate) fn of_words(words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
    let plain =
        |word: &&str| word.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&c)) && !word.is_empty();
    if words.iter().all(plain) { vec![words.join(" ")] } else { vec![quoted.join(" "), words.join(" ")] }
}

/// The folder that arguments say the text runs in.
pub(crate) fn folder(args: &Value) -> Option<&str> {
    const NAMES: &[&str] = &["cwd", "workdir", "working_directory", "workingDirectory", "working_dir", "workingDir"];
    NAMES.iter().find_map(|name| args.get(name).and_then(Value::as_str)).filter(|path| !path.is_empty())
}

/// What a text does.
pub(crate) fn effects(script: &Script, connector: &str, context: &ShellContext<'_>) -> Vec<ActionEffect> {
    match script.language {
        Language::Other => Vec::new(),
        Language::Sql => sql::effects(&script.text, dialect(connector)),
        Language::Query | Language::Either if is_statement(&script.text) => {
            sql::effects(&script.text, dialect(connector))
        }
        Language::Query => Vec::new(),
        Language::Shell | Language::Either => shell::effects(&script.text, context),
    }
}

/// The dialect that the name of a connector says.
pub(crate) fn dialect(connector: &str) -> Dialect {
    let words = words::of_name(connector);
    let named = words.iter().map(|word| Dialect::of_name(word)).find(|dialect| *dialect != Dialect::Generic);
    named.unwrap_or(Dialect::Generic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements() {
        for (text, expected) in [
            ("SELECT 1 FROM t", true),
            (" delete from t", true),
            ("WITH d AS (DELETE FROM t RETURNING 1) SELECT 1", true),
            ("-- x\nDROP TABLE t", true),
            ("drop table t", true),
            ("ls -la", false),
            ("rm -rf x", false),
            ("delete old mail", false),
            ("show me the way", false),
            ("", false),
        ] {
            assert_eq!(is_statement(text), expected, "{text}");
        }
    }

    #[test]
    fn lists_of_words() {
        assert_eq!(of_words(&["rm", "-rf", "x"]), ["rm -rf x"]);
        assert_eq!(of_words(&["sh", "-c", "a; b"]), ["'sh' '-c' 'a; b'", "sh -c a; b"]);
        assert_eq!(of_words(&["echo", "it's"]), ["'echo' 'it'\\''s'", "echo it's"]);
    }
}
