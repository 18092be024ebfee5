//! What a bundle is refused for: one row for each fault, with the line that is named and a word of the hint.

#![expect(clippy::panic, reason = "test code: failing is its purpose")]

use holdshort_model::{Containment, Effect};
use holdshort_policy::{Bundle, Diagnostic, EvalError, LoadOptions, PolicySet, SourceFile, probes, strictest};
use serde_json::{Value, json};

const HEAD: &str = "# METADATA\n# title: T\npackage holdshort.rules.t\n";
const EXAMPLES: &str = "examples := [
	{\"name\": \"yes\", \"input\": {\"action\": {\"name\": \"bad\"}}, \"expect\": [\"deny\"]},
	{\"name\": \"no\", \"input\": {}, \"expect\": []},
]
";

fn faults_of(files: &[(&str, String)], data: Value) -> Vec<Diagnostic> {
    let files = files.iter().map(|(path, text)| SourceFile { path: (*path).into(), text: text.clone() }).collect();
    PolicySet::load(&Bundle { files, data }, &LoadOptions::default()).err().unwrap_or_default()
}

/// A policy with one more rule; the rule begins at line 4.
fn with(rule: &str) -> String {
    format!("{HEAD}{rule}\n{EXAMPLES}")
}

/// A policy whose deny rule has this body.
fn body(body: &str) -> String {
    with(&format!("deny contains \"no\" if {{\n{body}\n}}"))
}

/// The first fault of a single file is this one.
fn check(text: String, code: &str, line: u32, words: &str) {
    let faults = faults_of(&[("t.rego", text.clone())], Value::Null);
    let found = faults.iter().find(|fault| fault.code == code);
    let fault = found.unwrap_or_else(|| panic!("no {code} in {faults:#?} for\n{text}"));
    assert_eq!(fault.file, "t.rego");
    assert_eq!(fault.line, line, "{fault}\n{text}");
    assert!(fault.to_string().contains(words), "{fault}\nhas no `{words}`");
}

#[test]
fn a_good_policy_loads() {
    assert_eq!(faults_of(&[("t.rego", body("input.action.name == \"bad\""))], Value::Null), []);
}

#[test]
fn text_that_is_no_rego_v1() {
    check(body("input.action.name == "), "parse-error", 6, "");
    check(with("deny[m] { m := \"x\" }"), "parse-error", 4, "");
    check("# METADATA\n".to_owned(), "parse-error", 2, "");
}

#[test]
fn packages_and_metadata() {
    check("# METADATA\n# title: T\npackage other.t\n".into(), "wrong-package", 3, "package holdshort.rules.<name>");
    check("# METADATA\n# title: T\npackage holdshort.rules\n".into(), "wrong-package", 3, "outside");
    check(format!("package holdshort.rules.t\n{EXAMPLES}"), "missing-metadata", 1, "# title");
    check(body("true").replace("# title: T", "# tilte: T"), "bad-metadata", 2, "tilte");
}

#[test]
fn two_files_of_one_name_or_package() {
    let text = body("input.action.name == \"bad\"");
    let faults = faults_of(&[("a.rego", text.clone()), ("b.rego", text.clone())], Value::Null);
    assert_eq!((faults[0].code, faults[0].file.as_str(), faults[0].line), ("duplicate-package", "b.rego", 3));
    let faults = faults_of(&[("a.rego", text.clone()), ("a.rego", text)], Value::Null);
    assert_eq!(faults[0].code, "duplicate-file");
}

#[test]
fn fields_that_do_not_exist() {
    check(body("input.action.nmae == \"bad\""), "unknown-field", 5, "did you mean `name`?");
    check(body("some e in input.action.effects\ne.verbs == \"read\""), "unknown-field", 6, "did you mean `verb`?");
    check(body("e := input.action.effects[_]\ne.resource.paht"), "unknown-field", 6, "did you mean `path`?");
    check(body("input.action.effects[_].resource.hots"), "unknown-field", 5, "did you mean `host`?");
    check(body("x := [v | some e in input.action.effects; v := e.vreb]\ncount(x) > 0"), "unknown-field", 5, "`verb`");
    check(body("every e in input.action.effects { e.vreb == \"read\" }"), "unknown-field", 5, "`verb`");
    check(body("input.action.effects.verb == \"read\""), "unknown-field", 5, "iterate with `some`");
    check(body("input.action[\"nmae\"] == \"bad\""), "unknown-field", 5, "did you mean `name`?");
    check(with("deny contains input.action.nmae"), "unknown-field", 4, "`name`");
    check(with("import input.action as act\ndeny contains \"x\" if act.nmae == \"b\""), "unknown-field", 5, "`name`");
}

#[test]
fn fields_of_signals_and_risk() {
    check(body("input.signals.injection.procent > 1"), "unknown-field", 5, "did you mean `percent`?");
    check(body("some s in input.signals.secrets\ns.ours"), "unknown-field", 6, "`own`");
    check(body("input.signals.aprovals.flooding"), "unknown-field", 5, "did you mean `approvals`?");
    check(body("input.risk.skore > 1"), "unknown-field", 5, "did you mean `score`?");
    check(body("input.risk.level == \"severe\""), "never-matches", 5, "`critical`");
    let text = body("input.action.name == \"bad\"");
    let wrong = text.replace("\"input\": {}", "\"input\": {\"signals\": {\"secret\": []}}");
    check(wrong, "bad-example", 9, "did you mean `secrets`?");
}

#[test]
fn fields_of_a_later_version() {
    check(body("input.version == 2"), "unknown-field", 5, "is not supplied in this version");
    check(body("input.subject.agent.posture == 1"), "unknown-field", 5, "is not supplied in this version");
}

#[test]
fn references_that_lead_nowhere() {
    check(body("data.org.crm == 1"), "undefined-reference", 5, "custom.org.crm");
    check(body("data.orgs.crm == 1"), "undefined-reference", 5, "data.org");
    check(body("data.holdshort.rules.nope.x"), "undefined-reference", 5, "does not exist");
    check(body("data.holdshort.rules.t.nope"), "undefined-reference", 5, "no rule `nope`");
    check(body("nope(input.action.name)"), "unknown-function", 5, "no function `nope`");
    check(body("starstwith(input.action.name, \"b\")"), "unknown-function", 5, "did you mean `startswith`?");
    check(body("startswith(input.action.name)"), "unknown-function", 5, "takes 2 arguments");
    check(body("input.action.name == nope"), "compile-error", 5, "nope");
}

#[test]
fn functions_that_are_not_pure() {
    for call in [
        "http.send({\"method\": \"get\", \"url\": \"https://x.example\"})",
        "rand.intn(\"a\", 2)",
        "time.now_ns()",
        "opa.runtime()",
        "uuid.rfc4122(\"a\")",
        "net.lookup_ip_addr(\"x.example\")",
        "trace(\"x\")",
        "print(\"x\")",
    ] {
        check(body(call), "impure-builtin", 5, "is not a function of its arguments");
    }
    check(body("io.jwt.decode(\"x\")"), "unknown-function", 5, "there is no function `io.jwt.decode`");
}

#[test]
fn rules_that_can_never_match() {
    check(body("input.action.kind == \"tool.cal\""), "never-matches", 5, "did you mean `tool.call`?");
    check(body("\"tool_call\" == input.action.kind"), "never-matches", 5, "never `tool_call`");
    check(body("some e in input.action.effects\ne.verb == \"remove\""), "never-matches", 6, "`delete`");
    check(body("input.tool.pin in {\"changed\", \"shadow\"}"), "never-matches", 5, "did you mean `shadowed`?");
    check(body("input.action.name == \"a\"\ninput.action.name == \"b\""), "never-matches", 6, "`a` and `b`");
    check(
        body("some e in input.action.effects\ne.verb == \"read\"\ne.verb in {\"write\", \"send\"}"),
        "never-matches",
        7,
        "write two rules",
    );
    check(body("false"), "never-matches", 5, "set its mode");
    check(body("1 == 2"), "never-matches", 5, "never true");
    check(body("input.action.name in []"), "never-matches", 5, "never true");
}

#[test]
fn two_effects_are_no_contradiction() {
    let text = format!(
        "{HEAD}deny contains \"no\" if {{
	input.action.effects[_].verb == \"read\"
	input.action.effects[_].verb == \"send\"
}}
examples := [
	{{
		\"name\": \"yes\",
		\"input\": {{\"action\": {{\"effects\": [
			{{\"verb\": \"send\", \"resource\": {{\"kind\": \"url\"}}}},
			{{\"verb\": \"read\", \"resource\": {{\"kind\": \"file\"}}}},
		]}}}},
		\"expect\": [\"deny\"],
	}},
	{{\"name\": \"no\", \"input\": {{}}, \"expect\": []}},
]
"
    );
    assert_eq!(faults_of(&[("t.rego", text)], Value::Null), []);
}

