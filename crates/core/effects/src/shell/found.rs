//! What has been found so far: effects, each resource once with the strictest reading.

use crate::roles::{self, RESOURCES_MAX};
use crate::shell::ShellReading;
use crate::shell::word::Text;
use holdshort_model::{ActionEffect, Certainty, Resource, Verb};

/// Most effects of one text. A command that has more is not one that anybody reads before they agree to it.
const EFFECTS_MAX: usize = 512;

/// The effects of a text, and the names of what it runs.
#[derive(Debug, Default)]
pub(super) struct Found {
    effects: Vec<ActionEffect>,
    programs: Vec<String>,
    unprovable: bool,
    truncated: bool,
}

/// How many things an effect touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Many {
    /// One for each operand.
    Each,
    /// Nobody can say.
    Unbounded,
}

impl Found {
    /// A program is run, whatever else it does.
    pub(super) fn program(&mut self, name: &str) {
        if !self.programs.iter().any(|known| known == name) && self.programs.len() < EFFECTS_MAX {
            self.programs.push(name.to_owned());
        }
    }

    /// It runs something that this text does not tell.
    pub(super) fn unprovable(&mut self, program: &str) {
        self.unprovable = true;
        self.push(Verb::Execute, process(program), None, Some(1), Certainty::Unprovable);
    }

    /// It runs the program, and what that does is the program's business.
    pub(super) fn execute(&mut self, program: &str) {
        self.push(Verb::Execute, process(program), None, Some(1), Certainty::Derived);
    }

    /// A file, as the shell or a program opens it.
    pub(super) fn file(&mut self, verb: Verb, path: &Text, cwd: &Cwd, many: Many) {
        self.files(verb, std::slice::from_ref(path), cwd, many);
    }

    /// Files that a program takes as operands.
    pub(super) fn files(&mut self, verb: Verb, paths: &[Text], cwd: &Cwd, many: Many) {
        for path in paths.iter().take(RESOURCES_MAX) {
            if is_device(&path.text) && !path.is_open() {
                continue;
            }
            let place = roles::file(&path.text, cwd.path.as_deref());
            let relative = !path.text.starts_with('/');
            let certain = place.certain && !path.is_open() && (cwd.certain || !relative);
            let certainty = if certain { Certainty::Derived } else { Certainty::Unprovable };
            let unbounded = many == Many::Unbounded || path.is_open();
            let count = if unbounded { None } else { Some(1) };
            // Content that was there is gone after a write as after a deletion; only a deletion says so by its name.
            let reversible = (verb == Verb::Delete).then_some(false);
            self.unprovable |= !certain;
            self.push(verb, place.resource, reversible, count, certainty);
        }
        if let Some(rest) = paths.len().checked_sub(RESOURCES_MAX).filter(|rest| *rest > 0) {
            let resource = Resource { kind: "file".to_owned(), ..Resource::default() };
            let count = if many == Many::Unbounded { None } else { u64::try_from(rest).ok() };
            self.unprovable = true;
            self.push(verb, resource, None, count, Certainty::Unprovable);
        }
    }

    /// A host or URL.
    pub(super) fn host(&mut self, verb: Verb, name: &Text) {
        let place = roles::host(&name.text);
        let certain = place.certain && !name.is_open();
        let certainty = if certain { Certainty::Derived } else { Certainty::Unprovable };
        self.unprovable |= !certain;
        self.push(verb, place.resource, None, Some(1), certainty);
    }

    /// Anything else by its kind and id; without an id, nobody can say which.
    pub(super) fn thing(&mut self, verb: Verb, kind: &str, id: Option<&Text>, many: Many, reversible: Option<bool>) {
        let open = id.is_some_and(Text::is_open);
        let id_text = id.map(|id| id.text.clone());
        let resource = Resource { kind: kind.to_owned(), id: id_text, ..Resource::default() };
        let count = if many == Many::Unbounded || open { None } else { Some(1) };
        self.unprovable |= open;
        let certainty = if open { Certainty::Unprovable } else { Certainty::Derived };
        self.push(verb, resource, reversible, count, certainty);
    }

    /// Effects that another parser found inside the text.
    pub(super) fn extend(&mut self, effects: Vec<ActionEffect>) {
        for effect in effects {
            self.unprovable |= matches!(effect.certainty, Certainty::Unprovable | Certainty::Unknown);
            self.push(effect.verb, effect.resource, effect.reversible, effect.count, effect.certainty);
        }
    }

    fn push(&mut self, verb: Verb, resource: Resource, back: Option<bool>, count: Option<u64>, certainty: Certainty) {
        let known = self.effects.iter_mut().find(|known| known.verb == verb && known.resource == resource);
        if let Some(known) = known {
            known.count = known.count.zip(count).map(|(one, other)| one.max(other));
            known.certainty = known.certainty.max(certainty);
            known.reversible = if known.reversible == back { back } else { Some(false) };
        } else if self.effects.len() < EFFECTS_MAX {
            self.effects.push(ActionEffect { verb, resource, reversible: back, count, certainty });
        } else {
            self.truncated = true;
        }
    }

    /// The whole, when nothing comes any more.
    pub(super) fn finish(mut self) -> ShellReading {
        if self.truncated {
            self.unprovable = true;
            for verb in [Verb::Delete, Verb::Execute] {
                let resource = Resource { kind: "process".to_owned(), ..Resource::default() };
                let (count, certainty) = (None, Certainty::Unprovable);
                self.effects.push(ActionEffect { verb, resource, reversible: None, count, certainty });
            }
        }
        if self.effects.is_empty() {
            // `echo`, `true`, a comment: a shell runs, and that is all.
            let program = self.programs.first().map_or("sh", String::as_str).to_owned();
            self.execute(&program);
        }
        ShellReading { effects: self.effects, programs: self.programs, provable: !self.unprovable }
    }
}

fn process(program: &str) -> Resource {
    Resource { kind: "process".to_owned(), id: Some(program.to_owned()), ..Resource::default() }
}

// Opening these touches nothing that stays.
fn is_device(path: &str) -> bool {
    matches!(path, "/dev/null" | "/dev/zero" | "/dev/stdin" | "/dev/stdout" | "/dev/stderr" | "/dev/tty" | "-")
        || path.strip_prefix("/dev/fd/").is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_digit()))
}

/// The folder that relative paths stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cwd {
    /// Absolute, if anything says which.
    pub(super) path: Option<String>,
    /// Whether the command really is there: a `cd` may have failed.
    pub(super) certain: bool,
}
