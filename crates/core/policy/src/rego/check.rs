//! What a policy may not say: fields that do not exist, functions that are not pure, rules that nobody reads.
//!
//! regorus finds variables without a value when it compiles; what it would let pass and leave undefined at run time
//! is found here.

mod expr;
mod form;
mod machine;
mod reference;
mod sequences;

use super::guard::constants;
use super::policy::{Draft, EXAMPLES};
use super::schema::Shape;
use super::sequences::Declared;
use super::source::place;
use super::syntax::{self, Step, chain, variable};
use crate::Rule;
use crate::diagnostic::Diagnostic;
use crate::input::Sections;
use regorus::unstable::{AssignOp, Expr, ExprRef, Literal, Query, Rule as RuleNode, RuleHead, Span};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// Most pieces of rules in one file; regorus takes 4,000 in one program.
const RULES_MAX: usize = 1_000;

/// Everything that a policy can refer to outside itself.
pub(crate) struct World<'a> {
    /// Packages with the names of their rules.
    packages: BTreeMap<&'a str, (usize, BTreeSet<&'a str>)>,
    /// `data.org`, defaults included.
    pub(crate) org: &'a Map<String, Json>,
    /// Declared sequences, by name.
    pub(crate) sequences: &'a BTreeMap<String, Declared>,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        drafts: &'a [Draft<'a>],
        org: &'a Map<String, Json>,
        sequences: &'a BTreeMap<String, Declared>,
    ) -> Self {
        let names = |draft: &'a Draft<'a>| draft.module.policy.iter().map(|rule| syntax::head_name(rule)).collect();
        let packages = drafts.iter().enumerate().map(|(index, draft)| (draft.id.as_str(), (index, names(draft))));
        Self { packages: packages.collect(), org, sequences }
    }
}

/// What the check found out.
pub(crate) struct Checked {
    /// Other packages that the policy refers to.
    pub(crate) refers_to: BTreeSet<usize>,
    /// Sequences that the policy reads.
    pub(crate) sequences_read: BTreeSet<String>,
    /// What of the input the policy reads.
    pub(crate) reads: Sections,
}

/// Checks one policy.
pub(crate) fn check(draft: &Draft<'_>, world: &World<'_>, faults: &mut Vec<Diagnostic>) -> Checked {
    let rules: BTreeSet<&str> = draft.module.policy.iter().map(|rule| syntax::head_name(rule)).collect();
    let mut walker = Walker {
        draft,
        world,
        imports: BTreeMap::new(),
        functions: functions(draft),
        constants: constants(&draft.module),
        rules,
        shapes: BTreeMap::new(),
        used: BTreeMap::new(),
        refers_to: BTreeSet::new(),
        sequences_read: BTreeSet::new(),
        reads: Sections::default(),
        faults,
    };
    walker.imports();
    if draft.module.policy.len() > RULES_MAX {
        let message = format!("{} rules; a policy has at most {RULES_MAX}", draft.module.policy.len());
        walker.fault(draft.module.package.refr.span(), "too-large", message, "split it into several policies");
    }
    for rule in &draft.module.policy {
        walker.rule(rule);
    }
    walker.unread_rules();
    Checked { refers_to: walker.refers_to, sequences_read: walker.sequences_read, reads: walker.reads }
}

fn functions<'a>(draft: &'a Draft<'_>) -> BTreeSet<&'a str> {
    let is_function = |rule: &RuleNode| matches!(rule, RuleNode::Spec { head: RuleHead::Func { .. }, .. });
    draft.module.policy.iter().filter(|rule| is_function(rule)).map(|rule| syntax::head_name(rule)).collect()
}

