//! When a rule can fire at all: conditions on a few fields of the input, taken from the rule's body.
//!
//! INVARIANT: leaving out a rule whose guard does not hold changes no answer, errors included. So conditions are read
//! only from the statements at the start of a body that cannot fail: comparisons, memberships and iterations over the
//! input, over `data.org` and over constants, and texts among the arguments that are searched for a constant. The first
//! statement with another call, arithmetic, a comprehension, `every`, `with` or a rule that is not constant ends the reading.

use super::argument::ArgumentText;
use super::dimension::Dimension;
use super::source::place;
use super::syntax::{self, Step, chain, is_constant, text, variable};
use crate::bundle::SourceFile;
use crate::diagnostic::Diagnostic;
use holdshort_model::Facts;
use regorus::unstable::{AssignOp, BoolOp, Expr, Literal, Module, Query, Rule, RuleHead};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What has to be so. Fields come first: the first clause of a guard is indexed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Clause {
    /// The field has one of these values.
    Field(Dimension, BTreeSet<String>),
    /// A text among the arguments holds another.
    Argument(ArgumentText),
}

impl Clause {
    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::Field(dimension, values) => dimension.any(facts, |value| values.contains(value)),
            Self::Argument(text) => text.holds(facts),
        }
    }

    /// The field that it speaks of.
    pub(crate) fn field(&self) -> Option<(Dimension, &BTreeSet<String>)> {
        match self {
            Self::Field(dimension, values) => Some((*dimension, values)),
            Self::Argument(_) => None,
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dimension, values) = match self {
            Self::Field(dimension, values) => (dimension, values),
            Self::Argument(text) => return text.fmt(f),
        };
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let values = if values.is_empty() { "nothing".to_owned() } else { values.join(" or ") };
        write!(f, "{} {} {values}", dimension.path(), dimension.verb())
    }
}

/// A rule can fire only if all clauses of at least one alternative hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Guard {
    /// Sorted and without duplicates; one without clauses means always.
    pub(crate) alternatives: Vec<Vec<Clause>>,
}

impl Guard {
    /// The guard of a rule that is written in several pieces.
    pub(crate) fn of(rules: &[&Rule], scope: &Scope<'_>, file: &SourceFile, faults: &mut Vec<Diagnostic>) -> Self {
        let mut alternatives = BTreeSet::new();
        for rule in rules {
            let Rule::Spec { bodies, .. } = rule else { continue };
            if bodies.is_empty() {
                alternatives.insert(Vec::new());
            }
            for body in bodies {
                alternatives.insert(Reader::new(scope, file).read(&body.query, faults));
            }
        }
        Self::simplified(alternatives)
    }

    /// A guard that holds when any of these holds.
    pub(crate) fn any<'a>(guards: impl Iterator<Item = &'a Self>) -> Self {
        Self::simplified(guards.flat_map(|guard| guard.alternatives.iter().cloned()).collect())
    }

    fn simplified(alternatives: BTreeSet<Vec<Clause>>) -> Self {
        match alternatives.contains(&Vec::new()) {
            true => Self { alternatives: vec![Vec::new()] },
            false => Self { alternatives: alternatives.into_iter().collect() },
        }
    }

    pub(crate) fn is_always(&self) -> bool {
        self.alternatives.iter().any(Vec::is_empty)
    }

    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        self.alternatives.iter().any(|clauses| clauses.iter().all(|clause| clause.holds(facts)))
    }

    /// The first clause of each alternative that does not hold.
    pub(crate) fn broken(&self, facts: &Facts) -> String {
        let broken = self.alternatives.iter().filter_map(|clauses| clauses.iter().find(|clause| !clause.holds(facts)));
        let texts: BTreeSet<String> = broken.map(Clause::to_string).collect();
        texts.into_iter().collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_always() || self.alternatives.is_empty() {
            return f.write_str("always");
        }
        for (number, clauses) in self.alternatives.iter().enumerate() {
            if number > 0 {
                f.write_str("; or ")?;
            }
            let texts: Vec<String> = clauses.iter().map(Clause::to_string).collect();
            f.write_str(&texts.join(" and "))?;
        }
        Ok(())
    }
}

