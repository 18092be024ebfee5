//! `agents` and `pins`: through the running service, else through one that is put together for the one change.

use super::person;
use crate::cli::{AgentsCommand, Output, PersonArgs, PinsCommand, TokensCommand};
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::service::assemble::Assembled;
use crate::{out, render};
use holdshort_api::{AcceptPin, AgentSummary, IssuedToken, NewAgent, NewToken, PinSummary, TokenSummary};
use holdshort_inventory::Role;
use holdshort_model::{AgentId, Digest, Owner};
use holdshort_sdk::{Client, ClientError};
use holdshort_server::ChangeError;
use std::process::ExitCode;

/// Label of the token that comes with a new agent.
const FIRST_LABEL: &str = "first";

pub(super) fn agents(command: AgentsCommand) -> Outcome {
    match command {
        AgentsCommand::Add { place, output, id, class, owner } => {
            let owner = owner.map(|id| Owner { id, active: true });
            let new = NewAgent { id: id.into(), class, owner };
            with(&place, async |control| add(control, new, output).await)
        }
        AgentsCommand::List { place, output } => {
            with(&place, async |control| print_agents(&control.agents().await?, output))
        }
        AgentsCommand::Tokens(command) => tokens(command),
    }
}

fn tokens(command: TokensCommand) -> Outcome {
    match command {
        TokensCommand::Create { place, output, agent, label } => with(&place, async |control| {
            let issued = control.issue(&agent.into(), &NewToken { label, expires_ms: None }).await?;
            print_issued(&issued, output)
        }),
        TokensCommand::List { place, output, agent } => {
            with(&place, async |control| print_tokens(&control.tokens(&agent.into()).await?, output))
        }
        TokensCommand::Revoke { place, output, agent, token } => with(&place, async |control| {
            control.revoke(&agent.as_str().into(), &digest(&token)?).await?;
            match output.json {
                true => out::json(&serde_json::json!({ "agent": agent, "revoked": token })),
                false => out::line(format_args!("revoked {token} of {agent}")),
            }
        }),
    }
}

pub(super) fn pins(command: PinsCommand) -> Outcome {
    match command {
        PinsCommand::List { place, output } => with(&place, async |control| print_pins(&control.pins().await?, output)),
        PinsCommand::Accept { place, output, server, tool, definition } => with(&place, async |control| {
            let accept = AcceptPin { server, tool, definition: digest(&definition)? };
            print_pins(&[control.accept(&accept).await?], output)
        }),
    }
}

fn digest(text: &str) -> Result<Digest, Failure> {
    text.parse().map_err(|error| Failure::usage(error).hint("copy it from the list"))
}

/// Who makes the change.
pub(super) enum Control {
    /// The running service.
    Remote(Box<Client>),
    /// One without listeners that holds the data directory for as long as the change takes.
    Local(Box<Assembled>),
}

pub(super) fn with(place: &Place, work: impl AsyncFnOnce(&Control) -> Result<(), Failure>) -> Outcome {
    // A token in the environment is for commands that say so.
    connected(place, &PersonArgs::default(), None, async |control, _| work(control).await)
}

/// The same on behalf of a person with this role; without a token, of whoever runs the command.
pub(super) fn with_person(
    place: &Place,
    person: &PersonArgs,
    role: Role,
    work: impl AsyncFnOnce(&Control, &str) -> Result<(), Failure>,
) -> Outcome {
    let token = person::token(person)?;
    connected(place, person, token, async |control, token| {
        let by = match control {
            Control::Remote(_) => person::OPERATOR.to_owned(),
            Control::Local(local) => person::by(local, token, role)?,
        };
        work(control, &by).await
    })
}

