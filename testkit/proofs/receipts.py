"""Checks COSE receipts with scitt-cose, which we did not write.

    receipts.py KEY.pem < checks

Each line of the input is JSON, {"receipt": hex, "entry": hex}; each line of the output says what came of it. It makes a
receipt of its own instead when the line is {"make": [hex of each entry], "index": n, "key": PEM of a private key}.
"""

import json
import sys

from scitt_cose.receipt import build_receipt, verify_receipt


def check(line: dict, key: bytes) -> dict:
    found = verify_receipt(bytes.fromhex(line["receipt"]), leaf_entry_hex=line["entry"], log_public_key_pem=key)
    return {"ok": found.ok, "root": found.root, "size": found.tree_size, "index": found.leaf_index,
            "issuer": found.issuer, "errors": found.errors}


def make(line: dict) -> dict:
    entries, index = line["make"], line["index"]
    receipt = build_receipt(leaf_entry_hex=entries[index], leaf_index=index, tree_entries_hex=entries, alg="EdDSA",
                            log_private_key_pem=line["key"], iss="example.com/theirs", kid=b"theirs")
    return {"receipt": receipt.hex()}


def main() -> None:
    with open(sys.argv[1], "rb") as file:
        key = file.read()
    for text in sys.stdin:
        line = json.loads(text)
        print(json.dumps(make(line) if "make" in line else check(line, key)), flush=True)


main()
