# METADATA
# title: Files are changed in the workspace only
# description: |
#   An agent works on one project. What it writes or deletes elsewhere is a mistake or an attack: shell start-up files,
#   keys, other projects. Reading elsewhere is noted.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI02, OWASP-ASI05]
package holdshort.rules.workspace_only

deny contains message if {
	some effect in input.action.effects
	effect.verb in {"write", "delete"}
	path := effect.resource.path
	input.context.workspace
	not inside(path)
	message := sprintf(
		"`%s` would %s %s, which is outside the workspace; inside %s it is allowed",
		[input.action.name, effect.verb, path, input.context.workspace],
	)
}

deny contains message if {
	some effect in input.action.effects
	effect.verb in {"write", "delete"}
	path := effect.resource.path
	not input.context.workspace
	message := sprintf(
		"`%s` would %s %s, and it is not known in which workspace the agent works; set `workspace` for this server",
		[input.action.name, effect.verb, path],
	)
}

deny contains message if {
	some effect in input.action.effects
	effect.verb in {"write", "delete"}
	effect.certainty in {"unknown", "unprovable"}
	effect.resource.path
	message := sprintf(
		"`%s` would %s a path that cannot be read for sure; give an absolute path without variables, `~` or wildcards",
		[input.action.name, effect.verb],
	)
}

observe contains message if {
	some effect in input.action.effects
	effect.verb == "read"
	path := effect.resource.path
	input.context.workspace
	not inside(path)
	message := sprintf("`%s` reads %s, which is outside the workspace", [input.action.name, path])
}

inside(path) if path == input.context.workspace

inside(path) if startswith(path, concat("", [trim_right(input.context.workspace, "/"), "/"]))

examples := [
	{
		"name": "writing a start-up file of the shell is refused",
		"input": {"action": {
			"name": "write_file",
			"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/.bashrc"}}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a folder that only begins like the workspace is outside",
		"input": {"action": {
			"name": "write_file",
			"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project-2/a"}}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "without a workspace no file is changed",
		"input": {
			"action": {
				"name": "write_file",
				"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project/a"}}],
			},
			"context": {"workspace": null},
		},
		"expect": ["deny"],
	},
	{
		"name": "a path that cannot be read for sure is refused",
		"input": {"action": {
			"name": "write_file",
			"effects": [{
				"verb": "write",
				"resource": {"kind": "file", "path": "/home/dev/project/~/.bashrc"},
				"certainty": "unknown",
			}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "reading outside is noted",
		"input": {"action": {
			"name": "read_file",
			"effects": [{"verb": "read", "resource": {"kind": "file", "path": "/etc/hosts"}}],
		}},
		"expect": ["observe"],
	},
	{
		"name": "writing in the workspace is fine",
		"input": {"action": {
			"name": "write_file",
			"effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/dev/project/src/main.rs"}}],
		}},
		"expect": [],
	},
	{
		"name": "a path that a shell only makes when it runs is refused, although it looks like one below the workspace",
		"input": {
			"action": {"effects": [{
				"verb": "delete",
				"resource": {"kind": "file", "path": "/home/me/app/$x"},
				"count": 1,
				"certainty": "unprovable",
			}]},
			"context": {"workspace": "/home/me/app"},
		},
		"expect": ["deny"],
	},
]
