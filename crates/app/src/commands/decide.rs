//! `decide` and `policy explain`: one request from standard input, offline.

use super::control::with;
use crate::cli::{DecideArgs, Output};
use crate::config::Loaded;
use crate::failure::{Code, Failure, Outcome};
use crate::place::Place;
use crate::{clock, out, policies, snapshot};
use holdshort_api::{DestinationSummary, NewDestination};
use holdshort_decide::{SessionView, Snapshot, decide, destinations};
use holdshort_inventory::{
    AgentStore as _, Agents, DestinationStore as _, Destinations, KnownDestination, PinStore as _, Pins,
};
use holdshort_model::{Authentication, Effect, Request};
use holdshort_policy::{LoadOptions, PolicySet};
use holdshort_store::sqlite::StateDb;
use serde_json::json;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Largest request that is read, in bytes: as large as a message may be for the gateway by default.
const REQUEST_BYTES_MAX: u64 = 4 << 20;

pub(super) fn run(arguments: &DecideArgs) -> Outcome {
    let snapshot = offline(&arguments.place)?;
    let request = request()?;
    let (id, view) = (clock::record_id()?, SessionView::active(request.session.clone()));
    let (decision, facts) = decide(&snapshot, &view, &request, id, clock::now_ns());
    out::json(&decision)?;
    let granted = arguments.grant && decision.enforced == Effect::Ask;
    if arguments.grant {
        let asked = if granted { destinations(&snapshot, &view, &facts, id, "operator") } else { Vec::new() };
        out::json(&json!({ "remembered": remember(&arguments.place, asked)? }))?;
    }
    Ok(if granted || decision.enforced == Effect::Allow { ExitCode::SUCCESS } else { Code::Refused.into() })
}

/// Keeps what a person granted, through the running service if there is one.
fn remember(place: &Place, asked: Vec<KnownDestination>) -> Result<Vec<DestinationSummary>, Failure> {
    let mut remembered = Vec::with_capacity(asked.len());
    if asked.is_empty() {
        return Ok(remembered);
    }
    with(place, async |control| {
        for KnownDestination { agent, user, kind, value, via, .. } in asked {
            let new = NewDestination { agent, user, kind, value, via: Some(via) };
            remembered.push(control.add_destination(&new).await?);
        }
        Ok(())
    })?;
    Ok(remembered)
}

/// What the service would decide with: configuration, and the agents and pins of the data directory if there is one.
pub(super) fn offline(place: &Place) -> Result<Snapshot, Failure> {
    let loaded = place.load()?;
    let (agents, pins, destinations) = stored(place, &loaded)?;
    let data = place.data(&loaded).ok();
    let snapshot = snapshot::build(&loaded, data.as_ref(), Arc::new(agents), Arc::new(pins))?;
    Ok(snapshot.with_destinations(Arc::new(destinations)))
}

fn stored(place: &Place, loaded: &Loaded) -> Result<(Agents, Pins, Destinations), Failure> {
    // Without a home there is no usual place for data; deciding offline does not need one.
    let database = place.data(loaded).ok().map(|data| data.database()).filter(|database| database.exists());
    let (agents, pins, known) = match database {
        None => (Vec::new(), Vec::new(), Vec::new()),
        Some(path) => {
            let database = StateDb::open(&path).map_err(Failure::internal)?;
            let known = database.destinations().map_err(Failure::internal)?;
            (database.agents().map_err(Failure::internal)?, database.pins().map_err(Failure::internal)?, known)
        }
    };
    let agents = snapshot::agents(&loaded.config, agents)?;
    Ok((agents, snapshot::pins(&loaded.config, pins), Destinations::new(known)))
}

/// Reads a request. Whoever runs the command line says who the subject is.
fn request() -> Result<Request, Failure> {
    let mut text = String::new();
    let mut input = std::io::stdin().lock().take(REQUEST_BYTES_MAX + 1);
    input.read_to_string(&mut text).map_err(|error| Failure::usage(format!("cannot read the request: {error}")))?;
    if text.len() as u64 > REQUEST_BYTES_MAX {
        return Err(Failure::usage(format!("the request has more than {REQUEST_BYTES_MAX} bytes")));
    }
    let mut request: Request = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("the request on standard input is not one: {error}"))
            .hint("see `holdshort decide --help` for an example")
    })?;
    request.subject.authenticated_by = Authentication::Operator;
    if request.context.enforcement_point.is_empty() {
        "cli".clone_into(&mut request.context.enforcement_point);
    }
    Ok(request)
}

pub(super) fn explain(directory: &Path, output: Output) -> Outcome {
    let bundle = policies::bundle_of(directory)?;
    let set = PolicySet::load(&bundle, &LoadOptions::default()).map_err(|faults| policies::refused(&faults))?;
    // The facts are those of an installation without grants, agents and pins; policies are asked directly.
    let parts = holdshort_decide::Parts::default();
    let bare = Snapshot::new(parts).map_err(|_| Failure::internal("an empty snapshot does not compile"))?;
    let request = request()?;
    let session = SessionView::active(request.session.clone());
    let (_, facts) = decide(&bare, &session, &request, clock::record_id()?, clock::now_ns());
    let trace = set.explain(&facts).map_err(Failure::refused)?;
    if output.json {
        out::json(&json!({ "facts": facts, "trace": trace }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &trace.findings {
        out::line(format_args!("{:8} {}: {}", finding.rule.as_str(), finding.policy, finding.message))?;
    }
    for policy in &trace.evaluated {
        if !trace.findings.iter().any(|finding| *finding.policy == **policy) {
            out::line(format_args!("silent   {policy}"))?;
        }
    }
    for exclusion in &trace.excluded {
        let line = format_args!("skipped  {} {}: {} does not hold", exclusion.policy, exclusion.rule, exclusion.guard);
        out::line(line)?;
    }
    Ok(ExitCode::SUCCESS)
}
