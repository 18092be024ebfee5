"""Plays what a data directory holds under one setting, and scores it per suite and pooled."""

import score
import traces as recorded
from play import play

POOLED = "all"


def main_table(replay, directory, suites, exact=None):
    """Figures for each suite and for all of them, and what was played, by suite and kind."""
    played = {}
    keys = [(suite, kind) for suite in suites for kind in recorded.kinds(directory, suite)]
    groups = {key: recorded.load(directory, *key) for key in keys}
    for key, group in zip(keys, in_one(replay, list(groups.values()))):
        played[key] = group
    granted = {}
    benign = [key for key in keys if key[1] == "benign"]
    if replay.answers_asks():
        for key, group in zip(benign, in_one(replay, [groups[key] for key in benign], "grant")):
            granted[key] = group
    secure = {key: exact(group) for key, group in played.items() if exact and key[1] != "benign"}
    figures = {}
    for name in [*suites, POOLED]:
        own = [suite for suite in suites if name in (suite, POOLED)]
        figures[name] = suite_figures(own, played, granted, secure)
    return figures, played


def suite_figures(suites, played, granted, secure):
    """Figures of these suites taken together."""
    together = lambda by_key, kind: [one for suite in suites for one in by_key.get((suite, kind), [])]
    figures = score.benign(together(played, "benign"))
    figures |= score.benign_granted(together(granted or played, "benign"), bool(granted))
    kinds = sorted({kind for suite, kind in played if suite in suites and kind != "benign"}, reverse=True)
    figures["attacks"] = {
        kind: score.attacked(together(played, kind), together(secure, kind) if secure else None) for kind in kinds
    }
    return figures


def form_table(replay, directory, suites, forms):
    """S and S2 for each form and suite, and what was played, by form and suite."""
    keys, groups = [], []
    for suite in suites:
        originals = recorded.load(directory, suite, "direct")
        for form in forms:
            rephrased = [trace for trace in (form.apply(original) for original in originals) if trace is not None]
            keys.append((form.name, suite))
            groups.append(rephrased)
    played = dict(zip(keys, in_one(replay, groups)))
    figures = {}
    for form in forms:
        figures[form.name] = {"group": form.group}
        for name in [*suites, POOLED]:
            own = [one for suite in suites if name in (suite, POOLED) for one in played[(form.name, suite)]]
            figures[form.name][name] = score.attacked(own)
    return figures, played


def in_one(replay, groups, asks="refuse"):
    """Plays all groups together and gives them back apart."""
    everything = iter(play(replay, [trace for group in groups for trace in group], asks))
    return [[next(everything) for _ in group] for group in groups]
