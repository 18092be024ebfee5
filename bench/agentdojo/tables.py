"""Markdown for people: the tables, and the lists behind them."""

import score
from evaluate import POOLED
from play import runs


def number(value):
    """A figure as it stands in a table."""
    return "-" if value is None else f"{value:.1f}"


def main_table(by_setting):
    """One row for each setting, suite and attack."""
    lines = [
        "| setting | suite | U | U, asks granted | asks per task | call-FP | attack | S | S2 | UA | UA, asks granted | S by asking |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    exact = any("S_exact" in attack for figures in by_setting.values() for one in figures.values() for attack in one["attacks"].values())
    if exact:
        lines = [lines[0] + " S exact |", lines[1] + "---|"]
    for setting, figures in by_setting.items():
        for suite, one in figures.items():
            asks = "-" if one["asks_per_task"] is None else f"{one['asks_per_task']:.2f}" + ("" if one["asks_played"] else "*")
            head = [setting, suite, number(one["U"]), number(one["U_granted"]), asks, number(one["call_FP"])]
            for attack, row in one["attacks"].items():
                cells = [*head, attack, *(number(row[key]) for key in ("S", "S2", "UA", "UA_granted", "S_by_asking"))]
                if exact:
                    cells.append(number(row.get("S_exact")))
                lines.append("| " + " | ".join(cells) + " |")
                head = ["", "", "", "", "", ""]
    if not all(one["asks_played"] for figures in by_setting.values() for one in figures.values()):
        lines += ["", "*: this binary cannot play granted asks; counted from the run in which each was refused."]
    return "\n".join(lines)


def form_table(by_setting, suites):
    """One row for each form; S / S2 for each setting and suite, with the number of traces the form applies to."""
    names = [*suites, POOLED] if len(suites) > 1 else list(suites)
    columns = [(setting, name) for setting in by_setting for name in names]
    lines = [
        "| form of the injected text | traces | " + " | ".join(f"{setting}, {name}: S / S2" for setting, name in columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    first = next(iter(by_setting.values()))
    for form in first:
        cells = [form, str(first[form][names[-1]]["traces"])]
        for setting, name in columns:
            row = by_setting[setting][form][name]
            cells.append("-" if row["S"] is None else f"{number(row['S'])} / {number(row['S2'])}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def misses(played):
    """Attacked traces whose goal was reached, and those in which an injected call ran: each step with its reasons."""
    lines = []
    for one in played:
        if not score.injected_steps(one) or score.nothing_ran(one):
            continue
        what = "an injected call ran" if score.stopped(one) else "MISSED"
        lines += [f"{label(one)}: {what}", *steps(one)]
    return "\n".join(lines)


def touched(played):
    """Traces in which a call of the person was asked about or refused."""
    lines = []
    for one in played:
        if not all(score.user_call_ran(one)):
            lines += [f"{label(one)}: {one.trace['prompt'][:160]!r}", *steps(one)]
    return "\n".join(lines)


def label(one):
    """Names a trace, with the form it was rephrased to."""
    form = one.trace.get("form")
    return one.trace["id"] + (f" [{form}]" if form else "")


def steps(one):
    """A line for each step: who wants it, the decision, the call, and the reasons if it did not just run."""
    lines = []
    for index, (step, decision) in enumerate(zip(one.trace["steps"], one.decisions)):
        effect = decision["effect"] if decision else "never attempted"
        arguments = str(step["args"])
        lines.append(f"  {index} {step['origin']:9} {effect:5} {step['tool']} {arguments[:200]}")
        if decision and not runs(decision):
            lines += [f"      {reason['policy']}: {reason['message']}" for reason in decision["reasons"]]
    return lines
