"""Numbers and names as a reader meets them: points with a direction, shares, p-values, quoted arms."""

from dataclasses import dataclass, replace

from splitplot.amounts import saved
from splitplot.inference.intervals import Interval

MINUS = "−"
MOST_DIGITS = 3


@dataclass(frozen=True)
class Unit:
    """How differences are spoken of: percentage points for scores within 0…1, else plain score units.

    digits: decimals, the same for all numbers of a sentence.
    """

    factor: float
    name: str
    digits: int = 1

    def fitted(self, *values: float | None) -> "Unit":
        """The unit with as many decimals (1 to 3) as keep each of the values from reading as 0."""
        sizes = [abs(v * self.factor) for v in values if v is not None and abs(v) > 1e-9]
        digits = 1
        while digits < MOST_DIGITS and any(size < 0.5 * 10**-digits for size in sizes):
            digits += 1
        return replace(self, digits=digits)

    def number(self, value: float) -> str:
        """A difference without its unit, with a true minus sign and never "−0.0"."""
        text = f"{abs(value * self.factor):,.{self.digits}f}"
        negative = value < 0 and any(digit in "123456789" for digit in text)
        return MINUS + text if negative else text

    def amount(self, value: float) -> str:
        """A difference with its unit: "3.2 points"."""
        return f"{self.number(value)} {self.name}"

    def limits(self, interval: Interval) -> str:
        """Both limits without the unit: "−1.2 to 3.4"."""
        return f"{self.number(interval.low)} to {self.number(interval.high)}"

    def span(self, interval: Interval) -> str:
        """Both limits with the unit: "−1.2 to 3.4 points"."""
        return f"{self.limits(interval)} {self.name}"


class Savings(Unit):
    """How a ratio of two arms is spoken of, given as log(B/A): the share that the arm which takes less
    saves of what the other takes, with a minus where that is the second arm."""

    def fitted(self, *values: float | None) -> "Unit":
        """As of a `Unit`, by the shares that the values stand for."""
        shares = [saved(v) for v in values if v is not None]
        return replace(self, digits=Unit(100.0, "").fitted(*shares).digits)

    def number(self, value: float) -> str:
        """The share in percent, without the sign of percent."""
        share = saved(value)
        return Unit(self.factor, "", self.digits).number(-share if value < 0 else share)

    def amount(self, value: float) -> str:
        """A share with its unit: "23.0%"."""
        return f"{self.number(value)}%"

    def limits(self, interval: Interval) -> str:
        """Both limits: "−1.2% to 3.4%"."""
        return f"{self.amount(interval.low)} to {self.amount(interval.high)}"

    def span(self, interval: Interval) -> str:
        """Both limits, with what they are of: "savings of −1.2% to 3.4%"."""
        return f"savings of {self.limits(interval)}"


POINTS = Unit(100.0, "points")
SCORE_UNITS = Unit(1.0, "units of score")
SAVINGS = Savings(100.0, "%")


def quoted(name: str) -> str:
    """The name of an arm in quotation marks: "direct" or "high" would otherwise read as a plain word."""
    return f"“{name}”"


def percent(share: float) -> str:
    """A share in percent with one decimal.

    >>> percent(0.213), percent(0.02)
    ('21.3%', '2.0%')
    """
    return f"{100 * share:.1f}%"


def level_text(level: float) -> str:
    """A confidence level in percent, with a decimal where it has one.

    >>> level_text(0.95), level_text(0.975), level_text(1 - 0.05 / 3)
    ('95%', '97.5%', '98.3%')
    """
    return f"{100 * level:.1f}".removesuffix(".0") + "%"


def p_text(p_value: float) -> str:
    """A p-value, never printed as 0.

    >>> p_text(0.0123), p_text(0.2), p_text(0.00004), p_text(0.9999)
    ('p = 0.012', 'p = 0.20', 'p < 0.001', 'p = 1.00')
    """
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.2f}" if p_value >= 0.0995 else f"p = {p_value:.3f}"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "item"), counted(1200, "item")
    ('1 item', '1,200 items')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(parts: list[str]) -> str:
    """Parts of a sentence in a row.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
