"""Paired 0/1 answers, one per item and arm: McNemar's exact test, its power, Tango's score interval,
the conditional odds ratio.

Counts: n items; b items that A alone got right; c items that B alone got right.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitplot.inference.intervals import Floats, Interval, clopper_pearson, z_quantile

SPREAD = 9.0
"""Numbers of discordant items further from their mean than this many standard deviations, and
`SPREAD_MORE` items more, are left out of power: less than 1e-15 of the probability."""

SPREAD_MORE = 40
MOST_ITEMS = 100_000_000
"""Beyond this no number of items is looked for: gaps of a hundredth of a point."""

RIPPLE = 8
"""Discordant items within which a drop of exact power is looked for, when items are asked for: the critical
value rises with every second or third of them, and power falls a little each time it does not."""

FEW = 4096
"""Discordant items below which critical values are looked up."""


@dataclass(frozen=True)
class OddsRatio:
    """Conditional odds ratio b/c of paired 0/1 answers: A right rather than B, where they differ.

    estimate: None at c = 0 (unbounded) and at b = c = 0 (undefined). high: None where it is unbounded.
    """

    estimate: float | None
    low: float
    high: float | None
    level: float
    method: str

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, as in inference.json."""
        return asdict(self)


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact p-value: twice the smaller tail of Binomial(b + c, ½), at most 1.

    With b = c = 0 it is 1: two arms that never differ are no evidence of a difference.
    """
    from scipy.special import bdtr

    if min(b, c) < 0:
        raise ValueError("counts cannot be negative")
    if b + c == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5)))


def mcnemar_mid_p(b: int, c: int) -> float:
    """The mid-p variant (Fagerland, Lydersen & Laake 2013): half of the observed table's probability.

    Less conservative than the exact test; shown beside it.
    """
    from scipy.special import bdtr

    if min(b, c) < 0:
        raise ValueError("counts cannot be negative")
    if b == c:
        return 1.0
    total, least = b + c, min(b, c)
    below = float(bdtr(least - 1, total, 0.5)) if least else 0.0
    return min(1.0, below + float(bdtr(least, total, 0.5)))


def tango(b: int, c: int, n: int, level: float = 0.95) -> Interval:
    """Score interval of the paired difference (b − c)/n (Tango 1998, Statistics in Medicine 17:891).

    The limits are the Δ at which |b − c − nΔ| / √(n(2q + Δ(1−Δ))) reaches the normal quantile, q being
    the constrained maximum-likelihood estimate of the probability of c. Stays within −1…1 and keeps
    a width at b = c = 0 (±z²/(n+z²)) and at b = n, where Wald and bootstrap intervals collapse.
    """
    if n < 1 or min(b, c) < 0 or b + c > n:
        raise ValueError(f"impossible counts: b={b}, c={c}, n={n}")
    z = z_quantile(level)
    estimate = (b - c) / n
    low = -1.0 if c == n else _lower_limit(b, c, n, z)
    high = 1.0 if b == n else -_lower_limit(c, b, n, z)
    deviation = np.sqrt(max(0.0, (b + c) / n - estimate**2) / max(1, n - 1))
    return Interval(estimate, low, high, level, "Tango score", float(deviation))


def tango_statistic(delta: float, b: int, c: int, n: int) -> float:
    """Tango's score statistic of a true difference `delta`, standard normal if it is true; its limits are
    where it is ±z. Infinite where the difference cannot be `delta` (a limit of ±1 that was not reached).

    Raises ValueError for impossible counts or |delta| > 1.
    """
    if n < 1 or min(b, c) < 0 or b + c > n or abs(delta) > 1:
        raise ValueError(f"impossible: b={b}, c={c}, n={n}, delta={delta}")
    if delta > 0:
        return -tango_statistic(-delta, c, b, n)
    gap = b - c - n * delta
    variance = _variance(delta, b, c, n)
    if gap == 0.0:
        return 0.0
    return float(gap / np.sqrt(variance)) if variance > 0 else float(np.copysign(np.inf, gap))


def odds_ratio(b: int, c: int, level: float = 0.95) -> OddsRatio:
    """The conditional odds ratio b/c with its exact interval (Breslow & Day 1980, §5.2; Agresti 2013, §11).

    Given b + c, b is binomial with probability π = ω/(1 + ω): the Clopper-Pearson limits of π are
    turned into limits of ω = π/(1 − π). It excludes 1 exactly when McNemar's exact p is below 1 − level.
    """
    if min(b, c) < 0:
        raise ValueError("counts cannot be negative")
    method = "exact conditional"
    if b + c == 0:
        return OddsRatio(None, 0.0, None, level, method)
    share = clopper_pearson(b, b + c, level)
    return OddsRatio(
        None if c == 0 else b / c,
        share.low / (1 - share.low),
        None if c == 0 else share.high / (1 - share.high),
        level,
        method,
    )


def mcnemar_power(n: int, p_b: float, p_c: float, alpha: float = 0.05) -> float:
    """Exact power of McNemar's exact test with n items: P(p ≤ alpha), over all numbers of discordant items.

    p_b, p_c: probabilities that A alone, and that B alone, is right on an item. At p_b = p_c it is the
    size of the test, which is below alpha. Raises ValueError for impossible probabilities.
    """
    _check_probabilities(p_b, p_c)
    discordance = p_b + p_c
    if n < 1 or discordance == 0:
        return 0.0
    return _power_at(n, discordance, alpha)(p_b / discordance)


def mcnemar_items(p_b: float, p_c: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """The number of items from which on McNemar's exact test has this power, by inverting `mcnemar_power`.

    The usual normal formula is short of it: it reaches .76 to .79 of a nominal .80. Exact power falls a
    little here and there as n grows, so it is the first n that no such fall undoes.
    None where p_b = p_c, or beyond `MOST_ITEMS`. Raises ValueError for impossible values.
    """
    _check_probabilities(p_b, p_c)
    if not 0 < power < 1:
        raise ValueError(f"power must be between 0 and 1: {power}")
    if p_b == p_c:
        return None

    def enough(n: int) -> bool:
        return mcnemar_power(n, p_b, p_c, alpha) >= power

    high = 8
    while not enough(high):
        if high > MOST_ITEMS:
            return None
        high *= 2
    low = high // 2 if high > 8 else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    # Falls are only felt while the number of discordant items hardly varies: few, or nearly all items.
    deviation = sqrt(high * (p_b + p_c) * max(0.0, 1 - p_b - p_c))
    if deviation < RIPPLE / 2:
        reach = ceil(RIPPLE / (p_b + p_c))
        failing = [n for n in range(max(0, high - reach), high + reach) if not enough(n)]
        high = failing[-1] + 1 if failing else high
    return high


def mcnemar_detectable(
    n: int, discordance: float, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest difference p_b − p_c that McNemar's exact test on n items finds with this power.

    discordance: p_b + p_c, the share of items on which exactly one arm is right. None where even
    p_c = 0 is found less often. Raises ValueError for impossible values.
    """
    if not (0 < discordance <= 1 and 0 < power < 1 and n >= 1):
        raise ValueError(f"impossible: n={n}, discordance={discordance}, power={power}")
    found = _power_at(n, discordance, alpha)
    if found(1.0) < power:
        return None
    low, high = 0.5, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return discordance * (2 * high - 1)


