//! References: to the input, to `data`, to rules, to local variables.

use super::Walker;
use crate::diagnostic::{Diagnostic, nearest, suggest};
use crate::input::Sections;
use crate::rego::policy::PACKAGE;
use crate::rego::schema::{INPUT, Shape};
use crate::rego::source::place;
use crate::rego::syntax::{self, Chain, Step, chain};
use regorus::unstable::{Expr, Span};

/// Where a field is missing, what is wrong, and a hint.
pub(super) type NoField = ((u32, u32), String, String);
/// A step of a path: a name, or none when it is computed.
type Part = Option<String>;

impl<'a> Walker<'a> {
    /// A reference: to the input, to data, to a rule or to a local variable.
    pub(super) fn reference(&mut self, expr: &'a Expr, rule: &'a str) {
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
        if path.root == "input" {
            let read = match path.steps.first() {
                Some(Step::Field(name, _)) => Sections::named(name),
                Some(Step::Index(_)) | None => Sections::ALL,
            };
            self.reads = self.reads.with(read);
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
                self.sequence_read(&path);
                if let Err((span, message, hint)) = self.follow(&path) {
                    let code = "unknown-field";
                    self.faults.push(Diagnostic::at(&self.draft.file.path, span, code, message).hint(hint));
                }
            }
        }
    }

    pub(super) fn data(&mut self, span: &Span, parts: &[Part]) {
        let part = |at: usize| parts.get(at).and_then(Option::as_deref);
        match part(0) {
            Some("org") => {
                let known = part(1).is_none_or(|name| self.world.org.contains_key(name));
                if !known {
                    let name = part(1).unwrap_or_default();
                    let message = format!("`data.org.{name}` is neither supplied nor declared");
                    let near = nearest(name, self.world.org.keys().map(String::as_str));
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
    pub(super) fn package(&mut self, span: &Span, parts: &[Part]) {
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
    pub(super) fn shape(&self, expr: &Expr) -> Option<&'static Shape> {
        self.follow(&chain(expr)?).ok().flatten()
    }

    pub(super) fn follow(&self, path: &Chain<'_>) -> Result<Option<&'static Shape>, NoField> {
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
            self.sequence_step(known, step)?;
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

fn part(step: &Step<'_>) -> Part {
    match step {
        Step::Field(name, _) => Some(name.clone()),
        Step::Index(_) => None,
    }
}
