"""Audits a log directory with aics-tlog, which we did not write.

    audit.py DIR KEY-FILE [OLDER-CHECKPOINT]

The signature of the checkpoint, every tile and every entry against the signed root, and with a third argument that an older
checkpoint is the beginning of this one. Prints `ok SIZE`, or says what is wrong and ends with 1.
"""

import sys
from pathlib import Path

from aics_tlog import (FileSystemTileReader, VerifiedTileReader, audit_tiles, consistency_proof_from_tiles, parse_note,
                       read_vkey_file, verify_checkpoint, verify_consistency)


def signed(path: Path, key):
    found = verify_checkpoint(parse_note(path.read_text("utf-8")), key, [], 0, expected_origin=key.name)
    if not found.ok:
        raise ValueError(f"{path.name}: {found.error}")
    return found


def audit(directory: Path, key_file: Path, older: list[Path]) -> int:
    key = read_vkey_file(key_file.read_text("utf-8"))
    head = signed(directory / "checkpoint", key)
    reader = FileSystemTileReader(directory)
    audit_tiles(reader, head.size, head.root)
    for kept in older:
        old = signed(kept, key)
        if old.size > head.size:
            raise ValueError(f"rolled back: {head.size} entries, {old.size} were signed before")
        proof = consistency_proof_from_tiles(VerifiedTileReader(reader, head.size, head.root), old.size, head.size)
        if not verify_consistency(old.size, head.size, old.root, head.root, proof):
            raise ValueError("the older checkpoint is not the beginning")
    return head.size


try:
    print("ok", audit(Path(sys.argv[1]), Path(sys.argv[2]), [Path(path) for path in sys.argv[3:]]))
except Exception as error:  # whatever its code raises is a refusal; a test looks at the text
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
