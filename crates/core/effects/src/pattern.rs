//! Patterns over the resources of effects, as grants and label rules write them.
//!
//! `*`, `file:/home/me/**`, `file:${workspace}/**`, `host:*.example.com`, `mail:*@example.com`, `tool:server/read_*`,
//! `record:INV-*`, and any kind that the catalog declares.
//!
//! `method:SERVER/NAME` is the only pattern that covers a method which this version does not know.
//!
//! INVARIANT: a resource whose certainty is `unknown` matches `*` and `tool:` only, never a pattern over its text.

use crate::{Glob, normalise};
use holdshort_model::{ActionEffect, Certainty};
use std::fmt;

/// Kinds that effects have without a catalog.
pub const KINDS: &[&str] = &[
    "branch",
    "cloud",
    "cluster",
    "completion",
    "container",
    "database",
    "environment",
    "file",
    "group",
    "history",
    "host",
    "infrastructure",
    "kernel",
    "log",
    "machine",
    "mail",
    "method",
    "model",
    "mount",
    "network",
    "package",
    "person",
    "process",
    "prompt",
    "record",
    "remote",
    "repository",
    "resource",
    "role",
    "roots",
    "schedule",
    "schema",
    "service",
    "stash",
    "table",
    "tag",
    "task",
    "tool",
    "url",
    "user",
];
/// A method of a protocol that this version does not know. Nothing but its name covers it, not even `*`.
const METHOD: &str = "method";
const WORKSPACE: &str = "${workspace}";

/// An effect in the action that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The effect.
    pub effect: &'a ActionEffect,
    /// Upstream server.
    pub server: Option<&'a str>,
    /// Name of the tool; `None` when the action is no tool call.
    pub tool: Option<&'a str>,
    /// Absolute path of the folder that the agent works in.
    pub workspace: Option<&'a str>,
}

/// A pattern over resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePattern {
    text: String,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Any,
    Tool { server: Glob, tool: Glob },
    File { in_workspace: bool, segments: Vec<Segment> },
    Host(Glob),
    Mail(Glob),
    Other { kind: String, id: Glob },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of segments, none included.
    Any,
    /// One segment.
    One(Glob),
}

/// A pattern that can match nothing, or is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` {problem}")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it, and what to write instead.
    pub problem: String,
}

impl ResourcePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is malformed or could never match, with what to write instead.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let form = form(text).map_err(|problem| PatternError { pattern: text.to_owned(), problem })?;
        Ok(Self { text: text.to_owned(), form })
    }

    /// Whether it covers the resource of an effect.
    pub fn matches(&self, target: &Target<'_>) -> bool {
        let resource = &target.effect.resource;
        let certain = !matches!(target.effect.certainty, Certainty::Unprovable | Certainty::Unknown);
        match &self.form {
            Form::Other { kind, id } if kind == METHOD && resource.kind == METHOD => {
                resource.id.as_deref().is_some_and(|text| id.matches(text))
            }
            _ if resource.kind == METHOD => false,
            Form::Any => true,
            Form::Tool { server, tool } => match (target.server, target.tool) {
                (Some(on), Some(name)) => server.matches(on) && tool.matches(name),
                _ => false,
            },
            _ if !certain => false,
            Form::File { in_workspace, segments } => {
                let path = resource.path.as_deref().filter(|_| resource.kind == "file");
                path.is_some_and(|path| file_matches(*in_workspace, segments, path, target.workspace))
            }
            Form::Host(glob) => {
                let host = resource.host.as_deref().filter(|_| resource.kind != "mail");
                host.is_some_and(|host| glob.matches(host))
            }
            Form::Mail(glob) => {
                let address = resource.id.as_deref().filter(|_| resource.kind == "mail");
                address.is_some_and(|address| glob.matches(&address.to_lowercase()))
            }
            Form::Other { kind, id } => {
                *kind == resource.kind && resource.id.as_deref().is_some_and(|text| id.matches(text))
            }
        }
    }

    /// Whether some arguments of this tool could lead to a resource that it covers.
    pub fn may_match_tool(&self, on: Option<&str>, name: Option<&str>) -> bool {
        match (&self.form, on, name) {
            (Form::Tool { server, tool }, Some(on), Some(name)) => server.matches(on) && tool.matches(name),
            (Form::Tool { .. }, _, _) => false,
            _ => true,
        }
    }

    /// The kind of resource that it speaks of; `None` for `*`.
    pub fn kind(&self) -> Option<&str> {
        match &self.form {
            Form::Any => None,
            Form::Tool { .. } => Some("tool"),
            Form::File { .. } => Some("file"),
            Form::Host(_) => Some("host"),
            Form::Mail(_) => Some("mail"),
            Form::Other { kind, .. } => Some(kind),
        }
    }

    /// The name of the server that it speaks of, when it names exactly one.
    pub fn server(&self) -> Option<String> {
        match &self.form {
            Form::Tool { server, .. } if server.is_literal() => Some(server.to_string()),
            _ => None,
        }
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn form(text: &str) -> Result<Form, String> {
    if text == "*" {
        return Ok(Form::Any);
    }
    let (kind, rest) = text
        .split_once(':')
        .ok_or("is not a pattern; write `*` or `KIND:GLOB`, such as `file:/home/me/**` or `host:*.example.com`")?;
    if rest.is_empty() {
        return Err(format!("names nothing; for every resource of the kind write `{kind}:*`"));
    }
    match kind {
        "file" => file_form(rest),
        "host" => host_form(rest),
        "mail" if rest.contains('@') || rest == "*" => Ok(Form::Mail(Glob::new(&rest.to_lowercase()))),
        "mail" => Err(format!("can match no address; write `mail:*@{rest}` for everybody there")),
        "tool" => match rest.split_once('/') {
            Some((server, tool)) if !server.is_empty() && !tool.is_empty() => {
                Ok(Form::Tool { server: Glob::new(server), tool: Glob::new(tool) })
            }
            _ => Err(format!("lacks the server; write `tool:SERVER/{rest}` or `tool:*/{rest}`")),
        },
        "url" => Err("is not offered, because one page has many URLs; write `host:` and the host's name".to_owned()),
        _ if !kind.is_empty()
            && kind.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c)) =>
        {
            Ok(Form::Other { kind: kind.to_owned(), id: Glob::new(rest) })
        }
        _ => Err("has a kind that no resource can have; kinds are lower-case words".to_owned()),
    }
}

