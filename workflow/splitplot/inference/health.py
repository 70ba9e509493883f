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
from splitplot.inference.table import Codes
from splitplot.inference.wording import counted, listed, percent, quoted
from splitplot.items.copies import MOST_INFLATED

LOST = ("error", "expired", "over_quota", "missing")
"""Outcomes in which no answer reached us: holes in the grid, not wrong answers."""

ABOUT_ANSWERS = ("lost", "differential_loss", "truncation_gap", "unusable_gap", "influential")
"""Codes of a contrast's flags that are about the answers, and not about the plan or the size of the study."""

NAMED = 3

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
    grid: Grid, cell: Ints, outcome_names: Sequence[str], outcome: Codes, duplicates: int
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


def item_identity(item: Codes, item_hash: Codes) -> tuple[int, int]:
    """How many items repeat the content of an earlier one, and how many have more than one content."""
    known = item_hash >= 0
    if not known.any():
        return 0, 0
    width = int(item_hash.max()) + 1
    # codes have 32 bits, their product may need more
    pairs = np.unique(item[known].astype(np.int64) * width + item_hash[known])
    items, contents = pairs // width, pairs % width
    versions = np.bincount(np.unique(items, return_inverse=True)[1])
    sharing = np.bincount(np.unique(contents, return_inverse=True)[1])
    return int((sharing - 1).sum()), int((versions > 1).sum())


def copies_flag(grid: Grid) -> Flag | None:
    """That items are copies of another, and how they are counted; None where none is."""
    copies, n = grid.copies, f"{len(grid.items):,}"
    if not copies.repeats:
        return None
    declared = int(np.unique(grid.declared).size)
    clusters = counted(grid.n_clusters, "cluster")
    are = "is a copy" if copies.repeats == 1 else "are copies"
    told = f"{copies.repeats:,} of {n} items {are} of another"
    if copies.joined and declared == len(grid.items):
        text = f"{told}: copies count as one cluster, which leaves {clusters}."
    elif copies.joined:
        text = (
            f"{told}, and {copies.apart:,} have one in another cluster: clusters that share a copy count "
            f"as one, which leaves {clusters} of {declared:,}. Drop the copies to have them all."
        )
    elif copies.apart:
        text = (
            f"{told}: they count as items of their own, but as one cluster wherever they would make the "
            f"variance of what is compared more than {MOST_INFLATED} times what it is taken for."
        )
    else:
        text = f"{told}, all in the cluster of the other: the clusters allow for that."
    return Flag("duplicate_items", "study", text)


def of_exploration(explored: Sequence[Flag], primary: Sequence[Flag]) -> list[Flag]:
    """What flags of exploratory contrasts say about the answers, for the study's list: one flag of a code.

    Only codes in `ABOUT_ANSWERS`; what a primary contrast's flag says already is left out. With several
    contrasts of a code the first is quoted and the others are named (at most `NAMED` of them).
    """
    known = {(flag.code, flag.message) for flag in primary}
    grouped: dict[str, dict[str, Flag]] = {}
    for flag in explored:
        if flag.code in ABOUT_ANSWERS and (flag.code, flag.message) not in known:
            grouped.setdefault(flag.code, {}).setdefault(flag.where, flag)
    found = []
    for code, by_name in grouped.items():
        first, *others = by_name.values()
        text = f"Exploratory: {first.message}"
        if others:
            names = [quoted(flag.where) for flag in others[:NAMED]]
            left = [f"{len(others) - NAMED:,} more"] if len(others) > NAMED else []
            text += f" The same kind of flag is at {listed([*names, *left])}."
        found.append(Flag(code, first.where, text))
    return found


def _mean(grid: Grid, cell: int, variant: str, level: float) -> tuple[Interval | None, str | None]:
    """The cell's mean over items, or why it has none."""
    scores = grid.scores(cell, variant)
    kept = np.flatnonzero(scores.count)
    if not kept.size:
        return None, "no answer was kept"
    cluster = grid.labels(kept, scores.mean[kept])
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
