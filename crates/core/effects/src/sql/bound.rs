//! How many rows a condition lets through at most: a number only where the text proves one.

use super::{Dialect, names};
use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, LimitClause, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins,
    TopQuantity, UnaryOperator, Value,
};

/// Columns that are keys by their name, in any table.
const KEYS: &[&str] = &["_id", "ctid", "guid", "id", "pk", "rowid", "uuid"];

/// At most so many rows of `table` satisfy `selection`; `None` without a bound: no condition, one that is always true, one
/// over columns that are not keys.
pub(super) fn rows(selection: Option<&Expr>, limit: Option<&Expr>, table: &str, dialect: Dialect) -> Option<u64> {
    let by_key = selection.and_then(|expr| condition(expr, table, dialect));
    match (by_key, limit.and_then(literal)) {
        (Some(rows), Some(limit)) => Some(rows.min(limit)),
        (rows, limit) => rows.or(limit),
    }
}

fn condition(expr: &Expr, table: &str, dialect: Dialect) -> Option<u64> {
    match expr {
        Expr::Nested(inner) => condition(inner, table, dialect),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            match (condition(left, table, dialect), condition(right, table, dialect)) {
                (Some(left), Some(right)) => Some(left.min(right)),
                (left, right) => left.or(right),
            }
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            condition(left, table, dialect)?.checked_add(condition(right, table, dialect)?)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let equal =
                is_key(left, table) && is_value(right, dialect) || is_key(right, table) && is_value(left, dialect);
            equal.then_some(1)
        }
        Expr::InList { expr, list, negated: false } => {
            let listed = is_key(expr, table) && list.iter().all(|item| is_value(item, dialect));
            listed.then(|| u64::try_from(list.len()).ok()).flatten()
        }
        _ => None,
    }
}

fn is_key(expr: &Expr, table: &str) -> bool {
    let ident = match expr {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(ident) => ident,
            None => return false,
        },
        Expr::Nested(inner) => return is_key(inner, table),
        _ => return false,
    };
    let column = ident.value.to_lowercase();
    let table = table.rsplit('.').next().unwrap_or(table).to_lowercase();
    let own = |stem: &str| !stem.is_empty() && (column == format!("{stem}_id") || column == format!("{stem}id"));
    KEYS.contains(&column.as_str()) || own(&table) || table.strip_suffix('s').is_some_and(own)
}

// A value of which there is one. MySQL takes a text column that holds no number for 0: `id = 0` may be every row.
fn is_value(expr: &Expr, dialect: Dialect) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Boolean(_) => false,
            Value::Number(number, _) => {
                dialect != Dialect::MySql || number.parse::<f64>().is_ok_and(|number| number != 0.0)
            }
            _ => true,
        },
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => is_value(inner, dialect),
        Expr::Cast { expr, .. } => matches!(expr.as_ref(), Expr::Value(_)) && is_value(expr, dialect),
        Expr::TypedString(_) => true,
        _ => false,
    }
}

/// A number that stands there as such.
pub(super) fn literal(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse().ok(),
            _ => None,
        },
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

/// At most so many rows come out of a query.
pub(super) fn result(query: &Query) -> Option<u64> {
    let limit = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit: Some(limit), .. } | LimitClause::OffsetCommaLimit { limit, .. }) => {
            literal(limit)
        }
        _ => None,
    };
    let fetch = query.fetch.as_ref().filter(|fetch| !fetch.percent && !fetch.with_ties);
    let fetch = fetch.and_then(|fetch| fetch.quantity.as_ref()).and_then(literal);
    let body = match query.body.as_ref() {
        SetExpr::Values(values) => u64::try_from(values.rows.len()).ok(),
        SetExpr::Select(select) => top(select).or_else(|| (select.from.is_empty() && !sets(select)).then_some(1)),
        SetExpr::Query(inner) => result(inner),
        _ => None,
    };
    [limit, fetch, body].into_iter().flatten().min()
}

// `SELECT generate_series(1, 1000000)` has no table and many rows.
fn sets(select: &Select) -> bool {
    !select.projection.iter().all(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Expr::Value(_) | Expr::Cast { .. } | Expr::Identifier(_))
        }
        _ => false,
    })
}

fn top(select: &Select) -> Option<u64> {
    let top = select.top.as_ref().filter(|top| !top.percent && !top.with_ties)?;
    match top.quantity.as_ref()? {
        TopQuantity::Constant(rows) => Some(*rows),
        TopQuantity::Expr(expr) => literal(expr),
    }
}

/// At most so many rows of the query's table are shown by it. A limit counts only where no row is folded into another:
/// `SELECT string_agg(name, ',') FROM t LIMIT 1` shows them all.
pub(super) fn shown(query: &Query, dialect: Dialect) -> Option<u64> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [TableWithJoins { relation: TableFactor::Table { name, args: None, .. }, joins }] = select.from.as_slice()
    else {
        return None;
    };
    if !joins.is_empty() {
        return None;
    }
    let plain = select.projection.iter().all(|item| match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
        }
        SelectItem::ExprWithAliases { .. } => false,
    });
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let limit = if plain && !grouped && select.distinct.is_none() { result(query) } else { None };
    let by_key = rows(select.selection.as_ref(), None, &names::of(name, dialect).text, dialect);
    [limit, by_key].into_iter().flatten().min()
}
