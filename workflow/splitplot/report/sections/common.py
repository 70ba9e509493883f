"""What several sections need: the label of a cell, an interval as a value of a table."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.cells import Cells
from splitplot.report.section import Value
from splitplot.report.wording import NOTHING, Unit, bounds, level, mean, shown_difference


def cell_label(row: Mapping[str, Any], cells: Cells) -> str:
    """The label of the cell that a row speaks of: under `cell`, by `name`, or by its own fields."""
    cell = row.get("cell")
    if isinstance(cell, Mapping):
        return cells.label(cells.of(cell))
    if cell or row.get("name"):
        return str(row.get("name") or cell)
    return cells.label(cells.of(row))


def gap(interval: Mapping[str, Any] | None, unit: Unit, *, soft: str = "") -> Value:
    """A difference with its interval; its level and method under it."""
    if not interval or interval.get("estimate") is None:
        return Value("no estimate")
    how = ", ".join(part for part in (level(dict(interval)), interval.get("method") or "") if part)
    ends = bounds(interval.get("low"), interval.get("high"), unit)
    value = shown_difference(interval["estimate"], unit)
    return Value(f"{value} ({ends})", tuple(text for text in (how, soft) if text), strong=True)


def average(interval: Mapping[str, Any] | None, unit: Unit) -> Value:
    """A mean, its interval under it."""
    text, _, ends = mean(dict(interval) if interval else None, unit).partition(" (")
    return Value(text, (ends.removesuffix(")"),) if ends else ())


def share(value: float | None, digits: int = 1) -> str:
    """A share in percent, with its sign where it is below 0 (a debiased one can be)."""
    if value is None:
        return NOTHING
    text = f"{abs(100 * value):.{digits}f}%"
    return f"−{text}" if value < 0 and any(c in "123456789" for c in text) else text


def decimal(value: float | None, digits: int = 3) -> str:
    """A number between 0 and 1 as it stands in a table of scores of probability."""
    return NOTHING if value is None else f"{value:.{digits}f}".replace("-", "−")


def named(row: Mapping[str, Any], key: str = "condition") -> str:
    """The name of the condition that a row speaks of."""
    return str(row.get(key) or NOTHING)
