//! `openapi.json` is written by hand. This compares it with the types: each is serialised full and sparse.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may panic too")]

use holdshort_api::*;
use holdshort_model::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn contract() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// `full` has every field, `sparse` only those that are always there.
fn check<T: Serialize>(schemas: &mut BTreeSet<String>, name: &str, full: &T, sparse: &T) {
    let contract = contract();
    let schema = &contract["components"]["schemas"][name];
    let keys = |value: &T| {
        let value = serde_json::to_value(value).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
    };
    let properties: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let required: BTreeSet<_> = texts(&schema["required"]);
    assert_eq!(keys(full), properties, "{name}: properties");
    assert!(required.is_subset(&keys(sparse)), "{name}: required, found {:?}", keys(sparse));
    assert!(schemas.remove(name), "{name} is checked twice or is not in the contract");
}

/// What a caller sends: fields that are not required may be missing, others may not be there.
fn check_input<T: Serialize + DeserializeOwned>(schemas: &mut BTreeSet<String>, name: &str, full: &T) {
    check(schemas, name, full, full);
    let schema = &contract()["components"]["schemas"][name];
    let value = serde_json::to_value(full).unwrap();
    let required = texts(&schema["required"]);
    for key in value.as_object().unwrap().keys() {
        let mut without = value.clone();
        without.as_object_mut().unwrap().remove(key);
        let missing = serde_json::from_value::<T>(without).is_err();
        assert_eq!(missing, required.contains(key), "{name}: is `{key}` required?");
    }
    let mut more = value;
    more["surprise"] = json!(1);
    let closed = schema["additionalProperties"] == json!(false);
    assert_eq!(serde_json::from_value::<T>(more).is_err(), closed, "{name}: unknown fields");
}

