"""Are several means 0 at once? Hotelling's T² of item-level vectors; with clusters its CR2 version."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import TooFewClusters, satterthwaite_df
from splitplot.inference.intervals import Floats

RANK = 1e-10
"""Directions with less than this share of the largest variance do not vary."""


@dataclass(frozen=True)
class JointTest:
    """An F test. df: numerator and denominator. n_items, n_clusters: what it rests on."""

    test: str
    statistic: float
    df: tuple[float, float]
    p_value: float
    n_items: int
    n_clusters: int


def joint_zero_test(values: ArrayLike, cluster: ArrayLike | None = None) -> JointTest | str:
    """F test that the mean vector of the rows is 0, for rows like these. Or, in words, why there is none.

    values: shape (n_items, q), no NaN. Without clusters Hotelling's T², exact for normal rows. With
    clusters V = Σ e_c e_c'/(1 − h_c)/n² (CR2: Bell & McCaffrey 2002) and the approximate T² of Tipton &
    Pustejovsky (2015): rows with a common covariance make V near a Wishart matrix with the η
    Satterthwaite degrees of freedom of `clusters.cr2_mean`, so F = (η − q + 1)/(η q)·m'V⁻¹m on q and
    η − q + 1. One item per cluster gives Hotelling's again. Directions in which no row varies are left
    out if their mean is 0 (arms that always agree say nothing); otherwise there is no test.
    Raises TooFewClusters below 2 clusters, ValueError for NaN.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError("need a two-dimensional array without NaN")
    n = rows.shape[0]
    index = (
        np.arange(n) if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1]
    )
    groups = int(index.max()) + 1 if n else 0
    if groups < 2:
        raise TooFewClusters("a joint test needs at least two items or clusters")
    size = np.bincount(index).astype(np.float64)
    mean = rows.mean(axis=0)
    totals = np.stack([np.bincount(index, weights=column) for column in (rows - mean).T], axis=1)
    weighted = totals / np.sqrt(1 - size / n)[:, None]
    covariance = np.einsum("ci,cj->ij", weighted, weighted) / n**2
    spread, directions = np.linalg.eigh(covariance)
    scale = max(1.0, float(np.abs(rows).max()))
    varies = spread > max(RANK * float(spread[-1]), (1e-12 * scale) ** 2)
    along = np.einsum("i,ij->j", mean, directions)
    q = int(varies.sum())
    name = "Hotelling T²" if groups == n else "CR2 Wald with Hotelling's reference"
    few = f"{groups} {'items' if groups == n else 'clusters'} are too few for a joint test of"
    if (np.abs(along[~varies]) > 1e-9 * scale).any():
        if groups <= rows.shape[1]:
            return f"{few} {rows.shape[1]} differences"
        return "all items differ in exactly the same way, so nothing can be tested"
    if q == 0:
        return "no item differs"
    eta = satterthwaite_df(size)
    if eta - q + 1 < 1:
        return f"{few} {q} differences"
    t2 = float((along[varies] ** 2 / spread[varies]).sum())
    df = (float(q), float(eta - q + 1))
    statistic = df[1] / (eta * q) * t2
    return JointTest(name, statistic, df, f_tail(statistic, *df), n, groups)


def helmert(columns: Floats) -> Floats:
    """Orthonormal contrasts of the columns, shape (n, k) → (n, k − 1): 0 where all columns are equal."""
    k = columns.shape[1]
    basis = np.zeros((k, k - 1))
    for j in range(1, k):
        basis[:j, j - 1] = 1 / j
        basis[j, j - 1] = -1
        basis[:, j - 1] /= np.sqrt(1 + 1 / j)
    contrasts: Floats = np.einsum("nk,kj->nj", columns, basis)
    return contrasts


def f_tail(statistic: float, first: float, second: float) -> float:
    """P(F > statistic)."""
    from scipy.special import fdtrc

    return float(fdtrc(first, second, statistic))
