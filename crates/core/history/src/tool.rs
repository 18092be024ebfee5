//! What a tool's definition says about itself, as far as requests and values are concerned.

use crate::lexicon::{Class, Lexicon, Word};
use crate::text::{fold, stem, tokens};
use holdshort_model::{ArgumentRole, Verb};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Most parameters that are read; a tool with more says `setting` for the rest.
const PARAMETERS_MAX: usize = 256;
/// So much of a description is read, in words.
const DESCRIPTION_WORDS: usize = 24;

/// A tool as requests and values see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tool {
    /// Concepts of the verbs of its name, or else of its description.
    pub(crate) concepts: u64,
    /// Kinds of things that its name, parameters and description speak of.
    pub(crate) groups: u64,
    /// Stems of the other words of its name and parameters.
    pub(crate) stems: Vec<String>,
    parameters: HashMap<String, Parameter>,
    /// The fields of its output whose form its own schema states.
    pub(crate) formatted: Vec<String>,
    /// It returns what somebody wrote, not what it keeps itself: a page, a file.
    pub(crate) returns_content: bool,
    /// It keeps notes of the agent's own.
    pub(crate) remembers: bool,
    /// It takes something to another place or name.
    pub(crate) moves: bool,
    /// It looks for something.
    pub(crate) searches: bool,
    /// Other calls need it first: it opens a session with what the person gave.
    pub(crate) prepares: bool,
}

/// A parameter of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) role: ArgumentRole,
    pub(crate) required: bool,
    /// It is the id of a record in the tool's own store.
    pub(crate) record: bool,
}

impl Tool {
    /// Reads a definition as the server gave it.
    pub(crate) fn read(name: &str, definition: Option<&Value>) -> Self {
        let lexicon = Lexicon::get();
        let mut tool = Self::default();
        let words = words_of(name);
        let description = definition.and_then(|definition| definition.get("description")).and_then(Value::as_str);
        let description = fold(first_sentence(description.unwrap_or_default()));
        let described: Vec<&str> = tokens(&description).map(|token| token.text).take(DESCRIPTION_WORDS).collect();
        tool.verbs(words.iter().map(String::as_str), lexicon);
        if tool.concepts == 0 {
            tool.verbs(described.iter().take(6).copied(), lexicon);
        }
        for word in words.iter().map(String::as_str) {
            tool.noun(word, lexicon, true);
        }
        for word in &described {
            tool.noun(word, lexicon, false);
        }
        if let Some(schema) = definition.and_then(|definition| definition.get("inputSchema")) {
            tool.parameters(schema, lexicon);
        }
        if let Some(schema) = definition.and_then(|definition| definition.get("outputSchema")) {
            formatted(schema, 0, &mut tool.formatted);
        }
        tool.returns_content = returns_content(&words, &tool.parameters);
        tool.searches = words.iter().any(|word| matches!(word.as_str(), "search" | "find" | "query" | "lookup"));
        tool.moves = words.iter().any(|word| matches!(word.as_str(), "move" | "rename" | "mv" | "relocate"));
        tool.prepares = words
            .iter()
            .any(|word| matches!(word.as_str(), "login" | "logon" | "signin" | "authenticate" | "logout" | "signout"))
            || ["log in", "sign in", "log on", "sign on", "log out", "sign out"]
                .iter()
                .any(|form| words.join(" ").contains(form));
        tool.remembers = words
            .iter()
            .any(|word| matches!(word.as_str(), "memory" | "memories" | "remember" | "recall" | "scratchpad"));
        tool
    }

    /// What a parameter is for. A nested one is judged by its own name, then by those above it.
    pub(crate) fn parameter(&self, path: &[&str], value: &Value) -> Parameter {
        let top = path.first().and_then(|name| self.parameters.get(*name)).copied();
        let names = path.iter().rev().filter(|name| !name.bytes().all(|c| c.is_ascii_digit()));
        let by_name = names.map(|name| role_of_name(&words_of(name))).find(Option::is_some).flatten();
        let role = match (by_name, value) {
            (Some(role), _) => role,
            // A cell of a table, a property of a page: what is written, unless its name says otherwise.
            (None, Value::String(_)) if path.len() > 1 => ArgumentRole::Content,
            (None, Value::String(_)) => ArgumentRole::Target,
            (None, _) => ArgumentRole::Setting,
        };
        let role = if path.len() == 1 { top.map_or(role, |top| top.role) } else { role };
        let last = path.iter().rev().find(|name| !name.bytes().all(|c| c.is_ascii_digit()));
        let record = last.is_some_and(|name| is_record_id(&words_of(name)));
        Parameter { role, required: top.is_none_or(|top| top.required), record }
    }

