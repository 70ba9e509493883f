"""The stopping rule: is the question settled, and on what evidence. Functions over differences of items."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import Interval
from splitplot.inference.sequential.confidence_sequence import confidence_sequence
from splitplot.inference.sequential.eprocess import mixture_log_e

LARGEST_LOG = 700.0
"""Beyond e^700 a number of the machine has no room; `log_e` goes on."""


@dataclass(frozen=True)
class LookEvidence:
    """What the items up to a look say of one primary contrast.

    log_e: natural logarithm of the e-process against "no difference". difference: its confidence
    sequence at level 1 − α/m. n_items: common items. barred: why this may not settle anything, in words.
    settled: the confidence sequence excludes 0, or lies inside the margin, and nothing bars it.
    """

    contrast: str
    n_items: int
    log_e: float | None
    difference: Interval | None
    barred: str | None
    settled: bool

    @property
    def e_value(self) -> float | None:
        """E itself, e^700 at most."""
        return None if self.log_e is None else exp(min(self.log_e, LARGEST_LOG))


@dataclass(frozen=True)
class Look:
    """One look: how many items had been asked up to it, and the evidence of every primary contrast."""

    look: int
    items: int
    evidence: tuple[LookEvidence, ...]

    @property
    def settled(self) -> bool:
        """Whether every primary contrast is settled."""
        return bool(self.evidence) and all(one.settled for one in self.evidence)


def weigh(
    contrast: str,
    differences: ArrayLike,
    *,
    margin: float,
    alpha: float,
    family: int = 1,
    barred: str | None = None,
) -> LookEvidence:
    """The evidence on one contrast.

    differences: a − b per item, within −1…1, shape (n_items,), of items in random order; empty where the
        contrast cannot be judged. margin: smallest difference that matters. family: the number m of
        primary contrasts, which share α equally: the chance that any of them is ever settled in a
        direction that is not there, or as equivalent though it is not, is α at most.
    barred: why it may not be settled, e.g. too many lost answers.
    Raises ValueError for differences outside −1…1.
    """
    d = np.asarray(differences, dtype=np.float64)
    if not d.size:
        return LookEvidence(
            contrast, 0, None, None, barred or "no item was answered by both", False
        )
    interval = confidence_sequence(d, 1 - alpha / family)
    return LookEvidence(
        contrast,
        int(d.size),
        mixture_log_e(d),
        interval,
        barred,
        barred is None and tells(interval, margin),
    )


def tells(interval: Interval, margin: float) -> bool:
    """Whether an interval gives a direction, or lies inside the margin."""
    excludes_zero = interval.low > 0 or interval.high < 0
    return excludes_zero or (-margin < interval.low and interval.high < margin)


def settled_at(looks: Sequence[Look]) -> int | None:
    """The number of the first look that is settled: what later looks say changes nothing."""
    return next((look.look for look in looks if look.settled), None)
