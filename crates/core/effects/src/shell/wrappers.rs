//! Programs that run another program: taken off, so that what they run is read like anything else.

use crate::path::normalise;
use crate::shell::env;
use crate::shell::found::{Cwd, Many};
use crate::shell::options::Act;
use crate::shell::run::Call;
use crate::shell::walk::{Shell, Simple};
use crate::shell::word::Text;
use holdshort_model::Verb;

/// Runs its operands after the first `skip`.
pub(super) fn run(shell: &mut Shell, call: &Call<'_>, skip: usize) {
    if call.options.has(Act::Looks) {
        return;
    }
    let rest = call.options.operands.get(skip..).unwrap_or_default();
    inner(shell, call, rest);
}

/// `env` and programs like it: assignments, then a program.
pub(super) fn assigning(shell: &mut Shell, call: &Call<'_>) {
    let operands = &call.options.operands;
    let assigns = |text: &&Text| text.text.contains('=') || text.text == "-";
    let count = operands.iter().take_while(assigns).count();
    for text in operands.iter().take(count) {
        shell.assignment(text, call.name);
    }
    if operands.len() == count && call.name == "env" {
        shell.found.thing(Verb::Read, "environment", None, Many::Unbounded, None);
        return;
    }
    inner(shell, call, operands.get(count..).unwrap_or_default());
}

/// `npx`: a package that may have to be fetched, and is a program by its name.
pub(super) fn package(shell: &mut Shell, call: &Call<'_>) {
    shell.found.execute(call.name);
    inner(shell, call, &call.options.operands);
}

/// `sudo` and programs like it: with somebody else's rights.
pub(super) fn sudo(shell: &mut Shell, call: &Call<'_>) {
    shell.found.execute(call.name);
    if call.options.named("e") {
        shell.found.files(Verb::Write, &call.options.operands, &shell.cwd, Many::Each);
        return;
    }
    if call.options.operands.is_empty() && !call.options.has(Act::Looks) {
        shell.found.unprovable(call.name);
    }
    assigning(shell, call);
}

/// `xargs`: the operands come from somewhere else, and may be options.
pub(super) fn xargs(shell: &mut Shell, call: &Call<'_>) {
    shell.found.unprovable(call.name);
    let mark = call.options.value(Act::Own).map(|mark| if mark.text.is_empty() { "{}" } else { mark.text.as_str() });
    let place = |word: &Text| match mark {
        Some(mark) if word.text.contains(mark) => Text::unknown(&word.text.replace(mark, "*")),
        _ => word.clone(),
    };
    let mut words: Vec<Text> = call.options.operands.iter().map(place).collect();
    words.push(Text::unknown("*"));
    if words.len() > 1 {
        inner(shell, call, &words);
    }
}

/// `watch` and `parallel`: the operands together are shell text.
pub(super) fn joined(shell: &mut Shell, call: &Call<'_>) {
    let words: Vec<&str> = call.options.operands.iter().map(|word| word.text.as_str()).collect();
    shell.nested(&words.join(" "));
}

/// `eval`: text that is read twice.
pub(super) fn eval(shell: &mut Shell, call: &Call<'_>) {
    shell.found.unprovable(call.name);
    let words: Vec<&str> = call.args.iter().map(|word| word.text.as_str()).collect();
    let (text, depth) = (words.join(" "), shell.depth + 1);
    shell.text(&text, depth);
}

/// `trap 'text' SIGNAL`: text for later.
pub(super) fn trap(shell: &mut Shell, call: &Call<'_>) {
    shell.found.unprovable(call.name);
    if let Some(text) = call.options.operands.first() {
        shell.nested(&text.text);
    }
}

/// `exec`: without a program it only moves descriptors.
pub(super) fn exec(shell: &mut Shell, call: &Call<'_>) {
    if !call.options.operands.is_empty() {
        inner(shell, call, &call.options.operands);
    }
}

/// `cd`, `pushd`, `popd`: the folder of whatever follows.
pub(super) fn cd(shell: &mut Shell, call: &Call<'_>) {
    let target = call.args.iter().find(|arg| !matches!(arg.text.as_str(), "-P" | "-L" | "-e" | "--"));
    let plain =
        target.filter(|target| call.name != "popd" && !target.is_open() && !target.text.starts_with(['-', '+']));
    let path = plain.map(|target| normalise(&target.text, shell.cwd.path.as_deref()));
    shell.cwd = match path {
        Some(path) if path.certain => Cwd { path: Some(path.text), certain: shell.cwd.certain },
        _ => Cwd { path: None, certain: false },
    };
}

/// `export` and `declare`: assignments as arguments.
pub(super) fn declare(shell: &mut Shell, call: &Call<'_>) {
    for operand in &call.options.operands {
        shell.assignment(operand, call.name);
        // `declare -a 'x=($(..))'` is read twice.
        if operand.text.contains(['$', '`']) {
            shell.found.unprovable(call.name);
        }
    }
    names(shell, call);
}

/// Builtins that take names of variables: a subscript in one is arithmetic, and that runs substitutions; and the value of
/// `PATH` may come from anywhere.
pub(super) fn names(shell: &mut Shell, call: &Call<'_>) {
    let acts = |text: &str| text.contains('[') && text.contains(['$', '`']) || env::is_dangerous(text);
    if call.args.iter().any(|arg| acts(&arg.text)) {
        shell.found.unprovable(call.name);
    }
}

fn inner(shell: &mut Shell, call: &Call<'_>, words: &[Text]) {
    let folder = call.options.value(Act::Folder).cloned();
    let before = shell.cwd.clone();
    if let Some(folder) = folder {
        let path = normalise(&folder.text, shell.cwd.path.as_deref());
        let certain = path.certain && !folder.is_open() && shell.cwd.certain;
        shell.cwd = Cwd { path: path.certain.then_some(path.text), certain };
    }
    if words.is_empty() {
        shell.found.execute(call.name);
    } else {
        shell.run(&Simple { words, input: call.input }, call.level + 1);
    }
    shell.cwd = before;
}
