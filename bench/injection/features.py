"""Features and raw scores of the text model: the twin of `crates/core/detect/src/injection/`, bit for bit.

A text is read as UTF-8 bytes. ASCII letters become small, every digit `0`, every control character and space a space;
repetitions of anything but letters are dropped. Features are n-grams of 3 to 5 bytes, words and pairs of words.
"""
import numpy as np

BITS = 18
SHIFT = 64 - BITS
MASK = (1 << 64) - 1
MULTIPLIER = 0x9E3779B97F4A7C15
GRAM_SALT = {3: 0x51ED270B7A4F1C33, 4: 0xA24BAED4963EE407, 5: 0x9FB21C651E98DF25}
WORD_SALT = 0xD6E8FEB86659FD93
PAIR_SALT = 0xC2B2AE3D27D4EB4F
WORD_START = 0xCBF29CE484222325
WORD_STEP = 0x100000001B3
PAIR_STEP = 0x9E3779B1

# Bytes of a block, blocks of a window, and how many features a window counts at least.
BLOCK = 32
WINDOWS = (16, 8, 4, 2)
COUNT_MIN = 160


def _table():
    table = np.arange(256, dtype=np.uint8)
    for byte in range(256):
        if byte <= 0x20 or byte == 0x7F:
            table[byte] = 0x20
        elif ord("A") <= byte <= ord("Z"):
            table[byte] = byte + 32
        elif ord("0") <= byte <= ord("9"):
            table[byte] = ord("0")
    return table


TABLE = _table()
REPEATS = np.array([97 <= b <= 122 or b >= 0x80 for b in range(256)])
WORD = np.array([97 <= b <= 122 or b >= 0x80 or b in (48, 39) for b in range(256)])
_words: dict[bytes, int] = {}


def canonical(text):
    """The bytes that the features are taken from: a space, the text, a space."""
    raw = np.frombuffer(b" " + text.encode("utf-8", "replace") + b" ", dtype=np.uint8)
    mapped = TABLE[raw]
    keep = np.ones(len(mapped), dtype=bool)
    keep[1:] = (mapped[1:] != mapped[:-1]) | REPEATS[mapped[1:]]
    return mapped[keep]


def _word_hash(word):
    known = _words.get(word)
    if known is None:
        known = WORD_START
        for byte in word:
            known = ((known ^ byte) * WORD_STEP) & MASK
        _words[word] = known
    return known


def features(text):
    """Indices of all features and the place of each in the canonical bytes."""
    bytes_ = canonical(text)
    wide = bytes_.astype(np.uint64)
    indices, places = [], []
    with np.errstate(over="ignore"):
        for n, salt in GRAM_SALT.items():
            if len(wide) < n:
                continue
            gram = np.zeros(len(wide) - n + 1, dtype=np.uint64)
            for k in range(n):
                gram |= wide[n - 1 - k : len(wide) - k] << np.uint64(8 * k)
            indices.append(((gram ^ np.uint64(salt)) * np.uint64(MULTIPLIER)) >> np.uint64(SHIFT))
            places.append(np.arange(n - 1, len(wide)))
        inside = WORD[bytes_].astype(np.int8)
        edges = np.diff(inside, prepend=0)
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        packed = bytes_.tobytes()
        hashes = np.array([_word_hash(packed[a:b]) for a, b in zip(starts, ends)], dtype=np.uint64)
        if len(hashes):
            pairs = hashes[:-1] * np.uint64(PAIR_STEP) + hashes[1:]
            for found, salt, at in ((hashes, WORD_SALT, ends), (pairs, PAIR_SALT, ends[1:])):
                indices.append(((found ^ np.uint64(salt)) * np.uint64(MULTIPLIER)) >> np.uint64(SHIFT))
                places.append(at)
    if not indices:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    return np.concatenate(indices).astype(np.int64), np.concatenate(places)


def window_scores(weights, bias, text):
    """Raw score, first and last block of the windows of a text, longest windows first."""
    indices, places = features(text)
    at = places // BLOCK
    blocks = int(at.max()) + 1 if len(at) else 1
    sums = np.concatenate(([0], np.cumsum(np.bincount(at, weights[indices], blocks)))).astype(np.int64)
    counts = np.concatenate(([0], np.cumsum(np.bincount(at, minlength=blocks)))).astype(np.int64)
    for size in WINDOWS:
        lasts = np.arange(min(size, blocks) - 1, blocks)
        firsts = np.maximum(lasts + 1 - size, 0)
        total, count = sums[lasts + 1] - sums[firsts], counts[lasts + 1] - counts[firsts]
        # Exact: the numbers are far below 2^52.
        root = np.floor(np.sqrt((np.maximum(count, COUNT_MIN) << 16).astype(np.float64))).astype(np.int64)
        yield np.sign(total) * ((np.abs(total) << 16) // root) + bias, firsts, lasts


def worst(weights, bias, text):
    """Raw score of a text, which is that of its worst window, and first and last block of that window."""
    best = None
    for scores, firsts, lasts in window_scores(weights, bias, text):
        n = int(scores.argmax())
        if best is None or scores[n] > best[0]:
            best = int(scores[n]), int(firsts[n]), int(lasts[n])
    return best


def score(weights, bias, text):
    """Raw score of a text. `weights` are whole numbers of type int64."""
    return worst(weights, bias, text)[0]


def percent(knots, raw):
    """What the raw score says, 0 to 100: straight lines between the knots (raw score, percent)."""
    if raw <= knots[0][0]:
        return knots[0][1]
    for (low, low_percent), (high, high_percent) in zip(knots, knots[1:]):
        if raw < high:
            return low_percent + (raw - low) * (high_percent - low_percent) // (high - low)
    return knots[-1][1]
