//! The command line. Its shape is a contract: see `docs/reference/cli.md`, which is generated from here.

mod agents;
mod approvals;
mod containment;
mod detect;
mod export;
mod incidents;
mod listen;
mod log;
mod log_retention;
mod log_search;
mod policy;
mod replay;
mod sessions;
mod when;
mod witness;

pub(crate) use agents::{AgentsCommand, PinsCommand, TokensCommand};
pub(crate) use approvals::{ApprovalsCommand, PeopleCommand, PersonArgs};
pub(crate) use containment::{ContainArgs, ReleaseArgs, StandingArgs, WhomArgs};
pub(crate) use detect::{IntelligenceCommand, RulesCommand, SecretsCommand};
pub(crate) use export::{ExportCommand, LogExportArgs};
pub(crate) use incidents::{IncidentStateArg, IncidentsCommand, NotifyCommand};
pub(crate) use listen::ListenArgs;
pub(crate) use log::{AuditArgs, EraseArgs, LogCommand, MirrorArgs, ProveArgs, VerifyArgs, VerifyProofArgs};
pub(crate) use log_retention::{ArchiveArgs, DropArgs, RetentionArgs, VerifySegmentArgs};
pub(crate) use log_search::{EffectChoice, FilterArgs, IndexArgs, LevelChoice, SearchArgs, TailArgs};
pub(crate) use policy::{PolicyArgs, PolicyCommand, PolicyModeArgs};
pub(crate) use replay::{AskChoice, GrantsCommand, ReplayArgs, StretchArgs};
pub(crate) use sessions::{DestinationArgs, DestinationsCommand, LabelsCommand};
pub(crate) use when::When;
pub(crate) use witness::WitnessArgs;

use crate::place::Place;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;

