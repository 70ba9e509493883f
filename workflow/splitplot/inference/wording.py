"""Numbers as a reader meets them: points with a direction, shares, p-values."""

from dataclasses import dataclass

from splitplot.inference.intervals import Interval

MINUS = "−"


@dataclass(frozen=True)
class Unit:
    """How differences are spoken of: percentage points for scores within 0…1, else plain score units."""

    factor: float
    one: str
    many: str

    def number(self, value: float) -> str:
        """A difference without its unit: one decimal, more where it would otherwise read as 0."""
        return signed(value * self.factor)

    def amount(self, value: float) -> str:
        """A difference with its unit: "1 point", "3.2 points"."""
        text = self.number(value)
        return f"{text} {self.one if text == '1' else self.many}"

    def span(self, interval: Interval) -> str:
        """Both limits with the unit: "−1.2 to 3.4 points"."""
        return f"{self.number(interval.low)} to {self.number(interval.high)} {self.many}"


POINTS = Unit(100.0, "point", "points")
SCORE_UNITS = Unit(1.0, "unit of score", "units of score")


def signed(value: float) -> str:
    """One decimal, two significant digits below 0.1, no trailing zero, a real minus sign.

    >>> signed(-3.04), signed(0.0412), signed(7.0)
    ('−3', '0.041', '7')
    """
    size = abs(value)
    text = f"{size:.1f}" if size >= 0.0995 else f"{size:.2g}"
    if size < 1e-4:
        text = "0"
    text = text.removesuffix(".0")
    return MINUS + text if value < 0 and text != "0" else text


def percent(share: float) -> str:
    """A share in percent.

    >>> percent(0.213), percent(0.02)
    ('21.3%', '2%')
    """
    return f"{signed(100 * share)}%"


def p_text(p_value: float) -> str:
    """A p-value, never printed as 0.

    >>> p_text(0.0123), p_text(0.2), p_text(0.00004)
    ('p = 0.012', 'p = 0.20', 'p < 0.001')
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
