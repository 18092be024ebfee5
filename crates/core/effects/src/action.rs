//! The question what an action does, and the cases of the answer.

use crate::roles::{self, Call};
use crate::script;
use crate::shell::{self, ShellContext};
use crate::{Catalog, classify, http, sql};
use holdshort_model::{ActionEffect, ActionKind, Certainty, Resource, Verb};
use serde_json::Value;

/// An action whose effects are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Kind of operation.
    pub kind: ActionKind,
    /// Upstream server.
    pub server: Option<&'a str>,
    /// Name of the tool, URI of the resource, name of the prompt, or the method.
    pub name: &'a str,
    /// The arguments; `null` asks what the tool does as such, before anybody calls it.
    pub args: &'a Value,
    /// The whole tool definition as the server gave it last, if any was seen.
    pub definition: Option<&'a Value>,
    /// Whether the configuration trusts the server: then its annotations count, else they can only tighten.
    pub trusted: bool,
    /// What the organisation declares.
    pub catalog: &'a Catalog,
    /// Absolute path of the folder that the agent works in.
    pub workspace: Option<&'a str>,
}

/// The effects of an action, in a fixed order. Empty only for actions that touch nothing.
///
/// With `args: null` each effect names the tool as its resource and counts 0: nothing is touched by being listed.
pub fn effects_of(question: &Question<'_>) -> Vec<ActionEffect> {
    let mut effects = match question.kind {
        ActionKind::ToolCall => tool_call(question),
        ActionKind::ResourceRead | ActionKind::ResourceSubscribe => {
            vec![roles::effect_on(Verb::Read, roles::uri(question.name, question.workspace), Some(1))]
        }
        ActionKind::PromptGet => vec![named(Verb::Read, "prompt", question)],
        ActionKind::Complete => vec![named(Verb::Read, "completion", question)],
        ActionKind::Sampling => vec![named(Verb::Send, "model", question)],
        ActionKind::Elicitation => vec![named(Verb::Read, "person", question)],
        ActionKind::RootsList => vec![named(Verb::Read, "roots", question)],
        ActionKind::TaskRead => vec![named(Verb::Read, "task", question)],
        ActionKind::TaskUpdate => vec![named(Verb::Write, "task", question)],
        ActionKind::CatalogList | ActionKind::Protocol => Vec::new(),
        ActionKind::ShellCommand => command(question).unwrap_or_else(|| vec![unknown(question)]),
        ActionKind::DbStatement => statement(question).unwrap_or_else(|| vec![unknown(question)]),
        ActionKind::HttpRequest => request(question).unwrap_or_else(|| vec![unknown(question)]),
        ActionKind::Unknown => vec![unknown(question)],
    };
    let tool = (question.kind == ActionKind::ToolCall).then_some(question.name);
    question.catalog.label(&mut effects, question.server, tool, question.workspace);
    effects
}

// `args.command` is the text, or the list of its words; `args.cwd` the folder.
fn command(question: &Question<'_>) -> Option<Vec<ActionEffect>> {
    // Other languages read the same words otherwise.
    let shell = question.name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    if matches!(shell.trim_end_matches(".exe"), "pwsh" | "powershell" | "cmd" | "fish" | "nu" | "csh" | "tcsh") {
        return None;
    }
    let texts = match question.args.get("command")? {
        Value::String(text) => vec![text.clone()],
        Value::Array(words) => script::of_words(&words.iter().map(Value::as_str).collect::<Option<Vec<&str>>>()?),
        _ => return None,
    };
    let context = ShellContext { workspace: question.workspace, cwd: script::folder(question.args) };
    let mut effects: Vec<ActionEffect> = Vec::new();
    for effect in texts.iter().flat_map(|text| shell::effects(text, &context)) {
        if !effects.contains(&effect) {
            effects.push(effect);
        }
    }
    Some(effects)
}

// `args.sql` is the text, `args.dialect` or the name of the server its dialect.
fn statement(question: &Question<'_>) -> Option<Vec<ActionEffect>> {
    let text = ["sql", "statement", "query"].iter().find_map(|key| question.args.get(key)?.as_str())?;
    let connector = question.args.get("dialect").and_then(Value::as_str).or(question.server).unwrap_or_default();
    Some(sql::effects(text, script::dialect(connector)))
}

// The name is the method, `args.url` the address.
fn request(question: &Question<'_>) -> Option<Vec<ActionEffect>> {
    Some(http::effects(question.name, question.args.get("url")?.as_str()?))
}

fn unknown(question: &Question<'_>) -> ActionEffect {
    let effect = named(Verb::Execute, "method", question);
    ActionEffect { count: None, certainty: Certainty::Unknown, ..effect }
}

fn tool_call(question: &Question<'_>) -> Vec<ActionEffect> {
    let server = question.server.unwrap_or_default();
    if let Some(declared) = question.catalog.effects(server, question.name, question.args, question.workspace) {
        return declared;
    }
    let classified = classify(question.name, question.definition, question.trusted);
    let call = Call { server, name: question.name, args: question.args, workspace: question.workspace };
    roles::effects(&classified, &call)
}

fn named(verb: Verb, kind: &str, question: &Question<'_>) -> ActionEffect {
    let id = match question.server {
        Some(server) => format!("{server}/{}", question.name),
        None => question.name.to_owned(),
    };
    let resource = Resource { kind: kind.to_owned(), id: Some(id), ..Resource::default() };
    ActionEffect { verb, resource, reversible: None, count: Some(1), certainty: Certainty::Derived }
}