    fn verbs<'a>(&mut self, words: impl Iterator<Item = &'a str>, lexicon: &Lexicon) {
        for word in words {
            if let Some((concept, Class::Effect(verb))) = lexicon.english().inflected(word)
                && verb != Verb::Read
            {
                self.concepts |= 1 << concept;
            }
        }
    }

    fn noun(&mut self, word: &str, lexicon: &Lexicon, named: bool) {
        let groups = lexicon.english().groups(word);
        self.groups |= groups;
        let marker = lexicon
            .english()
            .word(word)
            .is_some_and(|words| words.iter().any(|word| matches!(word, Word::NounMarker | Word::AskMarker)));
        if named && !marker && word.len() > 2 && lexicon.english().inflected(word).is_none() {
            let stem = stem(word).to_owned();
            if !self.stems.contains(&stem) {
                self.stems.push(stem);
            }
        }
    }

    fn parameters(&mut self, schema: &Value, lexicon: &Lexicon) {
        let required: HashSet<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten().take(PARAMETERS_MAX) {
            let words = words_of(name);
            for word in &words {
                self.groups |= lexicon.english().groups(word);
            }
            let role = role_of_schema(property).or_else(|| role_of_name(&words)).unwrap_or(ArgumentRole::Target);
            let required = required.contains(name.as_str());
            self.parameters.insert(name.clone(), Parameter { role, required, record: is_record_id(&words) });
        }
    }
}

/// Names of text fields with a format, a pattern or a set of values.
fn formatted(schema: &Value, depth: usize, names: &mut Vec<String>) {
    if depth > 16 {
        return;
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let text = property.get("type").and_then(Value::as_str) == Some("string");
        let stated = ["format", "pattern", "enum", "const"].iter().any(|key| property.get(key).is_some());
        if text && stated && names.len() < PARAMETERS_MAX && !names.contains(name) {
            names.push(name.clone());
        }
        formatted(property, depth + 1, names);
    }
    if let Some(items) = schema.get("items") {
        formatted(items, depth + 1, names);
    }
}

/// What a schema says: numbers that are no ids, flags and choices are settings.
fn role_of_schema(property: &Value) -> Option<ArgumentRole> {
    if property.get("enum").is_some() || property.get("const").is_some() {
        return Some(ArgumentRole::Setting);
    }
    let format = property.get("format").and_then(Value::as_str).unwrap_or_default();
    match format {
        "date" | "date-time" | "time" | "duration" => return Some(ArgumentRole::Setting),
        "email" | "uri" | "url" | "hostname" | "ipv4" | "ipv6" | "uuid" => return Some(ArgumentRole::Target),
        _ => {}
    }
    (property.get("type").and_then(Value::as_str) == Some("boolean")).then_some(ArgumentRole::Setting)
}

/// What the name of a parameter or a field says.
fn role_of_name(words: &[String]) -> Option<ArgumentRole> {
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let last = |list: &[&str]| words.last().is_some_and(|word| list.contains(&word.as_str()));
    // What the agent shows to its own tools: neither a destination nor what anybody wrote.
    if last(CREDENTIAL) {
        return Some(ArgumentRole::Setting);
    }
    if last(ID_WORDS) {
        return Some(ArgumentRole::Target);
    }
    if last(FREE_TEXT) || (any(FREE_TEXT) && !any(TARGET)) {
        return Some(ArgumentRole::Content);
    }
    if last(SETTING) || (any(SETTING) && !any(TARGET)) {
        return Some(ArgumentRole::Setting);
    }
    any(TARGET).then_some(ArgumentRole::Target)
}