struct Walker<'a> {
    draft: &'a Draft<'a>,
    world: &'a World<'a>,
    /// Names that imports bring in, with the path that they stand for.
    imports: BTreeMap<String, Vec<String>>,
    rules: BTreeSet<&'a str>,
    functions: BTreeSet<&'a str>,
    /// Rules whose value is a literal.
    constants: BTreeMap<&'a str, &'a Expr>,
    /// Local variables whose shape is known: they stand for a part of the input.
    shapes: BTreeMap<String, Option<&'static Shape>>,
    /// Rules of this policy by the rules that refer to them; the empty name stands for other packages.
    used: BTreeMap<&'a str, BTreeSet<&'a str>>,
    refers_to: BTreeSet<usize>,
    sequences_read: BTreeSet<String>,
    reads: Sections,
    faults: &'a mut Vec<Diagnostic>,
}

impl<'a> Walker<'a> {
    fn fault(&mut self, at: &Span, code: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Diagnostic::at(&self.draft.file.path, place(at), code, message).hint(hint));
    }

    fn imports(&mut self) {
        let draft = self.draft;
        for import in &draft.module.imports {
            let Some(path) = chain(&import.refr) else { continue };
            if matches!(path.root, "rego" | "future") {
                continue;
            }
            let mut parts = vec![path.root.to_owned()];
            parts.extend(path.steps.iter().filter_map(|step| match step {
                Step::Field(name, _) => Some(name.clone()),
                Step::Index(_) => None,
            }));
            let name = import.r#as.as_ref().map(|span| span.text().to_owned()).or_else(|| parts.last().cloned());
            self.reference(&import.refr, "");
            if let Some(name) = name {
                self.imports.insert(name, parts);
            }
        }
    }

    fn rule(&mut self, rule: &'a RuleNode) {
        let name = syntax::head_name(rule);
        self.head(rule, name);
        self.machine(rule);
        self.shapes.clear();
        match rule {
            RuleNode::Default { value, .. } => self.expr(value, name),
            RuleNode::Spec { head, bodies, .. } => {
                let (arguments, assign, key): (&[ExprRef], _, _) = match head {
                    RuleHead::Compr { assign, .. } => (&[], assign.as_ref(), None),
                    RuleHead::Set { key, .. } => {
                        if let (Some(kind), Some(key)) = (Rule::named(name), key) {
                            self.form(kind, key);
                        }
                        (&[], None, key.as_ref())
                    }
                    RuleHead::Func { args, assign, .. } => (args, assign.as_ref(), None),
                };
                for argument in arguments {
                    self.bind(argument, None);
                }
                for step in chain(syntax::head_ref(rule)).into_iter().flat_map(|path| path.steps) {
                    if let Step::Index(index) = step {
                        self.expr_of(index, name);
                    }
                }
                // Each body has its own variables; the head is read with those of the body that it belongs to.
                let outer = self.shapes.clone();
                for body in bodies {
                    self.shapes.clone_from(&outer);
                    self.query(&body.query, name);
                    if let Some(assign) = &body.assign {
                        self.expr(&assign.value, name);
                    }
                    for head in assign.iter().map(|assign| &assign.value).chain(key) {
                        self.expr(head, name);
                    }
                }
                if bodies.is_empty() {
                    for head in assign.iter().map(|assign| &assign.value).chain(key) {
                        self.expr(head, name);
                    }
                }
            }
        }
    }

    /// The rules that decide have one form, and `allow` does not exist.
    fn head(&mut self, rule: &RuleNode, name: &str) {
        let span = syntax::head_ref(rule).span();
        if name == "allow" {
            self.fault(span, "no-allow", "policies cannot allow", "grants allow; write what is refused as `deny`");
        }
        let partial_set = matches!(rule, RuleNode::Spec { head: RuleHead::Set { .. }, .. });
        if Rule::named(name).is_some() && !partial_set {
            let hint = format!("write `{name} contains \"message\" if {{ ... }}`");
            self.fault(span, "wrong-rule", format!("`{name}` is not a set of messages"), hint);
        }
        if name == "input" || name == "data" {
            self.fault(span, "wrong-rule", format!("a rule cannot be called `{name}`"), "choose another name");
        }
    }

    /// A rule that no rule with an effect reads is a slip of the pen.
    fn unread_rules(&mut self) {
        let is_library = !self.rules.iter().any(|name| Rule::named(name).is_some() || *name == EXAMPLES);
        let is_root = |name: &str| Rule::named(name).is_some() || name == EXAMPLES || name == "allow";
        let mut read: BTreeSet<&str> = self.rules.iter().copied().filter(|name| is_root(name)).collect();
        let mut open: Vec<&str> = read.iter().copied().collect();
        while let Some(name) = open.pop() {
            let next = self.used.get(name).into_iter().flatten().copied();
            open.extend(next.filter(|next| read.insert(next)));
        }
        let draft = self.draft;
        for rule in &draft.module.policy {
            let name = syntax::head_name(rule);
            if is_library || !read.insert(name) {
                continue;
            }
            let hint = match crate::diagnostic::nearest(name, Rule::ALL.map(Rule::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "use it in a rule that decides, or remove it".to_owned(),
            };
            let message = format!("`{name}` contributes to nothing: it is no rule that decides, and none reads it");
            self.fault(syntax::head_ref(rule).span(), "unread-rule", message, hint);
        }
    }

    fn query(&mut self, query: &'a Query, rule: &'a str) {
        // Variables can be used above the statement that gives them a value, so bindings come first.
        for statement in &query.stmts {
            self.bindings(&statement.literal);
        }
        for statement in &query.stmts {
            if let Some(with) = statement.with_mods.first() {
                let message = "`with` is for tests; the bytecode machine does not know it";
                self.fault(&with.span, "unsupported", message, "write an example instead");
            }
            let (exprs, inner) = syntax::statement(statement);
            for expr in exprs {
                self.expr(expr, rule);
            }
            if let Some(inner) = inner {
                let outer = self.shapes.clone();
                self.query(inner, rule);
                self.shapes = outer;
            }
            match &statement.literal {
                Literal::Expr { expr, .. } => self.constant_condition(expr),
                Literal::NotExpr { expr, .. } => self.sequence_negated(expr),
                _ => {}
            }
        }
    }

    fn bindings(&mut self, literal: &Literal) {
        match literal {
            Literal::SomeVars { vars, .. } => {
                for var in vars {
                    self.shapes.entry(var.text().to_owned()).or_insert(None);
                }
            }
            Literal::SomeIn { key, value, collection, .. } => {
                let element = self.shape(collection).and_then(Shape::element);
                self.bind(value, element);
                if let Some(key) = key {
                    self.bind(key, None);
                }
            }
            Literal::Every { key, value, domain, .. } => {
                let element = self.shape(domain).and_then(Shape::element);
                self.shapes.insert(value.text().to_owned(), element);
                if let Some(key) = key {
                    self.shapes.insert(key.text().to_owned(), None);
                }
            }
            Literal::Expr { expr, .. } => {
                if let Expr::AssignExpr { op, lhs, rhs, .. } = &**expr {
                    let shape = self.shape(rhs);
                    match (op, variable(lhs)) {
                        (AssignOp::ColEq, Some(_)) => self.bind(lhs, shape),
                        (AssignOp::Eq, Some(name)) if self.is_new(name) => self.bind(lhs, shape),
                        (_, None) => self.bind(lhs, None),
                        _ => {}
                    }
                }
            }
            Literal::NotExpr { .. } => {}
        }
    }

    fn is_new(&self, name: &str) -> bool {
        !matches!(name, "input" | "data") && !self.rules.contains(name) && !self.imports.contains_key(name)
    }

    /// Gives the variables of a pattern their shape.
    fn bind(&mut self, pattern: &Expr, shape: Option<&'static Shape>) {
        match pattern {
            Expr::Var { span, .. } => {
                self.shapes.insert(span.text().to_owned(), shape);
            }
            Expr::Array { items, .. } => items.iter().for_each(|item| self.bind(item, None)),
            Expr::Object { fields, .. } => fields.iter().for_each(|(_, _, value)| self.bind(value, None)),
            _ => {}
        }
    }
}
