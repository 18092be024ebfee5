//! Which words mean which effect: data, in base form, a list for each effect.
//!
//! A word stands for the strictest thing that it means in the names of tools: `post` sends, `install` executes.

use holdshort_model::Verb;

/// How a word is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// One effect.
    One(Verb),
    /// From one place to another: write there, delete here.
    Move,
    /// From one place to another: read here, write there.
    Copy,
    /// Fetches from an address.
    Visit,
    /// Whatever there is to do with it: to create, change and remove it.
    Manage,
}

#[rustfmt::skip]
const READ: &[&str] = &[
    "analyse", "analyze", "answer", "ask", "browse", "calculate", "capture", "check", "compare", "compute", "convert",
    "count", "crawl", "describe", "detect", "diagnose", "diff", "discover", "display", "dump", "echo", "estimate",
    "examine", "explain", "explore", "extract", "fetch", "filter", "find", "get", "glob", "grep", "head", "identify",
    "info", "inspect", "introspect", "list", "locate", "log", "logs", "lookup", "map", "match", "measure", "monitor",
    "observe", "parse", "peek", "ping", "poll", "preview", "print", "probe", "query", "read", "recall", "receive",
    "rerank", "resolve", "retrieve", "review", "scan", "scrape", "screenshot", "search", "see", "select",
    "show", "simulate", "snapshot", "stat", "status", "suggest", "summarise", "summarize", "tail", "test", "think",
    "trace", "traverse", "tree", "validate", "verify", "view", "wait", "watch", "whoami",
];
#[rustfmt::skip]
const WRITE: &[&str] = &[
    "add", "adjust", "amend", "annotate", "append", "apply", "approve", "archive", "assign", "attach", "change",
    "checkout", "checkpoint", "clone", "close", "commit", "complete", "configure", "copy", "create", "customize",
    "define", "disable", "draft", "edit", "emulate", "enable", "enrich", "favorite", "fill", "finish", "fork",
    "format", "generate", "import", "increment", "init", "initialize", "insert", "label", "link", "lock", "lpush",
    "make", "mark", "merge", "mkdir", "modify", "mount", "mute", "open", "patch", "pin", "populate", "prepare", "put",
    "react", "record", "register", "relate", "replace", "reschedule", "reset", "resize", "restore", "restructure",
    "rpush", "save", "scale", "schedule", "set", "snooze", "stage", "star", "stash", "store", "submit", "subscribe",
    "sync", "tag", "toggle", "touch", "transition", "type", "unarchive", "unmute", "unpin", "unstage", "update",
    "upsert", "vote", "write",
];
#[rustfmt::skip]
const DELETE: &[&str] = &[
    "cancel", "clean", "cleanup", "clear", "deactivate", "decommission", "delete", "deprovision", "destroy", "detach",
    "discard", "drop", "empty", "erase", "evict", "expire", "expunge", "flush", "forget", "kill", "lpop", "nuke",
    "obliterate", "pop", "prune", "purge", "remove", "revert", "rm", "rmdir", "rollback", "rpop", "shred", "stop",
    "teardown", "terminate", "trash", "truncate", "unassign", "undeploy", "uninstall", "unlink", "unregister",
    "unset", "unsubscribe", "wipe",
];
#[rustfmt::skip]
const EXECUTE: &[&str] = &[
    "bash", "build", "call", "click", "command", "compile", "debug", "deploy", "dispatch", "drag", "eval", "evaluate",
    "exec", "execute", "hover", "install", "invoke", "launch", "perform", "press", "provision", "python", "reboot",
    "redeploy", "restart", "rollout", "run", "script", "shell", "spawn", "start", "sudo", "terminal", "trigger",
    "upgrade",
];
#[rustfmt::skip]
const SEND: &[&str] = &[
    "announce", "broadcast", "comment", "deliver", "dm", "email", "emit", "export", "forward", "message", "notify",
    "post", "publish", "push", "relay", "reply", "request", "send", "share", "sms", "speak", "transmit", "tweet",
    "upload", "webhook",
];
#[rustfmt::skip]
const SPEND: &[&str] = &[
    "bid", "book", "buy", "charge", "donate", "fund", "invoice", "order", "pay", "payout", "purchase", "refund",
    "remit", "reserve", "sell", "tip", "trade", "transfer", "wire", "withdraw",
];
const DELEGATE: &[&str] = &["delegate", "handoff", "subagent"];
#[rustfmt::skip]
const GRANT: &[&str] = &[
    "allow", "authorise", "authorize", "ban", "block", "deny", "disarm", "elevate", "escalate", "grant", "impersonate",
    "invite", "login", "promote", "protect", "revoke", "rotate", "unban", "unblock", "unlock", "unprotect",
];
const MOVE: &[&str] = &["move", "mv", "relocate", "rename"];
const COPY: &[&str] = &["copy", "cp", "duplicate"];
const VISIT: &[&str] = &["download", "go", "goto", "navigate", "visit"];

