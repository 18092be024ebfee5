# METADATA
# title: New destinations that the person did not give
# description: |
#   The account on a forged bill, the address in a signature, the member that a message asks to add: where something goes is
#   the person's to say. It counts as theirs when it stands in the request, in a typed field of what a tool keeps itself, or
#   was approved before. In the balanced setting also when it stands in a source that the person named, and nothing else
#   there could be meant. Everything else is asked about, once.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI01, OWASP-ASI09, OWASP-LLM01]
package holdshort.rules.flow_destination

import data.holdshort.rules.flow

ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.verb in {"spend", "send", "delete", "delegate", "grant", "write", "execute"}
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	provenance.role == "target"
	not flow.fetches
	consequential
	not believed(provenance)
	not numbered(pointer)
	message := sprintf(
		"`%s` is a new destination of `%s` that the person did not give (from %s); a person has to confirm it",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

# Nobody said what the person asked for: strict lets nothing go to an address that others wrote, or that nobody did;
# balanced writes it down.
ask contains message if {
	some effect in input.action.effects
	effect.verb in {"spend", "send", "delete", "delegate", "grant"}
	flow.strict
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	strange(provenance)
	message := sprintf(
		"nobody said what the person asked for, and `%s` of `%s` comes from %s; a person has to confirm it",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

observe contains message if {
	not input.request.known
	input.labels.integrity == "untrusted"
	some effect in input.action.effects
	effect.verb in {"spend", "send", "delete", "delegate", "grant"}
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	provenance.role == "target"
	not flow.strict
	strange(provenance)
	message := sprintf(
		"nobody said what the person asked for, and `%s` of `%s` comes from %s",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

strange(provenance) if {
	not input.request.known
	flow.exposed
	not flow.fetches
	provenance.role == "target"
	provenance.address
	not provenance.known
	provenance.origin in {"named", "prose", "instruction", "nowhere", "unknown"}
}

pays if {
	some effect in input.action.effects
	effect.verb == "spend"
}

consequential if {
	some effect in input.action.effects
	effect.verb in {"spend", "send", "delete", "delegate", "grant"}
}

# An address in a change: what is written there may be read, paid or notified later.
consequential if {
	some effect in input.action.effects
	effect.verb in {"write", "execute"}
	some provenance in input.provenance
	provenance.role == "target"
	provenance.address
}

believed(provenance) if provenance.known

believed(provenance) if {
	provenance.origin == "request"
	not elsewhere(provenance)
}

# Another page of a host that the person named: good to read, but not to send something to.
elsewhere(provenance) if {
	provenance.address
	provenance.sources[0].form == "part"
}

believed(provenance) if {
	provenance.origin == "field"
	not provenance.address
}

# An address in a typed field of what the request leads to: outsiders fill in fields, too, of mails that nobody asked for.
believed(provenance) if {
	provenance.origin == "field"
	provenance.sources[0].reach in {"named", "topic"}
	not pays
}

# Money goes to an account in a record only when the request singles out that record: whoever sends a cent stands in the
# list of transactions as well.
believed(provenance) if {
	not flow.strict
	provenance.origin == "field"
	provenance.sources[0].reach in {"named", "topic"}
	provenance.rivals == 0
}

# How much, and for whom, is the person's to say, too: nothing from a text that the request does not lead to.
ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.verb in {"spend", "grant"}
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	provenance.role == "setting"
	provenance.origin in {"named", "prose", "instruction"}
	message := sprintf(
		"`%s` of `%s` is a value that the person did not give (from %s); a person has to confirm it",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

# Another record than those that the request singles out.
ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.verb in {"spend", "delete", "grant", "execute"}
	not flow.fetches
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	provenance.record
	provenance.origin == "field"
	provenance.rivals > 0
	message := sprintf(
		"`%s` of `%s` is not what the request singles out (in %s); a person has to confirm it",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

# What is changed by name in others' running text, where the request does not lead.
ask contains message if {
	input.request.known
	some effect in input.action.effects
	effect.verb in {"write", "execute"}
	flow.exposed
	not consequential
	effect == flow.leads[effect.verb]
	some pointer, provenance in input.provenance
	provenance.role == "target"
	not provenance.record
	provenance.origin in {"prose", "instruction"}
	provenance.sources[0].reach in {"topic", "linked", "elsewhere"}
	message := sprintf(
		"`%s` of `%s` comes from a text that the request does not lead to (%s); a person has to confirm it",
		[pointer, input.action.name, flow.source(provenance)],
	)
}

# The person named the source, the call needs the value, and nothing else there could be meant. Never for money: the
# forged bill is the one that the person names.
believed(provenance) if {
	not flow.strict
	not pays
	provenance.origin == "named"
	provenance.rivals == 0
	input.request.asks in {"call", "step"}
}

# A name is no address: it has to come from where the request leads.
believed(provenance) if {
	not flow.strict
	not provenance.address
	provenance.origin in {"named", "prose", "instruction"}
	provenance.sources[0].reach in {"named", "linked"}
	not picked(provenance)
	input.request.asks in {"call", "step"}
}

# Somebody else's words name it: they may have chosen it.
picked(provenance) if {
	provenance.origin == "instruction"
	some effect in input.action.effects
	effect.verb in {"spend", "grant"}
	not provenance.sources[0].reach == "named"
}

# Which of the records that the request speaks of.
believed(provenance) if {
	not flow.strict
	provenance.record
	provenance.sources[0].reach in {"named", "topic", "linked"}
	input.request.asks in {"call", "step"}
}

# To log in is to show what the tools keep for that.
believed(provenance) if {
	provenance.origin == "field"
	input.request.asks == "step"
}

# Nothing was read yet that could have put it there.
believed(provenance) if {
	not flow.strict
	not provenance.address
	provenance.origin in {"nowhere", "unknown"}
	not flow.exposed
}

# The number of a record: it names one of what is there already, and leads nowhere else.
numbered(pointer) if {
	not flow.strict
	input.request.asks == "call"
	input.action.args[trim_prefix(pointer, "/")] < 10000000
	is_number(input.action.args[trim_prefix(pointer, "/")])
}

examples := [
	{
		"name": "an account from a text that the request does not lead to",
		"input": {
			"request": {"known": true, "asks": "call"},
			"labels": {"integrity": "untrusted"},
			"provenance": {"/recipient": {
				"role": "target", "origin": "prose", "address": true, "required": true, "rivals": 0, "known": false,
			}},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "the account in a bill that the person named may be a forger's",
		"input": {
			"request": {"known": true, "asks": "call"},
			"provenance": {"/recipient": {
				"role": "target", "origin": "named", "address": true, "required": true, "rivals": 0, "known": false,
			}},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "two addresses in the named note: which one is meant?",
		"input": {
			"request": {"known": true, "asks": "call"},
			"provenance": {"/to": {
				"role": "target", "origin": "named", "address": true, "required": true, "rivals": 1, "known": false,
			}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "the only address in the note that the person named",
		"input": {
			"request": {"known": true, "asks": "call"},
			"provenance": {"/to": {
				"role": "target", "origin": "named", "address": true, "required": true, "rivals": 0, "known": false,
			}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"expect": [],
	},
	{
		"name": "strict: a named note is no person",
		"input": {
			"request": {"known": true, "asks": "call"},
			"provenance": {"/to": {
				"role": "target", "origin": "named", "address": true, "required": true, "rivals": 0, "known": false,
			}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"org": {"flow": "strict"},
		"expect": ["ask"],
	},
	{
		"name": "an account that a person approved before",
		"input": {
			"request": {"known": true, "asks": "call"},
			"provenance": {"/recipient": {
				"role": "target", "origin": "request", "address": true, "required": true, "rivals": 0, "known": true,
			}},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": [],
	},
	{
		"name": "one of several accounts in a list",
		"input": {
			"request": {"known": true, "asks": "call"},
			"labels": {"integrity": "untrusted"},
			"provenance": {"/recipient": {
				"role": "target", "origin": "field", "address": true, "required": true, "rivals": 3,
				"sources": [{"id": "list_transactions#1", "reach": "topic"}],
			}},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "an amount from a text that the request does not lead to",
		"input": {
			"request": {"known": true, "asks": "call"},
			"provenance": {"/amount": {"role": "setting", "origin": "prose"}},
			"action": {"name": "send_money", "effects": [{"verb": "spend", "resource": {"kind": "tool"}}]},
		},
		"expect": ["ask"],
	},
	{
		"name": "strict: an address from a page, and no request is known",
		"input": {
			"request": {"known": false, "asks": "no"},
			"labels": {"integrity": "untrusted"},
			"provenance": {"/to": {"role": "target", "origin": "prose", "address": true, "required": true}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"org": {"flow": "strict"},
		"expect": ["ask"],
	},
	{
		"name": "balanced: the same is let pass, and watched",
		"input": {
			"request": {"known": false, "asks": "no"},
			"labels": {"integrity": "untrusted"},
			"provenance": {"/to": {"role": "target", "origin": "prose", "address": true, "required": true}},
			"action": {"name": "send_message", "effects": [{"verb": "send", "resource": {"kind": "tool"}}]},
		},
		"expect": ["observe"],
	},
	{
		"name": "reading is not held up",
		"input": {
			"request": {"known": true, "asks": "no"},
			"provenance": {"/id": {"role": "target", "origin": "prose", "address": false, "required": true, "known": false}},
			"action": {"name": "get_note", "effects": [{"verb": "read", "resource": {"kind": "record"}}]},
		},
		"expect": [],
	},
]
