"""Which comparisons the chapter shows, so that no other exploration adjusts their p-values once more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from splitplot.control import control_of
from splitplot.inference.answering.answers import ABSTENTION, NO_FALSE_ANSWER, grading
from splitplot.inference.asked import FIRST_SCORER, Asked
from splitplot.inference.grid import Cell


def shown(plan: Mapping[str, Any], cells: Sequence[Cell]) -> Callable[[Asked], bool]:
    """Whether a contrast compares a condition with the control by a scorer that the chapter is made of; none
    does in a study without the chapter."""
    names = grading(plan)
    if not {ABSTENTION, NO_FALSE_ANSWER} & set(names) or not cells:
        return lambda one: False
    control = control_of(plan, list(dict.fromkeys(cell.condition for cell in cells)))
    metrics = set(names.values())
    if str(plan["scorers"][0]["name"]) in metrics:
        metrics.add(FIRST_SCORER)
    return lambda one: (
        one.factor == "condition" and one.metric in metrics and control in (one.a, one.b)
    )
