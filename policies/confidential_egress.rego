# METADATA
# title: What a session has read decides where it may send
# description: |
#   Once a session has read classified data, anything that it sends can contain some of it, in whatever words. So from
#   then on a person is asked before something leaves the organisation, and after the highest level nothing leaves.
#   Labels are declared (`[classification]`, `[[labels]]`, `output` in `[[catalog]]`): without declarations this never
#   fires. It is coarse on purpose: it looks at the session, not at the value that is sent.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI02, OWASP-LLM02]
#   org:
#     egress_ask_levels: [confidential]
#     egress_deny_levels: [restricted]
#     egress_ask_categories: [credentials, health, payment]
package holdshort.rules.confidential_egress

import data.holdshort.rules.destinations

deny contains message if {
	some effect in input.action.effects
	effect.verb == "send"
	input.labels.confidentiality in data.org.egress_deny_levels
	not destinations.is_internal(effect.resource)
	message := refusal(effect)
}

deny contains message if {
	some effect in input.action.effects
	effect.verb == "write"
	input.labels.confidentiality in data.org.egress_deny_levels
	is_elsewhere(effect.resource)
	message := refusal(effect)
}

ask contains message if {
	some effect in input.action.effects
	effect.verb == "send"
	input.labels.confidentiality in data.org.egress_ask_levels
	not destinations.is_internal(effect.resource)
	message := question(effect, input.labels.confidentiality)
}

ask contains message if {
	some effect in input.action.effects
	effect.verb == "send"
	some category in input.labels.categories
	category in data.org.egress_ask_categories
	not destinations.is_internal(effect.resource)
	message := question(effect, category)
}

ask contains message if {
	some effect in input.action.effects
	effect.verb == "write"
	input.labels.confidentiality in data.org.egress_ask_levels
	is_elsewhere(effect.resource)
	message := question(effect, input.labels.confidentiality)
}

ask contains message if {
	some effect in input.action.effects
	effect.verb == "write"
	some category in input.labels.categories
	category in data.org.egress_ask_categories
	is_elsewhere(effect.resource)
	message := question(effect, category)
}

# A place on the network outside the organisation. What has no host, such as a file, is here.
is_elsewhere(resource) if {
	resource.host
	not destinations.is_internal(resource)
}

refusal(effect) := sprintf(
	"`%s` would carry something to %s, and this session has read %s data; use a destination inside the organisation, or a session that has not read it. A person can lower the label: `holdshort labels declassify`",
	[input.action.name, destinations.name(effect.resource), input.labels.confidentiality],
)

question(effect, label) := sprintf(
	"`%s` would carry something to %s, and this session has read data of the class `%s`; a person has to look at what leaves. A destination inside the organisation needs no question",
	[input.action.name, destinations.name(effect.resource), label],
)

examples := [
	{
		"name": "after confidential data a person looks at what goes to an outside host",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}]},
			"labels": {"integrity": "trusted", "confidentiality": "confidential"},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": ["ask"],
	},
	{
		"name": "and at what goes to a person outside",
		"input": {
			"action": {
				"name": "send_email",
				"effects": [{"verb": "send", "resource": {"kind": "mail", "id": "eve@rival.example", "host": "rival.example"}}],
			},
			"labels": {"integrity": "trusted", "confidentiality": "confidential"},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": ["ask"],
	},
	{
		"name": "after restricted data nothing is sent outside",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}]},
			"labels": {"integrity": "untrusted", "confidentiality": "restricted"},
		},
		"expect": ["deny"],
	},
	{
		"name": "nor written to a place on the network",
		"input": {
			"action": {"name": "put_object", "effects": [{"verb": "write", "resource": {"kind": "url", "host": "bucket.example"}}]},
			"labels": {"integrity": "trusted", "confidentiality": "restricted"},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": ["deny"],
	},
	{
		"name": "data about payments is asked about whatever its level, and a person sees both reasons",
		"input": {
			"action": {"name": "put_object", "effects": [{"verb": "write", "resource": {"kind": "url", "host": "bucket.example"}}]},
			"labels": {"integrity": "trusted", "confidentiality": "internal", "categories": ["payment", "personal"]},
		},
		"expect": ["ask"],
	},
	{
		"name": "the organisation sets the levels",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}]},
			"labels": {"integrity": "trusted", "confidentiality": "secret"},
		},
		"org": {"egress_deny_levels": ["secret"]},
		"expect": ["deny"],
	},
	{
		"name": "inside the organisation it may travel",
		"input": {
			"action": {
				"name": "send_email",
				"effects": [{"verb": "send", "resource": {"kind": "mail", "id": "bo@corp.example", "host": "corp.example"}}],
			},
			"labels": {"integrity": "trusted", "confidentiality": "restricted", "categories": ["health"]},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": [],
	},
	{
		"name": "a file in the workspace is written",
		"input": {
			"action": {"name": "write_file", "effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project/a"}}]},
			"labels": {"integrity": "trusted", "confidentiality": "restricted"},
		},
		"expect": [],
	},
	{
		"name": "reading on is fine",
		"input": {
			"action": {"name": "read_file", "effects": [{"verb": "read", "resource": {"kind": "file", "path": "/srv/hr/a"}}]},
			"labels": {"integrity": "trusted", "confidentiality": "restricted"},
		},
		"expect": [],
	},
	{
		"name": "internal data is no reason to ask",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}]},
			"labels": {"integrity": "untrusted", "confidentiality": "internal", "categories": ["personal"]},
		},
		"expect": [],
	},
	{
		"name": "where nothing is classified, it says nothing",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}]},
			"labels": {"integrity": "untrusted"},
		},
		"expect": [],
	},
]
