//! Expressions: calls, comparisons with literals, comprehensions.

use super::Walker;
use crate::diagnostic::{nearest, suggest};
use crate::rego::builtins::{Builtin, builtin};
use crate::rego::schema::Shape;
use crate::rego::syntax::{self, chain, scalar, variable};
use regorus::Value;
use regorus::unstable::{AssignOp, BoolOp, Expr, ExprRef};

/// Largest compiled pattern in bytes; regorus' own limit.
const PATTERN_BYTES_MAX: usize = 100 * 1024;

impl<'a> Walker<'a> {
    pub(super) fn expr(&mut self, expr: &'a ExprRef, rule: &'a str) {
        self.expr_of(expr, rule);
    }

    pub(super) fn expr_of(&mut self, expr: &'a Expr, rule: &'a str) {
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
    pub(super) fn comprehension(&mut self, expr: &Expr) {
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
    pub(super) fn enum_value(&mut self, reference: &Expr, literal: &Expr) {
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
    pub(super) fn constant_condition(&mut self, expr: &Expr) {
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
    pub(super) fn pattern(&mut self, name: &str, params: &[ExprRef]) {
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

    pub(super) fn call(&mut self, function: &'a Expr, params: &[ExprRef], rule: &'a str) {
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
                let hint = match nearest(name, near) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "docs/reference/policy.md lists the functions".to_owned(),
                };
                self.fault(span, "unknown-function", format!("there is no function `{name}`"), hint);
            }
        }
    }
}

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
