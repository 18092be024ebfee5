//! Interpreters: shells, whose text we read; others, whose code we do not.

use crate::shell::found::Many;
use crate::shell::options::{self, Act};
use crate::shell::run::Call;
use crate::shell::walk::Shell;
use crate::shell::word::Text;
use holdshort_model::Verb;

/// `sh`, `bash`, `zsh`: with `-c` the text, with an operand a script, else whatever stands at its input.
pub(super) fn shell(shell: &mut Shell, call: &Call<'_>) {
    let mut text = false;
    let mut args = call.args.iter();
    while let Some(arg) = args.next() {
        match arg.text.as_str() {
            "--" | "-" => {}
            "--version" | "--help" => return,
            "--norc" | "--noprofile" | "--login" | "--posix" | "--verbose" | "--restricted" => {}
            "-o" | "+o" | "-O" | "+O" => {
                args.next();
            }
            long if long.starts_with("--") => {
                shell.found.unprovable(call.name);
                args.next();
            }
            short if short.starts_with(['-', '+']) => {
                text |= short.contains('c');
                if short.contains(['s', 'i']) {
                    shell.found.unprovable(call.name);
                }
                if short.ends_with(['o', 'O']) {
                    args.next();
                }
            }
            code if text => {
                let code = code.to_owned();
                shell.nested(&code);
                return;
            }
            _ => {
                shell.found.file(Verb::Read, arg, &shell.cwd, Many::Each);
                shell.found.execute(call.name);
                if arg.is_open() || arg.text.starts_with("/dev/") || arg.text.starts_with("/proc/") {
                    shell.found.unprovable(call.name);
                }
                return;
            }
        }
    }
    shell.found.unprovable(call.name);
    if let Some(input) = call.input {
        shell.nested(&input.text);
    }
}

/// `python`, `node`, `perl`: code in an option or at the input is not read; a script is a file that runs.
pub(super) fn interpreter(shell: &mut Shell, call: &Call<'_>) {
    if call.options.has(Act::Looks) {
        return;
    }
    shell.found.execute(call.name);
    // `perl -le code`, `perl -F -e code`: letters that take a value on some versions and not on others hide the one with
    // code from a table. Any letter of it before the script counts.
    let before = call.args.len().saturating_sub(call.options.operands.len());
    if call.args.iter().take(before).any(|arg| options::may_run(call.table, &arg.text)) {
        shell.found.unprovable(call.name);
        return;
    }
    // The option with code has said it already; the operands are the code's.
    if call.options.has(Act::Runs) || call.options.has(Act::Own) {
        return;
    }
    match call.options.operands.first() {
        Some(script)
            if script.text != "-" && !script.text.starts_with("/dev/") && !script.text.starts_with("/proc/") =>
        {
            shell.found.file(Verb::Read, script, &shell.cwd, Many::Each);
        }
        _ => shell.found.unprovable(call.name),
    }
}

/// `awk 'program' files`.
pub(super) fn awk(shell: &mut Shell, call: &Call<'_>) {
    let mut files = call.options.operands.as_slice();
    if !call.options.has(Act::Runs) {
        let Some((program, rest)) = files.split_first() else { return };
        files = rest;
        if awk_acts(&program.text) {
            shell.found.unprovable(call.name);
        }
    }
    // `name=value` among the files is an assignment.
    let files: Vec<Text> = files.iter().filter(|file| !file.text.contains('=')).cloned().collect();
    shell.found.files(Verb::Read, &files, &shell.cwd, Many::Each);
}

// Whether a program may run, read or write something besides its input. `>` after `print` writes; before, it compares.
fn awk_acts(program: &str) -> bool {
    let bare = program.replace("||", "");
    let prints = bare.find("print").and_then(|at| bare.get(at..)).unwrap_or_default().replace(">=", "");
    bare.contains(['|', '@'])
        || prints.contains('>')
        || ["system", "getline", "close", "fflush"].iter().any(|word| bare.contains(word))
}

/// `sed 'script' files`.
pub(super) fn sed(shell: &mut Shell, call: &Call<'_>) {
    let scripts: Vec<&Text> =
        call.options.given.iter().filter(|given| given.act == Act::Pattern).map(|given| &given.value).collect();
    let mut files = call.options.operands.as_slice();
    let mut first = None;
    let from_operands = scripts.is_empty() && !call.options.has(Act::Runs);
    if let Some((script, rest)) = files.split_first().filter(|_| from_operands) {
        first = Some(script);
        files = rest;
    }
    for script in scripts.into_iter().chain(first) {
        let mut reader = Sed { rest: &script.text, runs: false, files: Vec::new() };
        reader.script();
        if reader.runs {
            shell.found.unprovable(call.name);
        }
        for (verb, path) in reader.files {
            shell.found.file(verb, &script.part(&path), &shell.cwd, Many::Each);
        }
    }
    shell.found.files(Verb::Read, files, &shell.cwd, Many::Each);
    if call.options.has(Act::InPlace) {
        shell.found.files(Verb::Write, files, &shell.cwd, Many::Each);
    }
}

