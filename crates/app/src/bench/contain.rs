//! How fast containment bites: from a policy's decision, and from a person's call, until the same agent is refused in its
//! other sessions. The service is the real one, with its log on this disk: a refusal is answered once its record is
//! durable, which the yardstick shows by itself.

use super::case;
use crate::config::Loaded;
use crate::failure::{Failure, io_failure};
use crate::place::{DataDir, Place};
use crate::service::assemble::Assembled;
use crate::service::lock::DataLock;
use crate::service::start::ensure_running;
use holdshort_api::{NewStanding, Whom};
use holdshort_enforce::Authority;
use holdshort_model::{Action, ActionKind, Authentication, Claims, Context, Effect, Request, Standing, Subject};
use holdshort_sdk::{Client, Endpoint, RemoteAuthority};
use holdshort_store::log::BenchCase;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Sessions of the agent that are busy while it is isolated.
const SESSIONS: u32 = 4;
/// Calls that each session makes before.
const CALLS_BEFORE: u32 = 3;
/// The tool that makes the policy isolate.
const TRAP: &str = "bench_trap";
/// A policy that isolates.
const POLICY: &str = "# METADATA
# title: Bench trap
package holdshort.rules.bench_trap

isolate contains \"the bench isolates\" if {
\tinput.action.name == \"bench_trap\"
}

