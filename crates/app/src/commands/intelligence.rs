//! `intelligence`: feeds checked, converted and looked into, offline.

use crate::cli::IntelligenceCommand;
use crate::config::{FeedEntry, FeedFormat};
use crate::detectors::{self, FeedFile};
use crate::failure::{Code, Failure, Outcome, io_failure};
use crate::place::Place;
use crate::{clock, out, render};
use holdshort_detect::Text;
use holdshort_detect::intelligence::{Entry, Report, read};
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Most bytes that `check` reads from standard input.
const TEXT_BYTES_MAX: u64 = 16 << 20;

pub(super) fn run(command: IntelligenceCommand) -> Outcome {
    match command {
        IntelligenceCommand::Import { output, format, confidence, ttl_days, file, to } => {
            let name = file.display().to_string();
            let entry = FeedEntry { name, path: file, format, confidence, ttl_days };
            import(&entry, &to, output.json)
        }
        IntelligenceCommand::Show { place, output } => show(&place, output.json),
        IntelligenceCommand::Check { place, output, text } => check(&place, output.json, text),
    }
}

// The file appears under its name when it is whole: whoever watches it never reads half of it, and a bad feed leaves the
// last good one where it is.
fn import(entry: &FeedEntry, to: &Path, json: bool) -> Outcome {
    let file = FeedFile::read(&entry.path, entry.format.into())?;
    let mut table = String::from("type,value,confidence,valid_until\n");
    let mut put = |entry: Entry| {
        let until = entry.until_ms.map(render::time).unwrap_or_default();
        // Indicators hold no control characters, and no quotation mark: URLs escape it.
        table.push_str(&format!("{},\"{}\",{},{until}\n", entry.value.kind().as_str(), entry.value, entry.confidence));
        true
    };
    let report = read(&file.feed(entry), clock::now_ms(), &mut put)
        .map_err(|error| detectors::refused(&entry.name, &entry.path, &error))?;
    let beside = PathBuf::from(format!("{}.{}.new", to.display(), std::process::id()));
    let written = fs::File::create(&beside)
        .and_then(|mut made| made.write_all(table.as_bytes()).and_then(|()| made.sync_all()))
        .and_then(|()| fs::rename(&beside, to));
    if let Err(error) = written {
        // What was begun is of no use; that it cannot be removed is the smaller problem.
        let _ = fs::remove_file(&beside);
        return Err(io_failure("write", to)(error));
    }
    if json {
        out::json(&summary(&entry.name, entry.format, &report))?;
    } else {
        told(&report)?;
        out::line(format_args!(
            "{} indicators in `{}`, for a feed with `format = \"csv\"`",
            report.entries,
            to.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(place: &Place, json: bool) -> Outcome {
    let loaded = place.load()?;
    let mut reports = Vec::new();
    let feeds = &loaded.config.detect.feeds;
    let snapshot = detectors::read_feeds(&loaded, feeds, |feed, report| reports.push((feed.clone(), report.clone())))?;
    if json {
        let feeds: Vec<_> = reports.iter().map(|(feed, report)| summary(&feed.name, feed.format, report)).collect();
        let (digest, entries) = (snapshot.digest().to_string(), snapshot.entries());
        out::json(&json!({ "feeds": feeds, "digest": digest, "entries": entries, "bytes": snapshot.bytes() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |(feed, report): &(FeedEntry, Report)| {
        let figures = [report.entries, report.expired, report.rejected].map(|figure| figure.to_string());
        let [entries, expired, rejected] = figures;
        vec![
            feed.name.clone(),
            entries,
            expired,
            rejected,
            feed.confidence.to_string(),
            feed.path.display().to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = reports.iter().map(row).collect();
    out::table(&["FEED", "INDICATORS", "EXPIRED", "LEFT OUT", "CONFIDENCE", "FILE"], &rows)?;
    for (feed, report) in reports.iter().filter(|(_, report)| report.rejected > 0) {
        out::line(format_args!("left out of {}:", feed.name))?;
        told(report)?;
    }
    out::line(format_args!(
        "{} indicators, {} KiB, {}",
        snapshot.entries(),
        snapshot.bytes() / 1024,
        snapshot.digest()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn check(place: &Place, json: bool, text: Option<String>) -> Outcome {
    let loaded = place.load()?;
    let snapshot = detectors::read_feeds(&loaded, &loaded.config.detect.feeds, |_, _| {})?;
    let text = match text {
        Some(text) => text,
        None => {
            let mut bytes = Vec::new();
            let input = std::io::stdin().lock().take(TEXT_BYTES_MAX).read_to_end(&mut bytes);
            input.map_err(io_failure("read", Path::new("standard input")))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let mut found = Vec::new();
    let complete = snapshot.find(&Text::new("", &text), &mut found);
    found.sort();
    for one in &found {
        match json {
            true => out::json(&json!({ "feed": one.feed, "kind": one.kind, "confidence": one.confidence }))?,
            false => out::line(format_args!("{}: a {} ({} %)", one.feed, one.kind, one.confidence))?,
        }
    }
    if !complete {
        return Err(Failure::refused("the text holds more than is looked up; not all of it was checked"));
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { Code::Refused.into() })
}

fn told(report: &Report) -> Result<(), Failure> {
    for one in &report.named {
        out::line(format_args!("  line {}: {}", one.line, one.why))?;
    }
    let more = report.rejected.saturating_sub(report.named.len());
    if more > 0 { out::line(format_args!("  and {more} more")) } else { Ok(()) }
}

fn summary(name: &str, format: FeedFormat, report: &Report) -> serde_json::Value {
    let named: Vec<_> = report.named.iter().map(|one| json!({ "line": one.line, "why": one.why })).collect();
    let Report { entries, expired, rejected, .. } = report;
    json!({ "feed": name, "format": format, "entries": entries, "expired": expired, "rejected": rejected, "named": named })
}
