# METADATA
# title: Pages that others want to be opened
# description: |
#   To open a URL is to send something: its host learns that, when, and whatever stands in the address. The URL has to come
#   from the person, from a typed field, from messages that the person named, or from the host that is open already.
# custom:
#   severity: medium
#   frameworks: [OWASP-ASI01, OWASP-LLM02]
package holdshort.rules.flow_fetch

import data.holdshort.rules.flow

ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.verb == "read"
	effect.resource.kind == "url"
	flow.exposed
	flow.fetches
	some pointer, provenance in input.provenance
	provenance.role == "target"
	provenance.address
	not believed(provenance)
	message := sprintf(
		"`%s` of `%s` is an address that the person did not give (from %s); a person has to confirm it",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

believed(provenance) if provenance.known

believed(provenance) if provenance.origin in {"request", "field"}

# In messages or records that the person named, not in a page: pages link wherever they like.
believed(provenance) if {
	not flow.strict
	provenance.origin == "named"
	not provenance.sources[0].document
}

believed(provenance) if {
	not flow.strict
	provenance.origin == "named"
	regex.match(`\b(links?|urls?|references?)\b`, lower(input.context.intent))
}

# Another page of a host that the request leads to.
believed(provenance) if {
	not flow.strict
	input.request.asks == "open"
	provenance.origin == "prose"
	not provenance.sources[0].document
}

examples := [
	{
		"name": "a page tells the agent to open another one",
		"input": {
			"request": {"known": true, "asks": "call"},
			"labels": {"integrity": "untrusted"},
			"context": {"intent": "Read the article"},
			"provenance": {"/url": {
				"role": "target", "origin": "named", "address": true, "known": false,
				"sources": [{"id": "get_page#1", "reach": "named", "document": true}],
			}},
			"action": {"name": "get_page", "effects": [{"verb": "read", "resource": {"kind": "url"}}, {"verb": "send", "resource": {"kind": "url"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "a link in the messages that the person named",
		"input": {
			"request": {"known": true, "asks": "call"},
			"labels": {"integrity": "untrusted"},
			"context": {"intent": "Summarise what Bob posted"},
			"provenance": {"/url": {
				"role": "target", "origin": "named", "address": true, "known": false,
				"sources": [{"id": "read_messages#1", "reach": "named", "document": false}],
			}},
			"action": {"name": "get_page", "effects": [{"verb": "read", "resource": {"kind": "url"}}]},
		},
		"expect": [],
	},
]
