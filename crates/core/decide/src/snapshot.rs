//! What decides: everything that is configured or known, immutable, swapped whole.

use crate::memo::Memo;
use crate::{GrantEntry, GrantError, Grants, Known, RiskError, RiskWeights};
use holdshort_detect::Detectors;
use holdshort_effects::{Catalog, CatalogEntry, CatalogError, Classification, ClassificationError, LabelRule};
use holdshort_history::{LabelRules, Rules, Sequences, State};
use holdshort_inventory::{Agents, Destinations, Pins};
use holdshort_model::{Anomaly, ApprovalHistory, Digest, Facts, Mode, SeenContent, SequenceError, SessionId, Standing};
use holdshort_policy::PolicySet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What happens to agents that nobody registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownAgent {
    /// They have the class `unknown`. What no grant of that class covers is recorded and let pass, unless a policy
    /// refuses it.
    Observe,
    /// Everything that they do is refused.
    #[default]
    Refuse,
}

/// What is known of an upstream server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Whether its annotations are believed.
    pub trusted: bool,
    /// Whether only the organisation writes what it gives back.
    #[serde(default)]
    pub outputs_trusted: bool,
}

/// What a snapshot is made of.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The policies; `None` = none could ever be loaded, and everything is refused.
    pub policies: Option<Arc<PolicySet>>,
    /// The grants.
    pub grants: Vec<GrantEntry>,
    /// What the organisation declares about tools.
    pub catalog: Vec<CatalogEntry>,
    /// What the organisation declares about resources.
    pub labels: Vec<LabelRule>,
    /// The levels and categories that labels can be.
    pub classification: Classification,
    /// The configured servers, by name.
    pub servers: BTreeMap<String, Server>,
    /// What happens to agents that nobody registered.
    pub unknown_agent: UnknownAgent,
    /// The classes that a grant may name, without `unknown`; `None` = agents of any class may be registered later.
    pub classes: Option<Vec<String>>,
    /// Whether `servers` are all that there will be, so that a grant for another one is an error.
    pub servers_closed: bool,
    /// The registered agents.
    pub agents: Arc<Agents>,
    /// The pins of tool definitions.
    pub pins: Arc<Pins>,
    /// The destinations that people approved.
    pub destinations: Arc<Destinations>,
    /// What content is scanned with.
    pub detectors: Arc<Detectors>,
    /// What signs weigh.
    pub risk: RiskWeights,
    /// The policies whose mode the configuration says, as it names them.
    pub modes_fixed: BTreeSet<String>,
}

/// A part that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// A grant.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// A declaration.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The scale, or a label.
    #[error(transparent)]
    Classification(#[from] ClassificationError),
    /// A sequence that the policies declare.
    #[error("the policies' sequences: {0}")]
    Sequence(#[from] SequenceError),
    /// A weight of a sign.
    #[error("risk: {0}")]
    Risk(#[from] RiskError),
    /// A part that has no JSON form, and so no digest.
    #[error("the configuration has no digest: {0}")]
    Digest(String),
}

/// Everything that decides, beside the session. Cheap to clone and to derive from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) fixed: Arc<Fixed>,
    pub(crate) policies: Option<Arc<PolicySet>>,
    digest: Digest,
    pub(crate) agents: Arc<Agents>,
    pub(crate) pins: Arc<Pins>,
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) memo: Arc<Memo>,
}

/// The part that only a change of configuration or policies replaces.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) grants: Grants,
    pub(crate) catalog: Catalog,
    pub(crate) servers: BTreeMap<String, Server>,
    pub(crate) unknown_agent: UnknownAgent,
    pub(crate) rules: Rules,
    pub(crate) detectors: Arc<Detectors>,
    pub(crate) risk: RiskWeights,
    pub(crate) modes_fixed: BTreeSet<String>,
    /// Of everything but the policies.
    rest: Digest,
    /// What it was compiled from, without the policies.
    pub(crate) declared: Declared,
}

/// The declarations that a snapshot was compiled from, as they were.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) grants: Vec<GrantEntry>,
    pub(crate) catalog: Vec<CatalogEntry>,
    pub(crate) labels: Vec<LabelRule>,
    pub(crate) classification: Classification,
    pub(crate) detectors: Digest,
}

