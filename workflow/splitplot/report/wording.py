"""How the report says numbers: points, percentages, dollars, durations, dates, counts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor, log10
from typing import Any

MINUS = "−"
NOTHING = "–"
"""What stands in a table where there is no value."""

SCOPES = {
    "items": "items like these",
    "fixed": "exactly these items",
    "these items": "exactly these items",
    "prompts": "prompts like these",
    "datasets": "datasets like these",
    "judges": "judges like these",
}

OUTCOME_WORDS = {
    "ok": "answered",
    "truncated": "cut off at the token limit",
    "refused": "refused",
    "empty": "empty",
    "abstained": "abstained",
    "unparseable": "no answer could be read from it",
    "error": "failed",
    "expired": "expired",
    "over_quota": "over quota",
    "missing": "not asked yet",
}
LOST = ("error", "expired", "over_quota", "missing")
"""Outcomes in which no answer reached us: holes in the grid, not wrong answers."""


@dataclass(frozen=True)
class Unit:
    """How scores are shown: multiplied by `factor`, and called `noun` when they are differences."""

    factor: float
    noun: str
    suffix: str


POINTS = Unit(100.0, "points", "%")
RAW = Unit(1.0, "on the score's scale", "")
METRICS = {
    "tokens_out": Unit(1.0, "output tokens", ""),
    "tokens_in": Unit(1.0, "input tokens", ""),
    "usd": Unit(1.0, "dollars", ""),
    "latency_s": Unit(1.0, "seconds", ""),
    "usd_per_correct": Unit(1.0, "dollars per correct answer", ""),
}
"""Metrics that are no scores, and how their differences are shown."""


def metric_unit(metric: str | None, score: Unit) -> Unit:
    """How differences of a metric are shown; `score` where it is a scorer's name or “score”."""
    return METRICS.get(metric or "", score)


def number(value: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """`value` with a true minus sign and thousands separators; never "−0.0".

    >>> number(-1234.56), number(3.0, 1, signed=True), number(-0.01), number(None)
    ('−1,234.6', '+3.0', '0.0', '–')
    """
    if value is None:
        return NOTHING
    text = f"{abs(value):,.{digits}f}"
    if not any(c in "123456789" for c in text):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Count and noun in agreement.

    >>> plural(1, "item"), plural(2000, "item"), plural(0, "reply", "replies")
    ('1 item', '2,000 items', '0 replies')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def digits_for(*values: float | None) -> int:
    """Decimals that keep the smallest of the values (in shown units) readable: 1 or 2, below 0.01 as many
    as two figures take (dollars need them), at most 6."""
    smallest = min((abs(v) for v in values if v and abs(v) > 1e-9), default=1.0)
    if smallest >= 0.01:
        return 1 if smallest >= 0.1 else 2
    return min(6, 1 - floor(log10(smallest)))


def points(value: float | None, unit: Unit = POINTS, *, signed: bool = True) -> str:
    """A difference of scores in words.

    >>> points(0.031), points(-0.2), points(0.02, signed=False)
    ('+3.1 points', '−20.0 points', '2.0 points')
    """
    return (
        NOTHING if value is None else f"{shown_difference(value, unit, signed=signed)} {unit.noun}"
    )


def shown_difference(value: float | None, unit: Unit = POINTS, *, signed: bool = True) -> str:
    """A difference of scores as a bare number, where the heading says the unit."""
    if value is None:
        return NOTHING
    shown = value * unit.factor
    return number(shown, digits_for(shown), signed=signed)


def bounds(low: float | None, high: float | None, unit: Unit = POINTS) -> str:
    """The two ends of an interval, in shown units.

    >>> bounds(0.004, 0.058), bounds(-0.01, 0.02), bounds(None, 0.1)
    ('0.4 to 5.8', '−1.0 to 2.0', 'no interval')
    """
    if low is None or high is None:
        return "no interval"
    ends = (low * unit.factor, high * unit.factor)
    # An end that is not 0 never reads as 0: whether it is decides a verdict.
    digits = digits_for(ends[1] - ends[0], *(2 * end for end in ends if abs(end) > 1e-7))
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}"


