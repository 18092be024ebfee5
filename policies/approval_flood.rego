# METADATA
# title: An agent that asks faster than people can answer is refused
# description: |
#   Questions by the dozen are how a person is worn out until they say yes. While an agent floods, what would change, send or
#   run something is refused; it may go on reading, and it is over when the questions are answered or have expired.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI09, MITRE-ATTACK-T1621]
package holdshort.rules.approval_flood

deny contains message if {
	input.signals.approvals.flooding
	some effect in input.action.effects
	effect.verb in {"write", "delete", "execute", "send", "spend", "delegate", "grant"}
	message := sprintf(
		"this agent asks faster than people can answer (%d questions wait), so that `%s` is refused; wait for the answers, and ask for less at a time",
		[input.signals.approvals.pending, input.action.name],
	)
}

examples := [
	{
		"name": "one more payment while twenty questions wait",
		"input": {
			"action": {"name": "pay", "effects": [{"verb": "spend", "resource": {"kind": "record"}}]},
			"signals": {"approvals": {"pending": 20, "flooding": true}},
		},
		"expect": ["deny"],
	},
	{
		"name": "reading goes on",
		"input": {
			"action": {"effects": [{"verb": "read", "resource": {"kind": "file", "path": "/home/dev/project/a"}}]},
			"signals": {"approvals": {"pending": 20, "flooding": true}},
		},
		"expect": [],
	},
	{
		"name": "a few questions are no flood",
		"input": {
			"action": {"name": "pay", "effects": [{"verb": "spend", "resource": {"kind": "record"}}]},
			"signals": {"approvals": {"pending": 2}},
		},
		"expect": [],
	},
]
