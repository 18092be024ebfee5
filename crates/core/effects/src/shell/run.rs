//! One simple command: the program looked up, its arguments taken apart, its effects.

use crate::path::normalise;
use crate::shell::found::Many;
use crate::shell::options::{self, Act, Options};
use crate::shell::table::{self, Does, Program};
use crate::shell::walk::{Shell, Simple};
use crate::shell::word::Text;
use crate::shell::{files, subcommands, wrappers};
use holdshort_model::Verb;

/// Programs that run programs that run programs: nobody writes more of them in one command.
const WRAPPERS_MAX: usize = 8;

/// A program that the table knows, with its arguments.
pub(super) struct Call<'a> {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// The table that its options were read by.
    pub(super) table: &'static str,
    pub(super) args: &'a [Text],
    pub(super) options: Options,
    /// What a here-document or here-string gives it to read.
    pub(super) input: Option<&'a Text>,
    pub(super) level: usize,
}

impl Shell {
    /// Reads a command whose wrappers up to `level` were taken off.
    pub(super) fn run(&mut self, simple: &Simple<'_>, level: usize) {
        let Some((name, args)) = simple.words.split_first() else { return };
        self.found.program(&name.text);
        if level > WRAPPERS_MAX || name.is_open() && !name.text.starts_with('~') {
            self.found.unprovable(&name.text);
        }
        if level > WRAPPERS_MAX {
            return;
        }
        if self.is_function(&name.text) {
            self.found.execute(&name.text);
        }
        let Some(resolved) = resolve(&name.text) else {
            self.found.execute(&name.text);
            return;
        };
        if resolved.doubtful {
            self.found.unprovable(&name.text);
        }
        let program = resolved.program;
        let options = options::read(program.options, args);
        if options.unknown && program.strict {
            self.found.unprovable(&name.text);
        }
        let call = Call { name: program.name, table: program.options, args, options, input: simple.input, level };
        self.given(&call);
        self.does(program, &call);
    }

    fn given(&mut self, call: &Call<'_>) {
        for given in &call.options.given {
            match given.act {
                Act::Reads => self.found.file(Verb::Read, &given.value, &self.cwd, Many::Each),
                Act::Writes => self.found.file(Verb::Write, &given.value, &self.cwd, Many::Each),
                Act::Runs => self.found.unprovable(call.name),
                Act::Shell => {
                    self.found.unprovable(call.name);
                    self.nested(&given.value.text);
                }
                Act::Connects => self.found.host(Verb::Send, &given.value),
                _ => {}
            }
        }
    }

    fn does(&mut self, program: &Program, call: &Call<'_>) {
        let operands = &call.options.operands;
        let many = if call.options.has(Act::Many) { Many::Unbounded } else { Many::Each };
        match program.does {
            Does::Nothing => {}
            Does::Runs => self.found.unprovable(program.name),
            Does::Execute => self.found.execute(program.name),
            Does::Read => self.found.files(Verb::Read, operands, &self.cwd, Many::Each),
            Does::List if operands.is_empty() => self.found.file(Verb::Read, &Text::plain("."), &self.cwd, Many::Each),
            Does::List => self.found.files(Verb::Read, operands, &self.cwd, Many::Each),
            Does::Pattern => files::pattern(self, call),
            Does::Write => self.found.files(Verb::Write, operands, &self.cwd, many),
            Does::Delete => self.found.files(Verb::Delete, operands, &self.cwd, many),
            Does::Copy => files::copy(self, call, Verb::Read),
            Does::Move => files::copy(self, call, Verb::Delete),
            Does::Grant => files::grant(self, call, many),
            Does::Wrap(skip) => wrappers::run(self, call, skip),
            Does::Commands(commands) => subcommands::run(self, call, commands),
            Does::Things(verb, kind) => {
                let back = (verb == Verb::Delete).then_some(false);
                for operand in operands {
                    self.found.thing(verb, kind, Some(operand), many, back);
                }
                if operands.is_empty() {
                    self.found.thing(verb, kind, None, Many::Unbounded, back);
                }
            }
            Does::Own(own) => own(self, call),
        }
    }
}

struct Resolved {
    program: &'static Program,
    /// A file of that name in a place where anybody may have put it, or a name that only some systems take for it.
    doubtful: bool,
}

// A program by the word that names it: `rm`, `/bin/rm`, `./rm`, `RM`.
fn resolve(name: &str) -> Option<Resolved> {
    if let Some(program) = table::find(name) {
        return Some(Resolved { program, doubtful: false });
    }
    let base = name.rsplit('/').next().unwrap_or(name);
    let lower = base.to_ascii_lowercase();
    let versionless = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let lower = lower.strip_suffix(".exe").unwrap_or(&lower);
    let program = table::find(lower).or_else(|| table::find(versionless))?;
    let path = normalise(name, None);
    let folder = path.text.strip_suffix(base).filter(|_| path.certain);
    let is_system = folder.is_some_and(|folder| SYSTEM.contains(&folder));
    let same = lower == base || versionless == base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(Resolved { program, doubtful: !same || name.contains('/') && !is_system })
}

const SYSTEM: &[&str] =
    &["/bin/", "/usr/bin/", "/usr/local/bin/", "/sbin/", "/usr/sbin/", "/usr/local/sbin/", "/opt/homebrew/bin/"];