examples := [
\t{\"name\": \"fires\", \"input\": {\"action\": {\"name\": \"bench_trap\"}}, \"expect\": [\"isolate\"]},
\t{\"name\": \"rests\", \"input\": {\"action\": {\"name\": \"other\"}}, \"expect\": []},
]
";

/// Measures `rounds` isolations of an agent each. The services keep their data in `directory`.
pub(crate) async fn contain(directory: &Path, rounds: u32) -> Result<Vec<BenchCase>, Failure> {
    let (rules, file) = (directory.join("rules"), directory.join("bench.toml"));
    std::fs::create_dir(&rules).map_err(io_failure("make", &rules))?;
    let (policy, own) = (rules.join("trap.rego"), "[policies]\npaths = [\"rules\"]\n");
    std::fs::write(&policy, POLICY).map_err(io_failure("write", &policy))?;
    std::fs::write(&file, own).map_err(io_failure("write", &file))?;
    let loaded = Loaded::read(Some(&file))?;
    let data = |name: &str| {
        let place = Place { config: Some(file.clone()), data: Some(directory.join(name)) };
        place.data(&loaded)
    };
    let mut cases = in_process(&loaded, &data("inner")?, rounds).await?;
    cases.push(over_the_api(&file, &data("outer")?, rounds).await?);
    Ok(cases)
}

async fn in_process(loaded: &Loaded, data: &DataDir, rounds: u32) -> Result<Vec<BenchCase>, Failure> {
    let assembled = Assembled::start(loaded, data).await?;
    let service = assembled.service.clone();
    let (mut permitted, mut bites, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let started = Instant::now();
    for round in 0..rounds {
        let agent = format!("bench-{round}");
        let mut busy = Busy::start(service.clone(), &agent).await?;
        permitted.append(&mut busy.permitted);
        // Whoever asks from now on is refused: seen by somebody who does nothing but look.
        let (looker, subject) = (service.clone(), request(&agent, "look", TRAP).subject);
        let look = tokio::task::spawn_blocking(move || {
            let session = "look".into();
            while looker.standing_of(&subject, &session).standing < Standing::Isolated {
                // The sessions need the processors as well.
                std::thread::yield_now();
            }
            Instant::now()
        });
        let began = Instant::now();
        let trap = service.rule(request(&agent, "trapped", TRAP)).await.map_err(Failure::internal)?;
        if trap.decision.enforced != Effect::Deny {
            return Err(Failure::internal("the measured policy did not isolate"));
        }
        bites.push(look.await.map_err(Failure::internal)?.saturating_duration_since(began));
        refused.push(busy.first_refusal().await?.saturating_duration_since(began));
    }
    let elapsed = started.elapsed();
    drop(service);
    assembled.stop().await?;
    Ok(vec![
        case("yardstick: one permitted call, its record on disk", permitted, elapsed),
        case("contain: a policy's decision, until nothing of the agent is permitted", bites, elapsed),
        case("contain: a policy's decision, until another session has its refusal, on disk", refused, elapsed),
    ])
}

async fn over_the_api(config: &Path, data: &DataDir, rounds: u32) -> Result<BenchCase, Failure> {
    ensure_running(data, Some(config))?;
    let measured = calls(data, rounds).await;
    DataLock::relieve_background(data)?;
    measured
}

async fn calls(data: &DataDir, rounds: u32) -> Result<BenchCase, Failure> {
    let client = Client::new(Endpoint::Unix(data.socket()), None).map_err(Failure::internal)?;
    let authority = Arc::new(RemoteAuthority::new(client.clone()));
    let (mut samples, started) = (Vec::new(), Instant::now());
    for round in 0..rounds {
        let agent = format!("bench-{round}");
        let mut busy = Busy::start(authority.clone(), &agent).await?;
        let whom = Whom::Agent { agent: agent.as_str().into() };
        let new = NewStanding { whom, standing: Standing::Isolated, removed: Vec::new(), reason: "bench".to_owned() };
        let began = Instant::now();
        client.contain(&new).await.map_err(Failure::internal)?;
        samples.push(busy.first_refusal().await?.saturating_duration_since(began));
    }
    Ok(case("contain: a call of the API, until another session has its refusal, on disk", samples, started.elapsed()))
}

/// Sessions of one agent that call one after the other until they are refused.
struct Busy {
    permitted: Vec<Duration>,
    refused: mpsc::UnboundedReceiver<Result<Instant, String>>,
    _sessions: JoinSet<()>,
}

impl Busy {
    /// Starts them, and waits until all have called a few times.
    async fn start(authority: Arc<dyn Authority>, agent: &str) -> Result<Self, Failure> {
        let (told, refused) = mpsc::unbounded_channel();
        let (warm, mut warmed) = mpsc::unbounded_channel();
        let mut sessions = JoinSet::new();
        for number in 0..SESSIONS {
            let (authority, told, warm) = (authority.clone(), told.clone(), warm.clone());
            let request = request(agent, &format!("s{number}"), "get_note");
            sessions.spawn(async move {
                // Nobody listens any more once one refusal is known.
                for call in 0.. {
                    let began = Instant::now();
                    let ruling = authority.rule(request.clone()).await;
                    match ruling.map(|ruling| ruling.decision.enforced) {
                        Ok(Effect::Allow) if call < CALLS_BEFORE => drop(warm.send(began.elapsed())),
                        Ok(Effect::Allow) => {}
                        Ok(_) if call < CALLS_BEFORE => return drop(told.send(Err("refused too early".to_owned()))),
                        // A permit that containment overtook on its way is a refusal as well.
                        Ok(_) | Err(_) => return drop(told.send(Ok(Instant::now()))),
                    }
                }
            });
        }
        drop((told, warm));
        let mut permitted = Vec::new();
        for _ in 0..SESSIONS * CALLS_BEFORE {
            permitted.push(warmed.recv().await.ok_or_else(|| Failure::internal("the measured calls are refused"))?);
        }
        Ok(Self { permitted, refused, _sessions: sessions })
    }

    async fn first_refusal(&mut self) -> Result<Instant, Failure> {
        let first = self.refused.recv().await.ok_or_else(|| Failure::internal("nobody was refused"))?;
        first.map_err(Failure::internal)
    }
}

fn request(agent: &str, session: &str, tool: &str) -> Request {
    Request {
        subject: Subject {
            agent: agent.into(),
            user: None,
            delegation: Vec::new(),
            authenticated_by: Authentication::Operator,
            claims: Claims::default(),
        },
        action: Action {
            kind: ActionKind::ToolCall,
            server: Some("notes".into()),
            name: tool.into(),
            args: json!({"id": "1"}),
            digest: None,
        },
        context: Context { enforcement_point: "bench".into(), ..Context::default() },
        session: session.into(),
    }
}
