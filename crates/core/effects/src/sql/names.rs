//! Names of tables as ids of resources.

use super::Dialect;
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// A name as an id, and whether that id says for sure what is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) certain: bool,
}

/// `schema.table`, as the server folds it: without quotes, in lower case where case does not count.
pub(super) fn of(name: &ObjectName, dialect: Dialect) -> Name {
    let mut certain = true;
    let parts: Vec<String> = name
        .0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => {
                certain &= !ident.value.contains('.');
                fold(ident, dialect)
            }
            ObjectNamePart::Function(_) => {
                certain = false;
                "*".to_owned()
            }
        })
        .collect();
    Name { text: parts.join("."), certain }
}

/// An identifier as the server folds it.
pub(super) fn fold(ident: &Ident, dialect: Dialect) -> String {
    if ident.quote_style.is_some() && dialect == Dialect::Postgres {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

/// The last part of a name in lower case, and what stands before it.
pub(super) fn split(name: &ObjectName) -> (String, Option<String>) {
    let idents: Vec<String> =
        name.0.iter().filter_map(ObjectNamePart::as_ident).map(|ident| ident.value.to_lowercase()).collect();
    match idents.split_last() {
        Some((last, [])) => (last.clone(), None),
        Some((last, before)) => (last.clone(), Some(before.join("."))),
        None => (String::new(), None),
    }
}
