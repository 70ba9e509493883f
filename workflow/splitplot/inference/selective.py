"""Answering only where the confidence is high: risk against coverage, its area, with ties by expectation.

Answers are taken in order of falling confidence; at coverage i/n the risk is the mean loss of the first i.
Answers of equal confidence have no order: everything here is the mean over all orders of them.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.calibration import DRAWS, checked
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.resampling.bootstrap import bootstrap_statistics
from splitplot.inference.resampling.intervals import MIN_UNITS, percentile_ends

COVERAGES = (0.5, 0.8, 1.0)
"""Coverages whose risk is reported."""

MOST_TABLED = 2**22
"""Harmonic numbers are looked up as far as this, and computed beyond."""

CURVE_STEPS = 20
"""Points of the curve that is drawn: every 5 % of the answers."""


@dataclass(frozen=True)
class Groups:
    """Answers by falling confidence, equal ones together: number and sum of losses, shape (n_groups,)."""

    size: Floats
    loss: Floats

    def kept(self) -> "Groups":
        """Without the groups that a resample left empty."""
        some = self.size > 0
        return Groups(self.size[some], self.loss[some])


def aurc(confidence: ArrayLike, score: ArrayLike) -> float:
    """Area under the risk–coverage curve, (1/n) Σ_i risk_i (Geifman, Uziel & El-Yaniv 2019).

    confidence, score: within 0…1, shape (n_answers,); the loss is 1 − score. Of a group of g equal
    confidences with losses L behind m answers with losses S, the first j hold jL/g on average, so that
    Σ_{i=m+1…m+g} risk_i = L + (S − mL/g)(H_{m+g} − H_m), H the harmonic numbers.
    """
    return area(_groups(*checked(confidence, score)))


def best_aurc(score: ArrayLike) -> float:
    """The area of the best order there is for these scores: all right answers in front."""
    y = np.asarray(score, dtype=np.float64)
    return area(_groups(y, y))


def e_aurc(confidence: ArrayLike, score: ArrayLike) -> float:
    """Excess area over the best order (Geifman and others): 0 where confidence sorts perfectly.

    The best area is that of the n answers at hand, not its limit r + (1 − r)·log(1 − r) for many.
    """
    return aurc(confidence, score) - best_aurc(score)


def risk_at(confidence: ArrayLike, score: ArrayLike, coverage: float) -> float:
    """Mean loss of the ⌈coverage·n⌉ most confident answers. Raises ValueError for coverage outside 0…1."""
    return _risk(_groups(*checked(confidence, score)), coverage)


def curve(
    confidence: ArrayLike, score: ArrayLike, steps: int = CURVE_STEPS
) -> list[tuple[float, float]]:
    """(coverage, risk) at equal steps of coverage, the last at 1."""
    groups = _groups(*checked(confidence, score))
    return [(step / steps, _risk(groups, step / steps)) for step in range(1, steps + 1)]


@dataclass(frozen=True)
class SelectiveIntervals:
    """Percentile bootstrap intervals over units; None where there are too few, or no spread."""

    aurc: tuple[float, float] | None
    e_aurc: tuple[float, float] | None
    risk_at: dict[float, tuple[float, float] | None]


def selective_intervals(
    confidence: ArrayLike,
    score: ArrayLike,
    unit: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> SelectiveIntervals:
    """Intervals of area, excess area and risk at `COVERAGES`, from the same resamples of units.

    unit: item or cluster of each answer, shape (n_answers,).
    """
    c, y = checked(confidence, score)
    code = np.arange(c.size) if unit is None else np.unique(unit, return_inverse=True)[1]
    of_confidence, of_score = _Resampled.of(c, y, code), _Resampled.of(y, y, code)

    def statistics(w: Floats) -> Floats:
        groups = of_confidence.groups(w)
        found = area(groups)
        risks = [_risk(groups, coverage) for coverage in COVERAGES]
        return np.array([found, found - area(of_score.groups(w)), *risks])

    n_units = int(code.max()) + 1
    if n_units < MIN_UNITS:
        return SelectiveIntervals(None, None, dict.fromkeys(COVERAGES))
    values = bootstrap_statistics(statistics, n_units, draws=DRAWS, seed=seed)
    limits = [percentile_ends(column, units=n_units, level=level) for column in values.T]
    return SelectiveIntervals(limits[0], limits[1], dict(zip(COVERAGES, limits[2:], strict=True)))


def area(groups: Groups) -> float:
    """The expected area of answers in groups (formula in `aurc`)."""
    before = np.concatenate([[0.0], np.cumsum(groups.size)])
    lost = np.concatenate([[0.0], np.cumsum(groups.loss)])[:-1]
    harmonic = _harmonic(before)
    rate = groups.loss / groups.size
    risks = groups.loss + (lost - before[:-1] * rate) * np.diff(harmonic)
    return float(risks.sum() / before[-1])


def _harmonic(count: Floats) -> Floats:
    """H_m less a constant, for rising whole numbers m."""
    from scipy.special import digamma

    if count[-1] > MOST_TABLED:
        far: Floats = digamma(count + 1)
        return far
    return _harmonic_table(int(count[-1]).bit_length())[count.astype(np.int64)]


@lru_cache(maxsize=2)
def _harmonic_table(bits: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, 2**bits))])


def _risk(groups: Groups, coverage: float) -> float:
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage must be above 0 and at most 1, not {coverage}")
    reached = np.cumsum(groups.size)
    count = max(1, ceil(round(coverage * float(reached[-1]), 9)))
    place = int(np.searchsorted(reached, count))
    before = float(reached[place] - groups.size[place])
    lost = float(groups.loss[:place].sum())
    rate = float(groups.loss[place] / groups.size[place])
    return (lost + (count - before) * rate) / count


def _groups(confidence: Floats, score: Floats) -> Groups:
    code, n = _codes(confidence)
    size = np.bincount(code, minlength=n).astype(np.float64)
    return Groups(size, np.bincount(code, weights=1 - score, minlength=n).astype(np.float64))


def _codes(confidence: Floats) -> tuple[Ints, int]:
    """Position of each confidence among the distinct ones, the highest first."""
    values, code = np.unique(-np.round(confidence, 12), return_inverse=True)
    return code.astype(np.int64), values.size


@dataclass(frozen=True)
class _Resampled:
    """Answers and losses by group and unit, to be weighted by how often a unit was drawn.

    unit, size, loss: of each combination that occurs, those of a group together; start: where each
    group begins.
    """

    unit: Ints
    size: Floats
    loss: Floats
    start: Ints

    @classmethod
    def of(cls, confidence: Floats, score: Floats, unit: Ints) -> "_Resampled":
        code, _ = _codes(confidence)
        n_units = int(unit.max()) + 1
        key, place = np.unique(code * n_units + unit, return_inverse=True)
        size = np.bincount(place).astype(np.float64)
        loss = np.bincount(place, weights=1 - score).astype(np.float64)
        start = np.flatnonzero(np.diff(key // n_units, prepend=-1))
        return cls(key % n_units, size, loss, start)

    def groups(self, w: Floats) -> Groups:
        weight = w[self.unit]
        size = np.add.reduceat(weight * self.size, self.start)
        return Groups(size, np.add.reduceat(weight * self.loss, self.start)).kept()