/// What the names of a module mean, as far as guards care.
pub(crate) struct Scope<'a> {
    /// Rules whose value is a constant.
    constants: BTreeMap<&'a str, &'a Expr>,
    /// Every other name that a module defines: rules, functions, imports.
    opaque: BTreeSet<&'a str>,
    /// `data.org`.
    org: Option<&'a Map<String, Json>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(module: &'a Module, org: Option<&'a Map<String, Json>>) -> Self {
        let mut constants = BTreeMap::new();
        let mut opaque = BTreeSet::new();
        for rule in &module.policy {
            let name = syntax::head_name(rule);
            match constant(rule) {
                Some(value) if constants.insert(name, value).is_none() => {}
                _ => {
                    opaque.insert(name);
                }
            }
        }
        for import in &module.imports {
            let path = chain(&import.refr);
            let last = path.as_ref().and_then(|path| match path.steps.last() {
                Some(Step::Field(_, span)) => Some(span.text()),
                _ => None,
            });
            opaque.extend(import.r#as.as_ref().map(|span| span.text()).or(last));
        }
        constants.retain(|name, _| !opaque.contains(name));
        Self { constants, opaque, org }
    }
}

/// Rules whose value is a literal, by name.
pub(crate) fn constants(module: &Module) -> BTreeMap<&str, &Expr> {
    Scope::new(module, None).constants
}

fn constant(rule: &Rule) -> Option<&Expr> {
    let Rule::Spec { head: RuleHead::Compr { refr, assign: Some(assign), .. }, bodies, .. } = rule else { return None };
    variable(refr)?;
    (bodies.is_empty() && is_constant(&assign.value)).then_some(&*assign.value)
}

/// Reads the clauses of one body.
struct Reader<'a> {
    scope: &'a Scope<'a>,
    file: &'a SourceFile,
    /// Local variables that stand for a place in the input.
    aliases: BTreeMap<String, String>,
    /// Local variables that have a value by now.
    locals: BTreeSet<String>,
    /// All names that the body gives to values of its own, before or after the place that is read.
    own: BTreeSet<&'a str>,
    /// What was said of each reference: one value of the input cannot satisfy two sets that do not meet.
    said: BTreeMap<String, Said>,
    /// What was said of texts among the arguments.
    texts: BTreeSet<ArgumentText>,
}

/// The names that a body gives to values of its own, however deep in a pattern; none when one is given twice, so that
/// nobody can say which value it stands for.
fn named(query: &Query) -> Option<BTreeSet<&str>> {
    let (mut names, mut given) = (BTreeSet::new(), Vec::new());
    for statement in &query.stmts {
        match &statement.literal {
            Literal::SomeVars { vars, .. } => given.extend(vars.iter().map(|var| var.text())),
            Literal::SomeIn { key, value, .. } => {
                key.iter().chain([value]).for_each(|pattern| syntax::variables(pattern, &mut given));
            }
            Literal::Expr { expr, .. } => {
                if let Expr::AssignExpr { op: AssignOp::ColEq, lhs, .. } = &**expr {
                    syntax::variables(lhs, &mut given);
                }
            }
            Literal::NotExpr { .. } | Literal::Every { .. } => {}
        }
    }
    given.into_iter().filter(|name| *name != "_").all(|name| names.insert(name)).then_some(names)
}

/// Whether a reference steps through something that is not written out, such as `[0]`, `[i]` or `[_]`.
fn is_indexed(reference: &Expr) -> bool {
    chain(reference).is_none_or(|path| path.steps.iter().any(|step| matches!(step, Step::Index(_))))
}

/// Whether `_` stands anywhere in it: two such references may speak of two elements.
fn has_wildcard(expr: &Expr) -> bool {
    variable(expr) == Some("_") || syntax::children(expr).0.into_iter().any(|child| has_wildcard(child))
}

/// What was said of one reference.
struct Said {
    dimension: Dimension,
    values: BTreeSet<String>,
    /// All of it stands in the rule itself.
    written: bool,
}

impl<'a> Reader<'a> {
    fn new(scope: &'a Scope<'a>, file: &'a SourceFile) -> Self {
        let (aliases, locals, said) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { scope, file, aliases, locals, own: BTreeSet::new(), said, texts: BTreeSet::new() }
    }

    fn is_hidden(&self, root: &str, names: &BTreeSet<&str>) -> bool {
        names.contains(root) || self.scope.opaque.contains(root) || self.scope.constants.contains_key(root)
    }

    fn read(mut self, query: &'a Query, faults: &mut Vec<Diagnostic>) -> Vec<Clause> {
        match named(query) {
            Some(names) if !["input", "data"].iter().any(|root| self.is_hidden(root, &names)) => self.own = names,
            _ => return Vec::new(),
        }
        for statement in &query.stmts {
            let safe = statement.with_mods.is_empty() && self.statement(&statement.literal, faults);
            if !safe {
                break;
            }
        }
        let fields = self.said.into_values().map(|said| Clause::Field(said.dimension, said.values));
        let clauses: BTreeSet<Clause> = fields.chain(self.texts.into_iter().map(Clause::Argument)).collect();
        clauses.into_iter().collect()
    }

