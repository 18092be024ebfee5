//! `git`: what a sub-command does to the repository, the working tree and other machines.

use crate::shell::files::in_folder;
use crate::shell::found::{Cwd, Many};
use crate::shell::net;
use crate::shell::options::{self, Act, Options};
use crate::shell::run::Call;
use crate::shell::walk::Shell;
use crate::shell::word::Text;
use holdshort_model::Verb;

/// Before the sub-command. Whatever changes the configuration can name a program.
pub(super) const GLOBAL: &str = "+C=:c c=:o exec-path=?:x git-dir=:x work-tree=:x config-env=:x super-prefix=:x p,paginate:x P,no-pager \
    namespace= bare no-replace-objects literal-pathspecs glob-pathspecs noglob-pathspecs icase-pathspecs no-optional-locks v,version \
    h,help html-path man-path info-path list-cmds= no-advice no-lazy-fetch attr-source=";

/// Settings that name no program, no file and no address.
const HARMLESS: &[&str] = &[
    "user.",
    "color.",
    "advice.",
    "core.quotepath",
    "core.autocrlf",
    "core.filemode",
    "core.abbrev",
    "core.longpaths",
    "core.ignorecase",
    "init.defaultbranch",
    "pull.rebase",
    "pull.ff",
    "push.default",
    "push.autosetupremote",
    "commit.gpgsign",
    "tag.gpgsign",
    "gc.auto",
    "diff.renames",
    "diff.algorithm",
    "merge.conflictstyle",
    "log.date",
    "fetch.prune",
    "rebase.autostash",
    "rerere.enabled",
    "http.lowspeedlimit",
    "http.lowspeedtime",
    "http.postbuffer",
    "protocol.version",
    "column.ui",
];

/// Sub-commands that only look.
const LOOKS: &[&str] = &[
    "status",
    "log",
    "show",
    "diff",
    "blame",
    "annotate",
    "grep",
    "ls-files",
    "rev-parse",
    "describe",
    "shortlog",
    "cat-file",
    "ls-tree",
    "name-rev",
    "merge-base",
    "for-each-ref",
    "count-objects",
    "var",
    "version",
    "help",
    "whatchanged",
    "cherry",
    "rev-list",
    "show-ref",
    "show-branch",
    "check-ignore",
    "check-attr",
    "fsck",
    "range-diff",
    "diff-tree",
    "diff-index",
    "diff-files",
    "verify-commit",
    "verify-tag",
    "check-ref-format",
    "check-mailmap",
    "get-tar-commit-id",
    "patch-id",
    "symbolic-ref",
    "bugreport",
    "difftool",
];
/// Sub-commands that change the repository or the working tree, and take nothing away for good.
const CHANGES: &[&str] = &[
    "add",
    "commit",
    "merge",
    "rebase",
    "cherry-pick",
    "revert",
    "am",
    "apply",
    "stash",
    "tag",
    "branch",
    "switch",
    "checkout",
    "init",
    "worktree",
    "submodule",
    "notes",
    "mv",
    "restore",
    "reset",
    "remote",
    "reflog",
    "gc",
    "prune",
    "repack",
    "update-index",
    "update-ref",
    "sparse-checkout",
    "format-patch",
    "archive",
    "bundle",
    "maintenance",
    "pack-refs",
    "rerere",
    "write-tree",
    "read-tree",
    "hash-object",
    "commit-tree",
    "replace",
    "config",
    "bisect",
    "lfs",
    "clean",
    "rm",
    "stage",
    "mktag",
    "fast-export",
    "checkout-index",
    "mergetool",
];
/// Sub-commands that talk to another machine.
const TALKS: &[&str] = &["push", "fetch", "pull", "clone", "ls-remote", "send-email", "request-pull"];

/// Options with values, and those that run, write or take away. Unknown ones change how things look or what is chosen.
const OPTIONS: &str = "x,exec=:s upload-pack,receive-pack=:x open-files-in-pager,O=?:x ext-diff:x textconv:x extcmd=:x output=:w \
    tool= m,message= F,file=:r author= date= n= C= c,config=:o b=:o B=:o f,force,force-with-lease,force-if-includes:o d,delete:o D:o \
    hard:o mirror:o prune,prune-tags,expire,expire-unreachable=?:o mixed soft keep r:o p,patch a,all,tags A,u,cached l,list,get,get-all,get-regexp,show-origin:l q,quiet \
    v,verbose dry-run abort,continue,skip,quit:l since= until= grep= format,pretty= depth= branch= s S,staged:o W,worktree:o \
    origin= template=:x reference= separate-git-dir=:w local global system unset,unset-all,add,replace-all,edit,e:o no-edit amend \
    onto= strategy=:x X,strategy-option= t,track j,jobs= o,push-option= root-directory= pathspec-from-file=:r tree-filter,index-filter,msg-filter,env-filter,commit-filter,parent-filter,tag-name-filter,setup=:x stat numstat oneline graph decorate name-only name-status no-verify";

