//! The source as it is compiled. It means what the written one means in Rego; regorus 0.14.1's bytecode needs help three times.
//!
//! `x := reference` fails in Rego where the reference is undefined. The bytecode goes on with an undefined variable
//! instead: `m := input.tool.pin; not m == "match"` would hold without a tool. So `; x == x` is put behind each such
//! statement, on the same line. The differential test shows that it is needed and that it is enough.
//!
//! A condition that fails in a comprehension ends the loop that it stands in. Where the comprehension has none of its own, that
//! is the loop around it: `some e in effects; count([1 | e.verb == "read"]) == 0` would leave out the very effects that it is
//! about, and without any loop the machine never ends. So each comprehension begins with a loop of one round.
//!
//! `lib.rule` of an imported package is evaluated as the whole package, of which one rule is then taken. So the path is
//! written out, which calls that rule alone.

use super::syntax::{self, Step, chain, variable};
use regorus::unstable::{Expr, ExprRef, Literal, Module, Query, Rule, RuleHead};
use std::collections::{BTreeMap, BTreeSet};

/// What is put where: begin and end of what is replaced, and what stands there instead.
type Edit = (usize, usize, String);

/// What a comprehension begins with.
const ROUND: &str = " some _ in [0]; ";

/// What the bytecode needs, and where.
enum Help<'a> {
    /// Behind the statement that gives it a value: this variable has one.
    Defined(usize, &'a str),
    /// Behind the bar of a comprehension: a loop.
    Loop(usize),
}

impl Help<'_> {
    fn edit(&self, text: &str) -> Edit {
        match self {
            Self::Defined(end, name) => {
                // The span of a string literal ends before its closing quote.
                let quoted = text.get(*end..).is_some_and(|rest| rest.starts_with(['"', '`']));
                let place = end.saturating_add(usize::from(quoted));
                (place, place, format!("; {name} == {name}"))
            }
            Self::Loop(bar) => {
                // The span of the body begins at the bar before it.
                let place = bar.saturating_add(1);
                (place, place, ROUND.to_owned())
            }
        }
    }
}

/// The source of a module for the compiler.
pub(crate) fn source(text: &str, module: &Module) -> String {
    let mut places: Vec<Help<'_>> = Vec::new();
    let mut heads: Vec<&ExprRef> = Vec::new();
    for rule in &module.policy {
        let Rule::Spec { head, bodies, .. } = &**rule else { continue };
        let assign = match head {
            RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => assign.as_ref(),
            RuleHead::Set { key, .. } => {
                heads.extend(key);
                None
            }
        };
        heads.extend(assign.iter().map(|assign| &assign.value));
        for body in bodies {
            of_query(&body.query, &mut places);
            heads.extend(body.assign.iter().map(|assign| &assign.value));
        }
    }
    heads.iter().for_each(|head| of_expr(head, &mut places));
    let mut edits: Vec<Edit> = places.iter().map(|help| help.edit(text)).collect();
    let paths = Paths::of(module);
    for rule in &module.policy {
        if let Rule::Spec { bodies, .. } = &**rule {
            bodies.iter().for_each(|body| paths.of_query(&body.query, &mut edits));
        }
    }
    heads.iter().for_each(|head| paths.of_expr(head, &mut edits));
    applied(text, edits)
}

fn applied(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_unstable();
    edits.dedup();
    let mut guarded = String::with_capacity(text.len().saturating_add(edits.len().saturating_mul(24)));
    let mut done = 0;
    for (begin, end, instead) in edits {
        guarded.push_str(text.get(done..begin).unwrap_or_default());
        guarded.push_str(&instead);
        done = end;
    }
    guarded.push_str(text.get(done..).unwrap_or_default());
    guarded
}

/// Imported packages of ours, by the names that they have in a module.
struct Paths<'a> {
    imports: BTreeMap<&'a str, String>,
}

impl<'a> Paths<'a> {
    fn of(module: &'a Module) -> Self {
        let mut imports = BTreeMap::new();
        for import in &module.imports {
            let Some(path) = chain(&import.refr).filter(|path| path.root == "data") else { continue };
            let fields = path.steps.iter().map(|step| match step {
                Step::Field(name, span) => Some((name.as_str(), span.text())),
                Step::Index(_) => None,
            });
            let Some(fields) = fields.collect::<Option<Vec<_>>>() else { continue };
            let Some((_, last)) = fields.last() else { continue };
            let name = import.r#as.as_ref().map_or(*last, |span| span.text());
            let full: String = fields.iter().map(|(field, _)| format!(".{field}")).collect();
            imports.insert(name, format!("data{full}"));
        }
        // A variable of the same name hides the import somewhere: what stands there is left alone.
        let mut hidden = BTreeSet::new();
        for rule in &module.policy {
            hidden.insert(syntax::head_name(rule));
            bound(rule, &mut hidden);
        }
        imports.retain(|name, _| !hidden.contains(name));
        Self { imports }
    }