    /// Takes in one statement; false when it may fail, so that nothing after it counts.
    fn statement(&mut self, literal: &Literal, faults: &mut Vec<Diagnostic>) -> bool {
        match literal {
            Literal::SomeVars { vars, .. } => {
                for var in vars {
                    self.aliases.remove(var.text());
                    self.locals.insert(var.text().to_owned());
                }
                true
            }
            Literal::SomeIn { key, value, collection, .. } => {
                let place = self.place(collection);
                if let Some(place) = &place {
                    self.hold(place.clone(), Dimension::present(place));
                }
                for name in key.iter().chain([value]).filter_map(|expr| variable(expr)) {
                    self.aliases.remove(name);
                    self.locals.insert(name.to_owned());
                }
                if let (Some(place), Some(name)) = (place, variable(value)) {
                    self.aliases.insert(name.to_owned(), format!("{place}[]"));
                }
                self.is_safe(collection) && self.is_safe(value) && key.as_ref().is_none_or(|key| self.is_safe(key))
            }
            Literal::Expr { expr, .. } => {
                if let Some(text) = self.argument_text(expr) {
                    self.texts.insert(text);
                    return true;
                }
                if !self.is_safe(expr) {
                    return false;
                }
                self.condition(expr, faults);
                true
            }
            Literal::NotExpr { expr, .. } => {
                // INVARIANT: only of an element that is known to be there, since it has a name: `not effects[_].x` speaks of
                // all of them, and `not effects[0].x` holds as well when there is none.
                if let Some(place) = self.place(expr).filter(|_| !is_indexed(expr)) {
                    self.hold(expr.span().text().to_owned(), Dimension::negated(&place));
                }
                self.is_safe(expr)
            }
            Literal::Every { .. } => false,
        }
    }

    /// Notes that a part of a sign is there, if the reference is one.
    fn needs(&mut self, reference: &Expr) {
        if let Some(place) = self.place(reference) {
            self.hold(reference.span().text().to_owned(), Dimension::part(&place));
        }
    }

    /// What is said of a field that is neither compared nor computed.
    fn hold(&mut self, key: String, said: Option<(Dimension, String)>) {
        if let Some((dimension, value)) = said {
            // Of one element it can be said both that it holds and that it does not; then nothing matches, as in Rego.
            let key = format!("{key} is {value}");
            self.said.insert(key, Said { dimension, values: BTreeSet::from([value]), written: false });
        }
    }

