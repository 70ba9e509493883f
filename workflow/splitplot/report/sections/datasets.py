"""Across datasets: each by itself, all together, and what a new one would be expected to show."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, joined, said
from splitplot.report.sections.common import gap, share
from splitplot.report.wording import (
    NOTHING,
    Unit,
    bounds,
    difference,
    metric_unit,
    number,
    p_words,
    points,
)

MOST = 4
POOLED = (
    ("fixed", "these datasets together", "diamond"),
    ("random", "datasets like these", "diamond"),
)


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where the study has one dataset."""
    every = [e for e in inference.get("datasets") or [] if e.get("rows")]
    if not every:
        return None
    metrics = {c.get("name"): c.get("metric") for c in inference.get("contrasts") or []}
    table = Rows(("contrast", "dataset", "difference", "items"))
    figures = []
    for place, entry in enumerate(every, start=1):
        own = metric_unit(metrics.get(entry.get("contrast")), unit)
        name = str(entry.get("contrast") or NOTHING)
        for row in entry["rows"]:
            count = row.get("n_items")
            table.add(
                name, str(row.get("dataset")), gap(row.get("difference"), own), f"{count or 0:,}"
            )
        for key, words, _ in POOLED:
            if entry.get(key):
                table.add(name, words, gap(entry[key], own), None)
        if entry.get("prediction"):
            ends = entry["prediction"]
            span = bounds(ends.get("low"), ends.get("high"), own)
            table.add(name, "one new dataset", f"{span}", None)
        if place <= MOST:
            figures += _figure(entry, own, place)
    return Section(
        "datasets",
        "Across datasets",
        "Datasets",
        lead=said(*(e.get("sentence") for e in every[:MOST])),
        figures=tuple(figures),
        tables=table.table("datasets", "Each dataset by itself, and all together", folded=figures),
        notes=said(*(_spread(e, unit) for e in every[:MOST])),
    )


def _spread(entry: Mapping[str, Any], unit: Unit) -> str | None:
    """How much the datasets differ, in the usual figures."""
    if entry.get("q") is None:
        return None
    tau = entry.get("tau")
    text = f"{entry.get('contrast')}: Q = {number(entry['q'], 2)}"
    if entry.get("q_df") is not None:
        text += f" on {entry['q_df']:g} degrees of freedom"
    if entry.get("q_p") is not None:
        text += f" ({p_words(entry['q_p'])})"
    if entry.get("i2") is not None:
        text += f", I² = {share(entry['i2'], 0)}"
    if tau is not None:
        text += f", standard deviation between datasets {number(tau * unit.factor, 2)} {unit.noun}"
    return f"{text}."


def _figure(entry: Mapping[str, Any], unit: Unit, place: int) -> list[Figure]:
    drawn: list[rows.Row] = []
    told: list[str] = []
    for row in entry["rows"][: rows.MOST_ROWS - 4]:
        count = f"{row['n_items']:,} items" if row.get("n_items") is not None else ""
        drawn.append(_row(str(row.get("dataset")), count, row.get("difference"), unit))
        told.append(f"{row.get('dataset')}: {difference(row.get('difference'), unit)}")
    for key, words, shape in POOLED:
        if entry.get(key):
            drawn.append(_row(words, "", entry[key], unit, shape=shape))
            told.append(f"{words}: {difference(entry[key], unit)}")
    ends = rows.span(entry.get("prediction"), unit)
    if ends:
        low, high = entry["prediction"]["low"], entry["prediction"]["high"]
        words = bounds(low, high, unit)
        drawn.append(rows.Row("one new dataset", "prediction interval", "", words, span=ends))
        told.append(f"one new dataset: {words}")
    if not any(row.marks for row in drawn):
        return []
    legend = [("interval", "one dataset"), ("diamond", "together")]
    if ends:
        legend.append(("dots", "where one new dataset would be expected"))
    return [
        Figure(
            f"datasets-{place}",
            f"{entry.get('contrast') or 'The contrast'} by dataset",
            joined(told),
            partial(rows.draw, rows=drawn),
            tuple(legend),
        )
    ]


def _row(
    label: str, note: str, interval: Mapping[str, Any] | None, unit: Unit, shape: str = "dot"
) -> rows.Row:
    value = (interval or {}).get("estimate")
    if interval is None or value is None:
        return rows.Row(label, note, "", "no estimate")
    ends = bounds(interval.get("low"), interval.get("high"), unit)
    return rows.Row(label, note, points(value, unit), ends, rows.mark(interval, unit, shape=shape))
