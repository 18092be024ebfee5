//! What a policy may not say: fields that do not exist, functions that are not pure, rules that nobody reads.
//!
//! regorus finds variables without a value when it compiles; what it would let pass and leave undefined at run time
//! is found here.

use super::builtins::{Builtin, builtin};
use super::guard::constants;
use super::policy::{Draft, EXAMPLES, PACKAGE};
use super::schema::{INPUT, Shape};
use super::source::place;
use super::syntax::{self, Chain, Step, chain, scalar, variable};
use crate::Rule;
use crate::diagnostic::{Diagnostic, suggest};
use regorus::Value;
use regorus::unstable::{AssignOp, BoolOp, Expr, ExprRef, Literal, Query, Rule as RuleNode, RuleHead, Span};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// Most pieces of rules in one file; regorus takes 4,000 in one program.
const RULES_MAX: usize = 1_000;

/// Largest compiled pattern in bytes; regorus' own limit.
const PATTERN_BYTES_MAX: usize = 100 * 1024;

/// Everything that a policy can refer to outside itself.
pub(crate) struct World<'a> {
    /// Packages with the names of their rules.
    packages: BTreeMap<&'a str, (usize, BTreeSet<&'a str>)>,
    /// `data.org`, defaults included.
    org: &'a Map<String, Json>,
}

impl<'a> World<'a> {
    pub(crate) fn new(drafts: &'a [Draft<'a>], org: &'a Map<String, Json>) -> Self {
        let names = |draft: &'a Draft<'a>| draft.module.policy.iter().map(|rule| syntax::head_name(rule)).collect();
        let packages = drafts.iter().enumerate().map(|(index, draft)| (draft.id.as_str(), (index, names(draft))));
        Self { packages: packages.collect(), org }
    }
}

