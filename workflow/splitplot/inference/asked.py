"""Which contrasts are asked: those of the frozen plan, and every other pair as exploration."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from splitplot.amounts import AMOUNTS
from splitplot.amounts import DEFAULT_MARGIN as AMOUNT_MARGIN
from splitplot.canonical import digest
from splitplot.inference.arms import paired_cells
from splitplot.inference.evidence import FIXED, ITEMS
from splitplot.inference.grid import Cell
from splitplot.inference.voice import Measure
from splitplot.inference.words import DIFFERENCE

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
    aim: str = DIFFERENCE
    measure: Measure | None = None


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
            aim=entry.get("aim", DIFFERENCE),
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
    asked: Sequence[Asked],
    cells: Sequence[Cell],
    scorers: Sequence[str],
    neutral: Collection[str] = (),
    shown: Callable[[Asked], bool] = lambda one: False,
) -> tuple[list[Asked], int]:
    """Every pair of levels that is not asked already, and what is asked under the other scorers.

    neutral: names of scorers whose higher score is neither better nor worse: nothing is explored by them.
    shown: whether a chapter of its own has the comparison, with a p-value adjusted there: it is left out.
    Pairs without a common cell are left out. Returns the first MOST_EXPLORED of them, and how many
    more there are.
    """
    known = {_compared(one, scorers[0]) for one in asked}
    pairs = [
        pair
        for factor in EXPLORED_FACTORS
        for pair in _pairs(cells, factor)
        if scorers[0] not in neutral and paired_cells(cells, factor, pair.a, pair.b, pair.name)
    ]
    others = [
        replace(
            one,
            metric=scorer,
            name=f"{one.name} · {scorer}",
            primary=False,
            margin=DEFAULT_MARGIN,
            margin_is_default=True,
            aim=DIFFERENCE,
        )
        for scorer in scorers[1:]
        if scorer not in neutral
        for one in asked
        if one.metric == FIRST_SCORER
    ]
    found = [
        one
        for one in (*pairs, *others)
        if _compared(one, scorers[0]) not in known and not shown(one)
    ]
    return found[:MOST_EXPLORED], max(0, len(found) - MOST_EXPLORED)


def _compared(one: Asked, first: str) -> tuple[str, str, frozenset[str]]:
    """What a contrast compares, in either direction: metric, factor and a pair of levels. first: the name
    of the first scorer."""
    metric = FIRST_SCORER if one.metric == first else one.metric
    return metric, one.factor, frozenset((one.a, one.b))


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
