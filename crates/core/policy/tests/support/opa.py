"""Evaluates Rego with OPA's own engine. First line of stdin: {"wheel", "files": [[path, text]], "data", "documents"}.
Every further line is an input; the answer is one line: {document: value}, undefined documents left out."""

import json
import sys

setup = json.loads(sys.stdin.readline())
sys.path.insert(0, setup["wheel"])
from opa_bindings.engine import OpaEngine  # noqa: E402

engine = OpaEngine()
for path, text in setup["files"]:
    engine.add_policy(path, text)
engine.add_data(setup["data"])
for line in sys.stdin:
    value = engine.eval_document("holdshort.rules", json.loads(line))
    print(json.dumps(value), flush=True)