// A sed script, as far as it takes to know whether it runs or opens something. What it does not know, runs.
struct Sed<'a> {
    rest: &'a str,
    runs: bool,
    files: Vec<(Verb, String)>,
}

impl Sed<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        Some(c)
    }

    fn script(&mut self) {
        while let Some(c) = self.next() {
            match c {
                _ if c.is_whitespace()
                    || c.is_ascii_digit()
                    || matches!(c, ';' | '{' | '}' | '!' | ',' | '~' | '+' | '$') => {}
                // Flags of an address; `I` and `M` are no commands.
                'I' | 'M' => {}
                '#' => self.to(&['\n']),
                '/' => self.delimited('/'),
                '\\' => {
                    if let Some(delimiter) = self.next() {
                        self.delimited(delimiter);
                    }
                }
                's' => self.substitute(),
                'y' => {
                    if let Some(delimiter) = self.next() {
                        self.delimited(delimiter);
                        self.delimited(delimiter);
                    }
                }
                'd' | 'D' | 'p' | 'P' | 'h' | 'H' | 'g' | 'G' | 'x' | 'n' | 'N' | '=' | 'z' | 'F' | 'q' | 'Q' | 'l'
                | 'L' => {}
                'b' | 't' | 'T' | ':' => self.to(&[';', '\n', '}']),
                'a' | 'i' | 'c' => self.text(),
                'e' => {
                    self.runs = true;
                    self.to(&['\n']);
                }
                'w' | 'W' => self.file(Verb::Write),
                'r' | 'R' => self.file(Verb::Read),
                _ => self.runs = true,
            }
        }
    }

    fn substitute(&mut self) {
        let Some(delimiter) = self.next() else { return };
        self.delimited(delimiter);
        self.delimited(delimiter);
        while let Some(c) = self.rest.chars().next() {
            match c {
                'g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9' => {
                    self.next();
                }
                'w' => {
                    self.next();
                    self.file(Verb::Write);
                }
                'e' => {
                    self.runs = true;
                    self.next();
                }
                _ => return,
            }
        }
    }

    // Some versions end a bracket expression first; reading it as text ends it too early, and then what follows is
    // no command that is known: it runs.
    fn delimited(&mut self, delimiter: char) {
        while let Some(c) = self.next() {
            if c == '\\' {
                self.next();
            } else if c == delimiter {
                return;
            }
        }
    }

    fn to(&mut self, ends: &[char]) {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        self.rest = self.rest.get(end..).unwrap_or_default();
    }

    fn text(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => {
                    self.next();
                }
                '\n' => return,
                _ => {}
            }
        }
    }

    fn file(&mut self, verb: Verb) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let path = self.rest.get(..end).unwrap_or_default().trim();
        self.files.push((verb, path.to_owned()));
        self.rest = self.rest.get(end..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sed_scripts() {
        for (script, runs, files) in [
            ("s/a/b/g", false, 0),
            ("s|a|b|;s,c,d,2", false, 0),
            ("1,5p", false, 0),
            ("/x\\/y/!d", false, 0),
            ("$!N;P;D", false, 0),
            ("/a/,/b/{s/x/y/;p}", false, 0),
            ("a\\\nrm -rf e", false, 0),
            (":a;N;$!ba;s/\\n/ /g", false, 0),
            ("s/a/b/e", true, 0),
            ("1e rm -rf x", true, 0),
            ("e", true, 0),
            ("s/a/b/w out", false, 1),
            ("w out", false, 1),
            ("r in", false, 1),
            ("s/a/b/ge", true, 0),
        ] {
            let mut sed = Sed { rest: script, runs: false, files: Vec::new() };
            sed.script();
            assert_eq!((sed.runs, sed.files.len()), (runs, files), "{script}");
        }
    }

    #[test]
    fn awk_programs() {
        for (program, acts) in [
            ("{print $1}", false),
            ("$3 > 5 {print $1}", false),
            ("$1 == 2 || $2 == 3", false),
            ("NR>=2{print}", false),
            ("BEGIN{system(\"id\")}", true),
            ("{print > \"f\"}", true),
            ("{print | \"sh\"}", true),
            ("{\"date\" | getline d}", true),
            ("@load \"filefuncs\"", true),
        ] {
            assert_eq!(awk_acts(program), acts, "{program}");
        }
    }
}
