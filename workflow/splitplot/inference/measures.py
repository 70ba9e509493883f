"""What the metrics of a study are, by the kind of their scorer: neither good nor bad, or fewer of a thing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from splitplot.inference.asked import FIRST_SCORER, Asked
from splitplot.inference.voice import Measure
from splitplot.scoring.scales import EVENTS, NEUTRAL

QUESTIONS = {"no_false_answer": "unanswerable", "supported": "open-book"}
"""The kind of questions that a scorer of events grades; it has no rows for others."""


def kinds(plan: Mapping[str, Any]) -> dict[str, str]:
    """Name of every scorer of the plan → the kind of scorer it is."""
    return {str(one["name"]): str(one.get("scorer", one["name"])) for one in plan["scorers"]}


def neutral(plan: Mapping[str, Any]) -> frozenset[str]:
    """Names of the scorers whose higher score is neither better nor worse."""
    return frozenset(name for name, kind in kinds(plan).items() if kind in NEUTRAL)


def measured(asked: Sequence[Asked], plan: Mapping[str, Any]) -> list[Asked]:
    """The contrasts, each with what its metric is spoken of as."""
    known = kinds(plan)
    first = next(iter(known))
    found = []
    for one in asked:
        kind = known.get(first if one.metric == FIRST_SCORER else one.metric, "")
        spoken = Measure(EVENTS[kind], QUESTIONS[kind]) if kind in EVENTS else None
        found.append(replace(one, measure=spoken))
    return found
