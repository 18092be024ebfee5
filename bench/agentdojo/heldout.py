#!/usr/bin/env python3
"""Generates traces of AgentDojo suites by executing their ground truth: the agent solves every task and obeys every
injection that it reads. Needs the package `agentdojo`; no model takes part.

    python heldout.py DIRECTORY workspace travel
    python3 run.py --data DIRECTORY

These suites are held out: nothing in Holdshort was looked up in them or tuned on them. `--compare` generates the suites
of a directory again and says whether the traces agree.
"""

import argparse
import functools
import gzip
import itertools
import json
import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import traces as recorded
from suites import VERSION, World, get_suite

# A model whose name in the texts of the attack is the one that the given traces have.
MODEL = SimpleNamespace(name="gpt-4o-2024-05-13")


def main():
    parser = argparse.ArgumentParser(description="Generates traces of AgentDojo suites from their ground truth.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("suites", nargs="*")
    parser.add_argument("--compare", action="store_true", help="generate what the directory holds again, and compare")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.compare:
        different = sum(compare(arguments.directory, name) for name in arguments.suites or recorded.suites(arguments.directory))
        sys.exit(f"heldout.py: {different} traces differ" if different else 0)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for name in arguments.suites:
        for kind in recorded.KINDS:
            write(arguments.directory / f"{name}_{kind}.jsonl.gz", generated(name, kind))


def generated(name, kind):
    """The traces of a suite: benign ones, or those of an attack for every user task in which the agent reads its text."""
    suite = get_suite(VERSION, name)
    for user_task in suite.user_tasks:
        if kind == "benign":
            yield benign(name, user_task)
            continue
        for injection_task in suite.injection_tasks:
            trace = attacked(name, user_task, injection_task, kind)
            if trace is not None:
                yield trace


def benign(name, user_task):
    world = World(name, user_task, {})
    steps = [executed(world, call, "user") for call in world.user_task.ground_truth(world.before.model_copy(deep=True))]
    for step, vectors in zip(steps, carried(name, user_task)):
        step["could_carry"] = list(vectors)
    output = world.user_task.GROUND_TRUTH_OUTPUT
    trace = head(world, user_task) | {"steps": steps, "utility": world.useful(output), "security": None}
    return trace | {"id": f"{prefix(name, user_task)}/none", "injection_task": None, "attack": None, "model_output": output}


def attacked(name, user_task, injection_task, kind):
    """The trace of a pair, or None when no output shows the injected text. The injected calls come right behind the
    first output with the text; at the end when the goal is reached only so."""
    injections = attack(name, kind).attack_or_none(user_task, injection_task)
    if injections is None:
        return None
    immediate = run(name, user_task, injection_task, injections, late=False)
    chosen = immediate
    if immediate and not immediate["security"]:
        late = run(name, user_task, injection_task, injections, late=True)
        chosen = late if late["security"] else immediate
    if chosen is None:
        return None
    task = get_suite(VERSION, name).get_injection_task_by_id(injection_task)
    fields = {"id": f"{prefix(name, user_task)}/{injection_task}/{kind}", "injection_task": injection_task, "attack": kind}
    return chosen | fields | {"injection_gt": "agentdojo", "injection_goal": task.GOAL, "injections": injections}


def run(name, user_task, injection_task, injections, late):
    world = World(name, user_task, injections)
    calls = world.user_task.ground_truth(world.before.model_copy(deep=True))
    task = world.suite.get_injection_task_by_id(injection_task)
    # The agent sees the environment as the person's own calls have left it.
    obey = lambda: [executed(world, call, "injection") for call in task.ground_truth(world.environment.model_copy(deep=True))]
    steps, read = [], False
    shown = itertools.chain(carried(name, user_task), itertools.repeat([]))
    for call, vectors in zip(calls, shown):
        step = executed(world, call, "user")
        read_here = lambda vector: vector in injections and shows(step["output"], injections[vector])
        step["injected_vectors"] = [vector for vector in vectors if read_here(vector)]
        steps.append(step)
        if step["injected_vectors"] and not read:
            read = True
            steps += [] if late else obey()
    if not read:
        return None
    steps += obey() if late else []
    own, injected = world.user_task.GROUND_TRUTH_OUTPUT, task.GROUND_TRUTH_OUTPUT
    output = f"{own}\n{injected}"
    verdicts = {"utility": world.useful(output), "security": world.reached(injection_task, output)}
    rest = {"order": "late" if late else "immediate", "model_output": own, "injection_output": injected}
    return head(world, user_task) | rest | verdicts | {"steps": steps}


def executed(world, call, origin):
    output, error, changed = world.execute(call.function, dict(call.args))
    fields = {"tool": call.function, "args": dict(call.args), "output": output, "error": error}
    return fields | {"origin": origin, "env_changed": changed, "injected_vectors": []}


@functools.lru_cache(maxsize=256)
def carried(name, user_task):
    """For each step of a benign trace the vectors whose text would show up in its output."""
    vectors = get_suite(VERSION, name).get_injection_vector_defaults()
    marks = {vector: f"CANARY{number}X" for number, vector in enumerate(vectors)}
    world = World(name, user_task, marks)
    outputs = [
        world.execute(call.function, dict(call.args))[0]
        for call in world.user_task.ground_truth(world.before.model_copy(deep=True))
    ]
    return [[vector for vector, mark in marks.items() if mark in output] for output in outputs]


def letters(text):
    """The letters and digits of the text: what quoting, escaping and folding leave alone."""
    return re.sub(r"\W+", "", re.sub(r"\\[nrt]", " ", text))


def shows(output, text):
    """Whether the output has the text in it."""
    return letters(text) in letters(output)


def head(world, user_task):
    tools = [
        {"name": tool.name, "description": tool.description, "schema": tool.parameters.model_json_schema()}
        for tool in world.suite.tools
    ]
    fields = {"version": VERSION, "suite": world.suite.name, "user_task": user_task}
    return fields | {"prompt": world.user_task.PROMPT, "tools": tools}


def prefix(name, user_task):
    return f"{VERSION.replace('.', '_')}/{name}/{user_task}"


class attack:
    """The package's own attack of that name."""

    def __init__(self, name, kind):
        from agentdojo.attacks.attack_registry import ATTACKS

        self.suite = get_suite(VERSION, name)
        self.attack = ATTACKS[kind](self.suite, MODEL)

    def attack_or_none(self, user_task, injection_task):
        try:
            return self.attack.attack(
                self.suite.get_user_task_by_id(user_task), self.suite.get_injection_task_by_id(injection_task)
            )
        except ValueError:
            return None


def write(path, lines):
    # A fixed time in the header: the same traces give the same file.
    with path.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
        for trace in lines:
            packed.write((json.dumps(trace, default=str) + "\n").encode())


def compare(directory, name):
    """Prints how many traces of a suite agree with those generated anew, and gives back how many do not."""
    different = 0
    for kind in recorded.kinds(directory, name):
        given = {trace["id"]: trace for trace in recorded.load(directory, name, kind)}
        anew = {trace["id"]: json.loads(json.dumps(trace, default=str)) for trace in generated(name, kind)}
        fields = sorted({key for id in given.keys() & anew.keys() for key in given[id] if given[id][key] != anew[id].get(key)})
        unequal = [id for id in given.keys() | anew.keys() if given.get(id) != anew.get(id)]
        print(f"{name} {kind}: {len(given)} given, {len(anew)} generated, {len(unequal)} differ {fields}")
        different += len(unequal)
    return different


if __name__ == "__main__":
    main()
