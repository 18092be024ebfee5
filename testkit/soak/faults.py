"""Faults around a running service, one at a time. Each ends with a sound log that holds all that was said."""

import glob
import os
import pathlib
import shutil
import signal
import subprocess
import time

import oracle
from clients import BROKEN, Load, Told
from disks import Disk, Skipped, need_root
from service import Failed, Home, Service, ensure, until

# How long load runs before something happens to it, in seconds.
LOAD_S = 1.0


class Case:
    """A home below `place`, its load, and what was told in it."""

    def __init__(self, binary, place, outside=None, copies=True, **more):
        self.home, self.told = Home(binary, place, outside, **more), Told()
        self.copies = oracle.Copies(self.home) if copies else None

    def life(self, environment=None):
        return Service(self.home, environment)

    def load(self, service, **more):
        if not hasattr(self, "token"):
            self.token = self.home.token()
        return Load(service, self.token, self.told, **more)

    def restarts_and_verifies(self):
        """What comes after each fault: a start, some load, a good end, and the comparison."""
        with self.life() as service:
            before = len(self.told.receipts)
            load = self.load(service)
            try:
                until("decisions are made again", lambda: True if len(self.told.receipts) > before else None)
            except Failed as what:
                raise Failed(f"{what}; {service.get('/readyz')}, refusals {self.told.refusals}") from what
            load.end()
            ensure(service.get("/readyz")[0] == 200, "not ready after a restart")
            ensure(service.stop() == 0, f"a good end failed: {service.stderr()}")
        self.home.verify()
        if self.copies:
            self.copies.follow()
        return oracle.check(self.home, self.told)


def start_only(home):
    """A service that nobody waits for."""
    home.data.joinpath("service.json").unlink(missing_ok=True)
    quiet = subprocess.DEVNULL
    return subprocess.Popen(home.command("serve"), env=home.environment(), stdin=quiet, stdout=quiet, stderr=quiet)


def refuses_by_name(case, service, name="recorder-down"):
    """The service answers, and says that it records nothing: no decision, a fault with a name."""
    load = case.load(service, filler=12 << 10)
    found = until(f"a refusal by `{name}`", lambda: not_ready(service, name))
    load.end()
    before = len(oracle.numbers_done(case.home))
    told = len(case.told.receipts)
    load = case.load(service)
    time.sleep(LOAD_S)
    load.end()
    ensure(len(case.told.receipts) == told, "decisions were acknowledged although nothing can be recorded")
    ensure(len(oracle.numbers_done(case.home)) == before, "calls were carried out although nothing can be recorded")
    ensure(service.process.poll() is None, f"the service ended: {service.stderr()}")
    return found


def not_ready(service, name):
    try:
        status, body = service.get("/readyz")
    except BROKEN:
        return None
    return body if status == 503 and name in body else None


def full(binary, place, _dice):
    """Without room that is kept the log ends when the disk is full; it is opened again when there is room."""
    need_root()
    with Disk(place / "disk", 192) as disk:
        case = Case(binary, disk.place, disk.place.with_suffix(".outside"), copies=False, keep_free="0 B")
        with case.life() as service:
            load = case.load(service)
            time.sleep(LOAD_S)
            load.end()
            ballast = disk.fill()
            named = refuses_by_name(case, service)
            service.stop()
        ballast.unlink()
        return {"named": named, **case.restarts_and_verifies()}


def nearly_full(binary, place, _dice):
    """With room that is kept it refuses before the disk is full, and goes on by itself when there is room."""
    need_root()
    with Disk(place / "disk", 256) as disk:
        case = Case(binary, disk.place, disk.place.with_suffix(".outside"), copies=False, keep_free="64 MiB")
        with case.life() as service:
            load = case.load(service)
            time.sleep(LOAD_S)
            load.end()
            ballast = disk.fill(leave=40 << 20)
            named = refuses_by_name(case, service, "recorder-full")
            ballast.unlink()
            until("it goes on by itself", lambda: True if service.get("/readyz")[0] == 200 else None)
            before = len(case.told.receipts)
            load = case.load(service)
            until("decisions are made again", lambda: True if len(case.told.receipts) > before else None)
            load.end()
            ensure(service.stop() == 0, f"a good end failed: {service.stderr()}")
        return {"named": named, **case.restarts_and_verifies()}


def broken(binary, place, _dice):
    """The image lies on a disk that is too small for it: its writes fail with EIO, whatever the file system thinks."""
    need_root()
    with Disk(place / "small", 120), Disk(place / "broken", 0, "ext4", place / "small", sparse_mib=1024) as disk:
        case = Case(binary, disk.place, disk.place.with_suffix(".outside"), copies=False)
        with case.life() as service:
            load = case.load(service)
            time.sleep(LOAD_S)
            load.end()
            ballast = pathlib.Path(place / "small") / "ballast"
            with open(ballast, "wb", buffering=0) as file:
                try:
                    while file.write(b"\7" * 65536):
                        pass
                except OSError:
                    pass
            named = refuses_by_name(case, service)
            service.kill()
        ballast.unlink()
        disk.again()
        return {"named": named, **case.restarts_and_verifies()}


