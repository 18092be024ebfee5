# METADATA
# title: Data about many persons leaves only with a person's consent
# description: |
#   One address in a message is how messages are. Many of them, or many numbers of cards, accounts and identities, are a list of
#   customers, and a person looks at it before it leaves the organisation.
# custom:
#   severity: high
#   frameworks: [OWASP-LLM02, OWASP-ASI02, GDPR-5]
#   org:
#     personal_data_max: 20
package holdshort.rules.personal_data_out

import data.holdshort.rules.destinations

ask contains message if {
	some found in input.signals.personal_data
	found.confidence >= 50
	some effect in input.action.effects
	effect.verb == "send"
	not destinations.is_internal(effect.resource)
	total > data.org.personal_data_max
	message := sprintf(
		"`%s` would send data about persons to %s: %d items (%s); a person has to look at it. Up to %d need no question, and neither does a destination inside the organisation",
		[input.action.name, destinations.name(effect.resource), total, concat(", ", kinds), data.org.personal_data_max],
	)
}

total := sum([number | some found in input.signals.personal_data; found.confidence >= 50; number := found.count])

kinds := sort({kind | some found in input.signals.personal_data; kind := found.kind})

examples := [
	{
		"name": "a list of customers goes outside",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "crm.example"}}]},
			"signals": {"personal_data": [{"kind": "email", "count": 18}, {"kind": "phone", "count": 18}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "the organisation sets the limit",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "crm.example"}}]},
			"signals": {"personal_data": [{"kind": "iban", "count": 2}]},
		},
		"org": {"personal_data_max": 0},
		"expect": ["ask"],
	},
	{
		"name": "a message with a signature",
		"input": {
			"action": {"name": "send_mail", "effects": [{"verb": "send", "resource": {"kind": "mail", "host": "partner.example"}}]},
			"signals": {"personal_data": [{"kind": "email", "count": 2}, {"kind": "phone", "count": 1}]},
		},
		"expect": [],
	},
	{
		"name": "inside the organisation",
		"input": {
			"action": {"name": "send_mail", "effects": [{"verb": "send", "resource": {"kind": "mail", "host": "corp.example"}}]},
			"signals": {"personal_data": [{"kind": "email", "count": 400}]},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": [],
	},
	{
		"name": "a report is written in the workspace",
		"input": {
			"action": {"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project/a.csv"}}]},
			"signals": {"personal_data": [{"kind": "email", "count": 400}]},
		},
		"expect": [],
	},
]
