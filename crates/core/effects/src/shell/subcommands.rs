//! Programs with sub-commands: package managers, containers, clusters, clouds, services.
//!
//! Data: a row names sub-commands (alternatives with `|`, words with spaces, `*` at either end of a word for any rest) and
//! what they do. The first row that matches counts; a sub-command that no row has runs the program.

use crate::shell::found::Many;
use crate::shell::options::Act;
use crate::shell::run::Call;
use crate::shell::walk::{Shell, Simple};
use crate::shell::word::Text;
use crate::shell::{net, table};
use holdshort_model::Verb::{self, Delete, Execute, Grant, Read, Send, Write};

/// What follows the words of a sub-command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The things it acts on, one each.
    Each,
    /// Nothing that says how much.
    All,
    /// A type and then things of it, or `type/name`; a type alone is all of them.
    Typed,
    /// A program with its arguments.
    Program,
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command(
    pub(super) &'static str,
    pub(super) &'static [Verb],
    pub(super) &'static str,
    pub(super) Rest,
);

/// `killall`, `pkill`: every process of a name.
pub(super) fn by_name(shell: &mut Shell, call: &Call<'_>) {
    for name in &call.options.operands {
        shell.found.thing(Delete, "process", Some(name), Many::Unbounded, Some(false));
    }
    if call.options.operands.is_empty() {
        shell.found.thing(Delete, "process", None, Many::Unbounded, Some(false));
    }
}

/// What a program with sub-commands does.
pub(super) fn run(shell: &mut Shell, call: &Call<'_>, commands: &[Command]) {
    let operands = &call.options.operands;
    let found = commands.iter().find_map(|command| matching(command.0, operands).map(|words| (command, words)));
    let Some((Command(_, verbs, kind, rest), words)) = found else {
        shell.found.execute(call.name);
        return;
    };
    let rest_of = operands.get(words..).unwrap_or_default();
    let things: Vec<Text> = rest_of.iter().filter(|thing| !thing.text.starts_with('-')).cloned().collect();
    for verb in *verbs {
        on_things(shell, call, *verb, kind, *rest, &things);
    }
    // `aws s3 sync --delete`
    if call.options.has(Act::Deletes) {
        shell.found.thing(Delete, kind, things.last(), Many::Unbounded, Some(false));
    }
    if *rest == Rest::Program {
        let last = words.checked_sub(1).and_then(|at| operands.get(at));
        inside(shell, call, kind, after(call.args, last));
    }
}

// The arguments behind the sub-command as they are: options among them are the inner program's.
fn after<'a>(args: &'a [Text], word: Option<&Text>) -> &'a [Text] {
    let at = args.iter().position(|arg| Some(arg) == word);
    at.and_then(|at| args.get(at + 1..)).unwrap_or_default()
}

// `poetry run COMMAND`, `docker exec -u root NAME COMMAND`, `docker run -v a:b IMAGE COMMAND`.
fn inside(shell: &mut Shell, call: &Call<'_>, kind: &str, args: &[Text]) {
    let mut at = 0;
    while let Some(option) = args.get(at).filter(|arg| arg.text.starts_with('-') && kind == "container") {
        let valued = matches!(
            option.text.as_str(),
            "-e" | "-u" | "-w" | "--env" | "--user" | "--workdir" | "--env-file" | "--index"
        );
        at += if valued { 2 } else { 1 };
    }
    let words = args.get(at..).unwrap_or_default();
    let words = words.strip_prefix(&[Text::plain("--")]).unwrap_or(words);
    if kind != "container" {
        if words.is_empty() {
            shell.found.unprovable(call.name);
        } else {
            shell.run(&Simple { words, input: call.input }, call.level + 1);
        }
        return;
    }
    shell.found.unprovable(call.name);
    // `run` has too many options for a table: the first program that is known is taken for the command.
    let is_run = call.options.operands.iter().take(2).any(|operand| operand.text == "run");
    let known = |word: &&Text| table::is_known(word.text.rsplit('/').next().unwrap_or_default());
    let skip = if is_run { words.iter().skip(1).position(|word| known(&word)) } else { Some(0) };
    let command = skip.and_then(|skip| words.get(skip + 1..)).unwrap_or_default();
    let command = command
        .iter()
        .position(|word| word.text == "--")
        .map_or(command, |at| command.get(at + 1..).unwrap_or_default());
    if let Some(place) = words.first().filter(|_| !command.is_empty()) {
        let simple = Simple { words: command, input: call.input };
        net::there(shell, place, |there| there.run(&simple, call.level + 1));
    }
}

