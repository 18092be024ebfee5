//! What a rule gives, as far as it stands there literally: the fields that its name asks for, and the steps that exist.

use super::Walker;
use crate::Rule;
use crate::diagnostic::suggest;
use crate::rego::output::fields;
use crate::rego::syntax::text;
use holdshort_model::Step;
use regorus::unstable::Expr;

impl Walker<'_> {
    /// Checks the term of `rule contains term`.
    pub(super) fn form(&mut self, rule: Rule, term: &Expr) {
        let known = fields(rule);
        let Expr::Object { fields: given, span, .. } = term else {
            let lacking = known.iter().find(|(name, needed)| *needed && *name != "message");
            if let (Some((name, _)), Expr::String { span, .. } | Expr::RawString { span, .. }) = (lacking, term) {
                let message = format!("`{rule}` gives a text, and nobody knows its `{name}`");
                self.fault(span, "wrong-rule", message, rule.form());
            }
            return;
        };
        let names: Vec<&str> = given.iter().filter_map(|(_, key, _)| text(key)).collect();
        if names.len() < given.len() {
            return;
        }
        let mut strange = false;
        for (_, key, value) in given {
            let name = text(key).unwrap_or_default();
            if !known.iter().any(|(field, _)| *field == name) {
                strange = true;
                let hint = suggest(name, known.iter().map(|(field, _)| *field));
                self.fault(key.span(), "wrong-rule", format!("`{rule}` has no field `{name}`"), hint);
            }
            if let (Rule::Respond, "steps", Expr::Array { items, .. }) = (rule, name, &**value) {
                for item in items {
                    if let Some(step) = text(item).filter(|step| Step::named(step).is_none()) {
                        let hint = suggest(step, Step::ALL.map(Step::as_str));
                        self.fault(item.span(), "wrong-rule", format!("there is no step `{step}`"), hint);
                    }
                }
            }
        }
        let lacking = known.iter().find(|(name, needed)| *needed && !names.contains(name));
        if let Some((name, _)) = lacking.filter(|_| !strange) {
            self.fault(span, "wrong-rule", format!("`{rule}` gives no `{name}`"), rule.form());
        }
    }
}