def _check_probabilities(p_b: float, p_c: float) -> None:
    if not (p_b >= 0 and p_c >= 0 and p_b + p_c <= 1 + 1e-12):
        raise ValueError(f"impossible probabilities: p_b={p_b}, p_c={p_c}")


def _power_at(n: int, discordance: float, alpha: float) -> Callable[[float], float]:
    """Power as a function of the share of discordant items that go to A."""
    from scipy.special import bdtr, gammaln, xlog1py, xlogy

    discordance = min(1.0, discordance)
    mean = n * discordance
    reach = SPREAD * sqrt(mean * (1 - discordance)) + SPREAD_MORE
    m = np.arange(max(0, ceil(mean - reach)), min(n, int(mean + reach)) + 1)
    log_mass = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
    mass = np.exp(log_mass + xlogy(m, discordance) + xlog1py(n - m, -discordance))
    critical = _critical_of_few(alpha)[m] if m[-1] < FEW else _critical(m, alpha)
    m, mass, critical = m[critical >= 0], mass[critical >= 0], critical[critical >= 0]

    def power(share: float) -> float:
        rejected = bdtr(critical, m, share) + bdtr(critical, m, 1 - share)
        return float((mass * rejected).sum())

    return power


@lru_cache(maxsize=16)
def _critical_of_few(alpha: float) -> Floats:
    """`_critical` of 0 … FEW − 1: a search for the number of items asks for them again and again."""
    return _critical(np.arange(FEW), alpha)


def _critical(m: NDArray[np.int64], alpha: float) -> Floats:
    """Per number m of discordant items the largest smaller count with p ≤ alpha; −1 where none has."""
    from scipy.special import bdtr

    low, high = np.full(m.shape, -1.0), np.floor((m - 1) / 2)
    while (low < high).any():
        middle = np.ceil((low + high) / 2)
        rejected = 2 * bdtr(np.maximum(middle, 0), m, 0.5) <= alpha
        low = np.where(rejected & (low < high), middle, low)
        high = np.where(~rejected & (low < high), middle - 1, high)
    critical: Floats = low
    return critical


def _lower_limit(b: int, c: int, n: int, z: float) -> float:
    """The Δ below the estimate at which the score statistic equals z, by bisection.

    The statistic falls in Δ from −1 (where its variance is 0) to the estimate (where it is 0), so
    there is one crossing. The excess is kept free of division: at b = c = 0 the variance is 0
    at the estimate too, and only the strict inequality separates that false root from the limit.
    """
    low, high = -1.0, (b - c) / n
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if _excess(middle, b, c, n, z) > 0:
            low = middle
        else:
            high = middle


def _excess(delta: float, b: int, c: int, n: int, z: float) -> float:
    """b − c − nΔ − z·√variance(Δ): positive where Δ is rejected from above."""
    return float(b - c - n * delta - z * np.sqrt(_variance(delta, b, c, n)))


def _variance(delta: float, b: int, c: int, n: int) -> float:
    """n(2q + Δ(1 − Δ)), the variance of b − c under Δ with the constrained maximum-likelihood q."""
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    root = np.sqrt(max(0.0, linear**2 - 8 * n * constant))
    # The two forms of the same root: each is the one without cancellation on its side of 0.
    q = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (linear + root)
    return float(n * max(0.0, 2 * q + delta * (1 - delta)))
