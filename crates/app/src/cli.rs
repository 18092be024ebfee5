//! The command line. Its shape is a contract: see `docs/reference/cli.md`, which is generated from here.

mod approvals;
mod detect;
mod incidents;
mod log;
mod replay;

pub(crate) use approvals::{ApprovalsCommand, PeopleCommand, PersonArgs};
pub(crate) use detect::{IntelligenceCommand, RulesCommand, SecretsCommand};
pub(crate) use incidents::{IncidentStateArg, IncidentsCommand, NotifyCommand};
pub(crate) use log::{AuditArgs, MirrorArgs, ProveArgs, VerifyProofArgs};

pub(crate) use replay::{AskChoice, GrantsCommand, ReplayArgs, StretchArgs};

use crate::place::Place;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

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
    /// Follow another log: check, store and cosign what it says, where its keeper cannot write
    #[command(
        after_help = "Example:\n  holdshort mirror --from https://logs.example.com/node-1 --to /mnt/worm/node-1 --key log.pub\n\nOnly what continues the copy is stored. A log that was rewritten and signed again ends it with exit code 1, and the message says from which record on; both signed checkpoints are kept."
    )]
    Mirror(MirrorArgs),
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
        matches!(self, Self::Serve(_) | Self::Mcp(_) | Self::Mirror(_))
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
pub(crate) enum PolicyCommand {
    /// Load a directory of policies and run their examples and tests
    #[command(after_help = "Example:\n  holdshort policy test policies/")]
    Test(PolicyArgs),
    /// Say what is wrong or doubtful, with file and line
    #[command(after_help = "Example:\n  holdshort policy lint policies/ --json")]
    Lint(PolicyArgs),
    /// Print the matrix of agent class, action and decision, or compare it with the committed one
    #[command(after_help = "Example:\n  holdshort policy matrix my-policies/ --check my-policies/MATRIX.md")]
    Matrix {
        #[command(flatten)]
        policy: PolicyArgs,
        /// Classes of agents, the columns
        #[arg(long, value_name = "CLASS", value_delimiter = ',', default_value = "coding,assistant,crm,unknown")]
        classes: Vec<String>,
        /// Compare with this file; exit code 1 when it differs
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// Say what each policy did: how often, for whom, how risky, what people approved anyway, and what to do with it
    #[command(after_help = "Example:\n  holdshort policy report --since 7d")]
    Report {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Only the records of this long, such as `7d` or `12h`
        #[arg(long, value_name = "TIME")]
        since: Option<humantime::Duration>,
    },
    /// Enforce a policy that was only observed; recorded, from the next action on
    #[command(
        after_help = "Example:\n  holdshort policy promote mass_delete --reason \"a week without a false alarm\""
    )]
    Promote(PolicyModeArgs),
    /// Only observe a policy that was enforced; recorded, from the next action on
    #[command(after_help = "Example:\n  holdshort policy demote mass_delete --reason \"stops the nightly clean-up\"")]
    Demote(PolicyModeArgs),
    /// Explain what each policy says to a request on standard input
    #[command(after_help = "Example:\n  holdshort policy explain policies/ < request.json")]
    Explain(PolicyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyModeArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    /// The policy: its id, or the last part of it
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,
    /// Why; goes into the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Directory with policies
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print the newest records
    #[command(after_help = "Example:\n  holdshort log tail -n 20 -f")]
    Tail {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// How many records
        #[arg(short = 'n', long, default_value_t = 10)]
        lines: usize,
        /// Go on as records come in
        #[arg(short, long)]
        follow: bool,
    },
    /// Print one record: by its index, or by the id of its decision
    #[command(after_help = "Example:\n  holdshort log show 42")]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Index in the log, or id of a decision
        record: String,
    },
    /// Find records
    #[command(after_help = "Example:\n  holdshort log search --effect deny --agent tidy")]
    Search {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        filter: SearchArgs,
    },
    /// Verify a log: a directory with checkpoint, tree and every record, or what an address serves of it
    #[command(
        after_help = "Example:\n  holdshort log verify\n  holdshort log verify /mnt/copy/log --key log.pub\n  holdshort log verify https://logs.example.com/node-1 --key log.pub\n\nAn address serves checkpoint, entries and tiles, and no records: the tree is checked as a whole. So is a directory without records, such as a mirror's."
    )]
    Verify {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Log directory or address; default: the directory in the data directory
        #[arg(value_name = "DIR|URL")]
        log: Option<String>,
        /// File with a bearer token, for an address that asks for one
        #[arg(long, value_name = "FILE")]
        token: Option<PathBuf>,
        /// Verification key from a place that whoever may have altered the log cannot write to; default: the log's own `log.pub`
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Checkpoint of the same log that was kept elsewhere: a log that was rewritten and signed again since then is found out
        #[arg(long, value_name = "FILE")]
        older: Option<PathBuf>,
    },
    /// Check that a log continues an older checkpoint of it; needs few files, whatever its size
    #[command(
        after_help = "Example:\n  holdshort log audit https://logs.example.com/node-1 --older checkpoint.kept --key log.pub"
    )]
    Audit(AuditArgs),
    /// Prove one record to somebody who has nothing else of the log
    #[command(
        after_help = "Example:\n  holdshort log prove 42 --out 42.tlog-proof\n\nThe file has the format of C2SP tlog-proof. It holds the record itself unless `--bare` is given."
    )]
    Prove(ProveArgs),
    /// Check a proof file, with nothing of the log but its key
    #[command(after_help = "Example:\n  holdshort log verify-proof 42.tlog-proof --key log.pub")]
    VerifyProof(VerifyProofArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Only records of this session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Only records of this agent
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only decisions with this effect
    #[arg(long)]
    pub(crate) effect: Option<EffectChoice>,
    /// Only records that contain this text
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EffectChoice {
    Allow,
    Ask,
    Deny,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Register an agent; prints its token once
    #[command(after_help = "Example:\n  holdshort agents add tidy --class assistant --owner ada@example.org")]
    Add {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        id: String,
        /// Class whose grants apply
        #[arg(long)]
        class: String,
        /// The person or team that answers for it
        #[arg(long)]
        owner: Option<String>,
    },
    /// List the registered agents
    #[command(after_help = "Example:\n  holdshort agents list --json")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Make, list and revoke tokens
    #[command(subcommand, after_help = "Example:\n  holdshort agents tokens create tidy --label laptop")]
    Tokens(TokensCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make a token; it is shown once
    #[command(after_help = "Example:\n  holdshort agents tokens create tidy --label laptop")]
    Create {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        agent: String,
        /// What people call the token
        #[arg(long, default_value = "default")]
        label: String,
    },
    /// List an agent's tokens, without the tokens themselves
    #[command(after_help = "Example:\n  holdshort agents tokens list tidy")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        agent: String,
    },
    /// Revoke a token; it is refused from the next request on
    #[command(after_help = "Example:\n  holdshort agents tokens revoke tidy sha256:5e88...")]
    Revoke {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the agent
        agent: String,
        /// Hash of the token as `tokens list` shows it
        token: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PinsCommand {
    /// List pinned tool definitions and those that wait
    #[command(after_help = "Example:\n  holdshort pins list --json")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
    /// Accept the present definition of a tool
    #[command(after_help = "Example:\n  holdshort pins accept mail delete_messages sha256:9f86...")]
    Accept {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Name of the server
        server: String,
        /// Name of the tool
        tool: String,
        /// Digest of the definition as `pins list` shows it, so that nobody accepts something else than what they looked at
        definition: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DestinationsCommand {
    /// List the known destinations
    #[command(after_help = "Example:\n  holdshort destinations list --agent tidy --json")]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Only those of this agent
        #[arg(long)]
        agent: Option<String>,
    },
    /// Remember a destination, as if a person had approved it for this agent
    #[command(
        after_help = "Example:\n  holdshort destinations add --agent tidy --user ann --kind account DE89370400440532013000"
    )]
    Add {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        destination: DestinationArgs,
    },
    /// Forget a destination; the next action that goes there is asked about again
    #[command(after_help = "Example:\n  holdshort destinations forget --agent tidy --kind mail bob@example.org")]
    Forget {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        destination: DestinationArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DestinationArgs {
    /// Id of the agent
    #[arg(long)]
    pub(crate) agent: String,
    /// The person that the agent acts for; default: nobody in particular
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) user: String,
    /// Kind of destination
    #[arg(long)]
    pub(crate) kind: DestinationKind,
    /// The destination, in any spelling; for `name`: PARAMETER=VALUE
    pub(crate) value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DestinationKind {
    /// A mail address
    Mail,
    /// A URL or host
    Url,
    /// An account, card or phone number
    Account,
    /// A path
    Path,
    /// `@name` or `#name`
    Handle,
    /// A target that is no address, with the name of its parameter
    Name,
}

impl DestinationKind {
    /// The kind as decisions name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Url => "url",
            Self::Account => "account",
            Self::Path => "path",
            Self::Handle => "handle",
            Self::Name => "name",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabelsCommand {
    /// Print the labels of a live session
    #[command(after_help = "Example:\n  holdshort labels show s1 --agent tidy --json")]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the session
        session: String,
        /// Id of the agent whose session it is
        #[arg(long)]
        agent: String,
    },
    /// Lower one label of a live session; what it reads later raises it again
    #[command(
        after_help = "Example:\n  holdshort labels declassify s1 restricted --agent tidy --reason \"redacted, see ticket 4711\""
    )]
    Declassify {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
        /// Id of the session
        session: String,
        /// `integrity`, or the name of a level or category that the session carries
        what: String,
        /// Id of the agent whose session it is
        #[arg(long)]
        agent: String,
        /// Why; it stands in the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Whom it is for.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct WhomArgs {
    /// Id of the agent
    #[arg(conflicts_with_all = ["class", "all"])]
    pub(crate) agent: Option<String>,
    /// Only this session of the agent
    #[arg(long, requires = "agent")]
    pub(crate) session: Option<String>,
    /// Every agent of this class
    #[arg(long, conflicts_with = "all")]
    pub(crate) class: Option<String>,
    /// Everybody
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ContainArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) whom: WhomArgs,
    /// Refuse everything, hide every tool, close what is open
    #[arg(long, required_unless_present_any = ["terminate", "narrow"], conflicts_with_all = ["terminate", "narrow"])]
    pub(crate) isolate: bool,
    /// The same, and end the agent's sessions
    #[arg(long, conflicts_with = "narrow")]
    pub(crate) terminate: bool,
    /// Take away this grant; may stand several times
    #[arg(long, value_name = "GRANT")]
    pub(crate) narrow: Vec<String>,
    /// Why; it stands in the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Write the kill file instead of asking the service, for when it does not answer; only with `--isolate`
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) whom: WhomArgs,
    /// Give back only this grant; may stand several times
    #[arg(long, value_name = "GRANT")]
    pub(crate) grant: Vec<String>,
    /// Why; it stands in the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
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
    /// Durable records, beside the raw sync of this disk
    #[command(after_help = "Example:\n  holdshort bench ledger --json")]
    Ledger(BenchArgs),
    /// MCP tools/call through the gateway, beside the direct call
    #[command(after_help = "Example:\n  holdshort bench gateway --json")]
    Gateway(BenchArgs),
    /// Containment: from a policy's decision, and from a person's call, to the first refused action elsewhere
    #[command(after_help = "Example:\n  holdshort bench contain --json -n 200")]
    Contain(BenchArgs),
    /// Decisions of a log decided again, 25 for each operation
    #[command(after_help = "Example:\n  holdshort bench replay --json")]
    Replay(BenchArgs),
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
