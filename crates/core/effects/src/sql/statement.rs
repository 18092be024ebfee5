//! What each kind of statement does by itself; what stands inside it is met by the walk.
//!
//! One total match: a statement that is not named here is `unprovable`.

use super::bound;
use super::names;
use super::walk::{Walk, text_of};
use holdshort_model::{Certainty, Verb};
use sqlparser::ast::{
    AlterTableOperation, CopySource, CopyTarget, CreateFunction, CreateFunctionBody, Delete, Expr, FromTable,
    FunctionSecurity, Insert, Merge, MergeAction, ObjectName, ObjectType, OnInsert, OutputClause, Set,
    SqliteOnConflict, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Use,
    UtilityOption,
};

/// Whether a statement only shows how another one would run.
pub(super) fn is_only_explained(statement: &Statement) -> bool {
    match statement {
        Statement::Explain { analyze, options, .. } => {
            let runs = |option: &UtilityOption| {
                let off = option.arg.as_ref().is_some_and(|arg| {
                    matches!(arg.to_string().to_lowercase().trim_matches('\''), "false" | "off" | "0")
                });
                option.name.value.eq_ignore_ascii_case("analyze") && !off
            };
            !analyze && !options.iter().flatten().any(runs)
        }
        _ => false,
    }
}

/// Notes what a statement does.
pub(super) fn enter(walk: &mut Walk, statement: &Statement) {
    match statement {
        Statement::Insert(it) => insert(walk, it),
        Statement::Update(it) => update(walk, it),
        Statement::Delete(it) => delete(walk, it),
        Statement::Merge(it) => merge(walk, it),
        Statement::Truncate(it) => {
            for target in &it.table_names {
                walk.on(Verb::Delete, "table", &target.name, None);
            }
        }
        Statement::Copy { source, to, target, .. } => copy(walk, source, *to, target),
        Statement::LoadData { inpath, table_name, .. } => {
            walk.file(Verb::Read, Some(inpath));
            walk.on(Verb::Write, "table", table_name, None);
        }
        Statement::Directory { path, .. } => walk.file(Verb::Write, Some(path)),
        Statement::Set(it) => set(walk, it),
        Statement::Use(it) => {
            walk.unsure = true;
            if matches!(it, Use::Role(_) | Use::SecondaryRoles(_)) {
                walk.unprovable(Verb::Grant);
            }
        }
        Statement::Pragma { name, value, is_eq } => pragma(walk, name, value.is_some(), *is_eq),
        Statement::AttachDatabase { database_file_name, .. } => {
            walk.unsure = true;
            walk.file(Verb::Write, text_of(database_file_name));
            walk.unprovable(Verb::Execute);
        }
        Statement::While(_) => walk.looping = true,
        Statement::Call(function) => {
            walk.function(function);
            walk.unprovable(Verb::Execute);
        }
        Statement::NOTIFY { channel, .. } => {
            walk.add(Verb::Send, "database", &channel.value, Some(1), Certainty::Derived);
        }
        Statement::LISTEN { channel } | Statement::UNLISTEN { channel } => {
            walk.add(Verb::Read, "database", &channel.value, None, Certainty::Derived);
        }
        Statement::Analyze(_) | Statement::Vacuum(_) | Statement::Flush { .. } | Statement::Discard { .. } => {
            walk.add(Verb::Write, "database", "*", None, Certainty::Derived);
        }
        Statement::Lock(_) | Statement::LockTables { .. } => {
            walk.add(Verb::Write, "database", "*", None, Certainty::Derived);
        }
        Statement::OptimizeTable { name, .. } => walk.on(Verb::Write, "table", name, None),
        Statement::Kill { id, .. } => walk.add(Verb::Delete, "database", &id.to_string(), Some(1), Certainty::Derived),
        Statement::Grant(_) | Statement::Revoke(_) | Statement::Deny(_) => rights(walk),
        Statement::CreateRole(_) | Statement::AlterRole { .. } | Statement::CreateUser(_) | Statement::AlterUser(_) => {
            rights(walk);
        }
        Statement::CreateSecret { .. } | Statement::DropSecret { .. } => rights(walk),
        Statement::CreatePolicy(_) | Statement::AlterPolicy(_) | Statement::DropPolicy(_) => rights(walk),
        other => definition(walk, other),
    }
}

