# METADATA
# title: Programs and schedules that nobody asked for
# description: |
#   An issue says "first install this helper", and the helper is the attack. What is installed, or left behind to run later,
#   has to be named by the person once something was read that outsiders could have written.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI04, OWASP-ASI05, OWASP-LLM03]
package holdshort.rules.flow_install

import data.holdshort.rules.flow

ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.resource.kind == "package"
	effect.verb in {"write", "execute"}
	flow.exposed
	name := effect.resource.id
	not contains(lower(input.context.intent), lower(plain(name)))
	message := sprintf("the request does not speak of the package `%s`; a person has to confirm it", [name])
}

ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.resource.kind == "schedule"
	effect.verb in {"write", "execute"}
	flow.exposed
	not regex.match(`cron|schedul|timer|recurring|every|daily|hourly|weekly|night|automat`, lower(input.context.intent))
	message := sprintf("the request does not ask for `%s` to be run again and again; a person has to confirm it", [input.action.name])
}

# What starts with the machine, a shell or a repository.
ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.verb == "write"
	flow.exposed
	starts_by_itself(lower(effect.resource.path))
	not contains(lower(input.context.intent), lower(last(effect.resource.path)))
	message := sprintf("`%s` runs by itself later, and the request does not speak of it; a person has to confirm it", [effect.resource.path])
}

starts_by_itself(path) if {
	some part in [
		"/.config/autostart/", "/.git/hooks/", "/cron.d/", "/cron.daily/", "/cron.hourly/", "/crontab", "/systemd/",
		"/launchagents/", "/launchdaemons/", "/.ssh/", "/startup/", "/.bash", "/.zsh", "/.profile",
	]
	contains(path, part)
}

# `axios@latest`, `requests==2.1`: the name alone.
plain(name) := regex.split(`[@=<>~!\[]`, trim_left(name, "@"))[0]

last(path) := parts[count(parts) - 1] if {
	parts := split(path, "/")
}

examples := [
	{
		"name": "a package that an issue wants",
		"input": {
			"request": {"known": true, "asks": "call"},
			"context": {"intent": "Fix the failing test"},
			"labels": {"integrity": "untrusted"},
			"action": {"name": "Bash", "effects": [{"verb": "execute", "resource": {"kind": "package", "id": "left-helper"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "the package that the person named",
		"input": {
			"request": {"known": true, "asks": "call"},
			"context": {"intent": "Upgrade axios"},
			"labels": {"integrity": "untrusted"},
			"action": {"name": "Bash", "effects": [{"verb": "execute", "resource": {"kind": "package", "id": "axios@latest"}}]},
		},
		"expect": [],
	},
	{
		"name": "a cron job that a log file wants",
		"input": {
			"request": {"known": true, "asks": "call"},
			"context": {"intent": "Look at the log and fix the import"},
			"labels": {"integrity": "untrusted"},
			"action": {"name": "Bash", "effects": [{"verb": "execute", "resource": {"kind": "schedule"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "a file that runs at the next log-in",
		"input": {
			"request": {"known": true, "asks": "call"},
			"context": {"intent": "Merge the notes into one file"},
			"labels": {"integrity": "untrusted"},
			"action": {"name": "write_file", "effects": [{"verb": "write", "resource": {"kind": "file", "path": "/home/ada/.config/autostart/x.desktop"}}]},
		},
		"expect": ["ask"],
	},
]