fn file_form(rest: &str) -> Result<Form, String> {
    let (in_workspace, path) = match rest.strip_prefix(WORKSPACE) {
        Some(below) => (true, below),
        None => (false, rest),
    };
    if path.contains("${") {
        return Err(format!(
            "has a placeholder in the middle; `{WORKSPACE}` is the only one and stands at the beginning"
        ));
    }
    if rest == "*" || rest == "**" {
        return Ok(Form::File { in_workspace: false, segments: vec![Segment::Any] });
    }
    if !(path.starts_with('/') || in_workspace && path.is_empty()) {
        return Err(format!("is not absolute, and paths are; begin with `/` or `{WORKSPACE}/`"));
    }
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "" if path == "/" => {}
            "" | "." | ".." => {
                return Err("can match no path: paths have no `.`, `..`, `//` or `/` at the end".to_owned());
            }
            "**" => segments.push(Segment::Any),
            _ if segment.contains("**") => {
                return Err("has `**` beside other characters; `**` stands alone between slashes".to_owned());
            }
            _ => segments.push(Segment::One(Glob::new(segment))),
        }
    }
    Ok(Form::File { in_workspace, segments })
}

fn host_form(rest: &str) -> Result<Form, String> {
    let host = rest.to_lowercase();
    if host.contains(['/', '@', ' ', '[']) || host.ends_with('.') {
        return Err(
            "can match no host; write the bare name, such as `host:*.example.com`, without scheme and path".to_owned()
        );
    }
    let is_ipv6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    if host.contains(':') && !is_ipv6 {
        return Err("has a port, and hosts are matched without; leave it out".to_owned());
    }
    Ok(Form::Host(Glob::new(&host)))
}

fn file_matches(in_workspace: bool, segments: &[Segment], path: &str, workspace: Option<&str>) -> bool {
    let below = if in_workspace {
        let Some(base) = workspace.map(|base| normalise(base, None)).filter(|base| base.certain) else { return false };
        let base = if base.text == "/" { "" } else { base.text.as_str() };
        match path.strip_prefix(base) {
            Some(below) if below.is_empty() || below.starts_with('/') => below,
            _ => return false,
        }
    } else {
        path
    };
    let names: Vec<&str> = below.split('/').filter(|name| !name.is_empty()).collect();
    segments_match(segments, &names)
}

// As in `glob.rs`: only the last `**` is retried.
fn segments_match(pattern: &[Segment], names: &[&str]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(name) = names.get(n) {
        match pattern.get(p) {
            Some(Segment::Any) => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(Segment::One(glob)) if glob.matches(name) => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    p = after;
                    n = from + 1;
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|segment| *segment == Segment::Any))
}
