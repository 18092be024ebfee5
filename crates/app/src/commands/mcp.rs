//! `mcp`: one stdio MCP server behind the gate of the service that runs for this user, or is started now.

use crate::cli::McpArgs;
use crate::client::Client as Parent;
use crate::config::{IntentSource, is_upstream_name};
use crate::failure::{Failure, Outcome};
use crate::place::DataDir;
use crate::service::gateway::{limits, refusal};
use crate::service::start::ensure_running;
use async_trait::async_trait;
use holdshort_enforce::{Authority, Fault, Gate};
use holdshort_model::{
    ApprovalState, Authentication, Claims, FailMode, Outcome as ActionOutcome, RecordId, Request, Ruling, Seen,
    SessionId, StandingView, Subject, ToolListing, ToolsSeen,
};
use holdshort_proxy::mcp::stdio::{self, Ended, StdioOptions};
use holdshort_proxy::mcp::{EraChoice, TransportConfig, UpstreamConfig};
use holdshort_sdk::{Client, ClientError, Endpoint, RemoteAuthority};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Programs that start another one, which their arguments name.
const LAUNCHERS: [&str; 16] = [
    "npx", "npm", "bunx", "bun", "pnpm", "yarn", "uvx", "uv", "pipx", "python", "python3", "node", "deno", "docker",
    "podman", "env",
];
/// Words of launchers that come before the name of what they start.
const LAUNCHER_WORDS: [&str; 6] = ["exec", "run", "dlx", "x", "tool", "--"];

/// Longest request of a person that is relayed, in bytes: as long as a decision takes it.
const INTENT_BYTES_MAX: usize = 16 * 1024;
/// Time for a decision: longer than the service's own deadline, so that its word comes first.
const DECISION_TIMEOUT: Duration = Duration::from_secs(5);
/// Names of files and folders that packages have in common.
const SAYS_NOTHING: [&str; 9] = ["index", "main", "__main__", "cli", "dist", "build", "src", "lib", "bin"];

