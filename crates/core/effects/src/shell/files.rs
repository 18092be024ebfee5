//! Programs that work on files in ways of their own.

use crate::path::normalise;
use crate::shell::found::{Cwd, Many};
use crate::shell::net;
use crate::shell::options::{self, Act};
use crate::shell::run::Call;
use crate::shell::walk::Shell;
use crate::shell::word::Text;
use holdshort_model::Verb;

/// `grep`: a pattern, then files.
pub(super) fn pattern(shell: &mut Shell, call: &Call<'_>) {
    let skip = usize::from(!call.options.has(Act::Pattern));
    let files = call.options.operands.get(skip..).unwrap_or_default();
    if files.is_empty() {
        shell.found.file(Verb::Read, &Text::plain("."), &shell.cwd, Many::Each);
    }
    shell.found.files(Verb::Read, files, &shell.cwd, Many::Each);
    if call.options.has(Act::InPlace) {
        shell.found.files(Verb::Write, files, &shell.cwd, Many::Each);
    }
}

/// `cp`, `mv`, `ln`, `install`: from the first operands to the last.
pub(super) fn copy(shell: &mut Shell, call: &Call<'_>, of_source: Verb) {
    let mut sources = call.options.operands.as_slice();
    let target = match call.options.value(Act::Target) {
        Some(target) => Some(target),
        None if sources.len() > 1 => sources.split_last().map(|(last, rest)| {
            sources = rest;
            last
        }),
        None => None,
    };
    shell.found.files(of_source, sources, &shell.cwd, Many::Each);
    if call.options.has(Act::Deletes) {
        shell.found.files(Verb::Delete, sources, &shell.cwd, Many::Unbounded);
    }
    match target {
        Some(target) => shell.found.file(Verb::Write, target, &shell.cwd, Many::Each),
        // `ln -s a` writes a name here.
        None => shell.found.file(Verb::Write, &Text::plain("."), &shell.cwd, Many::Each),
    }
}

/// `chmod`, `chown`: who may, then on what.
pub(super) fn grant(shell: &mut Shell, call: &Call<'_>, many: Many) {
    let skip = usize::from(!call.options.has(Act::Pattern));
    let operands = call.options.operands.get(skip..).unwrap_or_default();
    shell.found.files(Verb::Grant, operands, &shell.cwd, many);
    if operands.is_empty() {
        shell.found.thing(Verb::Grant, "file", None, Many::Unbounded, None);
    }
}

/// Programs that delete whole folders without being asked to: `rimraf`.
pub(super) fn trees(shell: &mut Shell, call: &Call<'_>) {
    shell.found.files(Verb::Delete, &call.options.operands, &shell.cwd, Many::Unbounded);
}

/// `patch`: what it changes stands in the patch.
pub(super) fn patch(shell: &mut Shell, call: &Call<'_>) {
    if !call.options.has(Act::Looks) {
        let folder = in_folder(shell, call.options.value(Act::Folder));
        shell.found.file(Verb::Write, &Text::plain("."), &folder, Many::Each);
        shell.found.files(Verb::Write, call.options.operands.get(..1).unwrap_or_default(), &folder, Many::Each);
    }
}

/// `dd if=.. of=..`.
pub(super) fn dd(shell: &mut Shell, call: &Call<'_>) {
    for operand in &call.options.operands {
        if let Some(path) = operand.text.strip_prefix("if=") {
            shell.found.file(Verb::Read, &operand.part(path), &shell.cwd, Many::Each);
        } else if let Some(path) = operand.text.strip_prefix("of=") {
            shell.found.file(Verb::Write, &operand.part(path), &shell.cwd, Many::Each);
        }
    }
}

/// `tar`: the mode decides what is read and what written.
pub(super) fn tar(shell: &mut Shell, call: &Call<'_>) {
    let options = match call.args.split_first() {
        // `tar xzf a.tgz`: letters without a dash. The values follow in their order, and one is all that people use.
        Some((first, rest)) if !first.text.starts_with('-') => {
            let mut args = vec![first.part(&format!("-{}", first.text))];
            args.extend(rest.iter().cloned());
            options::read(TAR, &args)
        }
        _ => options::read(TAR, call.args),
    };
    let runs = options.unknown || options.has(Act::Runs);
    if runs {
        shell.found.unprovable(call.name);
    }
    let folder = in_folder(shell, options.value(Act::Folder));
    let (mut archives, mut creates, mut extracts) = (Vec::new(), false, false);
    for given in &options.given {
        match (given.act, given.name) {
            (Act::Own, "f") => archives.push(given.value.clone()),
            (Act::Own, "c" | "r" | "u" | "A") => creates = true,
            (Act::Own, "x") => extracts = true,
            (Act::Own, "delete") => shell.found.files(Verb::Delete, &archives, &shell.cwd, Many::Unbounded),
            (Act::Reads, _) => shell.found.file(Verb::Read, &given.value, &shell.cwd, Many::Each),
            (Act::Writes, _) => shell.found.file(Verb::Write, &given.value, &shell.cwd, Many::Each),
            _ => {}
        }
    }
    for archive in &archives {
        if let Some(host) = net::remote(archive) {
            shell.found.host(Verb::Send, &host);
            shell.found.unprovable(call.name);
        }
    }
    shell.found.files(if creates { Verb::Write } else { Verb::Read }, &archives, &shell.cwd, Many::Each);
    if creates {
        shell.found.files(Verb::Read, &options.operands, &folder, Many::Each);
    }
    if creates && options.has(Act::Deletes) {
        shell.found.files(Verb::Delete, &options.operands, &folder, Many::Unbounded);
    }
    if extracts {
        shell.found.file(Verb::Write, &Text::plain("."), &folder, Many::Unbounded);
    }
}

