//! The guide's policy loads, and the reference names what there is.

use holdshort_policy::{Bundle, LoadOptions, PolicySet, Rule, SourceFile};

const GUIDE: &str = include_str!("../../../../docs/guides/add-a-policy.md");
const REFERENCE: &str = include_str!("../../../../docs/reference/policy.md");

#[test]
fn the_policy_of_the_guide_loads() {
    let (_, rest) = GUIDE.split_once("```rego\n").unwrap();
    let (code, _) = rest.split_once("   ```").unwrap();
    let text: Vec<&str> = code.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect();
    let files = vec![SourceFile { path: "payments.rego".into(), text: text.join("\n") }];
    let set = PolicySet::load(&Bundle { files, data: serde_json::Value::Null }, &LoadOptions::default()).unwrap();
    assert_eq!(set.policies()[0].guard, "action.effects[].verb is spend");
}

#[test]
fn the_reference_names_every_rule() {
    for rule in Rule::ALL {
        assert!(REFERENCE.contains(&format!("| `{rule}` |")), "{rule}");
    }
}
