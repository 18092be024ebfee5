# METADATA
# title: Addresses that others put into a message
# description: |
#   A page makes the agent send its link to a colleague in the name of a person whom the colleague trusts. An address in the
#   text of what goes out has to come from the person, from a typed field, or from a source that the person named while
#   asking for such addresses.
# custom:
#   severity: medium
#   frameworks: [OWASP-ASI01, OWASP-ASI09]
package holdshort.rules.flow_content

import data.holdshort.rules.flow

ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.verb in {"send", "spend"}
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	provenance.role == "content"
	provenance.address
	not flow.fetches
	not believed(provenance)
	message := sprintf(
		"`%s` of `%s` carries an address that the person did not give (from %s); a person has to confirm it",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

believed(provenance) if provenance.known

believed(provenance) if provenance.origin in {"request", "field"}

believed(provenance) if {
	not flow.strict
	not flow.exposed
}

believed(provenance) if {
	not flow.strict
	provenance.origin == "named"
	regex.match(`\b(send|share|forward|post|give|tell|list|include|write|mail|email|message)\b[^.]{0,80}\b(links?|urls?|contact|contacts|phone|iban|account numbers?|e-?mail address(es)?|addresses|references?)\b`, lower(input.context.intent))
}

examples := [
	{
		"name": "a link from a page in a message",
		"input": {
			"request": {"known": true, "asks": "call"},
			"labels": {"integrity": "untrusted"},
			"provenance": {"/body": {"role": "content", "origin": "prose", "address": true, "known": false}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "the links that the person wants to have",
		"input": {
			"request": {"known": true, "asks": "call"},
			"context": {"intent": "Send Ann the links in notes.txt"},
			"labels": {"integrity": "untrusted"},
			"provenance": {"/body": {"role": "content", "origin": "named", "address": true, "known": false}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"expect": [],
	},
	{
		"name": "a text without addresses",
		"input": {
			"request": {"known": true, "asks": "call"},
			"labels": {"integrity": "untrusted"},
			"provenance": {"/body": {"role": "content", "origin": "prose", "address": false, "known": false}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"expect": [],
	},
]
