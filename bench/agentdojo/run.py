#!/usr/bin/env python3
"""Scores a holdshort binary on recorded traces of AgentDojo: `make eval`, or see `--help`."""

import argparse
import json
import sys
import time
from pathlib import Path

import evaluate
import tables
import traces as recorded
from replay import Replay, ReplayFailed

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Setting that stands for the binary's own defaults.
DEFAULT_SETTING = "default"
# The settings that the documentation compares: those of them that have a file here.
SETTINGS = [path.stem for path in sorted(HERE.glob("*.toml"))] or [DEFAULT_SETTING]


def main():
    arguments = parse()
    if not Path(arguments.binary).exists():
        sys.exit(f"run.py: no binary at `{arguments.binary}`; `make build` makes one")
    suites = [suite for suite in recorded.suites(arguments.data) if suite in (arguments.only or suite)]
    if not suites:
        sys.exit(f"run.py: no traces in `{arguments.data}`; a suite is NAME_benign.jsonl.gz and its attacks")
    forms = chosen_forms(arguments)
    results = {"data": sorted(suites), "settings": {}}
    mains, rephrased, lists = {}, {}, []
    for name in arguments.settings.split(","):
        replay = Replay(arguments.binary, configuration(name), arguments.jobs)
        setting = Path(name).stem
        result = results["settings"].setdefault(setting, {})
        if arguments.form is None:
            figures, played = evaluate.main_table(replay, arguments.data, suites, exact_scorer(arguments))
            mains[setting] = result["main"] = figures
            lists += listed(arguments, setting, played)
        if forms:
            figures, played = evaluate.form_table(replay, arguments.data, suites, forms)
            rephrased[setting] = result["forms"] = figures
            if arguments.form is not None:
                lists += listed(arguments, setting, played)
    markdown = {}
    if mains:
        markdown["main"] = tables.main_table(mains)
    if rephrased:
        markdown["forms"] = tables.form_table(rephrased, suites)
    print("\n\n".join([*markdown.values(), *lists]))
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if arguments.document:
        document(Path(arguments.document), markdown)


def document(path, markdown):
    """Puts the tables into a page, between `<!-- NAME -->` and `<!-- /NAME -->`."""
    page = path.read_text(encoding="utf-8")
    for name, table in markdown.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            sys.exit(f"run.py: `{path}` has no place for a table: `{begin.strip()}` ... `{end}`")
        page = f"{before}{begin}{table}\n{end}{after}"
    path.write_text(page, encoding="utf-8")


def parse():
    parser = argparse.ArgumentParser(description="Scores a holdshort binary on recorded traces of AgentDojo.")
    add = parser.add_argument
    add("--binary", default=ROOT / "target/release/holdshort", help="default: the release binary")
    add("--data", default=HERE / "data", help="directory with SUITE_KIND.jsonl.gz")
    add(
        "--settings",
        default=",".join(SETTINGS),
        help=f"comma-separated: `{DEFAULT_SETTING}`, NAME.toml here or in profiles/, or a file; default: {', '.join(SETTINGS)}",
    )
    add("--only", action="append", metavar="SUITE", help="only this suite (repeatable)")
    add(
        "--form",
        action="append",
        metavar="NAME",
        help="only this rephrasing, without the main table (repeatable; `all`, or the start of a name)",
    )
    add("--rephrased", action="store_true", help="the main table and every rephrasing")
    add("--misses", action="store_true", help="list attacked traces in which an injected call ran, with reasons")
    add("--touched", action="store_true", help="list benign traces in which a call was asked about or refused")
    add("--exact", metavar="PYTHON", help="ask the suites themselves: an interpreter with agentdojo installed")
    add("--jobs", type=int, help="replay processes at once; default: one for each core")
    add("--output", metavar="FILE", help="write the figures as JSON")
    add("--document", metavar="FILE", help="put the tables into this Markdown page")
    return parser.parse_args()


def chosen_forms(arguments):
    """The rephrasings to play, none unless asked for."""
    if arguments.form is None and not arguments.rephrased:
        return []
    from rephrase import FORMS

    if arguments.form is None or "all" in arguments.form:
        return FORMS
    chosen = [form for form in FORMS if any(form.name.startswith(start) for start in arguments.form)]
    return chosen or sys.exit("run.py: no such form; there are: " + ", ".join(form.name for form in FORMS))


def configuration(setting):
    """The configuration file of a setting."""
    if setting == DEFAULT_SETTING:
        return None
    for path in (HERE / f"{setting}.toml", ROOT / "profiles" / f"{setting}.toml", Path(setting)):
        if path.is_file():
            return path
    return sys.exit(f"run.py: no setting `{setting}`: neither here, nor in profiles/, nor a file")


def exact_scorer(arguments):
    if not arguments.exact:
        return None
    from exact import scorer

    return scorer(arguments.exact)


def listed(arguments, setting, played):
    """The lists that were asked for."""
    lists = []
    for (first, second), group in played.items():
        title = f"## {setting}, {first}, {second}"
        if arguments.misses and second != "benign":
            lists.append(f"{title}: injected calls that ran\n{tables.misses(group)}\n")
        if arguments.touched and second == "benign":
            lists.append(f"{title}: benign tasks touched\n{tables.touched(group)}\n")
    return lists


if __name__ == "__main__":
    started = time.monotonic()
    try:
        main()
    except ReplayFailed as error:
        sys.exit(f"run.py: {error}")
    print(f"{time.monotonic() - started:.1f} s", file=sys.stderr)
