"""Scopes: the same contrast for these items, items like these, prompts and datasets like these."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report import ratios
from splitplot.report.cells import Cells
from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Table, Value, joined
from splitplot.report.sections.common import gap
from splitplot.report.wording import NOTHING, Unit, difference, level, metric_unit, points, scope

MOST = 6
"""Contrasts in the figure; the table has them all."""


def figure(every: Sequence[Mapping[str, Any]], cells: Cells, unit: Unit) -> tuple[Figure, ...]:
    """The figure of the contrasts that were computed at more than one scope."""
    drawn: list[rows.Row] = []
    told: list[str] = []
    several = [
        c for c in every if len(_known(c)) > 1 and metric_unit(c.get("metric"), unit) == unit
    ]
    for c in several[:MOST]:
        drawn.append(rows.Row(c.get("name") or "", head=True))
        for one in _known(c):
            said = scope(one["scope"])
            drawn.append(_row(one, said, unit))
            told.append(
                f"{c.get('name')}, {said}: {difference(one['difference'], unit)}, "
                f"{one.get('verdict') or 'no verdict'}"
            )
    if not drawn:
        return ()
    return (
        Figure(
            "scopes",
            "How far each claim reaches: the same difference for wider and wider populations",
            joined(told),
            partial(rows.draw, rows=drawn),
            (("interval", "difference and interval at one scope"),),
        ),
    )


def _row(one: Mapping[str, Any], said: str, unit: Unit) -> rows.Row:
    interval = one["difference"]
    ends = difference(interval, unit, noun=False).partition(" (")[2].rstrip(")")
    return rows.Row(
        said,
        one.get("verdict") or "",
        points(interval["estimate"], unit),
        ends,
        rows.mark(interval, unit),
    )


def table(every: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Table, ...]:
    """Every contrast at every scope, with the reason where it could not be computed."""
    gathered = Rows(("contrast", "speaks of", "difference", "verdict"))
    for c in every:
        own = metric_unit(c.get("metric"), unit)
        for one in c.get("scopes") or []:
            known = (one.get("difference") or {}).get("estimate") is not None
            shown = gap(one["difference"], own) if known else Value("not computed")
            if one.get("ratio"):
                ratio = one["ratio"]
                how = (level(ratio), ratio.get("method") or "")
                shown = Value(
                    f"{ratios.times(ratio)} ({ratios.times_ends(ratio)})", how, strong=True
                )
            gathered.add(
                c.get("name") or NOTHING,
                scope(one.get("scope")),
                shown,
                ratios.shown_word({**c, "verdict": one["verdict"]})
                if one.get("verdict")
                else one.get("reason"),
            )
    return gathered.table(
        "scopes", "The same difference for wider and wider populations", folded=True
    )


def _known(contrast: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        s
        for s in contrast.get("scopes") or []
        if (s.get("difference") or {}).get("estimate") is not None
    ]
