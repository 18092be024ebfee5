"""Whether a log keeps the word that its service gave."""

import os
import subprocess

from service import ensure

# A file's time is that of the kernel's last tick, and ticks are at most this far apart.
TICK_MS = 10


def numbers_done(home):
    """Calls that the MCP server carried out, and when: it wrote a file for each, wherever it was let."""
    found = {}
    for folder in (home.workspace, home.forbidden):
        for entry in os.scandir(folder):
            if entry.name.endswith(".txt"):
                found[int(entry.name[:-4])] = (entry.stat().st_mtime_ns // 1_000_000, folder)
    return found


def decided(records, told):
    """Decisions of a log: by id, and those that let a call through, by the number that its exact bytes carried."""
    by_id, permits = {}, {}
    for index, record in records.items():
        if not record or record.get("type") != "decision":
            continue
        decision, action = record["decision"], record["request"]["action"]
        by_id[decision["id"]] = (index, record)
        if decision["enforced"] == "allow" and action.get("digest") in told.bodies:
            permits[told.bodies[action["digest"]]] = record["received_ms"]
    return by_id, permits


def check(home, told):
    """Compares the sealed records with what clients were told and with what the server did. How much was compared."""
    records = home.records()
    ensure(list(records) == list(range(len(records))), "the indexes of the records have gaps")
    by_id, permits = decided(records, told)
    for identity, (index, number, enforced) in told.receipts.items():
        there = by_id.get(identity)
        ensure(there is not None, f"decision {identity} was acknowledged at {index} and is not in the log")
        ensure(there[0] == index, f"decision {identity} was acknowledged at {index} and stands at {there[0]}")
        action, decision = there[1]["request"]["action"], there[1]["decision"]
        # Long arguments stand there by their digest.
        ensure(action["args"].get("id", str(number)) == str(number), f"decision {identity} is about another call")
        ensure(decision["enforced"] == enforced, f"decision {identity} says something else than the answer did")
    done = numbers_done(home)
    for number, (when, folder) in done.items():
        ensure(number in permits, f"call {number} was carried out without a record that permits it")
        ensure(folder == home.workspace, f"call {number} was refused, and carried out")
        ensure(permits[number] <= when + TICK_MS, f"call {number} was carried out before it was decided")
    for number, came_back in told.calls.items():
        ensure(not came_back or number in done, f"call {number} was answered and never carried out")
    return {"records": len(records), "receipts": len(told.receipts), "carried out": len(done)}


class Copies:
    """A mirror and checkpoints that were kept: what a log cannot take back."""

    def __init__(self, home):
        self.home, self.place = home, home.place / "mirror"
        self.kept = home.place / "checkpoint.kept"

    def follow(self):
        """Takes over what is new; a fork ends it. The log may not have forgotten what was kept either."""
        log = str(self.home.log)
        words = ["mirror", "--from", log, "--to", str(self.place), "--once", "--json"]
        if not self.place.exists():
            words += ["--key", f"{log}/log.pub"]
        done = run_plain(self.home, words)
        ensure(done.returncode == 0, f"the mirror: {done.stderr.strip() or done.stdout.strip()}")
        if self.kept.exists():
            done = run_plain(self.home, ["log", "audit", log, "--older", str(self.kept), "--json"])
            ensure(done.returncode == 0, f"an audit against a kept checkpoint: {done.stderr.strip()}")
        self.kept.write_bytes((self.home.log / "checkpoint").read_bytes())


def run_plain(home, words):
    """A command that takes no configuration."""
    return subprocess.run([home.binary, *words], env=home.environment(), capture_output=True, text=True, check=False)