fn rights(walk: &mut Walk) {
    walk.add(Verb::Grant, "database", "*", None, Certainty::Derived);
}

// Statements that change what is defined, and those that touch nothing.
fn definition(walk: &mut Walk, statement: &Statement) {
    match statement {
        Statement::CreateTable(it) => {
            walk.on(Verb::Write, "schema", &it.name, Some(1));
            if it.query.is_some() {
                walk.on(Verb::Write, "table", &it.name, None);
            }
            if it.or_replace {
                walk.on(Verb::Delete, "table", &it.name, None);
            }
            // An external table is a file or an address.
            if it.external || it.location.is_some() {
                walk.file(Verb::Read, it.location.as_deref());
            }
        }
        Statement::CreateView(it) => walk.on(Verb::Write, "schema", &it.name, Some(1)),
        Statement::AlterView { name, .. } | Statement::AlterIndex { name, .. } => {
            walk.on(Verb::Write, "schema", name, Some(1));
        }
        Statement::CreateIndex(it) => walk.on(Verb::Write, "schema", &it.table_name, Some(1)),
        Statement::CreateSequence { name, .. } | Statement::CreateType { name, .. } => {
            walk.on(Verb::Write, "schema", name, Some(1));
        }
        Statement::CreateDomain(it) => walk.on(Verb::Write, "schema", &it.name, Some(1)),
        Statement::CreateDatabase { db_name, .. } => walk.on(Verb::Write, "schema", db_name, Some(1)),
        Statement::CreateSchema { .. } | Statement::AlterSchema(_) | Statement::AlterType(_) => {
            walk.add(Verb::Write, "schema", "*", Some(1), Certainty::Derived);
        }
        Statement::Comment { object_name, .. } => walk.on(Verb::Write, "schema", object_name, Some(1)),
        Statement::AlterTable(it) => {
            walk.on(Verb::Write, "schema", &it.name, Some(1));
            for operation in &it.operations {
                alter(walk, &it.name, operation);
            }
        }
        Statement::RenameTable(renames) => {
            for rename in renames {
                walk.on(Verb::Write, "schema", &rename.old_name, Some(1));
                walk.on(Verb::Write, "schema", &rename.new_name, Some(1));
            }
        }
        Statement::Drop { object_type, names, cascade, .. } => drop_objects(walk, *object_type, names, *cascade),
        Statement::DropFunction(it) => {
            for function in &it.func_desc {
                walk.on(Verb::Delete, "schema", &function.name, Some(1));
            }
        }
        Statement::DropProcedure { proc_desc, .. } => {
            for procedure in proc_desc {
                walk.on(Verb::Delete, "schema", &procedure.name, Some(1));
            }
        }
        Statement::DropDomain(it) => walk.on(Verb::Delete, "schema", &it.name, Some(1)),
        Statement::DropTrigger(it) => {
            walk.on(Verb::Delete, "schema", &it.trigger_name, Some(1));
        }
        Statement::CreateFunction(it) => create_function(walk, it),
        // Their bodies are met by the walk, but run at other times, with other rights, as often as somebody likes.
        Statement::CreateProcedure { name, .. } => {
            walk.on(Verb::Write, "schema", name, Some(1));
            walk.unprovable(Verb::Execute);
        }
        Statement::CreateTrigger(it) => {
            walk.on(Verb::Write, "schema", &it.table_name, Some(1));
            walk.unprovable(Verb::Execute);
        }
        other if touches_nothing(other) => {}
        _ => walk.unprovable(Verb::Execute),
    }
}