#[test]
fn rules_that_policies_do_not_have() {
    check(with("allow if input.action.name == \"x\""), "no-allow", 4, "grants allow");
    check(with("deny := \"x\" if input.action.name == \"bad\""), "wrong-rule", 4, "contains");
    check(with("denny contains \"x\" if input.action.name == \"bad\""), "unread-rule", 4, "did you mean `deny`?");
    check(body("regex.match(`a(`, input.action.name)"), "bad-pattern", 5, "RE2");
    check(with("deny contains \"x\" if regex.match(p, input.action.name)\np := `(?=a)`"), "bad-pattern", 4, "look");
    check(body("count([e.count | some e in input.action.effects]) > 1"), "unsupported", 5, "x := e.count");
    for (helper, line, words) in [
        // In each of these the machine says something else than Rego.
        ("h := 1 if { some e in input.action.effects; e.verb == \"send\" } else := 2", 4, "rule of its own"),
        ("h := 1 if {\ninput.action.effects[_].verb == \"send\"\n} else := 2", 5, "never take it"),
        ("h := 1 if {\ninput.action.effects[i].verb == \"send\"\ni > 0\n} else := 2", 5, "never take it"),
        ("h := 1 if input.tool else := 2 if { not input.action.effects[_] } else := 3", 4, "never take it"),
        ("h := input.tool.name if input.action.name == \"x\" else := 2", 4, "`x := input.tool.name`"),
        ("h := 1 if input.tool else := input.action.server if input.action.name else := 3", 4, "may be undefined"),
        ("h contains 1 if input.tool\nk[input.action.name] contains 1 if h[1]", 5, "plain name"),
        ("h.a := 1 if input.tool\nh.b := 2", 4, "dotted"),
        ("default h(_) := 1\nh(x) := 2 if x == 1", 4, "defaults of functions"),
    ] {
        let used = if helper.contains("h(x)") {
            "h(1)"
        } else if helper.contains("k[") {
            "k"
        } else {
            "h"
        };
        check(with(&format!("{helper}\ndeny contains \"no\" if {used}")), "unsupported", line, words);
    }
    for helper in [
        "h := 1 if input.tool else := 2 if { some e in input.action.effects; e.verb == \"send\" }",
        "h := x if { x := input.tool.name } else := [y | y := input.action.server] if input.tool else := input.action.name",
        "h := 1 if { n := 0; input.action.effects[n].verb == \"send\" } else := 2",
        "h := 1 if count([e | some e in input.action.effects]) > 1 else := 2",
    ] {
        let text = with(&format!(
            "{helper}\ndeny contains \"no\" if {{ h == 7 }}\ndeny contains \"x\" if input.action.name == \"bad\""
        ));
        assert_eq!(faults_of(&[("t.rego", text)], Value::Null), [], "{helper}");
    }
    check(body("input.action.name == \"x\" with input.action.name as \"x\""), "unsupported", 5, "example");
}

