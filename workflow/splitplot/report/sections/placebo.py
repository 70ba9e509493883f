"""Placebo runs on the study's own data: how often this analysis cries wolf where nothing is there."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.plots.placebo import placebo
from splitplot.report.section import Rows, Section, said
from splitplot.report.sections.common import share
from splitplot.report.wording import NOTHING

HALVES = "split-half"
"""Halves of the items against each other: how often a verdict is repeated, not a false alarm."""


def section(inference: Mapping[str, Any]) -> Section | None:
    """The section; None where no placebo run was made."""
    found = inference.get("placebo") or {}
    kinds = [k for k in found.get("kinds") or [] if k.get("runs")]
    if not kinds:
        return None
    table = Rows(("placebo", "of", "runs", "false alarms", "share", "95% interval"))
    for kind in (k for k in kinds if k.get("kind") != HALVES):
        low, high = kind.get("low"), kind.get("high")
        table.add(
            str(kind.get("kind") or NOTHING),
            str(kind["name"]) if kind.get("name") else None,
            f"{kind['runs']:,}",
            f"{kind.get('false_alarms') or 0:,}",
            share(kind.get("share")),
            f"{share(low)} to {share(high)}" if low is not None and high is not None else None,
        )
    figure = placebo(kinds, float(inference.get("alpha") or 0.05))
    return Section(
        "placebo",
        "Does this analysis cry wolf on these data?",
        "Placebo",
        lead=said(found.get("sentence")),
        figures=(figure,) if figure else (),
        tables=table.table("placebo", "Placebo runs: nothing was there to find", folded=figure),
        notes=said(
            *(k.get("sentence") for k in kinds if k.get("kind") == HALVES),
            *(_left_out(entry) for entry in found.get("left_out") or []),
        ),
    )


def _left_out(entry: Mapping[str, Any]) -> str:
    """What could not be run, and why."""
    what = " ".join(str(entry[key]) for key in ("kind", "name") if entry.get(key))
    return f"{what}: not run, {str(entry.get('reason') or 'no reason given').rstrip('.')}."