pub(super) fn run(arguments: McpArgs) -> Outcome {
    let loaded = arguments.place.load()?;
    let data = arguments.place.data(&loaded)?;
    let config = loaded.file.clone();
    ensure_running(&data, config.as_deref())?;
    let options = options(&arguments, &loaded.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    let served = runtime.block_on(serve(data, config, options));
    // A read of standard input that is still waiting must not hold the process.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(data: DataDir, config: Option<PathBuf>, options: StdioOptions) -> Result<(), Failure> {
    let client = Client::new(Endpoint::Unix(data.socket()), None).map_err(Failure::internal)?;
    // Opens the connection that tells the service that it is needed.
    client
        .health()
        .await
        .map_err(|error| Failure::unreachable(error).hint("see `service.log` in the data directory"))?;
    let client = client.with_timeout(DECISION_TIMEOUT);
    let authority = Reviving { remote: RemoteAuthority::new(client.clone()), client, data, config };
    let served = stdio::run(Gate::new(Arc::new(authority)), options, tokio::io::stdin(), tokio::io::stdout()).await;
    let broke = |error| Failure::internal(format!("the connection to the client broke: {error}"));
    match served.map_err(broke)? {
        Ended::InputOver => Ok(()),
        Ended::Terminated(because) => {
            Err(Failure::refused(format!("Holdshort ended this agent's workflow: {because}"))
                .hint("a person gives it back with `holdshort release`; then start the client again"))
        }
    }
}

fn options(arguments: &McpArgs, config: &crate::config::Config) -> Result<StdioOptions, Failure> {
    let parent = Parent::of_parent();
    let mut words = arguments.command.iter().map(text).collect::<Result<Vec<String>, Failure>>()?.into_iter();
    let program = words.next().ok_or_else(|| Failure::usage("there is no command to guard"))?;
    let args: Vec<String> = words.collect();
    let name = arguments.name.clone().unwrap_or_else(|| server_name(&program, &args));
    if !is_upstream_name(&name) {
        return Err(Failure::usage(format!("`{name}` cannot be the name of a server"))
            .hint("use letters, digits, `-`, `.` and single `_`: `--name NAME`"));
    }
    let here = std::env::current_dir().ok().filter(|path| path != Path::new("/"));
    let workspace = config.mcp.workspace.clone().or(here).map(|path| path.display().to_string());
    let agent = arguments.agent.clone().unwrap_or_else(|| format!("stdio:{}", parent.name));
    let subject = Subject {
        agent: agent.into(),
        user: Some(parent.user),
        delegation: Vec::new(),
        authenticated_by: Authentication::OsUser,
        claims: Claims { program: parent.program, ..Claims::default() },
    };
    let transport = TransportConfig::Stdio { program, args, env: Vec::new(), cwd: None };
    Ok(StdioOptions {
        upstream: UpstreamConfig { name, transport, era: EraChoice::Auto },
        subject,
        session: parent.session,
        workspace,
        intent: intent(arguments.intent.as_deref(), &config.mcp.intent_from)?,
        believes_meta: config.mcp.intent_from.contains(&IntentSource::Meta),
        refusal: refusal(&config.mcp),
        limits: limits(config),
    })
}

/// The person's request as the command line has it.
fn intent(argument: Option<&str>, believed: &[IntentSource]) -> Result<Option<String>, Failure> {
    let Some(argument) = argument.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    if !believed.contains(&IntentSource::Cli) {
        return Err(Failure::config("`mcp.intent_from` does not let the command line say what the person asked for")
            .hint("leave `--intent` and HOLDSHORT_INTENT out, or add `cli` there"));
    }
    let text = match argument.strip_prefix('@') {
        None => argument.to_owned(),
        Some(path) => {
            let wrong = |error| Failure::usage(format!("cannot read the person's request from `{path}`: {error}"));
            let file = std::fs::File::open(path).map_err(wrong)?;
            let mut text = String::new();
            file.take(INTENT_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(wrong)?;
            text
        }
    };
    if text.len() > INTENT_BYTES_MAX {
        return Err(Failure::usage(format!("the person's request has more than {INTENT_BYTES_MAX} bytes")));
    }
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn text(word: &OsString) -> Result<String, Failure> {
    let wrong = || Failure::usage(format!("`{}` is not UTF-8", word.to_string_lossy()));
    word.to_str().map(str::to_owned).ok_or_else(wrong)
}

/// A name for the server: that of its package, module or program.
fn server_name(program: &str, args: &[String]) -> String {
    let own = base(program);
    let words = || args.iter().filter(|word| !word.starts_with('-') && !LAUNCHER_WORDS.contains(&word.as_str()));
    let launched = || words().next().map(|word| base(word));
    let name = if LAUNCHERS.contains(&own.as_str()) { launched().unwrap_or(own) } else { own };
    let keep = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '-' };
    let plain: String = name.chars().map(keep).collect();
    let plain = plain.trim_matches(['.', '-']);
    if is_upstream_name(plain) { plain.to_owned() } else { "server".to_owned() }
}

/// The last part of a path that says something: `x` of `x`, `lib/x.js`, `@scope/x@1.2.3`, `x/dist/index.js`.
fn base(word: &str) -> String {
    let stem = |part: &str| {
        let part = part.split('@').find(|part| !part.is_empty()).unwrap_or_default();
        [".js", ".mjs", ".cjs", ".ts", ".py"].iter().fold(part, |part, suffix| part.trim_end_matches(suffix)).to_owned()
    };
    let mut parts = word.rsplit('/').map(stem).filter(|part| !part.is_empty());
    parts.find(|part| !SAYS_NOTHING.contains(&part.as_str())).unwrap_or_else(|| word.to_owned())
}

/// The service behind the socket; when it is gone, another one is started, and the question is asked once more.
struct Reviving {
    client: Client,
    remote: RemoteAuthority,
    data: DataDir,
    config: Option<PathBuf>,
}

/// How often a service is looked for: the socket of one that is just dying can still take a connection.
const REVIVALS_MAX: u32 = 3;

impl Reviving {
    /// Whether a service is there again.
    async fn revive(&self) -> bool {
        for _ in 0..REVIVALS_MAX {
            let (data, config) = (self.data.clone(), self.config.clone());
            let started = tokio::task::spawn_blocking(move || ensure_running(&data, config.as_deref()));
            let started = started.await.is_ok_and(|started| started.is_ok());
            if started && self.client.health().await.is_ok() {
                return true;
            }
        }
        false
    }
}

#[async_trait]
impl Authority for Reviving {
    async fn rule(&self, request: Request) -> Result<Ruling, Fault> {
        match self.client.decide(&request).await {
            // If it had decided and died with the answer, then its record stands beside the second one.
            Err(ClientError::Unreachable { .. }) if self.revive().await => self.remote.rule(request).await,
            answer => answer.map_err(Fault::from),
        }
    }

    async fn report(&self, outcome: ActionOutcome, seen: Option<Seen>) -> Result<(), Fault> {
        match self.client.report(outcome.clone(), seen.clone()).await {
            Err(ClientError::Unreachable { .. }) if self.revive().await => self.remote.report(outcome, seen).await,
            answer => answer.map_err(Fault::from),
        }
    }

    async fn inspect(&self, seen: ToolsSeen) -> Result<Vec<ToolListing>, Fault> {
        match self.remote.inspect(seen.clone()).await {
            Err(fault) if fault.mode == FailMode::DeciderLate && self.revive().await => self.remote.inspect(seen).await,
            answer => answer,
        }
    }

    async fn standing(&self, subject: &Subject, session: &SessionId) -> Result<StandingView, Fault> {
        match self.remote.standing(subject, session).await {
            Err(fault) if fault.mode == FailMode::DeciderLate && self.revive().await => {
                self.remote.standing(subject, session).await
            }
            answer => answer,
        }
    }

    // Questions outlive the service that died: the next one takes them up.
    async fn approval(&self, subject: &Subject, id: RecordId, wait: Duration) -> Result<ApprovalState, Fault> {
        match self.remote.approval(subject, id, wait).await {
            Err(fault) if fault.mode == FailMode::DeciderLate && self.revive().await => {
                self.remote.approval(subject, id, wait).await
            }
            answer => answer,
        }
    }

    // No service is started only to be waited at: the next action starts one.
    async fn standing_changed(&self, seen: u64) -> Result<u64, Fault> {
        self.remote.standing_changed(seen).await
    }
}

#[cfg(test)]
mod tests {
    use super::server_name;

    #[test]
    fn servers_are_named_after_their_package() {
        for (command, expected) in [
            ("npx -y @modelcontextprotocol/server-filesystem /tmp", "server-filesystem"),
            ("npx @scope/thing@1.2.3", "thing"),
            ("uvx mcp-server-git --repository .", "mcp-server-git"),
            ("uv tool run mcp-server-git", "mcp-server-git"),
            ("python3 -m mcp_server_sqlite", "mcp-server-sqlite"),
            ("node dist/weather.js", "weather"),
            ("/opt/tools/my__tool", "my--tool"),
            ("node /x/@modelcontextprotocol/server-memory/dist/index.js", "server-memory"),
            ("docker", "docker"),
            ("...", "server"),
        ] {
            let mut words = command.split(' ').map(str::to_owned);
            let program = words.next().unwrap();
            assert_eq!(server_name(&program, &words.collect::<Vec<_>>()), expected, "{command}");
        }
    }
}