// What they hold is met by the walk, or there is nothing in them.
fn touches_nothing(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_)
            | Statement::Explain { .. }
            | Statement::ExplainTable { .. }
            | Statement::Prepare { .. }
            | Statement::Deallocate { .. }
            | Statement::Case(_)
            | Statement::If(_)
            | Statement::Raise(_)
            | Statement::Open(_)
            | Statement::Close { .. }
            | Statement::Fetch { into: None, .. }
            | Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Savepoint { .. }
            | Statement::ReleaseSavepoint { .. }
            | Statement::UnlockTables
            | Statement::Assert { .. }
            | Statement::Print(_)
            | Statement::Throw(_)
            | Statement::Return(_)
            | Statement::RaisError { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ShowVariable { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowCreate { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowCatalogs { .. }
            | Statement::ShowDatabases { .. }
            | Statement::ShowProcessList { .. }
            | Statement::ShowSchemas { .. }
            | Statement::ShowCharset(_)
            | Statement::ShowObjects(_)
            | Statement::ShowTables { .. }
            | Statement::ShowViews { .. }
            | Statement::ShowCollation { .. }
    )
}

/// `SELECT ... INTO target`: a new table, or a variable.
pub(super) fn into(walk: &mut Walk, target: &Expr) {
    let id = target.to_string().to_lowercase();
    if !id.starts_with(['@', ':']) {
        walk.add(Verb::Write, "schema", &id, Some(1), Certainty::Derived);
        walk.add(Verb::Write, "table", &id, None, Certainty::Derived);
    }
}

fn insert(walk: &mut Walk, it: &Insert) {
    let rows = match &it.source {
        Some(query) => bound::result(query),
        None => Some(1),
    };
    let name = match &it.table {
        TableObject::TableName(name) => name,
        TableObject::TableFunction(function) => {
            walk.function(function);
            walk.unprovable(Verb::Execute);
            return;
        }
        TableObject::TableQuery(_) => {
            walk.unprovable(Verb::Execute);
            return;
        }
    };
    walk.on(Verb::Write, "table", name, rows);
    // A row with the same key is removed first.
    if it.replace_into || matches!(it.or, Some(SqliteOnConflict::Replace)) {
        walk.on(Verb::Delete, "table", name, rows);
    }
    if it.overwrite {
        walk.on(Verb::Delete, "table", name, None);
    }
    // Shown are the new rows only; those that a conflict found are old ones.
    if it.returning.is_some() && matches!(it.on, Some(OnInsert::OnConflict(_))) {
        walk.on(Verb::Read, "table", name, rows);
    }
    let output = it.output.as_ref();
    returned(walk, name, output, false, rows);
    if it.multi_table_insert_type.is_some() {
        walk.unprovable(Verb::Write);
    }
}

fn update(walk: &mut Walk, it: &Update) {
    let from: &[TableWithJoins] = match &it.from {
        Some(UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables)) => tables,
        None => &[],
    };
    let alone = it.table.joins.is_empty() && from.is_empty();
    let mut tables = vec![&it.table.relation];
    // MySQL changes all the tables of a join, depending on the columns.
    tables.extend(it.table.joins.iter().map(|join| &join.relation));
    for factor in tables {
        let TableFactor::Table { name, .. } = factor else {
            walk.unprovable(Verb::Write);
            continue;
        };
        let target = aliased(name, from).unwrap_or(name);
        let rows = rows(walk, name, it.selection.as_ref(), it.limit.as_ref(), alone);
        walk.on(Verb::Write, "table", target, rows);
        walk.target(name);
        returned(walk, target, it.output.as_ref(), it.returning.is_some(), rows);
    }
}

fn delete(walk: &mut Walk, it: &Delete) {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &it.from;
    let using = it.using.as_deref().unwrap_or_default();
    let limit = it.limit.as_ref();
    let alone = from.len() == 1 && using.is_empty() && from.iter().all(|table| table.joins.is_empty());
    let mut targets: Vec<&ObjectName> = it.tables.iter().collect();
    if targets.is_empty() {
        for table in from {
            match &table.relation {
                TableFactor::Table { name, .. } => targets.push(name),
                _ => walk.unprovable(Verb::Delete),
            }
        }
    }
    // A target that is none of the tables around was read wrong: any of them may be meant.
    if !targets.iter().all(|name| stands_in(name, from) || stands_in(name, using)) {
        walk.unprovable(Verb::Delete);
    }
    for name in targets {
        let target = aliased(name, from).or_else(|| aliased(name, using)).unwrap_or(name);
        let rows = rows(walk, target, it.selection.as_ref(), limit, alone);
        walk.on(Verb::Delete, "table", target, rows);
        if !std::ptr::eq(target, name) {
            walk.target(name);
        }
        returned(walk, target, it.output.as_ref(), it.returning.is_some(), rows);
    }
}

