"""Runs `holdshort replay` on stripped traces, in as many processes as there are cores."""

import concurrent.futures
import json
import os
import subprocess
import tempfile


class ReplayFailed(Exception):
    """The binary refused the traces or answered something else than one line for each."""


class Replay:
    """A binary with a configuration."""

    def __init__(self, binary, config=None, jobs=None):
        self.binary = str(binary)
        self.config = config
        self.jobs = jobs or os.cpu_count() or 1
        self._answers_asks = "--asks" in self._run(["replay", "--help"]).stdout

    def answers_asks(self):
        """Whether the binary can play a person who grants what is asked."""
        return self._answers_asks

    def decide(self, traces, asks="refuse"):
        """The decisions for each trace, in the order given: a list of lists, one entry a step."""
        if not traces:
            return []
        size = -(-len(traces) // self.jobs)
        chunks = [traces[start : start + size] for start in range(0, len(traces), size)]
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            return [answer for answers in pool.map(lambda chunk: self._chunk(chunk, asks), chunks) for answer in answers]

    def _chunk(self, traces, asks):
        arguments = ["replay", "--traces", "-"]
        if self.config:
            arguments += ["--config", str(self.config)]
        if self._answers_asks:
            arguments += ["--asks", asks]
        text = "".join(json.dumps(trace) + "\n" for trace in traces)
        done = self._run(arguments, text)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if [answer["id"] for answer in answers] != [trace["id"] for trace in traces]:
            raise ReplayFailed("the binary did not answer each trace once, in their order")
        for trace, answer in zip(traces, answers):
            if len(answer["decisions"]) != len(trace["steps"]):
                raise ReplayFailed(f"trace {trace['id']}: not one decision for each step")
        return [answer["decisions"] for answer in answers]

    def _run(self, arguments, text=None):
        # A home of its own: neither the configuration nor the data of whoever runs this may have a say.
        with tempfile.TemporaryDirectory() as home:
            environment = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDSHORT_", "XDG_"))}
            environment["HOME"] = home
            done = subprocess.run(
                [self.binary, *arguments], input=text, capture_output=True, text=True, env=environment, check=False
            )
        if done.returncode != 0:
            raise ReplayFailed(f"`{self.binary} {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done
