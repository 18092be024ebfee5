# METADATA
# title: No deletion without a bound, and none of many things at once
# description: |
#   An agent was asked to tidy an inbox and deleted all of it: its permission to delete one message was a permission to
#   delete every message. Deleting is fine where it is said what goes, and where it is little.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI02, OWASP-LLM06]
#   org:
#     delete_max: 20
package holdshort.rules.mass_delete

deny contains message if {
	some effect in input.action.effects
	effect.verb == "delete"
	not effect.count
	message := sprintf(
		"`%s` would delete without a bound; name the things to delete one by one, at most %d in a call",
		[input.action.name, data.org.delete_max],
	)
}

deny contains message if {
	some effect in input.action.effects
	effect.verb == "delete"
	total := sum([number | some part in input.action.effects; part.verb == "delete"; part.count > 0; number := part.count])
	total > data.org.delete_max
	message := sprintf(
		"`%s` would delete %d things at once; at most %d in a call are allowed",
		[input.action.name, total, data.org.delete_max],
	)
}

examples := [
	{
		"name": "tidying an inbox by deleting everything in it is refused",
		"input": {"action": {
			"name": "delete_messages",
			"args": {"query": "in:inbox"},
			"effects": [{"verb": "delete", "resource": {"kind": "tool", "id": "mail/delete_messages"}}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a shell command that deletes a folder is refused, through a tool or by itself",
		"input": {"action": {
			"name": "run_command",
			"args": {"command": "rm -rf build"},
			"effects": [
				{"verb": "execute", "resource": {"kind": "tool", "id": "shell/run_command"}, "count": 1},
				{"verb": "delete", "resource": {"kind": "file", "path": "/home/me/app/build"}},
			],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a shell command that deletes two files is carried out",
		"input": {"action": {
			"kind": "shell.command",
			"name": "shell",
			"args": {"command": "rm a.txt b.txt"},
			"effects": [
				{"verb": "delete", "resource": {"kind": "file", "path": "/home/me/app/a.txt"}, "count": 1},
				{"verb": "delete", "resource": {"kind": "file", "path": "/home/me/app/b.txt"}, "count": 1},
			],
		}},
		"expect": [],
	},
	{
		"name": "many messages at once are refused",
		"input": {"action": {
			"name": "delete_messages",
			"effects": [{"verb": "delete", "resource": {"kind": "mail"}, "count": 400}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "the limit counts over all effects, and the organisation sets it",
		"input": {"action": {"effects": [
			{"verb": "delete", "resource": {"kind": "file", "path": "/a"}, "count": 2},
			{"verb": "delete", "resource": {"kind": "file", "path": "/b"}, "count": 2},
		]}},
		"org": {"delete_max": 3},
		"expect": ["deny"],
	},
	{
		"name": "one message is deleted",
		"input": {"action": {
			"name": "delete_message",
			"effects": [{"verb": "delete", "resource": {"kind": "record", "id": "4711"}, "count": 1}],
		}},
		"expect": [],
	},
	{
		"name": "reading without a bound is no deletion",
		"input": {"action": {"effects": [{"verb": "read", "resource": {"kind": "mail"}}]}},
		"expect": [],
	},
]