#[test]
fn examples_are_needed_and_hold() {
    let policy = format!("{HEAD}deny contains \"no\" if input.action.name == \"bad\"\n");
    check(policy.clone(), "missing-examples", 3, "no examples");
    let only = |expect: &str| {
        format!(
            "{policy}examples := [{{\"name\": \"n\", \"input\": {{\"action\": {{\"name\": \"bad\"}}}}, \"expect\": {expect}}}]\n"
        )
    };
    check(only("[\"deny\"]"), "missing-examples", 5, "at which nothing fires");
    check(only("[\"dney\"]"), "bad-example", 5, "no rule");
    check(only("[\"deny\"], \"inputs\": {}"), "bad-example", 5, "did you mean `input`?");
    check(only("[\"deny\"]").replace("{\"name\": \"bad\"}", "{\"nmae\": \"bad\"}"), "bad-example", 5, "`name`");
    let failing = body("input.action.name == \"worse\"");
    check(failing, "failing-example", 8, "expects `deny`, and nothing fired");
    check(with("deny contains 7 if input.action.name == \"bad\""), "failing-example", 6, "gave `7`");
    check(with("deny contains {\"msg\": \"x\"} if input.action.name == \"bad\""), "wrong-rule", 4, "`message`");
    let endless = "count([1 | some i in numbers.range(1, 1000); some j in numbers.range(1, 1000); i != j]) > 0";
    check(body(&format!("input.action.name == \"bad\"\n{endless}")), "failing-example", 9, "instructions");
}

