//! `[[export]]`: records on their way to other systems.

use super::{NotifyLevel, is_upstream_name};
use crate::config::Sensitive;
use holdshort_export::{Format, From, KINDS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Most exports: each has a thread.
const EXPORTS_MAX: usize = 16;
/// Most records of a batch, and most bytes: what an export holds in memory.
const BATCH_RECORDS_MAX: u32 = 10_000;
const BATCH_BYTES_MAX: u64 = 32 << 20;

/// Records on their way to another system. `holdshort export status` says how far each got. A receiver that is away for
/// days costs nothing but the delay: the records stay in the log until they are taken.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// Its name in commands, messages and the file that says how far it got: letters, digits, `-`, `.` and single `_`,
    /// at most 64. Required.
    pub(crate) name: String,
    /// What records are made into. Required.
    pub(crate) format: ExportFormat,
    /// Where they go: a file; `https://..`, or `http://` to this host (`ocsf`, `json`: NDJSON; `hec`: the collector or its
    /// endpoint; `otlp`: the collector, `/v1/logs` and `/v1/traces` are added); for `cef` also `tls://HOST:PORT`,
    /// `tcp://HOST:PORT`, `udp://HOST:PORT`, `unix:///PATH`. A text, or `{ from = "NAME" }` to take it from the
    /// environment, which is the place for URLs that are secrets. Required.
    pub(crate) to: Sensitive,
    /// Environment variable with the token that an HTTP endpoint wants: `Authorization: Bearer`, for `hec` `Splunk`.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_env: Option<String>,
    /// File with that token, relative to this file, in place of a variable; read at the start. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// PEM file with the certificates that are believed, relative to this file, in place of the system's. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// Whether records may go to another host in clear text. Default: false.
    #[serde(default)]
    pub(crate) insecure: bool,
    /// Whether the bodies of HTTP requests are compressed with gzip. Default: true.
    #[serde(default = "yes")]
    pub(crate) gzip: bool,
    /// Whether arguments of actions, the person's request and what obligations put in go along. What is exported cannot be
    /// erased by us any more. Default: `digest`.
    #[serde(default)]
    pub(crate) arguments: ExportArguments,
    /// Only records of these types: `decision`, `outcome`, `tool-change`, `policy`, `declassification`, `approval`,
    /// `standing`, `response`, `promotion`, `erasure`, `lifecycle`, `unreadable`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) types: Vec<String>,
    /// Only records that are at least so grave: the level of risk of a decision, of other records as
    /// docs/reference/export.md says. Default: `low`, which is all.
    #[serde(default = "low")]
    pub(crate) min_level: NotifyLevel,
    /// Where it begins the first time: `start`, `now`, or the index of a record. Default: `start`.
    #[serde(default = "start")]
    pub(crate) from: String,
    /// Most records of a batch. Default: 500.
    #[serde(default = "batch_records")]
    pub(crate) batch_records: u32,
    /// Most bytes of a batch, as they stand in the log. Default: 1048576.
    #[serde(default = "batch_bytes")]
    pub(crate) batch_bytes: u64,
    /// How long records are collected before they go, in milliseconds. Default: 1000.
    #[serde(default = "batch_ms")]
    pub(crate) batch_ms: u64,
    /// Pause after the first attempt in vain, in milliseconds; it doubles each time. Default: 1000.
    #[serde(default = "pause_first_ms")]
    pub(crate) pause_first_ms: u64,
    /// Longest pause between attempts, in seconds. Default: 300.
    #[serde(default = "pause_max_s")]
    pub(crate) pause_max_s: u64,
    /// People are told, and it goes on record, when it did not catch up with the log for so long, in seconds. Default: 900.
    #[serde(default = "late_after_s")]
    pub(crate) late_after_s: u64,
    /// A file that has so many bytes is put aside as `NAME.1`. Default: 104857600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rotate_bytes: Option<u64>,
    /// How many files are kept aside; an older one is removed. Default: 9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) files_kept: Option<u32>,
}

/// What records are made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportFormat {
    /// OCSF 1.9.0 events, JSON.
    Ocsf,
    /// OpenTelemetry log records and spans, OTLP over HTTP.
    Otlp,
    /// Common Event Format, over syslog (RFC 5424) or in a file.
    Cef,
    /// Events of Splunk's HTTP Event Collector.
    Hec,
    /// The records themselves, JSON.
    Json,
}

/// Whether arguments go along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportArguments {
    /// Their digest.
    #[default]
    Digest,
    /// As they stand in the record.
    Full,
}

fn yes() -> bool {
    true
}
fn low() -> NotifyLevel {
    NotifyLevel::Low
}
fn start() -> String {
    "start".into()
}
fn batch_records() -> u32 {
    500
}
fn batch_bytes() -> u64 {
    1 << 20
}
fn batch_ms() -> u64 {
    1_000
}
fn pause_first_ms() -> u64 {
    1_000
}
fn pause_max_s() -> u64 {
    300
}
fn late_after_s() -> u64 {
    900
}

impl ExportFormat {
    /// The format.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Ocsf => Format::Ocsf,
            Self::Otlp => Format::Otlp,
            Self::Cef => Format::Cef,
            Self::Hec => Format::Hec,
            Self::Json => Format::Json,
        }
    }
}

impl Export {
    /// Where it begins.
    pub(crate) fn from(&self) -> Option<From> {
        match self.from.as_str() {
            "start" => Some(From::Start),
            "now" => Some(From::Now),
            index => index.parse().ok().map(From::Index),
        }
    }
}

