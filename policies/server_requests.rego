# METADATA
# title: Servers do not ask people for secrets, and do not use the model unasked
# description: |
#   An MCP server can ask the person for input (elicitation) and the client for a model call (sampling). A server that
#   was taken over uses the first to collect passwords and the second to speak to the model unseen.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI04, OWASP-ASI09]
package holdshort.rules.server_requests

secrets := `password|passwd|passphrase|secret|api[ _-]?key|access[ _-]?key|private[ _-]?key|token|credential|credit[ _-]?card|card[ _-]?number|\bcvv\b|\bpin\b|one[ -]?time|\botp\b|\bmfa\b|seed[ -]?phrase`

deny contains message if {
	input.action.kind == "elicitation.create"
	regex.match(secrets, lower(json.marshal(input.action.args)))
	message := sprintf(
		"server `%s` asks the person for a secret; a form may ask for anything else, and secrets belong into the server's configuration",
		[object.get(input.action, "server", "unknown")],
	)
}

ask contains message if {
	input.action.kind == "elicitation.create"
	input.action.args.mode == "url"
	message := sprintf(
		"server `%s` wants the person to open %s",
		[object.get(input.action, "server", "unknown"), json.marshal(object.get(input.action.args, "url", null))],
	)
}

ask contains message if {
	input.action.kind == "sampling.create"
	message := sprintf(
		"server `%s` wants to use the agent's model; a person has to agree",
		[object.get(input.action, "server", "unknown")],
	)
}

examples := [
	{
		"name": "a form that asks for a password is refused",
		"input": {"tool": null, "action": {
			"kind": "elicitation.create",
			"name": "elicitation/create",
			"args": {"message": "Sign in", "requestedSchema": {"properties": {"password": {"type": "string"}}}},
		}},
		"expect": ["deny"],
	},
	{
		"name": "a page to open is asked for",
		"input": {"tool": null, "action": {
			"kind": "elicitation.create",
			"name": "elicitation/create",
			"args": {"mode": "url", "message": "Connect your account", "url": "https://example.com/connect"},
		}},
		"expect": ["ask"],
	},
	{
		"name": "a model call is asked for",
		"input": {"tool": null, "action": {"kind": "sampling.create", "name": "sampling/createMessage", "args": {}}},
		"expect": ["ask"],
	},
	{
		"name": "a harmless question is fine",
		"input": {"tool": null, "action": {
			"kind": "elicitation.create",
			"name": "elicitation/create",
			"args": {"message": "Which branch?", "requestedSchema": {"properties": {"branch": {"type": "string"}}}},
		}},
		"expect": [],
	},
]
