//! Programs that talk to other machines.

use crate::host::host_of_url;
use crate::roles;
use crate::shell::found::{Cwd, Many};
use crate::shell::options::Act;
use crate::shell::run::Call;
use crate::shell::walk::Shell;
use crate::shell::word::Text;
use crate::shell::{SHELL_DEPTH_MAX, ShellContext, ShellReading};
use holdshort_model::{ActionEffect, Certainty, Verb};

/// `curl`, `wget`, `http`: something comes from an address, and the request goes there.
pub(super) fn fetch(shell: &mut Shell, call: &Call<'_>) {
    let urls: Vec<Text> = call.options.operands.iter().filter_map(|operand| url(call.name, operand)).collect();
    let method = call.options.given.iter().rev().find(|given| given.name == "X").map(|given| given.value.text.as_str());
    for address in &urls {
        shell.found.host(Verb::Read, address);
        shell.found.host(Verb::Send, address);
        match method {
            Some("DELETE") => shell.found.host(Verb::Delete, address),
            Some("PUT" | "PATCH" | "POST") => shell.found.host(Verb::Write, address),
            _ => {}
        }
        if address.text.to_ascii_lowercase().starts_with("file:") {
            shell.found.file(Verb::Read, address, &shell.cwd, Many::Each);
        }
    }
    for given in &call.options.given {
        match given.name {
            // `@file` and `name=@file` are read and sent.
            "d" | "F" => {
                let from =
                    given.value.text.split_once('@').filter(|(before, _)| before.is_empty() || before.ends_with('='));
                let from = from.or_else(|| given.value.text.split_once("=<"));
                if let Some((_, path)) = from {
                    let path = path.split(';').next().unwrap_or_default();
                    shell.found.file(Verb::Read, &given.value.part(path), &shell.cwd, Many::Each);
                }
            }
            // Into the present folder, by the name that the address ends with.
            "O" if given.act == Act::Own => {
                for address in &urls {
                    let name = address.text.split(['?', '#']).next().and_then(|path| path.rsplit('/').next());
                    let name = name.filter(|name| !name.is_empty()).unwrap_or(".");
                    shell.found.file(Verb::Write, &address.part(name), &shell.cwd, Many::Each);
                }
            }
            _ => {}
        }
    }
    if call.name == "wget" && !call.options.has(Act::Writes) {
        shell.found.file(Verb::Write, &Text::plain("."), &shell.cwd, Many::Each);
    }
}

// HTTPie has its method and its fields among the operands.
fn url(program: &str, operand: &Text) -> Option<Text> {
    let is_word = operand.text.bytes().all(|c| c.is_ascii_uppercase());
    if program == "http" && (is_word || operand.text.contains(['=', '@']) && !operand.text.contains("://")) {
        return None;
    }
    Some(if operand.text.contains("://") { operand.clone() } else { operand.part(&format!("http://{}", operand.text)) })
}

/// `ping`, `nc`, `dig`: the first operand is a machine.
pub(super) fn connect(shell: &mut Shell, call: &Call<'_>) {
    let host = call.options.operands.iter().find(|operand| !operand.text.starts_with(['+', '@']));
    match host {
        Some(host) => shell.found.host(Verb::Send, &bare(host)),
        None => shell.found.execute(call.name),
    }
    for server in call.options.operands.iter().filter_map(|operand| operand.text.strip_prefix('@')) {
        shell.found.host(Verb::Send, &Text::plain(server));
    }
}

/// `mail`, `sendmail`: the operands are people.
pub(super) fn mail(shell: &mut Shell, call: &Call<'_>) {
    let people = call.options.operands.iter();
    shell.found.extend(people.map(|person| roles::effect_on(Verb::Send, roles::mail(&person.text), Some(1))).collect());
    if call.options.operands.is_empty() {
        shell.found.thing(Verb::Send, "mail", None, Many::Unbounded, None);
    }
}

/// Options of `ssh` that change how it connects, not what runs here.
const HARMLESS: &[&str] = &[
    "stricthostkeychecking",
    "userknownhostsfile",
    "connecttimeout",
    "connectionattempts",
    "batchmode",
    "serveraliveinterval",
    "serveralivecountmax",
    "loglevel",
    "user",
    "port",
    "identityfile",
    "identitiesonly",
    "preferredauthentications",
    "passwordauthentication",
    "pubkeyauthentication",
    "compression",
    "tcpkeepalive",
    "addressfamily",
    "requesttty",
    "logverbose",
    "ciphers",
    "macs",
    "kexalgorithms",
    "hostkeyalgorithms",
    "controlmaster",
    "controlpersist",
    "numberofpasswordprompts",
    "checkhostip",
];

