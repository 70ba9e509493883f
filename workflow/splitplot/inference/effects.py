"""Sizes of a paired difference beside its mean: Cliff's delta, Hodges-Lehmann, d_z.

For scores with more than two values. For 0/1 scores the difference itself says all that Cliff's delta
would, the median of differences of −1, 0 and 1 says nothing, and d_z changes with the level of both arms.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import ClusterSums, TooFewClusters, cluster_sums, cr2_mean
from splitplot.inference.intervals import (
    Floats,
    Interval,
    as_scores,
    is_binary,
    is_constant,
    t_quantile,
    z_quantile,
)
from splitplot.inference.walsh import walsh_order_statistics
from splitplot.inference.wilcoxon import (
    EXACT_ITEMS,
    difference_step,
    difference_steps,
    signed_rank_distribution,
)

MIN_ITEMS = 4
"""Below this many items no interval of an effect size is worth its name."""


@dataclass(frozen=True)
class Effects:
    """What exists of the effect sizes; `reasons` says of each that does not why, in words."""

    cliffs_delta: Interval | None
    hodges_lehmann: Interval | None
    d_z: Interval | None
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The three sizes, as in inference.json."""
        names = ("cliffs_delta", "hodges_lehmann", "d_z")
        sizes = {name: getattr(self, name) for name in names}
        return {name: size.to_json() if size else None for name, size in sizes.items()}


