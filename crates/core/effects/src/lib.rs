//! What an action does: from a tool's definition and arguments to effects on resources.
//!
//! One question, one answer: [`effects_of`]. Sources: the catalog that the organisation declares, else the tool's
//! definition as the server gave it, read by a deterministic lexicon; nothing known = `execute`, certainty `unknown`.
//! Text that a machine runs is parsed besides ([`shell`], [`sql`]): what it does is added to what the tool does.
//! What is absent: no model, no I/O, no look at the file system (symbolic links are the enforcement point's business).

mod action;
mod args;
mod catalog;
mod classification;
mod glob;
mod host;
pub mod http;
mod lexicon;
mod output;
mod path;
mod pattern;
mod roles;
mod script;
pub mod shell;
pub mod sql;
mod tool;
mod words;

pub use action::{Question, effects_of};
pub use args::{ARGUMENT_DEPTH_MAX, ARGUMENT_LEAVES_MAX};
pub use catalog::{Catalog, CatalogEntry, CatalogError, DeclaredEffect, LabelRule};
pub use classification::{CATEGORIES_MAX, Classification, ClassificationError, INTEGRITY, LEVELS_MAX, Meaning};
pub use glob::Glob;
pub use host::{Host, host_of_url};
pub use output::{OUTPUT_PART_BYTES_MAX, OutputError, OutputRule, Outputs, Trust};
pub use path::{PATH_BYTES_MAX, Path, normalise};
pub use pattern::{KINDS, PatternError, ResourcePattern, Target};
pub use roles::RESOURCES_MAX;
pub use tool::{Classified, Source, classify};
