"""Puts another text in the place of an injected one, everywhere in a trace, and dumps outputs again as they were."""

import copy
import functools
import re

import yaml


def replaced(trace, text):
    """A copy of the trace in which each injected text reads `text` instead, in outputs and in arguments."""
    trace = trace | {"steps": copy.deepcopy(trace["steps"])}
    patterns = tuple(pattern(injected) for injected in trace["injections"].values())
    for step in trace["steps"]:
        step["args"] = in_value(step["args"], patterns, text)
        step["output"] = in_output(step["output"], patterns, text)
    return trace


@functools.lru_cache(maxsize=1024)
def pattern(injected):
    """Matches the text however white space in it was folded on its way."""
    words = [re.escape(word) for word in injected.split()]
    return re.compile(r"\s+".join(words))


@functools.lru_cache(maxsize=1024)
def in_output(output, patterns, text):
    """The output with the text replaced: in its leaf where the output is a dumped structure, else as it stands."""
    if not output:
        return output
    structure = dumped(output)
    if structure is None:
        return in_text(output, patterns, text)
    changed = in_value(structure, patterns, text)
    return output if changed == structure else dump(changed)


@functools.lru_cache(maxsize=4096)
def dumped(output):
    """The list or map that the output is a YAML dump of, or None for other text."""
    try:
        structure = yaml.safe_load(output)
    except yaml.YAMLError:
        return None
    exact = isinstance(structure, (list, dict)) and dump(structure) == output
    return structure if exact else None


def dump(structure):
    """A structure as the tools write it."""
    return yaml.safe_dump(structure).strip()


def in_value(value, patterns, text):
    """The value with the text replaced in every string of it."""
    if isinstance(value, dict):
        return {key: in_value(item, patterns, text) for key, item in value.items()}
    if isinstance(value, list):
        return [in_value(item, patterns, text) for item in value]
    return in_text(value, patterns, text) if isinstance(value, str) else value


def in_text(text, patterns, replacement):
    for each in patterns:
        text = each.sub(lambda _: replacement, text)
    return text


def renamed(value, old, new):
    """The value with `old` written as `new` in every string of it."""
    if isinstance(value, dict):
        return {key: renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value
