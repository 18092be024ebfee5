"""Evaluates Rego with OPA's own engine. First line of stdin: {"wheel", "files": [[path, text]], "data", "alone"}.
Every further line is an input; the answer is one line: {document: value}, undefined documents left out. With `alone`
each file has an engine of its own, and what OPA does not compile or stops at has no answer."""

import json
import sys

setup = json.loads(sys.stdin.readline())
sys.path.insert(0, setup["wheel"])
from opa_bindings.engine import OpaEngine, OpaError  # noqa: E402


def engine_of(files):
    engine = OpaEngine()
    for path, text in files:
        engine.add_policy(path, text)
    engine.add_data(setup["data"])
    return engine


def alone(engines, value):
    answer = {}
    for engine in engines:
        try:
            answer.update(engine.eval_document("holdshort.rules", value))
        except OpaError:
            pass
    return answer


def engines_of(files):
    engines = []
    for file in files:
        try:
            engines.append(engine_of([file]))
        except OpaError:
            pass
    return engines


if setup.get("alone"):
    engines = engines_of(setup["files"])
    evaluate = lambda value: alone(engines, value)  # noqa: E731
else:
    engine = engine_of(setup["files"])
    evaluate = lambda value: engine.eval_document("holdshort.rules", value)  # noqa: E731
for line in sys.stdin:
    print(json.dumps(evaluate(json.loads(line))), flush=True)