impl Snapshot {
    /// Compiles the parts.
    ///
    /// # Errors
    /// All that is wrong with them; the last good snapshot stays in force.
    pub fn new(parts: Parts) -> Result<Self, Vec<SnapshotError>> {
        let detectors = parts.detectors.digest();
        Self::assemble(parts, detectors)
    }

    /// `detectors`: the digest of those that found what is on record, which need not be here.
    pub(crate) fn assemble(parts: Parts, detectors: Digest) -> Result<Self, Vec<SnapshotError>> {
        let rest = rest(&parts, detectors).map_err(|error| vec![SnapshotError::Digest(error.to_string())])?;
        let mut errors: Vec<SnapshotError> = Vec::new();
        errors.extend(parts.risk.check().err().map(SnapshotError::from));
        let catalog = Catalog::new(&parts.catalog, &parts.labels)
            .map_err(|found| errors.extend(found.into_iter().map(SnapshotError::from)));
        errors.extend(parts.classification.check(&parts.catalog, &parts.labels).into_iter().map(SnapshotError::from));
        let classes: Option<Vec<&str>> =
            parts.classes.as_ref().map(|classes| classes.iter().map(String::as_str).collect());
        let servers: Vec<&str> = parts.servers.keys().map(String::as_str).collect();
        let kinds: Vec<&str> =
            parts.catalog.iter().flat_map(|entry| &entry.effects).map(|effect| effect.kind.as_str()).collect();
        let known = Known {
            classes: classes.as_deref(),
            servers: parts.servers_closed.then_some(servers.as_slice()),
            kinds: Some(&kinds),
        };
        let grants = Grants::compile(&parts.grants, &known)
            .map_err(|found| errors.extend(found.into_iter().map(SnapshotError::from)));
        let (Ok(catalog), Ok(grants)) = (catalog, grants) else { return Err(errors) };
        if !errors.is_empty() {
            return Err(errors);
        }
        let trusted = parts.servers.iter().filter(|(_, server)| server.outputs_trusted).map(|(name, _)| name.clone());
        let mut rules = Rules::default();
        rules.labels = LabelRules::new(parts.classification.clone(), &parts.catalog, &parts.labels, trusted);
        let declared = parts.policies.as_ref().map(|policies| policies.sequences()).unwrap_or_default();
        rules.sequences = Sequences::compile(declared).map_err(|error| vec![error.into()])?;
        let declared = Declared {
            grants: parts.grants,
            catalog: parts.catalog,
            labels: parts.labels,
            classification: parts.classification,
            detectors,
        };
        let Parts {
            policies, servers, unknown_agent, detectors, risk, modes_fixed, agents, pins, destinations, ..
        } = parts;
        let fixed =
            Fixed { grants, catalog, servers, unknown_agent, rules, detectors, risk, modes_fixed, rest, declared };
        let digest = digest(policies.as_deref(), rest);
        Ok(Self { fixed: Arc::new(fixed), policies, digest, agents, pins, destinations, memo: Arc::default() })
    }

    /// The same with other agents.
    #[must_use]
    pub fn with_agents(&self, agents: Arc<Agents>) -> Self {
        Self { agents, memo: Arc::default(), ..self.clone() }
    }

    /// The same with other pins.
    #[must_use]
    pub fn with_pins(&self, pins: Arc<Pins>) -> Self {
        Self { pins, memo: Arc::default(), ..self.clone() }
    }

    /// The same with other known destinations. Whether a tool as such is refused does not depend on them.
    #[must_use]
    pub fn with_destinations(&self, destinations: Arc<Destinations>) -> Self {
        Self { destinations, ..self.clone() }
    }

    /// The same with modes of policies that people changed. Those that the configuration says stay as they are.
    #[must_use]
    pub fn with_modes(&self, modes: &BTreeMap<String, Mode>) -> Self {
        let changed: BTreeMap<String, Mode> = modes
            .iter()
            .filter(|(policy, _)| !self.fixes_mode_of(policy))
            .map(|(id, mode)| (id.clone(), *mode))
            .collect();
        let policies = self.policies.as_ref().map(|policies| Arc::new(policies.with_modes(&changed)));
        let digest = digest(policies.as_deref(), self.fixed.rest);
        Self { policies, digest, memo: Arc::default(), ..self.clone() }
    }

