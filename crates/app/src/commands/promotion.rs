//! `policy promote` and `policy demote`: a person changes whether a policy is enforced.

use super::control::{Control, refused, unchanged, with};
use crate::cli::PolicyModeArgs;
use crate::failure::Outcome;
use crate::out;
use holdshort_api::PolicyModeChange;
use holdshort_model::Mode;

pub(super) fn run(arguments: PolicyModeArgs, mode: Mode) -> Outcome {
    let PolicyModeArgs { place, output, policy, reason } = arguments;
    let change = PolicyModeChange { mode, reason };
    with(&place, async |control| {
        let summary = match control {
            Control::Remote(client) => client.set_policy_mode(&policy, &change).await.map_err(refused)?,
            Control::Local(local) => {
                local.service.set_policy_mode(&policy, change.clone(), "operator").await.map_err(unchanged)?
            }
        };
        let word = if mode == Mode::Enforce { "enforced" } else { "observed" };
        match output.json {
            true => out::json(&summary),
            false => out::line(format_args!("`{}` is {word} from now on ({})", summary.id, summary.title)),
        }
    })
}
