# METADATA
# title: What the flow policies share
# description: |
#   A library: it decides nothing by itself. `data.org.flow` names the setting: `balanced` believes what stands in a source
#   that the person named, as long as it is clear which value is meant; `strict` believes only the person, what tools
#   keep themselves, and what a person approved before.
# custom:
#   org:
#     flow: balanced
package holdshort.rules.flow

strict if data.org.flow == "strict"

# Only looks at something out there: the URL is all that leaves.
fetches if {
	some effect in input.action.effects
	effect.verb == "read"
	effect.resource.kind == "url"
	not changes
	not uploads
}

# A file is read, and something goes out.
uploads if {
	some effect in input.action.effects
	effect.verb == "read"
	effect.resource.kind == "file"
}

changes if {
	some effect in input.action.effects
	effect.verb in {"write", "delete", "execute", "spend", "delegate", "grant"}
}

# One effect for each verb stands for all of them: where a rule looks at every value as well, 64 effects times 64 values
# would be more than one decision can look at.
leads := {verb: lead |
	some verb in verbs
	lead := [effect | some effect in input.action.effects; effect.verb == verb][0]
}

verbs := {verb |
	some effect in input.action.effects
	verb := effect.verb
}

# What outsiders could have written was read, so that the agent may no longer follow its person.
exposed if input.labels.integrity == "untrusted"

source(provenance) := object.get(object.get(provenance, "sources", [{}])[0], "id", "nothing that this session has seen")
