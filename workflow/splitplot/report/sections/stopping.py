"""Early stopping: the evidence after each look, and what stopping saved."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.plots.stopping import stopping
from splitplot.report.section import Rows, Section, said
from splitplot.report.sections.common import gap, share
from splitplot.report.wording import NOTHING, Unit, metric_unit, number


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where the study's sample was fixed."""
    found = inference.get("stopping") or {}
    looks = found.get("looks") or []
    if not looks:
        return None
    metrics = {c.get("name"): c.get("metric") for c in inference.get("contrasts") or []}
    table = Rows(("look", "items", "contrast", "evidence, to 1", "difference", "settled"))
    for look in looks:
        for entry in look.get("evidence") or []:
            own = metric_unit(metrics.get(entry.get("contrast")), unit)
            table.add(
                str(look.get("look") or NOTHING),
                f"{look.get('items') or 0:,}",
                str(entry.get("contrast") or NOTHING),
                _evidence(entry.get("e_value")),
                gap(entry.get("difference"), own),
                "yes" if look.get("settled") else "no",
            )
    figure = stopping(looks, float(inference.get("alpha") or 0.05))
    saved, asked, planned = (
        found.get(key) for key in ("saved_share", "asked_items", "planned_items")
    )
    note = (
        f"{asked:,} of {planned:,} planned items were asked: {share(saved, 0)} saved."
        if None not in (saved, asked, planned)
        else None
    )
    return Section(
        "stopping",
        "When was it settled?",
        "Stopping",
        lead=said(found.get("sentence"), note if not found.get("sentence") else None),
        figures=(figure,) if figure else (),
        tables=table.table("stopping", "Evidence against “no gap” after each look", folded=figure),
        notes=(
            "The evidence may be looked at as often as one likes: the chance that it ever passes the "
            "threshold where there is no gap stays below the declared alpha.",
        ),
    )


def _evidence(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "over 1,000,000" if value > 1e6 else number(value, 0 if value >= 10 else 2)
