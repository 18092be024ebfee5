//! Values that may be secret: given in the environment, never printed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// What stands in place of a value that may be secret.
const MASK: &str = "***";

/// A value in the file, or the name of the environment variable that holds it. Printed as `***` or by that name.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Sensitive {
    /// The value itself.
    Literal(String),
    /// Taken from the environment.
    Environment(FromEnvironment),
}

/// Value of an environment variable of a stdio server.
pub(crate) type ProcessEnv = Sensitive;

/// Name of an environment variable.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromEnvironment {
    /// Name of the environment variable.
    pub(crate) from: String,
}

impl Sensitive {
    /// The value, with the environment as `lookup` gives it; the variable's name when it is not set.
    pub(crate) fn resolve(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Environment(FromEnvironment { from }) => lookup(from).ok_or_else(|| from.clone()),
        }
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str(MASK),
            Self::Environment(FromEnvironment { from }) => write!(f, "environment variable {from}"),
        }
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Literal(_) => serializer.serialize_str(MASK),
            Self::Environment(name) => name.serialize(serializer),
        }
    }
}

/// Whether a header of this name usually carries a credential.
pub(crate) fn carries_credential(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_never_prints() {
        let secret = Sensitive::Literal("hunter2".into());
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }

    #[test]
    fn an_unset_variable_is_named() {
        let value = Sensitive::Environment(FromEnvironment { from: "NOWHERE".into() });
        assert_eq!(value.resolve(|_| None), Err("NOWHERE".into()));
        assert_eq!(value.resolve(|_| Some("x".into())), Ok("x".into()));
    }
}
