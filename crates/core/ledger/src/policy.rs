//! C2SP `tlog-policy`: which logs are known, which witnesses are, and how many of them have to have seen a checkpoint.
//!
//! ```text
//! log example.com/log+8a8e0b43+AU...
//! witness W1 witness.example.com/w1+4f2b...+BH... https://witness.example.com/w1
//! witness W2 witness.example.org/w2+91c0...+Bl... https://witness.example.org
//! group both all W1 W2
//! quorum both
//! ```
//!
//! Names refer to lines above them only, and each is a member of one group at most, so that nothing counts twice. Stricter
//! than the specification: a checkpoint's own log never counts as a witness of it, and two keys under one name count once,
//! in a group of which any one is enough, or not at all: they are one witness.

use crate::{Checkpoint, CosignerKey, Note, NoteError, VerifierKey};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Longest policy that is parsed, in bytes: some hundred post-quantum keys.
pub const POLICY_BYTES_MAX: usize = 512 * 1024;
/// Most logs, witnesses and groups together.
pub const POLICY_NAMES_MAX: usize = 256;

/// The name of the quorum that asks for nothing.
const NONE: &[u8] = b"none";

/// Who has to have cosigned a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct WitnessPolicy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Quorum,
    quorum_name: String,
}

/// A witness in a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyWitness {
    /// Its name in the policy, which means nothing outside of it. What is not UTF-8 is shown as such.
    pub name: String,
    /// Whose cosignature counts.
    pub key: CosignerKey,
    /// Where checkpoints are sent to, without a slash at the end; none for a policy that is only checked with.
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// Index in the list of witnesses or of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Witness(usize),
    Group(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quorum {
    None,
    Of(Member),
}

/// Why a text is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// Over one of the limits.
    #[error("policy is too large: at most {POLICY_BYTES_MAX} bytes, and {POLICY_NAMES_MAX} logs, witnesses and groups")]
    TooLarge,
    /// No line `quorum`.
    #[error("policy has no line `quorum NAME`; `quorum none` asks for no witness")]
    NoQuorum,
    /// What is wrong with a line.
    #[error("line {line}: {what}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

/// What a checkpoint has of the cosignatures that a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Whether the quorum is met.
    pub met: bool,
    /// Who cosigned: the name in the policy, and when, in seconds since 1970.
    pub present: Vec<(String, u64)>,
    /// Who did not, and why what stands there does not count.
    pub missing: Vec<(String, String)>,
}

impl WitnessPolicy {
    /// Parses a policy.
    ///
    /// # Errors
    /// [`PolicyError`], with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::TooLarge);
        }
        let mut reading = Reading::default();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let wrong = |what: String| PolicyError::Line { line: number.saturating_add(1), what };
            if line.iter().any(|byte| matches!(byte, 0..=8 | 0x0b..=0x1f | 0x7f)) {
                return Err(wrong("has a control character".into()));
            }
            let words: Vec<&[u8]> =
                line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
            if words.first().is_none_or(|word| word.starts_with(b"#")) {
                continue;
            }
            reading.number = number.saturating_add(1);
            reading.line(&words).map_err(wrong)?;
            if reading.logs.len().saturating_add(reading.names.len()) > POLICY_NAMES_MAX {
                return Err(PolicyError::TooLarge);
            }
        }
        reading.check_names()?;
        let (quorum, quorum_name) = reading.quorum.ok_or(PolicyError::NoQuorum)?;
        let Reading { logs, witnesses, groups, .. } = reading;
        Ok(Self { logs, witnesses, groups, quorum, quorum_name })
    }

    /// The logs that the policy knows. None: the log is known from elsewhere.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The witnesses, in the order of the policy.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The quorum in words: its name, or how many of whom.
    #[must_use]
    pub fn quorum(&self) -> String {
        match self.quorum {
            Quorum::None => "no witness".into(),
            Quorum::Of(Member::Witness(_)) => format!("`{}`", self.quorum_name),
            Quorum::Of(Member::Group(at)) => self.groups.get(at).map_or_else(String::new, |group| {
                format!("{} of the {} in `{}`", group.threshold, group.members.len(), self.quorum_name)
            }),
        }
    }

    /// Whether the quorum is `none`: every checkpoint meets it.
    #[must_use]
    pub fn asks_for_none(&self) -> bool {
        self.quorum == Quorum::None
    }

    /// Looks which witnesses cosigned the checkpoint in a note, and whether they are enough. That the log signed it is not
    /// checked here: see [`Checkpoint::of_note`].
    #[must_use]
    pub fn check(&self, note: &Note) -> Cosigned {
        let origin = Checkpoint::parse_text(note.text()).map(|checkpoint| checkpoint.origin).ok();
        let (mut present, mut missing, mut counted) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (at, witness) in self.witnesses.iter().enumerate() {
            let own = origin.as_deref() == Some(witness.key.name());
            match witness.key.verify(note) {
                Ok(_) if own => {
                    missing
                        .push((witness.name.clone(), "is the log itself, which is no witness of its own".to_owned()));
                }
                // Of a tree of this size, and not that it is the newest that was seen: what a witness says of a part of a tree.
                Ok(0) => missing.push((witness.name.clone(), "its cosignature says no time".to_owned())),
                Ok(time_s) => {
                    counted.insert(Member::Witness(at));
                    present.push((witness.name.clone(), time_s));
                }
                Err(NoteError::Unsigned(_)) => missing.push((witness.name.clone(), "has not cosigned it".to_owned())),
                Err(_) => missing.push((witness.name.clone(), "its cosignature is wrong".to_owned())),
            }
        }
        // Groups name lines above them only: one pass in their order settles them all.
        for (at, group) in self.groups.iter().enumerate() {
            if group.members.iter().filter(|member| counted.contains(member)).count() >= group.threshold {
                counted.insert(Member::Group(at));
            }
        }
        let met = match self.quorum {
            Quorum::None => true,
            Quorum::Of(member) => counted.contains(&member),
        };
        Cosigned { met, present, missing }
    }
}

