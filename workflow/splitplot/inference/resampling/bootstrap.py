"""The joint bootstrap: every column sees the same resampled items, so that differences, ranks, maxima
and ratios of columns can be taken draw by draw.

Resample arms, not pairs: 10 arms stand for 45 pairs, and a pair is a subtraction afterwards. With
clusters whole clusters are resampled; their sums are taken first, which also makes them cheap.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.intervals import Floats
from splitplot.inference.resampling.weights import (
    bootstrap_weights,
    chunks,
    for_each_chunk,
    on_grid,
)

DRAWS = 10_000
"""Standard error of a 2.5 % tail: 0.16 points of probability."""


@dataclass(frozen=True)
class UnitSums:
    """What a resampled unit (an item, or a cluster of items) adds to every column.

    total, size: sum of the values and number of values, shape (n_units, n_columns) each. An item that
    a column does not have (NaN) adds 0 to both.
    """

    total: Floats
    size: Floats

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.total.shape[0])

    @property
    def mean(self) -> Floats:
        """The mean of every column over its items, shape (n_columns,); NaN where it has none."""
        count = self.size.sum(axis=0)
        mean: Floats = np.where(
            count > 0, self.total.sum(axis=0) / np.where(count > 0, count, 1), np.nan
        )
        return mean

    @property
    def influence(self) -> Floats:
        """Σ over the unit of (value − mean)/n, shape (n_units, n_columns): how the mean would move."""
        values: Floats = np.nan_to_num(self.mean) * self.size
        np.subtract(self.total, values, out=values)
        values /= np.maximum(self.size.sum(axis=0), 1.0)
        return values


def unit_sums(columns: ArrayLike, cluster: ArrayLike | None = None) -> UnitSums:
    """Sums and counts by item, or by cluster in the order of the sorted labels.

    columns: shape (n_items, n_columns), or (n_items,) for one; NaN: the column does not have the item.
    cluster: label per item. Raises ValueError for infinities, no items or a wrong number of labels,
    TooFewClusters below 2 clusters.
    """
    values = np.asarray(columns, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.size:
        raise ValueError("columns: need items × columns with at least one of each")
    if np.isinf(values).any():
        raise ValueError("columns: infinity; decide what it means first")
    present = ~np.isnan(values)
    complete = bool(present.all())
    filled = values if complete else np.where(present, values, 0.0)
    if cluster is None:
        # Without gaps a one that takes no memory stands for all counts.
        ones = np.broadcast_to(1.0, values.shape) if complete else present.astype(np.float64)
        return UnitSums(filled, ones)
    labels = np.asarray(cluster)
    if labels.shape != (values.shape[0],):
        raise ValueError("need one cluster label per item")
    names, index = np.unique(labels, return_inverse=True)
    if names.size < 2:
        raise TooFewClusters("resampling clusters needs at least 2 of them")
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(names.size))
    return UnitSums(
        np.add.reduceat(filled[order], starts, axis=0),
        np.add.reduceat(present[order].astype(np.float64), starts, axis=0),
    )


def bootstrap_sums(
    units: ArrayLike, *, draws: int = DRAWS, seed: int, workers: int | None = None
) -> Floats:
    """Sums of every column over resampled units, shape (draws, n_columns).

    units: what a unit adds, shape (n_units, n_columns), finite, in an order that does not depend on
        the file (by item id, by cluster label). seed: from content.
    Efron (1979). The same to the last bit for any number of workers and any BLAS (see `weights`).
    """
    added = np.asarray(units, dtype=np.float64)
    if added.ndim != 2 or not added.size or not np.isfinite(added).all():
        raise ValueError("units: need finite numbers, units × columns")
    n_units = added.shape[0]
    exact = on_grid(added, n_units)
    sums = np.empty((draws, added.shape[1]))

    def work(start: int, size: int) -> None:
        for first, weights in bootstrap_weights(n_units, start, size, seed):
            np.matmul(weights, exact, out=sums[first : first + weights.shape[0]])

    for_each_chunk(work, chunks(draws), workers)
    return sums


def bootstrap_statistics(
    statistic: Callable[[Floats], Floats], n_units: int, *, draws: int = DRAWS, seed: int
) -> Floats:
    """Any statistic of resampled units, shape (draws, length of the statistic), for what is no sum: the
    areas and risks of answers in order, bins. One call a draw; sums are for `bootstrap_sums`.

    statistic: of how often each unit was drawn, shape (n_units,), an array that is used again for the
        next draw. n_units: units in an order that does not depend on the file. seed: from content. The draws
        are those of `bootstrap_sums` with this seed and number of units.
    """
    found = [
        statistic(row)
        for start, size in chunks(draws)
        for _, rows in bootstrap_weights(n_units, start, size, seed)
        for row in rows
    ]
    return np.array(found, dtype=np.float64)


def bootstrap_means(
    columns: ArrayLike,
    cluster: ArrayLike | None = None,
    draws: int = DRAWS,
    *,
    seed: int,
    workers: int | None = None,
) -> Floats:
    """Means of every column over resampled items (clusters), shape (draws, n_columns).

    columns: shape (n_items, n_columns). NaN: the item is not in the column; the mean is then the ratio
    of the resampled sum to the resampled count, as it is with clusters of unequal size. NaN in the
    draws in which a column lost all of its items. Subtract columns of the result for differences of
    arms that have the same items; give the item differences as a column where they have not.
    """
    sums = unit_sums(columns, cluster)
    return _ratio(sums.total, sums.size, draws, seed, workers)


def bootstrap_ratios(
    numerators: ArrayLike,
    denominators: ArrayLike,
    cluster: ArrayLike | None = None,
    draws: int = DRAWS,
    *,
    seed: int,
    workers: int | None = None,
) -> Floats:
    """Ratios of resampled sums, shape (draws, n_columns): cost per answer, cost per solved item, micro-F1.

    numerators, denominators: what an item adds to either sum, shape (n_items, n_columns); NaN adds
    nothing. Never a mean of ratios. NaN where a resampled denominator is 0. With the same seed and
    units the draws are those of `bootstrap_means`, so that both may be joined.
    """
    above, below = unit_sums(numerators, cluster).total, unit_sums(denominators, cluster).total
    if above.shape != below.shape:
        raise ValueError("need as many denominators as numerators")
    return _ratio(above, below, draws, seed, workers)


def _ratio(above: Floats, below: Floats, draws: int, seed: int, workers: int | None) -> Floats:
    """Ratio of sums; a denominator that is the same for every unit is not resampled."""
    varies = (below != below[:1]).any(axis=0)
    sums = bootstrap_sums(
        np.concatenate([above, below[:, varies]], axis=1) if varies.any() else above,
        draws=draws,
        seed=seed,
        workers=workers,
    )
    n_columns = above.shape[1]
    bottom = np.broadcast_to(below.sum(axis=0), (draws, n_columns)).copy()
    bottom[:, varies] = sums[:, n_columns:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.where(bottom != 0, sums[:, :n_columns] / bottom, np.nan)
    return ratio
