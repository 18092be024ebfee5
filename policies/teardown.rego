# METADATA
# title: No agent tears down what is running
# description: |
#   An agent that was to repair a deployment deleted and rebuilt it, and a service was offline for thirteen hours.
#   Destroying infrastructure or a whole database is for people, whatever the agent's credentials permit.
# custom:
#   severity: critical
#   frameworks: [OWASP-ASI02, OWASP-ASI08]
package holdshort.rules.teardown

# Commands and statements, in lower case, as they stand in the arguments.
commands := concat("|", [
	`\b(terraform|tofu|terragrunt|pulumi|cdk|eksctl|ansible)\b[ -~]{0,60}\b(destroy|down|delete)\b`,
	`\b(kubectl|oc)\b[ -~]{0,60}\bdelete\b`,
	`\bhelm\b[ -~]{0,40}\b(uninstall|delete)\b`,
	`\bdocker\b[ -~]{0,40}\b(down|prune)\b`,
	`\b(aws|gcloud|az|doctl|flyctl|heroku)\b[ -~]{0,80}\b(delete|destroy|terminate|purge)`,
	`\b(drop|truncate)[^a-z0-9_]+(database|schema|table)\b`,
	`\brm[^a-z0-9_]+-[a-z]*(rf|fr|r)[a-z]*[^a-z0-9_]+(/|~|\*)`,
])

# Names of tools that destroy something that runs.
names := concat("", [
	`(delete|destroy|terminate|tear_?down|drop|purge|uninstall|decommission|remove)_?(the_|a_|all_)?`,
	`(stack|cluster|environment|deployment|namespace|instance|database|schema|bucket|vpc|network|infrastructure|service|app|project|volume|server)s?($|_)`,
])

deny contains message if {
	some effect in input.action.effects
	effect.verb in {"delete", "execute"}
	regex.match(commands, lower(json.marshal(input.action.args)))
	message := sprintf(
		"the arguments of `%s` tear down something that runs; plan the change (a plan or a dry run is allowed) and let a person carry it out",
		[input.action.name],
	)
}

deny contains message if {
	some effect in input.action.effects
	effect.verb in {"delete", "execute"}
	regex.match(names, replace(lower(input.action.name), "-", "_"))
	message := sprintf(
		"`%s` tears down something that runs; look at its state or propose the change, and let a person carry it out",
		[input.action.name],
	)
}

examples := [
	{
		"name": "destroying a deployment from the shell is refused",
		"input": {"action": {
			"name": "run_command",
			"args": {"command": "cd infra && terraform destroy -auto-approve"},
			"effects": [{"verb": "execute", "resource": {"kind": "tool", "id": "shell/run_command"}}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "arguments in a list are read as well",
		"input": {"action": {
			"name": "exec",
			"args": {"argv": ["kubectl", "-n", "prod", "delete", "deployment", "shop"]},
			"effects": [{"verb": "execute", "resource": {"kind": "tool", "id": "shell/exec"}}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a tool that deletes an environment is refused",
		"input": {"action": {
			"name": "delete-environment",
			"args": {"id": "production"},
			"effects": [{"verb": "delete", "resource": {"kind": "record", "id": "production"}, "count": 1}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a statement that drops a table is refused",
		"input": {"action": {
			"name": "query",
			"args": {"sql": "DROP TABLE customers"},
			"effects": [{"verb": "execute", "resource": {"kind": "tool", "id": "db/query"}}],
		}},
		"expect": ["deny"],
	},
	{
		"name": "a plan is fine",
		"input": {"action": {
			"name": "run_command",
			"args": {"command": "terraform plan"},
			"effects": [{"verb": "execute", "resource": {"kind": "tool", "id": "shell/run_command"}}],
		}},
		"expect": [],
	},
	{
		"name": "reading about it is fine",
		"input": {"action": {
			"name": "search",
			"args": {"query": "terraform destroy"},
			"effects": [{"verb": "read", "resource": {"kind": "tool", "id": "docs/search"}}],
		}},
		"expect": [],
	},
]
