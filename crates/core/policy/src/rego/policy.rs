//! What the files of a bundle say: policies with their metadata, rules, guards and examples.

use super::check;
use super::example::{self, Example};
use super::guard::{self, Guard};
use super::guarded;
use super::metadata::{self, Metadata};
use super::sequences::{self, Declared};
use super::source::{parse_all, place};
use super::syntax::{self, Step, chain};
use crate::bundle::{Bundle, DATA_BYTES_MAX, LoadOptions, REPLICAS_MAX, SourceFile};
use crate::diagnostic::{Diagnostic, suggest};
use crate::info::PolicyInfo;
use crate::input::Sections;
use crate::{Rule, input};
use holdshort_model::Mode;
use regorus::Value;
use regorus::unstable::{self as ast, Module};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// The package below which every policy stands.
pub(crate) const PACKAGE: &str = "holdshort.rules";
/// The rule that holds a policy's examples.
pub(crate) const EXAMPLES: &str = "examples";

/// A bundle that passed the checks.
pub(crate) struct Loaded {
    pub(crate) policies: Vec<Policy>,
    /// `{"org": ...}`: what the organisation supplies over what the policies' metadata declares.
    pub(crate) data: Value,
    /// The sequences that policies declare, by name.
    pub(crate) sequences: BTreeMap<String, Declared>,
    /// The sequences that a policy reads.
    pub(crate) sequences_read: BTreeSet<String>,
}

/// One policy, or a library of helpers when it has no rules of its own.
pub(crate) struct Policy {
    pub(crate) file: SourceFile,
    /// The source as it is compiled; see [`guarded`].
    pub(crate) guarded: String,
    pub(crate) info: PolicyInfo,
    pub(crate) units: Vec<(Unit, Guard)>,
    /// Packages that it refers to, by index.
    pub(crate) refers_to: BTreeSet<usize>,
    /// What of the input it reads itself.
    pub(crate) reads: Sections,
    pub(crate) examples: Vec<Example>,
    /// Defaults of `data.org`, from the metadata.
    pub(crate) org: BTreeMap<String, Json>,
}

/// One rule of one policy: the smallest thing that is evaluated by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unit {
    pub(crate) policy: usize,
    pub(crate) rule: Rule,
}

impl Loaded {
    pub(crate) fn infos(&self) -> Vec<PolicyInfo> {
        self.policies.iter().filter(|policy| !policy.units.is_empty()).map(|policy| policy.info.clone()).collect()
    }

    /// These policies and everything that they refer to.
    pub(crate) fn closure(&self, roots: BTreeSet<usize>) -> BTreeSet<usize> {
        let mut open: Vec<usize> = roots.iter().copied().collect();
        let mut all = roots;
        while let Some(index) = open.pop() {
            let Some(policy) = self.policies.get(index) else { continue };
            open.extend(policy.refers_to.iter().filter(|next| all.insert(**next)));
        }
        all
    }
}

/// Reads, checks and tries out a bundle.
pub(crate) fn load(bundle: &Bundle, options: &LoadOptions) -> Result<Loaded, Vec<Diagnostic>> {
    let loaded = read(bundle, options)?;
    let mut faults = Vec::new();
    for (index, policy) in loaded.policies.iter().enumerate() {
        match example::run(&loaded, index) {
            Ok(outcomes) => faults.extend(outcomes.iter().filter_map(|outcome| outcome.fault(&policy.file.path))),
            Err(fault) => faults.push(fault),
        }
    }
    sorted(loaded, faults)
}

/// A module on its way to a [`Policy`].
pub(crate) struct Draft<'a> {
    pub(crate) file: &'a SourceFile,
    pub(crate) module: Module,
    pub(crate) id: String,
    pub(crate) metadata: Metadata,
}

/// Reads a bundle and makes every check that needs no evaluation.
pub(crate) fn read(bundle: &Bundle, options: &LoadOptions) -> Result<Loaded, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    if !(1..=REPLICAS_MAX).contains(&options.replicas) {
        let message = format!("{} replicas; expected 1 to {REPLICAS_MAX}", options.replicas);
        faults.push(Diagnostic::of_file("", "bad-option", message));
    }
    let mut drafts = Vec::new();
    for (file, module) in parse_all(bundle, &mut faults) {
        match draft(file, module) {
            Ok(draft) => drafts.push(draft),
            Err(fault) => faults.push(fault),
        }
    }
    drafts.sort_by(|left, right| (&left.id, &left.file.path).cmp(&(&right.id, &right.file.path)));
    for pair in drafts.windows(2) {
        if let [first, second] = pair
            && first.id == second.id
        {
            let message = format!("package `{}` stands in {} as well", second.id, first.file.path);
            let at = place(second.module.package.refr.span());
            faults
                .push(Diagnostic::at(&second.file.path, at, "duplicate-package", message).hint("one file, one policy"));
        }
    }
    drafts.dedup_by(|second, first| second.id == first.id);
    let org = organisation(bundle, &drafts, &mut faults);
    let names: Vec<String> = drafts.iter().map(|draft| draft.id.clone()).collect();
    modes_are_known(options, &names, &mut faults);
    let sequences = sequences::declared(&drafts, &org, &mut faults);
    let world = check::World::new(&drafts, &org, &sequences);
    let mut sequences_read = BTreeSet::new();
    let mut policies = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        policies.push(policy(index, draft, &world, options, &mut sequences_read, &mut faults));
    }
    let data = input::from_json(&Json::Object(Map::from_iter([("org".to_owned(), Json::Object(org))])));
    sorted(Loaded { policies, data, sequences, sequences_read }, faults)
}

