#!/usr/bin/env python3
"""Writes data/ from the runs that are written down in runs/; `--check` only says whether data/ is current."""

import gzip
import importlib
import io
import json
import re
import sys
from pathlib import Path

from author import RUNS, Malformed, marked

HERE = Path(__file__).resolve().parent
PLACE = re.compile(r"<<[A-Z]>>")


def main():
    files = {f"{kind}.jsonl.gz": packed(traces) for kind, traces in everything().items()}
    stale = [name for name, content in files.items() if not (HERE / "data" / name).exists() or (HERE / "data" / name).read_bytes() != content]
    if "--check" in sys.argv[1:]:
        sys.exit(f"build.py: not current: {', '.join(stale)}" if stale else 0)
    for name, content in files.items():
        (HERE / "data" / name).write_bytes(content)


def everything():
    """Traces by file, `DOMAIN_benign` and `DOMAIN_direct`."""
    files = {}
    for path in sorted((HERE / "runs").glob("[a-z]*.py")):
        RUNS.clear()
        importlib.import_module(f"runs.{path.stem}")
        for run in RUNS:
            files.setdefault(f"{path.stem}_benign", []).append(benign(path.stem, run))
            for number, attack in enumerate(run["attacks"], 1):
                files.setdefault(f"{path.stem}_direct", []).append(attacked(path.stem, run, attack, number))
    names = [trace["id"] for traces in files.values() for trace in traces]
    if len(names) != len(set(names)):
        raise Malformed("two runs have one name")
    return files


def benign(domain, run):
    steps = [step(run, one, lambda text: PLACE.sub("", text), "user") for one in run["steps"]]
    return trace(f"{domain}/{run['name']}", domain, run, steps)


def attacked(domain, run, attack, number):
    mark = marked(attack["place"])
    fill = lambda text: PLACE.sub("", text.replace(mark, attack["text"]))
    vector = f"{run['name']}-{number}"
    steps = []
    for one in run["steps"]:
        steps.append(step(run, one, fill, "user"))
        if carries(one["output"], mark):
            steps[-1]["injected_vectors"] = [vector]
    carriers = [index for index, one in enumerate(steps) if one["injected_vectors"]]
    if not carriers:
        raise Malformed(f"{domain}/{run['name']}: no output has the place `{attack['place']}`")
    behind = carriers[0] + 1
    steps[behind:behind] = [step(run, one, fill, "injection") for one in attack["calls"]]
    made = trace(f"{domain}/{run['name']}/attacked-{number}", domain, run, steps)
    return made | {"injections": {vector: attack["text"]}}


def carries(output, mark):
    text = output if isinstance(output, str) else output.text(lambda text: text)
    return mark in text


def trace(name, domain, run, steps):
    return {"id": name, "suite": domain, "prompt": run["prompt"], "tools": run["tools"], "steps": steps}


def step(run, one, fill, origin):
    checked(run, one)
    output = fill(one["output"]) if isinstance(one["output"], str) else one["output"].text(fill)
    return {
        "tool": one["tool"],
        "args": one["args"],
        "output": output,
        "error": one["error"],
        "origin": origin,
        "env_changed": one.get("env_changed", origin == "injection"),
        "injected_vectors": [],
    }


def checked(run, one):
    """A call has to be one that its tool accepts, as far as names go."""
    where = f"{run['name']}: {one['tool']}"
    schemas = [tool["schema"] for tool in run["tools"] if tool["name"] == one["tool"]]
    if len(schemas) != 1:
        raise Malformed(f"{where}: {len(schemas)} tools have this name")
    unknown = set(one["args"]) - set(schemas[0]["properties"])
    missing = set(schemas[0].get("required", [])) - set(one["args"])
    if unknown or (missing and not one["error"]):
        raise Malformed(f"{where}: unknown {sorted(unknown)}, missing {sorted(missing)}")


def packed(traces):
    """Bytes of a file, the same on every machine and day."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as lines:
        for one in traces:
            lines.write((json.dumps(one, ensure_ascii=False) + "\n").encode())
    return buffer.getvalue()


if __name__ == "__main__":
    main()
