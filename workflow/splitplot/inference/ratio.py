"""How many times as much: ratios of sums over items, for tokens, cost, latency and cost per solved item.

A ratio of sums, never a mean of ratios: the latter gives an item that needs few tokens as much say as one
that needs thousands, and has no value where one arm needs none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import cr2_mean
from splitplot.inference.intervals import (
    Floats,
    Interval,
    as_scores,
    is_constant,
    t_mean,
)
from splitplot.inference.paired import paired_difference
from splitplot.inference.signflip import (
    EXACT_UNITS,
    TOLERANCE,
    PermutationTest,
    _as_signs,
    _patterns,
    _row_sums,
    sign_flip_test,
)

MIN_ITEMS = 2
SWAP_ITEMS = 1_000
"""Up to this many items the interval is by swaps: costs are skewed, and the delta method then covers less
than it says (.88 to .93 of .95 with 20 to 40 items). Beyond, both are the same to a percent of width."""


@dataclass(frozen=True)
class RatioResult:
    """A against B. ratio: ΣA/ΣB with its interval. difference: per item, A − B, None where it has no
    interval. p_value: two-sided, of a ratio of 1. total_a, total_b: the sums."""

    ratio: Interval
    difference: Interval | None
    p_value: float
    test: str
    total_a: float
    total_b: float
    n_items: int


def compare_sums(
    a: ArrayLike,
    b: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> RatioResult:
    """ΣA/ΣB over common items, and A − B per item.

    a, b: tokens, dollars or seconds per item (mean over its replications), ≥ 0, shape (n_items,), same
        items in the same order.
    The test swaps the arms of whole items (clusters). As A' + B' does not change under a swap, the ratio
    of sums rises with the mean of A' − B': it is the sign-flip test of the differences, by all patterns
    up to 16 items that differ, else p = (b + 1)/(m + 1).
    Raises ValueError for negative values or an arm whose sum is 0, TooFewClusters below 2 clusters.
    """
    first, second = _amounts(a, "a"), _amounts(b, "b")
    if cluster is None and first.size <= SWAP_ITEMS:
        interval = ratio_by_swaps(first, second, level=level, seed=seed)
    else:
        interval = ratio_of_sums(first, second, cluster=cluster, level=level)
    test = sign_flip_test(first - second, cluster=cluster, seed=seed)
    try:
        difference = paired_difference(first, second, cluster=cluster, level=level, seed=seed)
    except ValueError:  # all differences equal, on a scale without ends
        difference = None
    name = test.method.replace("sign-flip", "swap of the arms")
    return RatioResult(
        interval,
        difference,
        test.p_value,
        name,
        float(first.sum()),
        float(second.sum()),
        first.size,
    )


def ratio_of_sums(
    a: ArrayLike, b: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """ΣA/ΣB with an interval for items like these: R·exp(±t·SE) by the delta method on the log scale
    (Fieller's problem; Cochran 1977, §6).

    The linearised items z = a/ā − b/b̄ have mean 0; SE is that of their mean, over items with n − 1 degrees
    of freedom or CR2 over clusters with Satterthwaite's. se: of log R. With B the number of solved items
    of the same arm and A its cost it is the cost per solved item. Raises as `compare_sums`, and where
    all items have the same ratio, which leaves nothing to estimate an error by.
    """
    first, second = _amounts(a, "a"), _amounts(b, "b")
    if first.shape != second.shape:
        raise ValueError("a and b must be of the same items")
    linearised = first / first.mean() - second / second.mean()
    estimate = float(first.sum() / second.sum())
    return _log_interval(estimate, linearised, cluster, level, "ratio of sums")


def ratio_by_swaps(a: ArrayLike, b: ArrayLike, *, level: float = 0.95, seed: int = 0) -> Interval:
    """The ratios R at which swapping the arms of whole items, B times R, does not reject A = R·B.

    The sign-flip test of a − R·b is inverted without a search: a pattern is at least as extreme exactly
    while R lies between the ratio of sums of the swapped items and that of the others, so the limits are
    order statistics of these subset ratios (as Hartigan 1969 for means). Exact for the patterns used where
    a/R and b are exchangeable within items, however skewed; else as good as the t interval of a − R·b.
    Raises ValueError as `compare_sums`, with too few items for the level, and where all have one ratio.
    """
    first, second = _amounts(a, "a"), _amounts(b, "b")
    if first.shape != second.shape:
        raise ValueError("a and b must be of the same items")
    linearised = first / first.mean() - second / second.mean()
    if first.size < MIN_ITEMS or is_constant(linearised):
        raise ValueError("all items have the same ratio: no interval exists")
    smaller, larger, patterns = subset_ratios(first, second, seed)
    rank = int(np.floor((1 - level) * patterns + TOLERANCE))
    if rank < 1:
        raise ValueError(f"{first.size} items cannot give a swap interval at {level}")
    estimate = float(first.sum() / second.sum())
    low = float(np.sort(smaller)[rank - 1])
    high = float(-np.sort(-larger)[rank - 1])
    if not np.isfinite(high):
        raise ValueError("the ratio is not bounded: too few items of arm b have any amount")
    se = float(linearised.std(ddof=1) / np.sqrt(first.size))
    return Interval(
        estimate,
        min(low, estimate),
        max(high, estimate),
        level,
        "ratio of sums, swap inversion",
        se,
    )


def subset_ratios(a: Floats, b: Floats, seed: int) -> tuple[Floats, Floats, int]:
    """Per pattern but the one observed: the smaller and the larger of the ratios of sums of the swapped
    items and of the others; and the number of patterns, that one included. a, b: amounts per item."""
    smaller, larger, patterns = [], [], 1
    for kept in _patterns(a.size, seed):
        mask = kept.astype(np.float64)
        inside_a, inside_b = _row_sums(mask, a), _row_sums(mask, b)
        outside_a, outside_b = a.sum() - inside_a, b.sum() - inside_b
        with np.errstate(divide="ignore", invalid="ignore"):
            one, other = inside_a / inside_b, outside_a / outside_b
        # Nothing swapped, or only items without any amount: as extreme at every ratio.
        idle = (kept.sum(axis=1) % a.size == 0) | np.isnan(one) | np.isnan(other)
        smaller.append(np.where(idle, 0.0, np.minimum(one, other)))
        larger.append(np.where(idle, np.inf, np.maximum(one, other)))
        patterns += kept.shape[0]
    return np.concatenate(smaller), np.concatenate(larger), patterns


def compare_ratios(
    a: ArrayLike,
    per_a: ArrayLike,
    b: ArrayLike,
    per_b: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Interval, PermutationTest]:
    """(ΣA/ΣperA)/(ΣB/ΣperB), as the cost per solved item of A over that of B, and its test.

    a, b: amounts per item; per_a, per_b: what they are counted per (solved: 0…1), shape (n_items,) each.
    Delta method on the log scale with z = a/ā − perA/… − b/b̄ + perB/…, as in `ratio_of_sums`. The
    test swaps the arms of whole items (clusters) and compares |log ratio|/SE, recomputed for each
    pattern: arms may differ in cost and in success and still have the same ratio, and without its SE
    the swap test would then test that they are alike in everything (Janssen 1999).
    """
    amounts = [_amounts(v, n) for v, n in ((a, "a"), (per_a, "per_a"), (b, "b"), (per_b, "per_b"))]
    if len({v.shape for v in amounts}) > 1:
        raise ValueError("all amounts must be of the same items")
    z = sum(sign * v / v.mean() for sign, v in zip((1, -1, -1, 1), amounts, strict=True))
    sums = [float(v.sum()) for v in amounts]
    interval = _log_interval(
        sums[0] / sums[1] / (sums[2] / sums[3]),
        np.asarray(z),
        cluster,
        level,
        "ratio of ratios of sums",
    )
    return interval, _swap_test(amounts, cluster, seed)


def _log_interval(
    estimate: float, linearised: Floats, cluster: ArrayLike | None, level: float, method: str
) -> Interval:
    if linearised.size < MIN_ITEMS or is_constant(linearised):
        raise ValueError("all items have the same ratio: no interval exists")
    log = t_mean(linearised, level) if cluster is None else cr2_mean(linearised, cluster, level)
    if log.se is None or log.df is None:
        raise ValueError("all clusters have the same ratio: no interval exists")
    half = (log.high - log.low) / 2
    how = "t" if cluster is None else "CR2"
    return Interval(
        estimate,
        estimate * float(np.exp(-half)),
        estimate * float(np.exp(half)),
        level,
        f"{method}, log scale, {how}",
        log.se,
        log.df,
    )


def _swap_test(amounts: list[Floats], cluster: ArrayLike | None, seed: int) -> PermutationTest:
    """|log ratio of ratios|/SE under swaps of the arms of whole units.

    Per unit, n± and d± are the sum and the difference over the arms of the amounts and of what they are
    counted per. A swap turns the sign s of n− and d−; the totals become (Σn+ ± Σs·n−)/2, and the
    linearised unit z = α·n+ + β·s·n− + γ·d+ + δ·s·d−: Σz² needs six sums that change with the signs
    and six that do not.
    """
    a, per_a, b, per_b = (_by_unit(v, cluster) for v in amounts)
    size = _by_unit(np.ones(amounts[0].size), cluster)
    weight = 1 / (1 - size / size.sum())
    np_, nm, dp, dm = a + b, a - b, per_a + per_b, per_a - per_b
    moving = (np.abs(nm) > TOLERANCE * np_.max()) | (np.abs(dm) > TOLERANCE * dp.max())
    units = int(moving.sum())
    if units == 0:
        return PermutationTest(1.0, 1, True, 1.0, "swap of the arms (no item differs)")
    fixed = [float((weight * x * y).sum()) for x, y in ((np_, np_), (nm, nm), (dp, dp), (dm, dm))]
    fixed += [float((weight * x * y).sum()) for x, y in ((np_, dp), (nm, dm))]
    turning = [nm, dm] + [weight * x * y for x, y in ((np_, nm), (np_, dm), (nm, dp), (dp, dm))]
    turning = [column[moving] for column in turning]
    total_n, total_d = float(np_.sum()), float(dp.sum())

    def statistic(signs: Floats) -> Floats:
        n_, d_, t1, t2, t3, t4 = (_row_sums(signs, column) for column in turning)
        na, nb, da, db = (x / 2 for x in (total_n + n_, total_n - n_, total_d + d_, total_d - d_))
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(na) - np.log(nb) - np.log(da) + np.log(db)
            alpha, beta = (1 / na - 1 / nb) / 2, (1 / na + 1 / nb) / 2
            gamma, delta = -(1 / da - 1 / db) / 2, -(1 / da + 1 / db) / 2
            squares = alpha**2 * fixed[0] + beta**2 * fixed[1] + gamma**2 * fixed[2]
            squares += delta**2 * fixed[3] + 2 * alpha * gamma * fixed[4]
            squares += 2 * beta * delta * fixed[5] + 2 * alpha * beta * t1
            squares += 2 * alpha * delta * t2 + 2 * beta * gamma * t3 + 2 * gamma * delta * t4
            scale = (beta * total_n) ** 2 + (delta * total_d) ** 2
            t = np.abs(log) / np.sqrt(np.maximum(squares, TOLERANCE**2 * scale))
        # A pattern that leaves an arm without anything solved has no ratio: as extreme as can be.
        result: Floats = np.where(np.isfinite(t), t, np.inf)
        return result

    observed = float(statistic(np.ones((1, units)))[0])
    count, patterns = 0, 1
    for kept in _patterns(units, seed):
        count += int((statistic(_as_signs(kept)) >= observed * (1 - TOLERANCE)).sum())
        patterns += kept.shape[0]
    exact = units <= EXACT_UNITS
    how = f"all {2**units:,} patterns" if exact else f"{patterns - 1:,} random patterns"
    name = (
        f"studentised swap of the arms of whole {'items' if cluster is None else 'clusters'}, {how}"
    )
    return PermutationTest((count + 1) / patterns, patterns, exact, 1 / patterns, name)


def _by_unit(values: Floats, cluster: ArrayLike | None) -> Floats:
    if cluster is None:
        return values
    _, index = np.unique(np.asarray(cluster), return_inverse=True)
    return np.bincount(index, weights=values).astype(np.float64)


def _amounts(values: ArrayLike, name: str) -> Floats:
    amounts = as_scores(values, name)
    if (amounts < 0).any():
        raise ValueError(f"{name}: amounts cannot be negative")
    if amounts.sum() == 0:
        raise ValueError(f"{name}: the sum is 0: there is no ratio")
    return amounts