/// Nouns that turn a write into a change of authority.
#[rustfmt::skip]
const AUTHORITY: &[&str] = &[
    "access", "acl", "admin", "apikey", "collaborator", "credential", "iam", "invitation", "keypair", "member",
    "membership", "owner", "passwd", "password", "permission", "policy", "privilege", "restriction", "role",
    "rolebinding", "secret", "sharing", "token", "user", "visibility",
];
/// Nouns that turn a write into a movement of money.
#[rustfmt::skip]
const MONEY: &[&str] = &[
    "fund", "money", "payment", "payout", "purchase", "refund", "subscription", "transaction", "transfer",
];
/// Nouns that turn a write into a message to others.
const MESSAGE: &[&str] = &["broadcast", "comment", "email", "message", "sms", "tweet"];
/// Things that hold others: removing one removes an unknown number.
#[rustfmt::skip]
const CONTAINER: &[&str] = &[
    "all", "bucket", "cluster", "collection", "database", "db", "directory", "environment", "everything", "folder",
    "inbox", "index", "mailbox", "namespace", "project", "repo", "repository", "schema", "stack", "table",
    "tree", "workspace",
];

/// The reading of a word in base form.
pub(crate) fn reading(word: &str) -> Option<Reading> {
    // Strictest first: a word that stands in two lists is read by the first of them.
    if listed(MOVE, word) {
        return Some(Reading::Move);
    }
    if listed(COPY, word) {
        return Some(Reading::Copy);
    }
    if listed(VISIT, word) {
        return Some(Reading::Visit);
    }
    if word == "manage" {
        return Some(Reading::Manage);
    }
    [
        (DELETE, Verb::Delete),
        (SPEND, Verb::Spend),
        (GRANT, Verb::Grant),
        (DELEGATE, Verb::Delegate),
        (SEND, Verb::Send),
        (EXECUTE, Verb::Execute),
        (WRITE, Verb::Write),
        (READ, Verb::Read),
    ]
    .into_iter()
    .find(|(words, _)| listed(words, word))
    .map(|(_, verb)| Reading::One(verb))
}

/// The reading of a word as it stands in running text: `Deletes`, `deleting`, `Retrieve`.
pub(crate) fn reading_in_text(word: &str) -> Option<Reading> {
    if matches!(word, "return" | "returns") {
        return Some(Reading::One(Verb::Read));
    }
    if let Some(found) = reading(word) {
        return Some(found);
    }
    let cut = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() > 1);
    let tries = [
        cut("s").map(str::to_owned),
        cut("es").map(str::to_owned),
        cut("ies").map(|stem| format!("{stem}y")),
        cut("ing").map(str::to_owned),
        cut("ing").map(|stem| format!("{stem}e")),
    ];
    tries.into_iter().flatten().find_map(|stem| reading(&stem))
}

// INVARIANT: every list is sorted; a test says so.
fn listed(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

/// Whether a word, singular or plural, is in a list of nouns.
fn noun(list: &[&str], word: &str) -> bool {
    listed(list, word)
        || word.strip_suffix('s').is_some_and(|stem| listed(list, stem))
        || word.strip_suffix("ies").is_some_and(|stem| listed(list, &format!("{stem}y")))
}

/// Whether a verb makes such an object, and does not only mark or change one: a created message goes out.
pub(crate) fn makes(word: &str) -> bool {
    matches!(word, "add" | "create" | "generate" | "make" | "schedule" | "submit" | "write")
}

/// What a write to such an object means besides.
pub(crate) fn object_effect(word: &str) -> Option<Verb> {
    if noun(AUTHORITY, word) {
        Some(Verb::Grant)
    } else if noun(MONEY, word) {
        Some(Verb::Spend)
    } else if noun(MESSAGE, word) {
        Some(Verb::Send)
    } else {
        None
    }
}

/// People, and what they can be made members of.
const PEOPLE: &[&str] = &["contact", "employee", "guest", "participant", "people", "person", "user"];
#[rustfmt::skip]
const CIRCLES: &[&str] = &[
    "channel", "circle", "group", "org", "organisation", "organization", "project", "repo", "repository", "room", "server",
    "space", "team", "tenant", "workspace",
];

/// Whether the words put somebody into a circle, or take them out: `add_user_to_channel`.
pub(crate) fn changes_membership(words: &[String]) -> bool {
    let between = words.iter().position(|word| matches!(word.as_str(), "to" | "from" | "into" | "in"));
    let (who, circle) = words.split_at(between.unwrap_or(words.len()));
    who.iter().any(|word| noun(PEOPLE, word)) && circle.iter().any(|word| noun(CIRCLES, word))
}

/// Whether removing such an object removes an unknown number of others.
pub(crate) fn is_container(word: &str) -> bool {
    noun(CONTAINER, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        for (word, verb) in [
            ("deletes", Verb::Delete),
            ("retrieves", Verb::Read),
            ("querying", Verb::Read),
            ("queries", Verb::Read),
            ("creating", Verb::Write),
            ("returns", Verb::Read),
            ("searches", Verb::Read),
        ] {
            assert_eq!(reading_in_text(word), Some(Reading::One(verb)), "{word}");
        }
        for word in ["the", "a", "as", "this", "file", "thing", "provides"] {
            assert_eq!(reading_in_text(word), None, "{word}");
        }
    }

    #[test]
    fn lists_are_sorted() {
        let verbs = [READ, WRITE, DELETE, EXECUTE, SEND, SPEND, DELEGATE, GRANT, MOVE, COPY, VISIT];
        for list in verbs.into_iter().chain([AUTHORITY, MONEY, MESSAGE, CONTAINER, PEOPLE, CIRCLES]) {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
    }

    #[test]
    fn strict_words_win() {
        assert_eq!(reading("delete"), Some(Reading::One(Verb::Delete)));
        assert_eq!(reading("move"), Some(Reading::Move));
        assert!(is_container("repositories") && is_container("all") && !is_container("file"));
        assert_eq!(object_effect("policies"), Some(Verb::Grant));
    }
}
