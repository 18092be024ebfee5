"""Flips bits of a closed log, one at a time, and looks whether `holdshort log verify` finds the place."""

import json

import oracle
from service import ensure

# Who has a lock is not part of what is proved, and what is not finished means nothing.
MEAN_NOTHING = ("lock", ".tmp")
# Nothing in the directory vouches for the receipts' key; the service compares it with the private one when it starts.
FOUND_AT_OPENING = "log.cose.pub"


def kind(name):
    for beginning, what in (("records/", "records"), ("tile/entries/", "entries"), ("tile/", "hashes")):
        if name.startswith(beginning):
            return what
    return name


def run(home, dice, flips):
    """How many flips of each kind of file were found in their file, or are in the empty end of a segment."""
    files = {}
    for path in sorted(home.log.rglob("*")):
        if path.is_file() and not path.name.endswith(MEAN_NOTHING) and path.name != FOUND_AT_OPENING:
            files.setdefault(kind(str(path.relative_to(home.log))), []).append(path)
    counts = {}
    for what, paths in files.items():
        count = counts.setdefault(what, {"found": 0, "in the empty end": 0})
        for _ in range(flips):
            path = dice.choice(paths)
            at, bit = dice.randrange(path.stat().st_size), 1 << dice.randrange(8)
            turn(path, at, bit)
            done = oracle.run_plain(home, ["log", "verify", str(home.log), "--json"])
            turn(path, at, bit)
            name = str(path.relative_to(home.log))
            if done.returncode != 0 and name in done.stdout + done.stderr:
                count["found"] += 1
            else:
                torn = done.returncode == 0 and json.loads(done.stdout).get("torn_bytes", 0) > 0
                ensure(torn, f"bit {bit} of byte {at} of {name} was flipped: {done.stdout.strip()} {done.stderr.strip()}")
                count["in the empty end"] += 1
    home.verify()
    return counts


def turn(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ bit]))
