//! Rules put together by chance from what guards are read from and what only looks like it, for arguments of every type.
//!
//! Seeded: the same rules and the same arguments every time.

use super::*;

/// How many rules are tried; those that do not load are left out.
const RULES: usize = 500;
/// How many facts each rule sees.
const FACTS: usize = 150;
/// Policies of one bundle: without slices all of them are one program, which has at most 256 sources.
const POLICIES: usize = 100;
/// How many of the rules OPA sees.
const RULES_OPA: usize = 150;
/// How many of the facts OPA sees.
const FACTS_OPA: usize = 40;

/// What a text is looked for in.
const PLACES: &[&str] = &[
    "input.action.args.text",
    "input.action.args[\"text\"]",
    "input[\"action\"].args[`text`]",
    "input.action.args[\"te\\u0078t\"]",
    "input.action[\"args\"].deep.text",
    "input.action.args.deep[\"text\"]",
    "input.action.args[\"a.b\"]",
    "input.action.args[\"a/b\"]",
    "input.action.args.a.b",
    "input.action.args.list",
    "input.action.args.list[0]",
    "input.action.args.list[_]",
    "input.action.args[key]",
    "input.action.args[_]",
    "input.action.args.count",
    "input.action.args",
    "args.text",
    "args[\"a.b\"]",
    "action.args.text",
    "deep.text",
    "sent.text",
    "wish.text",
    "input.action.name",
];
/// What is looked for.
const NEEDLES: &[&str] = &[
    "\"a\"",
    "\"\"",
    "`a`",
    "\"\\u0061\"",
    "\"\u{e9}\"",
    "\"e\u{301}\"",
    "\"A\"",
    "\"\\\"\"",
    "wanted",
    "either",
    "needles[0]",
    "input.action.name",
    "7",
];
/// How it is looked for. `@` is the place, `%` the text, `!` the function, `#` the number of the statement.
const FORMS: &[&str] = &[
    "!(@, %)",
    "!(@, %)",
    "!(@, %)",
    "!(@, %)",
    "!(%, @)",
    "!(lower(@), %)",
    "!(@, %) == true",
    "!(@, %) == false",
    "not !(@, %)",
    "found# := !(@, %)\n\tfound#",
    "count([1 | !(@, %)]) > 0",
    "every part in {\"a\", \"b\"} { !(@, part) }",
    "some part# in {\"a\", \"zz\"}\n\t!(@, part#)",
    "has(@, %)",
    "not has(@, %)",
    "text# := @\n\t!(text#, %)",
    "@ == %",
    "@ in {%, \"abc\"}",
    "{\"t\": text#} := {\"t\": @}\n\t!(text#, %)",
];
/// What else a body says.
const OTHERS: &[&str] = &[
    "args := input.action.args",
    "action := input.action",
    "deep := input.action.args.deep",
    "args := input.action.args.deep",
    "[args, other#] := [input.action.args.deep, 1]",
    "some args in [{\"text\": \"zz\"}]",
    "[wanted, other#] := [\"zz\", 1]",
    "{\"w\": wanted} := {\"w\": \"zz\"}",
    "some [wanted, other#] in [[\"zz\", 1], [\"b\", 2]]",
    "some wanted in [\"zz\"]",
    "wanted := \"zz\"",
    "[kinds, other#] := [{\"completion.complete\"}, 1]",
    "some [kinds, other#] in [[[\"resource.read\"], 1]]",
    "input.action.kind in kinds",
    "input.action.kind in data.org.kinds",
    "input.action.kind == \"tool.call\"",
    "input.action.name == wanted",
    "input.action.server in data.org.mixed",
    "input.action.effects[_].verb in data.org.reading\n\tinput.action.effects[_].verb in data.org.writing",
    "input.action.effects[ _ ].verb in data.org.reading\n\tinput.action.effects[ _ ].verb in data.org.writing",
    "some i#\n\tinput.action.effects[i#].verb in data.org.writing\n\tnot input.action.effects[i#].count",
    "not input.action.effects[0].count",
    "not input.action.effects[_].count",
    "not input.action.effects[ _ ].count",
    "some e# in input.action.effects\n\tnot e#.count",
    "e# := input.action.effects[0]\n\tnot e#.count",
    "some k# in {\"/to\", \"/text\"}\n\tnot input.provenance[k#].known",
    "some k# in {\"/to\", \"/text\"}\n\tnot input.provenance[k#].address",
    "p# := input.provenance[\"/to\"]\n\tnot p#.known",
    "not input.provenance[\"/to\"].record",
    "some k#, p# in input.provenance\n\tnot p#.known",
    "not input.context.workspace",
    "not input.request.known",
    "not input.signals.destinations[0].special",
    "not input.signals.destinations[_].odd",
    "input.signals.destinations[0].odd",
    "input.signals.destinations[_].odd[_] == \"userinfo\"",
    "d# := input.signals.destinations[0]\n\td#.special == \"metadata\"",
    "some d# in input.signals.destinations\n\td#.looks_like != wanted",
    "some d# in input.signals.destinations\n\tnot d#.odd",
    "some d# in input.signals.destinations\n\tx# := d#.listed_confidence > 50\n\tnot x#",
    "some d# in input.signals.destinations\n\td#.special in {\"private\", \"metadata\"}\n\td#.odd != []",
    "some e# in input.action.effects\n\tcount([1 | e#.verb in data.org.reading]) == 0",
    "some e# in input.action.effects\n\tcount([l | not e#.count; some l in e#.resource.labels]) == 0",
    "every e in input.action.effects { e.verb in data.org.reading; not e.count }",
    "count({t | some t in input.action.args; contains(t, \"a\")}) > 0",
    "text# := [t | t := input.action.args.text]\n\tnot \"a\" in text#",
    "helper",
    "not helper",
    "to_number(input.action.args.count) > 3",
];

