//! The tree of a text: every command in it, wherever it stands.

use crate::path::normalise;
use crate::shell::found::{Cwd, Found, Many};
use crate::shell::word::{self, Text};
use crate::shell::{SHELL_COMMANDS_MAX, SHELL_DEPTH_MAX, ShellContext, ShellReading, env, parse, table};
use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, FunctionDefinition,
    IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, Pipeline, SeparatorOperator, SimpleCommand,
};
use holdshort_model::Verb;

/// A text that is being read.
pub(super) struct Shell {
    pub(super) found: Found,
    pub(super) cwd: Cwd,
    /// How deep in texts inside texts.
    pub(super) depth: usize,
    commands: usize,
    functions: Vec<String>,
    /// What the command before the `|` writes, and what the present one writes, as far as the text says.
    piped: Option<Text>,
    output: Option<Text>,
}

/// One simple command.
pub(super) struct Simple<'a> {
    /// The program and its arguments.
    pub(super) words: &'a [Text],
    /// What a here-document or here-string gives it to read.
    pub(super) input: Option<&'a Text>,
}

impl Shell {
    pub(super) fn new(context: &ShellContext<'_>) -> Self {
        let workspace = context.workspace.filter(|path| path.starts_with('/'));
        let start = match context.cwd {
            Some(cwd) => Some(normalise(cwd, workspace)).filter(|path| path.certain).map(|path| path.text),
            None => workspace.map(str::to_owned),
        };
        let cwd = Cwd { path: start, certain: true };
        Self { found: Found::default(), cwd, depth: 0, commands: 0, functions: Vec::new(), piped: None, output: None }
    }

    pub(super) fn finish(self) -> ShellReading {
        self.found.finish()
    }

    /// Reads a text that a shell would run, at a depth of texts inside texts.
    pub(super) fn text(&mut self, text: &str, depth: usize) {
        if parse::is_deceiving(text) {
            self.found.unprovable("sh");
        }
        if depth > SHELL_DEPTH_MAX {
            self.found.unprovable("sh");
            return;
        }
        let outer = std::mem::replace(&mut self.depth, depth);
        match parse::parse(text) {
            Some(program) => program.complete_commands.iter().for_each(|list| self.list(list)),
            None => self.pieces(text),
        }
        self.depth = outer;
    }

    // Some shell may read what the parser does not: the pieces that could be commands count as well.
    fn pieces(&mut self, text: &str) {
        self.found.unprovable("sh");
        self.cwd.certain = false;
        for piece in parse::pieces(text) {
            let program = parse::parse(piece);
            program.iter().flat_map(|program| &program.complete_commands).for_each(|list| self.list(list));
        }
    }

    /// Reads a text that a shell of its own would run.
    pub(super) fn nested(&mut self, text: &str) {
        let depth = self.depth + 1;
        self.apart(|shell| shell.text(text, depth));
    }

    // What a subshell does to its folder stays there.
    fn apart(&mut self, read: impl FnOnce(&mut Self)) {
        let before = self.cwd.clone();
        read(self);
        self.cwd = before;
    }

    // What may run not at all or several times: whoever comes after does not know which folder it is in.
    fn perhaps(&mut self, read: impl FnOnce(&mut Self)) {
        let before = self.cwd.clone();
        read(self);
        if self.cwd != before {
            self.found.unprovable("cd");
            self.cwd.certain = false;
        }
    }