fn retention(left: &mut BTreeSet<String>) {
    check_input(left, "ArchiveRecords", &ArchiveRecords { older_than_ms: 1, dry_run: true });
    let archived = ArchivedRecords { dry_run: false, segments: 1, records: 2, bytes_before: 3, bytes_after: 4 };
    check(left, "ArchivedRecords", &archived, &archived);
    let drop = DropRecords {
        older_than_ms: Some(1),
        before: Some(2),
        because: "b".into(),
        dry_run: true,
        first_kept: Some(3),
    };
    check_input(left, "DropRecords", &drop);
    let dropped = DroppedRecords { newest_ms: Some(1), record: Some(2), ..DroppedRecords::default() };
    check(left, "DroppedRecords", &dropped, &DroppedRecords::default());
    check(left, "RetentionTier", &RetentionTier::default(), &RetentionTier::default());
    let state = RetentionAnswer {
        oldest_ms: Some(1),
        archive_after_ms: Some(2),
        drop_after_ms: Some(3),
        drops_ms: Some(4),
        waits_for: Some("w".into()),
        ..RetentionAnswer::default()
    };
    check(left, "RetentionAnswer", &state, &RetentionAnswer::default());
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_contract_says_what_the_types_say() {
    let names = contract()["components"]["schemas"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let mut left = names;
    retention(&mut left);
    questions(&mut left);
    answers(&mut left);
    decisions(&mut left);
    incidents(&mut left);
    approvals(&mut left);
    assert_eq!(left, BTreeSet::from(["Digest".to_owned(), "FailMode".to_owned()]), "not checked");
}

fn subject() -> Subject {
    let text = || Some("x".to_owned());
    let claims = Claims { name: text(), version: text(), program: text() };
    Subject {
        agent: "a".into(),
        user: text(),
        delegation: vec!["b".into()],
        authenticated_by: Authentication::Token,
        claims,
    }
}

fn questions(left: &mut BTreeSet<String>) {
    let text = || Some("x".to_owned());
    let digest = Digest::of(b"x");
    let owner = Owner { id: "o".into(), active: true };
    let context = Context {
        intent: text(),
        workspace: text(),
        enforcement_point: "e".into(),
        trace: text(),
        fault: Some(FailMode::Oversize),
        rewritten_from: None,
        request_id: text(),
    };
    let action = Action {
        kind: ActionKind::ToolCall,
        server: text(),
        name: "n".into(),
        args: json!({"a": 1}),
        digest: Some(digest),
    };
    check_input(left, "Claims", &subject().claims);
    check_input(left, "Subject", &subject());
    check_input(left, "Context", &context);
    check_input(left, "Action", &action);
    check_input(left, "Request", &Request { subject: subject(), action, context, session: "s".into() });
    let outcome = Outcome {
        decision: RecordId::from_parts(1, 1),
        session: "s".into(),
        status: OutcomeStatus::Ok,
        digest: Some(digest),
        bytes: 1,
        duration_us: 1,
    };
    let seen = Seen { parts: vec!["p".into()], truncated: true };
    check_input(left, "Seen", &seen);
    check_input(left, "OutcomeReport", &OutcomeReport::from((outcome, Some(seen))));
    let tool = ToolDefinition { name: "t".into(), definition: json!({}) };
    check_input(left, "ToolDefinition", &tool);
    let seen = ToolsSeen {
        subject: subject(),
        session: "s".into(),
        server: "v".into(),
        kind: ActionKind::ToolCall,
        tools: vec![tool],
    };
    check_input(left, "ToolsSeen", &seen);
    check_input(left, "Owner", &owner);
    check_input(left, "NewAgent", &NewAgent { id: "a".into(), class: "c".into(), owner: Some(owner) });
    check_input(left, "NewToken", &NewToken { label: "l".into(), expires_ms: Some(1) });
    check_input(left, "Declassify", &Declassify { what: "restricted".into(), reason: "r".into() });
    let destination =
        NewDestination { agent: "a".into(), user: "u".into(), kind: "mail".into(), value: "v".into(), via: text() };
    check_input(left, "NewDestination", &destination);
    standing(left);
    check_input(left, "AcceptPin", &AcceptPin { server: "s".into(), tool: "t".into(), definition: digest });
}

fn standing(left: &mut BTreeSet<String>) {
    let whom = Whom::Session { agent: "a".into(), session: "s".into() };
    let entry = |scope, decision| StandingEntry {
        scope,
        standing: Standing::Isolated,
        removed: vec!["g".into()],
        since_ms: 1,
        by: "b".into(),
        reason: "r".into(),
        decision,
    };
    // One value of a union cannot have every field: its fields are compared over all of them.
    let all = [
        Whom::All {},
        Whom::Class { class: "c".into() },
        Whom::Agent { agent: "a".into() },
        Whom::Session { agent: "a".into(), session: "s".into() },
    ];
    let fields = |values: Vec<Value>| -> BTreeSet<String> {
        values.iter().flat_map(|value| value.as_object().unwrap().keys().cloned()).collect()
    };
    let said = |name: &str| -> BTreeSet<String> {
        contract()["components"]["schemas"][name]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let whoms = all.iter().map(|whom| serde_json::to_value(whom).unwrap()).collect();
    assert_eq!(fields(whoms), said("Whom"));
    let id = Some(RecordId::from_parts(1, 1));
    let entries = all.iter().map(|whom| serde_json::to_value(entry(whom.clone().into(), id)).unwrap()).collect();
    assert_eq!(fields(entries), said("StandingEntry"));
    assert!(left.remove("Whom") && left.remove("StandingEntry"));

    let after = entry(Scope::All, None);
    let new =
        NewStanding { whom: whom.clone(), standing: Standing::Isolated, removed: vec!["g".into()], reason: "r".into() };
    check_input(left, "NewStanding", &new);
    check_input(left, "Release", &Release { whom, grants: vec!["g".into()], reason: "r".into() });
    check_input(left, "StandingQuestion", &StandingQuestion { subject: subject(), session: "s".into() });
    let page = StandingPage { entries: vec![after.clone()], unkept: false };
    check(left, "StandingPage", &page, &page);
    let change = |before| StandingChange { before, after: after.clone(), changed: true, kept: true };
    check(left, "StandingChange", &change(Some(after.clone())), &change(None));
    let receipt = Receipt { log: "l".into(), index: 0 };
    let released = Released { before: after.clone(), after: after.clone(), receipt, kept: true };
    check(left, "Released", &released, &released);
    let view = |because| StandingView { standing: Standing::Narrowed, removed: vec!["g".into()], because };
    check(left, "StandingView", &view(Some("b".into())), &view(None));
    check(left, "StandingChanges", &StandingChanges { number: 1 }, &StandingChanges { number: 1 });
}

fn answers(left: &mut BTreeSet<String>) {
    let digest = Digest::of(b"x");
    let body = |hint| ErrorBody { code: "c".into(), message: "m".into(), hint };
    check(left, "ErrorBody", &body(Some("h".into())), &body(None));
    let answer = ErrorAnswer { error: body(None) };
    check(left, "ErrorAnswer", &answer, &answer);
    let listing = ToolListing { name: "t".into(), listed: true, pin: Pin::Match };
    check(left, "ToolListing", &listing, &listing);
    let tools = ToolsAnswer { tools: vec![listing] };
    check(left, "ToolsAnswer", &tools, &tools);
    let agent = |owner| AgentSummary { id: "a".into(), class: "c".into(), owner, created_ms: 1, tokens: 1 };
    check(left, "AgentSummary", &agent(Some(Owner { id: "o".into(), active: true })), &agent(None));
    let agents = AgentsPage { agents: vec![agent(None)] };
    check(left, "AgentsPage", &agents, &agents);
    let issued = IssuedToken { hash: digest, agent: "a".into(), token: "t".into() };
    check(left, "IssuedToken", &issued, &issued);
    let token =
        |expires_ms| TokenSummary { hash: digest, label: "l".into(), created_ms: 1, expires_ms, revoked: false };
    check(left, "TokenSummary", &token(Some(1)), &token(None));
    let tokens = TokensPage { tokens: vec![token(None)] };
    check(left, "TokensPage", &tokens, &tokens);
    let policy = PolicySummary { id: "i".into(), title: "t".into(), mode: Mode::Enforce };
    let change = holdshort_api::PolicyModeChange { mode: Mode::Enforce, reason: "r".into() };
    check(left, "PolicyModeChange", &change, &change);
    let erasure =
        holdshort_api::NewErasure { kind: holdshort_model::ErasureKind::User, name: "n".into(), reason: "r".into() };
    check(left, "NewErasure", &erasure, &erasure);
    let erased = holdshort_api::Erased { keys: 1, sessions: 1, elsewhere: 1 };
    check(left, "Erased", &erased, &erased);
    check(left, "PolicySummary", &policy, &policy);
    let policies = PoliciesAnswer { snapshot: digest, since_ms: 1, policies: vec![policy] };
    check(left, "PoliciesAnswer", &policies, &policies);
    let reload = |diagnostics| ReloadAnswer { accepted: true, snapshot: digest, diagnostics };
    check(left, "ReloadAnswer", &reload(vec!["d".into()]), &reload(vec![]));
    let pin = |pinned, difference| PinSummary {
        server: "s".into(),
        tool: "t".into(),
        pin: Pin::Match,
        pinned,
        latest: digest,
        seen_ms: 1,
        difference,
    };
    check(left, "PinSummary", &pin(Some(digest), vec!["d".into()]), &pin(None, vec![]));
    let pins = PinsPage { pins: vec![] };
    check(left, "PinsPage", &pins, &pins);
    let destination = DestinationSummary {
        agent: "a".into(),
        user: "u".into(),
        kind: "mail".into(),
        value: "v".into(),
        since_ms: 1,
        by: "b".into(),
        via: "add".into(),
    };
    check(left, "DestinationSummary", &destination, &destination);
    let destinations = DestinationsPage { destinations: vec![destination] };
    check(left, "DestinationsPage", &destinations, &destinations);
    let entry = RecordEntry { index: 0, time_ms: Some(1), record: Value::Null };
    check(left, "RecordEntry", &entry, &RecordEntry { time_ms: None, ..entry.clone() });
    let page = |next| RecordsPage { records: vec![], next };
    check(left, "RecordsPage", &page(Some(1)), &page(None));
    let session = SessionSummary { agent: "a".into(), session: "s".into(), decisions: 1, first_ms: 1, last_ms: 1 };
    check(left, "SessionSummary", &session, &session);
    let sessions = SessionsPage { sessions: vec![session], total: 1 };
    check(left, "SessionsPage", &sessions, &sessions);
    let labels = Labels {
        integrity: Integrity::Untrusted,
        confidentiality: "internal".into(),
        categories: vec!["personal".into()],
        since: Some(1),
        sources: vec!["read_file#1".into()],
    };
    check(left, "Labels", &labels, &Labels::default());
    let carried = SessionLabels { agent: "a".into(), session: "s".into(), labels: labels.clone() };
    check(left, "SessionLabels", &carried, &carried);
    let receipt = Receipt { log: "l".into(), index: 0 };
    let lowered = Declassified { record: RecordId::from_parts(1, 1), receipt, labels };
    check(left, "Declassified", &lowered, &lowered);
    let health = Health { status: "ok".into(), version: "1".into() };
    check(left, "Health", &health, &health);
    let readiness = Readiness { ready: true, faults: vec![] };
    check(left, "Readiness", &readiness, &readiness);
}

fn incidents(left: &mut BTreeSet<String>) {
    let id = RecordId::from_parts(1, 1);
    let entry = |decision: Option<RecordId>| IncidentEntry {
        at_ms: 1,
        what: "w".into(),
        text: "t".into(),
        decision,
        index: decision.map(|_| 1),
    };
    check(left, "IncidentEntry", &entry(Some(id)), &entry(None));
    let incident = |closed_ms| Incident {
        id,
        title: "t".into(),
        level: Level::High,
        state: IncidentState::Closed,
        opened_ms: 1,
        closed_ms,
        agents: vec!["a".into()],
        sessions: vec!["s".into()],
        timeline: vec![entry(None)],
        omitted: 0,
        last_ms: 1,
        evidence: json!({}),
    };
    check(left, "Incident", &incident(Some(1)), &incident(None));
    let summary = |closed_ms| IncidentSummary {
        id,
        title: "t".into(),
        level: Level::High,
        state: IncidentState::Open,
        opened_ms: 1,
        last_ms: 1,
        closed_ms,
        agents: vec![],
        lines: 1,
    };
    check(left, "IncidentSummary", &summary(Some(1)), &summary(None));
    let page = |next| IncidentsPage { incidents: vec![summary(None)], next };
    check(left, "IncidentsPage", &page(Some(id)), &page(None));
    check_input(left, "CloseIncident", &CloseIncident { reason: "r".into() });
    let (name, waiting, sent, failed, given_up, dropped, down) = ("n".to_owned(), 1, 1, 1, 1, 1, true);
    let channel = ChannelState { name, waiting, sent, failed, given_up, dropped, down };
    check(left, "ChannelState", &channel, &channel);
    let channels = ChannelsPage { channels: vec![channel] };
    check(left, "ChannelsPage", &channels, &channels);
    let full = WitnessSummary {
        name: "w.example/1".into(),
        url: "https://w.example".into(),
        size: 1,
        cosigned_ms: Some(1),
        trouble: Some("is late".into()),
        conflict: false,
    };
    let sparse = WitnessSummary { cosigned_ms: None, trouble: None, ..full.clone() };
    check(left, "WitnessSummary", &full, &sparse);
    let page = WitnessesPage { quorum: Some("2 of the 3".into()), size: 2, witnessed: 1, witnesses: vec![full] };
    check(left, "WitnessesPage", &page, &WitnessesPage::default());
    let tested = |problem| ChannelTested { name: "n".into(), delivered: false, problem };
    check(left, "ChannelTested", &tested(Some("p".into())), &tested(None));
}

fn decisions(left: &mut BTreeSet<String>) {
    let reason = Reason { policy: "p".into(), message: "m".into(), effect: Effect::Deny, mode: Mode::Enforce };
    check(left, "Reason", &reason, &reason);
    let part = RiskPart { signal: "s".into(), points: 1, confidence: 100, why: "w".into() };
    check(left, "RiskPart", &part, &part);
    let risk = Risk { score: 1, level: Level::Low, parts: vec![part] };
    check(left, "Risk", &risk, &risk);
    let obligation = Obligation::Redact { pointer: "/a".into() };
    check(left, "Obligation", &obligation, &obligation);
    let receipt = Receipt { log: "l".into(), index: 0 };
    check(left, "Receipt", &receipt, &receipt);
    let decision = Decision {
        id: RecordId::from_parts(1, 1),
        effect: Effect::Deny,
        enforced: Effect::Deny,
        mode: Mode::Enforce,
        containment: Containment::Narrow,
        removed: Vec::new(),
        risk,
        reasons: vec![reason.clone()],
        obligations: vec![obligation],
        approval: None,
        approved: None,
        playbook: Vec::new(),
        snapshot: Digest::of(b"x"),
    };
    let approved = Approved { id: RecordId::from_parts(1, 1), by: "ann".into(), remembered: false };
    check(left, "Approved", &approved, &approved);
    let sparse = Ruling { decision, receipt };
    let (removed, playbook) = (vec!["g".into()], vec![Step::Capture]);
    let decision = Decision { removed, approved: Some(approved), playbook, ..sparse.decision.clone() };
    check(left, "Ruling", &Ruling { decision, ..sparse.clone() }, &sparse);
    let event = |server| DecisionEvent {
        id: RecordId::from_parts(1, 1),
        time_ms: 1,
        agent: "a".into(),
        session: "s".into(),
        kind: ActionKind::ToolCall,
        server,
        name: "n".into(),
        effect: Effect::Deny,
        enforced: Effect::Deny,
        mode: Mode::Enforce,
        level: Level::Low,
        reasons: vec![reason.clone()],
        index: 0,
    };
    check(left, "DecisionEvent", &event(Some("s".into())), &event(None));
}

fn approvals(left: &mut BTreeSet<String>) {
    let digest = Digest::of(b"x");
    let answer = Answer { by: "ann".into(), approved: true, reason: "r".into(), at_ms: 1 };
    check(left, "Answer", &answer, &answer);
    let provenance = Provenance {
        role: ArgumentRole::Target,
        origin: Origin::Request,
        sources: vec![],
        coverage: 1,
        required: true,
        address: true,
        record: false,
        rivals: 0,
        known: false,
    };
    let sparse = Approval {
        id: RecordId::from_parts(1, 1),
        state: ApprovalState::Pending,
        binding: digest,
        wanted: None,
        decision: RecordId::from_parts(1, 1),
        agent: "a".into(),
        session: "s".into(),
        user: None,
        kind: ActionKind::ToolCall,
        server: None,
        name: "n".into(),
        definition: None,
        args: Value::Null,
        provenance: [].into(),
        effects: vec![],
        destinations: vec![],
        reasons: vec![],
        risk: Risk::default(),
        snapshot: digest,
        asked: 1,
        asked_ms: 1,
        expires_ms: 1,
        people_needed: 1,
        answers: vec![answer],
    };
    let text = || Some("x".to_owned());
    let full = Approval {
        wanted: Some(digest),
        user: text(),
        server: text(),
        definition: Some(digest),
        provenance: [("/to".to_owned(), provenance)].into(),
        ..sparse.clone()
    };
    check(left, "Approval", &full, &sparse);
    let exception = |server, definition| Exception {
        id: RecordId::from_parts(1, 1),
        agent: "a".into(),
        user: "u".into(),
        kind: ActionKind::ToolCall,
        server,
        name: "n".into(),
        definition,
        destinations: vec![],
        policies: vec![],
        score_max: 1,
        until_ms: 1,
        by: "ann".into(),
        reason: "r".into(),
        revoked: false,
    };
    check(left, "Exception", &exception(text(), Some(digest)), &exception(None, None));
    let page = ApprovalsPage { approvals: vec![sparse.clone()], version: 1 };
    check(left, "ApprovalsPage", &page, &page);
    let view =
        |approval| ApprovalView { id: RecordId::from_parts(1, 1), state: ApprovalState::Used, expires_ms: 1, approval };
    check(left, "ApprovalView", &view(Some(Box::new(sparse.clone()))), &view(None));
    let new = NewAnswer { approved: true, reason: "r".into(), remember_s: Some(1), know_destinations: Some(true) };
    check_input(left, "NewAnswer", &new);
    let given = |exception| AnswerGiven { approval: sparse.clone(), exception, known: vec![] };
    check(left, "AnswerGiven", &given(Some(exception(None, None))), &given(None));
    let page = ExceptionsPage { exceptions: vec![] };
    check(left, "ExceptionsPage", &page, &page);
    let person = PersonSummary { name: "ann".into(), roles: vec![], created_ms: 1, tokens: vec![] };
    check(left, "PersonSummary", &person, &person);
    let people = PeoplePage { people: vec![person] };
    check(left, "PeoplePage", &people, &people);
    check_input(left, "NewPerson", &NewPerson { name: "ann".into(), roles: vec!["approve".into()] });
    let issued = IssuedPersonToken { hash: digest, person: "ann".into(), token: "t".into() };
    check(left, "IssuedPersonToken", &issued, &issued);
}

#[test]
fn closed_sets_are_complete() {
    let contract = contract();
    let kinds = texts(&contract["components"]["schemas"]["Action"]["properties"]["kind"]["enum"]);
    assert_eq!(kinds, ActionKind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect());
    let references = OPENAPI.matches("\"$ref\": \"#/components/schemas/").count();
    let names: Vec<_> = contract["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    let known: usize =
        names.iter().map(|name| OPENAPI.matches(&format!("\"#/components/schemas/{name}\"")).count()).sum();
    assert_eq!(references, known, "a reference leads nowhere");
}

#[test]
fn records_can_be_asked_for_by_what_the_contract_names() {
    let full = RecordsQuery {
        from: Some(1),
        before: Some(2),
        newest_first: Some(true),
        limit: Some(3),
        session: Some("s".into()),
        agent: Some("a".into()),
        user: Some("u".into()),
        server: Some("s".into()),
        tool: Some("t".into()),
        kind: Some(ActionKind::ToolCall),
        verb: Some(Verb::Delete),
        effect: Some(Effect::Deny),
        enforced: Some(Effect::Allow),
        level: Some(Level::High),
        record_type: Some("approval".into()),
        policy: Some("p".into()),
        id: Some(RecordId::from_parts(1, 1)),
        since_ms: Some(1),
        until_ms: Some(2),
        text: Some("w".into()),
        contains: Some("c".into()),
    };
    let fields = serde_json::to_value(full).unwrap();
    let contract = contract();
    let parameters = contract["paths"]["/v1/records"]["get"]["parameters"].as_array().unwrap();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(
        names.iter().copied().collect::<BTreeSet<_>>(),
        fields.as_object().unwrap().keys().map(String::as_str).collect()
    );
    assert_eq!(names.len(), fields.as_object().unwrap().len());
    let words = |name: &str| {
        let found = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        texts(&found["schema"]["enum"])
    };
    let word = |value: Value| value.as_str().unwrap().to_owned();
    assert_eq!(words("kind"), ActionKind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect());
    assert_eq!(words("verb"), Verb::ALL.iter().map(|verb| verb.as_str().to_owned()).collect());
    let effects = [Effect::Allow, Effect::Ask, Effect::Deny].map(|effect| word(json!(effect)));
    assert_eq!(words("effect"), effects.clone().into());
    assert_eq!(words("enforced"), effects.into());
    let levels = [Level::Low, Level::Medium, Level::High, Level::Critical].map(|level| word(json!(level)));
    assert_eq!(words("level"), levels.into());
}
