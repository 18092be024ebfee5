//! `decide` and `policy explain`: one request from standard input, offline.

use crate::cli::{DecideArgs, Output};
use crate::config::Loaded;
use crate::failure::{Code, Failure, Outcome};
use crate::place::Place;
use crate::{clock, out, policies, snapshot};
use holdshort_decide::{SessionView, Snapshot, decide};
use holdshort_inventory::{AgentStore as _, Agents, PinStore as _, Pins};
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
    let (decision, _) = decide(
        &snapshot,
        &SessionView::active(request.session.clone()),
        &request,
        clock::record_id()?,
        clock::now_ns(),
    );
    out::json(&decision)?;
    Ok(if decision.enforced == Effect::Allow { ExitCode::SUCCESS } else { Code::Refused.into() })
}

/// What the service would decide with: configuration, and the agents and pins of the data directory if there is one.
pub(super) fn offline(place: &Place) -> Result<Snapshot, Failure> {
    let loaded = place.load()?;
    let (agents, pins) = stored(place, &loaded)?;
    snapshot::build(&loaded, Arc::new(agents), Arc::new(pins))
}

fn stored(place: &Place, loaded: &Loaded) -> Result<(Agents, Pins), Failure> {
    // Without a home there is no usual place for data; deciding offline does not need one.
    let database = place.data(loaded).ok().map(|data| data.database()).filter(|database| database.exists());
    let (agents, pins) = match database {
        None => (Vec::new(), Vec::new()),
        Some(path) => {
            let database = StateDb::open(&path).map_err(Failure::internal)?;
            (database.agents().map_err(Failure::internal)?, database.pins().map_err(Failure::internal)?)
        }
    };
    Ok((snapshot::agents(&loaded.config, agents)?, snapshot::pins(&loaded.config, pins)))
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
