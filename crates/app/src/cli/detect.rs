//! `intelligence`, `rules`, `secrets`: what content is scanned for.

use super::Output;
use crate::config::FeedFormat;
use crate::place::Place;
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum IntelligenceCommand {
    /// Check a downloaded feed and put it in the place of the last good one
    #[command(
        after_help = "Example:\n  holdshort intelligence import --format misp event.json --to feeds/misp.csv\n\nThe new file takes the old one's place only when it is good; a running service then takes it in by itself."
    )]
    Import {
        #[command(flatten)]
        output: Output,
        /// Format of the file
        #[arg(long, value_enum)]
        format: FeedFormat,
        /// How sure the feed is at most, 0 to 100
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
        confidence: u8,
        /// How long an indicator holds after it was last seen, in days
        #[arg(long, value_name = "DAYS")]
        ttl_days: Option<u32>,
        /// The file
        file: PathBuf,
        /// The file that the configuration names, with `format = "csv"`
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Read the feeds of the configuration and say what is in them and what was left out
    #[command(after_help = "Example:\n  holdshort intelligence show")]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Say what the feeds name in a text; exit code 1 when they name something
    #[command(after_help = "Example:\n  holdshort intelligence check https://example.org/setup.sh")]
    Check {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// The text; default: standard input
        text: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Convert Agent Threat Rules (YAML), run their own tests, and leave out what fails them
    #[command(after_help = "Example:\n  holdshort rules import agent-threat-rules/rules --to rules.jsonl")]
    Import {
        #[command(flatten)]
        output: Output,
        /// A rule, or a folder with rules
        #[arg(value_name = "DIR|FILE")]
        path: PathBuf,
        /// The file to write, for `[[detect.rules]]`
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Keep only rules that count
        #[arg(long)]
        stable: bool,
        /// Texts without a threat, one JSON string a line; a rule that matches one of them does not count
        #[arg(long, value_name = "FILE")]
        benign: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Read a secret from standard input, without showing it, and print what the configuration needs to recognise it
    #[command(
        after_help = "Example:\n  holdshort secrets fingerprint --name billing-key\n\nThe value is stored nowhere. The key of the fingerprints is made at first use, in the data directory."
    )]
    Fingerprint {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// The name that records and policies show
        #[arg(long)]
        name: String,
    },
}