fn merge(walk: &mut Walk, it: &Merge) {
    let TableFactor::Table { name, .. } = &it.table else {
        walk.unprovable(Verb::Write);
        return;
    };
    for clause in &it.clauses {
        match clause.action {
            MergeAction::Insert(_) | MergeAction::Update(_) => walk.on(Verb::Write, "table", name, None),
            MergeAction::Delete { .. } => walk.on(Verb::Delete, "table", name, None),
            MergeAction::DoNothing { .. } => {}
        }
    }
    returned(walk, name, it.output.as_ref(), false, None);
}

fn rows(walk: &Walk, name: &ObjectName, selection: Option<&Expr>, limit: Option<&Expr>, alone: bool) -> Option<u64> {
    let table = names::of(name, walk.dialect).text;
    // With other tables a condition on one key says nothing about this one.
    let selection = selection.filter(|_| alone);
    bound::rows(selection, limit.filter(|_| alone), &table, walk.dialect)
}

// The rows that a change touches are shown to who asks for them.
fn returned(walk: &mut Walk, name: &ObjectName, output: Option<&OutputClause>, returning: bool, rows: Option<u64>) {
    if output.is_some() || returning {
        walk.on(Verb::Read, "table", name, rows);
    }
    if let Some(OutputClause::Output { into_table: Some(table), .. }) = output {
        for target in &table.targets {
            into(walk, target);
        }
    }
}

/// `DELETE a FROM accounts a`: what `a` stands for.
fn aliased<'a>(name: &ObjectName, tables: &'a [TableWithJoins]) -> Option<&'a ObjectName> {
    let alias = name.0.first().filter(|_| name.0.len() == 1)?.as_ident()?;
    let factors = tables
        .iter()
        .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
    factors.into_iter().find_map(|factor| match factor {
        TableFactor::Table { name, alias: Some(known), .. } if known.name.value.eq_ignore_ascii_case(&alias.value) => {
            Some(name)
        }
        _ => None,
    })
}

// Whether one of the tables has this name, or an alias that is this name.
fn stands_in(name: &ObjectName, tables: &[TableWithJoins]) -> bool {
    let last = |name: &ObjectName| names::split(name).0;
    let factors = tables
        .iter()
        .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
    factors.into_iter().any(|factor| match factor {
        TableFactor::Table { name: table, .. } => last(table) == last(name),
        _ => false,
    }) || aliased(name, tables).is_some()
}

fn copy(walk: &mut Walk, source: &CopySource, to: bool, target: &CopyTarget) {
    if let CopySource::Table { table_name, .. } = source {
        walk.on(if to { Verb::Read } else { Verb::Write }, "table", table_name, None);
    }
    match target {
        CopyTarget::Program { command } => {
            walk.add(Verb::Execute, "process", command, Some(1), Certainty::Unprovable);
        }
        CopyTarget::File { filename } => walk.file(if to { Verb::Write } else { Verb::Read }, Some(filename)),
        CopyTarget::Stdin | CopyTarget::Stdout => {}
    }
}

fn set(walk: &mut Walk, it: &Set) {
    match it {
        Set::SetRole { .. } | Set::SetSessionAuthorization(_) => rights(walk),
        Set::SetTimeZone { .. } | Set::SetNames { .. } | Set::SetNamesDefault {} | Set::SetTransaction { .. } => {}
        Set::SingleAssignment { scope, variable, .. } => setting(walk, scope.is_some_and_global(), variable),
        Set::ParenthesizedAssignments { variables, .. } => {
            for variable in variables {
                setting(walk, false, variable);
            }
        }
        Set::MultipleAssignments { assignments } => {
            for assignment in assignments {
                setting(walk, assignment.scope.is_some_and_global(), &assignment.name);
            }
        }
        Set::SetSessionParam(_) => walk.add(Verb::Write, "database", "session", Some(1), Certainty::Derived),
    }
}

trait Scope {
    fn is_some_and_global(&self) -> bool;
}

impl Scope for Option<sqlparser::ast::ContextModifier> {
    fn is_some_and_global(&self) -> bool {
        matches!(self, Some(sqlparser::ast::ContextModifier::Global))
    }
}

