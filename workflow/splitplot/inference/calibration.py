"""How well stated confidence agrees with scores: reliability bins, calibration error, Brier score.

An answer has a confidence c and a score y, both within 0…1. Answers of one item (of one cluster) belong
together: what is estimated from them is resampled and debiased by these units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.grid import Ints
from splitplot.inference.intervals import EQUAL, Floats
from splitplot.inference.resampling.bootstrap import bootstrap_ratios, bootstrap_statistics
from splitplot.inference.resampling.intervals import MIN_UNITS, percentile_ends

BINS = 10
"""Bins of equal width on 0…1, the convention of published ECEs; stated wherever one is shown."""

MAX_DISTINCT = 20
"""Up to so many different confidences Murphy's parts are taken on them, beyond on the bins: with a
confidence of its own for every answer each part would only repeat the scores."""

DRAWS = 1_000
"""Resamples behind an interval: some statistics are sorted anew in each, in every cell of a study."""

BISECTIONS = 40

_DIGITS = 9
"""Decimals of a percentage that count: 0.07 × 100 is 7.000000000000001 in floats, and belongs to 7."""


@dataclass(frozen=True)
class Bin:
    """Answers with a confidence in (low, high] (the first bin: from 0 on). Means are None without any."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Brier:
    """brier = reliability − resolution + uncertainty, an identity.

    parts: on what the parts were taken, in words.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    parts: str


def bin_of(confidence: ArrayLike, bins: int = BINS) -> Ints:
    """Position of the bin of each confidence, shape as given: bins right-closed, 0 in the first.

    Edges are compared in percent, rounded: 0.3 lies in the bin that ends at 30, whatever its float says.
    """
    percent = np.round(np.asarray(confidence, dtype=np.float64) * 100, _DIGITS)
    place = np.ceil(np.round(percent * bins / 100, _DIGITS)).astype(np.int64) - 1
    return np.clip(place, 0, bins - 1)


def reliability_bins(confidence: ArrayLike, score: ArrayLike, bins: int = BINS) -> list[Bin]:
    """The table behind a reliability diagram, one entry per bin, empty ones too."""
    c, y = checked(confidence, score)
    place = bin_of(c, bins)
    n = np.bincount(place, minlength=bins)
    mean_c = np.bincount(place, weights=c, minlength=bins) / np.maximum(n, 1)
    mean_y = np.bincount(place, weights=y, minlength=bins) / np.maximum(n, 1)
    return [
        Bin(
            k / bins,
            (k + 1) / bins,
            int(n[k]),
            float(mean_c[k]) if n[k] else None,
            float(mean_y[k]) if n[k] else None,
        )
        for k in range(bins)
    ]


def ece(confidence: ArrayLike, score: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error Σ n_k/n |mean c − mean y| over bins (Naeini, Cooper & Hauskrecht 2015).

    Biased upwards: a perfectly calibrated model has an ECE above 0, the more so the fewer the answers.
    """
    c, y = checked(confidence, score)
    return BinnedGaps.of(c, y, np.arange(c.size), bins).ece(None)


def ece_debiased(
    confidence: ArrayLike, score: ArrayLike, unit: ArrayLike | None = None, bins: int = BINS
) -> float:
    """ECE less its bias, the estimate of Kumar, Liang & Ma (2019) in closed form; may be below 0.

    The gap of a bin is taken as normal around what was seen, so that |gap| exceeds it on average by
    σ√(2/π)·exp(−g²/2σ²) + g(1 − 2Φ(−g/σ)) − g. Kumar and others draw this expectation; its value is known.
    σ² is the variance of the gap over units (their p(1 − p)/n is that of single 0/1 answers with one
    confidence in the bin); a bin with one unit takes what perfect calibration would give, c(1 − c)/n.
    """
    c, y = checked(confidence, score)
    return BinnedGaps.of(c, y, _units(unit, c), bins).debiased(None)


