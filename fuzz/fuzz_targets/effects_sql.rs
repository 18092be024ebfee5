//! Effects of any SQL text in every dialect: no panic, no exhausted stack, a bounded number.
#![no_main]

use holdshort_effects::sql::{Dialect, SQL_EFFECTS_MAX, effects};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let generic = effects(text, Dialect::Generic);
    assert!(generic.len() <= SQL_EFFECTS_MAX + 1);
    for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite, Dialect::MsSql] {
        assert!(effects(text, dialect).len() <= SQL_EFFECTS_MAX + 1);
    }
});
