//! `approvals`: questions of agents, and a person's answers.

mod show;

use super::control::{refused, unchanged};
use super::person;
use crate::cli::{ApprovalsCommand, Output, PersonArgs};
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::service::assemble::Assembled;
use crate::{out, render};
use holdshort_api::{AnswerGiven, ApprovalQuery, ApprovalsPage, ApprovalsQuery, ApprovalsWhich, NewAnswer};
use holdshort_inventory::Role;
use holdshort_model::{Approval, ApprovalState, Exception, RecordId};
use holdshort_sdk::Client;
use show::{line, shown, state};
use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

/// How long one look of `watch` waits for a change, in seconds.
const WATCH_WAIT_S: u64 = 20;

pub(super) fn run(command: ApprovalsCommand) -> Outcome {
    match command {
        ApprovalsCommand::List { place, output, person, agent, all } => with(&place, &person, async |desk| {
            let which = if all { ApprovalsWhich::All } else { ApprovalsWhich::Open };
            let query = ApprovalsQuery { which, agent: agent.map(Into::into), ..ApprovalsQuery::default() };
            print(&desk.list(&query).await?.approvals, output)
        }),
        ApprovalsCommand::Show { place, output, person, id } => with(&place, &person, async |desk| {
            let approval = desk.show(id).await?;
            if output.json { out::json(&approval) } else { show::print(&approval) }
        }),
        ApprovalsCommand::Approve { place, output, person, id, reason, remember, know_destinations, once } => {
            with(&place, &person, async |desk| {
                let know_destinations = match (know_destinations, once) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    _ => None,
                };
                let remember_s = remember.map(|time| time.as_secs());
                let new = NewAnswer { approved: true, reason, remember_s, know_destinations };
                given(&desk.answer(id, new).await?, output)
            })
        }
        ApprovalsCommand::Refuse { place, output, person, id, reason } => with(&place, &person, async |desk| {
            let new = NewAnswer { approved: false, reason, remember_s: None, know_destinations: Some(false) };
            given(&desk.answer(id, new).await?, output)
        }),
        ApprovalsCommand::Watch { place, output, person } => {
            with(&place, &person, async |desk| watch(desk, output).await)
        }
        ApprovalsCommand::Exceptions { place, output, person } => {
            with(&place, &person, async |desk| print_exceptions(&desk.exceptions().await?, output))
        }
        ApprovalsCommand::Revoke { place, output, person, id, reason } => with(&place, &person, async |desk| {
            let revoked = desk.revoke(id, &reason).await?;
            match output.json {
                true => out::json(&revoked),
                false => out::line(format_args!("revoked; {} asks again", shown(revoked.agent.as_str()))),
            }
        }),
    }
}

/// Where the questions are, and who looks at them.
enum Desk {
    /// The running service.
    Remote(Box<Client>),
    /// One without listeners that holds the data directory for as long as this takes.
    Local(Box<Assembled>, Who),
}

/// Who answers a service that is not running.
struct Who {
    name: String,
    approves: bool,
}