def effect_sizes(
    a: ArrayLike, b: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Effects:
    """All effect sizes that the scores allow. Arguments as in `paired.paired_difference`; never raises
    for scores that are merely odd: what is refused has its reason in the result."""
    first, second = as_scores(a, "a"), as_scores(b, "b")
    if is_binary(first) and is_binary(second):
        return Effects(None, None, None, ("0/1 scores: the difference itself is the effect size",))
    if cluster is not None and np.unique(np.asarray(cluster)).size == first.size:
        cluster = None
    reasons: list[str] = []
    delta = walsh = standardised = None
    try:
        delta = cliffs_delta_paired(first, second, cluster=cluster, level=level)
    except (ValueError, TooFewClusters) as problem:
        reasons.append(f"Cliff's delta: {problem}")
    if cluster is not None:
        reasons.append("Hodges-Lehmann and d_z: their intervals need items that stand alone")
        return Effects(delta, None, None, tuple(reasons))
    try:
        walsh = hodges_lehmann(first, second, level)
        if walsh.low == walsh.high:
            walsh = None
            reasons.append("Hodges-Lehmann: too many equal differences, its interval has no width")
    except ValueError as problem:
        reasons.append(f"Hodges-Lehmann: {problem}")
    try:
        standardised = d_z(first, second, level)
    except ValueError as problem:
        reasons.append(f"d_z: {problem}")
    return Effects(delta, walsh, standardised, tuple(reasons))


def cliffs_delta(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """P(A > B) − P(A < B) of independent samples, 2U/(mn) − 1, with the interval of Feng & Cliff (2004).

    a, b: scores of different items, shapes (m,) and (n,). The variance is Cliff's (1993) unbiased one,
    not below (1 − d²)/(mn − 1); the interval is skewed so that it stays within −1…1; t with m + n − 2
    degrees of freedom. At d = ±1 the other limit is ±(k − z²)/(k + z²), k the smaller sample.
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    m, n = first.size, second.size
    if min(m, n) < 2:
        raise ValueError("Cliff's delta needs at least two items in both arms")
    first, second = _on_grid(first, second)
    rows, columns = _dominance(first, second) / n, -_dominance(second, first) / m
    d = float(rows.mean())
    method = "Cliff's delta, independent samples (Feng & Cliff)"
    if abs(d) == 1.0:
        return _at_the_end(d, min(m, n), level, method)
    untied = m * n - _ties(first, second)
    spread = untied - m * n * d**2
    variance = (
        n**2 * float(((rows - d) ** 2).sum()) + m**2 * float(((columns - d) ** 2).sum()) - spread
    ) / (m * n * (m - 1) * (n - 1))
    variance = max(variance, (1 - d**2) / (m * n - 1))
    return _skewed(d, np.sqrt(variance), float(m + n - 2), level, method)


def cliffs_delta_paired(
    a: ArrayLike, b: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Cliff's delta of two arms answered on the same items: P(A > B) − P(A < B) for different items.

    The "between" dominance d_b of Cliff (1996) and Feng (2007): the answer of A on one item against that of
    B on another one, over all n(n − 1) pairs. It is the same quantity as for unpaired arms, only
    known more exactly where the arms find the same items hard. (The "within" dominance, A against B on the
    same item, is wins less losses.) Variance by the jackknife (Arvesen 1969): 4(n−1)Σ(q_i − d)²/(n(n−2)²),
    q_i the mean dominance of item i in both roles; with clusters, pairs of items of one cluster included,
    CR2 on the 2q_i. Skewed interval as in `cliffs_delta`, n − 1 or Satterthwaite degrees of freedom.
    Where all q_i are equal: exact bound. Raises ValueError below 4 items, TooFewClusters below 2 clusters.
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    n = first.size
    if first.shape != second.shape:
        raise ValueError("a and b must be scores of the same items")
    if n < MIN_ITEMS:
        raise ValueError(f"{n} items are too few for an interval")
    first, second = _on_grid(first, second)
    own = np.sign(first - second)
    a_above, b_below = _dominance(first, second) - own, -_dominance(second, first) - own
    q = (a_above + b_below) / (2 * (n - 1))
    d = float(q.mean())
    sums = None if cluster is None else cluster_sums(q, cluster)
    units = n if sums is None else sums.size.size
    method = "Cliff's delta, paired arms, between items"
    if abs(d) == 1.0:
        return _at_the_end(d, units, level, method)
    if is_constant(q) or (sums is not None and is_constant(sums.total / sums.size)):
        return _equal_dominance(d, units, level)
    return _between(q, d, cluster, sums, level, method)


def _between(
    q: Floats,
    d: float,
    cluster: ArrayLike | None,
    sums: ClusterSums | None,
    level: float,
    method: str,
) -> Interval:
    n = q.size
    if cluster is None or sums is None:
        se = 2 * np.sqrt((n - 1) / n * float(((q - d) ** 2).sum())) / (n - 2)
        return _skewed(d, se, n - 1.0, level, method)
    clustered = cr2_mean(2 * q, cluster, level)
    assert clustered.se is not None and clustered.df is not None
    return _skewed(d, clustered.se, clustered.df, level, f"{method}, CR2")


def hodges_lehmann(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Median of the Walsh averages (d_i + d_j)/2, i ≤ j, of the paired differences (Hodges & Lehmann 1963).

    The interval is from the k-th smallest to the k-th largest of them, k from the signed-rank distribution
    (Hollander, Wolfe & Chicken 2014, §3.3): exact up to `wilcoxon.EXACT_ITEMS` items, normal above. Its
    ends belong to it, and so it covers at least `level` where differences are tied too (Noether 1967).
    It speaks of the centre of symmetric differences: where they are skewed, not of their mean.
    Raises ValueError where n is too small for the level.
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    if first.shape != second.shape:
        raise ValueError("a and b must be scores of the same items")
    steps = difference_steps(first, second)
    n = steps.size
    total = n * (n + 1) // 2
    rank = _walsh_rank(n, level)
    if rank < 1:
        raise ValueError(f"{n} items cannot give a signed-rank interval at {level}")
    ranks = [rank, (total + 1) // 2, total // 2 + 1, total + 1 - rank]
    # Whole steps, doubled averages: every order statistic is found exactly.
    low, middle, other, high = walsh_order_statistics(steps, ranks)
    unit = difference_step(first, second) / 2
    how = "exact" if n <= EXACT_ITEMS else "normal"
    return Interval(
        (middle + other) / 2 * unit, low * unit, high * unit, level, f"Hodges-Lehmann, {how}"
    )


def d_z(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of the differences over their standard deviation, with its noncentral-t interval
    (Hedges & Olkin 1985; Cumming & Finch 2001).

    It has no correction for small samples, so that d_z·√n is the t statistic. Raises ValueError for 0/1
    scores in both arms, below 4 items and where all differences are equal.
    """
    from scipy.special import nctdtrinc

    first, second = as_scores(a, "a"), as_scores(b, "b")
    if first.shape != second.shape:
        raise ValueError("a and b must be scores of the same items")
    if is_binary(first) and is_binary(second):
        raise ValueError("0/1 scores have no standardised difference: use the difference itself")
    differences = first - second
    n = differences.size
    if n < MIN_ITEMS:
        raise ValueError(f"{n} items are too few for an interval")
    if is_constant(differences):
        raise ValueError("all differences are equal: nothing to standardise by")
    size = float(differences.mean() / differences.std(ddof=1))
    root, tail = np.sqrt(n), (1 - level) / 2
    statistic = abs(size) * root
    low, high = (float(nctdtrinc(n - 1, p, statistic) / root) for p in (1 - tail, tail))
    interval = Interval(abs(size), low, high, level, "noncentral t", None, n - 1.0)
    return interval if size >= 0 else interval.mirrored()


def _on_grid(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Both in whole steps, so that scores that are equal up to float arithmetic are equal."""
    step = difference_step(a, b)
    return np.rint(a / step), np.rint(b / step)


def _dominance(values: Floats, others: Floats) -> Floats:
    """Per value: how many of the others are below it, less how many are above it."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, "left")
    above = ordered.size - np.searchsorted(ordered, values, "right")
    return (below - above).astype(np.float64)


def _ties(values: Floats, others: Floats) -> int:
    ordered = np.sort(others)
    equal = np.searchsorted(ordered, values, "right") - np.searchsorted(ordered, values, "left")
    return int(equal.sum())


def _skewed(d: float, se: float, df: float, level: float, method: str) -> Interval:
    """(d − d³ ∓ t·se·√((1 − d²)² + t²se²))/(1 − d² + t²se²), Feng & Cliff 2004."""
    reach = t_quantile(level, df) * se
    root = reach * np.sqrt((1 - d**2) ** 2 + reach**2)
    below = 1 - d**2 + reach**2
    low, high = (d - d**3 - root) / below, (d - d**3 + root) / below
    return Interval(d, float(low), float(high), level, method, float(se), df)


def _at_the_end(d: float, units: int, level: float, method: str) -> Interval:
    """The limits at d = ±1, where the variance is 0 (Feng & Cliff 2004): Wilson's at n of n."""
    z2 = z_quantile(level) ** 2
    limit = (units - z2) / (units + z2)
    interval = Interval(1.0, limit, 1.0, level, method, 0.0)
    return interval if d > 0 else interval.mirrored()


def _equal_dominance(d: float, units: int, level: float) -> Interval:
    """At most u = 1 − (α/2)^(1/n) of the units are unlike those seen; a pair with one of them, at most
    1 − (1 − u)² of all, may say anything from −1 to 1."""
    alike = ((1 - level) / 2) ** (2 / units)
    interval = Interval(d, alike * d - (1 - alike), alike * d + (1 - alike), level, "", 0.0)
    return replace(interval, method=f"exact bound on {units} equal dominances")


def _walsh_rank(n: int, level: float) -> int:
    """Largest k with P(signed-rank sum < k) ≤ (1 − level)/2, without ties."""
    tail = (1 - level) / 2
    if n <= EXACT_ITEMS:
        law = signed_rank_distribution(np.arange(1, n + 1))
        return int(np.searchsorted(np.cumsum(law), tail * (1 + 1e-12), "right"))
    deviation = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    # Half a step for continuity: P(sum ≤ k − 1) ≈ Φ((k − ½ − mean)/deviation).
    return int(np.floor(n * (n + 1) / 4 + 0.5 - z_quantile(level) * deviation))
