//! `not` in front of a function or a comparison of something among the arguments.
//!
//! By Rego's reference, and here, `not contains(input.action.args.mode, "url")` holds when there is no `mode`. OPA takes the
//! argument out of the negation first (its issues 1877 and 8387), so that the rule does not fire there: whoever tries a
//! policy with OPA sees something else than what the gateway does.

use super::source::{parse_all, place};
use super::syntax::{self, Step, chain};
use crate::bundle::Bundle;
use crate::diagnostic::Diagnostic;
use regorus::unstable::{Expr, ExprRef, Literal, Query, Rule, RuleHead};

/// Where a policy says so.
pub(crate) fn negated(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (file, module) in parse_all(bundle, &mut Vec::new()) {
        let mut places = Vec::new();
        for rule in &module.policy {
            of_rule(rule, &mut places);
        }
        found.extend(places.into_iter().map(|(expr, argument)| {
            let message = format!("`not` holds as well when `{argument}` is missing; in OPA it does not");
            Diagnostic::at(&file.path, place(expr.span()), "negated-argument", message)
                .hint(format!("give it a name first (`x := {argument}`), or negate a rule that says the positive"))
        }));
    }
    found
}

/// A negated expression and the argument in it.
type Found<'a> = (&'a Expr, &'a str);

fn of_rule<'a>(rule: &'a Rule, found: &mut Vec<Found<'a>>) {
    let Rule::Spec { head, bodies, .. } = rule else { return };
    match head {
        RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => {
            assign.iter().for_each(|assign| of_expr(&assign.value, found));
        }
        RuleHead::Set { key, .. } => key.iter().for_each(|key| of_expr(key, found)),
    }
    for body in bodies {
        of_query(&body.query, found);
        body.assign.iter().for_each(|assign| of_expr(&assign.value, found));
    }
}

fn of_query<'a>(query: &'a Query, found: &mut Vec<Found<'a>>) {
    for statement in &query.stmts {
        if let Literal::NotExpr { expr, .. } = &statement.literal
            && chain(expr).is_none()
            && let Some(argument) = argument(expr)
        {
            found.push((expr, argument));
        }
        let (exprs, inner) = syntax::statement(statement);
        exprs.into_iter().for_each(|expr| of_expr(expr, found));
        inner.into_iter().for_each(|inner| of_query(inner, found));
    }
}

fn of_expr<'a>(expr: &'a ExprRef, found: &mut Vec<Found<'a>>) {
    let (inner, query) = syntax::children(expr);
    inner.into_iter().for_each(|child| of_expr(child, found));
    query.into_iter().for_each(|query| of_query(query, found));
}

/// The first reference to something among the arguments; what stands inside a comprehension is not taken out by OPA.
fn argument(expr: &Expr) -> Option<&str> {
    if let Some(path) = chain(expr) {
        let mut names = path.steps.iter().map_while(|step| match step {
            Step::Field(name, _) => Some(name.as_str()),
            Step::Index(_) => None,
        });
        let is_argument = path.root == "input" && names.next() == Some("action") && names.next() == Some("args");
        return (is_argument && path.steps.len() > 2).then(|| expr.span().text());
    }
    if matches!(expr, Expr::ArrayCompr { .. } | Expr::SetCompr { .. } | Expr::ObjectCompr { .. }) {
        return None;
    }
    syntax::children(expr).0.into_iter().find_map(|child| argument(child))
}
