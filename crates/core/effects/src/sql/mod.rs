//! What SQL does, by its syntax tree: tables read, written and deleted from, definitions changed, rights, programs and files.
//!
//! Every statement and every node below it is looked at. What cannot be read (a syntax error, too long, too deep) is
//! `execute` on the database, `unprovable`: the strictest effect that there is. So is what only the server can tell: a
//! procedure, dynamic SQL, a function that is not built in. What is NOT seen here: triggers, rules, views, operators and
//! casts that run functions, the contents of prepared statements, and the database that unqualified names stand in.

mod bound;
mod functions;
mod limits;
mod names;
mod statement;
mod walk;

use crate::roles;
use holdshort_model::{ActionEffect, Certainty, Verb};
use sqlparser::dialect::{Dialect as Grammar, MsSqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

/// Longest text that is parsed: hand-written statements are far below, and loading of data in bulk is one question anyway.
pub const SQL_BYTES_MAX: usize = 64 * 1_024;
/// Most effects that one text has; beyond, one effect more says that there are others.
pub const SQL_EFFECTS_MAX: usize = 256;

/// Which SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL and those that speak like it.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
    /// Microsoft SQL Server.
    MsSql,
    /// Nobody said: every dialect is tried, and the effects of all readings count.
    Generic,
}

impl Dialect {
    /// The dialect by the name that a connector gives; unknown names are `Generic`.
    pub fn of_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" | "pg" | "psql" | "cockroachdb" | "redshift" => Self::Postgres,
            "mysql" | "mariadb" => Self::MySql,
            "sqlite" | "sqlite3" => Self::Sqlite,
            "mssql" | "sqlserver" | "tsql" | "sqlcmd" => Self::MsSql,
            _ => Self::Generic,
        }
    }
}

/// The effects of SQL text, one or many statements, without duplicates. Empty only for text that touches nothing, such as
/// `COMMIT`.
pub fn effects(text: &str, dialect: Dialect) -> Vec<ActionEffect> {
    let dialects: &[Dialect] = match dialect {
        Dialect::Generic => &[Dialect::Postgres, Dialect::MySql, Dialect::Sqlite, Dialect::MsSql],
        ref one => std::slice::from_ref(one),
    };
    let mut effects: Vec<ActionEffect> = Vec::new();
    let mut read = false;
    for dialect in dialects {
        if let Some(found) = read_as(text, *dialect) {
            read = true;
            for effect in found {
                if !effects.contains(&effect) {
                    effects.push(effect);
                }
            }
        }
    }
    if !read {
        return vec![unreadable()];
    }
    if effects.len() > SQL_EFFECTS_MAX {
        effects.truncate(SQL_EFFECTS_MAX);
        effects.push(unreadable());
    }
    effects
}

// `None` when this dialect cannot read it.
fn read_as(text: &str, dialect: Dialect) -> Option<Vec<ActionEffect>> {
    let grammar: &dyn Grammar = match dialect {
        Dialect::Postgres | Dialect::Generic => &PostgreSqlDialect {},
        Dialect::MySql => &MySqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::MsSql => &MsSqlDialect {},
    };
    let tokens = limits::tokens(text, dialect, grammar)?;
    let statements = Parser::new(grammar).with_tokens_with_locations(tokens).parse_statements().ok()?;
    if statements.is_empty() {
        return None;
    }
    // INVARIANT: which server runs what stands in a version comment is not known here, so nothing around it is proven.
    let conditional = dialect == Dialect::MySql && (text.contains("/*!") || text.contains("/*M!"));
    Some(walk::walk(&statements, dialect, conditional))
}

/// The strictest effect that there is.
fn unreadable() -> ActionEffect {
    let effect = roles::effect_on(Verb::Execute, roles::plain("database", "*"), None);
    ActionEffect { certainty: Certainty::Unprovable, ..effect }
}
