"""Data health and the score of each cell: what came back, and the mean of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from splitplot.inference.cells import cell_interval
from splitplot.inference.checks import LOST_NOTED, Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import run_noise, these_items_interval
from splitplot.inference.wording import counted, percent

LOST = ("error", "expired", "over_quota", "missing")
"""Outcomes in which no answer reached us: holes in the grid, not wrong answers."""

ALL_OUTCOMES = ("ok", "truncated", "refused", "empty", *LOST, "abstained", "unparseable")


def conditions(grid: Grid, level: float) -> tuple[list[dict[str, Any]], list[Flag]]:
    """One entry per cell in plan order: strict and observed mean, and flags about the cell."""
    entries, flags = [], []
    for index, cell in enumerate(grid.cells):
        lost = grid.lost(index)
        strict, problem = _mean(grid, index, "strict", level)
        observed, _ = _mean(grid, index, "observed", level)
        asked = np.unique(grid.rows.item[grid.rows_of(index)]).size
        answered = int((grid.scores(index).count > 0).sum())
        entries.append(
            {
                "trial": cell.trial,
                "model": cell.model,
                "sampling": cell.sampling,
                "condition": cell.condition,
                "n_items": answered,
                "items_lost": asked - answered,
                "replications": grid.replications(index),
                "n_rows": int(lost.size),
                "rows_lost": int(lost.sum()),
                "deterministic": grid.deterministic(index),
                "strict": strict.to_json() if strict else None,
                "observed": observed.to_json() if observed else None,
                "these_items": _at_these_items(grid, index, level),
            }
        )
        flags += _cell_flags(grid, index, strict, problem, asked - answered)
    return entries, flags


def counts(
    grid: Grid, cell: Ints, outcome_names: Sequence[str], outcome: Ints, duplicates: int
) -> dict[str, Any]:
    """Outcomes per cell. cell, outcome: per row, of the first scorer and in the plan's cells."""
    width = len(outcome_names) + 1
    table = np.bincount(cell * width + outcome + 1, minlength=len(grid.cells) * width)
    table = table.reshape(len(grid.cells), width)[:, 1:]
    total = dict(zip(outcome_names, table.sum(axis=0).tolist(), strict=True))
    rows = int(cell.size)
    lost = sum(total.get(name, 0) for name in LOST)
    kept = rows - lost
    names = [*ALL_OUTCOMES, *sorted(set(outcome_names) - set(ALL_OUTCOMES))]
    return {
        "grid_rows": rows,
        "filled": kept,
        "outcomes": [
            {
                "trial": one.trial,
                "model": one.model,
                "sampling": one.sampling,
                "condition": one.condition,
                "counts": dict.fromkeys(names, 0)
                | dict(zip(outcome_names, table[index].tolist(), strict=True)),
            }
            for index, one in enumerate(grid.cells)
        ],
        "truncated_share": total.get("truncated", 0) / kept if kept else 0.0,
        "duplicate_items": duplicates,
    }


def item_identity(item: Ints, item_hash: Ints) -> tuple[int, int]:
    """How many items repeat the content of an earlier one, and how many have more than one content."""
    known = item_hash >= 0
    if not known.any():
        return 0, 0
    width = int(item_hash.max()) + 1
    pairs = np.unique(item[known] * width + item_hash[known])
    items, contents = pairs // width, pairs % width
    versions = np.bincount(np.unique(items, return_inverse=True)[1])
    sharing = np.bincount(np.unique(contents, return_inverse=True)[1])
    return int((sharing - 1).sum()), int((versions > 1).sum())


def _mean(grid: Grid, cell: int, variant: str, level: float) -> tuple[Interval | None, str | None]:
    """The cell's mean over items, or why it has none."""
    scores = grid.scores(cell, variant)
    kept = np.flatnonzero(scores.count)
    if not kept.size:
        return None, "no answer was kept"
    codes = grid.cluster[kept]
    cluster = codes if np.unique(codes).size < codes.size else None
    try:
        return cell_interval(scores.mean[kept], cluster=cluster, level=level), None
    except (TooFewClusters, ValueError) as problem:
        return None, str(problem)


def _at_these_items(grid: Grid, cell: int, level: float) -> dict[str, Any] | None:
    """The strict mean at exactly these items, where run-to-run noise is known."""
    scores = grid.scores(cell)
    kept = scores.count > 0
    if scores.run_variance is None or not kept.any():
        return None
    runs = scores.run_variance[kept]
    noise = run_noise(
        runs,
        np.zeros(runs.size),
        level=level,
        deterministic=grid.deterministic(cell),
        replications=max(2, grid.replications(cell)),
    )
    interval = these_items_interval(float(scores.mean[kept].mean()), noise, level)
    return interval.to_json() if interval else None


def _cell_flags(
    grid: Grid, index: int, strict: Interval | None, problem: str | None, items_lost: int
) -> list[Flag]:
    where = grid.cells[index].label
    flags = []
    if problem:
        flags.append(Flag("no_interval", where, f"No mean with an interval: {problem}."))
    lost = grid.share("lost", [index])
    if lost > LOST_NOTED:
        flags.append(Flag("lost", where, f"{percent(lost)} of the answers were lost."))
    if items_lost:
        flags.append(
            Flag(
                "items_lost",
                where,
                f"{counted(items_lost, 'item')} lost every answer and is left out of the mean."
                if items_lost == 1
                else f"{counted(items_lost, 'item')} lost every answer and are left out of the mean.",
            )
        )
    if grid.deterministic(index):
        flags.append(
            Flag(
                "deterministic",
                where,
                "At temperature 0 every replication gave the same answer: its run-to-run noise is 0, and "
                "further replications tell nothing new.",
            )
        )
    if strict and (strict.low < 0 or strict.high > 1) and 0 <= strict.estimate <= 1:
        flags.append(
            Flag(
                "interval_out_of_range",
                where,
                "The interval reaches beyond 0…1; it is shown as computed, not clipped.",
            )
        )
    return flags