/// Runtime security for AI agents: decides every operation before it runs, and keeps a record that nobody can alter unseen.
#[derive(Debug, Parser)]
#[command(name = "holdshort", version, max_term_width = 110, disable_help_subcommand = true, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "\
Exit codes: 0 done, 1 refused or check failed, 2 usage, 3 service unreachable, 64 bad configuration, 70 our fault.
Messages go to standard error; HOLDSHORT_LOG sets how many (such as `info` or `holdshort=debug`).";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the decision service and the MCP gateway
    #[command(after_help = "Example:\n  holdshort serve --config holdshort.toml")]
    Serve(ServeArgs),
    /// Guard one stdio MCP server: stands in an `mcp.json` in place of the server's command
    #[command(after_help = "Example:\n  holdshort mcp -- npx -y @modelcontextprotocol/server-filesystem ~/project")]
    Mcp(McpArgs),
    /// Decide one request, offline, with its explanation
    #[command(after_help = "Example:\n  holdshort decide --config holdshort.toml < request.json\n\nRequest:\n  \
        {\"subject\":{\"agent\":\"tidy\"},\"session\":\"s1\",\"action\":{\"kind\":\"tool.call\",\"server\":\"mail\",\
        \"name\":\"delete_messages\",\"args\":{\"ids\":[1,2]}}}\n\nThe answer goes to standard output; exit code 1 says that the action would not run.")]
    Decide(DecideArgs),
    /// Decide recorded actions again
    #[command(after_help = replay::REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Propose grants from what agents do, and find those that nothing uses
    #[command(subcommand, after_help = "Example:\n  holdshort grants suggest --agent tidy --since 30d")]
    Grants(GrantsCommand),
    /// Test, lint and explain policies
    #[command(subcommand, after_help = "Example:\n  holdshort policy test policies/")]
    Policy(PolicyCommand),
    /// Read and verify the records
    #[command(subcommand, after_help = "Example:\n  holdshort log verify")]
    Log(LogCommand),
    /// Look at the exports of records to other systems
    #[command(subcommand, after_help = "Example:\n  holdshort export status")]
    Export(ExportCommand),
    /// Follow another log: check, store and cosign what it says, where its keeper cannot write
    #[command(
        after_help = "Example:\n  holdshort mirror --from https://logs.example.com/node-1 --to /mnt/worm/node-1 --key log.pub\n  holdshort mirror --listen 127.0.0.1:7081 --to /mnt/worm/logs --name mirror.example.com/m1 --log node-1.pub --log node-2.pub\n\nWith `--from` it pulls; with `--listen` logs push (C2SP tlog-mirror), and the copies are served to everybody. Only what continues the copy is stored. A log that was rewritten and signed again ends it with exit code 1, and the message says from which record on; both signed checkpoints are kept."
    )]
    Mirror(MirrorArgs),
    /// Cosign the checkpoints of other logs, each only when it continues what was cosigned before
    #[command(
        after_help = "Example:\n  holdshort witness --listen 127.0.0.1:7080 --state /var/lib/witness --key /etc/witness.key --name witness.example.com/w1 --log log.pub\n\nSpeaks C2SP tlog-witness: `POST /add-checkpoint`. A log that was rewritten and signed again is not cosigned, and its checkpoint is kept as evidence. When others are to reach it, give it a certificate (`--tls-cert`, `--tls-key`), or put a proxy with TLS before it and name that (`--trusted-proxy`)."
    )]
    Witness(WitnessArgs),
    /// Register agents and their tokens
    #[command(
        subcommand,
        after_help = "Example:\n  holdshort agents add tidy --class assistant --owner ada@example.org"
    )]
    Agents(AgentsCommand),
    /// Look at pinned tool definitions and accept changed ones
    #[command(subcommand, after_help = "Example:\n  holdshort pins accept mail delete_messages sha256:9f86...")]
    Pins(PinsCommand),
    /// Look at the destinations that agents may use without a question, because a person approved them
    #[command(
        subcommand,
        after_help = "Example:\n  holdshort destinations add --agent tidy --kind mail bob@example.org"
    )]
    Destinations(DestinationsCommand),
    /// Look at what a session has read, and lower a label of it
    #[command(subcommand, after_help = "Example:\n  holdshort labels show s1 --agent tidy")]
    Labels(LabelsCommand),
    /// Answer what agents ask
    #[command(
        subcommand,
        after_help = "Example:\n  holdshort approvals approve 01JB3Q8ZK4M7T2V9XH6N5C1W0A --reason \"ticket 4711\""
    )]
    Approvals(ApprovalsCommand),
    /// Register the people who answer, and their tokens
    #[command(subcommand, after_help = "Example:\n  holdshort people add ann --role approve")]
    People(PeopleCommand),
    /// Check feeds of threat intelligence, and look into them
    #[command(subcommand, after_help = "Example:\n  holdshort intelligence show")]
    Intelligence(IntelligenceCommand),
    /// Convert threat rules that others publish
    #[command(subcommand, after_help = "Example:\n  holdshort rules import agent-threat-rules/rules --to rules.jsonl")]
    Rules(RulesCommand),
    /// Let the organisation's own secrets be recognised
    #[command(subcommand, after_help = "Example:\n  holdshort secrets fingerprint --name billing-key")]
    Secrets(SecretsCommand),
    /// Look at incidents and close them
    #[command(
        subcommand,
        after_help = "Example:\n  holdshort incidents close 01JB3Q8ZK4M7T2V9XH6N5C1W0A --reason \"the token was rotated\""
    )]
    Incidents(IncidentsCommand),
    /// Look at the channels that people are told by, and try them
    #[command(subcommand, after_help = "Example:\n  holdshort notify test soc-mail")]
    Notify(NotifyCommand),
    /// Take something away from an agent, a class or everybody, now
    #[command(
        after_help = "Example:\n  holdshort contain tidy --isolate --reason \"deletes the wrong things\"\n  holdshort contain --all --isolate --offline --reason \"nothing answers\"\n\nIt holds from the next action on, and until `holdshort release`. Children of a delegation inherit it."
    )]
    Contain(ContainArgs),
    /// Give back what was taken away
    #[command(after_help = "Example:\n  holdshort release tidy --reason \"fixed, see ticket 4711\"")]
    Release(ReleaseArgs),
    /// List what was taken away, from whom and why
    #[command(after_help = "Example:\n  holdshort standing --json")]
    Standing(StandingArgs),
    /// Check and print the configuration
    #[command(subcommand, after_help = "Example:\n  holdshort config check --config holdshort.toml")]
    Config(ConfigCommand),
    /// Measure this machine
    #[command(subcommand, after_help = "Example:\n  holdshort bench decide --json")]
    Bench(BenchCommand),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  holdshort completions bash > ~/.local/share/bash-completion/completions/holdshort"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    #[command(after_help = "Example:\n  holdshort version --json")]
    Version(Output),
    /// Print the reference of the command line
    #[command(hide = true)]
    CliReference,
}

