# METADATA
# title: Agents read the CRM and change nothing in it
# description: |
#   An agent that was asked to drop stale lines from a report deleted the records in the CRM. The servers that hold
#   customer records are named in `data.org.crm_servers`.
# custom:
#   severity: high
#   frameworks: [OWASP-ASI02, OWASP-ASI03]
#   org:
#     crm_servers: []
package holdshort.rules.crm_read_only

deny contains message if {
	some effect in input.action.effects
	effect.verb in {"write", "delete", "execute", "send"}
	input.action.server in data.org.crm_servers
	not looks(effect)
	message := sprintf(
		"`%s` would %s in the CRM `%s`, which agents may only read; work on a copy of the records, or ask the owner of the CRM for the change",
		[input.action.name, effect.verb, input.action.server],
	)
}

# To run a statement that only reads is to read. A text of which nobody can say what it does is not that.
looks(effect) if {
	effect.verb == "execute"
	some part in input.action.effects
	part.verb == "read"
	part.resource.kind == "table"
	every other in input.action.effects {
		other.verb in {"read", "execute"}
		not other.certainty in {"unknown", "unprovable"}
	}
}

examples := [
	{
		"name": "deleting a record of the CRM is refused",
		"input": {"action": {
			"server": "salesforce",
			"name": "delete_record",
			"effects": [{"verb": "delete", "resource": {"kind": "record", "id": "003A"}, "count": 1}],
		}},
		"org": {"crm_servers": ["salesforce"]},
		"expect": ["deny"],
	},
	{
		"name": "a statement that only reads is fine",
		"input": {"action": {
			"server": "salesforce",
			"name": "query",
			"args": {"sql": "SELECT name FROM customers"},
			"effects": [
				{"verb": "execute", "resource": {"kind": "tool", "id": "salesforce/query"}, "certainty": "derived", "count": 1},
				{"verb": "read", "resource": {"kind": "table", "id": "customers"}, "certainty": "derived"},
			],
		}},
		"org": {"crm_servers": ["salesforce"]},
		"expect": [],
	},
	{
		"name": "one of which nobody can say what it does is not",
		"input": {"action": {
			"server": "salesforce",
			"name": "query",
			"args": {"sql": "SELECT tidy(id) FROM customers"},
			"effects": [
				{"verb": "execute", "resource": {"kind": "tool", "id": "salesforce/query"}, "certainty": "derived", "count": 1},
				{"verb": "read", "resource": {"kind": "table", "id": "customers"}, "certainty": "derived"},
				{"verb": "execute", "resource": {"kind": "function", "id": "tidy"}, "certainty": "unprovable"},
			],
		}},
		"org": {"crm_servers": ["salesforce"]},
		"expect": ["deny"],
	},
	{
		"name": "reading the CRM is fine",
		"input": {"action": {
			"server": "salesforce",
			"name": "get_record",
			"effects": [{"verb": "read", "resource": {"kind": "record", "id": "003A"}, "count": 1}],
		}},
		"org": {"crm_servers": ["salesforce"]},
		"expect": [],
	},
	{
		"name": "another server is another matter",
		"input": {"action": {
			"server": "notes",
			"name": "delete_note",
			"effects": [{"verb": "delete", "resource": {"kind": "record", "id": "1"}, "count": 1}],
		}},
		"org": {"crm_servers": ["salesforce"]},
		"expect": [],
	},
]
