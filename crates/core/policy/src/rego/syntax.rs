//! Small questions to regorus' syntax tree.

use regorus::Value;
use regorus::unstable::{Expr, ExprRef, Literal, LiteralStmt, Query, Rule, RuleHead, Span};

/// A reference such as `input.action.effects[_].verb`, taken apart.
pub(crate) struct Chain<'a> {
    /// The variable that it begins with.
    pub(crate) root: &'a str,
    /// The steps after it.
    pub(crate) steps: Vec<Step<'a>>,
}

/// One step of a reference.
pub(crate) enum Step<'a> {
    /// `.name` or `["name"]`.
    Field(String, &'a Span),
    /// `[expression]`.
    Index(&'a Expr),
}

impl Step<'_> {
    /// The same step.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Field(name, span) => Self::Field(name.clone(), span),
            Self::Index(index) => Self::Index(index),
        }
    }
}

/// The reference that an expression is, if it is one that begins with a variable.
pub(crate) fn chain(expr: &Expr) -> Option<Chain<'_>> {
    let mut steps = Vec::new();
    let mut current = expr;
    loop {
        match current {
            Expr::Var { span, .. } => {
                steps.reverse();
                return Some(Chain { root: span.text(), steps });
            }
            Expr::RefDot { refr, field, .. } => {
                steps.push(Step::Field(field.0.text().to_owned(), &field.0));
                current = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                steps.push(match text(index) {
                    Some(name) => Step::Field(name.to_owned(), index.span()),
                    None => Step::Index(index),
                });
                current = refr;
            }
            _ => return None,
        }
    }
}

/// The text of a string literal.
pub(crate) fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::String { value: Value::String(text), .. } | Expr::RawString { value: Value::String(text), .. } => {
            Some(text)
        }
        _ => None,
    }
}

/// Name of a plain variable.
pub(crate) fn variable(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Var { span, .. } => Some(span.text()),
        _ => None,
    }
}

/// The variables of a pattern such as `[name, {"key": value}]`.
pub(crate) fn variables<'a>(pattern: &'a Expr, into: &mut Vec<&'a str>) {
    match pattern {
        Expr::Var { span, .. } => into.push(span.text()),
        other => children(other).0.into_iter().for_each(|child| variables(child, into)),
    }
}

/// Whether it is a literal without any variable in it.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::String { .. } | Expr::RawString { .. } | Expr::Number { .. } | Expr::Bool { .. } | Expr::Null { .. } => {
            true
        }
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().all(|item| is_constant(item)),
        Expr::Object { fields, .. } => fields.iter().all(|(_, key, value)| is_constant(key) && is_constant(value)),
        _ => false,
    }
}

/// The scalar value of a literal.
pub(crate) fn scalar(expr: &Expr) -> Option<&Value> {
    match expr {
        Expr::String { value, .. }
        | Expr::RawString { value, .. }
        | Expr::Number { value, .. }
        | Expr::Bool { value, .. }
        | Expr::Null { value, .. } => Some(value),
        _ => None,
    }
}

/// The expressions directly inside an expression, and the bodies of its comprehensions.
pub(crate) fn children(expr: &Expr) -> (Vec<&ExprRef>, Option<&Query>) {
    match expr {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => (Vec::new(), None),
        Expr::Array { items, .. } | Expr::Set { items, .. } => (items.iter().collect(), None),
        Expr::Object { fields, .. } => (fields.iter().flat_map(|(_, key, value)| [key, value]).collect(), None),
        Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => (vec![term], Some(query)),
        Expr::ObjectCompr { key, value, query, .. } => (vec![key, value], Some(query)),
        Expr::Call { params, .. } => (params.iter().collect(), None),
        Expr::UnaryExpr { expr, .. } => (vec![expr], None),
        Expr::RefDot { refr, .. } => (vec![refr], None),
        Expr::RefBrack { refr, index, .. } => (vec![refr, index], None),
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => (vec![lhs, rhs], None),
        Expr::Membership { key, value, collection, .. } => (key.iter().chain([value, collection]).collect(), None),
    }
}

/// The expressions of one statement, with the body of an `every`.
pub(crate) fn statement(stmt: &LiteralStmt) -> (Vec<&ExprRef>, Option<&Query>) {
    let (mut exprs, query): (Vec<&ExprRef>, _) = match &stmt.literal {
        Literal::SomeVars { .. } => (Vec::new(), None),
        Literal::SomeIn { key, value, collection, .. } => (key.iter().chain([value, collection]).collect(), None),
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => (vec![expr], None),
        Literal::Every { domain, query, .. } => (vec![domain], Some(&**query)),
    };
    exprs.extend(stmt.with_mods.iter().flat_map(|with| [&with.refr, &with.r#as]));
    (exprs, query)
}

/// The reference in a rule's head, such as `deny` or `hosts[name]`.
pub(crate) fn head_ref(rule: &Rule) -> &Expr {
    match rule {
        Rule::Spec {
            head: RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. },
            ..
        }
        | Rule::Default { refr, .. } => refr,
    }
}

/// The first name in a rule's head.
pub(crate) fn head_name(rule: &Rule) -> &str {
    chain(head_ref(rule)).map_or("", |chain| chain.root)
}
