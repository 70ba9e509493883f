"""What to buy next: how much narrower the interval would become, and for how much."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, Value, joined, said
from splitplot.report.sections.common import share
from splitplot.report.wording import NOTHING, Unit, dollars, metric_unit, plural, shown_difference

HEAD = ("option", "items", "replications", "prompts", "more answers", "cost", "half-width",
        "narrower", "narrower per dollar")  # fmt: skip


def section(inference: Mapping[str, Any], unit: Unit, study: str) -> Section | None:
    """The section; None where the components do not allow a projection."""
    found = inference.get("purchase") or {}
    every = found.get("rows") or []
    if not every:
        return None
    metrics = {c.get("name"): c.get("metric") for c in inference.get("contrasts") or []}
    own = metric_unit(metrics.get(found.get("contrast")), unit)
    now = found.get("now") or {}
    table = Rows(HEAD)
    if now:
        table.add("now", *_size(now), None, None, _width(now, own), None, None)
    for place, row in enumerate(every):
        rate = row.get("narrower_per_usd")
        table.add(
            Value(
                str(row.get("option") or NOTHING), tag="best" if place == found.get("best") else ""
            ),
            *_size(row),
            f"{row['extra_answers']:,}" if row.get("extra_answers") is not None else None,
            dollars(row["extra_usd"]) if row.get("extra_usd") is not None else None,
            _width(row, own),
            share(row.get("narrower")),
            share(rate) if rate is not None else None,
        )
    return Section(
        "next",
        "What to buy next",
        "Next",
        lead=said(found.get("sentence")),
        figures=_figure(found, own),
        tables=table.table(
            "next", f"{found.get('contrast') or 'The contrast'}: its interval after each purchase"
        ),
        notes=said(
            found.get("one_more_rater"),
            f"results/{study}/next.yaml holds the best of these: copied into a new study, its lines buy it."
            if found.get("next_study")
            else None,
        ),
    )


def _size(row: Mapping[str, Any]) -> list[str | None]:
    keys = ("items", "replications", "prompts")
    return [f"{row[key]:,}" if row.get(key) is not None else None for key in keys]


def _width(row: Mapping[str, Any], unit: Unit) -> str:
    value = row.get("half_width")
    return NOTHING if value is None else f"±{shown_difference(value, unit, signed=False)}"


def _figure(found: Mapping[str, Any], unit: Unit) -> tuple[Figure, ...]:
    """The interval that each option would leave, around 0: shorter is better."""
    now = found.get("now") or {}
    lines: list[tuple[str, Mapping[str, Any]]] = [("now", now), *_named(found["rows"])]
    drawn: list[rows.Row] = []
    told: list[str] = []
    for place, (name, row) in enumerate(lines):
        width = row.get("half_width")
        if width is None:
            continue
        value = width * unit.factor
        more = row.get("extra_answers")
        cost = row.get("extra_usd")
        price = f", {dollars(cost)}" if cost else ""
        note = f"{plural(more, 'more answer')}{price}" if more else ""
        best = place - 1 == found.get("best")
        drawn.append(
            rows.Row(
                name,
                note,
                f"±{shown_difference(width, unit, signed=False)}",
                "best per dollar" if best else "",
                (rows.Mark(0.0, -value, value, "diamond" if best else "dot"),),
            )
        )
        told.append(f"{name}: ±{shown_difference(width, unit, signed=False)} {unit.noun}, {note}")
    if len(drawn) < 2:
        return ()
    return (
        Figure(
            "next",
            f"Half-width of the interval of {found.get('contrast') or 'the contrast'} after each purchase",
            joined(told),
            partial(rows.draw, rows=drawn[: rows.MOST_ROWS]),
            (("interval", "the interval there would be, around 0: shorter tells more"),),
        ),
    )


def _named(every: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(str(row.get("option") or NOTHING), row) for row in every]
