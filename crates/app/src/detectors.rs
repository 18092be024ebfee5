//! From the configuration to the detectors: reads feeds, rules and the key of the fingerprints.

use crate::clock;
use crate::config::{FeedEntry, Loaded};
use crate::failure::{Failure, io_failure};
use crate::place::DataDir;
use holdshort_detect::intelligence::{Builder, FEED_BYTES_MAX, Feed, FeedError, Format, Intelligence, Report};
use holdshort_detect::rules::{BUILTIN, FILE_BYTES_MAX, Rules};
use holdshort_detect::{Detectors, Exemption, FingerprintKey, OwnSecret, Parts};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// Faults that are shown at once.
const FAULTS_SHOWN_MAX: usize = 20;

/// Compiles the detectors. `data`: where the key of the fingerprints is, if there is a data directory.
///
/// # Errors
/// Exit code 64 with each fault: file and line.
pub(crate) fn build(loaded: &Loaded, data: Option<&DataDir>) -> Result<Detectors, Failure> {
    let detect = &loaded.config.detect;
    if !detect.scan {
        return Ok(Detectors::default());
    }
    let own = |entry: &crate::config::OwnSecretEntry| {
        let fingerprint = entry.bytes_of_fingerprint()?;
        Some(OwnSecret { name: entry.name.clone(), fingerprint, bytes: entry.bytes })
    };
    let exempt =
        |entry: &crate::config::ExemptEntry| Exemption { rule: entry.rule.clone(), server: entry.server.clone() };
    let parts = Parts {
        key: key(data, !detect.own_secrets.is_empty())?,
        own_secrets: detect.own_secrets.iter().filter_map(own).collect(),
        known_domains: detect.own_domains.clone(),
        exemptions: detect.exempt.iter().map(exempt).collect(),
        injection: detect.injection.then(holdshort_detect::injection::Model::builtin),
        intelligence: intelligence(loaded)?.map(Arc::new),
        rules: rules(loaded)?.map(Arc::new),
    };
    Detectors::new(parts).map_err(|faults| {
        let lines: Vec<String> = faults.iter().take(FAULTS_SHOWN_MAX).map(|fault| format!("detect: {fault}")).collect();
        Failure::config(lines.join("\n       ")).hint("see docs/reference/detection.md")
    })
}

/// The files that the detectors are made of.
pub(crate) fn files(loaded: &Loaded) -> impl Iterator<Item = PathBuf> + '_ {
    let detect = &loaded.config.detect;
    let feeds = detect.feeds.iter().map(|feed| &feed.path);
    feeds.chain(detect.rules.iter().map(|rules| &rules.path)).map(|path| loaded.resolve(path))
}

fn intelligence(loaded: &Loaded) -> Result<Option<Intelligence>, Failure> {
    let feeds = &loaded.config.detect.feeds;
    if feeds.is_empty() {
        return Ok(None);
    }
    Ok(Some(read_feeds(loaded, feeds, |feed, report| {
        let first = report.named.first().map(|one| format!("line {}: {}", one.line, one.why));
        tracing::info!(feed = feed.name, entries = report.entries, expired = report.expired, "feed read");
        if report.rejected > 0 {
            tracing::warn!(feed = feed.name, rejected = report.rejected, first, "lines of a feed were left out");
        }
    })?))
}

/// Reads `feeds` into one snapshot and tells of each.
///
/// # Errors
/// Exit code 64 with feed, file and line.
pub(crate) fn read_feeds(
    loaded: &Loaded,
    feeds: &[FeedEntry],
    mut told: impl FnMut(&FeedEntry, &Report),
) -> Result<Intelligence, Failure> {
    let mut builder = Builder::new(clock::now_ms());
    for entry in feeds {
        let path = loaded.resolve(&entry.path);
        let read = FeedFile::read(&path, entry.format.into())?;
        let report = builder.add(&read.feed(entry)).map_err(|error| refused(&entry.name, &path, &error))?;
        told(entry, &report);
    }
    Ok(builder.build())
}

/// A feed that cannot be used, with its file.
pub(crate) fn refused(name: &str, path: &Path, error: &FeedError) -> Failure {
    Failure::config(format!("feed `{name}`, {}: {error}", path.display()))
        .hint("`holdshort intelligence import` checks a file before it takes the place of the last good one")
}

