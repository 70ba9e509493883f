"""Ranking: which ranks the data leave open, and how often each came first."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.plots.ranking import ranking
from splitplot.report.section import Figure, Rows, Section, Table, said
from splitplot.report.sections.common import average, share
from splitplot.report.wording import NOTHING, Unit, metric_unit

HEAD = ("arm", "mean", "ranks that remain possible", "came first in")
MOST = 4


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where nothing is ranked."""
    every = [r for r in inference.get("ranking") or [] if len(r.get("rows") or []) > 1]
    if not every:
        return None
    figures: list[Figure] = []
    tables: list[Table] = []
    for place, entry in enumerate(every[:MOST], start=1):
        own = metric_unit(entry.get("metric"), unit)
        factor = str(entry.get("factor") or "arm")
        drawn = ranking(entry["rows"], own, f"ranking-{place}", factor)
        if drawn:
            figures.append(drawn)
        table = Rows(HEAD)
        for row in entry["rows"]:
            ends = (row.get("rank_low"), row.get("rank_high"))
            ranks = str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
            table.add(
                str(row.get("name") or NOTHING),
                average(row.get("mean"), own),
                ranks if None not in ends else None,
                share(row.get("p_best"), 0),
            )
        items = f" on {entry['n_items']:,} common items" if entry.get("n_items") else ""
        tables += table.table(f"ranking-{place}", f"By {factor}{items}", folded=drawn)
    methods = sorted({str(e["method"]) for e in every if e.get("method")})
    return Section(
        "ranking",
        "Ranking",
        "Ranking",
        lead=said(*(e.get("sentence") for e in every[:MOST])),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=said(
            "How often an arm came first is a picture of the uncertainty, not the probability that it "
            "is the best.",
            f"Ranks by {'; '.join(methods)}." if methods else None,
        ),
    )