/// What the check found out.
pub(crate) struct Checked {
    /// Other packages that the policy refers to.
    pub(crate) refers_to: BTreeSet<usize>,
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
    Checked { refers_to: walker.refers_to }
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
        self.shapes.clear();
        match rule {
            RuleNode::Default { value, .. } => self.expr(value, name),
            RuleNode::Spec { head, bodies, .. } => {
                let (arguments, assign, key): (&[ExprRef], _, _) = match head {
                    RuleHead::Compr { assign, .. } => (&[], assign.as_ref(), None),
                    RuleHead::Set { key, .. } => (&[], None, key.as_ref()),
                    RuleHead::Func { args, assign, .. } => (args, assign.as_ref(), None),
                };
                for argument in arguments {
                    self.bind(argument, None);
                }
                if let Some(Step::Index(index)) =
                    chain(syntax::head_ref(rule)).and_then(|path| path.steps.into_iter().next())
                {
                    self.expr_of(index, name);
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
            if let Literal::Expr { expr, .. } = &statement.literal {
                self.constant_condition(expr);
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

    fn expr(&mut self, expr: &'a ExprRef, rule: &'a str) {
        self.expr_of(expr, rule);
    }

    fn expr_of(&mut self, expr: &'a Expr, rule: &'a str) {
        match expr {
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => return self.reference(expr, rule),
            Expr::Call { fcn, params, .. } => self.call(fcn, params, rule),
            Expr::BoolExpr { op: BoolOp::Eq | BoolOp::Ne, lhs, rhs, .. } => {
                self.enum_value(lhs, rhs);
                self.enum_value(rhs, lhs);
            }
            Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => {
                self.enum_value(lhs, rhs);
                self.enum_value(rhs, lhs);
            }
            Expr::Membership { value, collection, .. } => {
                if let Expr::Set { items, .. } | Expr::Array { items, .. } = &**collection {
                    items.iter().for_each(|item| self.enum_value(value, item));
                }
            }
            _ => {}
        }
        self.comprehension(expr);
        let (inner, query) = syntax::children(expr);
        let outer = query.map(|query| {
            let outer = self.shapes.clone();
            self.query(query, rule);
            outer
        });
        for child in inner {
            self.expr(child, rule);
        }
        if let Some(outer) = outer {
            self.shapes = outer;
        }
    }

    /// regorus' bytecode takes an undefined term for a value, where Rego leaves the element out.
    fn comprehension(&mut self, expr: &Expr) {
        let terms = match expr {
            Expr::ArrayCompr { term, .. } | Expr::SetCompr { term, .. } => vec![term],
            Expr::ObjectCompr { key, value, .. } => vec![key, value],
            _ => return,
        };
        for term in terms {
            if !is_always_defined(term) {
                let text = term.span().text();
                let message = format!("`{text}` may be undefined, which the term of a comprehension must not be");
                let hint = format!("give it a name in the body: `[x | ...; x := {text}]`");
                self.fault(term.span(), "unsupported", message, hint);
            }
        }
    }

    /// Compares a reference to an enumeration with a literal.
    fn enum_value(&mut self, reference: &Expr, literal: &Expr) {
        let (Some(Shape::Enum(values)), Some(value)) = (self.shape(reference), scalar(literal)) else { return };
        let text = match value {
            Value::String(text) => text.to_string(),
            other => other.to_string(),
        };
        if !values.contains(&text.as_str()) {
            let message = format!("this can never match: `{}` is never `{text}`", reference.span().text());
            self.fault(literal.span(), "never-matches", message, suggest(&text, values.iter().copied()));
        }
    }

    /// A condition without any variable is always true or never.
    fn constant_condition(&mut self, expr: &Expr) {
        let never = match expr {
            Expr::Bool { value, .. } => *value == Value::Bool(false),
            Expr::BoolExpr { op, lhs, rhs, .. } => match (scalar(lhs), scalar(rhs)) {
                (Some(left), Some(right)) => !match op {
                    BoolOp::Lt => left < right,
                    BoolOp::Le => left <= right,
                    BoolOp::Eq => left == right,
                    BoolOp::Ge => left >= right,
                    BoolOp::Gt => left > right,
                    BoolOp::Ne => left != right,
                },
                _ => false,
            },
            Expr::Membership { collection, .. } => {
                matches!(&**collection, Expr::Array { items, .. } | Expr::Set { items, .. } if items.is_empty())
            }
            _ => false,
        };
        if never {
            let message = format!("this can never match: `{}` is never true", expr.span().text());
            self.fault(expr.span(), "never-matches", message, "to switch a policy off, remove it or set its mode");
        }
    }

    /// A pattern that does not compile would be undefined at run time, and the rule would never fire.
    fn pattern(&mut self, name: &str, params: &[ExprRef]) {
        let at = match name {
            "regex.match" | "regex.split" | "regex.find_n" | "regex.find_all_string_submatch_n" | "regex.is_valid" => 0,
            "regex.replace" => 1,
            _ => return,
        };
        let Some(param) = params.get(at) else { return };
        let constants = &self.constants;
        let Some(text) = syntax::text(param).or_else(|| constants.get(variable(param)?).and_then(|e| syntax::text(e)))
        else {
            return;
        };
        if let Err(error) = regex::RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build() {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("the pattern does not compile: {reason}");
            self.fault(param.span(), "bad-pattern", message, "RE2 syntax, without look-around and back-references");
        }
    }

    fn call(&mut self, function: &'a Expr, params: &[ExprRef], rule: &'a str) {
        let arguments = params.len();
        let Some(path) = chain(function) else { return };
        let span = function.span();
        if self.shapes.contains_key(path.root) && path.steps.is_empty() {
            return;
        }
        if path.root == "data" || self.imports.contains_key(path.root) || self.rules.contains(path.root) {
            if path.steps.is_empty() && self.rules.contains(path.root) && !self.functions.contains(path.root) {
                let message = format!("`{}` is a rule, not a function", path.root);
                self.fault(span, "unknown-function", message, "call a function");
            }
            return self.reference(function, rule);
        }
        let name = span.text();
        match builtin(name) {
            // One more argument is Rego's old way to name the result.
            Builtin::Pure(expected) if arguments == expected || arguments == expected.saturating_add(1) => {
                self.pattern(name, params);
            }
            Builtin::Pure(expected) => {
                let message = format!("`{name}` takes {expected} arguments, {arguments} are given");
                self.fault(span, "unknown-function", message, "see the OPA documentation of this builtin");
            }
            Builtin::Impure => {
                let message = format!("`{name}` is not a function of its arguments");
                let hint = match name {
                    "time.now_ns" => "the time of the decision is `input.context.time`",
                    _ => "what a policy needs from outside belongs in `data.org`",
                };
                self.fault(span, "impure-builtin", message, hint);
            }
            Builtin::Unknown(near) => {
                let near = near.into_iter().chain(self.functions.iter().copied());
                let hint = match crate::diagnostic::nearest(name, near) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "docs/reference/policy.md lists the functions".to_owned(),
                };
                self.fault(span, "unknown-function", format!("there is no function `{name}`"), hint);
            }
        }
    }

    /// A reference: to the input, to data, to a rule or to a local variable.
    fn reference(&mut self, expr: &'a Expr, rule: &'a str) {
        let Some(path) = chain(expr) else {
            // Something like `f(x).field`: look into its parts.
            for child in syntax::children(expr).0 {
                self.expr(child, rule);
            }
            return;
        };
        for step in &path.steps {
            if let Step::Index(index) = step {
                self.expr_of(index, rule);
            }
        }
        let import = self.imports.get(path.root).filter(|_| !self.shapes.contains_key(path.root));
        if let Some(parts) = import.filter(|parts| parts.first().is_some_and(|root| root == "data")) {
            let parts: Vec<Part> = parts.iter().skip(1).cloned().map(Some).chain(path.steps.iter().map(part)).collect();
            return self.data(expr.span(), &parts);
        }
        match path.root {
            "data" => {
                let parts: Vec<Part> = path.steps.iter().map(part).collect();
                self.data(expr.span(), &parts);
            }
            name if self.rules.contains(name) && !self.shapes.contains_key(name) => {
                if let Some(name) = self.rules.get(name) {
                    self.used.entry(rule).or_default().insert(name);
                }
            }
            _ => {
                if let Err((span, message, hint)) = self.follow(&path) {
                    let code = "unknown-field";
                    self.faults.push(Diagnostic::at(&self.draft.file.path, span, code, message).hint(hint));
                }
            }
        }
    }

    fn data(&mut self, span: &Span, parts: &[Part]) {
        let part = |at: usize| parts.get(at).and_then(Option::as_deref);
        match part(0) {
            Some("org") => {
                let known = part(1).is_none_or(|name| self.world.org.contains_key(name));
                if !known {
                    let name = part(1).unwrap_or_default();
                    let message = format!("`data.org.{name}` is neither supplied nor declared");
                    let near = crate::diagnostic::nearest(name, self.world.org.keys().map(String::as_str));
                    let hint = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("declare it with its default in the metadata: `custom.org.{name}`"),
                    };
                    self.fault(span, "undefined-reference", message, hint);
                }
            }
            Some("holdshort") => self.package(span, parts),
            _ => {
                let message = format!("`{}` does not exist", span.text());
                let hint = format!("policies read `data.org`, and other packages below `data.{PACKAGE}`");
                self.fault(span, "undefined-reference", message, hint);
            }
        }
    }

    /// A reference to a rule of this or another package.
    fn package(&mut self, span: &Span, parts: &[Part]) {
        let mut id = String::new();
        let mut best = None;
        for (at, part) in parts.iter().enumerate() {
            let Some(name) = part else { break };
            if at > 0 {
                id.push('.');
            }
            id.push_str(name);
            if let Some((index, rules)) = self.world.packages.get(id.as_str()) {
                best = Some((*index, rules, id.clone(), parts.get(at.saturating_add(1)).cloned().flatten()));
            }
        }
        let Some((index, rules, id, name)) = best else {
            let hint = suggest(&id, self.world.packages.keys().copied());
            let message = format!("`{}` refers to a package that does not exist", span.text());
            return self.fault(span, "undefined-reference", message, hint);
        };
        let rule = name.as_deref().and_then(|name| rules.get(name));
        match (rule, name) {
            (Some(_), _) => {}
            // `import data.holdshort.rules.lib`: the uses are checked where they stand.
            (None, None) if !id.is_empty() => {}
            (None, name) => {
                let name = name.unwrap_or_default();
                let hint = suggest(&name, rules.iter().copied());
                self.fault(span, "undefined-reference", format!("package `{id}` has no rule `{name}`"), hint);
            }
        }
        if id == self.draft.id {
            let own = rule.and_then(|name| self.rules.get(*name).copied());
            self.used.entry("deny").or_default().extend(own);
        } else {
            self.refers_to.insert(index);
        }
    }

    /// The shape that an expression has, as far as it is part of the input.
    fn shape(&self, expr: &Expr) -> Option<&'static Shape> {
        self.follow(&chain(expr)?).ok().flatten()
    }

    fn follow(&self, path: &Chain<'_>) -> Result<Option<&'static Shape>, NoField> {
        let mut text = path.root.to_owned();
        let mut shape = match path.root {
            "input" => Some(&INPUT),
            name => match (self.shapes.get(name), self.imports.get(name)) {
                (Some(shape), _) => *shape,
                (None, Some(parts)) if parts.first().is_some_and(|root| root == "input") => {
                    text = parts.join(".");
                    parts.iter().skip(1).try_fold(&INPUT, |shape, name| shape.field(name, "input").ok())
                }
                _ => None,
            },
        };
        for step in &path.steps {
            let Some(known) = shape else { return Ok(None) };
            match step {
                Step::Field(name, span) => {
                    let next = known.field(name, &text).map_err(|(message, hint)| (place(span), message, hint))?;
                    shape = Some(next);
                    text = format!("{text}.{name}");
                }
                Step::Index(_) => {
                    shape = known.element();
                    text.push_str("[_]");
                }
            }
        }
        Ok(shape)
    }
}

/// Where a field is missing, what is wrong, and a hint.
type NoField = ((u32, u32), String, String);
/// A step of a path: a name, or none when it is computed.
type Part = Option<String>;

/// Variables of the body, literals, and collections of such.
fn is_always_defined(expr: &Expr) -> bool {
    match expr {
        Expr::Var { .. } => true,
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().all(|item| is_always_defined(item)),
        Expr::Object { fields, .. } => {
            fields.iter().all(|(_, key, value)| is_always_defined(key) && is_always_defined(value))
        }
        other => scalar(other).is_some(),
    }
}

fn part(step: &Step<'_>) -> Part {
    match step {
        Step::Field(name, _) => Some(name.clone()),
        Step::Index(_) => None,
    }
}
