# METADATA
# title: What is done when something serious happens
# description: |
#   Playbooks: evidence is put aside, what was taken away is taken away, the owner is told, an incident is opened, always in this
#   order. Critical risk has its playbook in `ladder`. This policy changes no answer.
# custom:
#   severity: high
#   frameworks: [NIST-CSF-RS.MA, NIST-CSF-RS.CO, OWASP-ASI10]
package holdshort.rules.response

# One of the organisation's own secrets was about to leave.
respond contains {"message": message, "steps": ["capture", "contain", "notify", "open-incident"]} if {
	some secret in input.signals.secrets
	secret.own
	data.holdshort.rules.own_secrets.deny[_]
	message := sprintf("the organisation's secret `%s` would have left with `%s`", [secret.rule, input.action.name])
}

# Something was about to go to an attacker's place.
respond contains {"message": message, "steps": ["capture", "contain", "notify", "open-incident"]} if {
	some hit in input.signals.intelligence
	data.holdshort.rules.threat_intelligence.deny[_]
	message := sprintf("`%s` would have gone where the feed `%s` says that attackers are", [input.action.name, hit.feed])
}

# A tool that has taken the name of another server's is called, not only listed.
respond contains {"message": message, "steps": ["capture", "notify", "open-incident"]} if {
	input.tool.pin == "shadowed"
	input.action.args != null
	message := sprintf(
		"the agent called `%s` of `%s`, which has the name or the definition of another server's tool",
		[input.tool.name, input.tool.server],
	)
}

# Servers are updated every day: somebody is told, and that is all.
respond contains {"message": message, "steps": ["notify"]} if {
	input.tool.pin == "changed"
	input.action.args != null
	message := sprintf("the agent called `%s` of `%s`, whose definition changed", [input.tool.name, input.tool.server])
}

examples := [
	{
		"name": "an own secret was about to leave",
		"input": {
			"action": {"name": "post", "effects": [{"verb": "send", "resource": {"kind": "url", "host": "paste.example"}}]},
			"signals": {"secrets": [{"rule": "db-password", "own": true}]},
		},
		"expect": ["respond"],
	},
	{
		"name": "a destination of attackers",
		"input": {
			"action": {
				"name": "fetch",
				"args": {"url": "https://evil.example"},
				"effects": [{"verb": "read", "resource": {"kind": "url", "host": "evil.example"}}],
			},
			"signals": {"intelligence": [{"kind": "domain", "at": "/url"}]},
		},
		"expect": ["respond"],
	},
	{
		"name": "a shadowed tool is called",
		"input": {"tool": {"pin": "shadowed"}},
		"expect": ["respond"],
	},
	{
		"name": "a changed tool is called",
		"input": {"tool": {"pin": "changed"}},
		"expect": ["respond"],
	},
	{
		"name": "a changed tool is listed",
		"input": {"tool": {"pin": "changed"}, "action": {"args": null}},
		"expect": [],
	},
	{
		"name": "an own secret in a file of the workspace",
		"input": {
			"action": {
				"name": "write_file",
				"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project/.env"}}],
			},
			"signals": {"secrets": [{"rule": "db-password", "own": true}]},
		},
		"expect": [],
	},
]
