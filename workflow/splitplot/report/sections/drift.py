"""Waves: what changed since the first one, in the cells and in the gaps between them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from splitplot.report.cells import Cells
from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, joined, said
from splitplot.report.sections.common import cell_label, gap
from splitplot.report.wording import (
    NOTHING,
    Unit,
    bounds,
    difference,
    metric_unit,
    p_words,
    points,
)

MOST = 4


def section(inference: Mapping[str, Any], cells: Cells, unit: Unit) -> Section | None:
    """The section; None for a study of one wave."""
    found = inference.get("drift")
    if not found:
        return None
    every = found.get("contrasts") or []
    metrics = {c.get("name"): c.get("metric") for c in inference.get("contrasts") or []}
    of_cells = Rows(("cell", "scorer", "wave", "later − first", "p after Holm", "items"))
    for row in found.get("cells") or []:
        of_cells.add(
            cell_label(row, cells),
            str(row.get("metric") or ""),
            str(row.get("wave")),
            gap(row.get("difference"), unit),
            *_told(row),
        )
    of_gaps = Rows(("contrast", "wave", "gap", "change since the first", "p after Holm", "items"))
    figures: list[Figure] = []
    for place, entry in enumerate(every, start=1):
        own = metric_unit(metrics.get(entry.get("contrast")), unit)
        changes = {row.get("wave"): row for row in entry.get("changes") or []}
        for row in entry.get("gaps") or []:
            change = changes.get(row.get("wave"))
            since = gap(change.get("difference"), own) if change else None
            told = _told(change) if change else (None, None)
            name, wave = str(entry.get("contrast") or NOTHING), str(row.get("wave"))
            of_gaps.add(name, wave, gap(row.get("difference"), own), since, *told)
        if place <= MOST:
            figures += _figure(entry, own, place)
    return Section(
        "drift",
        "Between waves",
        "Waves",
        lead=said(found.get("sentence")),
        figures=tuple(figures),
        tables=(
            *of_gaps.table("drift-gaps", "Each contrast, wave by wave"),
            *of_cells.table("drift-cells", "Each cell against its first wave"),
        ),
        notes=(
            "Every other figure of this report is over all waves together, each a block of replications. "
            "A change may be the model's, the provider's or the time's: the waves alone cannot tell which.",
        ),
    )


def _told(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The adjusted p-value and the number of items of a change."""
    p, count = row.get("p_adjusted"), row.get("n_items")
    return (None if p is None else p_words(p)), (f"{count:,}" if count is not None else None)


def _figure(entry: Mapping[str, Any], unit: Unit, place: int) -> list[Figure]:
    drawn, told = [], []
    for row in (entry.get("gaps") or [])[: rows.MOST_ROWS]:
        ends, wave = row.get("difference") or {}, f"wave {row.get('wave')}"
        told.append(f"{wave}: {difference(row.get('difference'), unit)}")
        value = points(ends["estimate"], unit) if ends else ""
        detail = bounds(ends.get("low"), ends.get("high"), unit) if ends else "no estimate"
        drawn.append(rows.Row(wave, "", value, detail, rows.mark(ends, unit)))
    if not any(row.marks for row in drawn):
        return []
    caption = f"{entry.get('contrast') or 'The contrast'} by wave"
    draw = partial(rows.draw, rows=drawn)
    return [Figure(f"drift-{place}", caption, joined(told), draw, (("interval", "one wave"),))]
