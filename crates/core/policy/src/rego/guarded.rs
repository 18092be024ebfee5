//! Makes `x := reference` fail where the reference is undefined, as Rego has it.
//!
//! regorus 0.14.1's bytecode goes on with an undefined variable instead: `m := input.tool.pin; not m == "match"` would
//! hold without a tool. So `; x == x` is put behind each such statement, on the same line, before the source is
//! compiled. The differential test shows that it is needed and that it is enough.

use super::syntax::{self, variable};
use regorus::unstable::{Expr, ExprRef, Literal, Module, Query, Rule, RuleHead};

/// The source of a module for the compiler.
pub(crate) fn source(text: &str, module: &Module) -> String {
    let mut places: Vec<(usize, &str)> = Vec::new();
    for rule in &module.policy {
        let Rule::Spec { head, bodies, .. } = &**rule else { continue };
        let assign = match head {
            RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => assign.as_ref(),
            RuleHead::Set { key, .. } => {
                key.iter().for_each(|key| of_expr(key, &mut places));
                None
            }
        };
        assign.iter().for_each(|assign| of_expr(&assign.value, &mut places));
        for body in bodies {
            of_query(&body.query, &mut places);
            body.assign.iter().for_each(|assign| of_expr(&assign.value, &mut places));
        }
    }
    places.sort_unstable();
    places.dedup();
    let mut guarded = String::with_capacity(text.len().saturating_add(places.len().saturating_mul(16)));
    let mut done = 0;
    for (end, name) in places {
        // The span of a string literal ends before its closing quote.
        let quoted = text.get(end..).is_some_and(|rest| rest.starts_with(['"', '`']));
        let place = end.saturating_add(usize::from(quoted));
        guarded.push_str(text.get(done..place).unwrap_or_default());
        guarded.push_str("; ");
        guarded.push_str(name);
        guarded.push_str(" == ");
        guarded.push_str(name);
        done = place;
    }
    guarded.push_str(text.get(done..).unwrap_or_default());
    guarded
}

fn of_query<'a>(query: &'a Query, places: &mut Vec<(usize, &'a str)>) {
    for statement in &query.stmts {
        if let Literal::Expr { expr, .. } = &statement.literal
            && let Expr::AssignExpr { lhs, rhs, .. } = &**expr
            && let Some(name) = variable(lhs).filter(|name| *name != "_")
            && !syntax::is_constant(rhs)
        {
            places.push((usize::try_from(rhs.span().end).unwrap_or(usize::MAX), name));
        }
        let (exprs, inner) = syntax::statement(statement);
        exprs.into_iter().for_each(|expr| of_expr(expr, places));
        inner.into_iter().for_each(|inner| of_query(inner, places));
    }
}

fn of_expr<'a>(expr: &'a ExprRef, places: &mut Vec<(usize, &'a str)>) {
    let (inner, query) = syntax::children(expr);
    inner.into_iter().for_each(|child| of_expr(child, places));
    query.into_iter().for_each(|query| of_query(query, places));
}