/// The bytes of a feed and when they were written.
pub(crate) struct FeedFile {
    bytes: Vec<u8>,
    changed_ms: u64,
    format: Format,
}

impl FeedFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Exit code 64.
    pub(crate) fn read(path: &Path, format: Format) -> Result<Self, Failure> {
        let bytes = bounded(path, FEED_BYTES_MAX)?;
        let changed = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
        let changed_ms = since.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or_default();
        Ok(Self { bytes, changed_ms, format })
    }

    /// As the configuration declares it.
    pub(crate) fn feed<'a>(&'a self, entry: &'a FeedEntry) -> Feed<'a> {
        Feed {
            name: &entry.name,
            format: self.format,
            confidence: entry.confidence,
            ttl_ms: entry.ttl_days.map(|days| u64::from(days) * DAY_MS),
            changed_ms: self.changed_ms,
            bytes: &self.bytes,
        }
    }
}

/// Reads a file that has at most `max` bytes.
///
/// # Errors
/// Exit code 64.
pub(crate) fn bounded(path: &Path, max: usize) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let unreadable = |error: std::io::Error| {
        Failure::config(format!("cannot read `{}`: {error}", path.display())).hint("check the path and its permissions")
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > max {
        return Err(Failure::config(format!("`{}` has more than {max} bytes", path.display())));
    }
    Ok(bytes)
}

fn rules(loaded: &Loaded) -> Result<Option<Rules>, Failure> {
    let detect = &loaded.config.detect;
    let mut files = Vec::new();
    if detect.builtin_rules {
        files.push(("builtin".to_owned(), BUILTIN.to_owned()));
    }
    for entry in &detect.rules {
        let path = loaded.resolve(&entry.path);
        let name = path.display().to_string();
        let text = String::from_utf8(bounded(&path, FILE_BYTES_MAX)?).map_err(|_| {
            Failure::config(format!("{name}: not UTF-8")).hint("`holdshort rules import` writes such files")
        })?;
        files.push((name, text));
    }
    if files.is_empty() {
        return Ok(None);
    }
    let borrowed: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Rules::new(&borrowed).map(Some).map_err(|faults| {
        let lines: Vec<String> = faults.iter().take(FAULTS_SHOWN_MAX).map(ToString::to_string).collect();
        Failure::config(lines.join("\n       ")).hint("`holdshort rules import` writes files of rules")
    })
}

// Without a key nothing hides behind fingerprints: it is only taken where none of them leaves the machine's own memory.
fn key(data: Option<&DataDir>, needed: bool) -> Result<FingerprintKey, Failure> {
    match data.map(read_key).transpose()?.flatten() {
        Some(key) => Ok(key),
        None if needed => {
            Err(Failure::config("`detect.own_secrets` needs the key that their fingerprints were made with")
                .hint("name the data directory in which `holdshort secrets fingerprint` was run, with `--data`"))
        }
        None => Ok(FingerprintKey::default()),
    }
}

fn read_key(data: &DataDir) -> Result<Option<FingerprintKey>, Failure> {
    let path = data.fingerprint_key();
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        // A data directory that is none has no key; what is wrong with it is said by who prepares it.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(io_failure("read", &path)(error)),
    };
    let key: [u8; 32] = bytes.try_into().map_err(|_| {
        Failure::config(format!("`{}` is not a key of 32 bytes", path.display()))
            .hint("put it back from a backup; without it the fingerprints in the configuration mean nothing")
    })?;
    Ok(Some(FingerprintKey::new(&key)))
}

/// The key of the fingerprints, made when there is none.
///
/// # Errors
/// When it cannot be read or written.
pub(crate) fn ensure_key(data: &DataDir) -> Result<FingerprintKey, Failure> {
    if let Some(key) = read_key(data)? {
        return Ok(key);
    }
    let path = data.fingerprint_key();
    let bytes: [u8; 32] = clock::random()?;
    // Written beside and linked: two processes that start at once use the same key, and none sees half of one.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    written
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .map_err(io_failure("write", &beside))?;
    let linked = fs::hard_link(&beside, &path);
    fs::remove_file(&beside).map_err(io_failure("remove", &beside))?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(io_failure("write", &path)(error)),
        _ => read_key(data)?.ok_or_else(|| Failure::internal("the key of the fingerprints is gone again")),
    }
}
