//! The walk over the syntax tree: every relation, function and statement is met once, and what it does is noted.

use super::functions::{self, Does};
use super::names::{self, Name};
use super::{Dialect, bound, statement, unreadable};
use crate::roles;
use holdshort_model::{ActionEffect, Certainty, Resource, Verb};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Query, SetExpr, Statement,
    TableFactor, Value, Visit, Visitor,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// The effects of parsed statements. `unsure`: the text means one thing here and another there.
pub(super) fn walk(statements: &[Statement], dialect: Dialect, unsure: bool) -> Vec<ActionEffect> {
    let mut walk = Walk { unsure, ..Walk::new(dialect) };
    for statement in statements {
        // The visitor never breaks.
        let _ = statement.visit(&mut walk);
    }
    walk.finish()
}

/// What was met so far.
pub(super) struct Walk {
    pub(super) dialect: Dialect,
    /// What unqualified names mean is not certain any more: `USE`, a search path, an attached database, a version comment.
    pub(super) unsure: bool,
    /// Statements run more than once.
    pub(super) looping: bool,
    effects: Vec<ActionEffect>,
    /// Names, by address, that are targets of changes and not read by standing there.
    targets: BTreeSet<usize>,
    /// Statements that are only explained: nothing of them is done.
    explained: usize,
    /// Names of common table expressions of the queries around, innermost last, and how many of them are visible.
    scopes: Vec<(Vec<String>, usize)>,
    /// Of queries that define one: what they see of their scope.
    views: BTreeMap<usize, (usize, usize)>,
    /// For each query around: the scope that it narrowed, with what was visible there before.
    narrowed: Vec<Option<(usize, usize)>>,
    /// Most rows that the queries around show of their tables.
    shown: Vec<Option<u64>>,
}

