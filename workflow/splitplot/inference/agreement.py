"""How far raters agree on the scores of the same answers: Krippendorff's alpha, Gwet's AC1.

Both are made of sums over units (answers), so that resampling items adds up what each of them brings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.resampling.bootstrap import bootstrap_sums
from splitplot.inference.resampling.intervals import MIN_UNITS, percentile_ends

PREVALENT = 0.8
"""Where one score makes more than this share of all, alpha is near 0 however rarely raters disagree."""

MOST_UNDEFINED = 0.05
"""From this share of resamples without a value on (all scores the same), there is no interval."""

Ends = tuple[float, float] | None


@dataclass(frozen=True)
class Measure:
    """A measure of agreement as sums: of each unit, shape (n_units, n_sums), and what totals of them say,
    (n_totals, n_sums) → (n_totals,), NaN where it is not defined."""

    sums: Floats
    of_totals: Callable[[Floats], Floats]

    @property
    def value(self) -> float | None:
        """The measure of all units; None where it is not defined."""
        found = float(self.of_totals(self.sums.sum(axis=0, keepdims=True))[0])
        return None if np.isnan(found) else found


def krippendorff_alpha(ratings: ArrayLike, *, interval: bool) -> float | None:
    """Krippendorff's α = 1 − D_o/D_e (Krippendorff 2011, "Computing Krippendorff's alpha-reliability").

    ratings: one row per unit, one column per rater, NaN where a rater graded nothing; units with fewer
    than two ratings count for nothing. interval: squared differences; else nominal, equal or not.
    None where all ratings are equal: without variation there is nothing to agree on.
    """
    return alpha_measure(ratings, interval=interval).value


def gwet_ac1(ratings: ArrayLike, categories: Sequence[float]) -> float | None:
    """Gwet's AC1 = (p_a − p_e)/(1 − p_e), p_e = Σ π_c(1 − π_c)/(q − 1) (Gwet 2008, for several raters
    and missing ratings: Gwet 2014, ch. 2 and 3).

    ratings: as for `krippendorff_alpha`. categories: all q values that the scale has, at least two.
    """
    return ac1_measure(ratings, categories).value


def alpha_measure(ratings: ArrayLike, *, interval: bool) -> Measure:
    """`krippendorff_alpha` as sums over units.

    With m ratings of a unit, D_o adds up their disagreements over m − 1; D_e those of all pairable
    ratings with each other over n − 1.
    """
    table = np.asarray(ratings, dtype=np.float64)
    known = ~np.isnan(table)
    size = known.sum(axis=1).astype(np.float64)
    pairable = size >= 2
    others = np.maximum(size - 1, 1.0)
    if interval:
        centre = float(table[known].mean()) if known.any() else 0.0
        values = np.where(known, table - centre, 0.0)
        first, second = values.sum(axis=1), (values**2).sum(axis=1)
        within = 2 * (size * second - first**2) / others
        columns = [within, size, first, second]
    else:
        counts = _counts(table, np.unique(table[known]))
        columns = [(size**2 - (counts**2).sum(axis=1)) / others, size, *counts.T]
    sums = np.where(pairable[:, None], np.stack(columns, axis=1), 0.0)

    def of_totals(total: Floats) -> Floats:
        within, n, rest = total[:, 0], total[:, 1], total[:, 2:]
        expected = (_squared(n, rest) if interval else n**2 - (rest**2).sum(axis=1)) / np.maximum(
            n - 1, 1.0
        )
        defined = (n >= 2) & (expected > 1e-12 * n)
        found: Floats = np.where(defined, 1 - within / np.where(defined, expected, 1.0), np.nan)
        return found

    return Measure(sums, of_totals)


def ac1_measure(ratings: ArrayLike, categories: Sequence[float]) -> Measure:
    """`gwet_ac1` as sums over units. p_a: over units with two ratings and more, the share of their pairs
    that are equal; π_c: over all units with a rating, the mean share of ratings c."""
    if len(categories) < 2:
        raise ValueError("a scale has at least two values")
    table = np.asarray(ratings, dtype=np.float64)
    size = (~np.isnan(table)).sum(axis=1).astype(np.float64)
    counts = _counts(table, np.asarray(categories, dtype=np.float64))
    pairs = np.maximum(size * (size - 1), 1.0)
    columns = [
        (counts * (counts - 1)).sum(axis=1) / pairs,
        (size >= 2).astype(np.float64),
        (size >= 1).astype(np.float64),
        *(counts / np.maximum(size, 1.0)[:, None]).T,
    ]

    def of_totals(total: Floats) -> Floats:
        paired, graded = np.maximum(total[:, 1], 1.0), np.maximum(total[:, 2], 1.0)
        shares = total[:, 3:] / graded[:, None]
        chance = (shares * (1 - shares)).sum(axis=1) / (len(categories) - 1)
        found: Floats = (total[:, 0] / paired - chance) / (1 - chance)
        return np.where(total[:, 1] > 0, found, np.nan)

    return Measure(np.stack(columns, axis=1), of_totals)


def observed_agreement(ratings: ArrayLike) -> float | None:
    """Share of the pairs of ratings of one unit that are equal, averaged over units; None without any."""
    table = np.asarray(ratings, dtype=np.float64)
    size = (~np.isnan(table)).sum(axis=1)
    if not (size >= 2).any():
        return None
    counts = _counts(table, np.unique(table[~np.isnan(table)]))[size >= 2]
    pairs = size[size >= 2] * (size[size >= 2] - 1)
    return float(((counts * (counts - 1)).sum(axis=1) / pairs).mean())


def prevalence(ratings: ArrayLike) -> float | None:
    """Share of the most frequent value among all ratings; None without any."""
    table = np.asarray(ratings, dtype=np.float64)
    _, counts = np.unique(table[~np.isnan(table)], return_counts=True)
    return float(counts.max() / counts.sum()) if counts.size else None


def agreement_interval(measure: Measure, unit: Ints, *, level: float = 0.95, seed: int = 0) -> Ends:
    """Percentiles over resamples of items (or clusters); None as in `percentile_interval`, and where too
    many resamples have no value.

    unit: code of the item (cluster) of each row of `measure.sums`, 0 … G − 1.
    """
    groups = int(unit.max(initial=-1)) + 1
    total = np.zeros((groups, measure.sums.shape[1]))
    np.add.at(total, unit, measure.sums)
    if groups < MIN_UNITS:
        return None
    drawn = measure.of_totals(bootstrap_sums(total, seed=seed))
    values = drawn[~np.isnan(drawn)]
    if values.size < (1 - MOST_UNDEFINED) * drawn.size:
        return None
    return percentile_ends(values, units=groups, level=level)


def _squared(n: Floats, sums: Floats) -> Floats:
    """Squared differences over all ordered pairs of n values, from their sum and sum of squares."""
    found: Floats = 2 * (n * sums[:, 1] - sums[:, 0] ** 2)
    return found


def _counts(table: Floats, categories: Floats) -> Floats:
    """Ratings of each unit by category, shape (n_units, n_categories)."""
    counts = [(table == value).sum(axis=1) for value in categories]
    return np.stack(counts, axis=1).astype(np.float64) if counts else np.zeros((len(table), 0))
