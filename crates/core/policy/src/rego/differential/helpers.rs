//! Rules and functions that other rules call: branches, defaults, sets, objects.

use super::*;

/// Helpers, and bodies that ask for them.
const CASES: &[(&str, &[&str])] = &[
    ("h := \"x\" if input.action.kind == \"tool.call\" else := \"y\"", &["h == \"x\"", "h == \"y\"", "not h == \"x\""]),
    (
        "h := \"x\" if { input.tool.pin == \"changed\" } else := \"y\" if { some e in input.action.effects; e.verb == \"delete\" }",
        &["h == \"x\"", "h == \"y\"", "not h"],
    ),
    (
        "h := \"x\" if { sends } else := \"y\" if { count([1 | some e in input.action.effects; e.count > 3]) > 0 } else := \"z\"\n\
         sends if { some e in input.action.effects; e.verb == \"send\" }",
        &["h == \"x\"", "h == \"y\"", "h == \"z\""],
    ),
    (
        "h := \"x\" if { every e in input.action.effects { e.verb == \"delete\" } } else := \"y\"",
        &["h == \"x\"", "h == \"y\""],
    ),
    ("h := n if { n := input.tool.name } else := input.action.server", &["h == \"b\"", "h == \"files\"", "not h"]),
    (
        "h(e) := n if { n := e.count } else := -1",
        &["some e in input.action.effects\n\th(e) == -1", "some e in input.action.effects\n\th(e) > 2"],
    ),
    (
        "default h := \"n\"\nh := \"x\" if { some e in input.action.effects; e.verb == \"delete\" }",
        &["h == \"n\"", "h == \"x\""],
    ),
    (
        "h if { some e in input.action.effects; e.verb == \"delete\" }\nh if input.tool.pin == \"changed\"",
        &["h", "not h", "h\n\tinput.action.kind == \"tool.call\""],
    ),
    (
        "h[e.verb] := true if some e in input.action.effects",
        &["h.read", "not h.read", "count(h) == 1", "some k, v in h\n\tv\n\tk == \"send\""],
    ),
    (
        "h contains x if some x in [\"a\", \"b\"]\nh contains \"c\" if input.tool.pin == \"changed\"",
        &["count(h) == 3", "h.c", "not h.c"],
    ),
    (
        "h contains e.verb if some e in input.action.effects",
        &[
            "\"read\" in h",
            "not \"read\" in h",
            "h[v]\n\tv != \"read\"",
            "every v in h { v in {\"read\", \"write\"} }",
            "h - {\"read\"} == set()",
        ],
    ),
    (
        "h contains [a, b] if { some a in verbs; some b in verbs; a != b }\nverbs contains e.verb if some e in input.action.effects",
        &["[\"read\", \"send\"] in h", "some [a, b] in h\n\ta == \"read\"\n\tb == \"send\""],
    ),
    (
        "h := {v: hosts | some v in verbs; hosts := {x | some e in input.action.effects; e.verb == v; x := e.resource.host}}\n\
         verbs contains e.verb if some e in input.action.effects",
        &["count(h) > 1", "h.read == set()", "some v, hosts in h\n\tcount(hosts) > 0", "not h[\"send\"]"],
    ),
    (
        "h(verb) if { some e in input.action.effects; e.verb == verb }",
        &[
            "h(\"read\")",
            "not h(\"read\")",
            "some e in input.action.effects\n\tnot h(e.verb)",
            "every v in [\"read\", \"send\"] { not h(v) }",
        ],
    ),
];

fn bundle() -> Bundle {
    let cases = CASES.iter().flat_map(|(helper, bodies)| bodies.iter().map(move |body| (helper, body)));
    let files = cases.enumerate().map(|(number, (helper, body))| SourceFile {
        path: format!("h{number}.rego"),
        text: format!(
            "# METADATA\n# title: T\npackage holdshort.rules.h{number}\n\
             deny contains \"one\" if {{\n\t{body}\n}}\n\
             ask contains \"two\" if {{\n\tinput.action.name == \"a\"\n\t{body}\n}}\n{helper}\n\
             examples := [\n{{\"name\": \"y\", \"input\": {{}}, \"expect\": [\"deny\"]}},\n\
             {{\"name\": \"n\", \"input\": {{}}, \"expect\": []}},\n]\n"
        ),
    });
    Bundle { files: files.collect(), data: Json::Null }
}

#[test]
fn helpers_mean_the_same_in_every_engine_of_ours() {
    check_here(&bundle());
}

#[test]
fn helpers_mean_the_same_in_opa() {
    check_with_opa(&bundle());
}
