//! A snapshot as a document: what is kept of it, so that replay finds again what decided.
//!
//! Everything that the digest covers is in it, except what the detectors are made of: what they found stands in the facts of
//! each record, and of themselves only their digest is kept. Agents, pins and known destinations are not in it either, as they
//! are not in the digest.

use crate::{GrantEntry, Parts, RiskWeights, Server, Snapshot, SnapshotError, UnknownAgent};
use holdshort_effects::{CatalogEntry, Classification, LabelRule};
use holdshort_inventory::{FirstUse, Pins};
use holdshort_model::{Digest, Mode};
use holdshort_policy::{Bundle, LoadOptions, PolicySet, SourceFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Version of the form below.
const VERSION: u32 = 1;

/// Everything that a snapshot is rebuilt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotDocument {
    /// Version of this form: 1.
    pub version: u32,
    /// Digest of the [`PolicyDocument`]'s JSON text; absent when no policy was loaded. It is kept apart, because few changes
    /// concern the policies.
    pub policies: Option<Digest>,
    /// The mode of each policy.
    pub modes: BTreeMap<String, Mode>,
    /// The policies whose mode the configuration says.
    pub modes_fixed: BTreeSet<String>,
    /// The grants.
    pub grants: Vec<GrantEntry>,
    /// What the organisation declares about tools.
    pub catalog: Vec<CatalogEntry>,
    /// What it declares about resources.
    pub labels: Vec<LabelRule>,
    /// Levels and categories.
    pub classification: Classification,
    /// The configured servers.
    pub servers: BTreeMap<String, Server>,
    /// What happens to agents that nobody registered.
    pub unknown_agent: UnknownAgent,
    /// Whether first use of a tool is trusted.
    pub first_use: FirstUse,
    /// What signs weigh.
    pub risk: RiskWeights,
    /// Digest of the detectors.
    pub detectors: Digest,
}

/// Sources and data of the policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// Path and Rego source of each file; sorted.
    pub files: BTreeMap<String, String>,
    /// The organisation's data.
    pub data: Value,
}

/// A document that is none, or of another snapshot.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It cannot be read.
    #[error("the kept snapshot cannot be read: {0}")]
    Syntax(#[from] serde_json::Error),
    /// A form of another version.
    #[error("the kept snapshot has version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// The text of the policies is not there, or another one.
    #[error("the kept policies are not those of the snapshot")]
    Policies,
    /// It does not compile any more.
    #[error("the kept snapshot does not compile: {0}")]
    Compile(String),
    /// It compiles to something else.
    #[error(
        "the kept snapshot has the digest {found} and not {expected}: it was changed, or this version reads it differently"
    )]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came out.
        found: Digest,
    },
}

impl Snapshot {
    /// The document of this snapshot, and the text of its policies where it has any.
    ///
    /// # Errors
    /// When a part has no JSON form.
    pub fn document(&self) -> Result<(SnapshotDocument, Option<Vec<u8>>), serde_json::Error> {
        let text =
            self.policies.as_ref().map(|policies| serde_json::to_vec(&PolicyDocument::of(policies))).transpose()?;
        let infos = self.policies.as_ref().map(|policies| policies.policies()).unwrap_or_default();
        let (fixed, declared) = (&self.fixed, &self.fixed.declared);
        let document = SnapshotDocument {
            version: VERSION,
            policies: text.as_deref().map(Digest::of),
            modes: infos.iter().map(|policy| (policy.id.to_string(), policy.mode)).collect(),
            modes_fixed: fixed.modes_fixed.clone(),
            grants: declared.grants.clone(),
            catalog: declared.catalog.clone(),
            labels: declared.labels.clone(),
            classification: declared.classification.clone(),
            servers: fixed.servers.clone(),
            unknown_agent: fixed.unknown_agent,
            first_use: self.pins().first_use(),
            risk: fixed.risk.clone(),
            detectors: declared.detectors,
        };
        Ok((document, text))
    }

    /// The grants, as they were declared.
    pub fn grants(&self) -> &[GrantEntry] {
        &self.fixed.declared.grants
    }

    /// The snapshot of a document, without detectors, agents, pins and known destinations. `policies`: the text that
    /// [`Snapshot::document`] gave beside it. `expected`: the digest that it must have. `replicas`: see
    /// [`LoadOptions::replicas`].
    ///
    /// # Errors
    /// When it is not the document of that snapshot.
    pub fn from_document(
        document: SnapshotDocument,
        policies: Option<&[u8]>,
        expected: Digest,
        replicas: usize,
    ) -> Result<Self, DocumentError> {
        if document.version != VERSION {
            return Err(DocumentError::Version(document.version));
        }
        if document.policies != policies.map(Digest::of) {
            return Err(DocumentError::Policies);
        }
        let policies = policies.map(|text| load(text, document.modes, replicas)).transpose()?.map(Arc::new);
        let parts = Parts {
            policies,
            grants: document.grants,
            catalog: document.catalog,
            labels: document.labels,
            classification: document.classification,
            servers: document.servers,
            unknown_agent: document.unknown_agent,
            pins: Arc::new(Pins::new(document.first_use, [])),
            risk: document.risk,
            modes_fixed: document.modes_fixed,
            ..Parts::default()
        };
        let lines = |errors: Vec<SnapshotError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let snapshot =
            Self::assemble(parts, document.detectors).map_err(|errors| DocumentError::Compile(lines(errors)))?;
        match snapshot.digest() {
            found if found == expected => Ok(snapshot),
            found => Err(DocumentError::Digest { expected, found }),
        }
    }
}

impl PolicyDocument {
    fn of(policies: &PolicySet) -> Self {
        let bundle = policies.bundle();
        let files = bundle.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        Self { files, data: bundle.data.clone() }
    }
}

fn load(text: &[u8], modes: BTreeMap<String, Mode>, replicas: usize) -> Result<PolicySet, DocumentError> {
    let PolicyDocument { files, data } = serde_json::from_slice(text)?;
    let files = files.into_iter().map(|(path, text)| SourceFile { path, text }).collect();
    let options = LoadOptions { modes, default_mode: None, replicas };
    PolicySet::load(&Bundle { files, data }, &options).map_err(|faults| {
        let lines: Vec<String> = faults.iter().take(5).map(ToString::to_string).collect();
        DocumentError::Compile(lines.join("; "))
    })
}
