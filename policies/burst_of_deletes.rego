# METADATA
# title: Many small deletions are one large one
# description: |
#   A limit for one call is passed under by many calls. What an agent deletes in a session counts together over ten
#   minutes, calls in flight included; a call that comes back with an error gives its share back. Beyond the limit a
#   person is asked.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI02, OWASP-LLM06]
#   org:
#     delete_burst_max: 50
#   sequences:
#     deleted:
#       operator: sum_within
#       of: count
#       window: 10m
#       where: {verb: delete}
#       outcome: ok
package holdshort.rules.burst_of_deletes

ask contains message if {
	some effect in input.action.effects
	effect.verb == "delete"
	total := input.history.sequences["burst_of_deletes/deleted"].value
	total > data.org.delete_burst_max
	message := sprintf(
		"with `%s` this session would have deleted %s within ten minutes, and a person is asked beyond %d; wait, or say what is deleted and why",
		[input.action.name, things(total), data.org.delete_burst_max],
	)
}

# A deletion without a bound counts a billion.
things(total) := sprintf("%d things", [total]) if total < 1000000000

things(total) := "more than anybody can tell" if total >= 1000000000

examples := [
	{
		"name": "the third call with twenty deletions each",
		"input": {
			"action": {
				"name": "delete_messages",
				"effects": [{"verb": "delete", "resource": {"kind": "mail"}, "count": 20}],
			},
			"history": {"sequences": {"burst_of_deletes/deleted": {"value": 60}}},
		},
		"expect": ["ask"],
	},
	{
		"name": "the organisation sets the limit",
		"input": {
			"action": {"effects": [{"verb": "delete", "resource": {"kind": "file", "path": "/a"}, "count": 1}]},
			"history": {"sequences": {"burst_of_deletes/deleted": {"value": 11}}},
		},
		"org": {"delete_burst_max": 10},
		"expect": ["ask"],
	},
	{
		"name": "a few deletions",
		"input": {
			"action": {"effects": [{"verb": "delete", "resource": {"kind": "file", "path": "/a"}, "count": 1}]},
			"history": {"sequences": {"burst_of_deletes/deleted": {"value": 50}}},
		},
		"expect": [],
	},
	{
		"name": "what was deleted before does not keep the agent from reading",
		"input": {
			"action": {"effects": [{"verb": "read", "resource": {"kind": "file", "path": "/a"}, "count": 1}]},
			"history": {"sequences": {"burst_of_deletes/deleted": {"value": 900}}},
		},
		"expect": [],
	},
]
