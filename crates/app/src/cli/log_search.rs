//! Arguments of `log search`, `log tail` and `log index`: which records.

use super::{Output, When};
use crate::place::Place;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use holdshort_model::{ActionKind, RecordId, Verb};

pub(super) const SEARCH_EXAMPLES: &str = "\
Example:
  holdshort log search --effect deny --agent tidy --since 7d
  holdshort log search --level high --text \"not granted\" --until 2026-08-01T00:00:00Z
  holdshort log search --id 01JB3Q8ZK4M7T2V9XH6N5C1W0A --oldest-first
  holdshort log search --tool files/delete_file --before 4711 --json

The newest come first. Of several values of one option any will do; of different options all have to be met.
Times are how long ago (`2h`, `7d`), `today`, `yesterday`, or RFC 3339: `2026-08-01T12:00:00Z`, `2026-08-01T14:00:00+02:00`.
Days begin at midnight UTC, a time without an offset is in UTC, and every time is printed in UTC.
An outcome happened when it ended.
What is found by the index is read in the log; what is not indexed yet is read as well.";

/// Reads the id of a decision, an approval or an incident.
pub(super) fn record_id(text: &str) -> Result<RecordId, String> {
    let wrong = |_| format!("`{text}` is no id; one has 26 letters and digits, such as `01JB3Q8ZK4M7T2V9XH6N5C1W0A`");
    text.parse().map_err(wrong)
}

/// The types that this version writes, and what it calls records that it cannot read. One of a later version is found with
/// `--contains`.
fn record_types() -> PossibleValuesParser {
    let written = holdshort_export::KINDS.into_iter().filter(|kind| *kind != "unreadable");
    PossibleValuesParser::new(written.chain(["erased", "closed", "unknown"]))
}

/// What a record has to be.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which records")]
pub(crate) struct FilterArgs {
    /// Of this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Vec<String>,
    /// Of this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Vec<String>,
    /// Of this person: for whom an agent acted, or who answered, released or changed something
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Vec<String>,
    /// With this tool, or what else an action names; `SERVER/NAME` for that of one server
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Vec<String>,
    /// With this server
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Vec<String>,
    /// Actions of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(ActionKind::ALL.map(ActionKind::as_str)), hide_possible_values = true)]
    pub(crate) kind: Vec<String>,
    /// Actions that do this to a resource, such as `delete`
    #[arg(long, value_parser = PossibleValuesParser::new(Verb::ALL.map(Verb::as_str)), hide_possible_values = true)]
    pub(crate) verb: Vec<String>,
    /// Decisions with this effect
    #[arg(long)]
    pub(crate) effect: Vec<EffectChoice>,
    /// Decisions of which this was enforced
    #[arg(long)]
    pub(crate) enforced: Vec<EffectChoice>,
    /// Decisions at this level of risk, or above
    #[arg(long)]
    pub(crate) level: Option<LevelChoice>,
    /// Records of this type, such as `approval`; those that cannot be read are of type `erased` or `closed`
    #[arg(long = "type", value_name = "TYPE", value_parser = record_types(), hide_possible_values = true)]
    pub(crate) types: Vec<String>,
    /// Of which this policy said something
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Vec<String>,
    /// That carry this id, of a decision, an approval or an incident
    #[arg(long, value_name = "ID", value_parser = record_id)]
    pub(crate) id: Vec<RecordId>,
    /// From this time on: how long ago, such as `7d`, or a date such as `2026-08-01T12:00:00Z`; UTC where it says nothing else
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub(crate) since: Option<When>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub(crate) until: Option<When>,
    /// That say all of these words in their reasons, in any order
    #[arg(long, value_name = "WORDS")]
    pub(crate) text: Option<String>,
    /// Whose JSON has this text in it, letter for letter; reads every record that the other options leave
    #[arg(long, value_name = "TEXT")]
    pub(crate) contains: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EffectChoice {
    Allow,
    Ask,
    Deny,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelChoice {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
    /// From the beginning of the log on
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// Only records before this index: the next page
    #[arg(long, value_name = "INDEX")]
    pub(crate) before: Option<u64>,
    /// Only records from this index on: the next page of `--oldest-first`
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
    /// Read every record, and use no index
    #[arg(long)]
    pub(crate) no_index: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// How many records
    #[arg(short = 'n', long, default_value_t = 10)]
    pub(crate) lines: usize,
    /// Go on as records come in
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Read every record, and use no index
    #[arg(long)]
    pub(crate) no_index: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Index what is not indexed yet
    #[arg(long)]
    pub(crate) update: bool,
    /// Throw the index away and make it again
    #[arg(long)]
    pub(crate) rebuild: bool,
}