fn settings(shell: &mut Shell, call: &Call<'_>) {
    for given in call.options.given.iter().filter(|given| given.name == "o" && given.act == Act::Own) {
        let key = given.value.text.split(['=', ' ']).next().unwrap_or_default().to_ascii_lowercase();
        if !HARMLESS.contains(&key.as_str()) {
            shell.found.unprovable(call.name);
        }
    }
}

/// `ssh HOST COMMAND`: what the command does, it does elsewhere.
pub(super) fn ssh(shell: &mut Shell, call: &Call<'_>) {
    settings(shell, call);
    let Some((host, command)) = call.options.operands.split_first() else { return };
    let host = bare(host);
    shell.found.host(Verb::Send, &host);
    shell.found.host(Verb::Execute, &host);
    let words: Vec<&str> = command.iter().map(|word| word.text.as_str()).collect();
    if words.is_empty() {
        // A shell on the other side, with whatever this side gives it.
        shell.found.unprovable(call.name);
    }
    if words.is_empty() && call.input.is_none() || shell.depth >= SHELL_DEPTH_MAX {
        return;
    }
    let text =
        if words.is_empty() { call.input.map(|input| input.text.clone()).unwrap_or_default() } else { words.join(" ") };
    there(shell, &host, |there| there.nested(&text));
}

/// Reads what runs on another machine or in a container: a path there is not the path here, and no pattern over paths of
/// this machine may cover it.
pub(super) fn there(shell: &mut Shell, place: &Text, read: impl FnOnce(&mut Shell)) {
    let mut there = Shell::new(&ShellContext::default());
    there.depth = shell.depth;
    read(&mut there);
    let ShellReading { effects, programs, .. } = there.finish();
    for program in programs {
        shell.found.program(&program);
    }
    let host = roles::host(&place.text).resource.host.unwrap_or_else(|| place.text.clone());
    let elsewhere = |mut effect: ActionEffect| {
        effect.resource.host.get_or_insert_with(|| host.clone());
        effect.certainty = effect.certainty.max(Certainty::Unprovable);
        effect
    };
    shell.found.extend(effects.into_iter().map(elsewhere).collect());
}

/// `scp`, `rsync`, `sftp`: files from here to there, or from there to here.
pub(super) fn transfer(shell: &mut Shell, call: &Call<'_>) {
    settings(shell, call);
    let operands = &call.options.operands;
    let Some((target, sources)) = operands.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        for operand in operands {
            shell.found.host(Verb::Send, &remote(operand).unwrap_or_else(|| bare(operand)));
        }
        return;
    };
    for source in sources {
        match remote(source) {
            Some(host) => {
                shell.found.host(Verb::Read, &host);
                shell.found.host(Verb::Send, &host);
            }
            None => shell.found.file(Verb::Read, source, &shell.cwd, Many::Each),
        }
    }
    let many = if call.options.has(Act::Many) { Some(Verb::Delete) } else { None };
    for verb in [Some(Verb::Write), many].into_iter().flatten() {
        let count = if verb == Verb::Delete { Many::Unbounded } else { Many::Each };
        match remote(target) {
            Some(host) => {
                shell.found.host(Verb::Send, &host);
                shell.found.thing(verb, "record", Some(&target.part(&target.text)), count, None);
            }
            None => shell.found.file(verb, target, &shell.cwd, count),
        }
    }
    if call.options.has(Act::Deletes) {
        let here: Vec<Text> = sources.iter().filter(|source| remote(source).is_none()).cloned().collect();
        let nowhere = Cwd { path: None, certain: false };
        let cwd = if here.is_empty() { &nowhere } else { &shell.cwd };
        shell.found.files(Verb::Delete, if here.is_empty() { sources } else { &here }, cwd, Many::Unbounded);
    }
}

/// The machine of `user@host:path`, `host::module`, `rsync://host/..`.
pub(super) fn remote(operand: &Text) -> Option<Text> {
    if let Some(host) = host_of_url(&operand.text).filter(|_| operand.text.contains("://")) {
        return Some(operand.part(&host.name));
    }
    let (place, _) = operand.text.split_once(':')?;
    (!place.is_empty() && !place.contains('/')).then(|| bare(&operand.part(place)))
}

