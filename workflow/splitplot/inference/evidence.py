"""What is known about one contrast when its verdict is spoken: all that the words may depend on."""

from dataclasses import dataclass

from splitplot.amounts import Amount
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import RunNoise
from splitplot.inference.voice import (
    DATASETS,
    FIXED,
    ITEMS,
    PROMPTS,
    EventVoice,
    Measure,
    Voice,
)
from splitplot.inference.wording import POINTS, SAVINGS, SCORE_UNITS, Unit
from splitplot.inference.words import DIFFERENCE, NON_INFERIORITY

__all__ = [
    "DATASETS",
    "DOUBTFUL",
    "FIXED",
    "ITEMS",
    "LOST",
    "PROMPTS",
    "TRUNCATED",
    "UNUSABLE",
    "Arm",
    "Evidence",
    "Rival",
]

TRUNCATED, UNUSABLE, LOST, DOUBTFUL = "truncated", "unusable", "lost", "doubtful"
"""What a rival analysis counts otherwise: answers cut off, unusable answers, answers that never came; and
unusable answers that may have been what a score counts the absence of, or not."""


@dataclass(frozen=True)
class Rival:
    """Another defensible analysis of the same contrast, with which the verdict has to agree.

    p_value: of its own test, where it has one beside the interval.
    about: what it counts otherwise (a name above), None for analyses that the verdict does not go by.
    supposing: the same in words that end a sentence, "if every lost answer had gone against “direct”".
    """

    name: str
    difference: Interval
    equivalence: Interval
    about: str | None = None
    supposing: str = ""
    p_value: float | None = None


@dataclass(frozen=True)
class Arm:
    """One side of a contrast.

    mean: over common items. lost: share of its answers that never reached us. truncated: share of its
    answers cut off at the token limit. unusable: share that came and is no usable answer (those too);
    doubtful: those of them that count as wrong.
    """

    name: str
    mean: float
    lost: float
    truncated: float
    unusable: float = 0.0
    doubtful: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """One contrast A − B.

    difference, equivalence: intervals at 1 − α and 1 − 2α, for the scope; None where none exists.
    margin: smallest difference that matters, in score units. bounded: all scores within 0…1.
    wins, losses: common items on which A is above, below B. binary: 0/1 item scores in both arms.
    p_value, p_adjusted: two-sided; adjusted over the `family` comparisons declared together.
    differential_loss: p-value of "one arm lost answers on other items than the other arm".
    n_items: common items; n_union: items with an answer in at least one arm.
    missing_interval: why there is no interval, in words.
    averaged_over: the other factors over whose levels both arms are means, in words: "2 samplings".
    adjustment: how `p_adjusted` is. conditional: what the verdict depends on, in a sentence, where the
        sign of the difference turns between the levels of another factor.
    anytime: the interval is a confidence sequence, valid however often the data were looked at.
    together: both intervals at a level that holds for the whole family; None where it is one comparison.
    confounded: what else the arms differ in, in words.
    amount: what is compared, where it is no score: `difference`, `equivalence`, `margin` and
        `smallest_detectable` are then of log(B/A), so that what is above 0 is a saving of A.
    copies_held: the clusters hold copies of items together, which were not declared to be clusters. Few
        contents may then carry the gap, where the interval is too short: a direction needs the test too.
    aim: `difference` or `non-inferiority`. p_loss: one-sided, of "A is worse by the margin or more", for
        the latter. Its family has twice that, so that it is judged at α/2.
    measure: what the score counts the absence of, where it is spoken of in that.
    barred: why there can be no verdict, beside what `checks` finds. noted: (code, message) of flags
        that only who made the evidence can know of.
    """

    a: Arm
    b: Arm
    difference: Interval | None
    equivalence: Interval | None
    margin: float
    margin_is_default: bool
    scope: str
    alpha: float
    bounded: bool
    binary: bool
    clustered: bool
    n_items: int
    n_union: int
    n_clusters: int
    wins: int
    losses: int
    noise: RunNoise
    p_value: float | None = None
    p_adjusted: float | None = None
    family: int = 1
    differential_loss: float = 1.0
    smallest_detectable: float | None = None
    items_needed: int | None = None
    rivals: tuple[Rival, ...] = ()
    missing_interval: str | None = None
    averaged_over: str | None = None
    simulated: bool = False
    adjustment: str = "Holm"
    conditional: str | None = None
    anytime: bool = False
    together: tuple[Interval, Interval] | None = None
    confounded: str | None = None
    amount: Amount | None = None
    copies_held: bool = False
    aim: str = DIFFERENCE
    p_loss: float | None = None
    measure: Measure | None = None
    barred: tuple[str, ...] = ()
    noted: tuple[tuple[str, str], ...] = ()

    @property
    def p_family(self) -> float | None:
        """The p-value with which the contrast enters its family: two-sided, or twice a one-sided one."""
        if self.aim != NON_INFERIORITY:
            return self.p_value
        return None if self.p_loss is None else min(1.0, 2 * self.p_loss)

    @property
    def voice(self) -> Voice:
        """The words of its direction."""
        return Voice() if self.measure is None else EventVoice(self.measure)

    @property
    def unit(self) -> Unit:
        """Percentage points where all scores lie within 0…1, shares that are saved of an amount; with the
        decimals that the contrast needs."""
        numbers: list[float | None] = [self.margin, self.smallest_detectable]
        for interval in (self.difference, self.equivalence):
            if interval is not None:
                numbers += [interval.estimate, interval.low, interval.high]
        if self.amount is not None:
            return SAVINGS.fitted(*numbers)
        return (POINTS if self.bounded else SCORE_UNITS).fitted(*numbers)
