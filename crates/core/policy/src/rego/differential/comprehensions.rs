//! Comprehensions in loops, loops in comprehensions: what fails inside ends nothing outside.

use super::*;

/// Bodies in which a condition fails in a comprehension, with and without a loop of its own and one around it.
const BODIES: &[&str] = &[
    "some e in input.action.effects\n\tcount([1 | e.verb == \"delete\"]) == 0",
    "count([1 | input.action.kind == \"tool.call\"]) == 0",
    "count({1 | input.action.kind == \"tool.call\"}) == 1",
    "count({\"a\": 1 | input.action.kind == \"tool.call\"}) == 0",
    "some e in input.action.effects\n\tcount([l | some l in e.resource.labels; l == \"public\"]) == 0",
    "some e in input.action.effects\n\tcount([l | e.verb == \"read\"; some l in e.resource.labels]) == 0",
    "some e in input.action.effects\n\tx := [h | h := e.resource.host]\n\tcount(x) == 0",
    "x := [h | h := input.tool.name]\n\tcount(x) == 1",
    "x := [h | h := input.tool.name]\n\tcount(x) == 0",
    "some e in input.action.effects\n\tx := [h | not e.count; h := e.verb]\n\tcount(x) == 0",
    "some e in input.action.effects\n\tx := {l | some l in e.resource.labels; y := {v | v := e.count}; count(y) == 0}\n\tcount(x) == 0",
    "every e in input.action.effects { count([1 | e.verb == \"delete\"]) == 0 }",
    "some e in input.action.effects\n\tevery x in [1 | e.verb == \"read\"] { x == 2 }",
    "every x in [1 | input.action.kind == \"tool.call\"] { x == 2 }",
    "not count([1 | input.action.kind == \"tool.call\"]) > 0",
    "some e in input.action.effects\n\tnot \"public\" in [l | e.verb == \"read\"; some l in e.resource.labels]",
    "not \"read\" in [v | some e in input.action.effects; e.count > 2; v := e.verb]",
    "some v in {v | e := input.action.effects[0]; e.count > 2; v := e.verb}\n\tv != \"read\"",
    "x := [y | z := [1 | input.action.kind == \"tool.call\"]; count(z) == 0; y := 1]\n\tcount(x) == 1",
    "some e in input.action.effects\n\tx := [y | z := [1 | e.verb == \"read\"]; count(z) == 0; y := 1]\n\tcount(x) == 1",
    "count([1 | every e in input.action.effects { e.verb == \"read\" }]) == 0",
    "some e in input.action.effects\n\tcount([1 | every l in e.resource.labels { l == \"public\" }]) == 0",
    "some e in input.action.effects\n\tcount([1 | not e.count]) == 0",
    "some e in input.action.effects\n\tx := sum([c | c := e.count])\n\tx < 3",
    "count([i | input.action.effects[i].verb == \"read\"; i > 0]) == 0",
    "some i, e in input.action.effects\n\tcount([j | some j, f in input.action.effects; j > i; f.verb == e.verb]) > 0",
    "some e in input.action.effects\n\te.verb in {v | v := input.action.effects[_].verb; v != \"read\"}",
    "some e in input.action.effects\n\tcount({r | r := e.resource[_]}) > 2",
    "found := [\"a\" |\n\t\t\"tool.call\" == input.action.kind]\n\tfound == []",
    "found := {`|` | `tool.call` == input.action.kind # the bar |\n\t}\n\tcount(found) == 0",
    "some e in input.action.effects\n\tstrings := {s | some s in [\"read\", \"x|y\"]; s == e.verb}\n\tcount(strings) == 0",
];

#[test]
fn what_fails_in_a_comprehension_ends_nothing_around_it() {
    check_here(&corpus_of(BODIES));
}

#[test]
fn comprehensions_mean_the_same_in_opa() {
    check_with_opa(&corpus_of(BODIES));
}