fn sorted(loaded: Loaded, mut faults: Vec<Diagnostic>) -> Result<Loaded, Vec<Diagnostic>> {
    if faults.is_empty() {
        return Ok(loaded);
    }
    faults.sort();
    faults.dedup();
    Err(faults)
}

fn draft(file: &SourceFile, module: Module) -> Result<Draft<'_>, Diagnostic> {
    let span = module.package.refr.span();
    let id = package_path(&module);
    let name = id.as_deref().and_then(|id| id.strip_prefix(PACKAGE)?.strip_prefix('.'));
    match (&id, name) {
        (Some(id), Some(_)) => {
            let metadata = metadata::read(&file.path, &file.text, module.package.span.line)?;
            Ok(Draft { file, id: id.clone(), metadata, module })
        }
        _ => {
            let message = format!("package `{}` is outside `{PACKAGE}`", span.text());
            Err(Diagnostic::at(&file.path, place(span), "wrong-package", message)
                .hint(format!("`package {PACKAGE}.<name>`, where the name is the policy's")))
        }
    }
}

/// The package as dotted names; none when a part is no plain name.
fn package_path(module: &Module) -> Option<String> {
    let path = chain(&module.package.refr)?;
    let mut id = path.root.to_owned();
    for step in &path.steps {
        let Step::Field(name, _) = step else { return None };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        id.push('.');
        id.push_str(name);
    }
    Some(id)
}

/// `data.org`: the policies' defaults below what the organisation supplies.
fn organisation(bundle: &Bundle, drafts: &[Draft<'_>], faults: &mut Vec<Diagnostic>) -> Map<String, Json> {
    let mut org = Map::new();
    let mut declared: BTreeMap<&str, &Draft<'_>> = BTreeMap::new();
    for draft in drafts {
        for (name, default) in &draft.metadata.custom.org {
            if let Some(other) = declared.insert(name, draft)
                && other.metadata.custom.org.get(name) != Some(default)
            {
                let message = format!("`data.org.{name}` has another default in {}", other.file.path);
                faults.push(Diagnostic::at(&draft.file.path, (1, 1), "bad-metadata", message).hint("use one default"));
            }
            org.insert(name.clone(), default.clone());
        }
    }
    let supplied = match &bundle.data {
        Json::Null => return org,
        Json::Object(supplied) => supplied,
        other => {
            let message = format!("the organisation's data is {}; expected an object", kind_of(other));
            faults.push(Diagnostic::of_file("", "bad-data", message));
            return org;
        }
    };
    if bundle.data.to_string().len() > DATA_BYTES_MAX {
        let message = format!("the organisation's data has more than {DATA_BYTES_MAX} bytes");
        faults.push(Diagnostic::of_file("", "too-large", message));
    }
    for (name, value) in supplied {
        if let Some(default) = org.get(name)
            && kind_of(default) != kind_of(value)
        {
            let message = format!("`data.org.{name}` is {}; the policies expect {}", kind_of(value), kind_of(default));
            faults.push(Diagnostic::of_file("", "bad-data", message));
        }
        org.insert(name.clone(), value.clone());
    }
    org
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn modes_are_known(options: &LoadOptions, ids: &[String], faults: &mut Vec<Diagnostic>) {
    for key in options.modes.keys() {
        if !ids.iter().any(|id| id == key || short(id) == key) {
            let message = format!("a mode is set for `{key}`, and no policy has that name");
            let hint = suggest(key, ids.iter().map(|id| short(id)));
            faults.push(Diagnostic::of_file("", "unknown-policy", message).hint(hint));
        }
    }
}

pub(crate) fn short(id: &str) -> &str {
    id.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(id)
}

fn policy(
    index: usize,
    draft: &Draft<'_>,
    world: &check::World<'_>,
    options: &LoadOptions,
    sequences_read: &mut BTreeSet<String>,
    faults: &mut Vec<Diagnostic>,
) -> Policy {
    let checked = check::check(draft, world, faults);
    sequences_read.extend(checked.sequences_read);
    let mut by_rule: BTreeMap<Rule, Vec<&ast::Rule>> = BTreeMap::new();
    for rule in &draft.module.policy {
        if let Some(kind) = Rule::named(syntax::head_name(rule)) {
            by_rule.entry(kind).or_default().push(rule);
        }
    }
    let scope = guard::Scope::new(&draft.module, Some(world.org));
    let units: Vec<(Unit, Guard)> = by_rule
        .iter()
        .map(|(kind, rules)| (Unit { policy: index, rule: *kind }, Guard::of(rules, &scope, draft.file, faults)))
        .collect();
    let examples = example::read(draft, !units.is_empty(), world, faults);
    let custom = &draft.metadata.custom;
    let said = options.modes.get(&draft.id).or_else(|| options.modes.get(short(&draft.id))).copied();
    let mode = said.or(custom.mode).or(options.default_mode).unwrap_or(Mode::Enforce);
    Policy {
        file: draft.file.clone(),
        guarded: guarded::source(&draft.file.text, &draft.module),
        info: PolicyInfo {
            id: draft.id.as_str().into(),
            title: draft.metadata.title.trim().to_owned(),
            description: draft.metadata.description.trim().to_owned(),
            severity: custom.severity,
            mode,
            frameworks: custom.frameworks.clone(),
            file: draft.file.path.clone(),
            rules: by_rule.keys().copied().collect(),
            guard: Guard::any(units.iter().map(|(_, guard)| guard)).to_string(),
            examples: examples.len(),
        },
        units,
        refers_to: checked.refers_to,
        reads: checked.reads,
        examples,
        org: custom.org.clone(),
    }
}
