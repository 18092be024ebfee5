//! What policies are loaded from. Values only: reading files is the caller's work.

use holdshort_model::Mode;
use std::collections::BTreeMap;

/// Largest policy file in bytes. Policies are small; regorus refuses more than this as well.
pub(crate) const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Most files of one bundle. Keeps loading a hostile bundle bounded.
pub(crate) const FILES_MAX: usize = 4_096;
/// Largest `data` document in bytes of JSON.
pub(crate) const DATA_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most instructions that one slice may execute for one decision. A policy of the library uses a few hundred.
pub(crate) const INSTRUCTIONS_MAX: usize = 200_000;
/// Most copies of the compiled programs.
pub(crate) const REPLICAS_MAX: usize = 256;

/// A policy source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path as shown in diagnostics, relative to the bundle; two files cannot share it.
    pub path: String,
    /// Rego v1 source.
    pub text: String,
}

/// Policies and the organisation's data that they read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// Policy sources, in any order.
    pub files: Vec<SourceFile>,
    /// What policies see as `data.org`: an object, or null for none.
    pub data: serde_json::Value,
}

/// How a bundle is loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadOptions {
    /// Mode of single policies, by id (`holdshort.rules.mass_delete`) or last part (`mass_delete`). Beats the metadata.
    pub modes: BTreeMap<String, Mode>,
    /// Mode of policies whose metadata names none. Without it they are enforced.
    pub default_mode: Option<Mode>,
    /// How many private copies of the compiled programs are made, 1 to 256. One for each core avoids that threads
    /// contend for the reference counts of one copy.
    pub replicas: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { modes: BTreeMap::new(), default_mode: None, replicas: 1 }
    }
}