/// `message_id`, but not `account_id`: an account is somewhere to send money to.
fn is_record_id(words: &[String]) -> bool {
    let somewhere = |word: &String| {
        matches!(
            word.as_str(),
            "account"
                | "recipient"
                | "payee"
                | "iban"
                | "card"
                | "phone"
                | "wallet"
                | "beneficiary"
                | "destination"
                | "to"
        )
    };
    words.last().is_some_and(|last| {
        matches!(
            last.as_str(),
            "id" | "ids" | "uuid" | "guid" | "sha" | "key" | "hash" | "no" | "ref" | "slug" | "entity" | "ts"
        )
    }) && !words.iter().any(somewhere)
}

const ID_WORDS: &[&str] = &["id", "ids", "uuid", "guid", "key", "number", "no", "ref", "slug", "entity"];
const CREDENTIAL: &[&str] = &["token", "cookie", "csrf", "session", "apikey", "nonce"];
/// Names of parameters and fields that hold what somebody wrote.
#[rustfmt::skip]
const FREE_TEXT: &[&str] = &[
    "about", "abstract", "answer", "bio", "body", "caption", "code", "command", "comment", "comments", "content",
    "contents", "data", "description", "details", "diff", "element", "excerpt", "feedback", "footer", "header", "headline", "html",
    "instructions", "location", "log", "markdown", "memo", "message", "messages", "note", "notes", "output", "patch", "payload",
    "preview", "prompt", "query", "question", "readme", "reason", "remark", "remarks", "reply", "review", "reviews",
    "script", "snippet", "stderr", "stdout", "string", "subject", "summary", "text", "thought", "title", "topic",
];
#[rustfmt::skip]
const SETTING: &[&str] = &[
    "adults", "after", "amount", "arrival", "before", "category", "check", "checkin", "checkout", "class", "color", "count", "currency", "cursor", "date", "day", "departure", "depth", "duration", "encoding", "end",
    "enabled", "filter", "flag", "format", "guests", "hour", "kind", "label", "labels", "lang", "language", "length", "level", "limit", "locale", "max", "min", "mode",
    "month", "offset", "option", "options", "order", "page", "passengers", "percent", "period", "price", "priority", "quantity", "rating",
    "recurring", "size", "sort", "start", "status", "time", "timeout", "timestamp", "timezone", "type", "unit",
    "variant", "verbose", "width", "year",
];
#[rustfmt::skip]
const TARGET: &[&str] = &[
    "account", "address", "addresses", "attendees", "bcc", "bucket", "cc", "channel", "chat", "collaborator", "contact",
    "destination", "directory", "domain", "email", "emails", "endpoint", "file", "filename", "folder", "group", "host",
    "hotel", "iban", "id", "member", "participants", "password", "path", "payee", "phone", "receiver", "recipient",
    "recipients", "repo", "repository", "room", "server", "target", "to", "url", "urls", "user", "username", "users",
    "webhook",
];

/// Whether a field of that name holds what somebody wrote, however short it is.
pub(crate) fn is_free_text(key: &str) -> bool {
    words_of(key).last().is_some_and(|word| FREE_TEXT.binary_search(&word.as_str()).is_ok())
}

// A page, a file, a document: what it says is somebody else's, down to its structure.
fn returns_content(words: &[String], parameters: &HashMap<String, Parameter>) -> bool {
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let place = parameters.keys().any(|name| {
        words_of(name).iter().any(|word| {
            matches!(word.as_str(), "path" | "paths" | "url" | "urls" | "uri" | "file" | "filename" | "href" | "link")
        })
    });
    let lists = any(&["list", "search", "find", "query", "tree", "stat", "info", "metadata", "directory"]);
    let page = any(&[
        "webpage", "website", "page", "html", "url", "fetch", "browse", "scrape", "crawl", "browser", "navigate",
        "snapshot",
    ]);
    (place || page) && !lists
}

/// The words of a name, lower case: `sendEmail`, `send_email`.
pub(crate) fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut fresh = true;
    let mut previous_lower = false;
    for c in name.chars().take(256) {
        if !c.is_alphanumeric() {
            (fresh, previous_lower) = (true, false);
            continue;
        }
        if c.is_uppercase() && previous_lower {
            fresh = true;
        }
        previous_lower = c.is_lowercase() || c.is_numeric();
        match words.last_mut() {
            Some(word) if !fresh => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
        fresh = false;
    }
    words
}

fn first_sentence(text: &str) -> &str {
    let head = text.get(..text.floor_char_boundary(512)).unwrap_or_default();
    head.split(['\n', '.']).next().unwrap_or_default()
}
