"""Are three or more arms alike, items being random? Cochran's Q, Friedman, F blocked by item, clustered Wald.

Shown before the pairwise contrasts, never in their place: it does not say which arms differ.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import EQUAL, Floats, is_binary
from splitplot.inference.signflip import DRAWS, TOLERANCE
from splitplot.inference.wald import f_tail, helmert, joint_zero_test
from splitplot.inference.wilcoxon import difference_step

CHI2_CELLS = 24
"""Cochran's Q follows chi-square from so many scores on, in items that differ between arms (Tate & Brown
1970); below, the arms are permuted within items."""


@dataclass(frozen=True)
class OmnibusTest:
    """df: of chi-square (one), of F (two), None for a permutation test. epsilon: Box's, for F."""

    test: str
    statistic: float
    df: tuple[float, ...] | None
    p_value: float
    n_items: int
    epsilon: float | None = None


def omnibus_tests(
    scores: ArrayLike, *, cluster: ArrayLike | None = None, seed: int = 0
) -> list[OmnibusTest]:
    """The tests that fit the scores, the first being the one to speak of.

    scores: shape (n_items, n_arms), items answered in all arms, no NaN. 0/1: Cochran's Q. Others: F blocked
    by item, then Friedman's. Clusters: the Wald test of the item-level contrasts with CR2 (items of a
    cluster are no blocks of their own, so none of the others holds).
    Raises ValueError where nothing can be tested (one item; arms that differ alike on every item),
    TooFewClusters below 2 clusters.
    """
    table = _table(scores)
    if cluster is not None and np.unique(np.asarray(cluster)).size < table.shape[0]:
        return [clustered_wald(table, cluster)]
    if is_binary(table):
        return [cochran_q(table, seed=seed)]
    return [blocked_f(table), friedman(table)]


def cochran_q(scores: ArrayLike, *, seed: int = 0) -> OmnibusTest:
    """Cochran's Q for 0/1 scores of matched arms (Cochran 1950), chi-square with k − 1 df.

    Q = (k − 1)(kΣC² − T²)/(kT − ΣR²), C the arms' and R the items' totals. With fewer than 24 scores in
    items on which arms differ: 9,999 random permutations of the arms within items. p = 1 where no item
    differs.
    """
    from scipy.special import chdtrc

    table = _table(scores)
    if not is_binary(table):
        raise ValueError("Cochran's Q needs 0/1 scores")
    n, k = table.shape
    rows = table.sum(axis=1)
    moving = table[(rows > 0) & (rows < k)]
    if moving.shape[0] == 0:
        return OmnibusTest("Cochran's Q (no item differs)", 0.0, (k - 1.0,), 1.0, n)
    spread = float((moving.sum(axis=1) * (k - moving.sum(axis=1))).sum())

    def q(columns: Floats) -> Floats:
        gaps = columns - columns.mean(axis=-1, keepdims=True)
        result: Floats = (k - 1) * k * (gaps**2).sum(axis=-1) / spread
        return result

    statistic = float(q(moving.sum(axis=0)))
    if moving.size >= CHI2_CELLS and moving.shape[0] >= 4:
        p_value = float(chdtrc(k - 1, statistic))
        return OmnibusTest("Cochran's Q", statistic, (k - 1.0,), p_value, n)
    random = np.random.default_rng(seed)
    drawn = random.permuted(np.broadcast_to(moving, (DRAWS, *moving.shape)).copy(), axis=2)
    hits = int((q(drawn.sum(axis=1)) >= statistic * (1 - TOLERANCE)).sum())
    name = f"Cochran's Q, {DRAWS:,} random permutations within items"
    return OmnibusTest(name, statistic, None, (hits + 1) / (DRAWS + 1), n)


def friedman(scores: ArrayLike) -> OmnibusTest:
    """Friedman's rank test with the correction for ties (Hollander, Wolfe & Chicken 2014, eq. 7.8),
    chi-square with k − 1 df. p = 1 where no item differs."""
    from scipy.special import chdtrc

    table = _table(scores)
    n, k = table.shape
    ranks = _ranks(table)
    centred = ranks - (k + 1) / 2
    spread = float((centred**2).sum())
    if spread == 0:
        return OmnibusTest("Friedman (no item differs)", 0.0, (k - 1.0,), 1.0, n)
    statistic = (k - 1) * float((centred.sum(axis=0) ** 2).sum()) / spread
    p_value = float(chdtrc(k - 1, statistic))
    return OmnibusTest("Friedman with ties", statistic, (k - 1.0,), p_value, n)


def blocked_f(scores: ArrayLike) -> OmnibusTest:
    """F of the arms in the two-way layout items × arms, items random, with Box's ε (Geisser &
    Greenhouse 1958).

    F = MS_arm/MS_residual. Both df are multiplied by ε = (tr S)²/((k − 1) tr S²), S the covariance of
    orthonormal contrasts of the arms over items: without it unequal correlations between arms make F
    reject too often. Raises ValueError below 2 items and where no residual is left.
    """
    table = _table(scores)
    n, k = table.shape
    if n < 2:
        raise ValueError("a test over items needs at least two")
    contrasts = helmert(table)
    mean = contrasts.mean(axis=0)
    residual = contrasts - mean
    covariance = np.einsum("ni,nj->ij", residual, residual)
    trace = float(np.trace(covariance))
    scale = max(1.0, float(np.abs(table).max()))
    if trace <= (EQUAL * scale) ** 2 * table.size:
        if (np.abs(mean) <= EQUAL * scale).all():
            return OmnibusTest("F blocked by item (no item differs)", 0.0, None, 1.0, n)
        raise ValueError("the arms differ in the same way on every item: no error to test against")
    statistic = n * float((mean**2).sum()) / (trace / (n - 1))
    epsilon = min(1.0, trace**2 / ((k - 1) * float((covariance**2).sum())))
    df = ((k - 1) * epsilon, (n - 1) * (k - 1) * epsilon)
    name = "F blocked by item, Greenhouse-Geisser"
    return OmnibusTest(name, statistic, df, f_tail(statistic, *df), n, epsilon)


def clustered_wald(scores: ArrayLike, cluster: ArrayLike) -> OmnibusTest:
    """Joint test that all contrasts of the arms are 0, by `wald.joint_zero_test` with clusters."""
    table = _table(scores)
    found = joint_zero_test(helmert(table), cluster)
    if isinstance(found, str):
        if found == "no item differs":
            return OmnibusTest("CR2 Wald (no item differs)", 0.0, None, 1.0, table.shape[0])
        raise ValueError(found)
    return OmnibusTest(found.test, found.statistic, found.df, found.p_value, found.n_items)


def _table(scores: ArrayLike) -> Floats:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise ValueError("need scores of at least one item in at least two arms")
    if not np.isfinite(table).all():
        raise ValueError("NaN or infinity; leave out items without an answer in every arm first")
    return table


def _ranks(table: Floats) -> Floats:
    """Ranks within each row, ties at their mean, scores equal up to 12 digits being tied."""
    grid = np.rint(table / difference_step(table, table))
    ranks = np.empty(grid.shape)
    for arm in range(grid.shape[1]):
        own = grid[:, arm : arm + 1]
        ranks[:, arm] = (grid < own).sum(axis=1) + ((grid == own).sum(axis=1) + 1) / 2
    return ranks