    fn condition(&mut self, expr: &Expr, faults: &mut Vec<Diagnostic>) {
        match expr {
            Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                if let Some(place) = self.place(expr) {
                    self.hold(expr.span().text().to_owned(), Dimension::held(&place));
                }
            }
            Expr::BoolExpr { op: BoolOp::Eq, lhs, rhs, .. } | Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => {
                for (reference, value) in [(lhs, rhs), (rhs, lhs)] {
                    self.needs(reference);
                    if let Some(value) = self.resolved(value).and_then(text) {
                        self.say(reference, BTreeSet::from([value.to_owned()]), true, faults);
                    }
                }
            }
            Expr::AssignExpr { op: AssignOp::ColEq, lhs, rhs, .. } => {
                if let Some(name) = variable(lhs) {
                    self.locals.insert(name.to_owned());
                    match self.place(rhs) {
                        Some(place) => self.aliases.insert(name.to_owned(), place),
                        None => self.aliases.remove(name),
                    };
                }
            }
            // A comparison with what is not there does not hold.
            Expr::BoolExpr { lhs, rhs, .. } => [lhs, rhs].into_iter().for_each(|side| self.needs(side)),
            Expr::Membership { key: None, value, collection, .. } => {
                self.needs(value);
                if let Some(values) = self.organisation(collection) {
                    return self.say(value, values, false, faults);
                }
                let (Expr::Set { items, .. } | Expr::Array { items, .. }) = (match self.resolved(collection) {
                    Some(constant) => constant,
                    None => return,
                }) else {
                    return;
                };
                let values: Option<BTreeSet<String>> = items.iter().map(|item| text(item).map(str::to_owned)).collect();
                if let Some(values) = values {
                    self.say(value, values, true, faults);
                }
            }
            _ => {}
        }
    }

    /// What a call says of a text among the arguments. A rule of that name is no builtin.
    fn argument_text(&self, expr: &Expr) -> Option<ArgumentText> {
        let Expr::Call { fcn, params, .. } = expr else { return None };
        let builtin = variable(fcn)?;
        if !self.is_safe_name(builtin) || self.own.contains(builtin) || self.scope.constants.contains_key(builtin) {
            return None;
        }
        let [argument, constant] = params.as_slice() else { return None };
        let searched = self.resolved(constant).and_then(text)?;
        let reference = chain(argument)?;
        let mut steps = reference.steps.iter();
        let mut next = || match steps.next() {
            Some(Step::Field(name, _)) => Some(name.as_str()),
            Some(Step::Index(_)) | None => None,
        };
        let is_below_args = match reference.root {
            "input" => next()? == "action" && next()? == "args",
            name => self.aliases.get(name).is_some_and(|place| place == "action.args"),
        };
        if !is_below_args {
            return None;
        }
        let path = steps.map(|step| match step {
            Step::Field(name, _) => Some(name.clone()),
            Step::Index(_) => None,
        });
        ArgumentText::of(builtin, path.collect::<Option<_>>()?, searched)
    }

    /// The texts of a list that the organisation supplies: they are known when policies are loaded.
    fn organisation(&self, collection: &Expr) -> Option<BTreeSet<String>> {
        let path = chain(collection).filter(|path| path.root == "data")?;
        let [Step::Field(org, _), Step::Field(name, _)] = path.steps.as_slice() else { return None };
        let list = self.scope.org?.get(name).filter(|_| org == "org")?.as_array()?;
        list.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// Notes that a reference has one of these values, if it is one that guards speak of. `written`: in the rule itself.
    fn say(&mut self, reference: &Expr, values: BTreeSet<String>, written: bool, faults: &mut Vec<Diagnostic>) {
        let Some(place_in_input) = self.place(reference) else { return };
        let Some(dimension) = Dimension::compared(&place_in_input) else { return };
        // Two mentions of `effects[_]` may mean two effects; two of `effect.verb` mean the same one.
        let anonymous = place_in_input.contains("[]") && has_wildcard(reference);
        let mut key = match place_in_input.contains("[]") {
            true => reference.span().text().to_owned(),
            false => place_in_input,
        };
        if anonymous {
            key = format!("{key}#{}", self.said.len());
        }
        match self.said.get_mut(&key) {
            None => {
                self.said.insert(key, Said { dimension, values, written });
            }
            Some(Said { values: before, written: was_written, .. }) => {
                let both: BTreeSet<String> = before.intersection(&values).cloned().collect();
                if both.is_empty() && written && *was_written {
                    let was: Vec<String> = before.iter().map(|value| format!("`{value}`")).collect();
                    let now: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
                    let message = format!(
                        "this rule can never match: `{}` is {} and {}",
                        reference.span().text(),
                        was.join(" or "),
                        now.join(" or ")
                    );
                    faults.push(
                        Diagnostic::at(&self.file.path, place(reference.span()), "never-matches", message)
                            .hint("write two rules, or use `in` with both values"),
                    );
                }
                *before = both;
                *was_written &= written;
            }
        }
    }

    /// A literal, or the literal that a constant rule stands for.
    fn resolved<'e>(&self, expr: &'e Expr) -> Option<&'e Expr>
    where
        'a: 'e,
    {
        if is_constant(expr) {
            return Some(expr);
        }
        let name = variable(expr).filter(|name| !self.own.contains(name))?;
        self.scope.constants.get(name).copied()
    }

    /// The place below `input` that a reference names, such as `action.effects[].verb`.
    fn place(&self, expr: &Expr) -> Option<String> {
        let reference = chain(expr)?;
        let mut place = match reference.root {
            "input" => String::new(),
            name => self.aliases.get(name)?.clone(),
        };
        for step in &reference.steps {
            match step {
                Step::Field(name, _) => {
                    if !place.is_empty() {
                        place.push('.');
                    }
                    place.push_str(name);
                }
                Step::Index(_) => place.push_str("[]"),
            }
        }
        Some(place)
    }

    /// Whether evaluating it cannot fail.
    fn is_safe(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Var { span, .. } => self.is_safe_name(span.text()),
            Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                let Some(reference) = chain(expr) else { return false };
                let root = match reference.root {
                    "data" => matches!(reference.steps.first(), Some(Step::Field(name, _)) if name == "org"),
                    name => self.is_safe_name(name),
                };
                root && reference.steps.iter().all(|step| match step {
                    Step::Field(..) => true,
                    Step::Index(index) => self.is_safe(index),
                })
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().all(|item| self.is_safe(item)),
            Expr::BoolExpr { lhs, rhs, .. } | Expr::AssignExpr { lhs, rhs, .. } => {
                self.is_safe(lhs) && self.is_safe(rhs)
            }
            Expr::Membership { key, value, collection, .. } => {
                key.as_ref().is_none_or(|key| self.is_safe(key)) && self.is_safe(value) && self.is_safe(collection)
            }
            other => is_constant(other),
        }
    }

    fn is_safe_name(&self, name: &str) -> bool {
        name != "data" && (self.locals.contains(name) || !self.scope.opaque.contains(name))
    }
}