impl Walk {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            unsure: false,
            looping: false,
            effects: Vec::new(),
            targets: BTreeSet::new(),
            explained: 0,
            scopes: Vec::new(),
            views: BTreeMap::new(),
            narrowed: Vec::new(),
            shown: Vec::new(),
        }
    }

    fn finish(mut self) -> Vec<ActionEffect> {
        for effect in &mut self.effects {
            if self.unsure && effect.resource.kind != "file" {
                effect.certainty = Certainty::Unprovable;
            }
            if self.unsure || self.looping {
                effect.count = None;
            }
        }
        let mut kept: Vec<ActionEffect> = Vec::new();
        for effect in self.effects {
            if !kept.contains(&effect) {
                kept.push(effect);
            }
        }
        kept
    }

    /// Notes an effect. What is only explained is only looked at.
    pub(super) fn add(&mut self, verb: Verb, kind: &str, id: &str, count: Option<u64>, certainty: Certainty) {
        let verb = if self.explained > 0 { Verb::Read } else { verb };
        let resource = Resource { kind: kind.to_owned(), id: Some(id.to_owned()), ..Resource::default() };
        // Bounded here: `effects` counts them, too, and says that there are more.
        if self.effects.len() <= super::SQL_EFFECTS_MAX {
            self.effects.push(ActionEffect { verb, resource, reversible: None, count, certainty });
        }
    }

    /// An effect on a table or another thing that has a name.
    pub(super) fn on(&mut self, verb: Verb, kind: &str, name: &ObjectName, count: Option<u64>) {
        self.targets.insert(address(name));
        let Name { text, certain } = names::of(name, self.dialect);
        let certainty = if certain { Certainty::Derived } else { Certainty::Unprovable };
        self.add(verb, kind, &text, count, certainty);
        // A fourth part is a linked server.
        if name.0.len() > 3 {
            self.unprovable(Verb::Send);
        }
    }

    /// A name that stands for the target of a change.
    pub(super) fn target(&mut self, name: &ObjectName) {
        self.targets.insert(address(name));
    }

    /// A file on the server.
    pub(super) fn file(&mut self, verb: Verb, path: Option<&str>) {
        let effect = match path {
            Some(path) => roles::effect_on(verb, roles::file(path, None), Some(1)),
            None => {
                let resource = Resource { kind: "file".to_owned(), ..Resource::default() };
                ActionEffect { verb, resource, reversible: None, count: None, certainty: Certainty::Unprovable }
            }
        };
        self.effects.push(effect);
    }

    /// Something on the database that only the server can tell.
    pub(super) fn unprovable(&mut self, verb: Verb) {
        if self.effects.len() <= super::SQL_EFFECTS_MAX {
            self.effects.push(ActionEffect { verb, ..unreadable() });
        }
    }

    /// A call of a function.
    pub(super) fn call(&mut self, name: &ObjectName, args: &[FunctionArg]) {
        let (last, schema) = names::split(name);
        match functions::does(&last, schema.as_deref()) {
            Does::Nothing => {}
            Does::File(verb) => self.file(verb, args.first().and_then(text_of_argument)),
            Does::Database(verb) => self.add(verb, "database", &last, None, Certainty::Derived),
            Does::Unprovable(verb) => {
                self.unprovable(verb);
                if last == "lo_export" {
                    self.file(Verb::Write, args.get(1).and_then(text_of_argument));
                }
            }
        }
    }

    pub(super) fn function(&mut self, function: &Function) {
        let args = match &function.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
        };
        self.call(&function.name, args);
    }

    fn relation(&mut self, name: &ObjectName) {
        if self.targets.contains(&address(name)) {
            return;
        }
        let Name { text, certain } = names::of(name, self.dialect);
        if name.0.len() == 1 && self.is_common(&text) {
            return;
        }
        // DuckDB and SQLite extensions take a file for a table.
        if text.contains(['/', '\\'])
            || name.0.iter().filter_map(|part| part.as_ident()).any(|i| i.quote_style == Some('\''))
        {
            self.unprovable(Verb::Execute);
            self.file(Verb::Read, Some(&text));
            return;
        }
        let count = self.shown.last().copied().flatten();
        let certainty = if certain { Certainty::Derived } else { Certainty::Unprovable };
        self.add(Verb::Read, "table", &text, count, certainty);
        if name.0.len() > 3 {
            self.unprovable(Verb::Send);
        }
    }

    fn is_common(&self, name: &str) -> bool {
        self.scopes.iter().any(|(names, visible)| names.iter().take(*visible).any(|known| known == name))
    }

    // `WITH t AS (SELECT * FROM t)`: the inner `t` is the table, because a plain CTE does not see itself.
    fn enter(&mut self, query: &Query) {
        let narrowed = self.views.get(&address(query)).copied().and_then(|(scope, visible)| {
            let (_, now) = self.scopes.get_mut(scope)?;
            Some((scope, std::mem::replace(now, visible)))
        });
        self.narrowed.push(narrowed);
        let mut names = Vec::new();
        if let Some(with) = &query.with {
            let scope = self.scopes.len();
            let all = with.cte_tables.len();
            for (position, cte) in with.cte_tables.iter().enumerate() {
                names.push(names::fold(&cte.alias.name, self.dialect));
                self.views.insert(address(cte.query.as_ref()), (scope, if with.recursive { all } else { position }));
            }
        }
        let visible = names.len();
        self.scopes.push((names, visible));
        self.shown.push(bound::shown(query, self.dialect));
    }

    fn leave(&mut self) {
        self.scopes.pop();
        self.shown.pop();
        if let Some(Some((scope, visible))) = self.narrowed.pop()
            && let Some((_, now)) = self.scopes.get_mut(scope)
        {
            *now = visible;
        }
    }

    // `TABLE users` is no relation to the visitor.
    fn table_commands(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Table(table) => {
                let name = table.table_name.clone().unwrap_or_default().to_lowercase();
                let id = table
                    .schema_name
                    .as_ref()
                    .map_or(name.clone(), |schema| format!("{}.{name}", schema.to_lowercase()));
                self.add(Verb::Read, "table", &id, None, Certainty::Derived);
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.table_commands(left);
                self.table_commands(right);
            }
            _ => {}
        }
    }
}

impl Visitor for Walk {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        statement::enter(self, statement);
        if statement::is_only_explained(statement) {
            self.explained += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        if statement::is_only_explained(statement) {
            self.explained = self.explained.saturating_sub(1);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.enter(query);
        self.table_commands(&query.body);
        if let SetExpr::Select(select) = query.body.as_ref()
            && let Some(into) = &select.into
        {
            for target in &into.targets {
                statement::into(self, target);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(args), .. } => {
                self.targets.insert(address(name));
                self.call(name, &args.args);
            }
            TableFactor::Function { name, args, .. } => {
                self.targets.insert(address(name));
                self.call(name, args);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.relation(name);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.function(function);
        }
        ControlFlow::Continue(())
    }
}

fn address<T>(value: &T) -> usize {
    std::ptr::from_ref(value).addr()
}

/// The text of an expression that is a literal.
pub(super) fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) | Value::NationalStringLiteral(text) => {
                Some(text)
            }
            _ => None,
        },
        _ => None,
    }
}

fn text_of_argument(arg: &FunctionArg) -> Option<&str> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => text_of(expr),
        _ => None,
    }
}