    fn list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            match item.1 {
                SeparatorOperator::Async => self.apart(|shell| shell.and_or(&item.0)),
                SeparatorOperator::Sequence => self.and_or(&item.0),
            }
        }
    }

    fn and_or(&mut self, list: &AndOrList) {
        let before = self.cwd.clone();
        let mut guarded = false;
        self.pipeline(&list.first);
        for more in &list.additional {
            match more {
                AndOr::And(pipeline) => self.pipeline(pipeline),
                AndOr::Or(pipeline) => {
                    let after = std::mem::replace(&mut self.cwd, before.clone());
                    self.pipeline(pipeline);
                    // `cd x || exit`: whoever comes after is in `x`.
                    guarded = ends(pipeline);
                    let certain = after.certain && (guarded || after == before);
                    self.cwd = Cwd { certain, ..after };
                }
            }
        }
        // The `cd` of `cd x; rm y` may fail, and then `rm` runs here.
        if self.cwd.path != before.path && !guarded {
            self.cwd.certain = false;
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        if pipeline.timed.is_some() {
            self.found.program("time");
        }
        match pipeline.seq.as_slice() {
            [only] => self.command(only),
            many => {
                for command in many {
                    self.piped = self.output.take();
                    self.apart(|shell| shell.command(command));
                }
            }
        }
        (self.piped, self.output) = (None, None);
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound, redirects) => {
                self.compound(compound);
                self.redirects(redirects.iter().flat_map(|list| &list.0));
            }
            Command::Function(function) => self.function(function),
            Command::ExtendedTest(test, redirects) => {
                let text = word::read_expanding(&test.expr.to_string());
                self.expansions(&text, "[[");
                self.redirects(redirects.iter().flat_map(|list| &list.0));
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) {
        match compound {
            CompoundCommand::Arithmetic(arithmetic) => self.arithmetic(&arithmetic.expr.value),
            CompoundCommand::ArithmeticForClause(clause) => {
                for part in [&clause.initializer, &clause.condition, &clause.updater].into_iter().flatten() {
                    self.arithmetic(&part.value);
                }
                self.perhaps(|shell| shell.list(&clause.body.list));
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(subshell) => self.apart(|shell| shell.list(&subshell.list)),
            CompoundCommand::ForClause(clause) => {
                if env::is_dangerous(&clause.variable_name) {
                    self.found.unprovable("for");
                }
                for value in clause.values.iter().flatten() {
                    let text = word::read(&value.value);
                    self.expansions(&text, "for");
                }
                self.perhaps(|shell| shell.list(&clause.body.list));
            }
            CompoundCommand::CaseClause(clause) => {
                let value = word::read(&clause.value.value);
                self.expansions(&value, "case");
                for case in &clause.cases {
                    for pattern in &case.patterns {
                        let pattern = word::read(&pattern.value);
                        self.expansions(&pattern, "case");
                    }
                    self.perhaps(|shell| case.cmd.iter().for_each(|list| shell.list(list)));
                }
            }
            CompoundCommand::IfClause(clause) => self.perhaps(|shell| {
                shell.list(&clause.condition);
                shell.list(&clause.then);
                for part in clause.elses.iter().flatten() {
                    part.condition.iter().for_each(|list| shell.list(list));
                    shell.list(&part.body);
                }
            }),
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => self.perhaps(|shell| {
                shell.list(&clause.0);
                shell.list(&clause.1.list);
            }),
            CompoundCommand::Coprocess(process) => {
                self.found.program("coproc");
                self.apart(|shell| shell.command(&process.body));
            }
        }
    }

    // The body counts when it is defined. A call has arguments that it does not know, which its `$1` says.
    fn function(&mut self, function: &FunctionDefinition) {
        let name = function.fname.value.clone();
        if table::is_known(&name) || word::read(&name).text != name {
            self.found.unprovable(&name);
        }
        self.functions.push(name);
        self.perhaps(|shell| {
            shell.compound(&function.body.0);
            shell.redirects(function.body.1.iter().flat_map(|list| &list.0));
        });
    }

    fn arithmetic(&mut self, expression: &str) {
        let text = word::read_expanding(expression);
        self.expansions(&text, "((");
        // `a[$(..)]` and variables that hold expressions: arithmetic runs code.
        if expression.contains(|c: char| c.is_alphabetic()) {
            self.found.unprovable("((");
        }
    }

    /// What an expansion runs, and that its result is not known.
    pub(super) fn expansions(&mut self, text: &Text, program: &str) {
        for inside in &text.inside {
            self.nested(inside);
        }
        if text.dynamic || text.brace {
            self.found.unprovable(program);
        }
    }

    fn simple(&mut self, simple: &SimpleCommand) {
        self.commands += 1;
        if self.commands > SHELL_COMMANDS_MAX {
            self.found.unprovable("sh");
            return;
        }
        let mut words: Vec<Text> = Vec::new();
        words.extend(simple.word_or_name.iter().map(|name| word::read(&name.value)));
        let program = words.first().map_or("sh", |name| name.text.as_str()).to_owned();
        let mut input: Option<Text> = self.piped.take();
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                Item::AssignmentWord(_, assignment) => {
                    let text = word::read(&assignment.value);
                    self.assignment(&text, &program);
                }
                other => self.item(other, &mut words, &mut input),
            }
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.item(item, &mut words, &mut input);
        }
        for text in &words {
            self.expansions(text, &program);
        }
        match words.first() {
            // `time -p rm`: to this parser `time` is a word of the language, to other shells a program with options.
            Some(first) if first.text.starts_with('-') => {
                self.found.unprovable(&program);
                words.insert(0, Text::plain("time"));
                self.run(&Simple { words: &words, input: input.as_ref() }, 0);
            }
            Some(_) => self.run(&Simple { words: &words, input: input.as_ref() }, 0),
            None => {}
        }
        self.output = output(&words, input);
    }

    fn item(&mut self, item: &Item, words: &mut Vec<Text>, input: &mut Option<Text>) {
        match item {
            Item::Word(raw) | Item::AssignmentWord(_, raw) => words.push(word::read(&raw.value)),
            Item::ProcessSubstitution(_, subshell) => {
                self.apart(|shell| shell.list(&subshell.list));
                self.found.unprovable(words.first().map_or("sh", |name| name.text.as_str()));
                words.push(Text::unknown("<()"));
            }
            Item::IoRedirect(redirect) => {
                if let Some(text) = self.redirect(redirect) {
                    *input = Some(text);
                }
            }
        }
    }

    /// `NAME=VALUE` before a command, alone, or as an argument of `export` and `env`.
    pub(super) fn assignment(&mut self, text: &Text, program: &str) {
        self.expansions(text, program);
        let name = text.text.split(['=', '[', '+']).next().unwrap_or_default();
        if env::is_dangerous(name) {
            self.found.unprovable(program);
        }
    }

    fn redirects<'a>(&mut self, redirects: impl Iterator<Item = &'a IoRedirect>) {
        for redirect in redirects {
            self.redirect(redirect);
        }
    }

    // The text that the command reads, if the redirection holds it.
    fn redirect(&mut self, redirect: &IoRedirect) -> Option<Text> {
        match redirect {
            IoRedirect::File(_, kind, target) => self.redirect_file(kind, target),
            IoRedirect::OutputAndError(raw, _) => self.open(&[Verb::Write], &word::read(&raw.value)),
            IoRedirect::HereString(_, raw) => {
                let text = word::read(&raw.value);
                self.expansions(&text, "<<<");
                return Some(text);
            }
            IoRedirect::HereDocument(_, document) => {
                let raw = &document.doc.value;
                let text = if document.requires_expansion { word::read_expanding(raw) } else { Text::plain(raw) };
                // A variable in it changes what is written, not where. A substitution runs.
                for inside in &text.inside {
                    self.nested(inside);
                    self.found.unprovable("<<");
                }
                return Some(text);
            }
        }
        None
    }

    fn redirect_file(&mut self, kind: &IoFileRedirectKind, target: &IoFileRedirectTarget) {
        let verbs: &[Verb] = match kind {
            IoFileRedirectKind::Read | IoFileRedirectKind::DuplicateInput => &[Verb::Read],
            IoFileRedirectKind::ReadAndWrite => &[Verb::Read, Verb::Write],
            _ => &[Verb::Write],
        };
        match target {
            IoFileRedirectTarget::Filename(raw) => self.open(verbs, &word::read(&raw.value)),
            IoFileRedirectTarget::Duplicate(raw) => {
                let text = word::read(&raw.value);
                let is_descriptor = !text.text.is_empty() && text.text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
                if !is_descriptor {
                    self.open(verbs, &text);
                }
            }
            IoFileRedirectTarget::Fd(_) => {}
            IoFileRedirectTarget::ProcessSubstitution(_, subshell) => {
                self.apart(|shell| shell.list(&subshell.list));
                self.found.unprovable("sh");
            }
        }
    }

    fn open(&mut self, verbs: &[Verb], target: &Text) {
        self.expansions(target, "sh");
        // Bash connects when these are opened.
        let network = target.text.strip_prefix("/dev/tcp/").or_else(|| target.text.strip_prefix("/dev/udp/"));
        if let Some(rest) = network {
            self.found.host(Verb::Send, &target.part(rest.split('/').next().unwrap_or_default()));
            self.found.unprovable("sh");
        }
        for verb in verbs {
            self.found.file(*verb, target, &self.cwd, Many::Each);
        }
    }

    /// Whether the text defines a function of this name.
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function == name)
    }
}

// What a command writes, where that stands in the text: `echo 'rm -rf x' | sh`.
fn output(words: &[Text], input: Option<Text>) -> Option<Text> {
    let (name, args) = words.split_first()?;
    match name.text.as_str() {
        "echo" | "printf" => {
            let words: Vec<&str> =
                args.iter().map(|word| word.text.as_str()).filter(|word| !word.starts_with('-')).collect();
            Some(Text::plain(&words.join(" ")))
        }
        "cat" | "tee" if args.is_empty() => input,
        _ => None,
    }
}

fn ends(pipeline: &Pipeline) -> bool {
    let [Command::Simple(simple)] = pipeline.seq.as_slice() else { return false };
    simple.word_or_name.as_ref().is_some_and(|name| matches!(name.value.as_str(), "exit" | "return"))
}
