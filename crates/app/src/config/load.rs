//! From the text of a file to a checked configuration, with errors that name the file and the line.

use crate::config::types::{Config, ProfileName};
use crate::config::validate::validate;
use crate::failure::{Failure, io_failure};
use std::path::{Path, PathBuf};

/// Largest configuration file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A checked configuration and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The effective values.
    pub(crate) config: Config,
    /// The file, unless the profile alone is in force.
    pub(crate) file: Option<PathBuf>,
}

impl Loaded {
    /// Reads and checks `file`; without one the quickstart profile is in force.
    ///
    /// # Errors
    /// Exit code 64, with file, line and hint.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file else {
            return Ok(Self { config: parse("", "(profile)")?, file: None });
        };
        let bytes = std::fs::metadata(path).map_err(unreadable(path))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(Failure::config(format!("`{}` has {bytes} bytes, over {FILE_BYTES_MAX}", path.display())));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable(path))?;
        let config = parse(&text, &path.display().to_string())?;
        let file = std::path::absolute(path).map_err(io_failure("resolve", path))?;
        Ok(Self { config, file: Some(file) })
    }

    /// Resolves a path of the configuration against the file's directory.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        match self.file.as_deref().and_then(Path::parent) {
            Some(directory) => directory.join(path),
            None => path.to_path_buf(),
        }
    }
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let text = format!("cannot read the configuration `{}`", path.display());
    move |error| {
        Failure::config(format!("{text}: {error}")).hint("name another file with `--config` or HOLDSHORT_CONFIG")
    }
}

/// Parses and checks the text of a configuration file. `name` stands in errors.
///
/// # Errors
/// Exit code 64, with file, line and hint.
pub(crate) fn parse(text: &str, name: &str) -> Result<Config, Failure> {
    // Once alone, for errors with a line; once over its profile, for the effective values.
    let own: Config = toml::from_str(text).map_err(|error| located(&error, text, name))?;
    let internal =
        |error: &dyn std::fmt::Display| Failure::internal(format!("cannot lay `{name}` over its profile: {error}"));
    let mut merged: toml::Table =
        profile_text(own.profile).parse().map_err(|error: toml::de::Error| internal(&error))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| located(&error, text, name))?;
    lay_over(&mut merged, table);
    let config: Config = merged.try_into().map_err(|error: toml::de::Error| internal(&error))?;
    match validate(&config).as_slice() {
        [] => Ok(config),
        problems => Err(Failure::config(format!("{name}: {}", problems.join(&format!("\n       {name}: "))))
            .hint("docs/reference/configuration.md says what each key takes")),
    }
}

/// The defaults of a profile.
pub(crate) fn profile_text(profile: ProfileName) -> &'static str {
    match profile {
        ProfileName::Quickstart => include_str!("../../../../profiles/quickstart.toml"),
        ProfileName::Strict => include_str!("../../../../profiles/strict.toml"),
    }
}

/// Lays `upper` over `lower`: tables merge, everything else is replaced.
fn lay_over(lower: &mut toml::Table, upper: toml::Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

fn located(error: &toml::de::Error, text: &str, name: &str) -> Failure {
    let place = match error.span() {
        Some(span) => {
            let before = text.get(..span.start).unwrap_or_default();
            format!("{name}:{}", before.matches('\n').count() + 1)
        }
        None => name.to_owned(),
    };
    let message = error.message();
    match unknown_word(message) {
        Some((what, key, known)) => {
            let failure = Failure::config(format!("{place}: unknown {what} `{key}`"));
            match nearest(key, &known) {
                Some(candidate) => failure.hint(format!("did you mean `{candidate}`?")),
                None => failure.hint(format!("known here: {}", known.join(", "))),
            }
        }
        None => Failure::config(format!("{place}: {message}")).hint("see docs/reference/configuration.md"),
    }
}

/// Reads serde's message for an unknown field or value: which of the two it is, the word, and the words that are known there.
fn unknown_word(message: &str) -> Option<(&'static str, &str, Vec<&str>)> {
    let key = message.strip_prefix("unknown field `").map(|rest| ("key", rest));
    let (what, rest) = key.or_else(|| message.strip_prefix("unknown variant `").map(|rest| ("value", rest)))?;
    let (word, rest) = rest.split_once('`')?;
    Some((what, word, rest.split('`').skip(1).step_by(2).collect()))
}

/// The known name that a typing error most probably meant.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 >= 0.8).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Code;
    use holdshort_decide::UnknownAgent;
    use holdshort_inventory::FirstUse;

    fn refusal(text: &str) -> String {
        let failure = parse(text, "holdshort.toml").unwrap_err();
        assert_eq!(failure.code(), Code::Config);
        failure.to_string()
    }

    #[test]
    fn an_empty_file_is_the_quickstart_profile() {
        let config = parse("", "x").unwrap();
        assert_eq!(config.unknown_agent, UnknownAgent::Observe);
        assert_eq!(config.pins.first_use, FirstUse::Trust);
    }

    #[test]
    fn the_file_wins_over_its_profile() {
        let config = parse("profile = \"strict\"\n[pins]\nfirst_use = \"trust\"\n", "x").unwrap();
        assert_eq!(config.unknown_agent, UnknownAgent::Refuse);
        assert_eq!(config.pins.first_use, FirstUse::Trust);
    }

    #[test]
    fn an_unknown_key_names_file_line_and_nearest_name() {
        let text = refusal("profile = \"strict\"\n\n[api]\nlisten = \"127.0.0.1:0\"\nallowed_host = []\n");
        assert!(text.contains("holdshort.toml:5: unknown key `allowed_host`"), "{text}");
        assert!(text.contains("did you mean `allowed_hosts`?"), "{text}");
        let text = refusal("[[upstream]]\nname = \"a\"\ncomand = \"b\"\n");
        assert!(text.contains("holdshort.toml:3") && text.contains("did you mean `command`?"), "{text}");
    }

    #[test]
    fn an_unknown_value_and_a_wrong_type_name_the_line() {
        let text = refusal("\nprofile = \"stict\"\n");
        assert!(text.contains("holdshort.toml:2: unknown value `stict`"), "{text}");
        assert!(text.contains("did you mean `strict`?"), "{text}");
        let text = refusal("[limits]\nrequest_bytes_max = \"big\"\n");
        assert!(text.contains("holdshort.toml:2"), "{text}");
    }

    #[test]
    fn the_profiles_are_valid() {
        for profile in [ProfileName::Quickstart, ProfileName::Strict] {
            parse(profile_text(profile), "profile").unwrap();
        }
    }
}