    /// Whether the configuration says the mode of a policy. `policy`: its id.
    pub fn fixes_mode_of(&self, policy: &str) -> bool {
        let short = policy.rsplit('.').next().unwrap_or(policy);
        self.fixed.modes_fixed.contains(policy) || self.fixed.modes_fixed.contains(short)
    }

    /// Digest of policies, grants, declarations, servers and settings. Agents, pins and known destinations are not in it:
    /// what a decision used of them is in its facts.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The registered agents.
    pub fn agents(&self) -> &Arc<Agents> {
        &self.agents
    }

    /// The pins of tool definitions.
    pub fn pins(&self) -> &Arc<Pins> {
        &self.pins
    }

    /// The destinations that people approved.
    pub fn destinations(&self) -> &Arc<Destinations> {
        &self.destinations
    }

    /// The policies in force.
    pub fn policies(&self) -> Option<&Arc<PolicySet>> {
        self.policies.as_ref()
    }

    /// What the state of a session goes by.
    pub fn rules(&self) -> &Rules {
        &self.fixed.rules
    }

    /// What content is scanned with.
    pub fn detectors(&self) -> &Arc<Detectors> {
        &self.fixed.detectors
    }

    /// What signs weigh.
    pub fn risk(&self) -> &RiskWeights {
        &self.fixed.risk
    }

    /// The latest definition of a tool that was seen.
    pub fn definition(&self, server: &str, tool: &str) -> Option<&Value> {
        self.pins.entry(server, tool).map(|entry| &entry.latest.definition)
    }

    pub(crate) fn is_trusted(&self, server: &str) -> bool {
        self.fixed.servers.get(server).is_some_and(|server| server.trusted)
    }
}

/// What is known of the session, as far as deciding needs it.
#[derive(Clone, Debug)]
pub struct SessionView<'a> {
    /// The session.
    pub id: SessionId,
    /// Number of the next record of the session.
    pub sequence: u64,
    /// The stricter of the agent's and the session's standing.
    pub standing: Standing,
    /// Names of grants that containment took away.
    pub removed: Vec<String>,
    /// In words, why something was taken away.
    pub because: Option<String>,
    /// What the session has done and seen; `None` = it has just begun.
    pub state: Option<&'a State>,
    /// What was in the results that the session has seen.
    pub seen: Option<&'a SeenContent>,
    /// What is usual for the agent, and what people answered it.
    pub habits: Option<&'a dyn Habits>,
}

/// What is known of an agent beyond the session. What it says is in the facts of the decision.
pub trait Habits: std::fmt::Debug {
    /// How unusual the action is.
    fn anomaly(&self, facts: &Facts) -> Anomaly;
    /// What people answered when this agent asked before.
    fn approvals(&self, facts: &Facts) -> ApprovalHistory;
}

impl SessionView<'_> {
    /// A session from which nothing was taken away and which has done nothing yet.
    pub fn active(id: SessionId) -> Self {
        Self {
            id,
            sequence: 0,
            standing: Standing::Active,
            removed: Vec::new(),
            because: None,
            state: None,
            seen: None,
            habits: None,
        }
    }
}

fn digest(policies: Option<&PolicySet>, rest: Digest) -> Digest {
    let policies = policies.map(|policies| policies.digest().to_string()).unwrap_or_default();
    Digest::of_parts([policies.as_bytes(), rest.as_bytes().as_slice()])
}

fn rest(parts: &Parts, detectors: Digest) -> Result<Digest, serde_json::Error> {
    let bytes = [
        serde_json::to_vec(&parts.grants)?,
        serde_json::to_vec(&parts.catalog)?,
        serde_json::to_vec(&parts.labels)?,
        serde_json::to_vec(&parts.classification)?,
        serde_json::to_vec(&parts.servers)?,
        serde_json::to_vec(&parts.unknown_agent)?,
        serde_json::to_vec(&parts.pins.first_use())?,
        detectors.to_string().into_bytes(),
        serde_json::to_vec(&parts.risk)?,
    ];
    Ok(Digest::of_parts(bytes.iter().map(Vec::as_slice)))
}
