"""Run-to-run noise of a difference at exactly these items, and what a study of this size can see.

The noise speaks of the scope "these items": how far the difference would move if the same models answered
the same items again. The interval of a verdict, over items like these, contains it already.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import Floats, Interval, t_quantile, z_quantile

POWER = 0.8
"""Power at which "smallest detectable" and "items needed" are stated."""

REFINEMENTS = 20
"""The number of items decides the quantiles that decide it: it settles in a few rounds."""


@dataclass(frozen=True)
class RunNoise:
    """se_run: standard error of the difference from replications alone; half_width: t times that.

    Both None where it cannot be known; `reason` then says why, in words for the report. With numbers
    it says what they rest on, where that is special (an arm that answers the same every time).
    df: degrees of freedom of se_run; None: taken as known (normal quantiles).
    """

    se_run: float | None
    half_width: float | None
    reason: str | None
    df: float | None = None


def run_variance(count: ArrayLike, within: ArrayLike) -> Floats | None:
    """Variance of the item mean of one cell from run to run: s²/K per item, shape (n_items,).

    count: kept replications per item (≥ 1). within: sample variance over them (any value where count is 1).
    An item with a single kept replication takes the mean variance of the others; None if all are such.
    """
    k = np.asarray(count, dtype=np.float64)
    s2 = np.asarray(within, dtype=np.float64)
    seen = k >= 2
    if not seen.any():
        return None
    filled: Floats = np.where(seen, s2, s2[seen].mean()) / k
    return filled


def run_noise(
    a: Floats | None,
    b: Floats | None,
    *,
    level: float = 0.95,
    deterministic: bool = False,
    replications: int = 2,
) -> RunNoise:
    """SE_run² = (1/I²) Σ (s²_Ai/K_Ai + s²_Bi/K_Bi) and t·SE_run with Satterthwaite's (1946) degrees of
    freedom over the items' run variances, df = (Σ v)²/Σ (v²/(K − 1)).

    Where few items ever change their answer, SE_run rests on these alone: a normal quantile would
    take for known what a handful of variances say.

    a, b: run variance of each item's score in either arm (`run_variance`, divided by the number of
        cells squared where an arm averages cells), shape (n_items,); None without replications.
    deterministic: temperature 0 and all replications identical, in both arms.
    replications: K, the fewest behind any variance (≥ 2); 2 is cautious.
    """
    if a is None or b is None:
        return RunNoise(
            None,
            None,
            "at least two replications are needed in both arms, and some cells have only one",
        )
    se = float(np.sqrt((a + b).sum())) / a.size
    if se == 0.0 and deterministic:
        return RunNoise(
            0.0,
            0.0,
            "both arms answer the same every time at temperature 0: one replication is enough",
        )
    if se == 0.0:
        return RunNoise(
            None,
            None,
            "no item changed its score between replications, so it is too small to be detected",
        )
    variances = np.concatenate([a, b])
    df = (replications - 1) * float(variances.sum()) ** 2 / float((variances**2).sum())
    return RunNoise(se, _quantile(level, df) * se, None, df)


def these_items_interval(estimate: float, noise: RunNoise, level: float = 0.95) -> Interval | None:
    """The interval for exactly these items, estimate ± t·SE_run; None where the noise is unknown."""
    if noise.se_run is None:
        return None
    half = _quantile(level, noise.df) * noise.se_run
    method = f"run-to-run noise, {'z' if noise.df is None else 't'}"
    return Interval(
        estimate, estimate - half, estimate + half, level, method, noise.se_run, noise.df
    )


def these_items_p_value(estimate: float, noise: RunNoise) -> float | None:
    """Two-sided p-value of a difference of 0 at these items, of t; None without noise to compare with."""
    from scipy.special import ndtr, stdtr

    if not noise.se_run:
        return None
    ratio = -abs(estimate) / noise.se_run
    return float(2 * (ndtr(ratio) if noise.df is None else stdtr(noise.df, ratio)))


def smallest_detectable(se: float | None, alpha: float, df: float | None = None) -> float | None:
    """The true difference that a study with this standard error finds with 80 % power:
    (t_{α/2} + t_{0.2}) · SE, normal quantiles without df. None where the standard error is 0 or unknown.
    """
    if not se:
        return None
    return _quantile_sum(alpha, df) * se


def items_needed(se: float | None, n_items: int, margin: float, alpha: float) -> int | None:
    """Items like these for 80 % power at a true difference of `margin`: the n that solves
    n = n₀·(t_{α/2} + t_{0.2})²·SE²/margin² with n − 1 degrees of freedom, n₀ the items there are.

    SE² · n₀ is the variance per item, clusters and run noise included (Miller 2024, with t for z: with
    z the number falls short where it is small). For McNemar's exact test: `mcnemar.mcnemar_items`.
    None where the standard error is 0 or the margin is 0.
    """
    if not se or margin <= 0:
        return None
    squared = n_items * (se / margin) ** 2
    needed = squared * _quantile_sum(alpha, None) ** 2
    for _ in range(REFINEMENTS):
        needed = squared * _quantile_sum(alpha, max(1.0, needed - 1)) ** 2
    return ceil(needed)


def items_to_settle(interval: Interval, n_items: int, margin: float) -> int | None:
    """Items like these at which the interval would be narrower than the margin, wherever it falls."""
    width = interval.high - interval.low
    if margin <= 0 or width <= margin:
        return None
    return ceil(n_items * (width / margin) ** 2)


def _quantile(level: float, df: float | None) -> float:
    return z_quantile(level) if df is None else t_quantile(level, df)


def _quantile_sum(alpha: float, df: float | None) -> float:
    level = 2 * POWER - 1  # the one-sided 80 % quantile is the two-sided one at 60 %
    if df is None:
        return z_quantile(1 - alpha) + z_quantile(level)
    return t_quantile(1 - alpha, df) + t_quantile(level, df)
