//! Sliced, unsliced, regorus' interpreter and OPA's own engine give the same findings, over the shipped library and a
//! corpus of every form of guard, for generated facts.

mod comprehensions;
mod helpers;
mod random;

use super::policy::{Loaded, read};
use super::vm::RegoEngine;
use crate::engine::Engine as _;
use crate::{Bundle, LoadOptions, SourceFile};
use holdshort_model::Facts;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use regorus::{Engine, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// How many facts are tried.
const SAMPLES: usize = 600;
/// Policy, rule and what it gave, as JSON.
type Fired = BTreeSet<(String, String, String)>;

/// Bodies of rules in every form in which a guard is or is not found.
const BODIES: &[&str] = &[
    "input.action.kind == \"tool.call\"",
    "\"tool.call\" == input.action.kind",
    "input.action.kind in {\"tool.call\", \"resource.read\"}",
    "input.action.kind in kinds",
    "kind := input.action.kind\n\tkind == \"resource.read\"",
    "some e in input.action.effects\n\te.verb == \"delete\"",
    "some i, e in input.action.effects\n\te.verb == \"delete\"\n\ti > 0",
    "some i\n\tinput.action.effects[i].verb == \"send\"\n\tinput.action.effects[i].resource.kind == \"url\"",
    "e := input.action.effects[_]\n\te.verb in [\"write\", \"delete\"]\n\te.resource.kind == \"file\"",
    "input.action.effects[_].verb == \"read\"\n\tinput.action.effects[_].verb == \"send\"",
    "some e in input.action.effects\n\tr := e.resource\n\tr.kind == \"mail\"",
    "some e in input.action.effects\n\te.certainty == \"unknown\"\n\tnot e.count",
    "not input.tool\n\tinput.action.name == \"a\"",
    "not input.action.kind == \"tool.call\"",
    "input.tool.pin = \"changed\"",
    "input.tool.name == \"b\"\n\tinput.tool.server == \"files\"",
    "input.subject.agent.class == \"coding\"\n\tinput.action.server == \"mail\"",
    "startswith(input.action.name, \"a\")\n\tinput.action.kind == \"tool.call\"",
    "to_number(input.action.args.count) > 3\n\tinput.action.kind == \"tool.call\"",
    "helper\n\tinput.action.kind == \"tool.call\"",
    "input.action.kind != \"tool.call\"",
    "every e in input.action.effects { e.verb == \"read\" }\n\tinput.action.kind == \"tool.call\"",
    "count([e | some e in input.action.effects; e.verb == \"read\"]) > 1",
    "some e in input.action.effects\n\tn := e.count\n\tn != 3",
    "n := input.tool.definition\n\tinput.action.kind == \"tool.call\"",
    "x := input.action.name == \"a\"\n\tx",
    "x := input.tool.name == `b`\n\tnot x",
    "m := input.tool.pin\n\tnot m == \"match\"",
    "count([n | some e in input.action.effects; n := e.count]) > 1",
    "x := {\"tool.call\": 1}[input.action.kind]\n\tx == 1",
    "input.action.kind == \"tool.call\"\n\tinput.context.workspace\n\tnot input.action.server",
    "input.risk.level in {\"high\", \"critical\"}",
    "some secret in input.signals.secrets\n\tsecret.own",
    "some found in input.signals.personal_data\n\tfound.count > 2\n\tinput.action.effects[_].verb == \"send\"",
    "input.signals.approvals.flooding",
    "not input.signals.approvals.flooding\n\tinput.signals.seen.own_secret\n\tinput.risk.level != \"low\"",
    "some s in input.signals.secrets\n\tsome hit in input.signals.intelligence\n\thit.at == s.at",
    "not input.signals.secrets\n\tinput.signals.truncated",
    "not input.request.known\n\tinput.labels.integrity == \"untrusted\"",
    "input.request.known\n\tinput.request.asks in {\"no\", \"open\"}",
    "some p in input.provenance\n\tp.role == \"target\"\n\tp.address\n\tnot p.known",
    "some p in input.provenance\n\tp.address\n\tsome q in input.provenance\n\tnot q.address",
    "some p in input.provenance\n\tp.record\n\tnot p.record",
    "input.provenance[_].origin == \"prose\"\n\tinput.provenance[_].role == \"content\"",
    "known := input.request.known\n\tknown == false",
    "some e in input.action.effects\n\tsome label in e.resource.labels\n\tlabel in data.org.classified_labels",
    "input.labels.confidentiality in data.org.levels\n\tinput.labels.confidentiality != \"public\"",
    "some category in input.labels.categories\n\tcategory in data.org.nothing",
    "input.action.server in data.org.mixed",
    "some e in input.action.effects\n\tnot e.count\n\tinput.context.workspace",
    "not input.context.workspace\n\tinput.action.effects[_].count",
    "x := input\n\tx.labels.integrity == \"untrusted\"",
    "some name in {\"risk\"}\n\tinput[name].score > 50",
    "wish.known\n\twish.asks == \"no\"",
    "contains(json.marshal(input), \"untrusted\")",
    "flow.strict\n\tinput.action.kind == \"tool.call\"",
    "not flow.exposed\n\tx := flow.changes\n\tx",
    "count([s | some s in input.signals.secrets]) == 0\n\tinput.risk.score > 50",
    "contains(input.action.args.command, \"destroy\")\n\tinput.action.kind == \"tool.call\"",
    "startswith(input.action.args.mode, \"u\")\n\tendswith(input.action.args.url, \".example\")",
    "args := input.action.args\n\tcontains(args.text, wanted)",
    "input.action.name == \"a\"\n\tstartswith(input.action.args.url, \"https:\")\n\tinput.risk.score > 20",
    "some d in input.signals.destinations\n\td.special == \"metadata\"",
    "some d in input.signals.destinations\n\td.listed_confidence >= 90",
    "some d in input.signals.destinations\n\tnot d.looks_like\n\td.listed_confidence < 90",
    "d := input.signals.destinations[_]\n\td.special in {\"metadata\", \"private\"}\n\td.looks_like != \"x\"",
    "some d in input.signals.destinations\n\tsome odd in d.odd\n\todd == \"userinfo\"\n\tnot d.known",
    "not input.signals.destinations[0].special",
    "not input.action.effects[0].count",
    "some k in {\"/to\", \"/text\"}\n\tnot input.provenance[k].known",
    "p := input.provenance[\"/to\"]\n\tnot p.known",
    "input.action.effects[ _ ].verb in data.org.reading\n\tinput.action.effects[ _ ].verb in data.org.writing",
    "[kinds, x] := [[\"elicitation.create\"], 1]\n\tinput.action.kind in kinds\n\tx == 1",
    "[wanted, x] := [\"destroy\", 1]\n\tcontains(input.action.args.command, wanted)\n\tx == 1",
    "startswith(input.action.args.text, \"\\u0041K\")\n\tcontains(input.action.args.text, \"\")",
    "contains(lower(input.action.args.text), \"akia\")",
    "mode := input.action.args.mode\n\tnot contains(mode, \"url\")",
    "input.action.args.mode\n\tnot startswith(input.action.args.mode, \"x\")",
];

/// Texts are looked for in what need not be one. OPA's engine and the interpreter are strict here and stop.
const NO_TEXTS: &[&str] = &[
    "startswith(input.action.args.count, \"1\")\n\tendswith(input.action.args.count, \"2\")",
    "contains(input.action.args.requestedSchema.properties, \"password\")",
    "contains(input.action.args, \"mode\")",
    "contains(input.action.args.list, \"secret\")\n\tinput.action.kind == \"tool.call\"",
];

fn corpus() -> Bundle {
    corpus_of(BODIES)
}

fn corpus_of(bodies: &[&str]) -> Bundle {
    let files = bodies.iter().enumerate().map(|(number, body)| {
        let next = bodies[(number + 7) % bodies.len()];
        let text = format!(
            "# METADATA\n# title: T\npackage holdshort.rules.c{number}\n\
             import data.holdshort.rules.flow\nimport input.request as wish\n\
             deny contains \"one\" if {{\n\t{body}\n}}\n\
             ask contains \"two\" if {{\n\t{next}\n}}\n\
             ask contains input.action.name if {{\n\t{body}\n}}\n\
             respond contains {{\"message\": \"r\", \"steps\": [\"notify\", \"capture\"]}} if {{\n\t{next}\n}}\n\
             constrain contains {{\"message\": \"c\", \"pointer\": \"/a\", \"value\": {{\"b\": [1, null]}}}} if {{\n\t{body}\n}}\n\
             kinds := {{\"prompt.get\", \"tool.call\"}}\n\
             wanted := \"KIA\"\n\
             helper if input.action.server == \"files\"\n"
        );
        // Rules and examples that a policy must have and a corpus need not.
        let text = format!(
            "{text}observe contains wanted if {{\n\tinput.action.kind in kinds\n\thelper\n}}\nexamples := [\n\
             {{\"name\": \"y\", \"input\": {{}}, \"expect\": [\"deny\"]}},\n\
             {{\"name\": \"n\", \"input\": {{}}, \"expect\": []}},\n]\n"
        );
        SourceFile { path: format!("c{number}.rego"), text }
    });
    let mut files: Vec<SourceFile> = files.collect();
    files.extend(library().files.into_iter().filter(|file| file.path == "flow.rego"));
    let org = json!({
        "flow": "strict", "classified_labels": ["confidential"], "levels": ["confidential", "public"], "nothing": [],
        "mixed": ["files", 7], "reading": ["read", "send"], "writing": ["write", "delete"],
    });
    Bundle { files, data: org }
}

#[expect(clippy::disallowed_methods, reason = "a test reads the shipped policies")]
fn library() -> Bundle {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../policies");
    let folders = [folder.to_owned(), format!("{folder}/flow")];
    let paths = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let rego = paths.filter(|path| path.extension().is_some_and(|end| end == "rego"));
    let files = rego.map(|path| SourceFile {
        path: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(&path).unwrap(),
    });
    let data = json!({"crm_servers": ["mail"], "internal_domains": ["corp.example"], "delete_max": 3});
    Bundle { files: files.collect(), data }
}

fn optional(values: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), select(values).prop_map(Some)]
}

