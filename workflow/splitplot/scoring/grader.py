"""One scorer of a plan: which items it grades, and the columns of the table that it decides."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitplot.calls.records import LOST, Response
from splitplot.items.item import Item
from splitplot.scoring.patience import Patience
from splitplot.scoring.registry import make_scorer, scorer_domain, worth
from splitplot.scoring.score import Score, Scorer

WITH_TEXT = frozenset({"ok", "truncated"})
"""Outcomes whose text is scored. A refusal is no answer; the other outcomes have no text."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Grader:
    """A scorer of the plan. grades: whether an item is its to grade; refused, empty: what a refusal is worth,
    and an answer that says nothing."""

    entry: dict[str, Any]
    scorer: Scorer
    grades: Callable[[Item], bool]
    refused: float
    empty: float


def make_grader(entry: dict[str, Any], root: Path, patience: Patience) -> Grader:
    """The scorer of an entry; the search of a pattern that the study gives comes to an end."""
    scorer = make_scorer(entry, root)
    if entry["scorer"] == "regex":
        pattern = entry["options"]["pattern"]
        scorer = patience.bound(scorer, f'scorer "{entry["name"]}": pattern {pattern!r}')
    return Grader(
        entry, scorer, scorer_domain(entry), worth(entry, "refused"), worth(entry, "empty")
    )


def grade(grader: Grader, response: Response, item: Item) -> Row:
    """The columns that a scorer decides; the rules of the item-response table."""
    if response.outcome not in WITH_TEXT or not response.text:
        outcome = "empty" if response.outcome == "ok" else response.outcome
        strict = None if response.outcome in LOST else 0.0
        strict = {"refused": grader.refused, "empty": grader.empty}.get(outcome, strict)
        return {"outcome": outcome, "score": None, "strict": strict, "observed": None}
    score: Score = grader.scorer(response.text, item)
    told: Row = {
        "score": score.value,
        "extracted": score.extracted,
        "score_reason": score.reason,
        "support": score.support,
    }
    if response.outcome != "ok":
        return {**told, "outcome": response.outcome, "strict": 0.0, "observed": None}
    if score.outcome != "scored":
        strict = grader.refused if score.outcome == "refused" else 0.0
        return {**told, "outcome": score.outcome, "strict": strict, "observed": None}
    return {**told, "outcome": "ok", "strict": score.value, "observed": score.value}
