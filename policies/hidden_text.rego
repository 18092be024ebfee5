# METADATA
# title: Text that people cannot see is looked at before it is sent on
# description: |
#   Characters without a shape, letters that run backwards, text that a reader does not get to see: they carry orders from one
#   agent to the next past the person in between. They are exact signs, and no judgement of what a text says. What is written to
#   files is left alone, since pages hide text for good reasons.
# custom:
#   severity: medium
#   frameworks: [OWASP-ASI01, OWASP-ASI07, OWASP-LLM01]
#   org:
#     hidden_marks: [tag-characters, hidden-text, bidi]
package holdshort.rules.hidden_text

ask contains message if {
	some mark in input.signals.injection.marks
	mark.kind in data.org.hidden_marks
	some effect in input.action.effects
	effect.verb in {"send", "delegate"}
	message := sprintf(
		"`%s` of `%s` holds text that people cannot see (%s); a person has to look at it, or send it without",
		[mark.at, input.action.name, mark.kind],
	)
}

examples := [
	{
		"name": "a message with invisible characters",
		"input": {
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "mail"}}]},
			"signals": {"injection": {"percent": 0, "marks": [{"kind": "tag-characters", "at": "/body"}]}},
		},
		"expect": ["ask"],
	},
	{
		"name": "a text that reads like an order is no reason",
		"input": {
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "mail"}}]},
			"signals": {"injection": {"percent": 99}},
		},
		"expect": [],
	},
	{
		"name": "a page with hidden parts is written",
		"input": {
			"action": {
				"name": "write_file",
				"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project/a.html"}}],
			},
			"signals": {"injection": {"percent": 0, "marks": [{"kind": "hidden-text", "at": "/content"}]}},
		},
		"expect": [],
	},
]
