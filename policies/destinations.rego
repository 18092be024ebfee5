# METADATA
# title: What is inside and what is outside the organisation
# description: A library for other policies; it decides nothing by itself.
# custom:
#   org:
#     internal_domains: []
package holdshort.rules.destinations

# A resource that belongs to the organisation: its host is one of the internal domains, or below one.
is_internal(resource) if {
	some domain in data.org.internal_domains
	resource.host == domain
}

is_internal(resource) if {
	some domain in data.org.internal_domains
	endswith(resource.host, concat("", [".", domain]))
}

# What a person reads as the destination. Of a URL the host: what it carries besides may be the secret itself, and messages
# of policies are told to people.
name(resource) := resource.id if {
	resource.id
	not is_url(resource)
}

name(resource) := resource.host if not resource.id

name(resource) := resource.host if is_url(resource)

is_url(resource) if {
	resource.kind == "url"
	resource.host
}

name(resource) := "a destination that nobody declared" if {
	not resource.id
	not resource.host
}
