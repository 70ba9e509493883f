"""Sign flips of many columns together: p-values that hold for the whole family, and a critical value.

All columns of an item (of a cluster) flip together, which keeps their correlation. What is compared
with the observed |t| is the largest |t| of the family under the same flips.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.grid import Bools, Ints
from splitplot.inference.intervals import EQUAL, Floats
from splitplot.inference.resampling.bootstrap import UnitSums, unit_sums
from splitplot.inference.resampling.weights import (
    block_rows,
    chunks,
    for_each_chunk,
    keep_or_flip,
    on_grid,
)
from splitplot.inference.signflip import DRAWS, EXACT_UNITS, TOLERANCE

MORE_DRAWS = 99_999
"""Where a p-value below .01 is too near the level to be decided by 9,999 draws."""

NEAR = 3.0
"""Monte Carlo standard errors within which a p-value counts as near a level."""

SMALL_P = 0.01


@dataclass(frozen=True)
class JointSignFlip:
    """Of every column: t, the p-value alone, and the p-value adjusted for the whole family.

    None for a column without a test (fewer than two units), and for a t that is infinite.
    critical: what |t| must reach for an adjusted p ≤ α in a single step; None where no |t| could.
    patterns: how many were looked at, the observed one included. exact: whether these are all.
    floor: the smallest possible p-value.
    """

    t: tuple[float | None, ...]
    p_values: tuple[float | None, ...]
    adjusted: tuple[float | None, ...]
    critical: float | None
    patterns: int
    exact: bool
    floor: float
    method: str


def joint_sign_flip(
    differences: ArrayLike,
    cluster: ArrayLike | None = None,
    *,
    alpha: float = 0.05,
    seed: int,
    draws: int | None = None,
    workers: int | None = None,
) -> JointSignFlip:
    """Studentised sign-flip tests of "the mean of the column is 0", adjusted by max-T step-down.

    differences: A − B per item and comparison, shape (n_items, n_columns); NaN: not in the column.
    cluster: label per item; its items flip together, studentised by CR2 (Bell & McCaffrey 2002).
    draws: None for 9,999, and 99,999 where a p-value below .01 is near α divided by the family's size
        or an adjusted one near α; ignored where all patterns are enumerated (≤ 16 units that move).
    Adjusted: Westfall & Young (1993), algorithm 2.8 (step-down minima of p, here maxima of |t|), with
    p = (count + 1)/(draws + 1) (Phipson & Smyth 2010). Columns are summed on an exact grid, and ties
    counted with a relative tolerance of 1e-9: no float noise decides what is as extreme.
    """
    statistic = _Studentised(unit_sums(differences, cluster))
    observed = statistic.observed
    units = statistic.moving
    tested = np.flatnonzero(statistic.testable)
    if not tested.size or units == 0:
        p = [1.0 if ok else None for ok in statistic.testable]
        zero = [0.0 if ok else None for ok in statistic.testable]
        return JointSignFlip(
            tuple(zero), tuple(p), tuple(p), None, 1, True, 1.0, "sign-flip (nothing differs)"
        )
    exact = units <= EXACT_UNITS
    count = 2 ** (units - 1) - 1 if exact else draws or DRAWS
    tally = _tally(statistic, count, exact, seed, workers)
    if not exact and draws is None and _undecided(tally, alpha):
        tally = _tally(statistic, MORE_DRAWS, exact, seed, workers)
    patterns = tally.maxima.size
    size = len(observed)
    how = f"all {2**units:,} patterns" if exact else f"{patterns - 1:,} random patterns"
    whole = "items" if cluster is None else "whole clusters"
    return JointSignFlip(
        _placed(observed[tested], tested, size),
        _placed(tally.p_values, tested, size),
        _placed(tally.adjusted, tested, size),
        _critical(tally.maxima, alpha),
        patterns,
        exact,
        1 / patterns,
        f"joint studentised sign-flip of {whole}, step-down max-T, {how}",
    )


class _Studentised:
    """t of every column under flips of the units, from a few sums each.

    With total T_c and size m_c of unit c in a column, h_c = m_c/n and mean θ = ΣsT/n under signs s:
    v = Σ(sT − θm)²/(1 − h)/n² = (ΣT²/(1−h) − 2θΣsTm/(1−h) + θ²Σm²/(1−h))/n², CR2 for a mean; with items
    as units it is s²/n.
    """

    def __init__(self, sums: UnitSums) -> None:
        k = sums.size.shape[1]
        self.n = np.maximum(sums.size.sum(axis=0), 1.0)
        largest = sums.size.max(axis=0)
        self.testable = ((sums.size > 0).sum(axis=0) >= 2) & (largest < self.n)
        moves = np.zeros(sums.n_units, dtype=np.bool_)
        self.squares, self.sizes, self.scale = np.zeros(k), np.zeros(k), np.zeros(k)
        even = all(bool(np.isin(sums.size[:, j], (0.0, largest[j])).all()) for j in range(k))
        cross = np.zeros((sums.n_units, 0 if even else k))
        for j in np.flatnonzero(self.testable):
            total, size = sums.total[:, j], sums.size[:, j]
            spread = 1 - size / self.n[j]
            moves |= np.abs(total) > EQUAL
            self.squares[j] = (total**2 / spread).sum()
            self.sizes[j] = (size**2 / spread).sum()
            self.scale[j] = np.abs(total).sum()
            if not even:
                cross[:, j] = total * size / spread
        self.moving = int(moves.sum())
        # Units of one size: Σ sTm/(1−h) is a multiple of ΣsT, and half of the work falls away.
        with np.errstate(divide="ignore"):
            self.even_factor = largest / (1 - largest / self.n) if even else None
        parts = sums.total if even else np.concatenate([sums.total, cross], axis=1)
        self.parts = on_grid(parts[moves], 2.0 * max(self.moving, 1))
        self.all_kept = self.parts.sum(axis=0)
        self.n_columns = k
        self.observed = self.of(np.ones((1, self.moving)))[0]

    def of(self, kept: Floats) -> Floats:
        """|t| under patterns of 1 (keep) and 0 (flip), shape (n_patterns, n_columns); infinite where the
        flipped residuals vanish. Σ s·x = 2Σ kept·x − Σ x, exact on the grid."""
        signed = 2 * (kept @ self.parts) - self.all_kept
        sums = signed[:, : self.n_columns]
        mean = sums / self.n
        cross = (
            sums * self.even_factor if self.even_factor is not None else signed[:, self.n_columns :]
        )
        variance = (self.squares - 2 * mean * cross + mean**2 * self.sizes) / self.n**2
        nothing = variance <= TOLERANCE**2 * self.squares
        t = np.where(nothing, np.inf, np.abs(mean) / np.sqrt(np.where(nothing, 1.0, variance)))
        flat: Floats = np.where(np.abs(sums) <= TOLERANCE * self.scale, 0.0, t)
        return flat


@dataclass(frozen=True)
class _Tally:
    """p_values, adjusted: of the tested columns. maxima: largest |t| per pattern, the observed one first."""

    p_values: Floats
    adjusted: Floats
    maxima: Floats


def _tally(
    statistic: _Studentised, draws: int, exact: bool, seed: int, workers: int | None
) -> _Tally:
    tested = np.flatnonzero(statistic.testable)
    observed = statistic.observed[tested]
    order = np.argsort(observed, kind="stable")
    limit = observed * (1 - TOLERANCE)
    todo = chunks(draws)
    maxima = np.empty(draws + 1)
    maxima[0] = observed.max()
    alone = np.zeros((len(todo), tested.size), dtype=np.int64)
    stepwise = np.zeros_like(alone)

    def work(start: int, size: int) -> None:
        number = start // todo[0][1]
        for first, kept in _patterns(statistic.moving, start, size, exact, seed):
            t = statistic.of(kept)[:, tested]
            alone[number] += (t >= limit).sum(axis=0)
            reached = np.maximum.accumulate(t[:, order], axis=1)
            stepwise[number] += (reached >= limit[order]).sum(axis=0)
            maxima[1 + first : 1 + first + kept.shape[0]] = reached[:, -1]

    for_each_chunk(work, todo, workers)
    # From the largest t down, a p-value is never below that of a larger t.
    in_order = np.maximum.accumulate(((stepwise.sum(axis=0) + 1) / (draws + 1))[::-1])[::-1]
    adjusted = np.empty(tested.size)
    adjusted[order] = in_order
    return _Tally((alone.sum(axis=0) + 1) / (draws + 1), adjusted, maxima)


def _patterns(
    units: int, start: int, size: int, exact: bool, seed: int
) -> Iterator[tuple[int, Floats]]:
    """Patterns start … start + size − 1 in blocks: random ones, or the codes of an enumeration.

    A pattern and its opposite have the same |t|: the enumeration keeps the last unit as it is. Code 0
    is the observed pattern, which is counted as the added one: pattern i has code i + 1.
    """
    if not exact:
        yield from keep_or_flip(units, start, size, seed)
        return
    shifts = np.arange(units, dtype=np.int64)
    most = block_rows(units, size)
    for first in range(start, start + size, most):
        codes = np.arange(first, min(first + most, start + size), dtype=np.int64) + 1
        flipped = (codes[:, None] >> shifts) & 1
        yield first, (flipped == 0).astype(np.float64)


def _undecided(tally: _Tally, alpha: float) -> bool:
    """Whether more draws could turn a decision: an adjusted p near α, or a p below .01 near α/size."""
    draws = tally.maxima.size
    size = tally.p_values.size

    def near(p: Floats, limit: float) -> Bools:
        close: Bools = np.abs(p - limit) <= NEAR * np.sqrt(limit * (1 - limit) / draws)
        return close

    small = tally.p_values < SMALL_P
    return bool((small & (near(tally.adjusted, alpha) | near(tally.p_values, alpha / size))).any())


def _critical(maxima: Floats, alpha: float) -> float | None:
    """The k-th largest of the maxima, k the largest count with k/patterns ≤ α."""
    k = int(np.floor(alpha * maxima.size + TOLERANCE))
    if k < 1:
        return None
    value = float(np.sort(maxima)[-k])
    return value if np.isfinite(value) else None


def _placed(values: Floats, tested: Ints, size: int) -> tuple[float | None, ...]:
    """The values of the tested columns at their places; None elsewhere and where not finite."""
    placed: list[float | None] = [None] * size
    for column, value in zip(tested, values, strict=True):
        placed[column] = float(value) if np.isfinite(value) else None
    return tuple(placed)