fn statement() -> impl Strategy<Value = String> {
    let call = (select(&["contains", "startswith", "endswith"][..]), select(PLACES), select(NEEDLES), select(FORMS));
    let call = call.prop_map(|(function, place, text, form)| {
        // The place last: it may hold signs of the form itself.
        form.replace('!', function).replace('%', text).replace('@', place)
    });
    prop_oneof![3 => call, 4 => select(OTHERS).prop_map(str::to_owned)]
}

fn body() -> impl Strategy<Value = String> {
    proptest::collection::vec(statement(), 1..5).prop_map(|statements| {
        let numbered = statements.iter().enumerate().map(|(number, text)| text.replace('#', &number.to_string()));
        numbered.collect::<Vec<_>>().join("\n\t")
    })
}

fn leaf() -> impl Strategy<Value = Json> {
    select(vec![
        json!("abc"),
        json!("a"),
        json!("A"),
        json!(""),
        json!("zzb"),
        json!("ab\"c"),
        json!("caf\u{e9}"),
        json!("cafe\u{301}"),
        json!("x\u{0}a"),
        json!(7),
        json!(1.5),
        json!(null),
        json!(true),
        json!(["a", 7]),
        json!({"text": "a", "b": "abc"}),
        json!([]),
    ])
}

fn args() -> impl Strategy<Value = Json> {
    let keys = &["text", "a.b", "a/b", "a", "list", "deep", "count", "Text", "", "b"][..];
    let deep = leaf().prop_map(|value| json!({ "text": value }));
    let value = prop_oneof![3 => leaf(), 1 => deep];
    let object = proptest::collection::btree_map(select(keys), value, 0..6).prop_map(|fields| json!(fields));
    let many = (0..100).map(|number| (format!("k{number}"), json!("abc"))).chain([("text".to_owned(), json!("xa"))]);
    prop_oneof![8 => object, 2 => leaf(), 1 => Just(Json::Object(many.collect()))]
}

