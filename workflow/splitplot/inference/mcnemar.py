"""Paired 0/1 answers, one per item and arm: McNemar's exact test and Tango's score interval.

Counts: n items; b items that A alone got right; c items that B alone got right.
"""

import numpy as np

from splitplot.inference.intervals import Interval, z_quantile


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
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    root = np.sqrt(max(0.0, linear**2 - 8 * n * constant))
    # The two forms of the same root: each is the one without cancellation on its side of 0.
    q = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (linear + root)
    variance = n * max(0.0, 2 * q + delta * (1 - delta))
    return float(b - c - n * delta - z * np.sqrt(variance))