#[test]
fn rules_give_what_their_name_promises() {
    let rule = |rule: &str, term: &str| with(&format!("{rule} contains {term} if input.action.name == \"bad\""));
    let wrong = |name: &str, term: &str, words: &str| check(rule(name, term), "wrong-rule", 4, words);
    wrong("constrain", "\"less\"", "nobody knows its `pointer`");
    wrong("constrain", "{\"message\": \"m\", \"pointer\": \"/a\"}", "gives no `value`");
    wrong("watermark", "{\"message\": \"m\", \"pointer\": \"/a\", \"txt\": \"x\"}", "did you mean `text`?");
    wrong("respond", "\"tell\"", "nobody knows its `steps`");
    wrong("respond", "{\"message\": \"m\", \"steps\": [\"notfy\"]}", "did you mean `notify`?");
    wrong("narrow", "{\"message\": \"m\", \"grant\": [\"g\"]}", "did you mean `grants`?");
    wrong("redact", "{\"pointer\": \"/a\"}", "gives no `message`");
    let computed = |term: &str| rule("respond", term).replace("\"deny\"", "\"respond\"");
    let steps = "{\"message\": \"m\", \"steps\": [concat(\"\", [\"not\", \"fy\"])]}";
    check(computed(steps), "failing-example", 6, "`open-incident`");
    let whole = "{\"message\": \"m\", \"pointer\": \"\", \"value\": 1}";
    check(rule("constrain", whole).replace("\"deny\"", "\"constrain\""), "failing-example", 6, "/json/pointer");
}