pub(super) const TAR: &str = "c,create:o x,extract,get:o t,list:o r,append:o u,update:o A,catenate,concatenate:o d,diff,compare:o delete:o \
    f,file=:o C,directory=:c T,files-from=:r X,exclude-from=:r exclude= z,gzip,gunzip,ungzip j,bzip2 J,xz Z,compress zstd lzma lzip lzop \
    a,auto-compress v,verbose p,preserve-permissions,same-permissions P,absolute-names:x k,keep-old-files m,touch O,to-stdout \
    h,dereference W,verify w,interactive n,seek S,sparse o,no-same-owner same-owner no-same-permissions strip-components= \
    transform,xform=:x owner= group= mode= mtime= sort= format= numeric-owner wildcards no-wildcards anchored no-anchored \
    exclude-vcs exclude-vcs-ignores one-file-system overwrite skip-old-files keep-newer-files no-recursion recursion totals \
    null B,read-full-records b,blocking-factor= L,tape-length= M,multi-volume g,listed-incremental=:w index-file=:w \
    I,use-compress-program=:x to-command=:x checkpoint-action=:x checkpoint=? F,info-script,new-volume-script=:x rsh-command=:x \
    rmt-command=:x force-local remove-files:d unlink-first recursive-unlink version help warning= hard-dereference ignore-failed-read";

/// `unzip`: from an archive to a folder.
pub(super) fn unzip(shell: &mut Shell, call: &Call<'_>) {
    let archives = call.options.operands.get(..1).unwrap_or_default();
    shell.found.files(Verb::Read, archives, &shell.cwd, Many::Each);
    if !call.options.has(Act::Looks) {
        let folder = in_folder(shell, call.options.value(Act::Folder));
        shell.found.file(Verb::Write, &Text::plain("."), &folder, Many::Unbounded);
    }
}

/// `zip`: an archive from files.
pub(super) fn zip(shell: &mut Shell, call: &Call<'_>) {
    let Some((archive, files)) = call.options.operands.split_first() else { return };
    shell.found.file(Verb::Write, archive, &shell.cwd, Many::Each);
    shell.found.files(Verb::Read, files, &shell.cwd, Many::Each);
    if call.options.has(Act::Deletes) {
        shell.found.files(Verb::Delete, files, &shell.cwd, Many::Unbounded);
    }
}

/// Programs that read their operands, or change them with an option.
pub(super) fn in_place(shell: &mut Shell, call: &Call<'_>) {
    let verb = if call.options.has(Act::InPlace) { Verb::Write } else { Verb::Read };
    shell.found.files(Verb::Read, &call.options.operands, &shell.cwd, Many::Each);
    if verb == Verb::Write {
        shell.found.files(Verb::Write, &call.options.operands, &shell.cwd, Many::Each);
    }
}

/// Programs that read a file, leave another in its place, and take the first away: `gzip`.
pub(super) fn pack(shell: &mut Shell, call: &Call<'_>) {
    shell.found.files(Verb::Read, &call.options.operands, &shell.cwd, Many::Each);
    if !call.options.has(Act::Looks) {
        shell.found.files(Verb::Write, &call.options.operands, &shell.cwd, Many::Each);
    }
}

/// `sort -o`, `tee`-like: the operands are read, and pagers can run what is in `+`.
pub(super) fn pager(shell: &mut Shell, call: &Call<'_>) {
    for operand in &call.options.operands {
        if operand.text.starts_with('+') {
            if operand.text.contains('!') {
                shell.found.unprovable(call.name);
            }
        } else {
            shell.found.file(Verb::Read, operand, &shell.cwd, Many::Each);
        }
    }
}

/// An editor without a person: it writes its files, and its commands can run anything.
pub(super) fn editor(shell: &mut Shell, call: &Call<'_>) {
    shell.found.unprovable(call.name);
    shell.found.files(Verb::Write, &call.options.operands, &shell.cwd, Many::Each);
}

/// `source file`.
pub(super) fn source(shell: &mut Shell, call: &Call<'_>) {
    shell.found.unprovable(call.name);
    shell.found.files(Verb::Read, call.options.operands.get(..1).unwrap_or_default(), &shell.cwd, Many::Each);
}

/// The folder that an option names, else the present one.
pub(super) fn in_folder(shell: &Shell, folder: Option<&Text>) -> Cwd {
    let Some(folder) = folder else { return shell.cwd.clone() };
    let path = normalise(&folder.text, shell.cwd.path.as_deref());
    let certain = path.certain && !folder.is_open() && (shell.cwd.certain || folder.text.starts_with('/'));
    Cwd { path: path.certain.then_some(path.text), certain }
}
