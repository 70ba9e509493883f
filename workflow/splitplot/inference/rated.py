"""Answers that several scorers graded: one column of scores per rater, rows matched answer by answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from splitplot.inference.data import StudyData
from splitplot.inference.grid import Bools, Grid, Ints, Rows
from splitplot.inference.intervals import Floats


@dataclass(frozen=True)
class Rated:
    """Every answer that any rater graded.

    strict, observed: scores of each rater, shape (n_answers, n_raters), in the order of `grid.rows`; NaN
    where a rater has none. grid: of the same answers, each with the mean of its scores, and with none
    unless all raters graded it.
    """

    raters: tuple[str, ...]
    grid: Grid
    strict: Floats
    observed: Floats

    @property
    def complete(self) -> Bools:
        """Which answers all raters graded."""
        found: Bools = np.logical_not(np.isnan(self.strict).any(axis=1))
        return found

    @property
    def read(self) -> Bools:
        """Which answers at least one rater could read; the others count as wrong by every rater."""
        found: Bools = np.logical_not(np.isnan(self.observed).all(axis=1))
        return found

    def grid_of(self, rater: int) -> Grid:
        """The answers that all raters graded, with the scores of this one."""
        kept = self.complete
        return self._grid(
            np.where(kept, self.strict[:, rater], np.nan),
            np.where(kept, self.observed[:, rater], np.nan),
        )

    def _grid(self, strict: Floats, observed: Floats) -> Grid:
        grid = self.grid
        rows = replace(grid.rows, strict=strict, observed=observed)
        return Grid(grid.cells, grid.items, grid.declared, rows, grid.content)


def rated_answers(data: StudyData, raters: Sequence[str]) -> Rated:
    """The graded answers of a study by these scorers. An answer is a cell, an item and a replication."""
    names = data.table.text["item_id"].names
    grids = [data.grid(rater) for rater in raters]
    items = [data.table.text["item_id"].code[_origin(grid)] for grid in grids]
    again = [_again(grid.rows) for grid in grids]
    replications = 1 + max((int(g.rows.replication.max(initial=0)) for g in grids), default=0)
    times = 1 + max((int(count.max(initial=0)) for count in again), default=0)
    keys = [
        ((grid.rows.cell * len(names) + item) * replications + grid.rows.replication) * times
        + count
        for grid, item, count in zip(grids, items, again, strict=True)
    ]
    every = np.unique(np.concatenate(keys))
    strict, observed = (np.full((every.size, len(grids)), np.nan) for _ in range(2))
    origin, signature, item_code = (np.zeros(every.size, dtype=np.int64) for _ in range(3))
    truncated = np.zeros(every.size, dtype=np.bool_)
    most = np.iinfo(np.int64).max
    cluster_of, content_of = (np.full(len(names), most, dtype=np.int64) for _ in range(2))
    for column in reversed(range(len(grids))):  # the first rater's row stands for the answer
        rows, at = grids[column].rows, np.searchsorted(every, keys[column])
        strict[at, column], observed[at, column] = rows.strict, rows.observed
        origin[at], signature[at] = _origin(grids[column]), rows.signature
        item_code[at], truncated[at] = items[column], rows.truncated
        np.minimum.at(cluster_of, items[column], grids[column].declared[rows.item])
        np.minimum.at(content_of, items[column], grids[column].content[rows.item])
    present = np.unique(item_code)
    rest = every // times
    table = Rows(
        cell=rest // replications // max(len(names), 1),
        item=np.searchsorted(present, item_code),
        replication=rest % replications,
        strict=strict.mean(axis=1),
        observed=observed.mean(axis=1),
        truncated=truncated,
        signature=signature,
        origin=origin,
    )
    labels = [names[code] for code in present]
    grid = Grid(data.cells, labels, cluster_of[present], table, content_of[present])
    # The grid sorts answers that are there twice by their content: find each of them again.
    order = np.argsort(origin, kind="stable")
    at = order[np.searchsorted(origin[order], _origin(grid))]
    return Rated(tuple(raters), grid, strict[at], observed[at])


def _origin(grid: Grid) -> Ints:
    assert grid.rows.origin is not None, "a grid of a study keeps where its rows came from"
    return grid.rows.origin


def _again(rows: Rows) -> Ints:
    """0 for the first row of an answer, 1 for the next one with the same cell, item and replication …"""
    if not rows.cell.size:
        return np.zeros(0, dtype=np.int64)
    place = np.stack([rows.cell, rows.item, rows.replication])
    new = np.concatenate([[True], (np.diff(place, axis=1) != 0).any(axis=0)])
    start = np.maximum.accumulate(np.where(new, np.arange(new.size), 0))
    counts: Ints = np.arange(new.size) - start
    return counts