#[derive(Default)]
struct Reading {
    /// Number of the line that is read, from 1.
    number: usize,
    /// In which line each witness stands.
    lines: Vec<usize>,
    logs: Vec<VerifierKey>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    names: BTreeMap<Vec<u8>, Member>,
    /// Names that are members of a group already.
    used: BTreeSet<Vec<u8>>,
    quorum: Option<(Quorum, String)>,
}

impl Reading {
    fn line(&mut self, words: &[&[u8]]) -> Result<(), String> {
        match words {
            [b"log", key] => self.log(key),
            [b"log", key, url] => url_of(url).and_then(|_| self.log(key)),
            [b"log", ..] => Err("expected `log VKEY [URL]`".into()),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => url_of(url).and_then(|url| self.witness(name, key, Some(url))),
            [b"witness", ..] => Err("expected `witness NAME VKEY [URL]`".into()),
            [b"group", name, threshold, members @ ..] if !members.is_empty() => self.group(name, threshold, members),
            [b"group", ..] => Err("expected `group NAME all|any|NUMBER NAME...`".into()),
            [b"quorum", name] => self.quorum(name),
            [b"quorum", ..] => Err("expected `quorum NAME`".into()),
            [word, ..] => Err(format!("`{}` is not `log`, `witness`, `group` or `quorum`", shown(word))),
            [] => Ok(()),
        }
    }

