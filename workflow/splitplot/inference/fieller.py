"""A ratio of two means of the same items, with Fieller's interval; and the variances that it needs where the
means are of different, overlapping sets of items, in clusters.

The delta method and the bootstrap give a ratio an interval whatever its denominator; Fieller's (1954) is
bounded only where the denominator is known to differ from 0, and says so otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import TooFewClusters, satterthwaite_df
from splitplot.inference.intervals import Floats, Interval, t_quantile


@dataclass(frozen=True)
class Means:
    """Two means with their joint variance. df: of the t quantile, the smaller of both means' own."""

    x: float
    y: float
    var_x: float
    var_y: float
    cov: float
    df: float


@dataclass(frozen=True)
class Moments:
    """Several means, shape (k,), with their variances and covariances, shape (k, k), and the degrees of
    freedom of each, shape (k,)."""

    mean: Floats
    cov: Floats
    df: Floats

    def combined(self, x: Sequence[float], y: Sequence[float]) -> Means:
        """Two linear combinations of the means. x, y: weights, k each. df: the smallest of those that have a
        weight."""
        first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        used = (first != 0) | (second != 0)
        return Means(
            _dot(first, self.mean),
            _dot(second, self.mean),
            _dot(np.outer(first, first), self.cov),
            _dot(np.outer(second, second), self.cov),
            _dot(np.outer(first, second), self.cov),
            float(self.df[used].min()),
        )


def joint_means(
    x: ArrayLike,
    y: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    names: tuple[str, str] = ("x", "y"),
) -> Means:
    """Means of x and of y with their joint variance: `joint_moments` of two columns."""
    return joint_moments((x, y), cluster=cluster, names=names).combined((1, 0), (0, 1))


def joint_moments(
    columns: Sequence[ArrayLike],
    *,
    cluster: ArrayLike | None = None,
    names: Sequence[str],
) -> Moments:
    """Means of several columns, each over the items where it is not NaN, with CR2 variances and covariances.

    columns: per item, shape (n_items,) each, NaN where an item is not of the mean. cluster: label per item,
    None where each stands alone. names: of the columns, for errors. With e a cluster's sum of residuals, m
    its size, h = m/n of the mean, u = e/(n√(1 − h)): var = Σu², cov = Σ u_x·u_y (Bell & McCaffrey 2002 for
    the variances, which are those of `clusters.cr2_mean`; the covariance after the same scaling, so that the
    matrix has no negative root). Raises TooFewClusters where a mean is of fewer than two clusters.
    """
    every = [np.asarray(column, dtype=np.float64) for column in columns]
    labels = np.arange(every[0].size) if cluster is None else np.asarray(cluster)
    _, index = np.unique(labels, return_inverse=True)
    scaled, means, dfs = [], [], []
    for values, name in zip(every, names, strict=True):
        kept = np.isfinite(values)
        size = np.bincount(index[kept], minlength=int(index.max(initial=-1)) + 1).astype(float)
        n = float(size.sum())
        if int((size > 0).sum()) < 2:
            raise TooFewClusters(f"{name}: a ratio of means needs items of at least two clusters")
        mean = float(values[kept].mean())
        residual = np.bincount(index[kept], weights=values[kept] - mean, minlength=size.size)
        scaled.append(residual / (n * np.sqrt(1 - size / n)))
        means.append(mean)
        dfs.append(satterthwaite_df(size[size > 0]))
    cov = [[_dot(u, v) for v in scaled] for u in scaled]
    return Moments(np.array(means), np.array(cov), np.array(dfs))


def fieller(means: Means, level: float = 0.95) -> Interval | None:
    """x/y with the θ at which |x − θy| ≤ t √(var x − 2θ cov + θ² var y) (Fieller 1954).

    None where y is within t standard errors of 0: the set is then not an interval of finite length.
    """
    t2 = t_quantile(level, means.df) ** 2
    a = means.y**2 - t2 * means.var_y
    if a <= 0:
        return None
    b = means.x * means.y - t2 * means.cov
    c = means.x**2 - t2 * means.var_x
    root = sqrt(max(0.0, b**2 - a * c))
    ratio = means.x / means.y
    spread = means.var_x - 2 * ratio * means.cov + ratio**2 * means.var_y
    return Interval(
        ratio,
        (b - root) / a,
        (b + root) / a,
        level,
        "Fieller, paired items",
        sqrt(max(0.0, spread)) / abs(means.y),
        means.df,
    )


def mean_interval(mean: float, variance: float, df: float, level: float = 0.95) -> Interval:
    """The t interval of a mean of `joint_moments`."""
    se = sqrt(max(0.0, variance))
    half = t_quantile(level, df) * se
    return Interval(mean, mean - half, mean + half, level, "CR2 clustered t", se, df)


def bounded_ratio(x: Interval, y: Interval, level: float) -> Interval | None:
    """x/y from limits of both: for a denominator that did not vary, of which Fieller's interval would take
    for known what n equal items only bound.

    x, y: with intervals at 1 − (1 − level)/2 each, so that both hold at once at `level` (Bonferroni).
    None where the limits of y do not leave out 0.
    """
    if y.low <= 0 <= y.high:
        return None
    corners = [one / other for one in (x.low, x.high) for other in (y.low, y.high)]
    return Interval(
        x.estimate / y.estimate, min(corners), max(corners), level, "ratio of bounds", None, x.df
    )


def _dot(u: Floats, v: Floats) -> float:
    return float((u * v).sum())
