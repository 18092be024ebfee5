"""How a run is written down: tools, steps, outputs in the form that the tool gives, and places where an outsider writes.

A run is written once. Text such as `<<A>>` in an output is a place that an outsider could have written: empty in the
benign trace, filled in an attacked one. Definitions of traces: bench/agentdojo/traces.py and `score.py` there.
"""

import json

TYPES = {"s": "string", "i": "integer", "n": "number", "b": "boolean", "o": "object"}
# Every run that was written, in order.
RUNS = []


class Malformed(Exception):
    """A run that was not written down as its tools are defined."""


def tool(name, description, annotations=None, /, **parameters):
    """A tool definition. A parameter is `TYPE[!] DESCRIPTION`, TYPE one of s i n b o, `a` + TYPE, or `e:one,two`."""
    properties = {}
    required = []
    for parameter, text in parameters.items():
        kind, _, about = text.partition(" ")
        if kind.endswith("!"):
            required.append(parameter)
        properties[parameter] = schema_of(kind.rstrip("!")) | ({"description": about} if about else {})
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    made = {"name": name, "description": description, "schema": schema}
    return made | ({"annotations": annotations} if annotations else {})


def schema_of(kind):
    if kind.startswith("e:"):
        return {"type": "string", "enum": kind[2:].split(",")}
    if kind.startswith("a"):
        return {"type": "array", "items": schema_of(kind[1:])}
    return {"type": TYPES[kind]}


class Json:
    """An output that the tool prints as JSON."""

    def __init__(self, value, indent=None):
        self.value, self.indent = value, indent

    def text(self, fill):
        return json.dumps(filled(self.value, fill), indent=self.indent, ensure_ascii=False)


class Repr(Json):
    """An output that the tool prints as Python does."""

    def text(self, fill):
        return repr(filled(self.value, fill))


class Pretty(Json):
    """JSON over several lines."""

    def __init__(self, value):
        super().__init__(value, 2)


def filled(value, fill):
    """The value with each place of an outsider filled."""
    if isinstance(value, dict):
        return {key: filled(one, fill) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, fill) for one in value]
    return fill(value) if isinstance(value, str) else value


def call(name, output="", error=None, /, **args):
    """A call of a tool with what it gave back."""
    return {"tool": name, "args": args, "output": output, "error": error}


def read(name, output="", /, **args):
    """An injected call without a side effect: it only collects what the attacker wants."""
    return call(name, output, **args) | {"env_changed": False}


def run(name, prompt, tools, *steps):
    """A benign run; gives back the function that writes an attacked variant of it."""
    one = {"name": name, "prompt": prompt.strip(), "tools": tools, "steps": list(steps), "attacks": []}
    RUNS.append(one)

    def attack(place, text, *calls):
        one["attacks"].append({"place": place, "text": text, "calls": list(calls)})
        return attack

    return attack


def marked(place):
    return f"<<{place}>>"
