//! Arguments in records: whole, or replaced by their digest.

use crate::config::{Arguments, ServiceConfig};
use holdshort_model::{DecisionRecord, Digest};
use serde_json::{Value, json};

/// Replaces the arguments in a record where the configuration or their size asks for it.
///
/// The replacement is `{"$digest": "sha256:...", "$bytes": n}` over the compact JSON text of the arguments.
pub(crate) fn limit(config: &ServiceConfig, record: &mut DecisionRecord) {
    replace(config, &mut record.request.action.args);
    replace(config, &mut record.facts.action.args);
}

fn replace(config: &ServiceConfig, args: &mut Value) {
    if args.is_null() {
        return;
    }
    let text = args.to_string();
    if config.arguments == Arguments::Digest || text.len() > config.argument_bytes_max {
        *args = json!({ "$digest": Digest::of(text.as_bytes()), "$bytes": text.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: Arguments, argument_bytes_max: usize, kept: bool) {
        let config = ServiceConfig { arguments, argument_bytes_max, ..ServiceConfig::default() };
        let before = json!({"path": "/tmp/secret"});
        let mut args = before.clone();
        replace(&config, &mut args);
        assert_eq!(args == before, kept);
        if !kept {
            let text = before.to_string();
            assert_eq!(args, json!({"$digest": Digest::of(text.as_bytes()), "$bytes": text.len()}));
        }
    }

    #[test]
    fn arguments_are_kept_or_replaced() {
        let size = json!({"path": "/tmp/secret"}).to_string().len();
        check(Arguments::Full, size, true);
        check(Arguments::Full, size - 1, false);
        check(Arguments::Digest, size, false);
    }
}
