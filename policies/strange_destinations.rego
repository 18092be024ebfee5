# METADATA
# title: Destinations that pretend to be something else
# description: |
#   The address at which a cloud machine gets its own credentials is nothing that an agent needs. A name that looks like one that
#   people know, or an address that is written so that it cannot be read, is shown to a person. Loopback and private addresses
#   are left alone: developers work with them all day.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI02, OWASP-LLM06, MITRE-ATTACK-T1552.005]
#   org:
#     forbidden_addresses: [metadata]
#     odd_notations: [userinfo, mixed-scripts, encoded-host]
package holdshort.rules.strange_destinations

deny contains message if {
	some destination in input.signals.destinations
	destination.special in data.org.forbidden_addresses
	message := sprintf(
		"`%s` would reach `%s`, where a machine keeps its own credentials (%s); use credentials that were given to the agent",
		[input.action.name, destination.host, destination.special],
	)
}

ask contains message if {
	some destination in input.signals.destinations
	not destination.known
	destination.looks_like
	message := sprintf(
		"`%s` would reach `%s`, which looks like `%s` and is not; a person has to confirm it",
		[input.action.name, destination.host, destination.looks_like],
	)
}

ask contains message if {
	some destination in input.signals.destinations
	not destination.known
	some odd in destination.odd
	odd in data.org.odd_notations
	message := sprintf(
		"`%s` would reach `%s`, which is written in a way that hides where it leads (%s); write it plainly, or let a person confirm it",
		[input.action.name, destination.host, odd],
	)
}

examples := [
	{
		"name": "the credentials of the machine",
		"input": {
			"action": {"name": "fetch", "effects": [{"verb": "read", "resource": {"kind": "url", "host": "169.254.169.254"}}]},
			"signals": {"destinations": [{"host": "169.254.169.254", "special": "metadata"}]},
		},
		"expect": ["deny"],
	},
	{
		"name": "a host that looks like the organisation's",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "c0rp.example"}}]},
			"signals": {"destinations": [{"host": "c0rp.example", "looks_like": "corp.example"}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "a name in front of the real host",
		"input": {
			"action": {"name": "fetch", "effects": [{"verb": "read", "resource": {"kind": "url", "host": "evil.example"}}]},
			"signals": {"destinations": [{"host": "evil.example", "odd": ["userinfo"]}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "a person confirmed it",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "c0rp.example"}}]},
			"signals": {"destinations": [{"host": "c0rp.example", "looks_like": "corp.example", "known": true}]},
		},
		"expect": [],
	},
	{
		"name": "a server on the developer's machine",
		"input": {
			"action": {"name": "fetch", "effects": [{"verb": "read", "resource": {"kind": "url", "host": "127.0.0.1"}}]},
			"signals": {"destinations": [{"host": "127.0.0.1", "special": "loopback"}]},
		},
		"expect": [],
	},
]
