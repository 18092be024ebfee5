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
	message := sprintf(
		"`%s` would %s in the CRM `%s`, which agents may only read; work on a copy of the records, or ask the owner of the CRM for the change",
		[input.action.name, effect.verb, input.action.server],
	)
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
