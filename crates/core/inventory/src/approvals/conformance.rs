//! The suite that every [`ApprovalStore`] has to pass.

use super::store::{ApprovalChange, ApprovalStore, Kept};
use holdshort_model::{ActionKind, Answer, Approval, ApprovalState, Digest, Exception, Level, RecordId, Risk};
use serde_json::json;

/// Runs the suite on an EMPTY store. `reopen` gives a fresh view on the same store (or the same one). Answers with the
/// first thing that is wrong, instead of panicking, so that it needs no test framework.
///
/// # Errors
/// What the store did wrong, in words.
pub fn check_approval_store<S: ApprovalStore>(reopen: impl Fn() -> S) -> Result<(), String> {
    let store = reopen();
    let change = |changes: &[ApprovalChange], high_ms: u64| {
        store.change_approvals(changes, high_ms).map_err(|error| format!("unexpected failure: {error}"))
    };
    let kept = || reopen().approvals().map_err(|error| format!("unexpected failure: {error}"));
    let (one, two) = (approval(1), approval(2));
    let put = |from, to: &Approval| ApprovalChange::Put { from, to: Box::new(to.clone()) };
    same("an empty store", kept()?, Kept::default())?;
    same("adding two", change(&[put(None, &two), put(None, &one)], 50)?, vec![true, true])?;
    same("adding one twice", change(&[put(None, &one)], 40)?, vec![false])?;
    let all = Kept { approvals: vec![one.clone(), two.clone()], exceptions: vec![], high_ms: 50 };
    same("after adding; time never falls", kept()?, all)?;

    let answer = Answer { by: "ann \"q\" '\\".into(), approved: true, reason: "\u{1f980}".into(), at_ms: 9 };
    let approved = Approval { state: ApprovalState::Approved, answers: vec![answer], args: json!(null), ..one.clone() };
    let used = Approval { state: ApprovalState::Used, ..approved.clone() };
    let pending = Some(ApprovalState::Pending);
    same("using what nobody approved", change(&[put(Some(ApprovalState::Approved), &used)], 51)?, vec![false])?;
    same("changing what is not there", change(&[put(pending, &approval(3))], 51)?, vec![false])?;
    let both = [put(pending, &approved), put(Some(ApprovalState::Approved), &used)];
    same("approving and using", change(&both, 52)?, vec![true, true])?;
    same("using twice", change(&[put(Some(ApprovalState::Approved), &used)], 53)?, vec![false])?;
    let all = Kept { approvals: vec![used, two.clone()], exceptions: vec![], high_ms: 53 };
    same("after using", kept()?, all)?;

    let exception = exception(1);
    let remember = ApprovalChange::Remember(Box::new(exception.clone()));
    same("remembering twice", change(&[remember.clone(), remember], 54)?, vec![true, false])?;
    let gone = [ApprovalChange::Revoke(two.id), ApprovalChange::Revoke(exception.id), ApprovalChange::Forget(one.id)];
    same("revoking and forgetting", change(&gone, 54)?, vec![false, true, true])?;
    let revoked = Exception { revoked: true, ..exception.clone() };
    let all = Kept { approvals: vec![two], exceptions: vec![revoked], high_ms: 54 };
    same("after revoking", kept()?, all)?;
    let gone = [ApprovalChange::ForgetException(exception.id), ApprovalChange::Forget(one.id)];
    same("forgetting", change(&gone, 54)?, vec![true, false])?;
    same("without an exception", kept()?.exceptions, vec![])
}

fn approval(number: u64) -> Approval {
    Approval {
        id: RecordId::from_parts(number, u128::from(number)),
        state: ApprovalState::Pending,
        binding: Digest::of(&number.to_be_bytes()),
        wanted: Some(Digest::of(b"wanted")),
        decision: RecordId::from_parts(number, u128::from(number)),
        agent: "a".into(),
        session: "s".into(),
        user: Some("ann".into()),
        kind: ActionKind::ToolCall,
        server: Some("mail".into()),
        name: "send".into(),
        definition: Some(Digest::of(b"t")),
        args: json!({"to": "\u{1f980} \"quoted\" 'and' \\ \u{0} more", "n": 1e300}),
        provenance: [].into(),
        effects: vec![],
        destinations: vec![("mail".into(), "b@example.org".into())],
        reasons: vec![],
        risk: Risk { score: 40, level: Level::Medium, parts: vec![] },
        snapshot: Digest::of(b"p"),
        asked: 1,
        asked_ms: u64::from(u32::MAX) * 1_000,
        expires_ms: u64::from(u32::MAX) * 1_001,
        people_needed: 2,
        answers: vec![],
    }
}

fn exception(number: u64) -> Exception {
    Exception {
        id: RecordId::from_parts(number, u128::from(number)),
        agent: "a".into(),
        user: String::new(),
        kind: ActionKind::ToolCall,
        server: None,
        name: "send".into(),
        definition: None,
        destinations: vec![("mail".into(), "b@example.org".into())],
        policies: vec!["p".into()],
        score_max: 40,
        until_ms: 99,
        by: "ann".into(),
        reason: "often".into(),
        revoked: false,
    }
}

fn same<T: PartialEq + std::fmt::Debug>(when: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{when}: found {found:?}, expected {expected:?}")) }
}
