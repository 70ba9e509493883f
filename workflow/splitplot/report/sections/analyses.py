"""Sensitivity: what other analyses of the same contrast would say, and in how many the verdict holds."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, Value, first, joined, said
from splitplot.report.wording import (
    NOTHING,
    Unit,
    bounds,
    difference,
    metric_unit,
    plural,
    points,
)

HEAD = ("contrast", "analysis", "difference", "by itself", "verdict holds")
MOST = 4
"""Contrasts in the figure; the table has them all."""


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where no other analysis was made."""
    every = [c for c in inference.get("contrasts") or [] if _others(c)]
    if not every:
        return None
    table = Rows(HEAD)
    for c in every:
        own = metric_unit(c.get("metric"), unit)
        for one in _others(c):
            judged = one.get("holds")
            holds = None if judged is None else "yes" if judged else "no"
            table.add(
                c.get("name") or NOTHING,
                str(one.get("name") or NOTHING),
                Value(difference(one["difference"], own, noun=False)),
                one.get("verdict"),
                Value(holds, strong=holds == "no") if holds else None,
            )
    same = [c for c in every if metric_unit(c.get("metric"), unit) == unit]
    figures = _figure(same[:MOST], unit)
    return Section(
        "sensitivity",
        "Would another analysis say the same?",
        "Sensitivity",
        lead=said(*(_sentence(c) for c in every[:8])),
        figures=figures,
        tables=table.table("sensitivity", "The same contrasts, analysed otherwise", folded=figures),
    )


def holding(contrast: Mapping[str, Any]) -> tuple[int, int]:
    """In how many other analyses the verdict holds, and of how many that give one."""
    judged = [s["holds"] for s in _others(contrast) if s.get("holds") is not None]
    return sum(judged), len(judged)


def _sentence(contrast: Mapping[str, Any]) -> str | None:
    held, judged = holding(contrast)
    if not judged:
        return None
    others = plural(judged, "other analysis", "other analyses")
    return (
        f"{contrast.get('name')}: what “{contrast.get('alone') or contrast.get('verdict')}”, the default "
        f"analysis, claims holds in {held} of {others}, each taken by itself."
    )


def _others(contrast: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        s
        for s in contrast.get("sensitivity") or []
        if (s.get("difference") or {}).get("estimate") is not None
    ]


def _figure(every: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Figure, ...]:
    drawn: list[rows.Row] = []
    told: list[str] = []
    for c in every:
        drawn.append(rows.Row(c.get("name") or "", head=True))
        margin = c["margin"] * unit.factor if c.get("margin") else None
        if (c.get("difference") or {}).get("estimate") is not None:
            drawn.append(_row("as declared", c["difference"], unit, margin, c.get("verdict")))
        for one in _others(c):
            holds = one.get("holds") is not False
            words = one.get("verdict") or ("" if holds else "another verdict")
            drawn.append(
                _row(str(one.get("name") or ""), one["difference"], unit, margin, words, holds)
            )
            told.append(
                f"{c.get('name')}, {one.get('name')}: {difference(one['difference'], unit)}, "
                f"{'holds' if holds else 'does not hold'}"
            )
    if not drawn:
        return ()
    kept = drawn[: rows.MOST_ROWS]
    legend = [("interval", "same verdict"), ("cross", "another verdict")]
    if not any(one.shape == "cross" for row in kept for one in row.marks):
        legend.pop()
    if any(row.margin for row in kept):
        legend.append(("band", "within the margin"))
    return (
        Figure(
            "sensitivity",
            "The declared analysis and the others",
            joined(first(told, 16, "analyses")),
            partial(rows.draw, rows=kept),
            tuple(legend),
        ),
    )


def _row(
    label: str,
    interval: Mapping[str, Any],
    unit: Unit,
    margin: float | None,
    verdict: str | None,
    holds: bool = True,
) -> rows.Row:
    return rows.Row(
        label,
        verdict or "",
        points(interval["estimate"], unit),
        bounds(interval.get("low"), interval.get("high"), unit),
        rows.mark(interval, unit, shape="dot" if holds else "cross"),
        margin,
    )
