//! Effects of SQL by example, one line each, and what hostile text costs.

use holdshort_effects::sql::{Dialect, SQL_BYTES_MAX, SQL_EFFECTS_MAX, effects};
use holdshort_model::{ActionEffect, Certainty, Verb};
use proptest::prelude::*;

// `verb kind:id xCOUNT`, with `?` for what is not proven and `x-` for no bound.
fn line(effect: &ActionEffect) -> String {
    let resource = &effect.resource;
    let what = if resource.kind == "file" { resource.path.as_ref() } else { resource.id.as_ref() };
    let count = effect.count.map_or("-".to_owned(), |count| count.to_string());
    let unsure = if effect.certainty == Certainty::Derived { "" } else { "?" };
    format!("{} {}:{} x{count}{unsure}", effect.verb.as_str(), resource.kind, what.map_or("*", String::as_str))
}

fn lines(text: &str, dialect: Dialect) -> Vec<String> {
    let mut lines: Vec<String> = effects(text, dialect).iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn statements() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for (number, row) in include_str!("data/sql.tsv").lines().enumerate() {
        if row.starts_with('#') || row.is_empty() {
            continue;
        }
        let fields: Vec<&str> = row.split('\t').collect();
        let [name, text, expected] = fields[..] else { panic!("line {}: {row:?}", number + 1) };
        let mut expected: Vec<&str> = expected.split("; ").filter(|effect| !effect.is_empty()).collect();
        expected.sort_unstable();
        assert!(name == "generic" || Dialect::of_name(name) != Dialect::Generic, "{name}");
        let found = lines(&text.replace("\\n", "\n"), Dialect::of_name(name));
        cases += 1;
        if found != expected {
            wrong.push(format!(
                "{name}: {text}\n   found    {}\n   expected {}",
                found.join("; "),
                expected.join("; ")
            ));
        }
    }
    assert!(cases >= 100, "{cases} cases");
    assert!(wrong.is_empty(), "{} of {cases} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

const ALL: [Dialect; 5] = [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite, Dialect::MsSql, Dialect::Generic];

// Stack and time of texts that make parsers dig: each in a test thread of 2 MiB, as small as any that serves.
#[test]
fn hostile_text_is_survived() {
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let mut texts = vec![
        format!("SELECT * FROM {}", "(".repeat(10_000)),
        format!("SELECT {}", "CASE WHEN ".repeat(2_000)),
        format!("SELECT {}1", "- ".repeat(5_000)),
        format!("SELECT {}1", "NOT ".repeat(5_000)),
        format!("SELECT 1{}", "+1".repeat(20_000)),
        format!("SELECT 1{}", "::int".repeat(5_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(2_000)),
        format!("SELECT 1{}", "+1".repeat(390)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(190)),
        format!("SELECT 1{}", " AND 1 = 1".repeat(130)),
        format!("SELECT * FROM t{}", " JOIN t ON 1".repeat(120)),
        "EXPLAIN ".repeat(1_000),
        "BEGIN ".repeat(1_000),
        "WITH a AS (".repeat(100),
        "'".repeat(999),
        "$$".repeat(999),
        "/*".repeat(999),
        "/*!".repeat(999),
        "\0".to_owned(),
        "DELETE FROM t".to_owned() + &" ".repeat(SQL_BYTES_MAX),
    ];
    for depth in [8, 15, 16, 17, 60, 3_000] {
        texts.push(format!("SELECT {}", nested("(", ")", depth)));
        texts.push(format!("SELECT * FROM {}", nested("(", ")", depth)));
        texts.push(format!("SELECT * FROM {}", nested("(SELECT * FROM ", ")", depth)));
        texts.push(format!("SELECT {}", nested("f(", ")", depth)));
        texts.push(format!("SELECT {}", nested("[", "]", depth)));
        texts.push(format!("SELECT {}", nested("x IN (", ")", depth)));
        texts.push(format!("SELECT {}", nested("(SELECT ", ")", depth)));
        texts.push(format!("SELECT * FROM {}", "((t JOIN ".repeat(depth)));
    }
    for text in &texts {
        for dialect in ALL {
            assert!(effects(text, dialect).len() <= SQL_EFFECTS_MAX + 1);
        }
    }
}

#[test]
fn many_tables_are_said_to_be_many() {
    let tables: Vec<String> = (0..2_000).map(|number| format!("t{number}")).collect();
    let found = effects(&format!("SELECT * FROM {}", tables.join(",")), Dialect::Postgres);
    assert!(found.len() <= SQL_EFFECTS_MAX + 1);
    assert_eq!(found.last().map(|effect| (effect.verb, effect.count)), Some((Verb::Execute, None)));
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        for dialect in ALL {
            let _ = effects(&text, dialect);
        }
    }

    // A change that is hidden in a query is found in it, whatever stands around.
    #[test]
    fn a_hidden_delete_is_found(before in "(SELECT 1; |EXPLAIN ANALYZE |/* x */ |WITH d AS \\(SELECT 1\\) )?", after in "( WHERE a = 1| WHERE id = 2)?(;|; SELECT 1)?") {
        let found = effects(&format!("{before}DELETE FROM t{after}"), Dialect::Postgres);
        let hit = found.iter().any(|effect| effect.verb == Verb::Delete && effect.resource.id.as_deref() == Some("t"));
        prop_assert!(hit || found.iter().any(|effect| effect.certainty == Certainty::Unprovable), "{found:?}");
    }

    // The union of the dialects holds what each of them finds.
    #[test]
    fn generic_is_the_strictest(text in "(SELECT|DELETE|UPDATE|INSERT INTO|/\\*!|\\*/| |t|\\(|\\)|'|\"|--|#|1|WHERE|FROM|;|=|id){0,12}") {
        let generic = effects(&text, Dialect::Generic);
        for dialect in ALL {
            let one = effects(&text, dialect);
            let unreadable = one.len() == 1 && one[0].certainty == Certainty::Unprovable;
            prop_assert!(unreadable || one.iter().all(|effect| generic.contains(effect)), "{text}: {one:?} {generic:?}");
        }
    }
}
