//! From the configuration to the snapshot that decides.

use crate::config::{AgentEntry as Declared, Config, Loaded};
use crate::failure::Failure;
use crate::place::DataDir;
use crate::{detectors, policies};
use holdshort_decide::{Parts, RiskWeights, Server, Snapshot, SnapshotError};
use holdshort_effects::Trust;
use holdshort_inventory::{AgentEntry, Agents, PinEntry, Pins};
use holdshort_model::Owner;
use std::sync::Arc;

/// Compiles everything that decides. `data`: the data directory, if there is one.
///
/// # Errors
/// Exit code 64 with each fault.
pub(crate) fn build(
    loaded: &Loaded,
    data: Option<&DataDir>,
    agents: Arc<Agents>,
    pins: Arc<Pins>,
) -> Result<Snapshot, Failure> {
    let policies = policies::load(loaded)?;
    let risk = weights(&loaded.config)?;
    let detectors = Arc::new(detectors::build(loaded, data)?);
    let parts = Parts { risk, detectors, ..parts(&loaded.config, policies, agents, pins) };
    Snapshot::new(parts).map_err(|faults| refused(&faults))
}

fn parts(config: &Config, policies: holdshort_policy::PolicySet, agents: Arc<Agents>, pins: Arc<Pins>) -> Parts {
    let server = |upstream: &crate::config::Upstream| {
        let outputs_trusted = upstream.outputs == Some(Trust::Trusted);
        (upstream.name.clone(), Server { trusted: upstream.trusted, outputs_trusted })
    };
    Parts {
        policies: Some(Arc::new(policies)),
        grants: config.grants.clone(),
        catalog: config.catalog.clone(),
        labels: config.labels.clone(),
        classification: config.classification.clone(),
        servers: config.upstream.iter().map(server).collect(),
        unknown_agent: config.unknown_agent,
        // Agents of any class may be registered, and wrappers bring servers that the file does not name.
        classes: None,
        servers_closed: false,
        agents,
        pins,
        destinations: Arc::default(),
        detectors: Arc::default(),
        risk: RiskWeights::default(),
        modes_fixed: config.policies.modes.keys().cloned().collect(),
    }
}

fn weights(config: &Config) -> Result<RiskWeights, Failure> {
    let wrong = |what: String| Failure::config(format!("risk: {what}")).hint("see docs/reference/risk.md");
    let changes = toml::Table::try_from(&config.risk).map_err(|error| wrong(error.to_string()))?;
    RiskWeights::with_changes(&changes).map_err(|error| wrong(error.to_string()))
}

fn refused(faults: &[SnapshotError]) -> Failure {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Failure::config(lines.join("\n       ")).hint("see docs/reference/configuration.md")
}

/// The registered agents with those that the file declares laid over them: the file says class and owner, tokens stay.
///
/// # Errors
/// Exit code 64 when they do not go together.
pub(crate) fn agents(config: &Config, stored: Vec<AgentEntry>) -> Result<Agents, Failure> {
    Agents::new(lay_over(config, stored)).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::config(lines.join("\n       "))
    })
}

/// See [`agents`].
pub(crate) fn lay_over(config: &Config, mut stored: Vec<AgentEntry>) -> Vec<AgentEntry> {
    for Declared { id, class, owner } in &config.agents {
        let owner = owner.clone().map(|id| Owner { id, active: true });
        match stored.iter_mut().find(|entry| entry.id.as_str() == id) {
            Some(entry) => (entry.class, entry.owner) = (class.clone(), owner),
            None => stored.push(AgentEntry {
                id: id.as_str().into(),
                class: class.clone(),
                owner,
                created_ms: 0,
                tokens: Vec::new(),
            }),
        }
    }
    stored
}

/// What is pinned.
pub(crate) fn pins(config: &Config, stored: Vec<PinEntry>) -> Pins {
    Pins::new(config.pins.first_use, stored)
}
