"""Axes of the figures: round ticks, and where a value lies between two pixels."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from splitplot.report.wording import number


@dataclass(frozen=True)
class Axis:
    """An axis in shown units (points, percent, dollars); `ticks` are (value, label)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...] = ()
    log: bool = False

    def share(self, value: float) -> float:
        """Where `value` lies, 0 (the low end) to 1, clipped to the axis."""
        if self.log:
            ends = math.log(self.low), math.log(self.high)
            place = (math.log(max(value, 1e-300)) - ends[0]) / (ends[1] - ends[0])
        else:
            place = (value - self.low) / (self.high - self.low)
        return min(max(place, 0.0), 1.0)

    def at(self, value: float, start: float, length: float) -> float:
        """The pixel of `value` on an axis that begins at pixel `start`; a negative length goes up."""
        return start + length * self.share(value)


def nice_axis(
    values: Iterable[float],
    *,
    signed: bool = False,
    most_ticks: int = 7,
    suffix: str = "",
    within: tuple[float, float] | None = None,
) -> Axis:
    """An axis over `values` with ticks at 1, 2 or 5 times a power of ten.

    within: the axis does not go beyond these ends, as a share does not go beyond 0 and 100%.
    """
    known = list(values)
    low, high = min(known), max(known)
    # Values that are (all but) one need an axis too: tick labels have at most some six figures.
    pad = (high - low) * 0.06 if high - low > 1e-6 * max(1.0, abs(low), abs(high)) else 1.0
    low, high = low - pad, high + pad
    if within and within[0] <= min(known) and max(known) <= within[1]:
        low, high = max(low, within[0]), min(high, within[1])
    step = tick_step(high - low, most_ticks)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple(
        (k * step, number(k * step, digits, signed=signed) + suffix) for k in range(first, last + 1)
    )
    return Axis(low, high, ticks)


def tick_step(width: float, most_ticks: int) -> float:
    """The smallest step of 1, 2 or 5 × 10^k that needs at most `most_ticks` ticks over `width`.

    >>> tick_step(100, 7), tick_step(0.9, 7)
    (20.0, 0.2)
    """
    power = 10.0 ** math.floor(math.log10(width / most_ticks))
    return next(m * power for m in (1, 2, 5, 10, 20) if width / (m * power) <= most_ticks)


def log_axis(values: Iterable[float], label: str = "{}", most_ticks: int = 6) -> Axis:
    """A logarithmic axis over positive `values`, with ticks at 1, 2 and 5 times powers of ten.

    label: format of a tick, such as "${}".
    """
    known = [v for v in values if v > 0]
    low, high = min(known), max(known)
    pad = max(1.15, (high / low) ** 0.08)
    low, high = low / pad, high * pad
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        places = [m * 10.0**k for k in powers for m in steps if low <= m * 10.0**k <= high]
        if len(places) <= most_ticks:
            break
    places = places[:: math.ceil(len(places) / most_ticks)] if places else []
    return Axis(low, high, tuple((v, label.format(f"{v:,.6g}")) for v in places), log=True)
