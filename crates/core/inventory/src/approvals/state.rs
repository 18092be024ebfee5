//! How an approval may change.

use holdshort_model::ApprovalState;

/// Names of whoever runs the service. They are one and the same person.
const OPERATORS: [&str; 2] = ["operator", "os-user"];

/// Whether an approval in the first state may come to be in the second one.
///
/// INVARIANT: nothing leads out of a final state, and nothing leads back.
pub fn may_become(from: ApprovalState, to: ApprovalState) -> bool {
    use ApprovalState::{Approved, Expired, Pending, Refused, Used};
    match (from, to) {
        // A first of two people said yes.
        (Pending, Pending | Approved | Refused | Expired) => true,
        // A person may still take it back.
        (Approved, Refused | Used | Expired) => true,
        (Approved, Pending | Approved) | (Refused | Expired | Used, _) | (Pending, Used) => false,
    }
}

/// Whether the state is the last one.
pub fn is_final(state: ApprovalState) -> bool {
    match state {
        ApprovalState::Pending | ApprovalState::Approved => false,
        ApprovalState::Refused | ApprovalState::Expired | ApprovalState::Used => true,
    }
}

/// Whether two names are those of one person.
pub fn same_person(one: &str, other: &str) -> bool {
    let operates = |name: &str| OPERATORS.iter().any(|known| known.eq_ignore_ascii_case(name));
    one.eq_ignore_ascii_case(other) || (operates(one) && operates(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ApprovalState; 5] = [
        ApprovalState::Pending,
        ApprovalState::Approved,
        ApprovalState::Refused,
        ApprovalState::Expired,
        ApprovalState::Used,
    ];

    #[test]
    fn nothing_leads_out_of_a_final_state_or_back() {
        for from in ALL {
            for to in ALL {
                let may = may_become(from, to);
                assert!(!(may && is_final(from)), "{from:?} -> {to:?}");
                assert!(!(may && may_become(to, from) && from != to), "{from:?} <-> {to:?}");
            }
        }
        assert!(!may_become(ApprovalState::Pending, ApprovalState::Used));
    }

    #[test]
    fn whoever_runs_the_service_is_one_person() {
        assert!(same_person("operator", "os-user") && same_person("ann", "Ann"));
        assert!(!same_person("ann", "operator") && !same_person("ann", "bob"));
    }
}