fn with(place: &Place, person: &PersonArgs, work: impl AsyncFnOnce(&Desk) -> Result<(), Failure>) -> Outcome {
    let loaded = place.load()?;
    let data = place.data(&loaded)?;
    let token = person::token(person)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        if let Some(client) = person::service(person, token.as_deref(), &data)? {
            let client = client.with_timeout(Duration::from_secs(WATCH_WAIT_S + 30));
            return work(&Desk::Remote(Box::new(client))).await;
        }
        let assembled = Box::new(Assembled::start(&loaded, &data).await?);
        let who = match who(&assembled, token.as_deref()) {
            Ok(who) => who,
            Err(failure) => {
                assembled.stop().await?;
                return Err(failure);
            }
        };
        let desk = Desk::Local(assembled, who);
        let worked = work(&desk).await;
        match desk {
            Desk::Local(assembled, _) => worked.and(assembled.stop().await),
            Desk::Remote(_) => worked,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn who(assembled: &Assembled, token: Option<&str>) -> Result<Who, Failure> {
    let service = &assembled.service;
    let Some(token) = token else {
        return Ok(Who { name: person::OPERATOR.into(), approves: service.operators_answer() });
    };
    let person = service.authenticate_person(token).map_err(|_| Failure::refused("the token is not good"))?;
    Ok(Who { approves: person.may(Role::Approve), name: person.name })
}

impl Desk {
    async fn list(&self, query: &ApprovalsQuery) -> Result<ApprovalsPage, Failure> {
        match self {
            Self::Remote(client) => client.approvals(query).await.map_err(refused),
            Self::Local(local, _) => Ok(local.service.approvals(query).await),
        }
    }

    async fn show(&self, id: RecordId) -> Result<Approval, Failure> {
        let found = match self {
            Self::Remote(client) => client.approval(id, &ApprovalQuery::default()).await.map_err(refused)?.approval,
            Self::Local(local, _) => {
                local.service.approval_view(None, id, Duration::ZERO).await.and_then(|view| view.approval)
            }
        };
        let missing =
            || Failure::refused(format!("there is no approval `{id}`")).hint("see `holdshort approvals list`");
        found.map(|approval| *approval).ok_or_else(missing)
    }

    async fn answer(&self, id: RecordId, new: NewAnswer) -> Result<AnswerGiven, Failure> {
        match self {
            Self::Remote(client) => client.answer(id, &new).await.map_err(refused),
            Self::Local(local, who) => {
                let by = who.answers()?;
                local.service.answer_approval(id, by, new).await.map_err(unchanged)
            }
        }
    }

    async fn exceptions(&self) -> Result<Vec<Exception>, Failure> {
        match self {
            Self::Remote(client) => client.exceptions().await.map(|page| page.exceptions).map_err(refused),
            Self::Local(local, _) => Ok(local.service.exceptions().exceptions),
        }
    }

    async fn revoke(&self, id: RecordId, reason: &str) -> Result<Exception, Failure> {
        match self {
            Self::Remote(client) => client.revoke_exception(id, reason).await.map_err(refused),
            Self::Local(local, who) => local.service.revoke_exception(id, &who.name, reason).await.map_err(unchanged),
        }
    }
}

impl Who {
    fn answers(&self) -> Result<&str, Failure> {
        match self.approves {
            true => Ok(&self.name),
            false => Err(Failure::refused(format!("`{}` may not answer here", self.name))
                .hint("set HOLDSHORT_TOKEN to the token of a person with the role `approve`")),
        }
    }
}

async fn watch(desk: &Desk, output: Output) -> Result<(), Failure> {
    if matches!(desk, Desk::Local(..)) {
        return Err(Failure::unreachable("no service runs, so nothing is asked")
            .hint("start one with `holdshort serve`, or name the other directory with `--data`"));
    }
    let (mut told, mut seen) = (HashSet::new(), None);
    loop {
        let wait = seen.map(|_| WATCH_WAIT_S);
        let page = desk.list(&ApprovalsQuery { seen, wait, ..ApprovalsQuery::default() }).await?;
        for approval in page.approvals.iter().rev().filter(|one| one.state == ApprovalState::Pending) {
            if told.insert(approval.id) {
                if output.json { out::json(approval)? } else { out::line(line(approval))? }
            }
        }
        told.retain(|id| page.approvals.iter().any(|one| one.id == *id));
        seen = Some(page.version);
    }
}

fn given(given: &AnswerGiven, output: Output) -> Result<(), Failure> {
    if output.json {
        return out::json(given);
    }
    let AnswerGiven { approval, exception, known } = given;
    let what = match approval.state {
        ApprovalState::Pending => "approved; a second person has to approve as well".to_owned(),
        ApprovalState::Approved => {
            format!("approved; the agent may do it once until {}", render::time(approval.expires_ms))
        }
        other => format!("{}; that is final", state(other)),
    };
    out::line(what)?;
    if let Some(exception) = exception {
        out::line(format_args!(
            "remembered until {}; `holdshort approvals revoke {}` takes it back",
            render::time(exception.until_ms),
            exception.id
        ))?;
    }
    known.iter().try_for_each(|place| {
        let (kind, value) = (shown(&place.kind), shown(&place.value));
        out::line(format_args!("known from now on: {kind} {value}"))
    })
}

fn print(approvals: &[Approval], output: Output) -> Result<(), Failure> {
    if output.json {
        return approvals.iter().try_for_each(out::json);
    }
    if approvals.is_empty() {
        return out::line("nothing waits");
    }
    let row = |one: &Approval| {
        let risk = format!("{} {}", show::level(one.risk.level), one.risk.score);
        let answered = format!("{}/{}", one.answers.iter().filter(|answer| answer.approved).count(), one.people_needed);
        let texts = [
            one.id.to_string(),
            state(one.state).to_owned(),
            one.agent.to_string(),
            show::action(one),
            show::brief(&one.args),
            risk,
            answered,
            render::time(one.expires_ms),
            one.reasons.first().map(|reason| reason.message.clone()).unwrap_or_default(),
        ];
        texts.iter().map(|text| shown(text)).collect()
    };
    let rows: Vec<Vec<String>> = approvals.iter().map(row).collect();
    out::table(&["APPROVAL", "STATE", "AGENT", "ACTION", "ARGUMENTS", "RISK", "YES", "ENDS", "WHY"], &rows)
}

fn print_exceptions(exceptions: &[Exception], output: Output) -> Result<(), Failure> {
    if output.json {
        return exceptions.iter().try_for_each(out::json);
    }
    let row = |one: &Exception| {
        let places: Vec<String> = one.destinations.iter().map(|(kind, value)| format!("{kind} {value}")).collect();
        let until = if one.revoked { "revoked".to_owned() } else { render::time(one.until_ms) };
        let tool = one.server.as_ref().map_or_else(|| one.name.clone(), |server| format!("{server}/{}", one.name));
        let user = if one.user.is_empty() { "-".to_owned() } else { one.user.clone() };
        let places = if places.is_empty() { "-".to_owned() } else { places.join(", ") };
        let texts =
            [one.id.to_string(), one.agent.to_string(), user, tool, places, until, one.by.clone(), one.reason.clone()];
        texts.iter().map(|text| shown(text)).collect()
    };
    let rows: Vec<Vec<String>> = exceptions.iter().map(row).collect();
    if rows.is_empty() {
        return out::line("nothing is remembered");
    }
    out::table(&["EXCEPTION", "AGENT", "FOR", "TOOL", "DESTINATIONS", "UNTIL", "BY", "WHY"], &rows)
}
