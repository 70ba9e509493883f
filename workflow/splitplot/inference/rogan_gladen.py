"""A rate corrected for a reader that errs, from labelled texts: Rogan & Gladen's estimate with the limits of
Lang & Reiczigel, and the difference of two such rates of the same items.

What is read is "it answers". The estimate stands whatever the share that answers (it survives a shift of the
labels), where the labelled texts that answer, and those that do not, are samples of their kind.
"""

from dataclasses import dataclass
from math import sqrt

from splitplot.inference.intervals import Interval, wilson

METHOD = "Rogan-Gladen"
LIMITS = f"{METHOD}, Lang-Reiczigel limits"
DIFFERENCE = f"{METHOD}, square-and-add limits"


@dataclass(frozen=True)
class Reading:
    """How labelled texts were read. answers, declines: texts labelled so; answers_right, declines_right: how
    many of them were read so."""

    answers: int
    answers_right: int
    declines: int
    declines_right: int

    @property
    def sensitivity(self) -> float:
        """Share of the texts that answer which are read so."""
        return self.answers_right / self.answers

    @property
    def specificity(self) -> float:
        """Share of the texts that decline which are read so."""
        return self.declines_right / self.declines

    @property
    def youden(self) -> float:
        """J = sensitivity + specificity − 1: what reading tells; 0 is a coin."""
        return self.sensitivity + self.specificity - 1


@dataclass(frozen=True)
class Read:
    """A rate as it is read. n: items that would give its standard error if each stood alone.
    quantile: of the normal or t distribution for the level of its interval."""

    rate: float
    n: float
    quantile: float


@dataclass(frozen=True)
class Corrected:
    """A corrected rate. interval: within 0…1, so is the estimate. variance: of the estimate, from the items
    alone and with the labels."""

    interval: Interval
    variance_items: float
    variance: float


def youden_low(reading: Reading, level: float = 0.95) -> float:
    """Lower limit of Youden's J: the two shares are independent, so their Wilson limits are combined by
    squares (Newcombe 1998, method 10; Zou & Donner 2008)."""
    shares = (
        wilson(reading.answers_right, reading.answers, level),
        wilson(reading.declines_right, reading.declines, level),
    )
    return reading.youden - sqrt(sum((share.estimate - share.low) ** 2 for share in shares))


def corrected_rate(read: Read, reading: Reading, level: float = 0.95) -> Corrected:
    """The rate with which texts truly answer, from the rate p with which they are read so.

    (p + q₀ − 1)/(q₀ + q₁ − 1), q₁ and q₀ being sensitivity and specificity (Rogan & Gladen 1978). The limits
    are Lang & Reiczigel's (2014, Preventive Veterinary Medicine 113:13) for both estimated from labels: with
    z²/2 reads and one label of each kind added on either side, and the middle shifted by
    2z²(θq₁(1 − q₁)/m₁ − (1 − θ)q₀(1 − q₀)/m₀). Raises ValueError where J is not above 0, and where both
    limits are beyond an end of the scale: the labels then contradict what was read.
    """
    if reading.youden <= 0:
        raise ValueError("the reader tells nothing apart: sensitivity + specificity is 1 or less")
    z2 = read.quantile**2
    n = read.n + z2
    p = (read.n * read.rate + z2 / 2) / n
    m1, m0 = reading.answers + 2, reading.declines + 2
    q1, q0 = (reading.answers_right + 1) / m1, (reading.declines_right + 1) / m0
    youden = q1 + q0 - 1
    if youden <= 0:
        raise ValueError("the reader tells nothing apart: sensitivity + specificity is 1 or less")
    middle = (p + q0 - 1) / youden
    of_answers, of_declines = q1 * (1 - q1) / m1, q0 * (1 - q0) / m0
    items = p * (1 - p) / n / youden**2
    variance = items + (middle**2 * of_answers + (1 - middle) ** 2 * of_declines) / youden**2
    shifted = middle + 2 * z2 * (middle * of_answers - (1 - middle) * of_declines)
    half = read.quantile * sqrt(variance)
    estimate = (read.rate + reading.specificity - 1) / reading.youden
    if shifted + half <= 0 or shifted - half >= 1:
        raise ValueError(
            "the labels contradict what was read: by their errors alone it would have been "
            f"{'more' if shifted < 0.5 else 'less'}"
        )
    within = [min(1.0, max(0.0, value)) for value in (estimate, shifted - half, shifted + half)]
    low, high = min(within[0], within[1]), max(within[0], within[2])
    return Corrected(Interval(within[0], low, high, level, LIMITS), items, variance)


def corrected_difference(
    a: Corrected, b: Corrected, correlation: float, level: float = 0.95
) -> Interval:
    """a − b of two corrected rates of the same items, whose labels are independent samples.

    correlation: of the two rates as they are read. The limits of either are combined by squares with the
    correlation of the corrected rates, √(share of the variances that is the items') times as large (Zou &
    Donner 2008, Statistics in Medicine 27:1693): limits of one rate are not symmetric, nor those of the gap.
    """
    shared = sqrt((a.variance_items / a.variance) * (b.variance_items / b.variance))
    rho = min(1.0, max(-1.0, correlation)) * shared
    one, other = a.interval, b.interval
    gap = one.estimate - other.estimate

    def reach(first: float, second: float) -> float:
        return sqrt(max(0.0, first**2 + second**2 - 2 * rho * first * second))

    low = gap - reach(one.estimate - one.low, other.high - other.estimate)
    high = gap + reach(one.high - one.estimate, other.estimate - other.low)
    se = sqrt(max(0.0, a.variance + b.variance - 2 * rho * sqrt(a.variance * b.variance)))
    return Interval(gap, max(-1.0, low), min(1.0, high), level, DIFFERENCE, se)
