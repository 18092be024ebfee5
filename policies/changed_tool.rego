# METADATA
# title: A tool whose definition changed is not called before somebody looked at it
# description: |
#   A server that was harmless when it was approved can change the description or the schema of a tool afterwards, or
#   offer a tool under the name of another server's ("rug pull", "tool shadowing"). What the agent reads in the
#   definition is an instruction to it, so a definition that nobody approved is not acted upon.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI04, MITRE-ATLAS-AML.T0110]
package holdshort.rules.changed_tool

deny contains message if {
	input.tool.pin == "changed"
	message := sprintf(
		"the definition of tool `%s` of server `%s` differs from the accepted one; compare them and accept the new one with `holdshort pins accept %s`, or call another tool",
		[input.tool.name, input.tool.server, tool],
	)
}

deny contains message if {
	input.tool.pin == "shadowed"
	message := sprintf(
		"tool `%s` of server `%s` has the name or the definition of another server's tool; rename or remove one of them, or accept it with `holdshort pins accept %s`",
		[input.tool.name, input.tool.server, tool],
	)
}

observe contains message if {
	input.tool.pin == "new"
	message := sprintf("tool `%s` of server `%s` is used for the first time", [input.tool.name, input.tool.server])
}

tool := sprintf("%s %s %s", [input.tool.server, input.tool.name, object.get(input.tool, "definition", "DIGEST")])

examples := [
	{
		"name": "a changed definition is refused",
		"input": {"tool": {"pin": "changed"}},
		"expect": ["deny"],
	},
	{
		"name": "a tool in the name of another is refused",
		"input": {"tool": {"pin": "shadowed"}},
		"expect": ["deny"],
	},
	{
		"name": "a new tool is noted",
		"input": {"tool": {"pin": "new"}},
		"expect": ["observe"],
	},
	{
		"name": "an approved tool is fine",
		"input": {"tool": {"pin": "match"}},
		"expect": [],
	},
]
