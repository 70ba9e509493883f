"""Interaction: does a difference depend on the prompt, the model, the setting it is measured under?"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, joined, said
from splitplot.report.sections.common import gap
from splitplot.report.wording import (
    NOTHING,
    Unit,
    bounds,
    difference,
    metric_unit,
    p_value,
    p_words,
    points,
)

MOST = 6
HEAD = ("contrast", "under", "difference", "items", "p")


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where no contrast was looked at under several levels of another factor."""
    every = [e for e in inference.get("interaction") or [] if e.get("simple")]
    if not every:
        return None
    metrics = {c.get("name"): c.get("metric") for c in inference.get("contrasts") or []}
    table = Rows(HEAD)
    for entry in every:
        own = metric_unit(metrics.get(entry.get("contrast")), unit)
        for one in entry["simple"]:
            table.add(
                str(entry.get("contrast") or NOTHING),
                f"{entry.get('with')} “{one.get('level')}”",
                gap(one.get("difference"), own),
                f"{one['n_items']:,}" if one.get("n_items") is not None else None,
                p_value(one.get("p_value")),
            )
    same = [e for e in every if metric_unit(metrics.get(e.get("contrast")), unit) == unit]
    figures = _figure(same[:MOST], unit)
    return Section(
        "interaction",
        "Does it depend on the rest of the design?",
        "Interaction",
        lead=said(*(e.get("sentence") for e in every[:8])),
        figures=figures,
        tables=table.table(
            "interaction", "The same contrast under each level of another factor", folded=figures
        ),
        notes=said(*(_joint(e) for e in every[:8])),
    )


def _joint(entry: Mapping[str, Any]) -> str | None:
    """The joint test that the difference is the same everywhere."""
    joint = entry.get("joint")
    if not joint or joint.get("p_value") is None:
        return None
    return (
        f"{entry.get('contrast')}, the same under every {entry.get('with')}? "
        f"{joint.get('test') or 'Joint test'}: {p_words(joint['p_value'])}."
    )


def _figure(every: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Figure, ...]:
    drawn: list[rows.Row] = []
    told: list[str] = []
    for entry in every:
        note = "its direction depends on this" if entry.get("conditional") else ""
        drawn.append(rows.Row(f"{entry.get('contrast')}, by {entry.get('with')}", note, head=True))
        for one in entry["simple"]:
            interval = one.get("difference") or {}
            value = interval.get("estimate")
            drawn.append(
                rows.Row(
                    str(one.get("level") or ""),
                    value=points(value, unit) if value is not None else "",
                    detail=bounds(interval.get("low"), interval.get("high"), unit)
                    if value is not None
                    else "no estimate",
                    marks=rows.mark(interval, unit),
                )
            )
            told.append(
                f"{entry.get('contrast')} under {one.get('level')}: {difference(dict(interval), unit)}"
            )
    if not any(row.marks for row in drawn):
        return ()
    kept = drawn[: rows.MOST_ROWS]
    return (
        Figure(
            "interaction",
            "Each contrast under every level of the other factor",
            joined(told[:24]),
            partial(rows.draw, rows=kept),
            (("interval", "difference under one level, with its interval"),),
        ),
    )
