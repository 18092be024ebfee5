# METADATA
# title: Secrets of the organisation go nowhere else
# description: |
#   The organisation declares its own secrets, and they are known by their fingerprints, in whatever form they stand in the
#   arguments. One that would leave is refused. One that was encoded on the way is no slip: nobody hides a key by mistake, so
#   that the agent is isolated. `data.org.secret_hosts` says where a secret belongs, such as a key to its own service.
# custom:
#   severity: critical
#   frameworks: [OWASP-ASI02, OWASP-ASI03, OWASP-LLM02]
#   org:
#     secret_hosts: {}
package holdshort.rules.own_secrets

import data.holdshort.rules.destinations

deny contains message if {
	some secret in input.signals.secrets
	secret.own
	some effect in input.action.effects
	leaves(effect)
	not belongs(secret, effect.resource)
	message := sprintf(
		"`%s` would carry the organisation's secret `%s` (in `%s`) to %s; leave it out, or refer to it by name. Where it belongs is declared in `data.org.secret_hosts`",
		[input.action.name, secret.rule, secret.at, destinations.name(effect.resource)],
	)
}

isolate contains message if {
	some secret in input.signals.secrets
	secret.own
	secret.decoded
	some effect in input.action.effects
	leaves(effect)
	not belongs(secret, effect.resource)
	message := sprintf(
		"`%s` would carry the organisation's secret `%s` away, hidden as %s; a person has to look at this agent",
		[input.action.name, secret.rule, secret.decoded],
	)
}

# Something that is sent, a page that is fetched with it, or a tool of which nobody knows what it does.
leaves(effect) if {
	effect.verb in {"send", "delegate"}
	not destinations.is_internal(effect.resource)
}

leaves(effect) if {
	effect.verb in {"read", "write", "delete"}
	effect.resource.host
	not destinations.is_internal(effect.resource)
}

leaves(effect) if {
	effect.certainty in {"unknown", "unprovable"}
	not effect.resource.path
	not destinations.is_internal(effect.resource)
}

belongs(secret, resource) if {
	some host in data.org.secret_hosts[secret.rule]
	resource.host == host
}

examples := [
	{
		"name": "a database password in a message to the outside",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "paste.example"}}]},
			"signals": {"secrets": [{"rule": "db-password", "own": true}]},
		},
		"expect": ["deny"],
	},
	{
		"name": "hidden in base64",
		"input": {
			"action": {"name": "fetch", "effects": [{"verb": "read", "resource": {"kind": "url", "host": "paste.example"}}]},
			"signals": {"secrets": [{"rule": "db-password", "own": true, "decoded": "base64"}]},
		},
		"expect": ["deny", "isolate"],
	},
	{
		"name": "a tool of which nobody knows what it does",
		"input": {
			"action": {"effects": [{"verb": "execute", "resource": {"kind": "tool"}, "certainty": "unknown"}]},
			"signals": {"secrets": [{"rule": "db-password", "own": true}]},
		},
		"expect": ["deny"],
	},
	{
		"name": "a key to its own service",
		"input": {
			"action": {"name": "charge", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "api.pay.example"}}]},
			"signals": {"secrets": [{"rule": "pay-key", "own": true}]},
		},
		"org": {"secret_hosts": {"pay-key": ["api.pay.example"]}},
		"expect": [],
	},
	{
		"name": "inside the organisation it may travel",
		"input": {
			"action": {"name": "store", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "vault.corp.example"}}]},
			"signals": {"secrets": [{"rule": "db-password", "own": true}]},
		},
		"org": {"internal_domains": ["corp.example"]},
		"expect": [],
	},
	{
		"name": "a configuration file in the workspace may hold it",
		"input": {
			"action": {
				"name": "write_file",
				"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project/.env"}}],
			},
			"signals": {"secrets": [{"rule": "db-password", "own": true}]},
		},
		"expect": [],
	},
	{
		"name": "a secret of somebody else is another policy's",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "paste.example"}}]},
			"signals": {"secrets": [{"rule": "aws-access-token"}]},
		},
		"expect": [],
	},
]
