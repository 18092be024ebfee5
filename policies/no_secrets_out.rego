# METADATA
# title: Secrets are not sent to the outside
# description: |
#   Arguments of anything that sends, or whose effects nobody knows, are searched for the well-known forms of keys and
#   tokens. About other secrets that the detector finds, decoded forms included, a person is asked: it is less sure of them.
#   The organisation's own secrets are `own_secrets`' matter.
# custom:
#   severity: critical
#   frameworks: [OWASP-ASI02, OWASP-LLM02]
#   org:
#     secret_confidence_min: 70
package holdshort.rules.no_secrets_out

import data.holdshort.rules.destinations

secret := concat("|", [
	`-----BEGIN [A-Z ]{0,20}PRIVATE KEY`,
	`\b(AKIA|ASIA)[A-Z0-9]{16}\b`,
	`\bgh[pousr]_[A-Za-z0-9]{36}`,
	`\bgithub_pat_[A-Za-z0-9_]{40}`,
	`\bglpat-[A-Za-z0-9_-]{20}`,
	`\bxox[abposr]-[A-Za-z0-9-]{10}`,
	`\bsk-(ant-|proj-)?[A-Za-z0-9_-]{24}`,
	`\bsk_live_[A-Za-z0-9]{16}`,
	`\bAIza[A-Za-z0-9_-]{35}`,
	`\bnpm_[A-Za-z0-9]{36}`,
	`\bhs_[A-Za-z0-9_-]{32}`,
])

deny contains message if {
	some effect in input.action.effects
	effect.verb == "send"
	not destinations.is_internal(effect.resource)
	regex.match(secret, json.marshal(input.action.args))
	message := sprintf(
		"the arguments of `%s` contain a key or token, and would be sent to %s; leave the secret out, or refer to it by name",
		[input.action.name, destinations.name(effect.resource)],
	)
}

deny contains message if {
	some effect in input.action.effects
	effect.certainty in {"unknown", "unprovable"}
	regex.match(secret, json.marshal(input.action.args))
	message := sprintf(
		"the arguments of `%s` contain a key or token, and nothing says what it does with them; leave the secret out, or declare the tool in the catalog",
		[input.action.name],
	)
}

ask contains message if {
	some found in input.signals.secrets
	not found.own
	found.confidence >= data.org.secret_confidence_min
	some effect in input.action.effects
	effect.verb == "send"
	not destinations.is_internal(effect.resource)
	message := sprintf(
		"`%s` of `%s` seems to hold a secret (%s), and would be sent to %s; leave it out, or let a person look at it",
		[found.at, input.action.name, found.rule, destinations.name(effect.resource)],
	)
}

examples := [
	{
		"name": "a secret that only the detector sees",
		"input": {
			"action": {
				"name": "post_message",
				"args": {"text": "cGFzc3dvcmQ="},
				"effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}],
			},
			"signals": {"secrets": [{"rule": "generic-api-key", "decoded": "base64", "confidence": 80}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "a detector that is not sure is no reason",
		"input": {
			"action": {
				"name": "post_message",
				"args": {"text": "key=abc"},
				"effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}],
			},
			"signals": {"secrets": [{"rule": "generic-api-key", "confidence": 40}]},
		},
		"expect": [],
	},
	{
		"name": "a cloud key in a message is refused",
		"input": {"action": {
			"name": "post_message",
			"args": {"text": "use AKIAIOSFODNN7EXAMPLE please"},
			"effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a private key goes to a tool that nobody knows",
		"input": {"action": {
			"name": "frobnicate",
			"args": {"blob": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"},
			"effects": [{"verb": "execute", "resource": {"kind": "tool"}, "certainty": "unknown"}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "inside the organisation it may travel",
		"input": {"action": {
			"name": "store_secret",
			"args": {"value": "AKIAIOSFODNN7EXAMPLE"},
			"effects": [{"verb": "send", "resource": {"kind": "url", "host": "vault.corp.example"}}],
		}},
		"org": {"internal_domains": ["corp.example"]},
		"expect": [],
	},
	{
		"name": "a message without a secret is fine",
		"input": {"action": {
			"name": "post_message",
			"args": {"text": "the build is green"},
			"effects": [{"verb": "send", "resource": {"kind": "url", "host": "hooks.example"}}],
		}},
		"expect": [],
	},
]