fn bare(host: &Text) -> Text {
    if host.text.contains("://") {
        return host.clone();
    }
    host.part(host.text.rsplit('@').next().unwrap_or_default())
}

pub(super) const CURL: &str = "X,request=:o d,data,data-ascii,data-raw,data-binary,data-urlencode,json=:o F,form,form-string=:o \
    T,upload-file=:r o,output=:w O,remote-name,remote-name-all:o J,remote-header-name output-dir= H,header= A,user-agent= e,referer= \
    u,user= b,cookie=:r c,cookie-jar=:w D,dump-header=:w K,config=:x x,proxy=:u socks5,socks5-hostname,preproxy=:u s,silent \
    S,show-error f,fail fail-with-body L,location k,insecure v,verbose i,include I,head G,get w,write-out= m,max-time= \
    connect-timeout= retry= retry-delay= retry-max-time retry-all-errors compressed r,range= C,continue-at= z,time-cond= N,no-buffer \
    g,globoff 4,ipv4 6,ipv6 E,cert=:r key=:r cacert=:r capath= url=:u resolve= connect-to=:u create-dirs http1.1 http2 http3 \
    tlsv1.2 tlsv1.3 max-redirs= limit-rate= Z,parallel progress-bar,# no-progress-meter a,append interface= stderr=:w trace=:w \
    trace-ascii=:w netrc-file=:r n,netrc Q,quote=:x mail-from= mail-rcpt= oauth2-bearer= aws-sigv4= V,version h,help= P,ftp-port= \
    unix-socket=:x doh-url=:u libcurl=:w";

pub(super) const WGET: &str = "O,output-document=:w o,output-file=:w a,append-output=:w i,input-file=:r P,directory-prefix=:w q,quiet \
    v,verbose nv,no-verbose c,continue N,timestamping r,recursive l,level= p,page-requisites k,convert-links m,mirror np,no-parent \
    n=? nc,no-clobber S,server-response t,tries= T,timeout= w,wait= U,user-agent= header= post-data= post-file=:r body-data= \
    body-file=:r method= user= password= no-check-certificate use-askpass=:x e,execute=:x config=:x rejected-log=:w A,accept= \
    R,reject= D,domains= spider b,background show-progress no-proxy https-only no-cookies load-cookies=:r save-cookies=:w \
    content-disposition trust-server-names referer= limit-rate= ca-certificate=:r x,force-directories nd,no-directories E H h,help";

pub(super) const SSH: &str = "+o=:o p= i=:r l= J=:u F=:x E=:w L=:x R=:x D=:x W=:x w=:x S=:x I=:x O=:x b= B= c= e= m= Q= P= \
    4 6 A:x a C f g K k M N n q s T t v V X:x x Y:x y G";
pub(super) const SCP: &str = "o=:o P= i=:r l= J=:u F=:x S=:x D=:x c= X= 3 4 6 A:x B C O p q R r s T v b=:x f a";
pub(super) const RSYNC: &str = "e,rsh=:x rsync-path=:x files-from=:r exclude-from=:r include-from=:r exclude= include= f,filter= \
    del,delete,delete-before,delete-during,delete-after,delete-delay,delete-excluded,delete-missing-args:m remove-source-files:d \
    a,archive v,verbose q,quiet z,compress r,recursive R,relative u,update l,links L,copy-links H,hard-links p,perms E,executability \
    A,acls X,xattrs o,owner g,group t,times D devices specials n,dry-run W,whole-file x,one-file-system P progress partial \
    partial-dir= i,itemize-changes h,human-readable stats S,sparse c,checksum I,ignore-times size-only existing ignore-existing \
    inplace append b,backup backup-dir=:w suffix= T,temp-dir=:w compare-dest= copy-dest= link-dest= log-file=:w bwlimit= timeout= \
    port= max-size= min-size= max-delete= ignore-errors force O,omit-dir-times J chmod= chown= usermap= groupmap= password-file=:r \
    numeric-ids info= debug= out-format= no-perms no-owner no-group no-o no-g no-p mkpath fuzzy,y M,remote-option=:x daemon:x \
    s,secluded-args,protect-args C,cvs-exclude m,prune-empty-dirs k,copy-dirlinks K,keep-dirlinks d,dirs 0,from0 4 6";
pub(super) const NC: &str = "e,exec=:x c,sh-exec=:x lua-exec=:x l,listen:x k,keep-open p= s= w,wait= i= q= x,proxy=:u X= v,verbose n z u \
    4 6 N d h t U:x o,output=:w C r ssl no-shutdown";
