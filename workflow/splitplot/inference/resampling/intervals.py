"""Intervals from the draws of a bootstrap: percentile and BCa, or a reason why there is none.

They stand beside the default intervals as a sensitivity analysis. Where the bootstrap is known to
mislead (few units, no variance) they are refused and never drawn with a width of 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from splitplot.errors import SplitplotError
from splitplot.inference.intervals import EQUAL, Floats, Interval

MIN_UNITS = 50
"""Below this many items (clusters) the bootstrap covers too little: .904 for a nominal .95 at 20 items."""


class NotBootstrapped(SplitplotError):
    """No bootstrap interval is given for these data; the message is the reason, in words for the report."""


def percentile_interval(
    draws: ArrayLike, estimate: float, *, units: int, level: float = 0.95
) -> Interval:
    """The middle `level` of the draws (Efron 1979), quantiles interpolated linearly.

    draws: bootstrap draws of the estimate, shape (n_draws,). units: items, or clusters where whole
    clusters were resampled. Raises NotBootstrapped below MIN_UNITS, for NaN, for draws that are all equal,
    and where so few differ that both limits are the same.
    """
    values = _usable(draws, units)
    low, high = _apart(np.quantile(values, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(
        float(estimate),
        low,
        high,
        level,
        _named("bootstrap percentile", values),
        _se(values),
    )


def percentile_ends(
    draws: ArrayLike, *, units: int, level: float = 0.95
) -> tuple[float, float] | None:
    """The limits of `percentile_interval`; None where there is none."""
    try:
        found = percentile_interval(draws, 0.0, units=units, level=level)
    except NotBootstrapped:
        return None
    return found.low, found.high


def bca_interval(
    draws: ArrayLike, estimate: float, influence: ArrayLike, *, level: float = 0.95
) -> Interval:
    """The bias-corrected and accelerated interval (Efron 1987).

    influence: what each resampled unit moves the estimate by, shape (n_units,): for a mean (x − mean)/n,
        summed by cluster where clusters were resampled; for a ratio (numerator − ratio·denominator)/Σ
        denominator. The acceleration a = Σψ³/(6(Σψ²)^1.5) is for a mean what the jackknife gives.
    The bias correction z₀ is the normal quantile of the share of draws below the estimate, draws level
    with it counting half. The limits are the draws' quantiles at Φ(z₀ + (z₀ + z)/(1 − a(z₀ + z))).
    Raises NotBootstrapped as `percentile_interval`, and where all draws lie on one side of the estimate.
    """
    from scipy.special import ndtr, ndtri

    psi = np.asarray(influence, dtype=np.float64)
    values = _usable(draws, psi.size)
    squares = float((psi**2).sum())
    if not np.isfinite(psi).all() or squares == 0.0:
        raise NotBootstrapped("every unit has the same value")
    acceleration = float((psi**3).sum()) / (6 * squares**1.5)
    below = float(((values < estimate).sum() + (values == estimate).sum() / 2) / values.size)
    if not 0.0 < below < 1.0:
        raise NotBootstrapped("all draws lie on one side of the estimate")
    z0 = ndtri(below)
    shifted = z0 + ndtri([(1 - level) / 2, (1 + level) / 2])
    bend = 1 - acceleration * shifted
    if (bend <= 0).any():
        raise NotBootstrapped("the data are too skewed for a BCa interval")
    low, high = _apart(np.quantile(values, ndtr(z0 + shifted / bend)))
    return Interval(
        float(estimate),
        low,
        high,
        level,
        _named("bootstrap BCa", values),
        _se(values),
    )


def _usable(draws: ArrayLike, units: int) -> Floats:
    values = np.asarray(draws, dtype=np.float64)
    if units < MIN_UNITS:
        raise NotBootstrapped(
            f"{units} items or clusters to draw from; below {MIN_UNITS} the bootstrap covers too little"
        )
    if not np.isfinite(values).all():
        raise NotBootstrapped("some draws have no value: too few items in a column")
    if np.ptp(values) == 0.0:
        raise NotBootstrapped("all draws are equal: the data do not vary")
    return values


def _apart(limits: Floats) -> tuple[float, float]:
    """Both limits: an interval without width would say that nothing is uncertain."""
    low, high = (float(limit) for limit in limits)
    if high - low <= EQUAL:
        raise NotBootstrapped("nearly all draws are equal: the data hardly vary")
    return low, high


def _named(method: str, draws: Floats) -> str:
    return f"{method}, {draws.size:,} draws"


def _se(draws: Floats) -> float:
    return float(draws.std(ddof=1))