    fn of_query(&self, query: &Query, edits: &mut Vec<Edit>) {
        for statement in &query.stmts {
            let (exprs, inner) = syntax::statement(statement);
            exprs.into_iter().for_each(|expr| self.of_expr(expr, edits));
            inner.into_iter().for_each(|inner| self.of_query(inner, edits));
        }
    }

    fn of_expr(&self, expr: &Expr, edits: &mut Vec<Edit>) {
        if let Expr::RefDot { refr, .. } = expr
            && let Expr::Var { span, .. } = &**refr
            && let Some(full) = self.imports.get(span.text())
            && let (Ok(begin), Ok(end)) = (usize::try_from(span.start), usize::try_from(span.end))
        {
            edits.push((begin, end, full.clone()));
        }
        let (inner, query) = syntax::children(expr);
        inner.into_iter().for_each(|child| self.of_expr(child, edits));
        query.into_iter().for_each(|query| self.of_query(query, edits));
    }
}

/// The names that a rule gives to values of its own.
fn bound<'a>(rule: &'a Rule, names: &mut BTreeSet<&'a str>) {
    let Rule::Spec { head, bodies, .. } = rule else { return };
    if let RuleHead::Func { args, .. } = head {
        args.iter().for_each(|argument| of_pattern(argument, names));
    }
    let mut queries: Vec<&Query> = bodies.iter().map(|body| &*body.query).collect();
    let mut exprs: Vec<&Expr> = match head {
        RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => {
            assign.iter().map(|assign| &*assign.value).collect()
        }
        RuleHead::Set { key, .. } => key.iter().map(|key| &**key).collect(),
    };
    exprs.extend(bodies.iter().filter_map(|body| Some(&*body.assign.as_ref()?.value)));
    loop {
        if let Some(query) = queries.pop() {
            for statement in &query.stmts {
                match &statement.literal {
                    Literal::SomeVars { vars, .. } => names.extend(vars.iter().map(|var| var.text())),
                    Literal::SomeIn { key, value, .. } => {
                        key.iter().chain([value]).for_each(|pattern| of_pattern(pattern, names));
                    }
                    Literal::Every { key, value, .. } => {
                        names.extend(key.iter().chain([value]).map(|var| var.text()));
                    }
                    Literal::Expr { expr, .. } => {
                        if let Expr::AssignExpr { lhs, .. } = &**expr {
                            of_pattern(lhs, names);
                        }
                    }
                    Literal::NotExpr { .. } => {}
                }
                let (inner, more) = syntax::statement(statement);
                exprs.extend(inner.into_iter().map(|expr| &**expr));
                queries.extend(more);
            }
        } else if let Some(expr) = exprs.pop() {
            let (inner, query) = syntax::children(expr);
            exprs.extend(inner.into_iter().map(|expr| &**expr));
            queries.extend(query);
        } else {
            return;
        }
    }
}

fn of_pattern<'a>(pattern: &'a Expr, names: &mut BTreeSet<&'a str>) {
    match pattern {
        Expr::Var { span, .. } => drop(names.insert(span.text())),
        other => syntax::children(other).0.into_iter().for_each(|child| of_pattern(child, names)),
    }
}

fn of_query<'a>(query: &'a Query, places: &mut Vec<Help<'a>>) {
    for statement in &query.stmts {
        if let Literal::Expr { expr, .. } = &statement.literal
            && let Expr::AssignExpr { lhs, rhs, .. } = &**expr
            && let Some(name) = variable(lhs).filter(|name| *name != "_")
            && !syntax::is_constant(rhs)
        {
            places.push(Help::Defined(usize::try_from(rhs.span().end).unwrap_or(usize::MAX), name));
        }
        let (exprs, inner) = syntax::statement(statement);
        exprs.into_iter().for_each(|expr| of_expr(expr, places));
        inner.into_iter().for_each(|inner| of_query(inner, places));
    }
}

fn of_expr<'a>(expr: &'a ExprRef, places: &mut Vec<Help<'a>>) {
    let (inner, query) = syntax::children(expr);
    inner.into_iter().for_each(|child| of_expr(child, places));
    if let Some(query) = query {
        places.push(Help::Loop(usize::try_from(query.span.start).unwrap_or(usize::MAX)));
        of_query(query, places);
    }
}
