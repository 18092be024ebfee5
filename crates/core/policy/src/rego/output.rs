//! What a rule gives, as a finding. Anything that is not what the rule's name promises is an error, which refuses.

use crate::{Finding, PolicyInfo, Rule};
use holdshort_model::Step;
use regorus::Value;
use regorus::value::Object;

/// The fields that an object of a rule may have, and which of them it needs.
pub(crate) fn fields(rule: Rule) -> &'static [(&'static str, bool)] {
    match rule {
        Rule::Redact => &[("message", true), ("pointer", true)],
        Rule::Constrain => &[("message", true), ("pointer", true), ("value", true)],
        Rule::Watermark => &[("message", true), ("pointer", true), ("text", true)],
        Rule::Narrow => &[("message", true), ("grants", false)],
        Rule::Respond => &[("message", true), ("steps", true)],
        Rule::Deny | Rule::Terminate | Rule::Isolate | Rule::Ask | Rule::Observe => &[("message", true)],
    }
}

/// What one element of a rule's set says; none when it is not of the rule's form.
pub(super) fn finding(info: &PolicyInfo, rule: Rule, item: &Value) -> Option<Finding> {
    let mut finding = Finding::new(info.id.clone(), rule, info.mode, info.severity);
    match item {
        Value::String(message) => finding.message = message.to_string(),
        Value::Object(fields) => {
            finding.message = text(fields, "message")?;
            match rule {
                Rule::Redact => finding.pointer = Some(pointer(fields)?),
                Rule::Constrain => {
                    finding.pointer = Some(pointer(fields)?);
                    let value = fields.get(&Value::from("value"))?;
                    finding.value = Some(serde_json::from_str(&value.to_json_str().ok()?).ok()?);
                }
                Rule::Watermark => {
                    finding.pointer = Some(pointer(fields)?);
                    finding.text = Some(text(fields, "text")?);
                }
                Rule::Narrow => finding.grants = texts(fields, "grants")?.unwrap_or_default(),
                Rule::Respond => {
                    let steps = texts(fields, "steps")?.unwrap_or_default();
                    finding.steps = steps.iter().map(|name| Step::named(name)).collect::<Option<_>>()?;
                }
                Rule::Deny | Rule::Terminate | Rule::Isolate | Rule::Ask | Rule::Observe => {}
            }
        }
        _ => return None,
    }
    let complete = match rule {
        Rule::Redact => finding.pointer.is_some(),
        Rule::Constrain => finding.pointer.is_some() && finding.value.is_some(),
        Rule::Watermark => finding.pointer.is_some() && finding.text.as_deref().is_some_and(|text| !text.is_empty()),
        Rule::Respond => !finding.steps.is_empty(),
        Rule::Deny | Rule::Terminate | Rule::Isolate | Rule::Narrow | Rule::Ask | Rule::Observe => true,
    };
    (complete && !finding.message.trim().is_empty()).then_some(finding)
}

fn text(fields: &Object, name: &str) -> Option<String> {
    match fields.get(&Value::from(name)) {
        Some(Value::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

// Of one value of the arguments: the arguments as a whole cannot be named.
fn pointer(fields: &Object) -> Option<String> {
    text(fields, "pointer").filter(|pointer| pointer.starts_with('/'))
}

// None when it is there and no list of texts.
fn texts(fields: &Object, name: &str) -> Option<Option<Vec<String>>> {
    match fields.get(&Value::from(name)) {
        None => Some(None),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_string().ok().map(|text| text.to_string()));
            texts.collect::<Option<Vec<String>>>().map(Some)
        }
        Some(_) => None,
    }
}
