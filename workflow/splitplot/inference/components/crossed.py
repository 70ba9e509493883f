"""Scores of items crossed with a few factors, collapsed to what variance components need of them.

Replications only enter through their number, mean and sum of squares per item and cell: a million
rows are 5,000 × 40 cells.
"""

from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.grid import Ints
from splitplot.inference.intervals import EQUAL, Floats

ITEM, RUN = "item", "run"

Term = tuple[str, ...]
"""A source of variance: ("model",), ("item",), ("item", "model"), …, ("run",)."""


@dataclass(frozen=True)
class CrossedScores:
    """Items × cells, each cell a combination of the factors' levels.

    factors: names, at least two levels each. level: of each cell per factor, from 0, shape
    (n_cells, n_factors). count: replications, shape (n_items, n_cells). mean: over them, 0 where count
    is 0. squares: sum over an item's cells of (score − cell mean)², shape (n_items,).
    """

    factors: tuple[str, ...]
    level: Ints
    count: Ints
    mean: Floats
    squares: Floats

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self.count.shape[0])

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.count.shape[1])

    @property
    def n_rows(self) -> int:
        """Number of answers."""
        return int(self.count.sum())

    @property
    def n_levels(self) -> tuple[int, ...]:
        """Levels per factor."""
        return tuple(int(n) for n in self.level.max(axis=0) + 1) if self.factors else ()

    @property
    def complete(self) -> bool:
        """Whether the cells are all combinations of levels, in the order of nested loops."""
        return self.n_cells == prod(self.n_levels) and bool(
            (
                np.ravel_multi_index(tuple(self.level.T), self.n_levels) == np.arange(self.n_cells)
            ).all()
            if self.factors
            else self.n_cells == 1
        )

    @property
    def balanced(self) -> bool:
        """Complete, with the same number of replications everywhere."""
        return self.complete and self.n_items > 0 and bool((self.count == self.count[0, 0]).all())

    @property
    def replicated(self) -> bool:
        """Whether any item was answered twice in a cell."""
        return bool((self.count > 1).any())


def collapse(
    item: ArrayLike,
    cell: ArrayLike,
    score: ArrayLike,
    level: ArrayLike,
    factors: tuple[str, ...],
    n_items: int | None = None,
) -> CrossedScores:
    """Rows → `CrossedScores`.

    item, cell: positions, score: of each row, shape (n_rows,). level: shape (n_cells, n_factors).
    Raises ValueError for NaN: the caller decides what a missing answer means before it comes here.
    """
    levels = np.asarray(level, dtype=np.int64)
    levels = levels.reshape(levels.shape[0], len(factors))
    scores = np.asarray(score, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("score: NaN or infinity; decide what a missing answer means first")
    items = np.asarray(item, dtype=np.int64)
    total = int(items.max()) + 1 if n_items is None else n_items
    place = items * levels.shape[0] + np.asarray(cell, dtype=np.int64)
    shape = (total, levels.shape[0])
    count: Ints = np.bincount(place, minlength=shape[0] * shape[1]).astype(np.int64)
    totals = np.bincount(place, weights=scores, minlength=count.size).astype(np.float64)
    mean = totals / np.maximum(count, 1)
    deviation = scores - mean[place]
    # What float arithmetic leaves of equal scores is no variance.
    deviation[np.abs(deviation) <= EQUAL * np.maximum(1.0, np.abs(scores))] = 0.0
    squares = np.bincount(items, weights=deviation**2, minlength=total).astype(np.float64)
    return CrossedScores(factors, levels, count.reshape(shape), mean.reshape(shape), squares)


def subsets(n_factors: int) -> list[tuple[int, ...]]:
    """All sets of factors, smaller ones first: (), (0,), (1,), (0, 1)."""
    return [s for size in range(n_factors + 1) for s in combinations(range(n_factors), size)]


def same_level(level: Ints, factors: tuple[int, ...]) -> Floats:
    """1 where two cells agree in all of the factors, shape (n_cells, n_cells)."""
    chosen = level[:, list(factors)]
    equal: Floats = (chosen[:, None, :] == chosen[None, :, :]).all(axis=2).astype(np.float64)
    return equal
