"""Plays traces online: what was refused did not happen, and an injection that nobody read is not obeyed.

`holdshort replay` itself leaves the output of a step out that it did not allow. What it cannot know is that the agent
then never read the injected text. So after each round the injected calls of a trace are put behind the first step that
carried the text AND ran; when there is none they are dropped. Rounds go on until nothing moves.
"""

from dataclasses import dataclass

import traces as recorded


@dataclass
class Played:
    """A trace with what happened to each of its steps."""

    trace: dict
    # One entry for each step of the trace: the decision, or None when the step was never attempted.
    decisions: list


def play(replay, attacked_or_benign, asks="refuse"):
    """Plays each trace and gives back one `Played` for each."""
    orders = [list(range(len(trace["steps"]))) for trace in attacked_or_benign]
    answers = [None] * len(orders)
    open_ = list(range(len(orders)))
    while open_:
        shown = [recorded.stripped(attacked_or_benign[index], index, orders[index]) for index in open_]
        for index, decisions in zip(open_, replay.decide(shown, asks)):
            answers[index] = dict(zip(orders[index], decisions))
        moved = []
        for index in open_:
            order = reordered(attacked_or_benign[index], orders[index], answers[index], asks)
            if order is not None:
                orders[index] = order
                moved.append(index)
        open_ = moved
    return [
        Played(trace, [answer.get(step) for step in range(len(trace["steps"]))])
        for trace, answer in zip(attacked_or_benign, answers)
    ]


def reordered(trace, order, decisions, asks):
    """The order in which the steps happen instead, or None when the injected calls are where they belong."""
    injected = [index for index in order if trace["steps"][index]["origin"] == "injection"]
    if not injected:
        return None
    position = order.index(injected[0])
    carriers = [index for index in order if trace["steps"][index].get("injected_vectors")]
    if any(runs(decisions[index], asks) for index in carriers if order.index(index) < position):
        return None
    others = [index for index in order if index not in injected]
    later = [index for index in carriers if order.index(index) > position and runs(decisions[index], asks)]
    if not later:
        return others
    behind = others.index(later[0]) + 1
    return others[:behind] + injected + others[behind:]


def runs(decision, asks="refuse"):
    """Whether a step with this decision is executed."""
    return decision["effect"] == "allow" or (asks == "grant" and decision["effect"] == "ask")
