"""Measures the shipped weights on sources that they have not seen. `make eval-injection`."""
import argparse
import json
from pathlib import Path

import numpy as np

import corpora
import features
import sets
import train
from fetch import fetch


def _auc(attacks, clean):
    values = np.concatenate([attacks, clean])
    order = values.argsort(kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    for value in np.unique(values):
        same = values == value
        ranks[same] = ranks[same].mean()
    return (ranks[:len(attacks)].sum() - len(attacks) * (len(attacks) + 1) / 2) / (len(attacks) * len(clean))


def measure(weights, bias, knots):
    at = {percent: raw for raw, percent in knots}
    share = lambda values, percent: float((values >= at[percent]).mean())
    benign, usual = [], []
    for name, texts in sets.unseen_benign().items():
        values = train.scores(weights, bias, [text.text for text in texts])
        if not name.startswith("hard: "):
            usual.append(values)
        benign.append({"name": name, "texts": len(texts), "mean_chars": round(sum(len(text.text) for text in texts) / len(texts)),
                       "at_50": share(values, 50), "at_90": share(values, 90)})
    usual = np.sort(np.concatenate(usual))[::-1]
    limits = {"at_1_in_100": usual[len(usual) // 100], "at_1_in_1000": usual[len(usual) // 1000]}
    attacks = []
    for name, pairs in sets.unseen_attacks().items():
        hit = train.scores(weights, bias, [attack for attack, _ in pairs])
        clean = train.scores(weights, bias, [text for _, text in pairs])
        attacks.append({"name": name, "texts": len(pairs), "at_50": share(hit, 50), "at_90": share(hit, 90),
                        "clean_at_50": share(clean, 50), "auc": float(_auc(hit, clean)),
                        **{key: float((hit > limit).mean()) for key, limit in limits.items()}})
    mean = lambda key: float(np.mean([row[key] for row in attacks]))
    return {"benign": benign, "attacks": attacks, "mean": {key: mean(key) for key in ("at_50", "at_90", "auc", *limits)},
            "usual": {"texts": len(usual), "at_50": share(usual, 50), "at_90": share(usual, 90)}}


def table(results):
    lines = ["| unseen source of attacks | texts | found at 50 | found at 90 | AUC against its clean texts |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {row['name']} | {row['texts']} | {row['at_50']:.2f} | {row['at_90']:.2f} | {row['auc']:.2f} |" for row in results["attacks"]]
    lines.append("| **mean** | | **{at_50:.2f}** | **{at_90:.2f}** | **{auc:.2f}** |".format(**results["mean"]))
    lines += ["", "Of the {texts} unseen harmless texts that are no traps, {at_50:.1%} are above 50 and {at_90:.2%} above 90.".format(**results["usual"]),
              "At the scores that exactly 1 % and 0.1 % of them reach, {at_1_in_100:.2f} and {at_1_in_1000:.2f} of the attacks are found.".format(**results["mean"])]
    lines += ["", "| unseen harmless texts | texts | mean length | above 50 | above 90 |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {row['name']} | {row['texts']} | {row['mean_chars']} | {row['at_50']:.1%} | {row['at_90']:.1%} |" for row in results["benign"]]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--document", type=Path, help="page whose tables are replaced")
    arguments = parser.parse_args()
    fetch(arguments.corpora)
    corpora.use(arguments.corpora)
    results = measure(*train.load())
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.document:
        page = arguments.document.read_text(encoding="utf-8")
        before, rest = page.split("<!-- injection -->\n")
        arguments.document.write_text(f"{before}<!-- injection -->\n{table(results)}\n<!-- /injection -->\n{rest.split('<!-- /injection -->' + chr(10))[1]}", encoding="utf-8")
    print(table(results))
