//! Arguments taken apart: which value is a path, an address, an id, a count. By the name of its parameter and its shape.

use crate::host::{host_of_url, mail_address};
use crate::path::is_file_uri;
use crate::script::{self, Language, SCRIPTS_MAX, Script};
use crate::words;
use serde_json::Value;

/// Deepest nesting of arguments that is looked at: tools nest three or four levels.
pub const ARGUMENT_DEPTH_MAX: usize = 16;
/// Most values that are looked at in one call.
pub const ARGUMENT_LEAVES_MAX: usize = 4_096;

/// What a value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Path,
    Url,
    Host,
    Mail,
    Id,
}

/// In a call with two places: which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    From,
    To,
    Neither,
}

/// A value that names a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) role: Role,
    pub(crate) side: Side,
    /// It stands in a list, alone or as a field of an item.
    pub(crate) listed: bool,
    /// The name says that something goes there: `to`, `attendees`, and not `username`.
    pub(crate) addressed: bool,
    pub(crate) text: String,
}

/// What the arguments say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) named: Vec<Named>,
    /// Values in lists, whatever they stand for.
    pub(crate) listed: u64,
    /// A numeric limit.
    pub(crate) limit: Option<u64>,
    /// `all: true`, a wildcard, an empty filter.
    pub(crate) all: bool,
    /// A search says what is meant, beside or instead of names.
    pub(crate) filtered: bool,
    /// There is text that a machine runs.
    pub(crate) code: bool,
    /// The texts.
    pub(crate) scripts: Vec<Script>,
    /// More than the limits allow to look at.
    pub(crate) truncated: bool,
}

/// Takes arguments apart.
pub(crate) fn read(args: &Value) -> Arguments {
    let mut reader = Reader { arguments: Arguments::default(), leaves: 0, remote: is_remote(args) };
    reader.value(&[], args, Place { depth: 0, listed: false });
    reader.arguments
}

// `path` beside `owner` or `bucket` is a place in somebody else's store, not in this file system.
fn is_remote(args: &Value) -> bool {
    ["owner", "repo", "repository", "bucket", "project_id", "projectId", "site", "drive"]
        .iter()
        .any(|key| args.get(key).is_some_and(Value::is_string))
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    listed: bool,
}

struct Reader {
    arguments: Arguments,
    leaves: usize,
    remote: bool,
}

impl Reader {
    fn value(&mut self, name: &[String], value: &Value, place: Place) {
        if place.depth > ARGUMENT_DEPTH_MAX || self.leaves >= ARGUMENT_LEAVES_MAX {
            self.arguments.truncated = true;
            return;
        }
        match value {
            Value::Object(fields) => {
                self.arguments.all |= fields.is_empty() && is_filter(name);
                self.arguments.filtered |= !fields.is_empty() && is_search(name);
                self.words_of_call(fields);
                for (key, field) in fields {
                    let key = words::of_name(key);
                    self.value(&key, field, Place { depth: place.depth + 1, ..place });
                }
            }
            Value::Array(items) => {
                self.arguments.all |= items.is_empty() && is_filter(name);
                self.arguments.filtered |= !items.is_empty() && is_search(name);
                let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                // `command: ["rm", "-rf", "x"]` is one command, `commands: [..]` are several.
                if let Some(words) = words.filter(|words| !words.is_empty() && is_words(name)) {
                    self.arguments.code = true;
                    self.leaves += words.len();
                    script::of_words(&words).into_iter().for_each(|text| self.script(Language::Shell, text));
                    return;
                }
                for item in items {
                    self.value(name, item, Place { depth: place.depth + 1, listed: true });
                }
            }
            leaf => {
                self.leaves += 1;
                self.arguments.listed += u64::from(place.listed);
                self.leaf(name, leaf, place.listed);
            }
        }
    }

    // `{"command": "rm", "args": ["-rf", "x"]}`: the command alone says half of it.
    fn words_of_call(&mut self, fields: &serde_json::Map<String, Value>) {
        let command = ["command", "cmd", "program", "executable"].iter().find_map(|key| fields.get(*key)?.as_str());
        let args = ["args", "arguments", "argv"].iter().find_map(|key| fields.get(*key)?.as_array());
        if let (Some(command), Some(args)) = (command, args) {
            let words: Vec<&str> = std::iter::once(command).chain(args.iter().filter_map(Value::as_str)).collect();
            self.arguments.code = true;
            script::of_words(&words).into_iter().for_each(|text| self.script(Language::Shell, text));
        }
    }

    fn script(&mut self, language: Language, text: String) {
        if self.arguments.scripts.len() < SCRIPTS_MAX {
            self.arguments.scripts.push(Script { language, text });
        } else {
            self.arguments.truncated = true;
        }
    }