def ece_interval(
    confidence: ArrayLike,
    score: ArrayLike,
    unit: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    bins: int = BINS,
) -> tuple[float, float] | None:
    """Interval of the ECE by test inversion, from a bootstrap over units; None for too few units.

    Let g be the gaps of the bins and e* their errors, bootstrapped. The ECE s·Σ p|g| is kept if the plain
    ECE of the data is no extreme value of Σ p|s·g + e*| (2.5 % at either side): true gaps in the proportions
    seen, s times as large. At s = 0, perfect calibration, this is an exact test up to the bootstrap, so the
    interval begins at 0 where calibration is not refuted. Percentiles of the ECE itself never reach 0.
    The plain ECE is always inside: for few answers its bias alone may carry it beyond the upper limit.
    """
    c, y = checked(confidence, score)
    gaps = BinnedGaps.of(c, y, _units(unit, c), bins)
    if gaps.n_units < MIN_UNITS:
        return None
    draws = bootstrap_statistics(gaps.gaps, gaps.n_units, draws=DRAWS, seed=seed)
    share, gap = gaps.shares(), gaps.gaps(None)
    plain, error = gaps.ece(None), draws - gap
    if plain <= EQUAL and np.abs(error).max() <= EQUAL:
        return None
    direction = gap / plain if plain > EQUAL else np.ones_like(gap)
    tail = (1 - level) / 2

    def share_below(true: float) -> float:
        """How often an ECE like the one seen, or a smaller one, comes of this true one."""
        drawn = (share * np.abs(true * direction + error)).sum(axis=1)
        return float((drawn <= plain + EQUAL).mean())

    low = 0.0 if share_below(0.0) < 1 - tail else _crossing(share_below, 1 - tail)
    return min(low, plain), max(plain, _crossing(share_below, tail))


def _crossing(share_below: Callable[[float], float], wanted: float) -> float:
    """The largest true ECE with at least the wanted share, which falls in it, by bisection on 0…1."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if share_below(middle) >= wanted else (low, middle)
    return high


def brier(confidence: ArrayLike, score: ArrayLike, bins: int = BINS) -> Brier:
    """Mean (c − y)² and its parts, on the distinct confidences or, where they are many, on bins.

    On distinct values (Murphy 1973): reliability Σ n_k/n (c_k − ȳ_k)², resolution Σ n_k/n (ȳ_k − ȳ)²,
    uncertainty the variance of y (ȳ(1 − ȳ) for 0/1). On bins the variance and covariance within bins
    are added to the resolution (Stephenson, Coelho & Jolliffe 2008), which keeps the identity exact.
    """
    c, y = checked(confidence, score)
    values = np.unique(np.round(c, 12))
    if values.size <= MAX_DISTINCT:
        place = np.searchsorted(values, np.round(c, 12))
        parts = f"{values.size} distinct confidences"
    else:
        place = bin_of(c, bins)
        parts = f"{bins} equal bins, with the terms within bins"
    n = np.bincount(place).astype(np.float64)
    at_least_one = np.maximum(n, 1)
    mean_c = np.bincount(place, weights=c) / at_least_one
    mean_y = np.bincount(place, weights=y) / at_least_one
    inside_c, inside_y = c - mean_c[place], y - mean_y[place]
    overall = float(y.mean())
    within = float((inside_c**2).mean() - 2 * (inside_c * inside_y).mean())
    return Brier(
        brier=float(((c - y) ** 2).mean()),
        reliability=float((n * (mean_c - mean_y) ** 2).sum() / c.size),
        resolution=float((n * (mean_y - overall) ** 2).sum() / c.size) - within,
        uncertainty=float(((y - overall) ** 2).mean()),
        parts=parts,
    )


def brier_interval(
    confidence: ArrayLike,
    score: ArrayLike,
    unit: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of the Brier score over units; None for too few, or without spread."""
    c, y = checked(confidence, score)
    code = _units(unit, c)
    total = np.bincount(code, weights=(c - y) ** 2)
    size = np.bincount(code).astype(np.float64)
    draws = bootstrap_ratios(total, size, draws=DRAWS, seed=seed)[:, 0]
    return percentile_ends(draws, units=size.size, level=level)


