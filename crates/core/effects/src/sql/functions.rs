//! Functions of databases that do more than compute, and those that do not.

use holdshort_model::Verb;

/// What calling a function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// It computes.
    Nothing,
    /// An effect on the file that its first argument names.
    File(Verb),
    /// An effect on the database's own things: sequences, large objects, settings, sessions.
    Database(Verb),
    /// Only the server knows; besides the effect, which is certain to be meant.
    Unprovable(Verb),
}

/// What a function of this name does. A function that is not built in, of any schema, was written by somebody: unprovable.
pub(super) fn does(name: &str, schema: Option<&str>) -> Does {
    if !matches!(schema, None | Some("pg_catalog" | "sys" | "mysql" | "dbo" | "main")) {
        return Does::Unprovable(Verb::Execute);
    }
    if let Some((_, does)) = EFFECTS.iter().find(|(known, _)| *known == name) {
        return *does;
    }
    if ["dblink", "http_", "utl_", "dbms_", "xp_", "sp_oa", "pg_file_", "lo_"]
        .iter()
        .any(|start| name.starts_with(start))
    {
        return Does::Unprovable(Verb::Execute);
    }
    if BUILT_IN.binary_search(&name).is_ok() { Does::Nothing } else { Does::Unprovable(Verb::Execute) }
}