    fn leaf(&mut self, name: &[String], leaf: &Value, listed: bool) {
        match leaf {
            Value::Bool(true) => self.arguments.all |= any(name, &["all", "everything", "recursive", "recursively"]),
            Value::Number(number) => match number.as_u64() {
                Some(limit) if any(name, &["limit", "count", "max", "top", "per"]) => {
                    self.arguments.limit = Some(self.arguments.limit.map_or(limit, |other| other.max(limit)));
                }
                _ if role_of_name(name) == Some(Role::Id) => self.push(Role::Id, name, number.to_string(), listed),
                _ => {}
            },
            Value::String(text) => self.text(name, text, listed),
            _ => {}
        }
    }

    fn text(&mut self, name: &[String], text: &str, listed: bool) {
        self.arguments.code |= is_code(name);
        self.arguments.filtered |= !text.trim().is_empty() && is_search(name);
        if let Some(language) = script::language(name) {
            self.script(language, text.to_owned());
        }
        if is_prose(name) || is_code(name) {
            return;
        }
        let wild = matches!(text.trim(), "*" | "**" | "%" | "*.*");
        self.arguments.all |= wild || (text.trim().is_empty() && is_filter(name));
        if let Some(role) = self.role(name, text) {
            self.arguments.all |= role == Role::Path && text.contains(['*', '?']);
            self.push(role, name, text.to_owned(), listed);
        }
    }

    // Shape before name where the shape leaves no doubt.
    fn role(&self, name: &[String], text: &str) -> Option<Role> {
        let by_name = role_of_name(name);
        if is_file_uri(text) {
            return Some(Role::Path);
        }
        if text.contains("://") && host_of_url(text).is_some() {
            return Some(Role::Url);
        }
        if matches!(by_name, None | Some(Role::Mail | Role::Id | Role::Host)) && mail_address(text).is_some() {
            return Some(Role::Mail);
        }
        match by_name {
            Some(Role::Path) if self.remote && !text.starts_with('/') => Some(Role::Id),
            Some(Role::Mail) => Some(Role::Id),
            Some(Role::Id) if looks_like_path(text) => Some(Role::Path),
            None if looks_like_path(text) => Some(Role::Path),
            None if side(name) != Side::Neither && !text.is_empty() => Some(Role::Id),
            other => other,
        }
    }

    fn push(&mut self, role: Role, name: &[String], text: String, listed: bool) {
        let addressed = any(name, RECIPIENTS);
        self.arguments.named.push(Named { role, side: side(name), listed, addressed, text });
    }
}

/// Parameters of people who get something.
#[rustfmt::skip]
const RECIPIENTS: &[&str] = &[
    "attendee", "attendees", "bcc", "cc", "forward", "guest", "guests", "invitee", "invitees", "participant", "participants",
    "receiver", "recipient", "recipients", "share", "to",
];

fn any(name: &[String], words: &[&str]) -> bool {
    name.iter().any(|word| words.contains(&word.as_str()))
}

fn last(name: &[String], words: &[&str]) -> bool {
    name.last().is_some_and(|word| words.contains(&word.as_str()))
}

fn is_filter(name: &[String]) -> bool {
    any(name, &["filter", "where", "query", "q", "selector", "criteria", "condition", "conditions", "ids", "match"])
}

// Finds what is not named: `ids` and `match` do name it.
fn is_search(name: &[String]) -> bool {
    any(name, &["filter", "where", "query", "q", "selector", "criteria", "condition", "conditions"])
}

fn is_code(name: &[String]) -> bool {
    script::language(name).is_some_and(|language| language != Language::Query)
}

fn is_words(name: &[String]) -> bool {
    last(name, &["command", "cmd", "argv", "shell", "bash", "cmdline"])
}

fn is_prose(name: &[String]) -> bool {
    let prose = [
        "text",
        "body",
        "content",
        "contents",
        "message",
        "description",
        "comment",
        "prompt",
        "note",
        "notes",
        "markdown",
        "html",
        "summary",
        "thought",
        "subject",
        "observations",
        "instructions",
        "reason",
        "code",
        "data",
    ];
    last(name, &prose)
}

fn role_of_name(name: &[String]) -> Option<Role> {
    const MAIL: &[&str] =
        &["to", "cc", "bcc", "recipient", "recipients", "email", "emails", "attendees", "participants", "invitees"];
    const ID: &[&str] = &[
        "id",
        "ids",
        "key",
        "keys",
        "name",
        "names",
        "number",
        "channel",
        "owner",
        "repo",
        "repository",
        "bucket",
        "table",
        "database",
        "namespace",
        "account",
        "title",
        "slug",
        "iban",
        "payee",
        "user",
        "users",
        "username",
        "group",
        "role",
        "branch",
        "tag",
        "collection",
        "sha",
        "ref",
        "recipient",
        "customer",
        "resource",
        "index",
        "entity",
        "item",
        "items",
    ];
    if any(name, &["url", "urls", "uri", "uris", "href", "link", "links", "endpoint", "webhook"]) {
        Some(Role::Url)
    } else if any(name, &["path", "paths", "filename", "filepath", "dir", "directory", "folder", "cwd"])
        || last(name, &["file", "files", "root", "workdir"])
    {
        Some(Role::Path)
    } else if any(name, &["host", "hostname", "domain", "ip"]) {
        Some(Role::Host)
    } else if any(name, MAIL) {
        Some(Role::Mail)
    } else if last(name, ID) {
        Some(Role::Id)
    } else {
        None
    }
}