fn all_facts() -> Vec<Facts> {
    let mut runner = TestRunner::deterministic();
    let strategy = (facts(), args()).prop_map(|(mut facts, args)| {
        facts.action.args = args;
        facts
    });
    (0..FACTS).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn of_bodies(bodies: &[String]) -> Bundle {
    let files = bodies.iter().enumerate().map(|(number, body)| SourceFile {
        path: format!("r{number}.rego"),
        text: format!(
            "# METADATA\n# title: T\npackage holdshort.rules.r{number}\n\
             import input.action.args as sent\nimport input.request as wish\n\
             deny contains \"one\" if {{\n\t{body}\n}}\n\
             observe contains wanted if {{\n\tinput.action.kind in kinds\n\thelper\n\teither\n\tkey\n\tneedles\n\thas(\"a\", \"b\")\n\
             \tsent\n\twish\n}}\n\
             kinds := {{\"prompt.get\", \"tool.call\"}}\nwanted := \"a\"\nkey := \"text\"\nneedles := [\"a\"]\n\
             either := \"a\" if input.action.name == \"a\"\neither := \"b\" if input.action.name != \"a\"\n\
             helper if contains(input.action.args.text, \"b\")\n\
             has(text, part) if contains(text, part)\n\
             examples := [\n{{\"name\": \"y\", \"input\": {{}}, \"expect\": [\"deny\"]}},\n\
             {{\"name\": \"n\", \"input\": {{}}, \"expect\": []}},\n]\n"
        ),
    });
    let org = json!({
        "mixed": ["files", 7], "kinds": ["tool.call"], "reading": ["read", "send"], "writing": ["write", "delete"],
    });
    Bundle { files: files.collect(), data: org }
}

/// The rules that load.
fn bodies() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let strategy = body();
    let mut bodies: Vec<String> = (0..RULES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    bodies.retain(|body| {
        // Two loops over very many arguments use up the budget, and there is nothing to compare.
        if body.matches("[_],").count() + body.matches("[_])").count() > 1 {
            return false;
        }
        let loaded = read(&of_bodies(std::slice::from_ref(body)), &LoadOptions::default());
        loaded.is_ok_and(|loaded| RegoEngine::build(&loaded, 1).is_ok())
    });
    bodies
}

#[test]
fn rules_made_by_chance_mean_the_same_sliced_or_not() {
    let (bodies, samples) = (bodies(), all_facts());
    let (mut guarded, mut fired) = (0, 0);
    for bodies in bodies.chunks(POLICIES) {
        let loaded = read(&of_bodies(bodies), &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let units = loaded.policies.iter().flat_map(|policy| &policy.units);
        guarded += units.filter(|(unit, guard)| unit.rule == crate::Rule::Deny && !guard.is_always()).count();
        fired += check(bodies, &loaded, &samples);
    }
    assert!(bodies.len() * 2 > RULES && guarded * 4 > bodies.len(), "{} load, {guarded} have a guard", bodies.len());
    assert!(fired * 3 > bodies.len(), "only {fired} of {} ever fire", bodies.len());
}

/// How many of the rules fire for any of these facts.
fn check(bodies: &[String], loaded: &Loaded, samples: &[Facts]) -> usize {
    let sliced = RegoEngine::build(loaded, 1).unwrap();
    let unsliced = RegoEngine::build_unsliced(loaded).unwrap();
    let mut interpreter = Engine::new();
    for file in of_bodies(bodies).files {
        interpreter.add_policy(file.path, file.text).unwrap();
    }
    interpreter.add_data(loaded.data.clone()).unwrap();
    interpreter.set_strict_builtin_errors(false);
    let mut fired = BTreeSet::new();
    for facts in samples {
        let (expected, found) = (of_engine(&unsliced, facts), of_engine(&sliced, facts));
        let shown = || serde_json::to_string(facts).unwrap();
        if let Some((policy, rule, _)) = expected.symmetric_difference(&found).next() {
            let number: usize = policy.rsplit_once(".r").unwrap().1.parse().unwrap();
            panic!("{rule} of the rule\n\t{}\nis not the same sliced: {}", bodies[number], shown());
        }
        interpreter.set_input(Value::from(serde_json::to_value(facts).unwrap()));
        for (number, body) in bodies.iter().enumerate() {
            let policy = format!("holdshort.rules.r{number}");
            // The interpreter stops where it iterates over what cannot be iterated; the others go on.
            let Ok(set) = interpreter.eval_rule(format!("data.{policy}.deny")) else { continue };
            let denied = found.iter().any(|(name, rule, _)| *name == policy && rule == "deny");
            assert_eq!(denied, !set.as_set().unwrap().is_empty(), "interpreter:\n\t{body}\n{}", shown());
        }
        fired.extend(expected.into_iter().filter(|(_, rule, _)| rule == "deny").map(|(policy, ..)| policy));
    }
    fired.len()
}

/// Whether OPA takes what it negates out of the negation, so that it means something else there; see [`crate::rego::negated`].
fn is_taken_out(body: &str) -> bool {
    body.lines().filter_map(|line| line.trim().strip_prefix("not ")).any(|negated| negated.contains('('))
}

#[test]
fn rules_made_by_chance_mean_the_same_in_opa() {
    let mut bodies = bodies();
    bodies.retain(|body| !is_taken_out(body));
    bodies.truncate(RULES_OPA);
    let bundle = of_bodies(&bodies);
    let loaded = read(&bundle, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let sliced = RegoEngine::build(&loaded, 1).unwrap();
    let samples: Vec<Facts> = all_facts().into_iter().take(FACTS_OPA).collect();
    let Some(answers) = answers_of_opa(&bundle, &loaded, &samples, true) else { return };
    let (mut asked, mut fired) = (0, 0);
    for (facts, answer) in samples.iter().zip(&answers) {
        let found = of_engine(&sliced, facts);
        for (number, body) in bodies.iter().enumerate() {
            let Some(given) = answer[format!("r{number}")]["deny"].as_array() else { continue };
            let policy = format!("holdshort.rules.r{number}");
            let denied = found.iter().any(|(name, rule, _)| *name == policy && rule == "deny");
            assert_eq!(denied, !given.is_empty(), "\n\t{body}\n{}", serde_json::to_string(facts).unwrap());
            asked += 1;
            fired += usize::from(denied);
        }
    }
    assert!(asked * 2 > bodies.len() * samples.len() && fired > FACTS_OPA, "{asked} answers, {fired} fired");
}
