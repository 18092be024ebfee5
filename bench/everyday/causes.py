#!/usr/bin/env python3
"""Lists each benign step that was asked about or refused, by the rules that said so, most frequent first."""

import argparse
import collections
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "agentdojo"))

import play  # noqa: E402  (modules of the other bench are shared)
import traces as recorded  # noqa: E402
from replay import Replay  # noqa: E402

# Said beside every other reason; on its own it decides nothing in the default configuration.
BESIDE = "grants"


def main():
    arguments = parse()
    benign = [trace for suite in recorded.suites(arguments.data) for trace in recorded.load(arguments.data, suite, "benign")]
    played = play.play(Replay(arguments.binary, arguments.config), benign, arguments.asks)
    groups = collections.defaultdict(list)
    for one in played:
        for number, (step, decision) in enumerate(zip(one.trace["steps"], one.decisions)):
            if not play.runs(decision):
                groups[cause(decision)].append((one.trace["id"], number, step, decision))
    for found, steps in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        print(f"## {found}: {len(steps)} steps in {len({name for name, *_ in steps})} runs\n")
        for name, number, step, decision in steps:
            print(f"- {name} {number} {decision['effect']} {step['tool']} {str(step['args'])[:arguments.width]}")
            for reason in decision["reasons"] if arguments.reasons else []:
                if reason["policy"] != BESIDE:
                    print(f"    {reason['message']}")
        print()


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=ROOT / "target/release/holdshort")
    parser.add_argument("--data", default=HERE / "data")
    parser.add_argument("--config", help="configuration file; default: the binary's own defaults")
    parser.add_argument("--asks", choices=("refuse", "grant"), default="grant", help="what a person answers")
    parser.add_argument("--reasons", action="store_true", help="print the reasons of each step")
    parser.add_argument("--width", type=int, default=120, help="characters of the arguments to print")
    return parser.parse_args()


def cause(decision):
    """The rules that said so, without their common prefix."""
    rules = {reason["policy"].rpartition(".")[2] for reason in decision["reasons"]} - {BESIDE}
    return " + ".join(sorted(rules))


if __name__ == "__main__":
    main()