fn connected(
    place: &Place,
    person: &PersonArgs,
    token: Option<String>,
    work: impl AsyncFnOnce(&Control, Option<&str>) -> Result<(), Failure>,
) -> Outcome {
    let loaded = place.load()?;
    let data = place.data(&loaded)?;
    let token = token.as_deref();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        if let Some(client) = person::service(person, token, &data)? {
            return work(&Control::Remote(Box::new(client)), token).await;
        }
        let control = Control::Local(Box::new(Assembled::start(&loaded, &data).await?));
        let worked = work(&control, token).await;
        match control {
            Control::Local(assembled) => worked.and(assembled.stop().await),
            Control::Remote(_) => worked,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Control {
    pub(super) async fn agents(&self) -> Result<Vec<AgentSummary>, Failure> {
        match self {
            Self::Remote(client) => client.agents().await.map(|page| page.agents).map_err(refused),
            Self::Local(local) => Ok(local.service.agents()),
        }
    }

    async fn add(&self, new: NewAgent) -> Result<AgentSummary, Failure> {
        match self {
            Self::Remote(client) => client.add_agent(&new).await.map_err(refused),
            Self::Local(local) => local.service.add_agent(new).await.map_err(unchanged),
        }
    }

    async fn issue(&self, agent: &AgentId, new: &NewToken) -> Result<IssuedToken, Failure> {
        match self {
            Self::Remote(client) => client.issue_token(agent, new).await.map_err(refused),
            Self::Local(local) => local.service.issue_token(agent.clone(), new.clone()).await.map_err(unchanged),
        }
    }

    async fn tokens(&self, agent: &AgentId) -> Result<Vec<TokenSummary>, Failure> {
        let missing = || Failure::refused(format!("nobody registered an agent `{agent}`"));
        match self {
            Self::Remote(client) => client.tokens(agent).await.map(|page| page.tokens).map_err(refused),
            Self::Local(local) => local.service.tokens(agent).ok_or_else(missing),
        }
    }

    async fn revoke(&self, agent: &AgentId, hash: &Digest) -> Result<(), Failure> {
        match self {
            Self::Remote(client) => client.revoke_token(agent, hash).await.map_err(refused),
            Self::Local(local) => local.service.revoke_token(agent.clone(), *hash).await.map_err(unchanged),
        }
    }

    async fn pins(&self) -> Result<Vec<PinSummary>, Failure> {
        match self {
            Self::Remote(client) => client.pins().await.map(|page| page.pins).map_err(refused),
            Self::Local(local) => Ok(local.service.pins()),
        }
    }

    async fn accept(&self, accept: &AcceptPin) -> Result<PinSummary, Failure> {
        match self {
            Self::Remote(client) => client.accept_pin(accept).await.map_err(refused),
            Self::Local(local) => local.service.accept_pin(accept.clone()).await.map_err(unchanged),
        }
    }
}

/// What a service that answered no means for a command.
pub(super) fn refused(error: ClientError) -> Failure {
    match error {
        error if error.is_unreachable() => Failure::unreachable(error),
        ClientError::Refused { error, .. } => {
            let failure = Failure::refused(error.message);
            match error.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        other => Failure::internal(other),
    }
}

pub(super) fn unchanged(error: ChangeError) -> Failure {
    match error {
        ChangeError::Invalid(_) => Failure::usage(error),
        ChangeError::Missing(_) | ChangeError::Conflict(_) => Failure::refused(error),
        ChangeError::State(_) | ChangeError::Fault(_) => Failure::internal(error),
    }
}

async fn add(control: &Control, new: NewAgent, output: Output) -> Result<(), Failure> {
    let added = control.add(new).await?;
    let token = NewToken { label: FIRST_LABEL.into(), expires_ms: None };
    let issued = control.issue(&added.id, &token).await?;
    if output.json {
        return print_issued(&issued, output);
    }
    out::line(format_args!("registered {} of class {}", added.id, added.class))?;
    print_issued(&issued, output)
}

fn print_issued(issued: &IssuedToken, output: Output) -> Result<(), Failure> {
    if output.json {
        return out::json(issued);
    }
    out::line(format_args!("token of {}: {}", issued.agent, issued.token))?;
    out::line("it is shown this once; `holdshort agents tokens revoke` takes it back")
}

fn print_agents(agents: &[AgentSummary], output: Output) -> Result<(), Failure> {
    if output.json {
        return agents.iter().try_for_each(out::json);
    }
    let owner = |agent: &AgentSummary| agent.owner.as_ref().map_or_else(|| "-".into(), |owner| owner.id.clone());
    let row = |agent: &AgentSummary| {
        vec![
            agent.id.to_string(),
            agent.class.clone(),
            owner(agent),
            agent.tokens.to_string(),
            render::time(agent.created_ms),
        ]
    };
    out::table(&["AGENT", "CLASS", "OWNER", "TOKENS", "REGISTERED"], &agents.iter().map(row).collect::<Vec<_>>())
}

fn print_tokens(tokens: &[TokenSummary], output: Output) -> Result<(), Failure> {
    if output.json {
        return tokens.iter().try_for_each(out::json);
    }
    let row = |token: &TokenSummary| {
        let state = if token.revoked { "revoked" } else { "good" };
        vec![token.label.clone(), state.into(), render::time(token.created_ms), token.hash.to_string()]
    };
    out::table(&["LABEL", "STATE", "MADE", "HASH"], &tokens.iter().map(row).collect::<Vec<_>>())
}

fn print_pins(pins: &[PinSummary], output: Output) -> Result<(), Failure> {
    if output.json {
        return pins.iter().try_for_each(out::json);
    }
    let row = |pin: &PinSummary| {
        let state = serde_json::to_value(pin.pin).ok().and_then(|state| state.as_str().map(str::to_owned));
        vec![
            state.unwrap_or_default(),
            pin.server.clone(),
            pin.tool.clone(),
            pin.latest.to_string(),
            pin.difference.join("; "),
        ]
    };
    out::table(&["STATE", "SERVER", "TOOL", "DEFINITION", "DIFFERENCE"], &pins.iter().map(row).collect::<Vec<_>>())
}
