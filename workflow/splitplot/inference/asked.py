"""Which contrasts are asked: those of the frozen plan, and every other pair as exploration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from splitplot.amounts import AMOUNTS
from splitplot.amounts import DEFAULT_MARGIN as AMOUNT_MARGIN
from splitplot.canonical import digest
from splitplot.inference.arms import paired_cells
from splitplot.inference.evidence import FIXED, ITEMS
from splitplot.inference.grid import Cell

MOST_EXPLORED = 200
"""Exploratory contrasts at most: beyond, nobody reads them, and each costs a permutation test."""

FIRST_SCORER = "score"
"""The metric that means: the study's first scorer."""

EXPLORED_FACTORS = ("model", "sampling", "condition")
SCOPES = {"these items": FIXED}
"""Scopes that are called otherwise in a study."""

DEFAULT_MARGIN = 0.01
MISSING_RULES = ("strict", "observed")
"""What an unusable answer counts as: wrong, or nothing. Also the names of the variants of the grid."""


@dataclass(frozen=True)
class Asked:
    """One contrast of the plan, or one of the pairwise comparisons that stand in where none was declared."""

    name: str
    factor: str
    a: str
    b: str
    metric: str = "score"
    scope: str = ITEMS
    missing: str = "strict"
    margin: float = DEFAULT_MARGIN
    margin_is_default: bool = True
    primary: bool = False
    label_a: str = ""
    label_b: str = ""


def asked_of_plan(primaries: Sequence[Mapping[str, Any]], cells: Sequence[Cell]) -> list[Asked]:
    """The declared contrasts; without any, every pair of conditions (of trials if there is one condition)."""
    declared = [
        Asked(
            name=entry["name"],
            factor=entry["factor"],
            a=entry["a"],
            b=entry["b"],
            metric=entry.get("metric", "score"),
            scope=SCOPES.get(entry.get("scope", ITEMS), entry.get("scope", ITEMS)),
            missing=entry.get("missing", "strict"),
            margin=float(
                default_margin(entry.get("metric", FIRST_SCORER))
                if entry.get("margin") is None
                else entry["margin"]
            ),
            margin_is_default=bool(entry.get("margin_is_default", entry.get("margin") is None)),
            primary=True,
        )
        for entry in primaries
    ]
    if declared:
        return [_labelled(asked, cells) for asked in declared]
    factor = "condition" if len({cell.condition for cell in cells}) > 1 else "trial"
    return _pairs(cells, factor)


def default_margin(metric: str) -> float:
    """The margin of a contrast for which none was chosen: of an amount it is a saving."""
    return AMOUNT_MARGIN if metric in AMOUNTS else DEFAULT_MARGIN


def explored(
    asked: Sequence[Asked], cells: Sequence[Cell], scorers: Sequence[str]
) -> tuple[list[Asked], int]:
    """Every pair of levels that is not asked already, and what is asked under the other scorers.

    Pairs without a common cell are left out. Returns the first MOST_EXPLORED of them, and how many
    more there are.
    """
    known = {frozenset((one.factor, one.a, one.b)) for one in asked if one.metric == FIRST_SCORER}
    pairs = [
        pair
        for factor in EXPLORED_FACTORS
        for pair in _pairs(cells, factor)
        if frozenset((factor, pair.a, pair.b)) not in known
        and paired_cells(cells, factor, pair.a, pair.b, pair.name)
    ]
    others = [
        replace(
            one,
            metric=scorer,
            name=f"{one.name} · {scorer}",
            primary=False,
            margin=DEFAULT_MARGIN,
            margin_is_default=True,
        )
        for scorer in scorers[1:]
        for one in asked
        if one.metric == FIRST_SCORER
    ]
    found = [*pairs, *others]
    return found[:MOST_EXPLORED], max(0, len(found) - MOST_EXPLORED)


def _pairs(cells: Sequence[Cell], factor: str) -> list[Asked]:
    levels = list(dict.fromkeys(cell.level(factor) for cell in cells))
    pairs = [
        _labelled(Asked(name="", factor=factor, a=a, b=b), cells)
        for b, a in combinations(levels, 2)
    ]
    return [replace(pair, name=f"{pair.label_a} − {pair.label_b}") for pair in pairs]


def contrast_seed(seed: int, asked: Asked) -> int:
    """Seed of a contrast's permutations: from the plan's seed and what is compared, in either direction."""
    content = [seed, asked.metric, asked.factor, sorted((asked.a, asked.b))]
    return int(digest(content), 16)


def _labelled(asked: Asked, cells: Sequence[Cell]) -> Asked:
    """Names for sentences: trials go by model and sampling, other levels by their own names."""
    names = {c.trial: f"{c.model} ({c.sampling})" for c in cells} if asked.factor == "trial" else {}
    return replace(asked, label_a=names.get(asked.a, asked.a), label_b=names.get(asked.b, asked.b))
