# METADATA
# title: Medium risk is approved by a person
# description: |
#   The ladder's second step, as a policy of its own so that it can be promoted by itself: it begins in observe mode and its
#   report shows whom it would have asked, and what people approved anyway. Asking too early teaches people to say yes.
# custom:
#   severity: medium
#   mode: observe
#   frameworks: [OWASP-ASI01, OWASP-ASI09]
package holdshort.rules.ladder_medium

ask contains message if {
	input.risk.level == "medium"
	message := sprintf(
		"the risk of `%s` is medium, %d of 100 (%s); a person has to look at it",
		[input.action.name, input.risk.score, concat(", ", parts)],
	)
}

parts := [text | some part in input.risk.parts; text := sprintf("%s %d: %s", [part.signal, part.points, part.why])]

examples := [
	{
		"name": "medium risk",
		"input": {"risk": {
			"score": 45,
			"level": "medium",
			"parts": [{"signal": "destination", "points": 8, "why": "an unknown host"}],
		}},
		"expect": ["ask"],
	},
	{
		"name": "high risk is another policy's",
		"input": {"risk": {"score": 70, "level": "high"}},
		"expect": [],
	},
	{
		"name": "low risk",
		"input": {"risk": {"score": 39, "level": "low"}},
		"expect": [],
	},
]
