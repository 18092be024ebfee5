//! What types cannot say: names are unique, addresses parse, secrets stay out of the file.

use crate::config::secret::{Sensitive, carries_credential};
use crate::config::types::{Config, Limits, Upstream};
use std::collections::HashSet;
use std::net::SocketAddr;

/// Longest name of an upstream.
const NAME_CHARS_MAX: usize = 64;

/// Everything that is wrong, each with the key that it stands under.
pub(crate) fn validate(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    listen("api.listen", &config.api.listen, &config.api.allowed_hosts, &mut problems);
    listen("mcp.listen", &config.mcp.listen, &config.mcp.allowed_hosts, &mut problems);
    for (key, origins) in [("api", &config.api.allowed_origins), ("mcp", &config.mcp.allowed_origins)] {
        for origin in origins.iter().filter(|origin| !is_origin(origin)) {
            problems
                .push(format!("`{key}.allowed_origins`: `{origin}` is not an origin such as `https://example.org`"));
        }
    }
    let loopback = config.mcp.listen.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    if config.mcp.anonymous_agent.is_some() && !loopback {
        problems.push("`mcp.anonymous_agent`: without tokens the gateway may only listen on a loopback address".into());
    }
    if config.mcp.workspace.as_ref().is_some_and(|path| !path.is_absolute()) {
        problems.push("`mcp.workspace`: not an absolute path".into());
    }
    for (index, upstream) in config.upstream.iter().enumerate() {
        self::upstream(index, upstream, &mut problems);
    }
    unique("upstream", "name", config.upstream.iter().map(|upstream| upstream.name.as_str()), &mut problems);
    unique("agents", "id", config.agents.iter().map(|agent| agent.id.as_str()), &mut problems);
    if let Err(faults) = holdshort_decide::Grants::compile(&config.grants, &holdshort_decide::Known::default()) {
        problems.extend(faults.iter().map(ToString::to_string));
    }
    if let Err(faults) = holdshort_effects::Catalog::new(&config.catalog, &config.labels) {
        problems.extend(faults.iter().map(ToString::to_string));
    }
    let labels = config.classification.check(&config.catalog, &config.labels);
    problems.extend(labels.iter().map(ToString::to_string));
    // The one setting of the built-in policies that is a word: any other would be the mild one without a sound.
    match config.policies.data.get("flow") {
        None => {}
        Some(value) if matches!(value.as_str(), Some("balanced" | "strict")) => {}
        Some(value) => problems.push(format!("`policies.data.flow`: {value} is neither `balanced` nor `strict`")),
    }
    crate::config::approvals::validate(&config.approvals, &mut problems);
    let servers: Vec<&str> = config.upstream.iter().map(|upstream| upstream.name.as_str()).collect();
    config.detect.check(&servers, &mut problems);
    super::witnesses::validate(&config.witnesses, &mut problems);
    super::export::validate(&config.export, &mut problems);
    super::log::validate(&config.log, &mut problems);
    super::notify::validate(&config.notify, &config.response, &mut problems);
    limits(&config.limits, &mut problems);
    problems
}

fn listen(key: &str, address: &str, hosts: &[String], problems: &mut Vec<String>) {
    match address.parse::<SocketAddr>() {
        Err(_) => problems.push(format!("`{key}`: `{address}` is not an address and port such as `127.0.0.1:7070`")),
        Ok(parsed) if !parsed.ip().is_loopback() && hosts.is_empty() => problems.push(format!(
            "`{key}`: `{address}` is reachable from outside; name the hosts that requests may use in `allowed_hosts`"
        )),
        Ok(_) => {}
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '@']))
}

fn upstream(index: usize, upstream: &Upstream, problems: &mut Vec<String>) {
    let key = format!("upstream[{index}]");
    let Upstream { name, .. } = upstream;
    if !is_upstream_name(name) {
        problems.push(format!(
            "`{key}.name`: `{name}` is not a name: letters, digits, `-`, `.` and single `_`, at most {NAME_CHARS_MAX}"
        ));
    }
    match (&upstream.command, &upstream.url) {
        (None, None) => problems.push(format!("`{key}`: needs `command` or `url`")),
        (Some(_), Some(_)) => problems.push(format!("`{key}`: `command` and `url` exclude each other")),
        (Some(_), None) if !upstream.headers.is_empty() || upstream.token_env.is_some() => {
            problems.push(format!("`{key}`: `headers` and `token_env` belong to a `url`"));
        }
        (None, Some(_)) if !upstream.args.is_empty() || !upstream.env.is_empty() || upstream.cwd.is_some() => {
            problems.push(format!("`{key}`: `args`, `env` and `cwd` belong to a `command`"));
        }
        (None, Some(url)) if !url.starts_with("http://") && !url.starts_with("https://") => {
            problems.push(format!("`{key}.url`: `{url}` does not begin with `http://` or `https://`"));
        }
        (None, Some(url)) if url.contains('@') => {
            problems.push(format!("`{key}.url`: carries credentials; use `token_env`"));
        }
        _ => {}
    }
    for (header, value) in &upstream.headers {
        if matches!(value, Sensitive::Literal(_)) && carries_credential(header) {
            problems.push(format!(
                "`{key}.headers`: `{header}` carries a credential; write `{{ from = \"NAME\" }}` or use `token_env`"
            ));
        }
    }
}

