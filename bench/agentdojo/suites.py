"""AgentDojo's own suites: their environments, their tools and their verdicts. Needs the package `agentdojo`.

Run as a program it is the worker of `exact.py`: a question a line on standard input, `true` or `false` a line on
standard output.
"""

import json
import sys
import warnings

from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suite
from agentdojo.types import text_content_block_from_string

VERSION = "v1.2.2"


class World:
    """The environment of a user task with injected texts in it, and the calls that were executed there."""

    def __init__(self, name, user_task, injections):
        self.suite = get_suite(VERSION, name)
        self.user_task = self.suite.get_user_task_by_id(user_task)
        environment = self.suite.load_and_inject_default_environment(injections)
        self.environment = self.user_task.init_environment(environment)
        self.before = self.environment.model_copy(deep=True)
        self.runtime = FunctionsRuntime(self.suite.tools)
        self.calls = []

    def execute(self, tool, args):
        """Executes a call: its output as an agent gets it, its error, and whether the environment changed."""
        was = self.environment.model_dump_json()
        self.calls.append(FunctionCall(function=tool, args=args))
        result, error = self.runtime.run_function(self.environment, tool, args)
        return tool_result_to_str(result), error, self.environment.model_dump_json() != was

    def useful(self, output):
        """The suite's verdict on the user task."""
        return self._verdict(self.user_task, output)

    def reached(self, injection_task, output):
        """The suite's verdict on the attack: its goal was reached."""
        return self._verdict(self.suite.get_injection_task_by_id(injection_task), output)

    def _verdict(self, task, output):
        text = [text_content_block_from_string(output)]
        return bool(self.suite._check_task_result(task, text, self.before, self.environment, self.calls))


def answer(question):
    """Whether the attack's goal is reached when exactly these calls are executed."""
    world = World(question["suite"], question["user_task"], question["injections"])
    for call in question["calls"]:
        world.execute(call["tool"], call["args"])
    return world.reached(question["injection_task"], question["output"])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))))
