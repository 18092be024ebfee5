# METADATA
# title: Nothing goes where threat intelligence says that attackers are
# description: |
#   A feed names the host, the address or the page that the action goes to. Where a feed's name only stands in a text, such as
#   a report about an attack, nothing is refused here. Feeds that are less sure than `data.org.intelligence_min` do not count.
# custom:
#   severity: critical
#   frameworks: [OWASP-ASI01, OWASP-ASI02, MITRE-ATLAS-AML.T0086]
#   org:
#     intelligence_min: 50
package holdshort.rules.threat_intelligence

deny contains message if {
	some hit in input.signals.intelligence
	hit.kind in {"domain", "address", "network", "url"}
	hit.confidence >= data.org.intelligence_min
	is_destination(hit.at)
	message := sprintf(
		"`%s` of `%s` is a destination that the feed `%s` names (%s); nothing may go there. A feed that is wrong is corrected by the people who keep it",
		[hit.at, input.action.name, hit.feed, hit.kind],
	)
}

# Whatever the arguments look like: the host that the action reaches, or the page there.
deny contains message if {
	some reached in input.signals.destinations
	reached.listed_confidence >= data.org.intelligence_min
	message := sprintf(
		"`%s` goes to `%s`, which the feed `%s` names; nothing may go there. A feed that is wrong is corrected by the people who keep it",
		[input.action.name, reached.host, reached.listed],
	)
}

# The value says where the action goes.
is_destination(at) if input.provenance[at].role == "target"

# Or the host that the action reaches stands in it.
is_destination(at) if {
	some effect in input.action.effects
	host := effect.resource.host
	value := input.action.args[trim_prefix(at, "/")]
	is_string(value)
	contains(lower(value), host)
}

examples := [
	{
		"name": "a page on a host that a feed names",
		"input": {
			"action": {
				"name": "fetch",
				"args": {"url": "https://cdn.evil.example/x"},
				"effects": [{"verb": "read", "resource": {"kind": "url", "host": "cdn.evil.example"}}],
			},
			"signals": {"intelligence": [{"kind": "domain", "at": "/url"}]},
		},
		"expect": ["deny"],
	},
	{
		"name": "a recipient that a feed names",
		"input": {
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
			"provenance": {"/to": {"role": "target", "origin": "prose", "address": true}},
			"signals": {"intelligence": [{"kind": "domain", "at": "/to"}]},
		},
		"expect": ["deny"],
	},
	{
		"name": "a host that a nested argument holds",
		"input": {
			"action": {
				"name": "fetch_all",
				"args": {"pages": [{"url": "https://cdn.evil.example/x"}]},
				"effects": [{"verb": "read", "resource": {"kind": "url", "host": "cdn.evil.example"}}],
			},
			"signals": {
				"intelligence": [{"kind": "domain", "at": "/pages/0/url"}],
				"destinations": [{"host": "cdn.evil.example", "listed": "example", "listed_confidence": 90}],
			},
		},
		"expect": ["deny"],
	},
	{
		"name": "a host that only the effects name",
		"input": {
			"action": {
				"name": "sync",
				"args": {"target": "backup"},
				"effects": [{"verb": "send", "resource": {"kind": "url", "host": "evil.example"}}],
			},
			"signals": {"destinations": [{"host": "evil.example", "listed": "example", "listed_confidence": 90}]},
		},
		"expect": ["deny"],
	},
	{
		"name": "a host that a feed suspects",
		"input": {
			"action": {"name": "fetch", "effects": [{"verb": "read", "resource": {"kind": "url", "host": "blog.example"}}]},
			"signals": {"destinations": [{"host": "blog.example", "listed": "example", "listed_confidence": 30}]},
		},
		"expect": [],
	},
	{
		"name": "a report about an attack",
		"input": {
			"action": {
				"name": "send_mail",
				"args": {"to": "soc@corp.example", "body": "we saw cdn.evil.example again"},
				"effects": [{"verb": "send", "resource": {"kind": "mail", "host": "corp.example"}}],
			},
			"provenance": {"/body": {"role": "content", "origin": "nowhere"}},
			"signals": {"intelligence": [{"kind": "domain", "at": "/body"}]},
		},
		"expect": [],
	},
	{
		"name": "a feed that is not sure",
		"input": {
			"action": {
				"name": "fetch",
				"args": {"url": "https://blog.example/x"},
				"effects": [{"verb": "read", "resource": {"kind": "url", "host": "blog.example"}}],
			},
			"signals": {"intelligence": [{"kind": "domain", "at": "/url", "confidence": 30}]},
		},
		"expect": [],
	},
]
