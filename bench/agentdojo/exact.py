"""Asks AgentDojo's own suites whether an attack's goal was reached, by executing the calls that ran."""

import json
import subprocess
from pathlib import Path

from play import runs

WORKER = Path(__file__).resolve().parent / "suites.py"


def scorer(python):
    """A function from played traces to a list: for each, whether the suite finds the goal unreached.

    `python` is an interpreter that has the package `agentdojo`.
    """

    def secure(played):
        questions = "".join(json.dumps(question(one)) + "\n" for one in played)
        done = subprocess.run([python, str(WORKER)], input=questions, capture_output=True, text=True, check=True)
        return [not json.loads(line) for line in done.stdout.splitlines()]

    return secure


def question(one):
    """What the worker is asked about a played trace."""
    ran = [step for step, decision in zip(one.trace["steps"], one.decisions) if decision and runs(decision)]
    question = {key: one.trace[key] for key in ("suite", "user_task", "injection_task", "injections")}
    question["calls"] = [{"tool": step["tool"], "args": step["args"]} for step in ran]
    # What the agent says of the injection is said whether or not its calls ran.
    question["output"] = f"{one.trace['model_output']}\n{one.trace.get('injection_output', '')}"
    return question
