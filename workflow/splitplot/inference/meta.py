"""One difference measured on several datasets: what they have in common, and how far they differ.

Fixed effect (these datasets), random effects by REML with Hartung and Knapp's interval (datasets like
these), and the prediction interval of the difference on one further dataset.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import Floats, Interval, t_quantile, z_quantile

FEW_DATASETS = 5
"""Below five datasets τ² is hardly known, and the random-effects interval rests on it."""

DOMINANT_WEIGHT = 0.6
"""Share of the fixed-effect weight from which one dataset outweighs all others: with standard errors that
differ as much, k − 1 degrees of freedom are more than there are (docs/methods_answers.md)."""

GRID_POINTS = 200
GOLDEN_STEPS = 60
"""The restricted likelihood is scanned, then refined by golden section: no start value, no divergence."""

_RATIO = (np.sqrt(5.0) - 1) / 2


@dataclass(frozen=True)
class Pooled:
    """k datasets taken together, in the units of the effects.

    fixed: inverse-variance mean, normal interval. random: REML mean with Hartung–Knapp, None for one
    dataset. prediction: of the true effect on a further dataset, None below 3. tau2: variance of the true
    effects over datasets. q, q_df, q_p: Cochran's test of equal effects. i2: share of the spread that is
    not sampling error; i2_low, i2_high: its interval, None below 3 datasets. hk_factor: Hartung and
    Knapp's q before the floor of 1.
    """

    fixed: Interval
    random: Interval | None
    prediction: Interval | None
    tau2: float
    q: float
    q_df: int
    q_p: float | None
    i2: float
    i2_low: float | None
    i2_high: float | None
    hk_factor: float | None
    k: int


def pool(effects: ArrayLike, se: ArrayLike, *, level: float = 0.95) -> Pooled:
    """Everything about k effects and their standard errors, shape (k,) each.

    Raises ValueError without effects, for other than finite numbers, and for a standard error that is not
    above 0: it would get all of the weight.
    """
    y, v = _checked(effects, se)
    k = y.size
    weight = 1 / v
    mean = float((weight * y).sum() / weight.sum())
    half = z_quantile(level) / float(np.sqrt(weight.sum()))
    fixed = Interval(
        mean, mean - half, mean + half, level, "fixed effect, inverse variance", _fixed_se(v)
    )
    q = cochran_q(y, v)
    tau2 = reml_tau2(y, np.sqrt(v)) if k > 1 else 0.0
    low, high = i2_interval(q, k, level)
    random, factor = hartung_knapp(y, v, tau2, level) if k > 1 else (None, None)
    return Pooled(
        fixed=fixed,
        random=random,
        prediction=_prediction(random, tau2, k, level),
        tau2=tau2,
        q=q,
        q_df=k - 1,
        q_p=_chi2_tail(q, k - 1) if k > 1 else None,
        i2=max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0,
        i2_low=low,
        i2_high=high,
        hk_factor=factor,
        k=k,
    )


def largest_weight(se: ArrayLike) -> tuple[int, float]:
    """Which effect has most of the fixed-effect weight, and its share of it."""
    weight = 1 / np.square(np.asarray(se, dtype=np.float64))
    first = int(weight.argmax())
    return first, float(weight[first] / weight.sum())


def standard_error(interval: Interval) -> float:
    """The standard error that an interval stands for: half its width over the quantile it used.

    Of a t interval that is its own standard error; of Tango's, the adjusted t and the exact bounds it is
    never 0, where the plain one is 0 for arms that never differ and would get all of the weight.
    """
    quantile = z_quantile(interval.level)
    if interval.df is not None:
        quantile = t_quantile(interval.level, interval.df)
    return (interval.high - interval.low) / (2 * quantile)


def reml_tau2(effects: ArrayLike, se: ArrayLike) -> float:
    """The between-dataset variance that maximises the restricted likelihood on τ² ≥ 0 (Viechtbauer 2005).

    −2ℓ(τ²) = Σ log(v + τ²) + log Σ w + Σ w (y − μ)², w = 1/(v + τ²). The scan is bounded by a τ² at which
    the spread of the effects alone would be explained many times over; the best point is refined.
    """
    y, v = _checked(effects, se)
    if y.size < 2:
        return 0.0
    spread = float(((y - y.mean()) ** 2).sum()) / (y.size - 1)
    if spread == 0.0:
        return 0.0
    grid = np.concatenate([[0.0], np.geomspace(1e-8, 20.0, GRID_POINTS) * spread])
    values = _restricted(y, v, grid)
    best = int(values.argmin())
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    found = _golden(y, v, float(low), float(high))
    # At the boundary the derivative is not 0: the end itself is the answer.
    return found if _criterion(y, v, found) < values[0] else 0.0


def hartung_knapp(
    effects: ArrayLike, variances: ArrayLike, tau2: float, level: float = 0.95
) -> tuple[Interval, float]:
    """Random-effects mean with Hartung and Knapp's t interval, its factor never below 1; and the factor.

    Var(μ) = max(1, q)/Σw, q = Σ w (y − μ)²/(k − 1), k − 1 degrees of freedom (Hartung & Knapp 2001;
    the floor: Röver, Knapp & Friede 2015). Without the floor effects that happen to agree give an interval
    many times narrower than their sampling errors allow.
    """
    y, v = np.asarray(effects, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    weight = 1 / (v + tau2)
    mean = float((weight * y).sum() / weight.sum())
    factor = float((weight * (y - mean) ** 2).sum()) / (y.size - 1)
    se = float(np.sqrt(max(1.0, factor) / weight.sum()))
    df = float(y.size - 1)
    half = t_quantile(level, df) * se
    method = "random effects, REML, Hartung-Knapp with max(1, q)"
    return Interval(mean, mean - half, mean + half, level, method, se, df), factor


def cochran_q(effects: ArrayLike, variances: ArrayLike) -> float:
    """Σ (y − μ)²/v around the fixed-effect mean (Cochran 1954)."""
    y, v = np.asarray(effects, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    mean = (y / v).sum() / (1 / v).sum()
    return float(((y - mean) ** 2 / v).sum())


def i2_interval(q: float, k: int, level: float = 0.95) -> tuple[float | None, float | None]:
    """Limits of I² from those of ln H, H² = Q/(k − 1) (Higgins & Thompson 2002); None below 3 datasets."""
    if k < 3:
        return None, None
    df = k - 1
    if q > k:
        se = 0.5 * (np.log(q) - np.log(df)) / (np.sqrt(2 * q) - np.sqrt(2 * k - 3))
    else:
        se = np.sqrt((1 - 1 / (3 * (k - 2) ** 2)) / (2 * (k - 2)))
    log_h = 0.5 * np.log(max(q, df) / df)  # below its expectation Q says H = 1
    z = z_quantile(level)
    limits = [max(0.0, 1 - float(np.exp(-2 * end))) for end in (log_h - z * se, log_h + z * se)]
    return limits[0], limits[1]


def _fixed_se(variances: Floats) -> float:
    """Standard error of the inverse-variance mean."""
    return float(np.sqrt(1 / (1 / variances).sum()))


def _prediction(random: Interval | None, tau2: float, k: int, level: float) -> Interval | None:
    """μ ± t_{k−2} √(τ² + SE²) (Higgins, Thompson & Spiegelhalter 2009), SE of the random-effects mean."""
    if random is None or random.se is None or k < 3:
        return None
    df = float(k - 2)
    se = float(np.sqrt(tau2 + random.se**2))
    half = t_quantile(level, df) * se
    mean = random.estimate
    return Interval(mean, mean - half, mean + half, level, "prediction, t with k − 2 df", se, df)


def _restricted(y: Floats, v: Floats, tau2: Floats) -> Floats:
    """−2 × the restricted log-likelihood without constants, at each τ², shape (n_tau2,)."""
    total = v[None, :] + tau2[:, None]
    weight = 1 / total
    sums = weight.sum(axis=1)
    mean = (weight * y).sum(axis=1) / sums
    squares = (weight * (y[None, :] - mean[:, None]) ** 2).sum(axis=1)
    criterion: Floats = np.log(total).sum(axis=1) + np.log(sums) + squares
    return criterion


def _criterion(y: Floats, v: Floats, tau2: float) -> float:
    return float(_restricted(y, v, np.array([tau2]))[0])


def _golden(y: Floats, v: Floats, low: float, high: float) -> float:
    """The minimum of the restricted criterion between low and high, by golden section."""
    left, right = high - _RATIO * (high - low), low + _RATIO * (high - low)
    at_left, at_right = _criterion(y, v, left), _criterion(y, v, right)
    for _ in range(GOLDEN_STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _RATIO * (high - low)
            at_left = _criterion(y, v, left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _RATIO * (high - low)
            at_right = _criterion(y, v, right)
    return (low + high) / 2


def _chi2_tail(q: float, df: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(df, q))


def _checked(effects: ArrayLike, se: ArrayLike) -> tuple[Floats, Floats]:
    y, s = np.asarray(effects, dtype=np.float64), np.asarray(se, dtype=np.float64)
    if y.ndim != 1 or y.size == 0 or y.shape != s.shape:
        raise ValueError("need effects and their standard errors, one each per dataset")
    if not (np.isfinite(y).all() and np.isfinite(s).all()):
        raise ValueError("effects and standard errors must be finite numbers")
    if (s <= 0).any():
        raise ValueError("a standard error must be above 0")
    return y, s**2
