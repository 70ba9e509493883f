"""What both arms of a contrast took on their common items: tokens, dollars, seconds, dollars per right one.

An item counts where both arms have its amount in every pair of cells. An answer counts with what it took
whatever became of it: one that was cut off, refused or failed and was billed too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, log

import numpy as np

from splitplot.amounts import PER_CORRECT, USD, Amount
from splitplot.inference.arms import build_arms
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData, cell_means
from splitplot.inference.evidence import FIXED, ITEMS
from splitplot.inference.grid import Bools, Grid, Ints, item_scores
from splitplot.inference.intervals import Floats, Interval, is_constant
from splitplot.inference.noise import RunNoise
from splitplot.inference.onesided import OneSided, one_sided_from_interval, one_sided_ratio
from splitplot.inference.ratio import compare_ratios, compare_sums
from splitplot.inference.scoped import Scoped, these_items


@dataclass(frozen=True)
class Taken:
    """a, b: amount per common item, shape (n_items,); item: their positions in the grid.

    right_a, right_b: score per item that the amount is counted per, None where it is per answer.
    n_union: items with the amount in at least one arm. cluster: label per item, None where all stand alone.
    """

    item: Ints
    a: Floats
    b: Floats
    right_a: Floats | None
    right_b: Floats | None
    n_union: int
    cluster: Ints | None

    @property
    def possible(self) -> bool:
        """Whether there is anything to divide by, and to divide."""
        sums = [self.a, self.b, *(v for v in (self.right_a, self.right_b) if v is not None)]
        return bool(self.item.size) and all(float(v.sum()) > 0 for v in sums)

    @property
    def proportional(self) -> bool:
        """Whether all items have the same ratio, which leaves nothing to make an interval of."""
        return any(is_constant(share) for share in self.shares())

    def only(self, kept: Bools) -> "Taken":
        """The same of some of its items. kept: per common item."""
        codes = None if self.cluster is None else self.cluster[kept]
        return Taken(
            self.item[kept],
            self.a[kept],
            self.b[kept],
            None if self.right_a is None else self.right_a[kept],
            None if self.right_b is None else self.right_b[kept],
            self.n_union,
            codes if codes is not None and np.unique(codes).size < codes.size else None,
        )

    def ratio(self, level: float, seed: int) -> tuple[Interval, float, str]:
        """A/B with its interval, the p-value of a ratio of 1, and the name of its test.

        Raises ValueError or TooFewClusters where there is none.
        """
        if self.right_a is None or self.right_b is None:
            found = compare_sums(self.a, self.b, cluster=self.cluster, level=level, seed=seed)
            return found.ratio, found.p_value, found.test
        interval, test = compare_ratios(
            self.a,
            self.right_a,
            self.b,
            self.right_b,
            cluster=self.cluster,
            level=level,
            seed=seed,
        )
        return interval, test.p_value, test.method

    def at(self, scope: str, noise: RunNoise, levels: tuple[float, float], seed: int) -> Scoped:
        """log(B/A) at a scope, these items or items like these. noise: of it, from run to run."""
        if scope == FIXED:
            a, b = self.means()
            return these_items(log(b / a), noise, levels)
        try:
            outer, p_value, test = self.ratio(levels[0], seed)
            inner, _, _ = self.ratio(levels[1], seed)
        except (TooFewClusters, ValueError) as problem:
            return Scoped(ITEMS, None, None, reason=str(problem))
        return Scoped(ITEMS, saving(outer), saving(inner), p_value, test)

    def against_margin(self, saving: Interval, margin: float, seed: int) -> OneSided:
        """The one-sided tests that belong to the interval of log(B/A) over items. margin: on that scale."""
        if saving.df is not None:
            return one_sided_from_interval(saving, margin)
        return one_sided_ratio(self.a, self.b, margin, seed=seed)

    def shares(self) -> tuple[Floats, ...]:
        """What every item adds to log(A/B) by the delta method, shape (n_items,); none without a ratio."""
        if not self.possible:
            return ()
        found = self.a / self.a.mean() - self.b / self.b.mean()
        if self.right_a is not None and self.right_b is not None:
            found = found - self.right_a / self.right_a.mean() + self.right_b / self.right_b.mean()
        return (found,)

    def means(self) -> tuple[float, float]:
        """What either arm takes: per answer, or per right one."""
        a, b = float(self.a.mean()), float(self.b.mean())
        if self.right_a is None or self.right_b is None:
            return a, b
        return a / float(self.right_a.mean()), b / float(self.right_b.mean())


def saving(ratio: Interval) -> Interval:
    """log(B/A) from A/B, its standard error as it is; a ratio that may be 0 is a saving without end."""
    estimate, low, high = (
        -log(v) if v > 0 else inf for v in (ratio.estimate, ratio.high, ratio.low)
    )
    return replace(ratio, estimate=estimate, low=low, high=high)


def column_of(amount: Amount) -> str:
    """The column of the item-response table that an amount is made of."""
    return USD if amount.name == PER_CORRECT else amount.name


def by_item(data: StudyData, grid: Grid, name: str) -> Floats:
    """Mean per cell and item over the answers with a known amount, shape (n_cells, n_items)."""
    n_items = len(grid.items)
    place = grid.rows.cell * n_items + grid.rows.item
    means = cell_means(data.numbers(name, grid), place, len(grid.cells) * n_items)
    table: Floats = means.reshape(len(grid.cells), n_items)
    return table


def taken(grid: Grid, amount: Amount, amounts: Floats, pairs: Sequence[tuple[int, int]]) -> Taken:
    """What both sides of the pairs of cells took. amounts: `by_item` of the amount's column."""
    if not pairs:
        none = np.zeros(0)
        return Taken(np.zeros(0, dtype=np.int64), none, none, None, None, 0, None)
    first = amounts[[a for a, _ in pairs]].mean(axis=0)
    second = amounts[[b for _, b in pairs]].mean(axis=0)
    known_a, known_b = np.isfinite(first), np.isfinite(second)
    item = np.flatnonzero(known_a & known_b)
    right_a = right_b = None
    if amount.name == PER_CORRECT:
        scores = build_arms(grid, pairs, "strict", "strict")
        item, _, where = np.intersect1d(item, scores.item, return_indices=True)
        right_a, right_b = scores.a[where], scores.b[where]
    found = Taken(
        item, first[item], second[item], right_a, right_b, int((known_a | known_b).sum()), None
    )
    return replace(found, cluster=grid.labels(item, *found.shares()))


def run_variances(
    data: StudyData, grid: Grid, amount: Amount, pairs: Sequence[tuple[int, int]], found: Taken
) -> tuple[Floats | None, Floats | None]:
    """Variance from run to run of each item's share in log(A/B), per arm, shape (n_items,); None where
    no item of a cell was answered twice.

    By the delta method: an answer counts as its amount over the arm's mean, less its score over the
    arm's mean score where the amount is per right answer.
    """
    values = data.numbers(column_of(amount), grid)
    sides: list[Floats | None] = []
    for side, (mean, right) in enumerate(((found.a, found.right_a), (found.b, found.right_b))):
        total: Floats | None = np.zeros(found.item.size)
        for pair in pairs:
            here = grid.rows_of(pair[side])
            linear = values[here] / mean.mean()
            if right is not None:
                linear = linear - grid.rows.strict[here] / right.mean()
            variance = item_scores(linear, grid.rows.item[here], len(grid.items)).run_variance
            total = None if variance is None or total is None else total + variance[found.item]
        sides.append(None if total is None else total / len(pairs) ** 2)
    return sides[0], sides[1]