fn effect() -> impl Strategy<Value = Json> {
    let verbs = &["read", "write", "delete", "execute", "send", "spend"][..];
    let resource = (
        select(&["file", "url", "mail", "record", "tool"][..]),
        optional(&["paste.example", "files.corp.example", "evilcorp.example"]),
        optional(&["/home/dev/project/a", "/etc/passwd", "/home/dev/project"]),
        subsequence(vec!["confidential", "public"], 0..=2),
    );
    let rest = (prop_oneof![Just(None), (0_u64..6).prop_map(Some)], select(&["declared", "derived", "unknown"][..]));
    (select(verbs), resource, rest).prop_map(|(verb, (kind, host, path, labels), (count, certainty))| {
        let mut effect = json!({"verb": verb, "resource": {"kind": kind, "labels": labels}, "certainty": certainty});
        effect["resource"]["host"] = json!(host);
        effect["resource"]["path"] = json!(path);
        effect["count"] = json!(count);
        effect
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let args = prop_oneof![
        Just(json!({})),
        Just(json!(null)),
        Just(json!({"text": "AKIAIOSFODNN7EXAMPLE", "count": "4"})),
        Just(json!({"command": "terraform destroy -auto-approve", "count": 7})),
        Just(json!({"mode": "url", "url": "https://x.example", "count": "12"})),
        Just(json!({"list": ["secret", 1.5, -3], "requestedSchema": {"properties": {"password": {}}}})),
    ];
    let kinds = &["tool.call", "resource.read", "prompt.get", "elicitation.create", "sampling.create"][..];
    let action = (select(kinds), optional(&["files", "mail"]), select(&["a", "b", "delete_environment"][..]), args);
    let tool = prop_oneof![
        Just(None),
        (select(&["files", "mail"][..]), select(&["match", "new", "changed", "shadowed"][..])).prop_map(Some)
    ];
    let effects = proptest::collection::vec(effect(), 0..4);
    let rest = (tool, select(&["coding", "support"][..]), optional(&["/home/dev/project", "/home/dev/project/"]));
    (action, effects, rest, signs(), past()).prop_map(
        |(
            (kind, server, name, args),
            effects,
            (tool, class, workspace),
            signs,
            (labels, request, provenance, burst),
        )| {
            let mut facts = super::base();
            facts["action"] = json!({"kind": kind, "server": server, "name": name, "effects": effects, "args": args});
            facts["tool"] = match tool {
                Some((server, pin)) => json!({"server": server, "name": "b", "pin": pin, "annotations": {}}),
                None => Json::Null,
            };
            let (signals, (score, level)) = signs;
            facts["signals"] = signals;
            facts["risk"] = json!({"score": score, "level": level, "parts": []});
            facts["labels"] = labels;
            facts["request"] = request;
            facts["provenance"] = provenance;
            facts["history"]["sequences"] = json!({
                "outside_after_credentials/read": {"holds": burst, "value": 0},
                "burst_of_deletes/deleted": {"holds": false, "value": if burst { 60 } else { 2 }},
            });
            facts["subject"]["agent"]["class"] = json!(class);
            facts["context"]["workspace"] = json!(workspace);
            serde_json::from_value(facts).unwrap()
        },
    )
}

fn provenance() -> impl Strategy<Value = Json> {
    let origins = &["request", "field", "named", "prose", "instruction", "nowhere", "unknown"][..];
    let flags = proptest::array::uniform3(any::<bool>());
    let source = select(&["named", "topic", "linked", "elsewhere"][..]);
    (select(&["target", "content", "setting"][..]), select(origins), flags, source, 0_u32..2).prop_map(
        |(role, origin, [address, record, known], reach, rivals)| {
            json!({
                "role": role, "origin": origin, "address": address, "record": record, "known": known, "rivals": rivals,
                "sources": [{
                    "kind": "tool", "id": "fetch#0", "trust": "untrusted", "character": "prose", "reach": reach,
                    "document": address, "span": [0, 1], "form": "plain",
                }],
            })
        },
    )
}

/// Labels, request, provenance, and whether the sequences hold.
fn past() -> impl Strategy<Value = (Json, Json, Json, bool)> {
    let labels = (
        select(&["trusted", "untrusted"][..]),
        select(&["", "public", "confidential", "restricted"][..]),
        subsequence(vec!["credentials", "health", "personal"], 0..=2),
    );
    let labels = labels.prop_map(|(integrity, level, categories)| {
        json!({"integrity": integrity, "confidentiality": level, "categories": categories})
    });
    let request = (any::<bool>(), select(&["call", "step", "open", "no"][..]), any::<bool>());
    let request = request.prop_map(|(known, asks, steered)| {
        let by: &[&str] = if steered { &["fetch#0"] } else { &[] };
        json!({"known": known, "asks": asks, "steered_by": by})
    });
    let values = proptest::collection::btree_map(select(&["/to", "/text", "/path"][..]), provenance(), 0..3);
    let provenance = values.prop_map(|values| json!(values));
    (labels, request, provenance, any::<bool>())
}

fn signs() -> impl Strategy<Value = (Json, (u8, &'static str))> {
    let secret = json!({"rule": "aws", "at": "/text", "fingerprint": "00", "own": true, "confidence": 90});
    let data = json!({"kind": "email", "at": "/text", "count": 4, "confidence": 90});
    let hit = json!({"feed": "f", "kind": "domain", "at": "/text", "confidence": 90});
    let mark = json!({"percent": 99, "marks": [{"kind": "hidden-text", "at": "/text"}]});
    let reached = json!({
        "host": "xn--e1.example", "looks_like": "corp.example", "special": "metadata", "listed": "f", "listed_confidence": 90
    });
    let parts = vec![
        ("secrets", json!([secret])),
        ("personal_data", json!([data])),
        ("intelligence", json!([hit])),
        ("injection", mark),
        ("destinations", json!([reached])),
        ("destinations", json!([{"host": "a.example", "known": true}, {"host": "b.example", "odd": ["userinfo"]}])),
        ("truncated", json!(true)),
        ("seen", json!({"own_secret": true, "injection": 80, "marks": ["bidi"]})),
        ("approvals", json!({"flooding": true, "refused_same": 3})),
    ];
    let count = parts.len();
    let some = prop_oneof![Just(0..=0), Just(1..=2), Just(1..=count)]
        .prop_flat_map(move |range| subsequence(parts.clone(), range));
    let signals =
        some.prop_map(|parts| Json::Object(parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect()));
    (signals, select(&[(0, "low"), (30, "medium"), (60, "high"), (90, "critical")][..]))
}

/// What a rule gave, an object in the order of its keys.
fn shown(given: &Json) -> String {
    match given {
        Json::String(message) => json!({ "message": message }).to_string(),
        other => other.to_string(),
    }
}

fn samples() -> Vec<Facts> {
    let mut runner = TestRunner::deterministic();
    (0..SAMPLES).map(|_| facts().new_tree(&mut runner).unwrap().current()).collect()
}

fn of_engine(engine: &RegoEngine, facts: &Facts) -> Fired {
    let found = engine.evaluate(facts).unwrap_or_else(|fault| panic!("{fault}: {}", json!(facts)));
    let given = |finding: &crate::Finding| {
        let mut given = serde_json::to_value(finding).unwrap();
        let fields = given.as_object_mut().unwrap();
        fields.retain(|name, _| !["policy", "rule", "mode", "severity"].contains(&name.as_str()));
        shown(&given)
    };
    found.iter().map(|finding| (finding.policy.to_string(), finding.rule.to_string(), given(finding))).collect()
}

fn of_interpreter(engine: &mut Engine, loaded: &Loaded, facts: &Facts) -> Fired {
    engine.set_input(Value::from(serde_json::to_value(facts).unwrap()));
    let mut fired = Fired::new();
    for policy in &loaded.policies {
        for (unit, _) in &policy.units {
            let set = engine.eval_rule(format!("data.{}.{}", policy.info.id, unit.rule)).unwrap();
            for given in set.as_set().unwrap().iter() {
                let given: Json = serde_json::from_str(&given.to_json_str().unwrap()).unwrap();
                fired.insert((policy.info.id.to_string(), unit.rule.to_string(), shown(&given)));
            }
        }
    }
    fired
}

fn of_opa(answer: &Json, loaded: &Loaded) -> Fired {
    let mut fired = Fired::new();
    for policy in &loaded.policies {
        let name = policy.info.id.rsplit('.').next().unwrap();
        for (unit, _) in &policy.units {
            for given in answer[name][unit.rule.as_str()].as_array().unwrap_or_else(|| panic!("{answer}")) {
                fired.insert((policy.info.id.to_string(), unit.rule.to_string(), shown(given)));
            }
        }
    }
    fired
}

fn check_here(bundle: &Bundle) {
    let loaded = read(bundle, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let sliced = RegoEngine::build(&loaded, 1).unwrap();
    let unsliced = RegoEngine::build_unsliced(&loaded).unwrap();
    let mut interpreter = Engine::new();
    for file in &bundle.files {
        interpreter.add_policy(file.path.clone(), file.text.clone()).unwrap();
    }
    interpreter.add_data(loaded.data.clone()).unwrap();
    let mut any = 0;
    for facts in samples() {
        let expected = of_interpreter(&mut interpreter, &loaded, &facts);
        let shown = || serde_json::to_string_pretty(&facts).unwrap();
        assert_eq!(of_engine(&unsliced, &facts), expected, "unsliced and interpreter: {}", shown());
        assert_eq!(of_engine(&sliced, &facts), expected, "sliced and interpreter: {}", shown());
        any += usize::from(!expected.is_empty());
    }
    assert!(any > SAMPLES / 4, "only {any} of {SAMPLES} facts make anything fire");
}

fn check_with_opa(bundle: &Bundle) {
    let loaded = read(bundle, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let samples = samples();
    let Some(answers) = answers_of_opa(bundle, &loaded, &samples, false) else { return };
    let sliced = RegoEngine::build(&loaded, 1).unwrap();
    for (facts, answer) in samples.iter().zip(&answers) {
        let shown = serde_json::to_string_pretty(facts).unwrap();
        assert_eq!(of_engine(&sliced, facts), of_opa(answer, &loaded), "sliced and OPA: {shown}");
    }
}

/// What OPA's engine says of each of the facts, by policy; none where it cannot be fetched. `alone`: each policy by itself,
/// and none is missed that OPA does not take.
#[expect(clippy::disallowed_methods, reason = "OPA's engine is driven through a process")]
fn answers_of_opa(bundle: &Bundle, loaded: &Loaded, samples: &[Facts], alone: bool) -> Option<Vec<Json>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
    let install = Command::new(format!("{root}/testkit/install-opa")).output().expect("testkit/install-opa runs");
    if install.status.code() == Some(3) {
        println!("SKIPPED: OPA's engine cannot be fetched: {}", String::from_utf8_lossy(&install.stderr));
        return None;
    }
    assert!(install.status.success(), "testkit/install-opa: {}", String::from_utf8_lossy(&install.stderr));
    let files: Vec<_> = bundle.files.iter().map(|file| (&file.path, &file.text)).collect();
    let data: Json = serde_json::from_str(&loaded.data.to_json_str().unwrap()).unwrap();
    let wheel = String::from_utf8(install.stdout).unwrap();
    let mut lines = vec![json!({"wheel": wheel.trim(), "files": files, "data": data, "alone": alone}).to_string()];
    lines.extend(samples.iter().map(|facts| serde_json::to_string(facts).unwrap()));
    let mut opa = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/opa.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = opa.stdin.take().unwrap();
    let writer = std::thread::Builder::new().spawn(move || {
        // OPA's own error says more than a broken pipe.
        let _ = stdin.write_all(lines.join("\n").as_bytes());
    });
    let output = opa.wait_with_output().unwrap();
    writer.unwrap().join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Json> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), samples.len());
    Some(answers)
}

#[test]
fn the_library_means_the_same_in_every_engine_of_ours() {
    check_here(&library());
}

#[test]
fn the_corpus_means_the_same_in_every_engine_of_ours() {
    check_here(&corpus());
}

#[test]
fn the_library_means_the_same_in_opa() {
    check_with_opa(&library());
}

#[test]
fn the_corpus_means_the_same_in_opa() {
    check_with_opa(&corpus());
}

#[test]
fn what_is_no_text_fires_nothing_sliced_or_not() {
    let loaded = read(&corpus_of(NO_TEXTS), &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let sliced = RegoEngine::build(&loaded, 1).unwrap();
    let unsliced = RegoEngine::build_unsliced(&loaded).unwrap();
    let fired: Vec<usize> = samples()
        .iter()
        .map(|facts| {
            let expected = of_engine(&unsliced, facts);
            assert_eq!(of_engine(&sliced, facts), expected, "{}", serde_json::to_string_pretty(facts).unwrap());
            expected.iter().filter(|(policy, rule, _)| policy.ends_with(".c0") && rule == "deny").count()
        })
        .collect();
    assert!(fired.contains(&0) && fired.contains(&1), "the number never fires, the text `12` does");
}

/// Rego's reference says that `not` holds of what is undefined. OPA takes `input.action.args.mode` out of the negation first.
/// docs/reference/policy.md says so, and `lint`.
#[test]
fn a_negated_argument_that_is_missing_fires_here_and_not_in_opa() {
    let bundle = corpus_of(&["not contains(input.action.args.mode, \"url\")"]);
    let loaded = read(&bundle, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let mut facts = samples().remove(0);
    facts.action.args = json!({"text": "x"});
    let deny = |fired: &Fired| fired.iter().any(|(policy, rule, _)| policy.ends_with(".c0") && rule == "deny");
    for engine in [RegoEngine::build(&loaded, 1).unwrap(), RegoEngine::build_unsliced(&loaded).unwrap()] {
        assert!(deny(&of_engine(&engine, &facts)));
    }
    let Some(answers) = answers_of_opa(&bundle, &loaded, &[facts], false) else { return };
    assert!(!deny(&of_opa(&answers[0], &loaded)), "OPA follows the reference now: docs and lint can say less");
}

#[test]
fn most_of_the_corpus_is_sliced() {
    let loaded = read(&corpus(), &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let guards: Vec<_> = loaded.policies.iter().flat_map(|policy| &policy.units).collect();
    let always = guards.iter().filter(|(_, guard)| guard.is_always()).count();
    assert!(always * 2 < guards.len(), "{always} of {} have no guard", guards.len());
}
