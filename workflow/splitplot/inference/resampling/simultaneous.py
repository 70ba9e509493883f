"""Simultaneous intervals: all of a family's differences lie inside at once, with the stated confidence.

estimate ± c·SE with one c for the family, the quantile of the largest |t| among estimates that are
correlated as these are. It is smaller than Bonferroni's wherever comparisons share arms or items.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import satterthwaite_df
from splitplot.inference.grid import Bools
from splitplot.inference.intervals import Floats, Interval, is_constant, t_quantile, z_quantile
from splitplot.inference.paired import PSEUDO_DIFFERENCES
from splitplot.inference.resampling.bootstrap import UnitSums, unit_sums
from splitplot.inference.resampling.weights import CHUNK, NORMAL, chunks, stream
from splitplot.inference.signflip import constant_difference

DRAWS = 100_000
"""Monte Carlo standard error of a 95 % critical value: about 0.006."""

RANK_TOLERANCE = 1e-6
"""Variance (of 1) that a column may have left before it counts as implied by the others."""

MIXING_BITS = 22
"""Bits kept of normal draws and of the factor they are multiplied with: products then sum exactly."""


@dataclass(frozen=True)
class Simultaneous:
    """intervals: one per column, None where there is none (fewer than two units, constant without a range).

    critical: what the SEs are multiplied by where a column has df degrees of freedom, the largest of the
    family. level_each: the level at which each interval alone has this width, also for estimators that
    are no estimate ± c·SE. critical is None, and level_each Bonferroni's, where no column varies.
    """

    intervals: tuple[Interval | None, ...]
    critical: float | None
    df: float
    level_each: float
    level: float
    draws: int
    method: str


def simultaneous_intervals(
    differences: ArrayLike,
    cluster: ArrayLike | None = None,
    *,
    bounded: bool | Sequence[bool] = False,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int,
) -> Simultaneous:
    """max-T intervals of the mean of every column (Hothorn, Bretz & Westfall 2008).

    differences: A − B per item and comparison, shape (n_items, n_columns); NaN: not in the column.
    cluster: label per item: CR2 standard errors and correlation between sums of clusters.
    bounded: per column, whether both arms' scores lie within 0…1. Without clusters SE and centre are
        then those of the adjusted t interval (an item half a scale apart added for either arm), so that
        a family of one gives that interval.
    The correlation is that of the units' influence values. The critical value is that of t with the largest
    degrees of freedom of the family (n − 1; n + 1 adjusted; Satterthwaite's); a column with fewer gets
    its own t quantile at the same `level_each`: the smallest would let one comparison on three items
    widen all others. A column without variance gets the exact bound of equal values at 1 − α/k.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    sums = unit_sums(values, cluster)
    k = values.shape[1]
    known = np.broadcast_to(np.asarray(bounded, dtype=np.bool_), (k,))
    centre, se, df = _centre_se_df(sums, known if cluster is None else np.zeros(k, np.bool_))
    if cluster is not None:
        df = np.array([_satterthwaite(sums.size[:, j]) for j in range(k)])
    varying = np.flatnonzero(_varies(sums))
    bonferroni = 1 - (1 - level) / k
    critical, largest, each = None, inf, bonferroni
    if varying.size:
        largest = float(df[varying].max())
        critical = critical_value(
            correlation(sums.influence[:, varying]), largest, level, draws, seed
        )
        each = pointwise_level(critical, largest)
    method = "simultaneous max-T" + (", CR2 by cluster" if cluster is not None else " over items")
    plain = _standard_error(sums)
    intervals: list[Interval | None] = [None] * k
    for still in (known & ~np.isin(np.arange(k), varying)).nonzero()[0].tolist():
        intervals[still] = _equal_values(values[:, still], sums, still, level, bonferroni)
    for j in varying:
        own = critical if df[j] == largest and critical else t_quantile(each, float(df[j]))
        half = own * se[j]
        intervals[j] = Interval(
            float(sums.mean[j]),
            float(centre[j] - half),
            float(centre[j] + half),
            level,
            method,
            float(plain[j]),
            float(df[j]),
        )
    return Simultaneous(tuple(intervals), critical, largest, each, level, draws, method)


def critical_value(
    correlated: ArrayLike,
    df: float = inf,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> float:
    """The `level` quantile of max_j |T_j|, T multivariate t with a correlation matrix and df.

    correlated: shape (k, k), positive semidefinite, singular where comparisons imply each other.
    One column: the quantile of t itself. Else by simulation: normal draws with that correlation, over
    √(χ²/df). Raises ValueError for a matrix that is no correlation matrix.
    """
    matrix = np.asarray(correlated, dtype=np.float64)
    if matrix.ndim != 2 or not np.allclose(np.diagonal(matrix), 1.0, atol=1e-6):
        raise ValueError("need a correlation matrix")
    if matrix.shape[0] == 1:
        return t_quantile(level, df) if isfinite(df) else z_quantile(level)
    factor = _rounded(_factor(matrix), MIXING_BITS)
    largest = np.empty(draws)
    for start, size in chunks(draws):
        random = stream(seed, NORMAL, start // CHUNK)
        normal = _rounded(random.standard_normal((size, factor.shape[1])), MIXING_BITS - 2)
        scale = np.sqrt(random.chisquare(df, size) / df) if isfinite(df) else 1.0
        largest[start : start + size] = np.abs(normal @ factor.T).max(axis=1) / scale
    return float(np.quantile(largest, level))


def pointwise_level(critical: float, df: float = inf) -> float:
    """The level at which a single interval would use this critical value: P(|T| ≤ critical)."""
    from scipy.special import ndtr, stdtr

    tail = float(stdtr(df, -critical)) if isfinite(df) else float(ndtr(-critical))
    return 1 - 2 * tail


def correlation(influence: Floats) -> Floats:
    """Correlation of the columns' means, from what each unit moves them by, shape (n_units, k)."""
    gram = exact_gram(influence / np.sqrt(np.einsum("ij,ij->j", influence, influence)))
    size = np.sqrt(np.diagonal(gram))
    matrix: Floats = np.clip(gram / np.outer(size, size), -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def exact_gram(columns: Floats) -> Floats:
    """columns' · columns to 7 digits of the longest column's square, the same with any BLAS.

    Scaled to a length of at most 2^26 and rounded to whole numbers, all sums of products of two columns
    are whole numbers up to 2^52 (and a little), which float64 holds exactly. Equal columns stay equal.
    """
    longest = float(np.sqrt(np.einsum("ij,ij->j", columns, columns).max()))
    scale = float(np.ldexp(1.0, int(np.frexp(longest)[1])))
    whole = columns * (2.0**26 / scale)
    np.rint(whole, out=whole)
    gram: Floats = (whole.T @ whole) * (scale / 2.0**26) ** 2
    return gram


def _varies(sums: UnitSums) -> Bools:
    """Columns with two units or more whose means are not all equal (up to float arithmetic)."""
    varies = np.zeros(sums.mean.size, dtype=np.bool_)
    for j in range(varies.size):
        has = sums.size[:, j] > 0
        if has.sum() >= 2:
            varies[j] = not is_constant(sums.total[has, j] / sums.size[has, j])
    return varies


def _standard_error(sums: UnitSums) -> Floats:
    """CR2 standard error of every mean; with items as units it is sd/√n. NaN below two units."""
    se = np.full(sums.mean.size, np.nan)
    for j, mean in enumerate(sums.mean):
        has = sums.size[:, j] > 0
        if has.sum() >= 2:
            size = sums.size[has, j]
            n = size.sum()
            residual = sums.total[has, j] - mean * size
            se[j] = np.sqrt((residual**2 / (1 - size / n)).sum()) / n
    return se


def _centre_se_df(sums: UnitSums, adjusted: Bools) -> tuple[Floats, Floats, Floats]:
    """Where the interval of each column is centred, its standard error and n − 1; in adjusted columns
    all of these with `PSEUDO_DIFFERENCES` added."""
    n = sums.size.sum(axis=0)
    centre, se, df = sums.mean, _standard_error(sums), n - 1
    more = np.asarray(PSEUDO_DIFFERENCES)
    wide_n = n + more.size
    wide_centre = (sums.total.sum(axis=0) + more.sum()) / wide_n
    squares = ((more[:, None] - wide_centre) ** 2).sum(axis=0)
    for j in np.flatnonzero(adjusted):
        squares[j] += ((sums.total[sums.size[:, j] > 0, j] - wide_centre[j]) ** 2).sum()
    wide_se = np.sqrt(squares / (wide_n - 1) / wide_n)
    return (
        np.where(adjusted, wide_centre, centre),
        np.where(adjusted, wide_se, se),
        np.where(adjusted, wide_n - 1, df),
    )


def _satterthwaite(size: Floats) -> float:
    present = size[size > 0]
    return satterthwaite_df(present) if present.size >= 2 else 0.0


def _equal_values(
    column: Floats, sums: UnitSums, j: int, level: float, each: float
) -> Interval | None:
    """The exact bound of equal values within −1…1 at level `each`, for the family at `level`."""
    units = int((sums.size[:, j] > 0).sum())
    if units < 2:
        return None
    return replace(constant_difference(column[~np.isnan(column)], units, each), level=level)


def _factor(matrix: Floats) -> Floats:
    """L with L·L' = matrix, shape (k, rank): Cholesky with pivots, which needs no full rank. No BLAS."""
    rest = matrix.copy()
    columns = []
    for _ in range(matrix.shape[0]):
        pivot = int(np.argmax(np.diagonal(rest)))
        if rest[pivot, pivot] <= RANK_TOLERANCE:
            break
        columns.append(rest[:, pivot] / np.sqrt(rest[pivot, pivot]))
        rest -= np.multiply.outer(columns[-1], columns[-1])
    return np.stack(columns, axis=1)


def _rounded(values: Floats, bits: int) -> Floats:
    """Multiples of 2^-bits."""
    result: Floats = np.rint(np.ldexp(values, bits)) * 2.0**-bits
    return result
