"""A grid of graded answers as a crossed design: items × the factors that vary."""

from dataclasses import dataclass, replace

import numpy as np

from splitplot.inference.components.crossed import CrossedScores, collapse
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.resampling.intervals import MIN_UNITS

MOST_WORK = 1.5e9
"""Patterns × cells³ of a step of REML: 5,000 items × 40 cells are a fifth of it and take 20 seconds."""

MODEL, PROMPT, SAMPLING = "model", "condition", "sampling"


@dataclass(frozen=True)
class Design:
    """The study's scores as a crossed design. cells: of the study, in the order of `scores`; grid: of
    which scorer; cluster: code per item of `scores`, None where every item stands alone; items: their
    positions in the grid.
    """

    grid: Grid
    scores: CrossedScores
    cells: list[int]
    items: Ints
    cluster: Ints | None


def crossed_design(grid: Grid) -> Design | None:
    """Items × the factors that vary; None below two items, or with one answer per item in one cell.

    Cells and items without a kept answer are left out.
    """
    kept = ~np.isnan(grid.rows.strict)
    filled = np.flatnonzero(np.bincount(grid.rows.cell[kept], minlength=len(grid.cells)))
    names = [
        factor
        for factor in (MODEL, PROMPT, SAMPLING)
        if len({grid.cells[cell].level(factor) for cell in filled}) > 1
    ]
    order = {
        factor: list(dict.fromkeys(grid.cells[cell].level(factor) for cell in filled))
        for factor in names
    }
    coded = sorted(
        ([order[f].index(grid.cells[cell].level(f)) for f in names], int(cell)) for cell in filled
    )
    if not coded:
        return None
    position = np.zeros(len(grid.cells), dtype=np.int64)
    position[[cell for _, cell in coded]] = np.arange(len(coded))
    items, item = np.unique(grid.rows.item[kept], return_inverse=True)
    level = np.array([codes for codes, _ in coded], dtype=np.int64).reshape(len(coded), len(names))
    scores = collapse(
        item, position[grid.rows.cell[kept]], grid.rows.strict[kept], level, tuple(names)
    )
    if scores.n_items < 2 or (scores.n_cells == 1 and not scores.replicated):
        return None
    labels = grid.cluster[items]
    codes = (
        np.unique(labels, return_inverse=True)[1] if np.unique(labels).size < items.size else None
    )
    return Design(grid, scores, [cell for _, cell in coded], items, codes)


def affordable(design: Design, seed: int) -> Design:
    """The design, or a random sample of its items where REML on all of them would take many minutes.

    The cost of a step is patterns × cells³. seed: from content; which items are drawn depends on nothing
    else.
    """
    scores = design.scores
    patterns = np.unique(scores.count, axis=0).shape[0]
    most = max(MIN_UNITS, int(MOST_WORK / scores.n_cells**3))
    if scores.balanced or patterns <= most:
        return design
    drawn = np.sort(np.random.default_rng(seed).choice(scores.n_items, most, replace=False))
    sample = replace(
        scores,
        count=scores.count[drawn],
        mean=scores.mean[drawn],
        squares=scores.squares[drawn],
    )
    if not (sample.count > 0).any(axis=0).all():
        return design
    codes = (
        None if design.cluster is None else np.unique(design.cluster[drawn], return_inverse=True)[1]
    )
    return replace(design, scores=sample, items=design.items[drawn], cluster=codes)