/// Everything that is wrong, each with the key that it stands under.
pub(super) fn validate(exports: &[Export], problems: &mut Vec<String>) {
    if exports.len() > EXPORTS_MAX {
        problems.push(format!("`export`: more than {EXPORTS_MAX} exports"));
    }
    for (index, export) in exports.iter().enumerate() {
        let key = format!("export[{index}]");
        if !is_upstream_name(&export.name) {
            problems.push(format!("`{key}.name`: `{}` is not a name such as `siem`", export.name));
        }
        if exports.iter().skip(index + 1).any(|other| other.name == export.name) {
            problems.push(format!("`export`: two entries have the name `{}`", export.name));
        }
        let same = |other: &&Export| matches!((&other.to, &export.to), (Sensitive::Literal(one), Sensitive::Literal(other)) if one == other);
        if let Sensitive::Literal(to) = &export.to
            && !to.contains("://")
            && exports.iter().skip(index + 1).find(same).is_some()
        {
            // Each would cut off what the other one is writing.
            problems.push(format!("`export`: two entries write the file `{to}`"));
        }
        if export.token_env.is_some() && export.token_file.is_some() {
            problems.push(format!("`{key}`: `token_env` and `token_file` exclude each other"));
        }
        if export.from().is_none() {
            problems.push(format!("`{key}.from`: `{}` is neither `start`, `now` nor an index", export.from));
        }
        for kind in export.types.iter().filter(|kind| !KINDS.contains(&kind.as_str())) {
            let hint = super::load::nearest(kind, &KINDS).map(|near| format!("; did you mean `{near}`?"));
            let hint = hint.unwrap_or_else(|| format!("; known here: {}", KINDS.join(", ")));
            problems.push(format!("`{key}.types`: there is no type `{kind}`{hint}"));
        }
        let bounds = [
            ("batch_records", u64::from(export.batch_records), u64::from(BATCH_RECORDS_MAX)),
            ("batch_bytes", export.batch_bytes, BATCH_BYTES_MAX),
            ("batch_ms", export.batch_ms, 3_600_000),
            ("pause_first_ms", export.pause_first_ms, 3_600_000),
            ("pause_max_s", export.pause_max_s, 86_400),
            ("late_after_s", export.late_after_s, 2_592_000),
            ("rotate_bytes", export.rotate_bytes.unwrap_or(1), u64::MAX),
            ("files_kept", export.files_kept.unwrap_or(0).into(), 10_000),
        ];
        for (field, value, most) in bounds {
            let least = u64::from(field != "files_kept");
            if value < least || value > most {
                problems.push(format!("`{key}.{field}`: has to be between {least} and {most}"));
            }
        }
        if let Sensitive::Literal(to) = &export.to {
            place(&key, export, to, problems);
        }
    }
}

/// What has no effect at a place.
fn place(key: &str, export: &Export, to: &str, problems: &mut Vec<String>) {
    let (http, file) = (to.starts_with("http://") || to.starts_with("https://"), !to.contains("://"));
    let given = [
        ("token_env", export.token_env.is_some(), http),
        ("token_file", export.token_file.is_some(), http),
        ("ca", export.ca.is_some(), to.starts_with("https://") || to.starts_with("tls://")),
        ("insecure", export.insecure, !file),
        ("rotate_bytes", export.rotate_bytes.is_some(), file),
        ("files_kept", export.files_kept.is_some(), file),
    ];
    for (field, _, _) in given.iter().filter(|(_, given, works)| *given && !works) {
        problems.push(format!("`{key}.{field}`: has no effect on what goes to such a place"));
    }
    if to.is_empty() {
        problems.push(format!("`{key}.to`: is empty"));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    fn check(text: &str, expected: &str) {
        let message = parse(text, "f").unwrap_err().to_string();
        assert!(message.contains(expected), "{text}\n{message}");
    }

    const FILE: &str = "[[export]]\nname = \"a\"\nformat = \"ocsf\"\nto = \"events.ndjson\"\n";
    const HTTP: &str = "[[export]]\nname = \"a\"\nformat = \"hec\"\nto = \"https://splunk.example.org/hunter2\"\n";

    #[test]
    fn what_cannot_work_or_has_no_effect_is_refused() {
        check("[[export]]\nname = \"a\"\nto = \"x\"", "format");
        check(&FILE.replace("\"ocsf\"", "\"ocfs\""), "did you mean `ocsf`?");
        check(&FILE.replace("\"a\"", "\"a/b\""), "is not a name");
        check(&format!("{FILE}{FILE}"), "two entries have the name `a`");
        check(&format!("{FILE}{}", FILE.replace("\"a\"", "\"b\"")), "two entries write the file `events.ndjson`");
        check(&format!("{FILE}token_env = \"T\""), "`export[0].token_env`: has no effect");
        check(&format!("{HTTP}rotate_bytes = 5"), "`export[0].rotate_bytes`: has no effect");
        check(&format!("{HTTP}token_env = \"T\"\ntoken_file = \"t\""), "exclude each other");
        check(&format!("{FILE}from = \"yesterday\""), "neither `start`, `now` nor an index");
        check(&format!("{FILE}types = [\"decisions\"]"), "did you mean `decision`?");
        check(&format!("{FILE}batch_records = 0"), "has to be between 1 and 10000");
        check(&format!("{FILE}min_level = \"hihg\""), "hihg");
        check(&format!("{FILE}late_after_s = 0"), "has to be between 1 and");
        check(&FILE.repeat(17), "more than 16 exports");
    }

    #[test]
    fn a_place_is_not_printed() {
        let loaded = parse(HTTP, "f").unwrap();
        let printed = format!("{loaded:?}{}", serde_json::to_string(&loaded).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