/// Whether `name` can stand in paths, prefixes (`<name>__<tool>`) and policies.
pub(crate) fn is_upstream_name(name: &str) -> bool {
    let well_formed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let length = (1..=NAME_CHARS_MAX).contains(&name.len());
    length
        && name.chars().all(well_formed)
        && !name.contains("__")
        && !name.starts_with(['_', '.'])
        && !name.ends_with('_')
}

fn unique<'a>(list: &str, key: &str, names: impl Iterator<Item = &'a str>, problems: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for name in names.filter(|name| !seen.insert(*name)) {
        problems.push(format!("`{list}`: two entries have the {key} `{name}`"));
    }
}

fn limits(limits: &Limits, problems: &mut Vec<String>) {
    let positive = [
        ("request_bytes_max", limits.request_bytes_max as u64),
        ("response_bytes_max", limits.response_bytes_max as u64),
        ("in_flight_max", limits.in_flight_max as u64),
        ("sessions_max", limits.sessions_max as u64),
        ("history_bytes", limits.history_bytes as u64),
        ("session_idle_s", limits.session_idle_s),
        ("upstream_silence_ms", limits.upstream_silence_ms),
        ("decision_deadline_ms", limits.decision_deadline_ms),
    ];
    for (key, _) in positive.iter().filter(|(_, value)| *value == 0) {
        problems.push(format!("`limits.{key}`: 0 would stop everything"));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    fn check(text: &str, expected: &str) {
        let message = parse(text, "f").unwrap_err().to_string();
        assert!(message.contains(expected), "{text}\n{message}");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        check("[api]\nlisten = \"7070\"", "`api.listen`: `7070` is not an address");
        check("[mcp]\nlisten = \"0.0.0.0:7071\"", "reachable from outside");
        check("[[upstream]]\nname = \"a__b\"\ncommand = \"x\"", "is not a name");
        check("[[upstream]]\nname = \"a\"", "needs `command` or `url`");
        check("[[upstream]]\nname = \"a\"\ncommand = \"x\"\nurl = \"http://y\"", "exclude each other");
        check("[[upstream]]\nname = \"a\"\nurl = \"ftp://y\"", "does not begin with");
        check("[[upstream]]\nname = \"a\"\nurl = \"http://u:p@y\"", "carries credentials");
        check(
            "[[upstream]]\nname=\"a\"\nurl=\"http://y\"\nheaders={Authorization=\"Bearer x\"}",
            "carries a credential",
        );
        check("[[upstream]]\nname=\"a\"\ncommand=\"x\"\n[[upstream]]\nname=\"a\"\ncommand=\"y\"", "two entries");
        check("[limits]\nsession_idle_s = 0", "would stop everything");
        check("[mcp]\nlisten = \"0.0.0.0:1\"\nallowed_hosts = [\"h\"]\nanonymous_agent = \"a\"", "loopback");
        check("[mcp]\nworkspace = \"here\"", "not an absolute path");
        check("[classification]\nlevels = []", "`classification.levels` is empty");
        check("[[labels]]\nresource = \"file:/srv/**\"\nlabels = [\"confidental\"]", "did you mean `confidential`?");
        check("[[catalog]]\ntool = \"x\"", "says nothing of the output");
        check(
            "[[catalog]]\ntool = \"x\"\noutput = [{ pointer = \"a\", labels = [\"internal\"] }]",
            "not a JSON pointer",
        );
        check("[mcp]\nallowed_origins = [\"*\"]", "is not an origin");
    }

    #[test]
    fn a_credential_in_the_file_is_not_repeated_in_the_error() {
        let text = "[[upstream]]\nname=\"a\"\nurl=\"http://y\"\nheaders={Authorization=\"Bearer hunter2\"}";
        assert!(!parse(text, "f").unwrap_err().to_string().contains("hunter2"));
        let text = "[[upstream]]\nname = \"a\"\nurl = \"http://u:hunter2@y\"";
        assert!(!parse(text, "f").unwrap_err().to_string().contains("hunter2"));
    }
}
