//! Headers that mirror the body of a 2026-07-28 request (SEP-2243): for routers on the way, never for decisions.
//!
//! `Mcp-Method`, `Mcp-Name` and `Mcp-Param-<X>` repeat what the body says. Decisions read the body; a header that says
//! something else is refused with -32020, so that nobody behind us is told another story than we were.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// A header that does not agree with the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header `{header}` {problem}")]
pub struct Mismatch {
    /// Name of the header.
    pub header: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A property of a tool's input schema that is mirrored as `Mcp-Param-<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamHeader {
    /// Name behind `Mcp-Param-`.
    pub name: String,
    /// Keys from the arguments down to the value.
    pub path: Vec<String>,
}

/// Longest value that is mirrored, and the most declarations of one tool. Headers are for routing, not for payloads.
const VALUE_MAX: usize = 4096;
const DECLARATIONS_MAX: usize = 32;
const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";
/// Integers beyond this are not mirrored: not every JSON parser keeps them.
const SAFE_INTEGER: i64 = 1 << 53;

/// The form in which a value stands in a header: as it is when it is plain visible ASCII, else base64 with a mark.
pub fn encode(value: &str) -> String {
    let visible = value.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    let marked = value.starts_with(PREFIX) && value.ends_with(SUFFIX);
    if visible && !marked && value.trim() == value {
        return value.to_owned();
    }
    format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(value))
}

/// The value behind a header. `None` when it claims to be base64 and is not.
pub fn decode(header: &str) -> Option<String> {
    let header = header.trim_matches([' ', '\t']);
    match header.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(header.to_owned()),
    }
}

/// The value that `Mcp-Name` mirrors.
pub fn name_of<'a>(method: &str, params: &'a Value) -> Option<&'a str> {
    let key = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    params.get(key)?.as_str()
}

/// The declarations `x-mcp-header` of an input schema, through chains of `properties` only.
pub fn declared(schema: &Value) -> Vec<ParamHeader> {
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), &mut found);
    found
}

fn walk(schema: &Value, path: &mut Vec<String>, found: &mut Vec<ParamHeader>) {
    const DEPTH: usize = 8;
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (key, property) in properties {
        path.push(key.clone());
        let name = property.get("x-mcp-header").and_then(Value::as_str);
        if let Some(name) = name.filter(|name| is_token(name) && found.len() < DECLARATIONS_MAX) {
            found.push(ParamHeader { name: name.to_owned(), path: path.clone() });
        }
        if path.len() < DEPTH {
            walk(property, path, found);
        }
        path.pop();
    }
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The text of an argument that is mirrored; `None` for what is not.
pub fn argument(params: &Value, declared: &ParamHeader) -> Option<String> {
    let value = declared.path.iter().try_fold(params.get("arguments")?, |value, key| value.get(key))?;
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| text.len() <= VALUE_MAX),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => {
            let integer = number.as_i64().or_else(|| number.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64))?;
            (integer.unsigned_abs() <= SAFE_INTEGER.unsigned_abs()).then(|| integer.to_string())
        }
        _ => None,
    }
}

/// Every header that mirrors this request, as name and encoded value.
pub fn mirror(method: &str, params: &Value, declared: &[ParamHeader]) -> Vec<(String, String)> {
    let mut headers = vec![("mcp-method".to_owned(), method.to_owned())];
    headers.extend(name_of(method, params).map(|name| ("mcp-name".to_owned(), encode(name))));
    headers.extend(declared.iter().filter_map(|one| {
        Some((format!("mcp-param-{}", one.name.to_ascii_lowercase()), encode(&argument(params, one)?)))
    }));
    headers
}

/// Compares headers with the body. `header` gives a header's value by its lower-case name.
///
/// # Errors
/// The first header that is missing or says something else.
pub fn verify<'a>(
    method: &str,
    params: &Value,
    declared: &[ParamHeader],
    required: bool,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Result<(), Mismatch> {
    for (name, expected) in mirror(method, params, declared) {
        let problem = match header(&name) {
            None if required => "is missing",
            None => continue,
            Some(value) => match (decode(value), decode(&expected)) {
                (None, _) => "is not valid base64",
                (Some(value), Some(expected)) if same(&value, &expected) => continue,
                _ => "does not say what the body says",
            },
        };
        return Err(Mismatch { header: name, problem });
    }
    Ok(())
}

/// Equal as text, or as numbers (42.0 is 42).
fn same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b && b.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_round_trip() {
        for value in ["echo", "héllo", " a", "", "=?base64?eA==?=", "a\nb", "a b", "\u{7f}"] {
            let encoded = encode(value);
            assert!(encoded.bytes().all(|b| matches!(b, 0x20..=0x7e)), "{encoded}");
            assert_eq!(decode(&encoded).as_deref(), Some(value));
        }
        assert_eq!(encode("héllo"), "=?base64?aMOpbGxv?=");
        assert_eq!(decode("=?base64?%%?="), None);
    }

    #[test]
    fn a_header_that_tells_another_story_is_a_mismatch() {
        let schema = json!({"properties": {"r": {"type": "string", "x-mcp-header": "Region"}, "n": {"properties":
            {"m": {"type": "integer", "x-mcp-header": "M"}}}, "bad": {"x-mcp-header": "a b"}}});
        let declared = declared(&schema);
        assert_eq!(declared.len(), 2);
        let params = json!({"name": "t", "arguments": {"r": "eu", "n": {"m": 42}}});
        let check = |region: &'static str, m: &'static str, name: &'static str| {
            verify("tools/call", &params, &declared, true, move |header| match header {
                "mcp-method" => Some("tools/call"),
                "mcp-name" => Some(name),
                "mcp-param-region" => Some(region),
                "mcp-param-m" => Some(m),
                _ => None,
            })
        };
        assert_eq!(check("eu", "42.0", "t"), Ok(()));
        for (region, m, name) in [("us", "42", "t"), ("eu", "43", "t"), ("eu", "42", "T"), ("=?base64?!?=", "42", "t")]
        {
            assert!(check(region, m, name).is_err(), "{region} {m} {name}");
        }
        assert!(verify("tools/call", &params, &[], true, |_| None).is_err());
        assert!(verify("tools/call", &params, &[], false, |_| None).is_ok());
    }
}
