#!/usr/bin/env python3
"""Hours or minutes with a real service that is not left in peace.

soak.py [--holdshort BINARY] [--minutes N] [--seed N] [--only kills,flips,frozen,full,nearly-full,broken,read-only,power,clock,flat]

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
from service import ROOT, Failed, Service, ensure

ROUNDS_BETWEEN_CHECKS = 5
FLIPS_OF_EACH_KIND = 25
RECORDS_OF_A_LOG = 60_000
# A killed service is given this long at most before, in seconds.
LIFE_S_MAX = 2.5
# How many die while they start.
DIES_YOUNG = 0.15


def kills(binary, place, dice, until, report):
    """Rounds of lives on one log; after some ten thousand records on a new one, so that each comparison stays short."""
    total = {"logs": 0, "kills": 0, "of them while starting": 0, "checks": 0}
    sums, refused = {}, {}
    while True:
        total["logs"] += 1
        case = faults.Case(binary, place / f"kills-{total['logs']}")
        compared = {"records": 0}
        while compared["records"] < RECORDS_OF_A_LOG and (time.monotonic() < until or total["kills"] == 0):
            for _ in range(ROUNDS_BETWEEN_CHECKS):
                total["kills"] += 1
                total["of them while starting"] += one_life(case, dice)
            with Service(case.home) as service:
                ensure(service.stop() == 0, f"a good end failed: {service.stderr()}")
            case.home.verify()
            case.copies.follow()
            compared = {"asked": case.told.asked, **oracle.check(case.home, case.told)}
            total["checks"] += 1
        for what, count in compared.items():
            sums[what] = sums.get(what, 0) + count
        for what, count in case.told.refusals.items():
            refused[what] = refused.get(what, 0) + count
        report["kills"] = {**total, **sums, "refused": refused}
        print(f"kills so far: {json.dumps(report['kills'])}", flush=True)
        if time.monotonic() >= until:
            report["flips"] = flips.run(case.home, dice, FLIPS_OF_EACH_KIND)
            return
        shutil.rmtree(case.home.place, ignore_errors=True)


def one_life(case, dice):
    """A start, load, and a kill; whether it died while it started."""
    # The first life has to last long enough for the agent to be registered.
    if hasattr(case, "token") and dice.random() < DIES_YOUNG:
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
            print(f"flips: {json.dumps(report['flips'])}", flush=True)
    except Failed as what:
        print(f"soak: FAILED, seed {chosen.seed}: {what}\nsoak: so far {json.dumps(report)}\nsoak: kept in {place}", file=sys.stderr)
        return 1
    shutil.rmtree(place, ignore_errors=True)
    print("soak: nothing was lost, nothing was forked, nothing ran without a record", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
