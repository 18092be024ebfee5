# METADATA
# title: Classified documents are not sent to the outside
# description: |
#   Labels come with the resource, from the catalog of the organisation. Inside is what `data.org.internal_domains`
#   names; a destination without a host is outside, since nobody knows where it is.
# custom:
#   severity: critical
#   frameworks: [OWASP-ASI02, OWASP-LLM02]
#   org:
#     classified_labels: [confidential, restricted, secret]
package holdshort.rules.classified_stays_inside

import data.holdshort.rules.destinations

deny contains message if {
	some sent in input.action.effects
	sent.verb == "send"
	some touched in input.action.effects
	some label in touched.resource.labels
	label in data.org.classified_labels
	not destinations.is_internal(sent.resource)
	message := sprintf(
		"`%s` would send something classified as %s to %s; send it to a destination inside the organisation, or a version without the classified part",
		[input.action.name, label, destinations.name(sent.resource)],
	)
}

examples := [
	{
		"name": "a confidential file goes to an unknown host",
		"input": {"action": {
			"name": "upload",
			"effects": [
				{"verb": "read", "resource": {"kind": "file", "path": "/docs/plan.pdf", "labels": ["confidential"]}},
				{"verb": "send", "resource": {"kind": "url", "host": "paste.example"}},
			],
		}},
		"org": {"internal_domains": ["corp.example"]},
		"expect": ["deny"],
	},
	{
		"name": "a destination that nobody declared is outside",
		"input": {"action": {
			"name": "share",
			"effects": [
				{"verb": "read", "resource": {"kind": "file", "path": "/docs/plan.pdf", "labels": ["secret"]}},
				{"verb": "send", "resource": {"kind": "tool"}},
			],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a confidential file stays inside",
		"input": {"action": {
			"name": "upload",
			"effects": [
				{"verb": "read", "resource": {"kind": "file", "path": "/docs/plan.pdf", "labels": ["confidential"]}},
				{"verb": "send", "resource": {"kind": "url", "host": "files.corp.example"}},
			],
		}},
		"org": {"internal_domains": ["corp.example"]},
		"expect": [],
	},
	{
		"name": "a domain that only looks alike is outside",
		"input": {"action": {
			"name": "upload",
			"effects": [{
				"verb": "send",
				"resource": {"kind": "url", "host": "evilcorp.example", "labels": ["confidential"]},
			}],
		}},
		"org": {"internal_domains": ["corp.example"]},
		"expect": ["deny"],
	},
	{
		"name": "what is not classified may be sent",
		"input": {"action": {
			"name": "upload",
			"effects": [
				{"verb": "read", "resource": {"kind": "file", "path": "/docs/flyer.pdf", "labels": ["public"]}},
				{"verb": "send", "resource": {"kind": "url", "host": "paste.example"}},
			],
		}},
		"expect": [],
	},
]
