# METADATA
# title: High risk is refused and narrows, critical risk isolates
# description: |
#   The steps of the ladder above "allow and watch" and "a person is asked" (`ladder_medium`). What a level means is the
#   organisation's choice: `data.org.ladder` lists the steps of each, of `ask`, `deny`, `narrow`, `isolate`, `terminate` and
#   `respond`. Where a level begins is a matter of the weights (`[risk]`). It is enforced from the start: a level as high takes
#   several bad signs at once, and text alone never gets there. `narrow` takes away the grants that cover the action.
# custom:
#   severity: critical
#   frameworks: [OWASP-ASI01, OWASP-ASI02, OWASP-ASI10, NIST-CSF-RS.MI]
#   org:
#     ladder:
#       high: [deny, narrow]
#       critical: [isolate, respond]
package holdshort.rules.ladder

steps := {"ask", "deny", "narrow", "isolate", "terminate", "respond"}

ask contains because if {
	input.risk.level in {"high", "critical"}
	"ask" in data.org.ladder[input.risk.level]
}

deny contains because if {
	input.risk.level in {"high", "critical"}
	"deny" in data.org.ladder[input.risk.level]
}

narrow contains because if {
	input.risk.level in {"high", "critical"}
	"narrow" in data.org.ladder[input.risk.level]
}

isolate contains because if {
	input.risk.level in {"high", "critical"}
	"isolate" in data.org.ladder[input.risk.level]
}

terminate contains because if {
	input.risk.level in {"high", "critical"}
	"terminate" in data.org.ladder[input.risk.level]
}

respond contains {"message": because, "steps": ["capture", "contain", "notify", "open-incident"]} if {
	input.risk.level in {"high", "critical"}
	"respond" in data.org.ladder[input.risk.level]
}

# A level without steps, or a step that does not exist, stops nothing by mistake: it refuses.
deny contains message if {
	input.risk.level in {"high", "critical"}
	not known
	message := sprintf("`data.org.ladder` says nothing that can be done at the level `%s`; %s", [input.risk.level, because])
}

known if {
	count(data.org.ladder[input.risk.level]) > 0
	every step in data.org.ladder[input.risk.level] { step in steps }
}

because := sprintf(
	"the risk of `%s` is %s, %d of 100 (%s); a step that the person asked for, to a known destination, is less risky, and a person can give back what was taken away",
	[input.action.name, input.risk.level, input.risk.score, concat(", ", parts)],
)

parts := [text | some part in input.risk.parts; text := sprintf("%s %d: %s", [part.signal, part.points, part.why])]

examples := [
	{
		"name": "high risk is refused, and the grants involved are taken away",
		"input": {
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "mail"}}]},
			"risk": {"score": 70, "level": "high", "parts": [{"signal": "prompt_context", "points": 65, "why": "a page asks for it"}]},
		},
		"expect": ["deny", "narrow"],
	},
	{
		"name": "critical risk isolates, and people are told",
		"input": {"risk": {"score": 90, "level": "critical"}},
		"expect": ["isolate", "respond"],
	},
	{
		"name": "the organisation sets the steps",
		"input": {"risk": {"score": 90, "level": "critical"}},
		"org": {"ladder": {"high": ["ask"], "critical": ["terminate", "respond"]}},
		"expect": ["terminate", "respond"],
	},
	{
		"name": "a level that was forgotten is refused",
		"input": {"risk": {"score": 90, "level": "critical"}},
		"org": {"ladder": {"high": ["ask"]}},
		"expect": ["deny"],
	},
	{
		"name": "and so is a step that does not exist",
		"input": {"risk": {"score": 70, "level": "high"}},
		"org": {"ladder": {"high": ["aks"], "critical": ["isolate"]}},
		"expect": ["deny"],
	},
	{
		"name": "medium risk is another policy's",
		"input": {"risk": {"score": 45, "level": "medium"}},
		"expect": [],
	},
	{
		"name": "low risk is nobody's",
		"input": {"risk": {"score": 10, "level": "low"}},
		"expect": [],
	},
]