def read_only(binary, place, _dice):
    need_root()
    with Disk(place / "readonly", 1024, "ext4", place) as disk:
        case = Case(binary, disk.place, disk.place.with_suffix(".outside"), copies=False)
        with case.life() as service:
            load = case.load(service)
            time.sleep(LOAD_S)
            disk.turn_read_only()
            load.end()
            named = refuses_by_name(case, service)
            service.kill()
        disk.again()
        return {"named": named, **case.restarts_and_verifies()}


def power(binary, place, dice, rounds=8):
    """Under load the file system stops, unsynced bytes and names are gone, and its journal is played back."""
    need_root()
    found = {}
    for kind in ("ext4", "xfs"):
        try:
            with Disk(place / f"power-{kind}", 1024, kind, place) as disk:
                found[kind] = lose_power(binary, disk, dice, rounds)
        except Skipped as reason:
            found[kind] = f"skipped: {reason}"
    return found


def lose_power(binary, disk, dice, rounds):
    case = Case(binary, disk.place, disk.place.with_suffix(".outside"), copies=False)
    for _ in range(rounds):
        with case.life() as service:
            load = case.load(service, filler=dice.choice([0, 300, 5000]))
            # The MCP server needs a second to start.
            time.sleep(dice.uniform(0.1, 4.0))
            disk.lose_power()
            load.end()
            service.kill()
        disk.again()
        # What was acknowledged is there as it was left, before anybody repairs it.
        case.home.verify()
    return {"losses": rounds, **case.restarts_and_verifies()}


def frozen(binary, place, dice, rounds=5):
    """SIGSTOP under load, and on again: nobody is told anything that is not so."""
    case = Case(binary, place / "frozen")
    with case.life() as service:
        load = case.load(service)
        for _ in range(rounds):
            time.sleep(dice.uniform(0.1, 0.6))
            service.signal(signal.SIGSTOP)
            time.sleep(dice.uniform(0.2, 1.5))
            service.signal(signal.SIGCONT)
        time.sleep(LOAD_S)
        load.end()
        ensure(service.stop() == 0, f"a good end failed: {service.stderr()}")
    return case.restarts_and_verifies()


def clock(binary, place, _dice):
    """The wall clock goes back by a day, while the service runs and between two lives."""
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), os.environ.get("SOAK_FAKETIME"))
    if not library:
        raise Skipped("no libfaketime; it is the package `libfaketime` of Debian")
    case = Case(binary, place / "clock")
    offset = place / "clock" / "offset"
    offset.write_text("+0\n")
    environment = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    for step in ("+0", "-1d", "-400d", "+1d", "+0"):
        with case.life(environment) as service:
            load = case.load(service)
            time.sleep(LOAD_S)
            offset.write_text(f"{step}\n")
            before = len(case.told.receipts)
            until("decisions go on", lambda start=before: True if len(case.told.receipts) > start + 5 else None)
            time.sleep(LOAD_S)
            load.end()
            ensure(service.stop() == 0, f"a good end failed: {service.stderr()}")
        case.home.verify()
        case.copies.follow()
    records = case.home.records()
    times = [record["received_ms"] for record in records.values() if record and record.get("type") == "decision"]
    back = sum(1 for one, next_one in zip(times, times[1:]) if next_one + 3_600_000 < one)
    ensure(back > 0, "the clock never went back: libfaketime does nothing here")
    for identity, (index, _, _) in case.told.receipts.items():
        there = records.get(index)
        ensure(there and there["decision"]["id"] == identity, f"decision {identity} does not stand at {index}")
    return {"steps back": back, "records": len(records), "receipts": len(case.told.receipts)}


def flat(binary, place, _dice, seconds=45):
    """Under steady load, neither memory nor open files grow with the number of records."""
    case = Case(binary, place / "flat", copies=False)
    with case.life() as service:
        load = case.load(service, deciders=6, agents=0)
        samples = []
        for _ in range(seconds):
            time.sleep(1)
            samples.append((len(case.told.receipts), *service.usage()))
        load.end()
        ensure(service.stop() == 0, f"a good end failed: {service.stderr()}")
    third = len(samples) // 3
    warm, end = samples[third], samples[-1]
    ensure(end[2] <= warm[2] + 8, f"open files grew from {warm[2]} to {end[2]}")
    grown = (end[1] - warm[1]) / max(1, end[0] - warm[0])
    found = {"records": end[0], "MiB": [round(one[1] / (1 << 20)) for one in (warm, end)], "files": [warm[2], end[2]]}
    ensure(end[1] < warm[1] + (64 << 20), f"memory grew by {grown:.0f} bytes a record: {found}")
    return found


ALL = {
    "frozen": frozen,
    "full": full,
    "nearly-full": nearly_full,
    "broken": broken,
    "read-only": read_only,
    "power": power,
    "clock": clock,
    "flat": flat,
}


def run(name, binary, place, dice):
    """One fault; what was found, or why it was skipped."""
    folder = place / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return ALL[name](binary, folder, dice)
    except Skipped as reason:
        return f"skipped: {reason}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
