"""Trains the text model and writes what `crates/core/detect/src/injection/` includes. `make train-injection`."""
import argparse
import hashlib
import json
import random
import re
import time
from pathlib import Path

import numpy as np

import contexts
import corpora
import features
import model
import sets
from fetch import fetch

HERE = Path(__file__).parent
INTO = HERE.parent.parent / "crates/core/detect/src/injection"
GOLDEN = INTO.parent.parent / "tests/data/injection-golden.json"
STRENGTH = 2e-6
# How often the worst windows are mined, the sizes of the first cuts, and how often every context is used.
ROUNDS = 3
SIZES = (64, 128, 256, 512)
TURNS = 1
# What a text of S-Labs counts: there are many, short ones, and few of them are about tools or documents.
PROMPT_SHARE = 0.5
PERCENT_AT = ((0.10, 20), (0.01, 50), (0.001, 90))


def canonical_cut(text, begin, end, rng, size):
    """About `size` bytes of `text` that hold the beginning of `begin..end`."""
    room = max(0, size - (end - begin))
    start = max(0, begin - rng.randint(0, room))
    return text[start:start + size]


def examples(rng, attacks, prompts, pool):
    """(text, label, importance, where): attacks and harmless texts as they are, and both in every context equally often."""
    share = lambda text: PROMPT_SHARE if text.source == "s-labs" else 1.0
    rows = [(text.text, True, share(text), (0, len(text.text))) for text in attacks]
    rows += [(text.text, False, share(text), None) for text in prompts]
    rows += [(contexts.attack(rng), True, 1.0, None) for _ in range(3000)]
    rows += [(contexts.harmless(rng), False, 1.0, None) for _ in range(3000)]
    attack_texts = [text.text for text in attacks if len(text.text) < 700]
    prompt_texts = [text.text for text in prompts if len(text.text) < 700]
    for text in pool:
        for _ in range(TURNS):
            context = contexts.excerpt(rng, text.text, 250, 1400)
            attack = contexts.attack(rng) if rng.random() < 0.65 else rng.choice(attack_texts)
            poisoned, begin, end = contexts.place(rng, context, attack)
            rows.append((poisoned, True, 1.0, (begin, end)))
            harmless = contexts.harmless(rng) if rng.random() < 0.5 else rng.choice(prompt_texts)
            rows.append((contexts.place(rng, context, harmless)[0] if rng.random() < 0.5 else context, False, 1.0, None))
        rows.append((text.text, False, 0.0, None))
    return rows


def first_cut(rng, row):
    text, label, importance, span = row
    size = rng.choice(SIZES)
    if label and span:
        return canonical_cut(text, *span, rng, size), label, importance
    return contexts.excerpt(rng, text, size, size) if len(text) > size else text, label, importance


def window_text(text, first, last):
    """The stretch of the canonical bytes that a window covers, as a text with the same features."""
    bytes_ = features.canonical(text)[first * features.BLOCK:(last + 1) * features.BLOCK].tobytes()
    return bytes_.decode("utf-8", "ignore")


def mined(weights, bias, rows):
    """Of each text the stretch that its score is made of."""
    found = []
    for text, label, importance, span in rows:
        if label and span:
            text = text[max(0, span[0] - 150):span[1] + 150]
        _, first, last = features.worst(weights, bias, text)
        found.append((window_text(text, first, last), label, importance or 1.0))
    return found


def train(seed=7, strength=STRENGTH, log=print):
    rng = random.Random(seed)
    began = time.time()
    unseen = sets.unseen_attacks()
    attacks = sets.without_overlap(sets.attack_prompts(), unseen)
    pool = sets.training_contexts()
    rows = examples(rng, attacks, sets.benign_prompts("train"), pool)
    cut = [first_cut(rng, row) for row in rows if row[2]]
    point = None
    for round_ in range(ROUNDS + 1):
        labels = np.array([label for _, label, _ in cut])
        importance = np.array([weight for _, _, weight in cut])
        importance[labels] *= importance[~labels].sum() / importance[labels].sum()
        table = model.matrix([text for text, _, _ in cut])
        log(f"{time.time() - began:.0f} s: {table.shape[0]} texts, {table.nnz / 1e6:.0f} M entries")
        point = model.fit(table, labels, importance, strength, point)
        weights, bias = model.rounded(point)
        if round_ < ROUNDS:
            log(f"{time.time() - began:.0f} s: mining")
            cut = cut + mined(weights, bias, rows)
            cut = list(dict.fromkeys(cut))
    log(f"{time.time() - began:.0f} s: trained")
    return weights, bias


def scores(weights, bias, texts):
    return np.array([features.score(weights, bias, text) for text in texts])


def calibrated(weights, bias):
    """Raw scores at which so many harmless texts are above. Traps are measured apart."""
    values = np.sort(scores(weights, bias, [text.text for text in sets.calibration_contexts()]))[::-1]
    at = [(int(values[int(rate * len(values))]) + 1, percent) for rate, percent in PERCENT_AT]
    return [(int(np.median(values)), 0), *at, (2 * at[-1][0] - at[-2][0], 99)]


PARAMETERS = """//! Generated by `make train-injection`. Do not edit.

/// Added to every raw score.
pub(super) const BIAS: i64 = {bias};

/// Raw scores and what they say in percent, rising. 50: one harmless text in a hundred is above it; 90: one in a thousand.
pub(super) const KNOTS: [(i64, u8); {count}] = [{knots}];
"""


def write(weights, bias, knots):
    INTO.mkdir(exist_ok=True)
    bytes_ = weights.astype(np.int8).tobytes()
    (INTO / "weights.bin").write_bytes(bytes_)
    text = PARAMETERS.format(bias=bias, count=len(knots), knots=", ".join(f"({raw}, {percent})" for raw, percent in knots))
    (INTO / "parameters.rs").write_text(text)
    golden(weights, bias, knots)
    return hashlib.sha256(bytes_).hexdigest()


def golden(weights, bias, knots):
    """Raw scores of texts of our own, for the tests of the crate."""
    texts = json.loads((HERE / "hard.json").read_text(encoding="utf-8")) + json.loads((HERE / "golden.json").read_text(encoding="utf-8"))
    rng = random.Random("golden")
    for _ in range(12):
        texts.append(contexts.place(rng, contexts.record(rng), contexts.attack(rng))[0])
    texts.append(" ".join(contexts.record(rng) for _ in range(20)))
    rows = []
    for text in texts:
        raw = features.score(weights, bias, text)
        rows.append({"text": text, "raw": raw, "percent": features.percent(knots, raw)})
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load():
    """Weights, bias and knots as the crate has them."""
    source = (INTO / "parameters.rs").read_text()
    knots = [tuple(map(int, pair)) for pair in re.findall(r"\((-?\d+), (\d+)\)", source)]
    bias = int(re.search(r"BIAS: i64 = (-?\d+)", source).group(1))
    return np.frombuffer((INTO / "weights.bin").read_bytes(), dtype=np.int8).astype(np.int64), bias, knots


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True)
    arguments = parser.parse_args()
    fetch(arguments.corpora)
    corpora.use(arguments.corpora)
    found_weights, found_bias = train()
    found_knots = calibrated(found_weights, found_bias)
    print("weights:", write(found_weights, found_bias, found_knots), "knots:", found_knots)
