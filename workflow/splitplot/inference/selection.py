"""The best of several arms, chosen by looking: what remains of its lead when the looking is paid for.

The highest of m noisy means is too high by what its noise gave it. An interval from the family of all m
differences holds whichever of them is looked at, so also for the one that was chosen for being largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import EQUAL, Interval, is_bounded
from splitplot.inference.resampling.simultaneous import DRAWS, simultaneous_intervals
from splitplot.inference.wording import POINTS, SCORE_UNITS, listed, percent, quoted

MEAN = "the mean of all"
"""What the winner is compared with where there is no reference arm."""


@dataclass(frozen=True)
class Selected:
    """The winner of `of` arms. winners: all arms that share the highest mean, in the given order.

    difference: the first winner's mean minus that of `against`, simultaneous over all arms.
    """

    winners: tuple[str, ...]
    of: int
    against: str
    difference: Interval
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """As in inference.json."""
        return {
            "of": self.of,
            "winner": self.winners[0],
            "against": self.against,
            "difference": self.difference.to_json(),
            "sentence": self.sentence,
        }


def select(
    scores: ArrayLike,
    names: Sequence[str],
    cluster: ArrayLike | None = None,
    *,
    reference: str | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int,
) -> Selected | None:
    """The arm with the highest mean against the reference, or against the mean of all arms.

    scores: per item and arm, shape (n_items, m), m ≥ 3, finite. names: of the arms, all different.
    reference: an arm that was there before the search (Dunnett's comparisons); if it is the highest itself,
        or None, the winner is compared with the mean of all arms.
    draws: of the simulation behind the critical value.
    Returns None where no interval exists (equal scores without a known range).
    Raises ValueError for fewer than 3 arms or 2 items, TooFewClusters below 2 clusters.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 3 or table.shape[0] < 2 or not np.isfinite(table).all():
        raise ValueError("need finite scores of at least 2 items and 3 arms: two are no selection")
    means = table.mean(axis=0)
    top = np.flatnonzero(means >= means.max() - EQUAL * max(1.0, float(np.abs(means).max())))
    winners = tuple(names[int(i)] for i in top)
    to_reference = reference is not None and reference not in winners
    if to_reference:
        base = names.index(str(reference))
        others = [i for i in range(table.shape[1]) if i != base]
        differences = table[:, others] - table[:, [base]]
    else:
        others = list(range(table.shape[1]))
        differences = table - table.mean(axis=1, keepdims=True)
    bounded = is_bounded(table)
    family = simultaneous_intervals(
        differences, cluster, bounded=bounded, level=level, draws=draws, seed=seed
    )
    interval = family.intervals[others.index(int(top[0]))]
    if interval is None:
        return None
    against = quoted(str(reference)) if to_reference else MEAN
    sentence = _sentence(winners, table.shape, against, interval, bounded)
    return Selected(
        winners, table.shape[1], str(reference) if to_reference else MEAN, interval, sentence
    )


def _sentence(
    winners: tuple[str, ...],
    shape: tuple[int, ...],
    against: str,
    interval: Interval,
    bounded: bool,
) -> str:
    unit = (POINTS if bounded else SCORE_UNITS).fitted(
        interval.estimate, interval.low, interval.high
    )
    n, m = shape
    who = listed([quoted(name) for name in winners])
    share = "score the same and highest" if len(winners) > 1 else "scored highest"
    text = (
        f"{who} {share} of {m} on {n:,} items, and the highest of {m} tends to look better than it is. "
        f"Allowing for that choice, {quoted(winners[0])} minus {against} is {unit.span(interval)} "
        f"({percent(interval.level).replace('.0%', '%')} interval; {unit.number(interval.estimate)} as seen)"
    )
    if interval.low > 0:
        return f"{text}: it is better."
    return f"{text}: whether it is better at all is open. Try it on items that were not used to choose."
