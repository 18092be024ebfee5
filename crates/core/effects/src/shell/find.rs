//! `find` and `fd`: searches that delete, write and run.

use crate::shell::found::Many;
use crate::shell::options::Act;
use crate::shell::run::Call;
use crate::shell::walk::{Shell, Simple};
use crate::shell::word::Text;
use holdshort_model::Verb;

/// Tests and actions without a value.
const ALONE: &[&str] = &[
    "(",
    ")",
    "!",
    ",",
    "-not",
    "-a",
    "-and",
    "-o",
    "-or",
    "-print",
    "-print0",
    "-prune",
    "-quit",
    "-ls",
    "-true",
    "-false",
    "-empty",
    "-executable",
    "-readable",
    "-writable",
    "-nouser",
    "-nogroup",
    "-daystart",
    "-depth",
    "-d",
    "-follow",
    "-mount",
    "-xdev",
    "-noleaf",
    "-warn",
    "-nowarn",
    "-ignore_readdir_race",
    "-noignore_readdir_race",
    "-help",
    "--help",
    "-version",
    "--version",
];
/// Tests and actions with one value.
const VALUED: &[&str] = &[
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-iwholename",
    "-regex",
    "-iregex",
    "-regextype",
    "-type",
    "-xtype",
    "-size",
    "-mtime",
    "-mmin",
    "-atime",
    "-amin",
    "-ctime",
    "-cmin",
    "-newer",
    "-anewer",
    "-cnewer",
    "-newermt",
    "-newerct",
    "-newerat",
    "-perm",
    "-user",
    "-group",
    "-uid",
    "-gid",
    "-links",
    "-inum",
    "-samefile",
    "-lname",
    "-ilname",
    "-fstype",
    "-maxdepth",
    "-mindepth",
    "-printf",
    "-used",
    "-context",
];

/// `find PATHS EXPRESSION`.
pub(super) fn run(shell: &mut Shell, call: &Call<'_>) {
    let starts = |text: &str| text.starts_with('-') || matches!(text, "(" | "!" | ")" | ",");
    let mut args = call.args.iter();
    let mut roots: Vec<Text> = Vec::new();
    let mut first = None;
    while let Some(arg) = args.next() {
        match arg.text.as_str() {
            "-H" | "-L" | "-P" | "-O0" | "-O1" | "-O2" | "-O3" => {}
            "-D" => {
                args.next();
            }
            text if starts(text) => {
                first = Some(arg);
                break;
            }
            _ => roots.push(arg.clone()),
        }
    }
    if roots.is_empty() {
        roots.push(Text::plain("."));
    }
    shell.found.files(Verb::Read, &roots, &shell.cwd, Many::Each);
    let mut expression = first.into_iter().chain(args);
    while let Some(arg) = expression.next() {
        match arg.text.as_str() {
            "-delete" => shell.found.files(Verb::Delete, &roots, &shell.cwd, Many::Unbounded),
            "-exec" | "-execdir" | "-ok" | "-okdir" => {
                let ends = |arg: &&Text| !matches!(arg.text.as_str(), ";" | "+");
                let words: Vec<Text> = expression.by_ref().take_while(ends).map(found).collect();
                each(shell, call, &words);
            }
            "-fprint" | "-fprint0" | "-fls" => {
                write(shell, expression.next());
            }
            "-fprintf" => {
                write(shell, expression.next());
                expression.next();
            }
            "-files0-from" => {
                shell.found.unprovable(call.name);
                expression.next();
            }
            text if VALUED.contains(&text) => {
                expression.next();
            }
            text if ALONE.contains(&text) && !arg.is_open() => {}
            _ => shell.found.unprovable(call.name),
        }
    }
}

/// `fd PATTERN PATHS -x COMMAND`.
pub(super) fn fd(shell: &mut Shell, call: &Call<'_>) {
    let runs = call.args.iter().position(|arg| matches!(arg.text.as_str(), "-x" | "-X" | "--exec" | "--exec-batch"));
    let roots = match call.options.operands.get(1..) {
        Some(roots) if !roots.is_empty() && runs.is_none() => roots.to_vec(),
        _ => vec![Text::plain(".")],
    };
    shell.found.files(Verb::Read, &roots, &shell.cwd, Many::Each);
    if let Some(at) = runs {
        let mut words: Vec<Text> = call.args.iter().skip(at + 1).map(found).collect();
        words.push(Text::unknown("*"));
        each(shell, call, &words);
    } else if call.options.has(Act::Own) {
        shell.found.unprovable(call.name);
    }
}

fn found(arg: &Text) -> Text {
    if arg.text.contains("{}") { Text::unknown(&arg.text.replace("{}", "*")) } else { arg.clone() }
}

fn each(shell: &mut Shell, call: &Call<'_>, words: &[Text]) {
    shell.found.unprovable(call.name);
    if !words.is_empty() {
        shell.run(&Simple { words, input: None }, call.level + 1);
    }
}

fn write(shell: &mut Shell, target: Option<&Text>) {
    if let Some(target) = target {
        shell.found.file(Verb::Write, target, &shell.cwd, Many::Each);
    }
}
