//! Obligations: what policies want changed in the arguments before they are forwarded.

use holdshort_model::Obligation;
use serde_json::Value;

/// Changes `args`; true when anything is different afterwards. Carrying the same out twice changes nothing the second
/// time: what was rewritten is decided again, and has to come to rest.
///
/// # Errors
/// What cannot be carried out.
pub(crate) fn carry_out(obligations: &[Obligation], args: &mut Value) -> Result<bool, String> {
    let mut changed = false;
    for obligation in obligations {
        changed |= match obligation {
            Obligation::Redact { pointer } => put(args, pointer, Value::from(REDACTED), Absent::IsFine)?,
            Obligation::Constrain { pointer, value } => put(args, pointer, value.clone(), Absent::IsAdded)?,
            Obligation::Watermark { pointer, text } => watermark(args, pointer, text)?,
        };
    }
    Ok(changed)
}

/// Whether carrying them out would change the arguments, or cannot be done: what is decided then is another action.
pub fn would_change(obligations: &[Obligation], args: &Value) -> bool {
    !obligations.is_empty() && carry_out(obligations, &mut args.clone()) != Ok(false)
}

/// What stands where something was removed. A value of its own, so that required fields are still there.
const REDACTED: &str = "[redacted]";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// There is nothing to remove.
    IsFine,
    /// The member of the object is made.
    IsAdded,
}

fn put(args: &mut Value, pointer: &str, value: Value, absent: Absent) -> Result<bool, String> {
    if let Some(slot) = args.pointer_mut(pointer) {
        let changed = *slot != value;
        *slot = value;
        return Ok(changed);
    }
    if absent == Absent::IsFine {
        return Ok(false);
    }
    let (parent, name) = pointer.rsplit_once('/').ok_or_else(|| format!("`{pointer}` is no JSON pointer"))?;
    let name = name.replace("~1", "/").replace("~0", "~");
    match args.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.insert(name, value);
            Ok(true)
        }
        _ => Err(format!("there is no object at `{parent}`")),
    }
}

fn watermark(args: &mut Value, pointer: &str, text: &str) -> Result<bool, String> {
    match args.pointer_mut(pointer) {
        Some(Value::String(said)) if said.ends_with(text) => Ok(false),
        Some(Value::String(said)) => {
            said.push_str(text);
            Ok(true)
        }
        _ => Err(format!("there is no text at `{pointer}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_is_carried_out_and_comes_to_rest() {
        let constrain = |pointer: &str, value: Value| Obligation::Constrain { pointer: pointer.into(), value };
        let redact = |pointer: &str| Obligation::Redact { pointer: pointer.into() };
        let watermark = Obligation::Watermark { pointer: "/body".into(), text: " (sent by an agent)".into() };
        for (obligation, args, wanted) in [
            (redact("/note"), json!({"note": {"x": 1}, "n": 1}), Ok(json!({"note": "[redacted]", "n": 1}))),
            (redact("/list/1"), json!({"list": [1, 2]}), Ok(json!({"list": [1, "[redacted]"]}))),
            (redact("/gone/x"), json!({"n": 1}), Ok(json!({"n": 1}))),
            (constrain("/limit", json!(10)), json!({"limit": 1000}), Ok(json!({"limit": 10}))),
            (constrain("/limit", json!(10)), json!({}), Ok(json!({"limit": 10}))),
            (constrain("/a~1b", json!(10)), json!({}), Ok(json!({"a/b": 10}))),
            (constrain("/x/y", json!(10)), json!({"x": 1}), Err(())),
            (constrain("x", json!(10)), json!({}), Err(())),
            (watermark.clone(), json!({"body": "Hello"}), Ok(json!({"body": "Hello (sent by an agent)"}))),
            (watermark.clone(), json!({"body": 7}), Err(())),
        ] {
            let mut changed = args.clone();
            let done = carry_out(std::slice::from_ref(&obligation), &mut changed);
            match wanted {
                Err(()) => assert!(done.is_err(), "{obligation:?}"),
                Ok(wanted) => {
                    assert_eq!((done.unwrap(), &changed), (args != wanted, &wanted), "{obligation:?}");
                    assert_eq!(carry_out(&[obligation], &mut changed), Ok(false));
                }
            }
        }
    }
}