impl Command {
    /// Whether it runs until it is ended.
    pub(crate) fn stays(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Mcp(_) | Self::Mirror(_) | Self::Witness(_))
    }
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Output {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Started by a wrapper: announce readiness on standard output, log to the data directory, listen on no port
    #[arg(long, hide = true)]
    pub(crate) background: bool,
    /// End after this many seconds without a client
    #[arg(long, hide = true, value_name = "SECONDS")]
    pub(crate) idle_exit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Name of the server in policies, grants and records; default: derived from the command
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Id of the agent that the client is; default: `stdio:` and the name of the client's program
    #[arg(long, env = "HOLDSHORT_AGENT", hide_env_values = true)]
    pub(crate) agent: Option<String>,
    /// What the person asked the agent to do, in their own words, or `@` and a file that says it; read once, at the start
    #[arg(long, value_name = "TEXT|@FILE", env = "HOLDSHORT_INTENT", hide_env_values = true)]
    pub(crate) intent: Option<String>,
    /// The server's command and its arguments
    #[arg(last = true, required = true, value_name = "CMD ARGS")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Answer yes, if the decision is a question: its destinations are remembered in the data directory and printed as
    /// a second line, `{"remembered":[..]}`
    #[arg(long)]
    pub(crate) grant: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and print the effective one
    #[command(after_help = "Example:\n  holdshort config check --config holdshort.toml")]
    Check {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Print the reference page
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Decisions in process, with the configured policies and with 100
    #[command(after_help = "Example:\n  holdshort bench decide --json")]
    Decide(BenchArgs),
    /// The log: durable records beside the bare disk and SQLite, then verified and proved. Takes minutes and gigabytes
    #[command(after_help = "Example:\n  holdshort bench ledger --seconds 10 --records 1000000 --json")]
    Ledger(LedgerBenchArgs),
    /// MCP tools/call through the gateway, beside the direct call
    #[command(after_help = "Example:\n  holdshort bench gateway --json")]
    Gateway(BenchArgs),
    /// Containment: from a policy's decision, and from a person's call, to the first refused action elsewhere
    #[command(after_help = "Example:\n  holdshort bench contain --json -n 200")]
    Contain(BenchArgs),
    /// Records made into each export format, and sent to files and receivers on this host, 25 for each operation
    #[command(after_help = "Example:\n  holdshort bench export --json")]
    Export(BenchArgs),
    /// Decisions of a log decided again, 25 for each operation
    #[command(after_help = "Example:\n  holdshort bench replay --json")]
    Replay(BenchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LedgerBenchArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// How long the steady load lasts; each other case a sixth of it
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: u32,
    /// Records in the log before it is verified and proved from
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) records: u64,
    /// Bytes of a record
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(100..=65_536))]
    pub(crate) bytes: u32,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// How many operations for each case
    #[arg(short = 'n', long, default_value_t = 2_000)]
    pub(crate) operations: u32,
}