fn setting(walk: &mut Walk, global: bool, variable: &ObjectName) {
    // Those that decide who one is, what is checked and what is logged.
    const SECURITY: &[&str] = &[
        "role",
        "session_authorization",
        "row_security",
        "session_replication_role",
        "sql_log_bin",
        "foreign_key_checks",
        "check_function_bodies",
        "default_transaction_read_only",
        "transaction_read_only",
        "sql_safe_updates",
        "password",
        "session_preload_libraries",
        "local_preload_libraries",
        "dynamic_library_path",
    ];
    let name = variable.to_string().to_lowercase();
    let last = name.trim_start_matches('@').rsplit('.').next().unwrap_or_default();
    walk.unsure |= last == "search_path" || last == "sql_mode" || last == "standard_conforming_strings";
    // `SET @x = 1` is a variable of the session.
    let user = name.starts_with('@') && !name.starts_with("@@");
    let global = global || name.starts_with("@@global") || name.starts_with("@@persist");
    if SECURITY.contains(&last) || global {
        walk.add(Verb::Grant, "database", &name, Some(1), Certainty::Derived);
    } else if !user {
        walk.add(Verb::Write, "database", &name, Some(1), Certainty::Derived);
    }
}

fn pragma(walk: &mut Walk, name: &ObjectName, valued: bool, is_eq: bool) {
    const ASKS: &[&str] = &[
        "collation_list",
        "compile_options",
        "database_list",
        "foreign_key_check",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "module_list",
        "pragma_list",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    ];
    let (last, _) = names::split(name);
    if ASKS.contains(&last.as_str()) && !is_eq || !valued {
        walk.add(Verb::Read, "schema", &last, None, Certainty::Derived);
    } else {
        // `writable_schema`, `trusted_schema`, `temp_store_directory`: what they open is not seen here.
        walk.add(Verb::Write, "database", &last, None, Certainty::Unprovable);
    }
}

fn alter(walk: &mut Walk, name: &ObjectName, operation: &AlterTableOperation) {
    match operation {
        AlterTableOperation::DropColumn { .. }
        | AlterTableOperation::DropPartitions { .. }
        | AlterTableOperation::DetachPartition { .. } => walk.on(Verb::Delete, "table", name, None),
        AlterTableOperation::SwapWith { table_name } => walk.on(Verb::Write, "schema", table_name, Some(1)),
        AlterTableOperation::OwnerTo { .. }
        | AlterTableOperation::DisableRowLevelSecurity
        | AlterTableOperation::EnableRowLevelSecurity
        | AlterTableOperation::ForceRowLevelSecurity
        | AlterTableOperation::NoForceRowLevelSecurity
        | AlterTableOperation::DisableTrigger { .. }
        | AlterTableOperation::DisableRule { .. } => walk.on(Verb::Grant, "table", name, None),
        _ => {}
    }
}

fn drop_objects(walk: &mut Walk, object: ObjectType, names: &[ObjectName], cascade: bool) {
    for name in names {
        match object {
            ObjectType::Table | ObjectType::MaterializedView => {
                walk.on(Verb::Delete, "schema", name, Some(1));
                walk.on(Verb::Delete, "table", name, None);
            }
            ObjectType::Schema | ObjectType::Database => {
                walk.on(Verb::Delete, "schema", name, None);
                let all = format!("{}.*", names::of(name, walk.dialect).text);
                walk.add(Verb::Delete, "table", &all, None, Certainty::Derived);
            }
            ObjectType::Role | ObjectType::User => rights(walk),
            _ => walk.on(Verb::Delete, "schema", name, if cascade { None } else { Some(1) }),
        }
    }
}

fn create_function(walk: &mut Walk, it: &CreateFunction) {
    walk.on(Verb::Write, "schema", &it.name, Some(1));
    let language = it.language.as_ref().map(|language| language.value.to_lowercase());
    let trusted = matches!(language.as_deref(), None | Some("sql" | "plpgsql"));
    // The body of a function in the language `sql` that is no string is met by the walk; any other is only text to it.
    let seen = matches!(it.function_body, Some(CreateFunctionBody::Return(_) | CreateFunctionBody::AsReturnSelect(_)));
    if !trusted || !seen || it.using.is_some() || it.remote_connection.is_some() {
        walk.unprovable(Verb::Execute);
    }
    if matches!(it.security, Some(FunctionSecurity::Definer)) {
        rights(walk);
    }
}
