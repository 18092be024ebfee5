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

# What a person reads as the destination.
name(resource) := resource.id

name(resource) := resource.host if not resource.id

name(resource) := "a destination that nobody declared" if {
	not resource.id
	not resource.host
}