fn on_things(shell: &mut Shell, call: &Call<'_>, verb: Verb, kind: &str, rest: Rest, things: &[Text]) {
    let back = (verb == Delete).then_some(false);
    let all = call.options.has(Act::Many);
    match rest {
        Rest::Program => shell.found.execute(call.name),
        Rest::All => shell.found.thing(verb, kind, things.first(), Many::Unbounded, back),
        Rest::Each if kind == "process" => shell.found.execute(call.name),
        Rest::Each if things.is_empty() => {
            let many = if verb == Delete { Many::Unbounded } else { Many::Each };
            shell.found.thing(verb, kind, None, many, back);
        }
        Rest::Each => {
            for thing in things {
                shell.found.thing(verb, kind, Some(thing), if all { Many::Unbounded } else { Many::Each }, back);
            }
        }
        Rest::Typed => match things.split_first() {
            Some((of, names)) if !names.is_empty() && !all && !of.text.contains(['/', ',']) => {
                for name in names {
                    shell.found.thing(
                        verb,
                        kind,
                        Some(&name.part(&format!("{}/{}", of.text, name.text))),
                        Many::Each,
                        back,
                    );
                }
            }
            Some((first, _)) if first.text.contains('/') && !all => {
                for thing in things {
                    shell.found.thing(verb, kind, Some(thing), Many::Each, back);
                }
            }
            first => shell.found.thing(verb, kind, first.map(|(of, _)| of), Many::Unbounded, back),
        },
    }
}

// How many operands the words of the row take, when they match.
fn matching(row: &'static str, operands: &[Text]) -> Option<usize> {
    row.split('|').find_map(|alternative| {
        let mut count = 0;
        for word in alternative.split(' ') {
            let operand = operands.get(count)?;
            if operand.is_open() || !fits(word, &operand.text) {
                return None;
            }
            count += 1;
        }
        Some(count)
    })
}

fn fits(pattern: &str, word: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => word.ends_with(end),
        (None, Some(start)) => word.starts_with(start),
        (None, None) => pattern == word,
    }
}

const R: &[Verb] = &[Read];
const W: &[Verb] = &[Write];
const D: &[Verb] = &[Delete];
const X: &[Verb] = &[Execute];
const S: &[Verb] = &[Send];
const G: &[Verb] = &[Grant];
/// Something comes from elsewhere and is put here.
const WX: &[Verb] = &[Write, Execute];
const DX: &[Verb] = &[Delete, Execute];
const SW: &[Verb] = &[Send, Write];

