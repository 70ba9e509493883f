"""Chapter `drift`: whether cells, and the gaps between them, changed since the first wave."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splitplot.inference.arms import build_arms, paired_cells
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan, contrast_seed
from splitplot.inference.chapters.pass_at_k import cell_names
from splitplot.inference.checks import MIN_ITEMS, Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Cell, Grid, Ints
from splitplot.inference.intervals import Floats, is_bounded
from splitplot.inference.measures import kinds
from splitplot.inference.multiplicity import holm
from splitplot.inference.paired import PairedResult, paired_comparison
from splitplot.inference.wording import (
    POINTS,
    SCORE_UNITS,
    Unit,
    counted,
    level_text,
    listed,
    p_text,
    quoted,
)
from splitplot.scoring.scales import EVENTS
from splitplot.waves import shown

Scores = tuple[Ints, Floats]
"""Items, as positions in the grid of all waves, in order; and a number for each."""


@dataclass(frozen=True)
class _Change:
    """What a later wave has, less what the first one has, on the items of both.

    found: None where it cannot be compared, `reason` then says why. n_items: of both waves.
    """

    wave: str
    n_items: int
    found: PairedResult | None
    unit: Unit = POINTS
    p_adjusted: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class _Place:
    """A cell under a scorer, and what became of its score. several: whether scorers must be told apart."""

    cell: Cell
    scorer: str
    several: bool
    changes: list[_Change]

    def sentence(self, change: _Change, level: float) -> str:
        """What a wave did to it."""
        by = f", by {self.scorer}" if self.several else ""
        return _said(change, level, f"{quoted(self.cell.label)}{by} in wave {change.wave}")


@dataclass(frozen=True)
class _Gap:
    """A contrast, its gap in each wave, and what became of it."""

    asked: Asked
    levels: list[dict[str, Any] | None]
    changes: list[_Change]

    def sentence(self, change: _Change, level: float) -> str:
        """What a wave did to it."""
        a, b = quoted(self.asked.label_a), quoted(self.asked.label_b)
        by = "" if self.asked.metric == FIRST_SCORER else f", by {self.asked.metric},"
        return _said(change, level, f"The gap of {a} over {b}{by} in wave {change.wave}")


def chapter(data: StudyData) -> tuple[dict[str, Any] | None, list[Flag]]:
    """The entry, and a flag for each cell that changed; None for a study of one wave."""
    if len(data.waves) < 2:
        return None, []
    places = _places(data)
    gaps = _gaps_adjusted([_gap(data, asked) for asked in _asked(data)])
    flags = [
        Flag(
            "drift",
            place.cell.label,
            f"{place.sentence(change, data.level)} What is averaged over waves speaks of neither alone.",
        )
        for place in places
        for change in place.changes
        if _changed(change, data.alpha)
    ]
    entry = {
        "waves": [shown(wave) for wave in data.waves],
        "cells": [
            {"cell": cell_names(place.cell), "metric": place.scorer}
            | _entry(change, place.sentence(change, data.level))
            for place in places
            for change in place.changes
        ],
        "contrasts": [
            {
                "contrast": gap.asked.name,
                "gaps": [
                    {"wave": shown(wave), "difference": level}
                    for wave, level in zip(data.waves, gap.levels, strict=True)
                ],
                "changes": [
                    _entry(change, gap.sentence(change, data.level)) for change in gap.changes
                ],
            }
            for gap in gaps
        ],
        "sentence": _sentence(data, places, gaps),
    }
    return entry, flags


def _places(data: StudyData) -> list[_Place]:
    """Every cell under every scorer that is followed; p-values adjusted over all of them."""
    scorers = _followed(data)
    every = [
        _Place(cell, scorer, len(scorers) > 1, _cell_changes(data, scorer, index))
        for scorer in scorers
        for index, cell in enumerate(data.cells)
    ]
    adjusted = _adjusted([place.changes for place in every])
    return [replace(one, changes=changes) for one, changes in zip(every, adjusted, strict=True)]


def _gaps_adjusted(gaps: list[_Gap]) -> list[_Gap]:
    adjusted = _adjusted([gap.changes for gap in gaps])
    return [replace(one, changes=changes) for one, changes in zip(gaps, adjusted, strict=True)]


def _followed(data: StudyData) -> list[str]:
    """The scorers whose scores are compared: the first, those of a declared contrast, and false answers."""
    declared = [data.scorers[0], *(one.metric for one in _asked(data))]
    watched = [name for name, kind in kinds(data.plan).items() if kind in EVENTS]
    return [name for name in dict.fromkeys([*declared, *watched]) if name in data.scorers]


def _asked(data: StudyData) -> list[Asked]:
    """The contrasts on scores; tokens, dollars and seconds are not followed."""
    every = asked_of_plan((data.plan.get("analysis") or {}).get("primary") or [], data.cells)
    return [one for one in every if one.metric in (FIRST_SCORER, *data.scorers)]


def _cell_changes(data: StudyData, scorer: str, place: int) -> list[_Change]:
    every = data.grid(scorer)

    def scores(wave: int) -> Scores:
        grid = data.grid(scorer, wave)
        found = grid.scores(place, "strict")
        kept = np.flatnonzero(found.count)
        return _in_all(every, grid, kept), found.mean[kept]

    return _changes(data, every, scores, data.seed)


def _gap(data: StudyData, asked: Asked) -> _Gap:
    """The gap of a contrast in each wave, and how it changed since the first; not adjusted yet."""
    name = None if asked.metric == FIRST_SCORER else asked.metric
    every = data.grid(name)
    pairs = paired_cells(every.cells, asked.factor, asked.a, asked.b, asked.name)
    seed = contrast_seed(data.seed, asked)
    found: list[tuple[Ints, Floats, Floats]] = []
    for wave in range(len(data.waves)):
        grid = data.grid(name, wave)
        arms = build_arms(grid, pairs, asked.missing, asked.missing)
        found.append((_in_all(every, grid, arms.item), arms.a, arms.b))
    compared = [_compared(data, every, items, a, b, seed)[0] for items, a, b in found]
    levels = [one.difference.to_json() if one else None for one in compared]

    def differences(wave: int) -> Scores:
        items, a, b = found[wave]
        return items, a - b

    return _Gap(asked, levels, _changes(data, every, differences, seed))


def _changes(
    data: StudyData, every: Grid, values: Callable[[int], Scores], seed: int
) -> list[_Change]:
    """Each later wave against the first, on the items that both have."""
    first_items, first = values(0)
    found = []
    for wave in range(1, len(data.waves)):
        items, later = values(wave)
        common, at_first, at_later = np.intersect1d(
            first_items, items, assume_unique=True, return_indices=True
        )
        compared, reason = _compared(data, every, common, later[at_later], first[at_first], seed)
        bounded = is_bounded(first) and is_bounded(later)
        unit = (POINTS if bounded or _within_one(first, later) else SCORE_UNITS).fitted()
        if compared:
            ends = compared.difference
            unit = unit.fitted(ends.estimate, ends.low, ends.high)
        found.append(_Change(data.waves[wave], int(common.size), compared, unit, reason=reason))
    return found


def _compared(
    data: StudyData, every: Grid, items: Ints, a: Floats, b: Floats, seed: int
) -> tuple[PairedResult | None, str | None]:
    if items.size < MIN_ITEMS:
        return None, f"{counted(int(items.size), 'item')} in both waves, {MIN_ITEMS} are needed"
    try:
        cluster = every.labels(items, a - b)
        return paired_comparison(a, b, cluster=cluster, alpha=data.alpha, seed=seed), None
    except (TooFewClusters, ValueError) as problem:
        return None, str(problem)


def _in_all(every: Grid, grid: Grid, items: Ints) -> Ints:
    """Positions in the grid of all waves; the names of both are sorted."""
    places: Ints = np.searchsorted(np.array(every.items), np.array(grid.items)[items])
    return places


def _within_one(*scores: Floats) -> bool:
    return all(bool((np.abs(values) <= 1).all()) for values in scores)


def _adjusted(families: Sequence[list[_Change]]) -> list[list[_Change]]:
    """The changes with p-values adjusted over all of them (Holm)."""
    every = [change for changes in families for change in changes]
    p_values = iter(holm([one.found.p_value if one.found else None for one in every]))
    return [[replace(one, p_adjusted=next(p_values)) for one in changes] for changes in families]


def _changed(change: _Change, alpha: float) -> bool:
    return change.p_adjusted is not None and change.p_adjusted <= alpha


def _entry(change: _Change, sentence: str) -> dict[str, Any]:
    found = change.found
    return {
        "wave": shown(change.wave),
        "n_items": change.n_items,
        "difference": found.difference.to_json() if found else None,
        "p_value": found.p_value if found else None,
        "p_adjusted": change.p_adjusted,
        "test": found.test if found else None,
        "sentence": sentence,
    }


def _said(change: _Change, level: float, what: str) -> str:
    if change.found is None:
        return f"{what} cannot be compared with the first wave: {change.reason}."
    ends, unit = change.found.difference, change.unit
    assert change.p_adjusted is not None
    return (
        f"{what} is {unit.amount(abs(ends.estimate))} {'below' if ends.estimate < 0 else 'above'} that of "
        f"the first wave ({level_text(level)} interval {unit.limits(ends)}; {p_text(change.p_adjusted)} "
        "after Holm)."
    )


def _sentence(data: StudyData, places: Sequence[_Place], gaps: Sequence[_Gap]) -> str:
    """What changed since the first wave, and what could not have been seen."""
    since = f"{counted(len(data.waves), 'wave')}: since the first one"
    if not any(change.found for place in places for change in place.changes):
        return f"{since} no cell can be compared: too few items were answered in both."
    by = listed(list(dict.fromkeys(place.scorer for place in places)))
    moved = [
        place for place in places if any(_changed(change, data.alpha) for change in place.changes)
    ]
    cells = counted(len(data.cells), "cell")
    if moved:
        names = dict.fromkeys(f"{quoted(one.cell.label)} ({one.scorer})" for one in moved)
        shifted = f"{since} ({cells}, by {by}) the score changed in {listed(list(names))}"
    else:
        shifted = f"{since} no score is shown to have changed, of {cells} by {by}"
    turned = [
        quoted(gap.asked.name)
        for gap in gaps
        if any(_changed(change, data.alpha) for change in gap.changes)
    ]
    if turned:
        gap = f"the gap of {listed(turned)}"
        return f"{shifted}, and so did {gap}." if moved else f"{shifted}, but {gap} did change."
    known = any(change.found for gap in gaps for change in gap.changes)
    return f"{shifted}; no gap between arms is shown to have changed." if known else f"{shifted}."
