#!/usr/bin/env python3
"""Hours or minutes with a real service that is not left in peace.

soak.py [--holdshort BINARY] [--minutes N] [--seed N] [--only kills,flips,frozen,full,broken,read-only,power,clock,flat]

Faults come first, one after the other; kills take the rest of the time, at least one round of them. Each round: a start on the
same log, load on API and gateway, `kill -9` at a random moment. Every few rounds the log is sealed, verified, compared with all that
clients were told and all that the MCP server did, and followed by a mirror. The first thing that must not be ends it with
exit code 1; its place is then kept.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

import faults
import flips
import oracle
from service import ROOT, Failed, Service

ROUNDS_BETWEEN_CHECKS = 5
FLIPS_OF_EACH_KIND = 25
# A killed service is given this long at most before, in seconds: some die while they start.
LIFE_S_MAX = 2.5


def kills(binary, place, dice, until, report):
    case = faults.Case(binary, place / "kills")
    rounds = checks = 0
    died_young = 0
    while time.monotonic() < until or rounds < ROUNDS_BETWEEN_CHECKS:
        for _ in range(ROUNDS_BETWEEN_CHECKS):
            rounds += 1
            died_young += one_life(case, dice)
        with Service(case.home) as service:
            if service.stop() != 0:
                raise Failed(f"a good end failed: {service.stderr()}")
        case.home.verify()
        case.copies.follow()
        compared = oracle.check(case.home, case.told)
        checks += 1
        report["kills"] = {
            "kills": rounds,
            "of them while starting": died_young,
            "checks": checks,
            "asked": case.told.asked,
            **compared,
            "refused": case.told.refusals,
        }
    report["flips"] = flips.run(case.home, dice, FLIPS_OF_EACH_KIND)


def one_life(case, dice):
    """A start, load, and a kill; whether it died while it started."""
    if rounds_young(dice, case):
        process = faults.start_only(case.home)
        time.sleep(dice.uniform(0.0, 0.4))
        process.kill()
        process.wait()
        return 1
    with Service(case.home) as service:
        load = case.load(service, filler=dice.choice([0, 0, 200, 3000, 60000]))
        time.sleep(dice.uniform(0.02, LIFE_S_MAX))
        service.kill()
        load.end()
    return 0


def rounds_young(dice, case):
    """The first life has to last long enough for the agent to be registered."""
    return hasattr(case, "token") and dice.random() < 0.15


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--holdshort", default=ROOT / "target/release/holdshort", type=pathlib.Path)
    parser.add_argument("--minutes", default=float(os.environ.get("SOAK_MINUTES", "10")), type=float)
    parser.add_argument("--seed", default=random.SystemRandom().randrange(1 << 32), type=int)
    parser.add_argument("--only", default="")
    return parser.parse_args()


def main():
    chosen = arguments()
    dice, report = random.Random(chosen.seed), {}
    end = time.monotonic() + 60 * chosen.minutes
    only = [name for name in chosen.only.split(",") if name]
    # Sockets have short names, and a place that is kept after a failure should be found.
    place = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"soak: seed {chosen.seed}, {chosen.minutes:g} minutes", flush=True)
    try:
        for name in faults.ALL:
            if not only or name in only:
                began = time.monotonic()
                report[name] = faults.run(name, chosen.holdshort.resolve(), place, dice)
                print(f"{name}: {json.dumps(report[name])} ({time.monotonic() - began:.0f} s)", flush=True)
        if not only or "kills" in only:
            kills(chosen.holdshort.resolve(), place, dice, end, report)
            for name in ("kills", "flips"):
                print(f"{name}: {json.dumps(report[name])}", flush=True)
    except Failed as what:
        print(f"soak: FAILED, seed {chosen.seed}: {what}\nsoak: so far {json.dumps(report)}\nsoak: kept in {place}", file=sys.stderr)
        return 1
    shutil.rmtree(place, ignore_errors=True)
    print("soak: nothing was lost, nothing was forked, nothing ran without a record", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
