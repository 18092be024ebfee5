# METADATA
# title: After a file with credentials was read, what goes outside is looked at
# description: |
#   The shape of a theft: one call reads a key, a later one sends, and neither is wrong by itself. Agents were made to
#   collect keys from the machine of a developer and to post them, encoded, where no pattern finds them. For half an hour
#   after a session has read a place where credentials are kept, a person is asked before it sends anything outside of
#   what `data.org.internal_domains` names. It needs no declarations: it goes by the path.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI02, OWASP-ASI03, OWASP-LLM02]
#   org:
#     credential_paths:
#       - "*/.ssh/id_*"
#       - "*/.aws/credentials"
#       - "*/.config/gcloud/*"
#       - "*/.azure/*"
#       - "*/.kube/config"
#       - "*/.docker/config.json"
#       - "*/.git-credentials"
#       - "*/.netrc"
#       - "*/.npmrc"
#       - "*/.pypirc"
#       - "*/.env"
#       - "*/.env.local"
#       - "*/.env.production"
#       - "*.pem"
#       - "*.p12"
#   sequences:
#     read:
#       operator: formerly_within
#       window: 30m
#       where: {verb: [read, execute], path: data.org.credential_paths}
package holdshort.rules.outside_after_credentials

import data.holdshort.rules.destinations

ask contains message if {
	some sent in input.action.effects
	sent.verb == "send"
	input.history.sequences["outside_after_credentials/read"].holds
	not destinations.is_internal(sent.resource)
	message := sprintf(
		"`%s` would send to %s, and this session has just read a file in which credentials are kept; a person has to look at what leaves. A destination inside the organisation needs no question, and neither does a new session that has not read it",
		[input.action.name, destinations.name(sent.resource)],
	)
}

examples := [
	{
		"name": "a message to the outside after a key was read",
		"input": {
			"action": {
				"name": "post",
				"effects": [{"verb": "send", "resource": {"kind": "url", "host": "paste.example"}}],
			},
			"history": {"sequences": {"outside_after_credentials/read": {"holds": true}}},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": ["ask"],
	},
	{
		"name": "a destination that nobody declared is outside",
		"input": {
			"action": {"name": "share", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
			"history": {"sequences": {"outside_after_credentials/read": {"holds": true}}},
		},
		"expect": ["ask"],
	},
	{
		"name": "a message inside",
		"input": {
			"action": {
				"name": "post",
				"effects": [{"verb": "send", "resource": {"kind": "url", "host": "chat.corp.example"}}],
			},
			"history": {"sequences": {"outside_after_credentials/read": {"holds": true}}},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": [],
	},
	{
		"name": "no key was read",
		"input": {"action": {
			"name": "post",
			"effects": [{"verb": "send", "resource": {"kind": "url", "host": "paste.example"}}],
		}},
		"expect": [],
	},
	{
		"name": "work in the workspace goes on",
		"input": {
			"action": {"effects": [{
				"verb": "write",
				"resource": {"kind": "file", "path": "/home/dev/project/a"},
				"count": 1,
			}]},
			"history": {"sequences": {"outside_after_credentials/read": {"holds": true}}},
		},
		"expect": [],
	},
]