#[test]
fn what_the_rules_give_is_in_the_findings() {
    let rules = "terminate contains \"t\" if input.action.name == \"bad\"
narrow contains \"n\" if input.action.name == \"bad\"
constrain contains {\"message\": \"c\", \"pointer\": \"/max\", \"value\": {\"a\": [1, null]}} if input.action.name == \"bad\"
watermark contains {\"message\": \"w\", \"pointer\": \"/text\", \"text\": \"by a machine\"} if input.action.name == \"bad\"
respond contains {\"message\": \"r\", \"steps\": [\"notify\", \"capture\"]} if input.action.name == \"bad\"";
    let all = "[\"terminate\", \"narrow\", \"constrain\", \"watermark\", \"respond\"]";
    let text = with(rules).replace("[\"deny\"]", all);
    let files = vec![SourceFile { path: "t.rego".into(), text }];
    let set = PolicySet::load(&Bundle { files, data: Value::Null }, &LoadOptions::default());
    let set = set.unwrap_or_else(|faults| panic!("{faults:#?}"));
    let probe = json!([{"name": "p", "input": {"action": {"name": "bad"}}}]).to_string();
    let facts = &probes(&probe).unwrap()[0].facts;
    let found = serde_json::to_value(set.evaluate(facts).unwrap()).unwrap();
    let of = |rule: &str, rest: Value| {
        let mut expected =
            json!({"policy": "holdshort.rules.t", "rule": rule, "mode": "enforce", "severity": "medium"});
        expected.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        expected
    };
    let expected = [
        of("terminate", json!({"message": "t"})),
        of("narrow", json!({"message": "n"})),
        of("constrain", json!({"message": "c", "pointer": "/max", "value": {"a": [1, null]}})),
        of("watermark", json!({"message": "w", "pointer": "/text", "text": "by a machine"})),
        of("respond", json!({"message": "r", "steps": ["notify", "capture"]})),
    ];
    assert_eq!(found, json!(expected));
    assert_eq!(strictest(&set, facts), (Effect::Deny, Containment::Terminate));
}

#[test]
fn more_slices_than_one_program_holds() {
    let policy = |number: usize| {
        let text = format!(
            "# METADATA
# title: T
package holdshort.rules.p{number}
deny contains \"{number}\" if {{
	some e in input.action.effects
	e.resource.kind == \"k{number}\"
}}
examples := [
	{{
		\"name\": \"y\",
		\"input\": {{\"action\": {{\"effects\": [{{\"verb\": \"read\", \"resource\": {{\"kind\": \"k{number}\"}}}}]}}}},
		\"expect\": [\"deny\"],
	}},
	{{\"name\": \"n\", \"input\": {{}}, \"expect\": []}},
]
"
        );
        SourceFile { path: format!("p{number}.rego"), text }
    };
    let set =
        PolicySet::load(&Bundle { files: (0..230).map(policy).collect(), data: Value::Null }, &LoadOptions::default());
    let set = set.unwrap_or_else(|faults| panic!("{faults:#?}"));
    let kinds = [0, 3, 99, 100, 101, 199, 229];
    let effects = kinds.map(|number| json!({"verb": "read", "resource": {"kind": format!("k{number}")}}));
    let probe = json!([{"name": "p", "input": {"action": {"effects": effects}}}]).to_string();
    let found = set.evaluate(&probes(&probe).unwrap()[0].facts).unwrap();
    let mut found: Vec<usize> = found.iter().map(|finding| finding.message.parse().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, kinds);
}

/// A policy that takes a while with the argument `n`, and one that gives no message with it.
fn budget(id: &str, condition: &str) -> SourceFile {
    let text = format!(
        "# METADATA
# title: T
package holdshort.rules.{id}
deny contains \"{id}\" if {{
	input.action.kind == \"tool.call\"
	input.action.server == \"{id}\"
}}
ask contains \"much\" if {{
	input.action.kind == \"tool.call\"
	{condition}
}}
examples := [
	{{\"name\": \"y\", \"input\": {{\"action\": {{\"server\": \"{id}\", \"args\": {{\"n\": 1}}}}}}, \"expect\": [\"deny\"]}},
	{{\"name\": \"n\", \"input\": {{}}, \"expect\": []}},
]
"
    );
    SourceFile { path: format!("{id}.rego"), text }
}

#[test]
fn each_slice_has_the_whole_budget_and_a_fault_names_its_policy() {
    let slow = "count([1 | some i in numbers.range(1, input.action.args.n); i % 2 == 1]) > 1000000";
    let verb = |verb: &str| format!("some e in input.action.effects\n\te.verb == \"{verb}\"\n\t{slow}");
    let files = vec![budget("a", &verb("read")), budget("b", &verb("write")), budget("c", &verb("send"))];
    let set = PolicySet::load(&Bundle { files, data: Value::Null }, &LoadOptions::default());
    let set = set.unwrap_or_else(|faults| panic!("{faults:#?}"));
    let run = |n: u32, verbs: &[&str]| {
        let effects: Vec<Value> =
            verbs.iter().map(|verb| json!({"verb": verb, "resource": {"kind": "file"}})).collect();
        let probe = json!([{"name": "p", "input": {"action": {"args": {"n": n}, "effects": effects, "server": "b"}}}]);
        set.evaluate(&probes(&probe.to_string()).unwrap()[0].facts)
    };
    let all = ["read", "write", "send"];
    // One alone, and three that together have more than one budget's worth.
    let found = |n, verbs| run(n, verbs).unwrap().iter().map(|finding| finding.message.clone()).collect::<Vec<_>>();
    assert_eq!(found(12_000, &["write"]), ["b"]);
    assert_eq!(found(12_000, &all), ["b"]);
    let error = run(100_000, &["send"]).unwrap_err();
    assert!(matches!(&error, EvalError::Budget { policy, .. } if policy == "holdshort.rules.c"), "{error}");
    // The machine that failed is not used again.
    assert_eq!(found(10, &all), ["b"]);
}

#[test]
fn limits() {
    let large = format!("{}\n#{}", body("input.action.name == \"bad\""), "x".repeat(1024 * 1024));
    check(large, "too-large", 0, "1048576");
    let many: String = (0..1_001).map(|n| format!("deny contains \"{n}\" if input.action.name == \"bad\"\n")).collect();
    check(with(&many), "too-large", 3, "split it");
    let files: Vec<(String, String)> = (0..4_097).map(|n| (format!("{n}.rego"), String::new())).collect();
    let files: Vec<(&str, String)> = files.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    assert_eq!(faults_of(&files, Value::Null)[0].code, "too-large");
    let nested = format!("input.action.args == {}1{}", "[".repeat(500), "]".repeat(500));
    check(body(&nested), "too-large", 5, "nested deeper");
}

#[test]
fn data_of_the_organisation() {
    let text = body("input.action.name in data.org.names")
        .replace("# title: T", "# title: T\n# custom:\n#   org:\n#     names: [bad]");
    assert_eq!(faults_of(&[("t.rego", text.clone())], Value::Null), []);
    assert_eq!(faults_of(&[("t.rego", text.clone())], json!({"names": ["x"]})), []);
    let faults = faults_of(&[("t.rego", text.clone())], json!({"names": "x"}));
    assert_eq!(faults[0].to_string(), "`data.org.names` is a string; the policies expect an array [bad-data]");
    assert_eq!(faults_of(&[("t.rego", text)], json!([]))[0].code, "bad-data");
}

#[test]
fn options() {
    let bundle = Bundle {
        files: vec![SourceFile { path: "t.rego".into(), text: body("input.action.name == \"bad\"") }],
        data: Value::Null,
    };
    let load = |options: LoadOptions| PolicySet::load(&bundle, &options);
    let observe = holdshort_model::Mode::Observe;
    for key in ["t", "holdshort.rules.t"] {
        let options = LoadOptions { modes: [(key.to_owned(), observe)].into(), ..LoadOptions::default() };
        assert_eq!(load(options).unwrap().policies()[0].mode, observe);
    }
    let options = LoadOptions { modes: [("tt".to_owned(), observe)].into(), ..LoadOptions::default() };
    assert_eq!(load(options).unwrap_err()[0].code, "unknown-policy");
    assert_eq!(load(LoadOptions { replicas: 0, ..LoadOptions::default() }).unwrap_err()[0].code, "bad-option");
    let strict = load(LoadOptions::default()).unwrap().digest();
    let options = LoadOptions { default_mode: Some(observe), ..LoadOptions::default() };
    assert_ne!(load(options).unwrap().digest(), strict);
}

#[test]
fn modes_change_without_loading_again() {
    use holdshort_model::Mode::{Enforce, Observe};
    let text = body("input.action.name == \"bad\"").replace("# title: T", "# title: T\n# custom: {mode: observe}");
    let bundle = Bundle { files: vec![SourceFile { path: "t.rego".into(), text }], data: Value::Null };
    let loaded = PolicySet::load(&bundle, &LoadOptions::default()).unwrap();
    let probe = json!([{"name": "p", "input": {"action": {"name": "bad"}}}]).to_string();
    let facts = &probes(&probe).unwrap()[0].facts;
    let modes = |set: &PolicySet| {
        let policy = set.policy("t").unwrap().mode;
        assert_eq!(set.policies()[0].mode, policy);
        assert_eq!(set.explain(facts).unwrap().findings[0].mode, policy);
        (policy, set.evaluate(facts).unwrap()[0].mode)
    };
    assert_eq!(modes(&loaded), (Observe, Observe));
    for name in ["t", "holdshort.rules.t"] {
        let promoted = loaded.with_modes(&[(name.to_owned(), Enforce)].into());
        assert_eq!(modes(&promoted), (Enforce, Enforce));
        assert_ne!(promoted.digest(), loaded.digest());
        // What is not named is as it was loaded, whatever was changed before.
        let back = promoted.with_modes(&[("gone".to_owned(), Enforce)].into());
        assert_eq!((modes(&back), back.digest()), ((Observe, Observe), loaded.digest()));
        let options = LoadOptions { modes: [(name.to_owned(), Enforce)].into(), ..LoadOptions::default() };
        assert_eq!(PolicySet::load(&bundle, &options).unwrap().digest(), promoted.digest());
    }
    assert!(loaded.policy("gone").is_none());
}

/// A policy that declares one sequence, on line 6, and has one more condition, on line 10.
fn sequence(declaration: &str, body: &str) -> String {
    format!(
        r#"# METADATA
# title: T
# custom:
#   org: {{hosts: [h], none: []}}
#   sequences:
#     s: {declaration}
package holdshort.rules.t
deny contains "no" if {{
	input.action.name == "bad"
	{body}
}}
examples := [
	{{
		"name": "yes",
		"input": {{"action": {{"name": "bad"}}, "history": {{"sequences": {{"t/s": {{"holds": true, "value": 9}}}}}}}},
		"expect": ["deny"],
	}},
	{{"name": "no", "input": {{}}, "expect": []}},
]
"#
    )
}

const FORMERLY: &str = "{operator: formerly_within, window: 10m, where: {verb: read}}";
const COUNT: &str = "{operator: count_within, window: 10m, where: {verb: delete}}";
const HOLDS: &str = r#"input.history.sequences["t/s"].holds"#;

#[test]
fn sequences_are_declared_and_read() {
    for (declaration, body) in [
        (FORMERLY, HOLDS),
        (COUNT, r#"input.history.sequences["t/s"].value > 3"#),
        (FORMERLY, "s := input.history.sequences[\"t/s\"]\n\ts.holds"),
        ("{operator: formerly_within, window: 1h, where: {host: data.org.hosts}}", HOLDS),
        (
            "{operator: count_distinct_within, window: 1h, where: {}, of: /to}",
            r#"input.history.sequences["t/s"].value > 3"#,
        ),
    ] {
        let text = sequence(declaration, body);
        assert_eq!(faults_of(&[("t.rego", text.clone())], Value::Null), [], "{text}");
        let files = vec![SourceFile { path: "t.rego".into(), text }];
        let set = PolicySet::load(&Bundle { files, data: json!({"hosts": ["x"]}) }, &LoadOptions::default()).unwrap();
        assert_eq!(set.sequences()[0].name, "t/s");
        let hosts = &set.sequences()[0].matching.host;
        assert!(hosts.is_empty() || hosts == &["x"], "{hosts:?}");
    }
}

#[test]
fn sequences_that_cannot_be() {
    let wrong = |declaration: &str, code, words| check(sequence(declaration, HOLDS), code, 6, words);
    wrong("{operator: formerly, window: 10m, where: {}}", "bad-metadata", "formerly_within");
    wrong("{operator: formerly_within, window: 10x, where: {}}", "bad-metadata", "`10x` is no window");
    wrong("{operator: formerly_within, windw: 10m, where: {}}", "bad-metadata", "windw");
    wrong("{operator: formerly_within, window: 10m, where: {verb: remove}}", "bad-metadata", "remove");
    wrong("{operator: formerly_within, window: 10m}", "bad-metadata", "where");
    wrong("{operator: since, window: 10m, where: {}}", "bad-sequence", "`since` needs");
    wrong("{operator: sum_within, window: 10m, where: {}}", "bad-sequence", "needs `of");
    wrong("{operator: formerly_within, window: 10m, where: {host: data.org.hots}}", "bad-sequence", "`hosts`");
    wrong("{operator: formerly_within, window: 10m, where: {host: data.org.none}}", "bad-sequence", "at least one");
    check(sequence(FORMERLY, HOLDS).replace("#     s:", "#     S-1:"), "bad-sequence", 6, "no name of a sequence");
    let many: String = (0..33).map(|number| format!("#     s{number}: {FORMERLY}\n")).collect();
    check(sequence(FORMERLY, HOLDS).replace("#     s: ", &format!("{many}#     s: ")), "too-large", 1, "at most 32");
}

#[test]
fn references_to_sequences() {
    let wrong = |declaration: &str, body: &str, code, words| check(sequence(declaration, body), code, 10, words);
    wrong(FORMERLY, r#"input.history.sequences["t/z"].holds"#, "unknown-field", "did you mean `t/s`?");
    wrong(FORMERLY, "input.history.sequences[input.action.name].holds", "unknown-field", "is computed");
    wrong(FORMERLY, r#"input.history.sequences["t/s"].held"#, "unknown-field", "`holds`");
    wrong(FORMERLY, r#"input.history.sequences["t/s"].value > 1"#, "never-matches", "read `holds`");
    wrong(COUNT, HOLDS, "never-matches", "compare `value`");
    wrong(FORMERLY, &format!("not {HOLDS}"), "bad-sequence", "outcome: done");
    check(body(HOLDS), "unknown-field", 5, "custom.sequences");
    check(sequence(FORMERLY, HOLDS).replace(r#"{"t/s":"#, r#"{"t/ss":"#), "bad-example", 13, "did you mean `t/s`?");
}

#[test]
fn what_has_to_have_happened_may_be_negated() {
    let gate = "{operator: formerly_within, window: 1h, where: {tool: approve}, outcome: done}";
    let text = sequence(gate, &format!("not {HOLDS}")).replace(r#""holds": true"#, r#""holds": false"#);
    assert_eq!(faults_of(&[("t.rego", text)], Value::Null), []);
}

#[test]
fn a_sequence_that_nobody_reads_is_a_warning() {
    let files = vec![SourceFile { path: "t.rego".into(), text: sequence(FORMERLY, "true") }];
    let bundle = Bundle { files, data: Value::Null };
    assert!(PolicySet::load(&bundle, &LoadOptions::default()).is_ok());
    let found = holdshort_policy::lint(&bundle);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].line), ("unread-sequence", 6));
}

#[test]
fn a_negated_argument_is_no_fault_and_lint_says_what_it_means() {
    for (body, lines) in [
        ("not contains(input.action.args.mode, \"url\")", &[6][..]),
        ("true\nnot input.action.args.mode == \"url\"", &[7]),
        ("count([1 | not startswith(lower(input.action.args[\"mode\"]), \"url\")]) > 0", &[6]),
        ("every e in input.action.effects { not e.verb in {input.action.args.verb} }", &[6]),
        ("mode := input.action.args.mode\nnot contains(mode, \"url\")", &[]),
        ("not input.action.args.mode", &[]),
        ("not input.tool.name == \"x\"", &[]),
        ("not count([1 | input.action.args.mode == \"x\"]) > 0", &[]),
    ] {
        let text = body_of(body);
        let bundle = Bundle { files: vec![SourceFile { path: "t.rego".into(), text }], data: Value::Null };
        let found = holdshort_policy::lint(&bundle);
        assert!(found.iter().all(|found| found.code == "negated-argument"), "{body}: {found:#?}");
        assert_eq!(found.iter().map(|found| found.line).collect::<Vec<_>>(), lines, "{body}");
    }
}

/// A policy that loads, whose deny rule has this body from line 6 on.
fn body_of(text: &str) -> String {
    let more = "deny contains \"x\" if input.action.name == \"bad\"\nexamples := [";
    body(&format!("input.action.name == \"bad\"\n{text}")).replace("examples := [", more)
}