/// `git [OPTIONS] SUB-COMMAND ARGUMENTS`.
pub(super) fn run(shell: &mut Shell, call: &Call<'_>) {
    for given in call.options.given.iter().filter(|given| given.act == Act::Own) {
        setting(shell, &given.value);
    }
    let folder = in_folder(shell, call.options.value(Act::Folder));
    let Some((command, args)) = call.options.operands.split_first() else { return };
    let outer = std::mem::replace(&mut shell.cwd, folder);
    let options = options::read(OPTIONS, args);
    sub(shell, call, command, &options, args);
    shell.cwd = outer;
}

fn sub(shell: &mut Shell, call: &Call<'_>, command: &Text, options: &Options, args: &[Text]) {
    let name = command.text.as_str();
    if options.has(Act::Runs) || args.iter().any(|arg| arg.text.contains("::")) && TALKS.contains(&name) {
        // `ext::sh -c ..` is an address to git.
        shell.found.unprovable(call.name);
    }
    for given in &options.given {
        match given.act {
            Act::Shell if matches!(name, "rebase" | "archive" | "ls-remote" | "fetch" | "clone") => {
                shell.found.unprovable(call.name);
                shell.nested(&given.value.text);
            }
            Act::Reads if matches!(name, "commit" | "tag" | "notes" | "add") => {
                shell.found.file(Verb::Read, &given.value, &shell.cwd, Many::Each);
            }
            Act::Writes => shell.found.file(Verb::Write, &given.value, &shell.cwd, Many::Each),
            _ => {}
        }
    }
    // `git diff --no-index /etc/passwd x`: paths outside the repository.
    let outside = |operand: &&Text| operand.text.starts_with(['/', '~']) || operand.text.starts_with("../");
    let outside: Vec<Text> = options.operands.iter().filter(outside).cloned().collect();
    if !TALKS.contains(&name) {
        shell.found.files(Verb::Read, &outside, &shell.cwd, Many::Each);
    }
    if LOOKS.contains(&name) {
        shell.found.file(Verb::Read, &Text::plain("."), &shell.cwd, Many::Each);
        if name == "difftool" {
            shell.found.unprovable(call.name);
        }
    } else if TALKS.contains(&name) {
        talk(shell, name, options, args);
    } else if CHANGES.contains(&name) {
        change(shell, call, name, options, args);
    } else {
        // An alias, a program `git-NAME`, or a sub-command that rewrites history.
        shell.found.unprovable(call.name);
        if matches!(name, "filter-branch" | "filter-repo") {
            shell.found.thing(Verb::Delete, "repository", Some(&here(&shell.cwd)), Many::Unbounded, Some(false));
        }
    }
}

fn setting(shell: &mut Shell, setting: &Text) {
    let key = setting.text.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let harmless = HARMLESS.iter().any(|known| key == *known || known.ends_with('.') && key.starts_with(known));
    if !harmless {
        shell.found.unprovable("git");
    }
}