@dataclass(frozen=True)
class BinnedGaps:
    """Sums of y − c by unit and bin: all that the calibration error of a resample needs.

    place, unit: bin and unit of each combination that occurs; total, size: its sum of y − c, its answers;
    spread: its sum of c(1 − c).
    """

    place: Ints
    unit: Ints
    total: Floats
    size: Floats
    spread: Floats
    bins: int
    n_units: int

    @classmethod
    def of(cls, c: Floats, y: Floats, unit: Ints, bins: int) -> "BinnedGaps":
        """From answers; unit: codes 0…n−1, shape (n_answers,)."""
        key, code = np.unique(unit * bins + bin_of(c, bins), return_inverse=True)
        return cls(
            place=key % bins,
            unit=key // bins,
            total=np.bincount(code, weights=y - c).astype(np.float64),
            size=np.bincount(code).astype(np.float64),
            spread=np.bincount(code, weights=c * (1 - c)).astype(np.float64),
            bins=bins,
            n_units=int(unit.max()) + 1,
        )

    def shares(self) -> Floats:
        """Share of the answers in each bin, shape (bins,)."""
        n = self._sum(self.size, self._weights(None))
        shares: Floats = n / n.sum()
        return shares

    def gaps(self, w: Floats | None) -> Floats:
        """Mean of y − c in each bin, 0 in an empty one, shape (bins,)."""
        weight = self._weights(w)
        total: Floats = self._sum(self.total, weight) / np.maximum(self._sum(self.size, weight), 1)
        return total

    def _sum(self, values: Floats, w: Floats) -> Floats:
        sums = np.bincount(self.place, weights=values * w, minlength=self.bins)
        return sums.astype(np.float64)

    def _weights(self, w: Floats | None) -> Floats:
        return np.ones(self.place.size) if w is None else w[self.unit]

    def ece(self, w: Floats | None) -> float:
        """The plain error; w: how often each unit counts, None for once."""
        weight = self._weights(w)
        n = self._sum(self.size, weight)
        return float(np.abs(self._sum(self.total, weight)).sum() / n.sum())

    def debiased(self, w: Floats | None) -> float:
        """The error less its bias."""
        from scipy.special import ndtr

        weight = self._weights(w)
        n = self._sum(self.size, weight)
        at_least_one = np.maximum(n, 1)
        gap = self._sum(self.total, weight) / at_least_one
        units = self._sum(np.ones_like(self.total), weight)
        residual = self._sum((self.total - gap[self.place] * self.size) ** 2, weight)
        calibrated = self._sum(self.spread, weight)
        several = residual * units / np.maximum(units - 1, 1)
        sigma = np.sqrt(np.where(units > 1, several, calibrated)) / at_least_one
        size = np.abs(gap)
        safe = np.where(sigma > EQUAL, sigma, 1.0)
        folded = safe * np.sqrt(2 / np.pi) * np.exp(-(size**2) / (2 * safe**2))
        folded += size * (1 - 2 * ndtr(-size / safe))
        bias = np.where(sigma > EQUAL, folded - size, 0.0)
        return float((n * (size - bias)).sum() / n.sum())


def checked(confidence: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """Both as arrays of one shape. Raises ValueError for none, for NaN, and for values beyond 0…1."""
    c, y = np.asarray(confidence, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if c.ndim != 1 or c.shape != y.shape or c.size == 0:
        raise ValueError("need a confidence and a score for each of at least one answer")
    for name, values in (("confidence", c), ("score", y)):
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(f"{name}: every value must be within 0…1")
    return c, y


def _units(unit: ArrayLike | None, c: Floats) -> Ints:
    """Codes 0…n−1 of the units, in the order of their sorted labels."""
    if unit is None:
        return np.arange(c.size)
    labels = np.asarray(unit)
    if labels.shape != c.shape:
        raise ValueError("need one unit per answer")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