fn side(name: &[String]) -> Side {
    if any(name, &["source", "src", "from", "old", "origin"]) {
        Side::From
    } else if any(name, &["destination", "dest", "dst", "target", "to", "new"]) {
        Side::To
    } else {
        Side::Neither
    }
}

fn looks_like_path(text: &str) -> bool {
    let rooted = text.starts_with('/') && !text.starts_with("//") || text.starts_with("~/") || text.starts_with("./");
    (rooted || text.starts_with("../")) && text.len() > 1 && !text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(args: &Value) -> Vec<(Role, String)> {
        read(args).named.into_iter().map(|named| (named.role, named.text)).collect()
    }

    #[test]
    fn roles() {
        for (args, expected) in [
            (json!({"path": "a.txt"}), vec![(Role::Path, "a.txt")]),
            (json!({"filePath": "x"}), vec![(Role::Path, "x")]),
            (json!({"repo_path": "/r"}), vec![(Role::Path, "/r")]),
            (json!({"paths": ["a", "b"]}), vec![(Role::Path, "a"), (Role::Path, "b")]),
            (json!({"url": "https://x.com"}), vec![(Role::Url, "https://x.com")]),
            (json!({"anything": "https://x.com/a"}), vec![(Role::Url, "https://x.com/a")]),
            (json!({"anything": "/etc/passwd"}), vec![(Role::Path, "/etc/passwd")]),
            (json!({"uri": "file:///a"}), vec![(Role::Path, "file:///a")]),
            (json!({"to": ["a@x.com"]}), vec![(Role::Mail, "a@x.com")]),
            (json!({"to": "C123"}), vec![(Role::Id, "C123")]),
            (
                json!({"owner": "o", "repo": "r", "path": "src/a"}),
                vec![(Role::Id, "o"), (Role::Id, "src/a"), (Role::Id, "r")],
            ),
            (json!({"issue_number": 7}), vec![(Role::Id, "7")]),
            (json!({"content": "/etc/passwd", "text": "https://x.com"}), vec![]),
            (json!({"entities": [{"name": "n", "observations": ["o"]}]}), vec![(Role::Id, "n")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(role, text)| (role, text.to_owned())).collect();
            assert_eq!(named(&args), expected, "{args}");
        }
    }

    #[test]
    fn how_many() {
        assert_eq!(read(&json!({"limit": 50, "max_results": 7})).limit, Some(50));
        for all in [
            json!({"all": true}),
            json!({"recursive": true}),
            json!({"filter": {}}),
            json!({"query": ""}),
            json!({"ids": ["*"]}),
            json!({"path": "/a/*"}),
        ] {
            assert!(read(&all).all, "{all}");
        }
        assert!(!read(&json!({"all": false, "query": "x", "filter": {"a": 1}})).all);
        assert_eq!(read(&json!({"deletions": [{"entityName": "e", "observations": ["a", "b"]}]})).listed, 3);
        assert!(read(&json!({"sql": "SELECT 1"})).code);
        assert!(read(&json!({"id": 1, "query": "x"})).filtered && !read(&json!({"id": 1, "query": " "})).filtered);
    }

    #[test]
    fn texts_that_a_machine_runs() {
        let texts = |args: &Value| -> Vec<(Language, String)> {
            read(args).scripts.into_iter().map(|script| (script.language, script.text)).collect()
        };
        for (args, expected) in [
            (json!({"command": "ls"}), vec![(Language::Shell, "ls")]),
            (json!({"command": ["rm", "-rf", "x"]}), vec![(Language::Shell, "rm -rf x")]),
            (json!({"commands": ["ls", "rm x"]}), vec![(Language::Shell, "ls"), (Language::Shell, "rm x")]),
            (json!({"command": "rm", "args": ["-rf"]}), vec![(Language::Shell, "rm -rf"), (Language::Shell, "rm")]),
            (json!({"sql": "SELECT 1"}), vec![(Language::Sql, "SELECT 1")]),
            (json!({"script": "x"}), vec![(Language::Either, "x")]),
            (json!({"query": "x"}), vec![(Language::Query, "x")]),
            (json!({"code": "x", "text": "rm"}), vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(language, text)| (language, text.to_owned())).collect();
            assert_eq!(texts(&args), expected, "{args}");
        }
        let many: Vec<&str> = vec!["ls"; SCRIPTS_MAX + 1];
        assert!(read(&json!({"commands": many})).truncated);
    }

    #[test]
    fn bounds() {
        let mut deep = json!("x");
        for _ in 0..=ARGUMENT_DEPTH_MAX {
            deep = json!([deep]);
        }
        assert!(read(&deep).truncated);
        let wide: Vec<u32> = (0..10_000).collect();
        assert!(read(&json!({"ids": wide})).truncated);
    }
}
