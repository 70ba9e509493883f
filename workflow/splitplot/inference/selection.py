"""The best of several arms, chosen by looking: what remains of its lead when the looking is paid for.

The highest of m noisy means is too high by what its noise gave it. An interval from the family of all
differences holds whichever of them is looked at, so also for the one that was chosen for being largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.grid import Ints
from splitplot.inference.intervals import EQUAL, Floats, Interval, is_bounded
from splitplot.inference.ranking import level_of_pairs, pair_interval
from splitplot.inference.resampling.simultaneous import DRAWS, simultaneous_intervals
from splitplot.inference.wording import POINTS, SCORE_UNITS, listed, percent, quoted

MEAN = "the mean of all"
"""What the winner is compared with where there is no reference arm."""


@dataclass(frozen=True)
class Selected:
    """The winner of `of` arms. winners: all arms that share the highest mean, in the given order, the
    reference last.

    difference: the first winner's mean minus that of `against`, simultaneous over all pairs of arms
    (against the mean: over all arms).
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
    events: str | None = None,
) -> Selected | None:
    """The arm with the highest mean against the reference, or against the mean of all arms.

    scores: per item and arm, shape (n_items, m), m ≥ 3, finite. names: of the arms, all different.
    reference: the arm of which the lead is told; if it is the only highest one, or None, the winner is
        compared with the mean of all arms.
    draws: of the simulation behind the critical value. events: what a score of 0 counts, if anything, for
        the sentence, which then speaks of how few there are.
    The lead over a reference has the default interval of the design at the level that one critical value
    for all m(m − 1)/2 differences means (that of `rank_arms`): the winner can then be held against every
    other arm, one after the other, and all that is said holds at once. Dunnett's critical value would
    hold for one reference only.
    Returns None where no interval exists (equal scores without a known range).
    Raises ValueError for fewer than 3 arms or 2 items, TooFewClusters below 2 clusters.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 3 or table.shape[0] < 2 or not np.isfinite(table).all():
        raise ValueError("need finite scores of at least 2 items and 3 arms: two are no selection")
    means = table.mean(axis=0)
    top = np.flatnonzero(means >= means.max() - EQUAL * max(1.0, float(np.abs(means).max())))
    order = sorted((int(i) for i in top), key=lambda i: names[i] == reference)
    winners = tuple(names[i] for i in order)
    to_reference = reference is not None and winners[0] != reference
    bounded = is_bounded(table)
    if to_reference:
        base, codes = table[:, names.index(str(reference))], _codes(cluster)
        each = _level_each(
            table.tobytes(),
            table.shape[1],
            None if codes is None else codes.tobytes(),
            level,
            seed,
            draws,
        )
        interval = pair_interval(table[:, order[0]], base, codes, each)
        if interval is not None:
            method = f"{interval.method}, simultaneous over all pairs (max-T)"
            interval = replace(interval, level=level, method=method)
    else:
        differences = table - table.mean(axis=1, keepdims=True)
        interval = simultaneous_intervals(
            differences, cluster, bounded=bounded, level=level, draws=draws, seed=seed
        ).intervals[order[0]]
    if interval is None:
        return None
    against = quoted(str(reference)) if to_reference else MEAN
    sentence = _sentence(winners, table.shape, against, interval, bounded, events)
    return Selected(
        winners, table.shape[1], str(reference) if to_reference else MEAN, interval, sentence
    )


def _codes(cluster: ArrayLike | None) -> Ints | None:
    """Whole numbers in place of the labels."""
    if cluster is None:
        return None
    return np.unique(np.asarray(cluster), return_inverse=True)[1].astype(np.int64)


@lru_cache(maxsize=8)
def _level_each(
    scores: bytes, arms: int, cluster: bytes | None, level: float, seed: int, draws: int
) -> float:
    """`level_of_pairs`, once for all contrasts of a factor: its draws take seconds where arms are many."""
    table: Floats = np.frombuffer(scores, dtype=np.float64).reshape(-1, arms)
    codes = None if cluster is None else np.frombuffer(cluster, dtype=np.int64)
    return level_of_pairs(table, codes, level, seed, draws)


def _sentence(
    winners: tuple[str, ...],
    shape: tuple[int, ...],
    against: str,
    interval: Interval,
    bounded: bool,
    events: str | None,
) -> str:
    unit = (POINTS if bounded else SCORE_UNITS).fitted(
        interval.estimate, interval.low, interval.high
    )
    n, m = shape
    who = listed([quoted(name) for name in winners])
    several, first = len(winners) > 1, quoted(winners[0])
    if events:
        share = "make the same and fewest" if several else "makes the fewest"
        top, share, lead = (
            "best",
            f"{share} {events}",
            f"the {events} of {against} less those of {first} are",
        )
    else:
        share = "score the same and highest" if several else "scored highest"
        top, lead = "highest", f"{first} minus {against} is"
    text = (
        f"{who} {share} of {m} on {n:,} items, and the {top} of {m} tends to look "
        f"better than it is. Allowing for that choice, {lead} {unit.span(interval)} "
        f"({percent(interval.level).replace('.0%', '%')} interval; {unit.number(interval.estimate)} as seen)"
    )
    if interval.low > 0:
        return f"{text}: it is better."
    return f"{text}: whether it is better at all is open. Try it on items that were not used to choose."
