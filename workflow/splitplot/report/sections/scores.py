"""Scores per condition: strict and observed means of every cell, and what holds for these items alone."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from splitplot.report.cells import Cells
from splitplot.report.health import Links
from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, Value, first, joined, said
from splitplot.report.sections.common import average
from splitplot.report.wording import Unit, bounds, level, mean, number

HEAD = (
    *("cell", "strict, items like these", "strict, exactly these items", "observed"),
    *("items", "replications", "answers"),
)


def section(
    inference: Mapping[str, Any], cells: Cells, unit: Unit, links: Links, scorer: str
) -> Section | None:
    """The section; None where there are no cells."""
    every = inference.get("conditions") or []
    if not every:
        return None
    table = Rows(HEAD)
    methods = set()
    for row in every:
        cell = cells.of(row)
        strict = row.get("strict") or {}
        methods |= {strict["method"]} if strict.get("method") else set()
        factors = cells.factors(cell)
        named = " · ".join(value for value in factors.values() if value)
        table.add(
            Value(named, link=links.get((cell, None), "")),
            average(row.get("strict"), unit),
            average(row.get("these_items"), unit) if row.get("these_items") else None,
            average(row.get("observed"), unit),
            *(_count(row.get(key)) for key in ("n_items", "replications", "n_rows")),
        )
    known = next((row["strict"] for row in every if row.get("strict")), None)
    confidence = level(known)
    by = f" by scorer {scorer}" if scorer else ""
    figures = _figure(every, cells, unit, confidence)
    return Section(
        "scores",
        "Scores per condition",
        "Scores",
        figures=figures,
        tables=table.table("scores", f"Mean score{by}, with {confidence} interval", folded=figures),
        notes=said(
            "Replications are averaged within an item first."
            + (f" Intervals: {'; '.join(sorted(methods))}." if methods else ""),
            "Whether one condition beats another is for the paired contrasts to say, not for the "
            "overlap of these intervals.",
        ),
    )


def _count(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _figure(
    every: list[Mapping[str, Any]], cells: Cells, unit: Unit, confidence: str
) -> tuple[Figure, ...]:
    """Dots for every cell; the observed mean below the strict one where the two differ."""
    drawn: list[rows.Row] = []
    told: list[str] = []
    for row in every:
        strict, observed = row.get("strict") or {}, row.get("observed") or {}
        value, other = strict.get("estimate"), observed.get("estimate")
        if value is None:
            continue
        differs = other is not None and abs(other - value) > 1e-9
        marks = rows.mark(strict, unit, inner=rows.span(row.get("these_items"), unit))
        if differs:
            marks += rows.mark(observed, unit, hollow=True)
        label = cells.label(cells.of(row))
        drawn.append(
            rows.Row(
                label,
                value=f"{number(value * unit.factor)}{unit.suffix}",
                detail=bounds(strict.get("low"), strict.get("high"), unit),
                marks=marks,
            )
        )
        told.append(
            f"{label}: strict {mean(strict, unit)}"
            + (f"; observed {mean(observed, unit)}" if differs else "")
        )
    if not drawn:
        return ()
    kept = drawn[: rows.MOST_ROWS]
    legend = [("interval", f"strict, {confidence} interval: unreadable or cut off counts as wrong")]
    if any(one.inner for row in kept for one in row.marks):
        legend.append(
            ("inner", "thick: for exactly these items, where only run-to-run noise counts")
        )
    if any(one.hollow for row in kept for one in row.marks):
        legend.append(("hollow", "observed: complete, readable answers only"))
    return (
        Figure(
            "scores",
            f"Mean score per cell with its {confidence} interval",
            joined(first(told, 12, "cells")),
            partial(
                rows.draw,
                rows=kept,
                zero=False,
                suffix=unit.suffix,
                within=(0.0, 100.0) if unit.suffix else None,
            ),
            tuple(legend),
        ),
    )
