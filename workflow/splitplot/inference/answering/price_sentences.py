"""How the price of an avoided false answer is spoken of."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splitplot.inference.intervals import Interval
from splitplot.inference.wording import MINUS, level_text, percent, quoted

THOUSAND = 1000
FREE = "it costs nothing more"


@dataclass(frozen=True)
class Price:
    """What is known of one price.

    u: share of unanswerable questions in the study. dollars: more per question of that mix, extra: the same
    with its interval, and by kind of question; None where not known. avoided: false answers per unanswerable
    question. ratio: the price in that mix; reason: why there is none. barely: the gain is less than what the
    study would find 8 times in 10.
    """

    u: float
    dollars: float | None = None
    extra: Interval | None = None
    extra_unanswerable: float | None = None
    extra_answerable: float | None = None
    avoided: float | None = None
    ratio: Interval | None = None
    reason: str | None = None
    barely: bool = False

    def having(self, **known: Any) -> "Price":
        """The same with more that is known."""
        return replace(self, **known)


def sentence(condition: str, control: str, price: Price) -> str:
    """What the condition costs beyond the control, what it avoids, and the price of one false answer."""
    a, b = quoted(condition), quoted(control)
    cost = _cost(a, b, price)
    if price.avoided is None or price.extra is None:
        return f"{cost}; there is no price of an avoided false answer: {price.reason}."
    gain = f"avoids {THOUSAND * price.avoided:,.0f} false answers per 1,000 unanswerable questions"
    if price.reason == FREE:
        return f"{cost} and {gain}: avoiding them is free."
    if price.ratio is None or (price.reason is not None and price.extra.estimate > 0):
        return f"{cost}; there is no price of an avoided false answer: {price.reason}."
    mix = f"In a mix like this study's, {percent(price.u)} of it unanswerable,"
    if price.reason is not None:
        most = usd(max(0.0, price.ratio.high))
        return (
            f"{cost} and {gain}. {mix} each false answer avoided may cost nothing, or up to {most}; "
            f"{price.reason}."
        )
    ratio = price.ratio
    level = f"{level_text(ratio.level)} interval"
    ends = (
        f"{level} {usd(ratio.low)} to {usd(ratio.high)}"
        if ratio.low > 0
        else f"{level} up to {usd(ratio.high)}; it may cost nothing more"
    )
    return (
        f"{cost} and {gain}. {mix} each false answer avoided costs {usd(ratio.estimate)} ({ends})."
        f"{_formula(price)}{_edge(price)}"
    )


def _cost(a: str, b: str, price: Price) -> str:
    extra = price.extra
    if price.dollars is None:
        return f"What {a} costs beyond {b} is not known"
    if extra is None:
        more = usd(THOUSAND * price.dollars)
        return f"On these items {a} costs {more} more per 1,000 questions than {b}"
    if extra.high <= 0:
        return f"In dollars {a} costs nothing more than {b}"
    low, high = (usd(THOUSAND * end) for end in (extra.low, extra.high))
    level = f"{level_text(extra.level)} interval"
    if extra.estimate <= 0:
        return (
            f"{a} may cost nothing more than {b}, or up to {high} more per 1,000 questions "
            f"({level} {low} to {high})"
        )
    return (
        f"{a} costs {usd(THOUSAND * extra.estimate)} more per 1,000 questions than {b} "
        f"({level} {low} to {high})"
    )


def _formula(price: Price) -> str:
    """The price in another mix, with the study's numbers per 1,000 questions."""
    if price.extra_unanswerable is None or price.extra_answerable is None or not price.avoided:
        return ""
    x_u, x_a = (
        usd(THOUSAND * value) for value in (price.extra_unanswerable, price.extra_answerable)
    )
    return (
        f" Where a share u of the questions is unanswerable it is (u × {x_u} + (1 − u) × {x_a}) / "
        f"(u × {THOUSAND * price.avoided:,.0f}): what 1,000 unanswerable and 1,000 answerable questions cost "
        "more, and what is avoided."
    )


def _edge(price: Price) -> str:
    if not price.barely:
        return ""
    return (
        " Fewer false answers are avoided here than this study would find 8 times in 10, and a price is only "
        "given once they are found: such a price is usually too low."
    )


def usd(value: float) -> str:
    """Dollars with three significant digits below one.

    >>> usd(12.345), usd(0.012345), usd(0.0), usd(-0.5)
    ('$12.35', '$0.0123', '$0.00', '−$0.500')
    """
    if value < 0:
        return MINUS + usd(-value)
    if value >= 1 or value == 0:
        return f"${value:,.2f}"
    digits = 2 - int(np.floor(np.log10(value)))
    return f"${value:.{digits}f}"
