//! What a rule says of a text among the arguments, such as `contains(input.action.args.command, "destroy")`.
//!
//! INVARIANT: it holds exactly when the builtin gives true. The three builtins cannot fail: of what is no text, or is not
//! there, they give undefined, and the rule does not fire.

use holdshort_model::Facts;
use std::fmt;

/// A test of one argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ArgumentText {
    /// The names below `input.action.args`.
    path: Vec<String>,
    test: Test,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    Contains,
    StartsWith,
    EndsWith,
}

impl ArgumentText {
    /// The test that a builtin makes of the argument at `path`, if it is one of these.
    pub(crate) fn of(builtin: &str, path: Vec<String>, text: &str) -> Option<Self> {
        let test = match builtin {
            "contains" => Test::Contains,
            "startswith" => Test::StartsWith,
            "endswith" => Test::EndsWith,
            _ => return None,
        };
        Some(Self { path, test, text: text.to_owned() })
    }

    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        let mut value = &facts.action.args;
        for name in &self.path {
            let Some(field) = value.as_object().and_then(|fields| fields.get(name)) else { return false };
            value = field;
        }
        value.as_str().is_some_and(|value| match self.test {
            Test::Contains => value.contains(&self.text),
            Test::StartsWith => value.starts_with(&self.text),
            Test::EndsWith => value.ends_with(&self.text),
        })
    }
}

impl fmt::Display for ArgumentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.test {
            Test::Contains => "contains",
            Test::StartsWith => "starts with",
            Test::EndsWith => "ends with",
        };
        f.write_str("action.args")?;
        for name in &self.path {
            write!(f, ".{name}")?;
        }
        write!(f, " {verb} `{}`", self.text)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Bundle, LoadOptions, PolicySet, SourceFile};
    use serde_json::Value;

    fn guard(body: &str, more: &str) -> String {
        let text = format!(
            "# METADATA\n# title: T\npackage holdshort.rules.t\ndeny contains \"m\" if {{\n\t{body}\n}}\n{more}\n\
             examples := [\n{{\"name\": \"y\", \"input\": {{\"action\": {{\"args\": {{\"a\": {{\"b\": \"xyz\"}}}}}}}}, \"expect\": [\"deny\"]}},\n\
             {{\"name\": \"n\", \"input\": {{\"action\": {{\"args\": {{}}}}}}, \"expect\": []}},\n]\n"
        );
        let bundle = Bundle { files: vec![SourceFile { path: "t.rego".into(), text }], data: Value::Null };
        let set = PolicySet::load(&bundle, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
        set.policies()[0].guard.clone()
    }

    #[test]
    fn texts_among_the_arguments_are_guards() {
        for (body, expect) in [
            ("contains(input.action.args.a.b, \"y\")", "action.args.a.b contains `y`"),
            ("args := input.action.args\n\tendswith(args.a.b, part)", "action.args.a.b ends with `z`"),
            (
                "startswith(input.action.args.a.b, \"x\")\n\tinput.action.kind == \"tool.call\"",
                "action.kind is tool.call and action.args.a.b starts with `x`",
            ),
            ("startswith(input.action.args.a[_], \"x\")", "always"),
            ("contains(lower(input.action.args.a.b), \"y\")", "always"),
            ("contains(\"wxyz\", input.action.args.a.b)", "always"),
        ] {
            let part = if body.contains("part") { "part := \"z\"" } else { "" };
            assert_eq!(guard(body, part), expect, "{body}");
        }
    }
}
