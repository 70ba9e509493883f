"""Intervals of one mean or proportion, and the result object that every estimate travels in.

Clustered means are in `clusters`, differences in `paired`. Nothing here clips an interval to the range
of the scores: a t interval that leaves 0…1 says that the normal theory is strained, and is flagged.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

EQUAL = 1e-12
"""Two scores closer than this are the same score: what float arithmetic leaves of equal item means."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, in the units of the scores.

    level: confidence level, e.g. 0.95. method: in words, for the report.
    se: standard error behind the interval, or None where the method has none.
    df: degrees of freedom of the t distribution used, or None.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str
    se: float | None = None
    df: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, as in inference.json."""
        return asdict(self)

    def mirrored(self) -> "Interval":
        """The interval of b − a, from that of a − b."""
        return Interval(
            -self.estimate, -self.high, -self.low, self.level, self.method, self.se, self.df
        )


def z_quantile(level: float) -> float:
    """Two-sided standard normal quantile: 1.96 at level 0.95."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def t_quantile(level: float, df: float) -> float:
    """Two-sided quantile of Student's t: 2.26 at level 0.95 and 9 degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + level / 2))


def as_scores(values: ArrayLike, name: str = "values") -> Floats:
    """A one-dimensional float array. Raises ValueError if it is empty or holds NaN or infinity:
    the caller decides what a missing answer means before it comes here."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: need a one-dimensional array with at least one value")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: NaN or infinity; decide what a missing answer means first")
    return array


def is_binary(values: Floats) -> bool:
    """Whether every score is exactly 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def is_bounded(values: Floats) -> bool:
    """Whether every score lies within 0…1, so that it can be read in percentage points."""
    return bool(((values >= 0.0) & (values <= 1.0)).all())


def is_constant(values: Floats) -> bool:
    """Whether all values are the same, up to what float arithmetic leaves of equal item means."""
    return bool(np.ptp(values) <= EQUAL * max(1.0, float(np.abs(values).max())))


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927; Brown, Cai & DasGupta 2001).

    For independent 0/1 scores: one replication, no clusters. Raises ValueError for impossible counts.
    """
    _check_counts(successes, trials)
    z2 = z_quantile(level) ** 2
    p = successes / trials
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (p * (1 - p) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == trials else float(centre + half)
    return Interval(p, low, high, level, "Wilson", float(np.sqrt(p * (1 - p) / trials)))


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """The exact interval of a proportion: never covers less than `level` (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    _check_counts(successes, trials)
    tail = (1 - level) / 2
    p = successes / trials
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = (
        1.0
        if successes == trials
        else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return Interval(p, low, high, level, "Clopper-Pearson", float(np.sqrt(p * (1 - p) / trials)))


def t_mean(values: ArrayLike, level: float = 0.95) -> Interval:
    """Student's t interval of a mean over items. values: one score per item, shape (n_items,), n ≥ 2.

    With no variance at all the t interval would have no width: see `constant_mean`.
    """
    scores = as_scores(values)
    n = scores.size
    if n < 2:
        raise ValueError("a t interval needs at least two items")
    if is_constant(scores):
        return constant_mean(scores, n, level)
    mean = float(scores.mean())
    se = float(scores.std(ddof=1) / np.sqrt(n))
    half = t_quantile(level, n - 1) * se
    return Interval(mean, mean - half, mean + half, level, "t over items", se, float(n - 1))


def constant_mean(scores: Floats, units: int, level: float = 0.95) -> Interval:
    """Interval of a mean when all `units` independent items (or clusters) have the same mean score.

    Equal 0/1 scores: Wilson on the units. Other scores within 0…1: `constant_bounds`.
    Raises ValueError for other scores: without a range, equal values bound nothing.
    """
    value = float(scores.mean())
    if is_binary(scores) and is_constant(scores):
        interval = wilson(round(value) * units, units, level)
        return Interval(
            value, interval.low, interval.high, level, f"Wilson on {units} equal scores", 0.0
        )
    if is_bounded(scores):
        return constant_bounds(value, units, 0.0, 1.0, level)
    raise ValueError("all scores are equal and have no known range: no interval exists")


def constant_bounds(
    value: float, units: int, lowest: float, highest: float, level: float = 0.95
) -> Interval:
    """Interval of a mean when all `units` independent units have the mean `value`, on a known scale.

    A share of units unlike those seen is at most u = 1 − (α/2)^(1/units) (Clopper & Pearson at 0 of
    `units`); were all of them at an end of the scale, the mean would move by u times the way there.
    """
    unseen = 1 - ((1 - level) / 2) ** (1 / units)
    return Interval(
        value,
        value - unseen * (value - lowest),
        value + unseen * (highest - value),
        level,
        f"exact bound on {units} equal values",
        0.0,
    )


def _check_counts(successes: int, trials: int) -> None:
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"need 0 <= successes <= trials and trials >= 1: {successes} of {trials}")