pub(super) const NPM: &[Command] = &[
    Command(
        "ls|list|view|info|outdated|audit|why|explain|search|help|docs|root|prefix|bin|ping|whoami|fund|licenses|-v",
        R,
        "package",
        Rest::Each,
    ),
    // Scripts of packages run when they are installed.
    Command("install|i|add|ci|update|upgrade|up|link|rebuild|dedupe", WX, "package", Rest::Each),
    Command("uninstall|remove|rm|un|r|prune", DX, "package", Rest::Each),
    Command("cache clean|store prune", D, "package", Rest::All),
    Command("unpublish|deprecate", &[Delete, Send], "package", Rest::Each),
    Command("publish", S, "package", Rest::All),
    Command("owner|access|token|team|org|adduser|login", G, "package", Rest::All),
    Command("exec|dlx|x", X, "process", Rest::Program),
];
pub(super) const PIP: &[Command] = &[
    Command("list|show|freeze|check|index|debug|help|tree|cache dir|cache info|cache list", R, "package", Rest::Each),
    Command("install|download|wheel|add|sync|lock|update|upgrade", WX, "package", Rest::Each),
    Command("uninstall|remove", DX, "package", Rest::Each),
    Command("cache purge|cache remove|cache clean", D, "package", Rest::All),
    Command("publish|upload", S, "package", Rest::All),
    Command("run", X, "process", Rest::Program),
];
pub(super) const CARGO: &[Command] = &[
    Command(
        "tree|metadata|search|info|locate-project|pkgid|version|help|read-manifest|verify-project",
        R,
        "package",
        Rest::Each,
    ),
    Command("add|update|generate-lockfile|new|init|fmt|vendor|fetch", W, "package", Rest::Each),
    Command("install", WX, "package", Rest::Each),
    Command("uninstall|remove|rm", D, "package", Rest::Each),
    Command("clean", D, "package", Rest::All),
    Command("publish|yank", S, "package", Rest::All),
    Command("owner|login", G, "package", Rest::All),
];
pub(super) const APT: &[Command] = &[
    Command(
        "list|show|search|policy|depends|rdepends|info|provides|files|stats|changelog|madison",
        R,
        "package",
        Rest::Each,
    ),
    Command(
        "install|upgrade|full-upgrade|dist-upgrade|reinstall|update|add|build-dep|tap|link|download",
        WX,
        "package",
        Rest::Each,
    ),
    Command("remove|purge|erase|del|uninstall|rm|untap", DX, "package", Rest::Each),
    Command("autoremove|autoclean|clean|cleanup", DX, "package", Rest::All),
];
pub(super) const DOCKER: &[Command] = &[
    Command(
        "ps|images|logs|inspect|version|info|stats|top|port|diff|history|search|events",
        R,
        "container",
        Rest::Each,
    ),
    Command(
        "compose ps|compose logs|compose config|compose images|compose ls|compose top|compose port",
        R,
        "container",
        Rest::Each,
    ),
    Command("* ls|* list|* inspect|* history|* logs|* show", R, "container", Rest::Each),
    Command(
        "system prune|volume prune|image prune|container prune|network prune|builder prune|buildx prune",
        D,
        "container",
        Rest::All,
    ),
    Command("compose down|compose rm|compose kill|compose stop|stack rm|swarm leave|down", D, "container", Rest::All),
    Command(
        "rm|rmi|kill|stop|volume rm|image rm|container rm|network rm|container kill|container stop|secret rm|config rm",
        D,
        "container",
        Rest::Each,
    ),
    Command("service rm|node rm|context rm|volume remove|image remove|network remove", D, "container", Rest::Each),
    Command("exec", X, "container", Rest::Program),
    Command("container exec|compose exec|run|container run|compose run", X, "container", Rest::Program),
    Command("push|image push|compose push", S, "container", Rest::Each),
    Command("login|logout", G, "container", Rest::Each),
    Command(
        "pull|image pull|compose pull|load|import|tag|rename|commit|volume create|network create|pause|unpause|update",
        W,
        "container",
        Rest::Each,
    ),
    Command("cp|save|export", &[Read, Write], "container", Rest::Each),
];
pub(super) const KUBECTL: &[Command] = &[
    Command(
        "get|describe|logs|top|explain|version|api-resources|api-versions|cluster-info|diff|events|wait|config view|config get-*|config current-context|auth can-i|auth whoami|rollout status|rollout history",
        R,
        "cluster",
        Rest::Each,
    ),
    Command("delete|drain", D, "cluster", Rest::Typed),
    Command(
        "scale|autoscale|apply|create|patch|edit|label|annotate|set *|rollout *|expose|taint|cordon|uncordon|config *",
        W,
        "cluster",
        Rest::Each,
    ),
    Command("replace", &[Delete, Write], "cluster", Rest::Typed),
    Command("exec", X, "container", Rest::Program),
    Command("run|debug|attach|cp|port-forward|proxy", X, "cluster", Rest::All),
    Command("certificate *|auth *", G, "cluster", Rest::All),
];
pub(super) const HELM: &[Command] = &[
    Command(
        "list|ls|status|get *|history|show *|search *|template|lint|version|env|repo list|dependency list",
        R,
        "cluster",
        Rest::Each,
    ),
    Command("uninstall|delete|del|un", D, "cluster", Rest::All),
    Command("install|upgrade|rollback", WX, "cluster", Rest::Each),
    Command("push", S, "cluster", Rest::Each),
    Command("repo *|pull|fetch|dependency *|package|create", W, "cluster", Rest::Each),
];
pub(super) const TERRAFORM: &[Command] = &[
    Command(
        "plan|validate|show|output|version|providers|graph|fmt|state list|state show|workspace list|workspace show|preview|stack ls|stack output",
        R,
        "infrastructure",
        Rest::Each,
    ),
    Command("destroy|down|apply-destroy|workspace delete|stack rm", D, "infrastructure", Rest::All),
    Command("state rm|taint|untaint|force-unlock", D, "infrastructure", Rest::Each),
    // An apply may take away anything.
    Command("apply|up|refresh", &[Write, Delete], "infrastructure", Rest::All),
    Command("import|state mv|state push|workspace new|workspace select|get|init", W, "infrastructure", Rest::Each),
];
pub(super) const CLOUD: &[Command] = &[
    Command("s3 rm|s3 rb|s3api delete-*", D, "cloud", Rest::All),
    Command("s3 mv|storage mv", &[Send, Write, Delete], "cloud", Rest::Each),
    Command("s3 sync|s3 cp|storage cp|storage rsync", SW, "cloud", Rest::Each),
    Command("s3 ls|s3 presign|storage ls", R, "cloud", Rest::Each),
    Command(
        "iam *|sts *|secretsmanager put-*|kms *|projects add-iam-policy-binding|role assignment|ad *|auth *|login|logout|configure",
        G,
        "cloud",
        Rest::All,
    ),
    Command(
        "* delete-*|* terminate-*|* remove-*|* deregister-*|* purge-*|* destroy-*|* stop-*|* cancel-*|* revoke-*|* detach-*",
        D,
        "cloud",
        Rest::All,
    ),
    Command(
        "* describe-*|* list-*|* get-*|* batch-get-*|* head-*|* search-*|* lookup-*|* query|* scan|logs tail",
        R,
        "cloud",
        Rest::Each,
    ),
    Command("* authorize-*|* attach-*|* grant-*|* add-permission*", G, "cloud", Rest::All),
    Command(
        "* delete|* * delete|* * * delete|* remove|* * remove|* purge|* * purge|* stop|* * stop|* deallocate|apps:destroy|*:destroy|*:delete|*:remove|delete|destroy|remove",
        D,
        "cloud",
        Rest::All,
    ),
    Command(
        "* list|* * list|* * * list|* show|* * show|* describe|* * describe|* * * describe|* get|config list|account show|version|info|help",
        R,
        "cloud",
        Rest::Each,
    ),
    Command(
        "* create*|* put-*|* update*|* modify-*|* run-*|* start*|* set*|* * create|* * update|* deploy|deploy",
        W,
        "cloud",
        Rest::All,
    ),
];
pub(super) const SYSTEMCTL: &[Command] = &[
    Command("status|show|cat|list-*|is-*|get-default|help", R, "service", Rest::Each),
    Command("stop|disable|mask|kill|isolate|delete", D, "service", Rest::Each),
    Command(
        "start|restart|reload|enable|reenable|unmask|try-restart|reload-or-restart|daemon-reload|daemon-reexec|reset-failed|preset|edit|set-default|set-property|link|revert",
        WX,
        "service",
        Rest::Each,
    ),
    Command(
        "poweroff|reboot|halt|suspend|hibernate|kexec|rescue|emergency|default|exit|switch-root",
        DX,
        "service",
        Rest::All,
    ),
    // `service NAME ACTION`, `launchctl`.
    Command("* status|list|print", R, "service", Rest::Each),
    Command("* stop|unload|bootout|remove", D, "service", Rest::All),
];
pub(super) const GH: &[Command] = &[
    Command(
        "* list|* view|* status|* diff|* checks|search *|browse|status|version|help|auth status|label list",
        R,
        "repository",
        Rest::Each,
    ),
    Command(
        "* delete|* * delete|* archive|repo rename|* delete-asset|* remove|cache delete",
        D,
        "repository",
        Rest::Each,
    ),
    Command("auth *|ssh-key *|gpg-key *|secret *|variable *|repo deploy-key|* add-member", G, "repository", Rest::All),
    Command("api", &[Read, Write, Delete], "repository", Rest::All),
    Command(
        "* create|* comment|* merge|* close|* edit|* review|* reopen|* ready|* upload|* lock|* transfer|* pin|* enable|* disable|* sync|* set-default|* rerun|* run|* cancel",
        SW,
        "repository",
        Rest::Each,
    ),
    Command("* checkout|* clone|* download|* fork", &[Read, Write], "repository", Rest::Each),
];
