//! `policy report`: what each policy did in a stretch of records, and what to do with it.

use crate::cli::{Output, When};
use crate::commands::log;
use crate::failure::{Failure, Outcome};
use crate::firings::{PolicyFirings, Report};
use crate::place::Place;
use crate::skipped::Skipped;
use crate::{out, render};
use std::process::ExitCode;

/// Agents that fit on a line.
const AGENTS_SHOWN: usize = 3;

pub(super) fn run(place: &Place, output: Output, since: Option<When>) -> Outcome {
    let reader = log::open(&log::directory(place)?)?;
    let from_ms = since.map_or(0, |when| when.0);
    let (mut report, mut skipped) = (Report::default(), Skipped::default());
    for record in reader.forwards(0) {
        let record = record.map_err(log::unreadable)?;
        skipped.look(&record);
        // A record of a newer version is none that we could count.
        let Some(record) = record.parse() else { continue };
        if log::time_ms(&record) >= from_ms {
            report.add(&record);
        }
    }
    let mut report = report.finish();
    report.skipped = skipped;
    if output.json {
        out::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&report)?;
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report) -> Result<(), Failure> {
    report.skipped.line().map_or(Ok(()), out::line)?;
    if report.decisions == 0 {
        return out::line("no decision was made in this time");
    }
    let (from, to) = (render::time(report.from_ms), render::time(report.to_ms));
    out::line(format_args!("{} decisions from {from} to {to}", report.decisions))?;
    if report.policies.is_empty() {
        return out::line("no policy fired");
    }
    out::line("")?;
    let rows: Vec<Vec<String>> = report.policies.iter().map(row).collect();
    out::table(
        &[
            "POLICY",
            "MODE",
            "FIRED",
            "DENY/ASK/NOTE",
            "LOW/MED/HIGH/CRIT",
            "WOULD STOP",
            "YES/NO",
            "AGENTS",
            "SUGGESTION",
        ],
        &rows,
    )?;
    out::line("")?;
    for one in &report.policies {
        let example = one.examples.first().map(|id| format!("; see `holdshort log show {id}`")).unwrap_or_default();
        out::line(format_args!("{}: {}: {}{example}", one.policy, one.suggestion.as_str(), one.because))?;
    }
    Ok(())
}

fn row(one: &PolicyFirings) -> Vec<String> {
    let mode = serde_json::to_value(one.mode).unwrap_or_default();
    let mut agents: Vec<(&String, &u64)> = one.agents.iter().collect();
    agents.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let more = agents.len().saturating_sub(AGENTS_SHOWN);
    let mut named: Vec<String> =
        agents.iter().take(AGENTS_SHOWN).map(|(name, count)| format!("{} ({count})", render::safe(name))).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    let (wanted, risk) = (one.wanted, one.risk);
    vec![
        one.policy.clone(),
        mode.as_str().unwrap_or_default().to_owned(),
        one.fired.to_string(),
        format!("{}/{}/{}", wanted.deny, wanted.ask, wanted.note),
        format!("{}/{}/{}/{}", risk.low, risk.medium, risk.high, risk.critical),
        one.would_have_stopped.to_string(),
        format!("{}/{}", one.approved, one.refused),
        named.join(", "),
        one.suggestion.as_str().to_owned(),
    ]
}
