"""One-sided tests against a margin, each the inversion of the interval that is shown beside it.

With the interval L…U at level 1 − 2α: p of non-inferiority < α exactly where L > −margin, p of superiority
by the margin < α where L > margin, and p of equivalence (two one-sided tests) < α where both limits are
within the margin. So a test can never contradict its interval.
"""

from dataclasses import asdict, dataclass
from math import exp

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import EQUAL, Interval, as_scores, t_quantile, z_quantile
from splitplot.inference.mcnemar import tango_statistic
from splitplot.inference.paired import paired_difference
from splitplot.inference.ratio import subset_ratios
from splitplot.inference.signflip import TOLERANCE, _patterns, _subset_means

LEVEL = 0.95
"""Level of the interval from which the method is read; p-values of t do not depend on it."""


@dataclass(frozen=True)
class OneSided:
    """p-values for A − B. non_inferiority: of "A is worse by the margin or more"; superiority_by_margin:
    of "A is not better by more than the margin"; equivalence: of "A and B are the margin or more apart".
    """

    non_inferiority: float
    superiority_by_margin: float
    equivalence: float

    def to_json(self) -> dict[str, float]:
        """A plain dictionary, as in inference.json."""
        return asdict(self)


def one_sided_tests(
    a: ArrayLike,
    b: ArrayLike,
    margin: float,
    *,
    cluster: ArrayLike | None = None,
    seed: int = 0,
) -> OneSided:
    """The one-sided tests that belong to `paired.paired_difference` of the same scores and seed.

    margin: smallest difference that matters, ≥ 0, in score units, declared before the data were read.
    Other arguments and errors as in `paired.paired_comparison`.
    """
    _check_margin(margin)
    first, second = as_scores(a, "a"), as_scores(b, "b")
    interval = paired_difference(first, second, cluster=cluster, level=LEVEL, seed=seed)
    d = first - second
    if interval.se == 0.0 and interval.method.startswith("exact bound"):
        units = d.size if cluster is None else np.unique(np.asarray(cluster)).size
        return one_sided_equal(interval.estimate, units, margin)
    if interval.df is not None:
        return one_sided_from_interval(interval, margin)
    if interval.method == "Tango score":
        wins, losses = int((d > EQUAL).sum()), int((d < -EQUAL).sum())
        return one_sided_tango(wins, losses, d.size, margin)
    return one_sided_sign_flip(d, margin, seed=seed)


def one_sided_from_interval(interval: Interval, margin: float) -> OneSided:
    """For any symmetric interval, centre ± quantile · se: t, adjusted t, CR2 (t with its df), z without df.

    Centre and standard error are read off the limits: those of the adjusted t are not the estimate's own.
    Raises ValueError for an interval without width.
    """
    from scipy.special import ndtr, stdtr

    _check_margin(margin)
    level, df = interval.level, interval.df
    quantile = z_quantile(level) if df is None else t_quantile(level, df)
    centre, half = (interval.low + interval.high) / 2, (interval.high - interval.low) / 2
    if half <= 0:
        raise ValueError("an interval without width has no one-sided tests")

    def above(delta: float) -> float:
        statistic = (centre - delta) / (half / quantile)
        return float(ndtr(-statistic) if df is None else stdtr(df, -statistic))

    return _collect(above(-margin), above(margin), 1 - above(margin))


def one_sided_tango(b: int, c: int, n: int, margin: float) -> OneSided:
    """Tango's score test at ±margin: the normal tail beyond his statistic there (Tango 1998, eq. 3)."""
    from scipy.special import ndtr

    _check_margin(margin)
    if margin >= 1:
        return OneSided(0.0 if c < n else 1.0, 1.0, 0.0 if max(b, c) < n else 1.0)
    lower = float(ndtr(-tango_statistic(-margin, b, c, n)))
    upper_statistic = tango_statistic(margin, b, c, n)
    return _collect(lower, float(ndtr(-upper_statistic)), float(ndtr(upper_statistic)))


def one_sided_sign_flip(differences: ArrayLike, margin: float, *, seed: int = 0) -> OneSided:
    """Sign-flip tests of a mean of ∓margin, with the patterns of `signflip.sign_flip_interval`.

    p is half of the two-sided share of patterns at least as extreme, ties counted: it stays ≥ 1/(2m).
    """
    _check_margin(margin)
    scores = as_scores(differences)
    small, large, patterns = [], [], 1
    for kept in _patterns(scores.size, seed):
        low, high = _subset_means(scores, kept)
        small.append(low)
        large.append(high)
        patterns += kept.shape[0]
    below, above = np.concatenate(small), np.concatenate(large)
    mean, slack = float(scores.mean()), TOLERANCE * float(np.abs(scores).max())

    def greater(delta: float) -> float:
        """p of "the mean is delta or less"."""
        if delta < mean:
            return (int((below <= delta + slack).sum()) + 1) / (2 * patterns)
        return 1 - (int((above >= delta - slack).sum()) + 1) / (2 * patterns)

    def smaller(delta: float) -> float:
        if delta > mean:
            return (int((above >= delta - slack).sum()) + 1) / (2 * patterns)
        return 1 - (int((below <= delta + slack).sum()) + 1) / (2 * patterns)

    return _collect(greater(-margin), greater(margin), smaller(margin))


def one_sided_ratio(a: ArrayLike, b: ArrayLike, margin: float, *, seed: int = 0) -> OneSided:
    """Swap tests of a ratio of sums of exp(±margin), with the patterns of `ratio.ratio_by_swaps`.

    A takes the part of what is better where it takes less: non_inferiority is of "A/B is exp(margin) or
    more". p is half of the two-sided share of patterns at least as extreme, as in `one_sided_sign_flip`.
    """
    _check_margin(margin)
    first, second = as_scores(a, "a"), as_scores(b, "b")
    small, large, patterns = subset_ratios(first, second, seed)
    estimate = float(first.sum() / second.sum())

    def less(ratio: float) -> float:
        """p of "A/B is this ratio or more"."""
        if ratio > estimate:
            return (int((large >= ratio * (1 - TOLERANCE)).sum()) + 1) / (2 * patterns)
        return 1 - (int((small <= ratio * (1 + TOLERANCE)).sum()) + 1) / (2 * patterns)

    def more(ratio: float) -> float:
        if ratio < estimate:
            return (int((small <= ratio * (1 + TOLERANCE)).sum()) + 1) / (2 * patterns)
        return 1 - (int((large >= ratio * (1 - TOLERANCE)).sum()) + 1) / (2 * patterns)

    return _collect(less(exp(margin)), less(exp(-margin)), more(exp(-margin)))


def one_sided_equal(value: float, units: int, margin: float) -> OneSided:
    """For `intervals.constant_bounds` on −1…1: the error rate at which the bound reaches the margin.

    With a share u of units unlike those seen, A − B is at least v − u(v + 1); P(no such unit among n)
    is (1 − u)^n.
    """
    _check_margin(margin)

    def above(v: float, delta: float) -> float:
        if v <= delta:
            return 1.0
        return float(((1 + max(delta, -1.0)) / (1 + v)) ** units)

    return _collect(above(value, -margin), above(value, margin), above(-value, -margin))


def _collect(above_lower: float, above_upper: float, below_upper: float) -> OneSided:
    """From p of Δ ≤ −margin, of Δ ≤ margin and of Δ ≥ margin."""
    return OneSided(above_lower, above_upper, max(above_lower, below_upper))


def _check_margin(margin: float) -> None:
    if not margin >= 0:
        raise ValueError(f"a margin is 0 or more: {margin}")