def difference(interval: dict[str, Any] | None, unit: Unit = POINTS, *, noun: bool = True) -> str:
    """An estimated difference with its interval: “+3.1 points (0.4 to 5.8)”; “points” is optional."""
    if not interval or interval.get("estimate") is None:
        return "no estimate"
    ends = bounds(interval.get("low"), interval.get("high"), unit)
    said = points if noun else shown_difference
    return f"{said(interval['estimate'], unit)} ({ends})"


def level(interval: dict[str, Any] | None) -> str:
    """The confidence level of an interval: “95%”; “95%” where the interval does not say."""
    value = (interval or {}).get("level") or 0.95
    return f"{value * 100:g}%"


def mean(interval: dict[str, Any] | None, unit: Unit = POINTS) -> str:
    """A mean score with its interval: “66.7% (60.1 to 72.7)”."""
    if not interval or interval.get("estimate") is None:
        return NOTHING
    value = interval["estimate"] * unit.factor
    ends = bounds(interval.get("low"), interval.get("high"), unit)
    return f"{number(value, 1 if unit is POINTS else 2)}{unit.suffix} ({ends})"


def percent(part: float, whole: float, digits: int = 0) -> str:
    """A share; never rounded up to 100% or down to 0% while something is left over.

    >>> percent(1, 3), percent(999, 1000), percent(1, 1000), percent(3, 3), percent(0, 0)
    ('33%', '>99%', '<1%', '100%', '–')
    """
    if not whole:
        return NOTHING
    share = 100 * part / whole
    step = 10**-digits
    if 0 < share < step / 2:
        return f"<{step:g}%"
    if 100 - step / 2 < share < 100:
        return f">{100 - step:g}%"
    return f"{share:.{digits}f}%"


def p_value(value: float | None) -> str:
    """A p-value to two figures, with a floor.

    >>> p_value(0.0421), p_value(0.00004), p_value(0.9999), p_value(None)
    ('0.042', '<0.0001', '1.00', '–')
    """
    if value is None:
        return NOTHING
    if value < 0.0001:
        return "<0.0001"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def p_words(value: float | None) -> str:
    """A p-value with its sign of comparison.

    >>> p_words(0.0421), p_words(0.00004), p_words(None)
    ('p = 0.042', 'p < 0.0001', '–')
    """
    text = p_value(value)
    if value is None:
        return text
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def dollars(value: float | None) -> str:
    """Money: four decimals below ten cents, two from there on.

    >>> dollars(0.0123), dollars(0), dollars(1234.5), dollars(0.000004), dollars(None)
    ('$0.0123', '$0', '$1,234.50', '<$0.0001', 'price unknown')
    """
    if value is None:
        return "price unknown"
    if value == 0:
        return "$0"
    if value < 0.0001:
        return "<$0.0001"
    return f"${value:,.4f}" if value < 0.1 else f"${value:,.2f}"


def duration(seconds: float | None) -> str:
    """A span of time in its two largest units.

    >>> duration(4.21), duration(200), duration(7500), duration(273600), duration(None)
    ('4.2 s', '3 min 20 s', '2 h 05 min', '3 d 4 h', '–')
    """
    if seconds is None:
        return NOTHING
    if seconds < 59.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def parse_instant(text: str | None) -> datetime | None:
    """An ISO 8601 text as UTC; a text without a zone is taken as UTC; None where it is no date."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def instant(text: str | None) -> str:
    """A date and time in UTC.

    >>> instant("2026-03-04T06:07:08+01:00"), instant(None)
    ('2026-03-04 05:07 UTC', '–')
    """
    moment = parse_instant(text)
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else NOTHING


def scope(word: str | None) -> str:
    """The population an interval speaks of, in words."""
    return SCOPES.get(word or "items", word or "items like these")