const READ: Does = Does::File(Verb::Read);
const SEND: Does = Does::Unprovable(Verb::Send);
const RUN: Does = Does::Unprovable(Verb::Execute);
#[rustfmt::skip]
const EFFECTS: &[(&str, Does)] = &[
    ("pg_read_file", READ), ("pg_read_binary_file", READ), ("pg_ls_dir", READ), ("pg_stat_file", READ),
    ("pg_ls_logdir", READ), ("pg_ls_waldir", READ), ("pg_ls_tmpdir", READ), ("load_file", READ), ("readfile", READ),
    ("lo_import", READ), ("openrowset", READ), ("read_csv", READ), ("read_csv_auto", READ), ("read_parquet", READ),
    ("parquet_scan", READ), ("read_json", READ), ("read_json_auto", READ), ("read_text", READ), ("read_blob", READ),
    ("sniff_csv", READ), ("fsdir", READ), ("pg_current_logfile", Does::Nothing),
    ("writefile", Does::File(Verb::Write)), ("pg_file_write", Does::File(Verb::Write)),
    ("pg_file_unlink", Does::File(Verb::Delete)), ("pg_file_rename", Does::File(Verb::Write)),
    ("lo_export", Does::Unprovable(Verb::Write)),
    ("lo_unlink", Does::Database(Verb::Delete)), ("lo_create", Does::Database(Verb::Write)),
    ("lo_creat", Does::Database(Verb::Write)), ("lo_put", Does::Database(Verb::Write)),
    ("lo_from_bytea", Does::Database(Verb::Write)), ("lowrite", Does::Database(Verb::Write)),
    ("lo_truncate", Does::Database(Verb::Delete)), ("lo_get", Does::Database(Verb::Read)),
    ("loread", Does::Database(Verb::Read)), ("lo_open", Does::Database(Verb::Read)),
    ("nextval", Does::Database(Verb::Write)), ("setval", Does::Database(Verb::Write)),
    ("set_config", Does::Unprovable(Verb::Grant)), ("pg_terminate_backend", Does::Database(Verb::Delete)),
    ("pg_cancel_backend", Does::Database(Verb::Delete)), ("pg_reload_conf", Does::Database(Verb::Write)),
    ("pg_rotate_logfile", Does::Database(Verb::Write)), ("pg_promote", RUN), ("pg_switch_wal", Does::Database(Verb::Write)),
    ("pg_drop_replication_slot", Does::Database(Verb::Delete)), ("pg_notify", Does::Database(Verb::Send)),
    ("sp_send_dbmail", SEND), ("openquery", SEND), ("opendatasource", SEND), ("url", SEND), ("s3", SEND),
    ("remote", SEND), ("postgresql", SEND), ("http_get", SEND), ("http_post", SEND), ("xp_dirtree", SEND),
    ("query_to_xml", RUN), ("query_to_xmlschema", RUN), ("query_to_xml_and_xmlschema", RUN), ("cursor_to_xml", RUN),
    ("database_to_xml", RUN), ("schema_to_xml", RUN), ("table_to_xml", RUN), ("xp_cmdshell", RUN), ("sys_exec", RUN),
    ("sys_eval", RUN), ("load_extension", RUN), ("sp_executesql", RUN), ("pg_sleep", RUN), ("sleep", RUN),
    ("benchmark", RUN), ("eval", RUN), ("edit", RUN), ("fts3_tokenizer", RUN),
];
// Those of PostgreSQL, MySQL, SQLite and SQL Server that people use and that only compute.
#[rustfmt::skip]
pub(super) const BUILT_IN: &[&str] = &[
    "abs", "acos", "age", "any_value", "array_agg", "array_append", "array_cat", "array_length", "array_position",
    "array_prepend", "array_remove", "array_to_string", "array_upper", "ascii", "asin", "atan", "atan2", "avg",
    "bit_and", "bit_length", "bit_or", "bool_and", "bool_or", "btrim", "cardinality", "cast", "cbrt", "ceil", "ceiling",
    "changes", "char", "char_length", "character_length", "charindex", "choose", "chr", "coalesce", "col_description",
    "concat", "concat_ws", "connection_id", "convert", "corr", "cos", "count", "count_big", "covar_pop", "covar_samp",
    "cume_dist", "curdate", "current_database", "current_date", "current_schema", "current_schemas", "current_setting",
    "current_time", "current_timestamp", "current_user", "currval", "curtime", "database", "datalength", "date",
    "date_add", "date_bin", "date_format", "date_part", "date_sub", "date_trunc", "dateadd", "datediff", "datefromparts",
    "datename", "datepart", "datetime", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "db_name", "degrees",
    "dense_rank", "digest", "div", "encode", "eomonth", "every", "exp", "extract", "field", "find_in_set",
    "first_value", "floor", "format", "format_type", "found_rows", "from_unixtime", "gen_random_uuid", "generate_series",
    "getdate", "getutcdate", "glob", "greatest", "group_concat", "grouping", "has_schema_privilege",
    "has_table_privilege", "hex", "hour", "if", "ifnull", "iif", "initcap", "instr", "isdate", "isjson", "isnull",
    "isnumeric", "json", "json_agg", "json_array", "json_array_elements", "json_array_length", "json_build_array",
    "json_build_object", "json_contains", "json_each", "json_each_text", "json_extract", "json_extract_path_text",
    "json_group_array", "json_group_object", "json_object", "json_object_agg", "json_object_keys", "json_query",
    "json_tree", "json_type", "json_typeof", "json_unquote", "json_valid", "json_value", "jsonb_agg",
    "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array",
    "jsonb_build_object", "jsonb_each", "jsonb_each_text", "jsonb_object_agg", "jsonb_object_keys", "jsonb_path_query",
    "jsonb_pretty", "jsonb_set", "jsonb_to_recordset", "jsonb_typeof", "julianday", "lag", "last_insert_id",
    "last_insert_rowid", "last_value", "lastval", "lcase", "lead", "least", "left", "len", "length", "like",
    "likelihood", "ln", "localtime", "localtimestamp", "locate", "log", "log10", "log2", "lower", "lpad", "ltrim",
    "make_date", "make_interval", "make_timestamp", "max", "md5", "mid", "min", "minute", "mod", "mode", "month",
    "monthname", "newid", "now", "nth_value", "ntile", "nullif", "num_nonnulls", "obj_description", "object_id",
    "object_name", "octet_length", "parsename", "patindex", "percent_rank", "percentile_cont", "percentile_disc",
    "pg_column_size", "pg_database_size", "pg_get_constraintdef", "pg_get_functiondef", "pg_get_indexdef",
    "pg_get_viewdef", "pg_indexes_size", "pg_relation_size", "pg_size_pretty", "pg_table_is_visible", "pg_table_size",
    "pg_total_relation_size", "pg_typeof", "phraseto_tsquery", "pi", "plainto_tsquery", "position", "pow", "power",
    "printf", "quarter", "quote", "quote_ident", "quote_literal", "quotename", "radians", "rand", "random",
    "random_uuid", "randomblob", "rank", "regexp_count", "regexp_like", "regexp_match", "regexp_matches",
    "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "regexp_substr", "repeat", "replace",
    "replicate", "reverse", "right", "round", "row", "row_number", "row_to_json", "rpad", "rtrim", "schema_name",
    "scope_identity", "second", "sha1", "sha2", "sha256", "sign", "sin", "split_part", "sqlite_version", "sqrt",
    "starts_with", "stddev", "stddev_pop", "stddev_samp", "stdev", "str", "str_to_date", "strftime", "string_agg",
    "string_split", "string_to_array", "strpos", "stuff", "substr", "substring", "substring_index", "sum",
    "suser_name", "sysdate", "sysdatetime", "tan", "time", "timediff", "timestampadd", "timestampdiff", "to_char",
    "to_date", "to_hex", "to_json", "to_jsonb", "to_number", "to_timestamp", "to_tsquery", "to_tsvector",
    "total", "total_changes", "translate", "trim", "trunc", "truncate", "try_cast", "try_convert", "ts_headline",
    "ts_rank", "typeof", "ucase", "unhex", "unicode", "unix_timestamp", "unixepoch", "unnest", "upper", "user",
    "user_name", "utc_timestamp", "uuid", "uuid_generate_v4", "values", "var_pop", "var_samp", "variance", "version",
    "websearch_to_tsquery", "week", "weekday", "width_bucket", "year", "zeroblob",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(BUILT_IN.is_sorted_by(|a, b| a < b), "{:?}", BUILT_IN.windows(2).find(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn calls() {
        assert_eq!(does("count", None), Does::Nothing);
        assert_eq!(does("lower", Some("pg_catalog")), Does::Nothing);
        assert_eq!(does("lower", Some("app")), Does::Unprovable(Verb::Execute));
        assert_eq!(does("purge_everything", None), Does::Unprovable(Verb::Execute));
        assert_eq!(does("dblink_exec", None), Does::Unprovable(Verb::Execute));
        assert_eq!(does("pg_read_file", Some("pg_catalog")), Does::File(Verb::Read));
    }
}
