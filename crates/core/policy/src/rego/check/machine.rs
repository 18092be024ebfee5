//! What regorus' bytecode does not do as Rego says: it loads, and a rule silently says something else. So it is refused.
//!
//! The rest of the language means the same, which the differential tests show; what can be mended stands in
//! [`super::super::guarded`].

use super::Walker;
use crate::rego::syntax::{self, Step, chain, is_constant, variable};
use regorus::unstable::{AssignOp, Expr, ExprRef, Literal, Query, Rule, RuleBody, RuleHead};
use std::collections::BTreeSet;

impl<'a> Walker<'a> {
    /// Refuses what the machine would get wrong.
    pub(super) fn machine(&mut self, rule: &'a Rule) {
        match rule {
            Rule::Default { refr, args, .. } if !args.is_empty() => {
                let hint = "write a rule for the other case, or compare with what the function gives";
                self.fault(refr.span(), "unsupported", "the machine does not know defaults of functions", hint);
            }
            Rule::Spec { head: RuleHead::Set { refr, .. }, .. } if variable(refr).is_none() => {
                let hint = "`name[key] := {value | ...}`, or a set of pairs: `name contains [key, value] if { ... }`";
                self.fault(refr.span(), "unsupported", "`contains` stands behind a plain name only", hint);
            }
            Rule::Spec { head: RuleHead::Compr { refr, .. } | RuleHead::Func { refr, .. }, .. } if is_dotted(refr) => {
                let hint = "give it a plain name, or make an object: `name[key] := value if { ... }`";
                self.fault(refr.span(), "unsupported", "the machine does not gather rules by dotted names", hint);
            }
            Rule::Spec { head, bodies, .. } if bodies.iter().any(|body| body.is_else) => self.branches(head, bodies),
            Rule::Default { .. } | Rule::Spec { .. } => {}
        }
    }

    /// Each branch with an `else` behind it. The machine takes the `else` where a statement fails: not where a loop comes
    /// to its end, and not where the value has none.
    fn branches(&mut self, head: &'a RuleHead, bodies: &'a [RuleBody]) {
        let (first, arguments): (_, &[ExprRef]) = match head {
            RuleHead::Compr { assign, .. } => (assign.as_ref(), &[]),
            RuleHead::Func { assign, args, .. } => (assign.as_ref(), args),
            RuleHead::Set { .. } => (None, &[]),
        };
        for (at, body) in bodies.iter().enumerate().take(bodies.len().saturating_sub(1)) {
            let assign = if at == 0 { body.assign.as_ref().or(first) } else { body.assign.as_ref() };
            let known = self.known(&body.query, arguments);
            if let Some(looped) = body.query.stmts.iter().find_map(|statement| looped(&statement.literal, &known)) {
                let message =
                    format!("`else` behind a loop: the machine would never take it (`{}`)", looped.span().text());
                self.fault(
                    looped.span(),
                    "unsupported",
                    message,
                    "put the loop into a rule of its own, and ask for that",
                );
            }
            if let Some(assign) = assign.filter(|assign| !self.has_value(&assign.value, &known)) {
                let text = assign.value.span().text();
                let message = format!("`{text}` may be undefined, and the machine would not go on to the `else`");
                let hint = format!("give it a name in the body: `x := {text}`");
                self.fault(assign.value.span(), "unsupported", message, hint);
            }
        }
    }

    /// Names that have a value before any loop: arguments, what the body assigns, constants.
    fn known(&self, query: &'a Query, arguments: &'a [ExprRef]) -> BTreeSet<&'a str> {
        let mut known = Vec::new();
        arguments.iter().for_each(|argument| syntax::variables(argument, &mut known));
        for statement in &query.stmts {
            if let Literal::Expr { expr, .. } = &statement.literal
                && let Expr::AssignExpr { op: AssignOp::ColEq, lhs, .. } = &**expr
            {
                syntax::variables(lhs, &mut known);
            }
        }
        known.extend(self.constants.keys());
        known.into_iter().filter(|name| *name != "_").collect()
    }

    fn has_value(&self, value: &Expr, known: &BTreeSet<&str>) -> bool {
        match value {
            Expr::Var { span, .. } => known.contains(span.text()),
            Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().all(|item| self.has_value(item, known)),
            Expr::Object { fields, .. } => {
                fields.iter().all(|(_, key, value)| self.has_value(key, known) && self.has_value(value, known))
            }
            Expr::ArrayCompr { .. } | Expr::SetCompr { .. } | Expr::ObjectCompr { .. } => true,
            other => is_constant(other),
        }
    }
}

/// Whether a rule's name has parts, such as `limits.small`.
fn is_dotted(name: &Expr) -> bool {
    chain(name).is_none_or(|path| path.steps.iter().any(|step| matches!(step, Step::Field(..))))
}

/// What a statement loops over, if it does.
fn looped<'a>(literal: &'a Literal, known: &BTreeSet<&str>) -> Option<&'a Expr> {
    match literal {
        Literal::SomeIn { collection, .. } => Some(collection),
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => iterated(expr, known),
        Literal::Every { domain, .. } => iterated(domain, known),
        Literal::SomeVars { .. } => None,
    }
}

/// A reference with a variable index that has no value yet. Comprehensions keep their loops to themselves.
fn iterated<'a>(expr: &'a Expr, known: &BTreeSet<&str>) -> Option<&'a Expr> {
    if let Expr::RefBrack { index, .. } = expr {
        let mut names = Vec::new();
        match &**index {
            Expr::Var { .. } | Expr::Array { .. } | Expr::Object { .. } => syntax::variables(index, &mut names),
            _ => {}
        }
        if names.iter().any(|name| !known.contains(name)) {
            return Some(expr);
        }
    }
    if matches!(expr, Expr::ArrayCompr { .. } | Expr::SetCompr { .. } | Expr::ObjectCompr { .. }) {
        return None;
    }
    syntax::children(expr).0.into_iter().find_map(|child| iterated(child, known))
}
