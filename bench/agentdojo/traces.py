"""Recorded traces: reading them, and the part of each that a decision point may see."""

import gzip
import json
from pathlib import Path

# What a decision point may see of a step. Everything else in a trace is there for scoring alone.
STEP_FIELDS = ("tool", "args", "output", "error")
# Files of a data directory: (suite, kind of traces). `benign` has no injection.
KINDS = ("benign", "important_instructions", "direct")


def load(directory, suite, kind):
    """The traces of one file, in the order of the file."""
    with gzip.open(Path(directory) / f"{suite}_{kind}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def suites(directory):
    """Suites that the directory holds benign traces of."""
    return sorted(path.name.removesuffix("_benign.jsonl.gz") for path in Path(directory).glob("*_benign.jsonl.gz"))


def kinds(directory, suite):
    """Kinds of traces that the directory holds for a suite, benign ones first."""
    return [kind for kind in KINDS if (Path(directory) / f"{suite}_{kind}.jsonl.gz").exists()]


def stripped(trace, number, order):
    """What the decision point is shown: `order` names the steps that happen, by their index in the trace."""
    steps = [{field: trace["steps"][index].get(field) for field in STEP_FIELDS} for index in order]
    return {"id": number, "prompt": trace["prompt"], "tools": trace["tools"], "steps": steps}
