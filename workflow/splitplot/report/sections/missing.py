"""Missing answers: how far the lost ones could move each difference, and what it would take to turn it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, first, joined, said
from splitplot.report.wording import (
    NOTHING,
    Unit,
    bounds,
    difference,
    metric_unit,
    p_words,
    points,
)

HEAD = ("contrast", "lost answers", "if all lost ones spoke against it", "if all spoke for it",
        "to turn the verdict", "do the arms lose different items?")  # fmt: skip


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where no answer of a contrast was lost."""
    every = [c for c in inference.get("contrasts") or [] if _count(c)]
    if not every:
        return None
    table = Rows(HEAD)
    for c in every:
        lost, own = c["lost"], metric_unit(c.get("metric"), unit)
        ends, tip = lost.get("bounds") or {}, lost.get("tipping") or {}
        differs = lost.get("differential_p")
        table.add(
            c.get("name") or NOTHING,
            f"{lost.get('n_a') or 0:,} of “{c.get('a')}”, {lost.get('n_b') or 0:,} of “{c.get('b')}”",
            difference(ends.get("low"), own, noun=False) if ends.get("low") else None,
            difference(ends.get("high"), own, noun=False) if ends.get("high") else None,
            f"{tip['needed']:,} of {tip['of']:,}" if tip.get("needed") is not None else None,
            p_words(differs),
        )
    return Section(
        "missing",
        "What the lost answers could change",
        "Missing",
        lead=said(*((c["lost"].get("tipping") or {}).get("sentence") for c in every[:8])),
        figures=_figure([c for c in every if metric_unit(c.get("metric"), unit) == unit], unit),
        tables=table.table("missing", "Lost answers: bounds and tipping point"),
        notes=(
            "Lost: no answer came (error, expired, over quota, missing). The bounds take every lost "
            "answer of one side as right and every one of the other as wrong: no guess can be outside.",
        ),
    )


def _count(contrast: Mapping[str, Any]) -> int:
    lost = contrast.get("lost") or {}
    return (lost.get("n_a") or 0) + (lost.get("n_b") or 0)


def _figure(every: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Figure, ...]:
    drawn: list[rows.Row] = []
    told: list[str] = []
    for c in every[: rows.MOST_ROWS]:
        ends = c["lost"].get("bounds") or {}
        low, high = ends.get("low") or {}, ends.get("high") or {}
        interval = c.get("difference") or {}
        if low.get("estimate") is None or high.get("estimate") is None:
            continue
        value = interval.get("estimate")
        span = (low["estimate"], high["estimate"])
        drawn.append(
            rows.Row(
                c.get("name") or "",
                c.get("verdict") or "",
                points(value, unit) if value is not None else "no estimate",
                f"bounds {bounds(*span, unit)}",
                rows.mark(interval, unit),
                span=(span[0] * unit.factor, span[1] * unit.factor),
            )
        )
        told.append(f"{c.get('name')}: {difference(interval, unit)}, bounds {bounds(*span, unit)}")
    if not drawn:
        return ()
    return (
        Figure(
            "missing",
            "Each difference, and how far the lost answers could move it",
            joined(first(told, 8, "contrasts")),
            partial(rows.draw, rows=drawn),
            (
                ("interval", "difference and interval without the lost answers"),
                ("dots", "where the difference could lie, whatever they would have been"),
            ),
        ),
    )
