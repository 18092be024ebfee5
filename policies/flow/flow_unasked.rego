# METADATA
# title: Nobody asked for it
# description: |
#   An agent moved money, sent a message or deleted something that its person had not asked for, because a page said so.
#   What moves money, leaves, removes or changes authority has to be asked for by the person, or a person confirms it.
#   Nothing here depends on how the page said it.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI01, OWASP-LLM01, OWASP-LLM06]
package holdshort.rules.flow_unasked

import data.holdshort.rules.flow

ask contains message if {
	input.request.known
	input.request.asks == "no"
	some effect in input.action.effects
	effect.verb in {"spend", "delete", "delegate", "grant"}
	message := sprintf(
		"the request does not ask for `%s`, which would %s; a person has to confirm it",
		[input.action.name, effect.verb],
	)
}

ask contains message if {
	input.request.known
	input.request.asks == "no"
	some effect in input.action.effects
	effect.verb == "send"
	not flow.fetches
	message := sprintf(
		"the request does not ask for `%s`, which would send something; a person has to confirm it",
		[input.action.name],
	)
}

# "Do what is on my list" is no authority to move money or to give rights away.
ask contains message if {
	input.request.asks == "open"
	some effect in input.action.effects
	effect.verb in {"delete", "delegate"}
	message := sprintf(
		"the request leaves open what to do, and `%s` would %s; a person has to confirm it",
		[input.action.name, effect.verb],
	)
}

ask contains message if {
	input.request.asks == "open"
	some effect in input.action.effects
	effect.verb == "spend"
	some provenance in input.provenance
	provenance.role == "target"
	provenance.address
	message := sprintf(
		"the request leaves open what to do, and `%s` would pay somebody; a person has to confirm it",
		[input.action.name],
	)
}

ask contains message if {
	input.request.asks == "open"
	some effect in input.action.effects
	effect.verb == "grant"
	unchosen
	message := sprintf(
		"the request leaves open what to do, and `%s` would change what somebody may do; a person has to confirm it",
		[input.action.name],
	)
}

# Balanced: members and groups that tools list are there already; anything else gives rights to a stranger.
unchosen if flow.strict

unchosen if count(input.provenance) == 0

unchosen if not input.provenance

unchosen if {
	some provenance in input.provenance
	provenance.role == "target"
	not provenance.origin in {"request", "field"}
}

# A change that nobody asked for and that something the agent read speaks of.
ask contains message if {
	input.request.known
	input.request.asks == "no"
	some effect in input.action.effects
	effect.verb == "write"
	flow.exposed
	some source in input.request.steered_by
	message := sprintf(
		"the request does not ask for `%s`, and `%s` speaks of it; a person has to confirm it",
		[input.action.name, source],
	)
}

# Nobody can say what it does, and nobody asked for it.
ask contains message if {
	input.request.known
	input.request.asks == "no"
	some effect in input.action.effects
	effect.verb == "execute"
	effect.certainty == "unknown"
	flow.exposed
	message := sprintf(
		"the request does not ask for `%s`, and nothing says what it does; a person has to confirm it",
		[input.action.name],
	)
}

# A change that nobody asked for, at a place that a text names to which the request does not lead.
ask contains message if {
	input.request.known
	input.request.asks == "no"
	some effect in input.action.effects
	effect.verb in {"write", "execute"}
	flow.exposed
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	provenance.role in {"target", "setting"}
	provenance.origin in {"prose", "instruction"}
	message := sprintf(
		"the request does not ask for `%s`, and `%s` comes from %s; a person has to confirm it",
		[input.action.name, pointer, flow.source(provenance)],
	)
}

ask contains message if {
	input.request.known
	input.request.asks == "no"
	some effect in input.action.effects
	effect.verb in {"write", "execute"}
	flow.strict
	flow.exposed
	message := sprintf("the request does not ask for `%s`; a person has to confirm it", [input.action.name])
}

examples := [
	{
		"name": "money that nobody asked to move is asked about",
		"input": {
			"request": {"known": true, "asks": "no"},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "a list of tasks does not pay",
		"input": {
			"request": {"known": true, "asks": "open"},
			"provenance": {"/recipient": {"role": "target", "origin": "field", "address": true}},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "a note that a page asks for, and the person does not",
		"input": {
			"request": {"known": true, "asks": "no", "steered_by": ["get_page#1"]},
			"labels": {"integrity": "untrusted"},
			"action": {"name": "create_note", "effects": [{"verb": "write", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "strict: a change that nobody asked for after reading a page",
		"input": {
			"request": {"known": true, "asks": "no"},
			"labels": {"integrity": "untrusted"},
			"action": {"name": "create_note", "effects": [{"verb": "write", "resource": {"kind": "tool"}}]},
		},
		"org": {"flow": "strict"},
		"expect": ["ask"],
	},
	{
		"name": "a tool of which nobody knows what it does",
		"input": {
			"request": {"known": true, "asks": "no"},
			"labels": {"integrity": "untrusted"},
			"action": {"name": "zap", "effects": [{"verb": "execute", "resource": {"kind": "tool"}, "certainty": "unknown"}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "an unasked message is asked about",
		"input": {
			"request": {"known": true, "asks": "no"},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "what the person asked for runs",
		"input": {
			"request": {"known": true, "asks": "call", "because": ["pay"]},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": [],
	},
	{
		"name": "without a known request nothing is said",
		"input": {
			"request": {"known": false, "asks": "no"},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": [],
	},
]
