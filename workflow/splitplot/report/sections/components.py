"""Where the variation comes from: items, models, prompts, their interplay, run-to-run noise."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.plots.components import components
from splitplot.report.section import Rows, Section, Value, said
from splitplot.report.sections.common import share
from splitplot.report.wording import NOTHING, Unit, number

HEAD = ("source", "share of the variation", "95% interval", "means of its levels")


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where no components were estimated."""
    found = inference.get("components") or {}
    every = [row for row in found.get("rows") or [] if row.get("share") is not None]
    if not every:
        return None
    table = Rows(HEAD)
    for row in every:
        low, high, ends = row.get("low"), row.get("high"), row.get("range")
        seen = row.get("detectable", True)
        table.add(
            Value(
                str(row.get("label") or row.get("name")),
                ("few levels: describes these",) if row.get("descriptive") else (),
            ),
            share(row["share"]) if seen else "not detectable",
            f"{share(low)} to {share(high)}" if low is not None and high is not None else None,
            f"{_mean(ends[0], unit)} to {_mean(ends[1], unit)}" if ends else None,
        )
    figure = components(every, unit)
    method = found.get("method")
    return Section(
        "components",
        "Where the variation comes from",
        "Variation",
        lead=said(*(found.get("sentences") or [])),
        figures=(figure,) if figure else (),
        tables=table.table(
            "components",
            "Share of each source in the variation of single scores",
            folded=figure,
        ),
        notes=said(
            f"Estimated by {method}{'' if found.get('balanced', True) else ', with cells missing'}"
            f" from {found.get('n_rows') or 0:,} scores."
            if method
            else None,
            _logistic(found.get("logistic")),
            *(found.get("warnings") or []),
        ),
    )


def _logistic(other: Any) -> str | None:
    """The sentence of the analysis on the scale of log-odds, where it has one."""
    return str(other["sentence"]) if isinstance(other, Mapping) and other.get("sentence") else None


def _mean(value: float | None, unit: Unit) -> str:
    return NOTHING if value is None else f"{number(value * unit.factor)}{unit.suffix}"