fn change(shell: &mut Shell, call: &Call<'_>, name: &str, options: &Options, args: &[Text]) {
    let first = options.operands.first().map_or("", |operand| operand.text.as_str());
    let paths = after_dashes(args);
    let gone = Some(false);
    let here = here(&shell.cwd);
    match name {
        "config" if options.has(Act::Looks) || options.operands.len() < 2 && !options.named("unset") => return,
        "config" => {
            if let Some(key) = options.operands.iter().find(|operand| operand.text.contains('.')) {
                setting(shell, key);
            }
            if options.named("unset") {
                setting(shell, &Text::plain(first));
            }
        }
        "rm" => shell.found.files(
            Verb::Delete,
            &options.operands,
            &shell.cwd,
            if options.named("r") { Many::Unbounded } else { Many::Each },
        ),
        "clean" => shell.found.file(Verb::Delete, &Text::plain("."), &shell.cwd, Many::Unbounded),
        "reset" if options.named("hard") => {
            shell.found.file(Verb::Delete, &Text::plain("."), &shell.cwd, Many::Unbounded)
        }
        // Changes that were not committed are gone.
        "checkout" | "switch" if options.named("f") || first == "." => {
            shell.found.file(Verb::Delete, &Text::plain("."), &shell.cwd, Many::Unbounded)
        }
        "checkout" if !paths.is_empty() => discard(shell, &paths),
        "restore" if !options.named("S") || options.named("W") => discard(shell, &options.operands),
        "branch" if options.named("d") || options.named("D") => things(shell, &options.operands, "branch"),
        "tag" if options.named("d") => things(shell, &options.operands, "tag"),
        "stash" if first == "drop" => shell.found.thing(Verb::Delete, "stash", Some(&here), Many::Each, gone),
        "stash" if first == "clear" => shell.found.thing(Verb::Delete, "stash", Some(&here), Many::Unbounded, gone),
        "worktree" if matches!(first, "remove" | "prune") => {
            shell.found.files(Verb::Delete, options.operands.get(1..).unwrap_or_default(), &shell.cwd, Many::Unbounded);
        }
        "reflog" if matches!(first, "expire" | "delete") => {
            shell.found.thing(Verb::Delete, "repository", Some(&here), Many::Unbounded, gone);
        }
        "gc" | "prune" | "update-ref" if name == "prune" || options.named("d") || options.named("prune") => {
            shell.found.thing(Verb::Delete, "repository", Some(&here), Many::Unbounded, gone);
        }
        "bisect" if first == "run" => {
            shell.found.unprovable(call.name);
            let words: Vec<&str> = args.iter().skip(1).map(|word| word.text.as_str()).collect();
            shell.nested(&words.join(" "));
        }
        "submodule" if first == "foreach" => {
            shell.found.unprovable(call.name);
            let text: Vec<&str> =
                args.iter().skip(1).map(|word| word.text.as_str()).filter(|word| !word.starts_with("--")).collect();
            shell.nested(&text.join(" "));
        }
        "mergetool" | "lfs" => shell.found.unprovable(call.name),
        "submodule" => shell.found.unprovable(call.name),
        "remote" if matches!(first, "add" | "set-url") => {
            if let Some(url) = options.operands.last() {
                shell.found.host(Verb::Send, &net::remote(url).unwrap_or_else(|| url.clone()));
            }
        }
        _ => {}
    }
    shell.found.file(Verb::Write, &Text::plain("."), &shell.cwd, Many::Each);
}

fn discard(shell: &mut Shell, paths: &[Text]) {
    let many = if paths.iter().any(|path| path.text == "." || path.text.ends_with('/')) {
        Many::Unbounded
    } else {
        Many::Each
    };
    shell.found.files(Verb::Delete, paths, &shell.cwd, many);
}

fn things(shell: &mut Shell, ids: &[Text], kind: &str) {
    for id in ids {
        shell.found.thing(Verb::Delete, kind, Some(id), Many::Each, Some(false));
    }
}

fn talk(shell: &mut Shell, name: &str, options: &Options, args: &[Text]) {
    let place = options.operands.iter().find(|operand| is_place(operand));
    let remote = options.operands.first().cloned().unwrap_or_else(|| Text::plain("origin"));
    match place {
        Some(place) => {
            let host = net::remote(place);
            match host {
                Some(host) => {
                    shell.found.host(Verb::Send, &host);
                    if name != "push" {
                        shell.found.host(Verb::Read, &host);
                    }
                }
                None => shell.found.file(Verb::Read, place, &shell.cwd, Many::Each),
            }
        }
        None => shell.found.thing(Verb::Send, "remote", Some(&remote), Many::Each, None),
    }
    match name {
        "clone" => {
            // `-u` is `--upload-pack` here.
            if args.iter().any(|arg| arg.text.starts_with("-u")) {
                shell.found.unprovable("git");
            }
            let target = options.operands.get(1).cloned();
            let named = options
                .operands
                .first()
                .and_then(|url| url.text.trim_end_matches(".git").rsplit(['/', ':']).next().map(|name| url.part(name)));
            let target = target.or(named).unwrap_or_else(|| Text::plain("."));
            shell.found.file(Verb::Write, &target, &shell.cwd, Many::Each);
            for given in options.given.iter().filter(|given| given.name == "c") {
                setting(shell, &given.value);
            }
        }
        "push" => {
            let forced = |text: &str| text.starts_with('+') || text.starts_with(':');
            let destroys = options.named("f")
                || options.named("d")
                || options.named("mirror")
                || options.named("prune")
                || args.iter().any(|arg| forced(&arg.text));
            if destroys {
                shell.found.thing(Verb::Delete, "remote", Some(&remote), Many::Unbounded, Some(false));
            }
        }
        "fetch" | "pull" => shell.found.file(Verb::Write, &Text::plain("."), &shell.cwd, Many::Each),
        _ => {}
    }
}

fn is_place(text: &Text) -> bool {
    text.text.contains("://")
        || text.text.contains('@') && text.text.contains(':')
        || text.text.starts_with(['/', '.', '~'])
}

fn here(cwd: &Cwd) -> Text {
    Text::plain(cwd.path.as_deref().unwrap_or("."))
}

fn after_dashes(args: &[Text]) -> Vec<Text> {
    args.iter().skip_while(|arg| arg.text != "--").skip(1).cloned().collect()
}
