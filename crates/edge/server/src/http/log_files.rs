//! `/log/*`: the tiled log as static files (C2SP tlog-tiles), read only.
//!
//! INVARIANT: a name is parsed into its parts and checked against the grammar of the specification before it becomes
//! a path. Nothing else in the log's directory can be named, and nothing outside of it.

use super::App;
use super::input::Place;
use super::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

/// Largest file that is served: an entry bundle has at most 256 entries of at most 64 KiB.
const FILE_BYTES_MAX: u64 = 17 * 1024 * 1024;
/// Highest level of a tile (tlog-tiles).
const LEVEL_MAX: u8 = 63;
/// Groups of three digits in a tile's index: 2^64 has at most seven.
const GROUPS_MAX: usize = 7;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Checkpoint,
    Key,
    Tile { partial: bool },
}

pub(crate) async fn file(State(app): State<Arc<App>>, Place(name): Place<String>) -> Result<Response, Problem> {
    let missing = || Problem::not_found("there is no such file in the log");
    let kind = parse(&name).ok_or_else(missing)?;
    let opened = tokio::fs::File::open(app.log_dir.join(&name)).await;
    let file = match opened {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Err(missing()),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).await.map_err(|error| unreadable(&error))?;
    let (media_type, cache) = match kind {
        File::Checkpoint => ("text/plain; charset=utf-8", "no-cache"),
        File::Key => ("text/plain; charset=utf-8", "max-age=3600"),
        File::Tile { partial: false } => ("application/octet-stream", "max-age=604800, immutable"),
        File::Tile { partial: true } => ("application/octet-stream", "max-age=60"),
    };
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, cache)], bytes).into_response())
}

fn unreadable(error: &std::io::Error) -> Problem {
    tracing::warn!(%error, "log file cannot be read");
    Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, holdshort_api::code::STATE_DOWN, "the log cannot be read")
}

fn parse(name: &str) -> Option<File> {
    match name {
        "checkpoint" | "checkpoint.witnessed" => Some(File::Checkpoint),
        "log.pub" | "log.mldsa.pub" | "log.cose.pub" => Some(File::Key),
        _ => {
            let (level, index) = name.strip_prefix("tile/")?.split_once('/')?;
            let level_good = level == "entries" || number(level).is_some_and(|level| level <= u16::from(LEVEL_MAX));
            level_good.then(|| tile(index)).flatten()
        }
    }
}

/// `x001/x234/067` or `067.p/12`.
fn tile(index: &str) -> Option<File> {
    let (index, partial) = match index.split_once(".p/") {
        Some((index, width)) => (index, Some(number(width).filter(|width| (1..256).contains(width))?)),
        None => (index, None),
    };
    let mut groups = index.split('/').rev();
    let three = |group: &str| group.len() == 3 && group.bytes().all(|digit| digit.is_ascii_digit());
    let last_good = groups.next().is_some_and(three);
    let mut rest = 0;
    let rest_good = groups.inspect(|_| rest += 1).all(|group| group.strip_prefix('x').is_some_and(three));
    (last_good && rest_good && rest < GROUPS_MAX).then_some(File::Tile { partial: partial.is_some() })
}

/// A decimal number without leading zeros.
fn number(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    (plain && text.len() <= 3).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_specification() {
        let full = Some(File::Tile { partial: false });
        for (name, expected) in [
            ("checkpoint", Some(File::Checkpoint)),
            ("checkpoint.witnessed", Some(File::Checkpoint)),
            ("log.pub", Some(File::Key)),
            ("log.mldsa.pub", Some(File::Key)),
            ("log.cose.pub", Some(File::Key)),
            ("tile/0/000", full),
            ("tile/63/x001/x234/067", full),
            ("tile/entries/x001/067", full),
            ("tile/0/000.p/1", Some(File::Tile { partial: true })),
            ("tile/entries/x999/000.p/255", Some(File::Tile { partial: true })),
        ] {
            assert_eq!(parse(name), expected, "{name}");
        }
    }

    #[test]
    fn nothing_else_can_be_named() {
        for name in [
            "",
            ".",
            "..",
            "/",
            "log.key",
            "log.cose.key",
            "records/0",
            "state.db",
            "../state.db",
            "tile/../log.key",
            "tile/0/../000",
            "tile/0/000/../../../log.key",
            "tile/64/000",
            "tile/00/000",
            "tile/0/0",
            "tile/0/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/..",
            "tile/0/001/002",
            "tile/0/000\0",
            "tile//000",
            "/checkpoint",
            "checkpoint/",
            "tile/0/\u{661}\u{662}\u{663}",
            "tile/-1/000",
            "tile/0/x000/x000/x000/x000/x000/x000/x000/000",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