    fn log(&mut self, key: &[u8]) -> Result<(), String> {
        let key = VerifierKey::parse(&text(key)?).map_err(|error| error.to_string())?;
        if self.logs.iter().any(|known| known.public() == key.public()) {
            return Err(format!("the key of log `{}` stands in two lines", key.name()));
        }
        if self.witnesses.iter().any(|witness| witness.key.is_of(&key)) {
            return Err(format!("the log `{}` is a witness above, and can be none of its own", key.name()));
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<String>) -> Result<(), String> {
        let key = CosignerKey::parse(&text(key)?)
            .map_err(|_| "not a witness's key: expected `name+id+base64` with Ed25519 (0x04) or ML-DSA-44 (0x06)")?;
        if self.witnesses.iter().any(|known| known.key.material() == key.material()) {
            return Err(format!("the key of witness `{}` stands in two lines: it would count twice", shown(name)));
        }
        if self.logs.iter().any(|log| key.is_of(log)) {
            return Err(format!("the witness `{}` is a log above, which can be no witness of its own", shown(name)));
        }
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.lines.push(self.number);
        self.witnesses.push(PolicyWitness { name: shown(name), key, url });
        Ok(())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), String> {
        let threshold = match threshold {
            b"all" => members.len(),
            b"any" => 1,
            number => {
                let digits = shown(number);
                let plain = |threshold: &usize| threshold.to_string() == digits;
                digits
                    .parse()
                    .ok()
                    .filter(plain)
                    .ok_or_else(|| format!("`{digits}` is not `all`, `any` or a number"))?
            }
        };
        if !(1..=members.len()).contains(&threshold) {
            return Err(format!("{threshold} of {} members is nothing that can be reached and missed", members.len()));
        }
        let found: Result<Vec<Member>, String> = members
            .iter()
            .map(|member| {
                let known = self.names.get(*member).copied();
                let known = known.ok_or_else(|| format!("`{}` is not defined above", shown(member)))?;
                let fresh = self.used.insert(member.to_vec());
                fresh
                    .then_some(known)
                    .ok_or_else(|| format!("`{}` is a member already: it would count twice", shown(member)))
            })
            .collect();
        let members = found?;
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { threshold, members });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), String> {
        let quorum = match self.names.get(name) {
            _ if self.quorum.is_some() => return Err("a second `quorum`".into()),
            _ if name == NONE => Quorum::None,
            Some(member) => Quorum::Of(*member),
            None => return Err(format!("`{}` is not defined above", shown(name))),
        };
        self.quorum = Some((quorum, shown(name)));
        Ok(())
    }

    /// Two keys under one name are one witness, with an old key and a new one or with two algorithms: it must not count twice.
    fn check_names(&self) -> Result<(), PolicyError> {
        let group_of = |at: usize| self.groups.iter().position(|group| group.members.contains(&Member::Witness(at)));
        for (second, witness) in self.witnesses.iter().enumerate() {
            let same = |first: &usize| {
                self.witnesses.get(*first).is_some_and(|before| before.key.name() == witness.key.name())
            };
            for first in (0..second).filter(same) {
                let (Some(one), Some(other)) = (group_of(first), group_of(second)) else { continue };
                if one == other && self.groups.get(one).is_some_and(|group| group.threshold == 1) {
                    continue;
                }
                let before = self.witnesses.get(first).map_or("", |before| &before.name);
                let (key, name) = (witness.key.name(), &witness.name);
                let what = format!(
                    "`{name}` has the name of `{before}`, `{key}`: one witness would count twice; put both into \
                     `group NAME any {before} {name}`"
                );
                return Err(PolicyError::Line { line: self.lines.get(second).copied().unwrap_or_default(), what });
            }
        }
        Ok(())
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), String> {
        if name == NONE {
            return Err("`none` is a name of the format".into());
        }
        if self.names.insert(name.to_vec(), member).is_some() {
            return Err(format!("the name `{}` is given twice", shown(name)));
        }
        Ok(())
    }
}

fn text(word: &[u8]) -> Result<String, String> {
    String::from_utf8(word.to_vec()).map_err(|_| "the key is not UTF-8".to_owned())
}

fn url_of(word: &[u8]) -> Result<String, String> {
    let url = text(word).map_err(|_| "the URL is not UTF-8".to_owned())?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| format!("`{url}` does not begin with `https://` or `http://`"))?;
    // It is shown, logged and put on record, and paths are put behind it. What may be a password is not repeated here.
    if rest.contains(['@', '?', '#']) {
        return Err("the URL has a user, a password, a query or a fragment: a witness is asked without them".to_owned());
    }
    if !is_reachable(rest) {
        return Err(format!("`{}` is no address such as `https://witness.example.com/w1`", shown(word)));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Whether there are a host, a good port or none, and a path of visible ASCII.
fn is_reachable(rest: &str) -> bool {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) if host.parse::<core::net::Ipv6Addr>().is_ok() => (host, after),
        Some(_) => return false,
        None => {
            let host = authority.split(':').next().unwrap_or_default();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if host.is_empty() || !host.bytes().all(plain) {
                return false;
            }
            (host, authority.strip_prefix(host).unwrap_or_default())
        }
    };
    let good_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    !host.is_empty() && good_port && path.bytes().all(|byte| byte.is_ascii_graphic())
}

fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
