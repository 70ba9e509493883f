"""Data health: how much of the design is filled, what became of every call, and the flags."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.cells import Cell, Cells, shown
from splitplot.report.plots import grid
from splitplot.report.section import Figure
from splitplot.report.wording import OUTCOME_WORDS, percent, plural

ALWAYS_SHOWN = ("ok", "truncated", "unparseable")
MOST_FLAGS = 60

Links = Mapping[tuple[Cell, str | None], str]
"""(cell, outcome or None for any) → anchor of an answer of that kind among the shown ones."""


DECLINED = (
    "Abstained is here what declines a question that has an answer; where there is none that is ok. "
    "All abstentions are in “Answers, abstentions and false answers”."
)


def health(inference: Mapping[str, Any], cells: Cells, links: Links) -> dict[str, Any] | None:
    """The figure of the grid, the table of outcomes, notes and flags; None where nothing is known."""
    given = inference.get("health") or {}
    rows = [{**r, "cell": cells.of(r)} for r in given.get("outcomes", [])]
    flags = inference.get("flags") or []
    if not rows and not flags:
        return None
    return {
        "grid": _grid(rows, cells) if rows else None,
        "outcomes": _outcomes(rows, cells, links) if rows else None,
        "notes": [
            *_notes(given, rows, cells),
            *([DECLINED] if inference.get("answering") and rows else []),
        ],
        "flags": [
            {k: str(f.get(k) or "") for k in ("code", "where", "message")}
            for f in flags[:MOST_FLAGS]
        ],
        "flags_left": max(0, len(flags) - MOST_FLAGS),
    }


def _grid(rows: list[dict[str, Any]], cells: Cells) -> Figure:
    """Trials down, conditions across: what came back of every cell."""
    found = {r["cell"]: r.get("counts") or {} for r in rows}
    trials = list(dict.fromkeys(cell[0] for cell in found))
    columns = list(dict.fromkeys(cell[1] for cell in found))
    lines = []
    for trial in trials:
        factors = cells.factors((trial, ""))
        counts = tuple(found.get((trial, column)) for column in columns)
        lines.append(grid.Line(factors["model"], factors["sampling"], counts))
    return grid.grid(lines, columns)


def _outcomes(rows: list[dict[str, Any]], cells: Cells, links: Links) -> dict[str, Any]:
    """Counts of every outcome per cell; columns that are zero everywhere are left out, and named."""
    present = [
        o
        for o in OUTCOME_WORDS
        if o in ALWAYS_SHOWN or any((r.get("counts") or {}).get(o) for r in rows)
    ]
    kept, left = shown(rows)
    return {
        "columns": [{"code": o, "words": OUTCOME_WORDS[o]} for o in present],
        "absent": [o for o in OUTCOME_WORDS if o not in present],
        "rows": [
            {
                "label": cells.label(r["cell"]),
                "link": links.get((r["cell"], None)),
                "total": sum((r.get("counts") or {}).values()),
                "counts": [
                    {"n": (r.get("counts") or {}).get(o, 0), "link": links.get((r["cell"], o))}
                    for o in present
                ],
            }
            for r in kept
        ],
        "left": left,
    }


def _notes(given: Mapping[str, Any], rows: list[dict[str, Any]], cells: Cells) -> list[str]:
    """Sentences on filling, truncation and duplicates."""
    notes = []
    total, filled = given.get("grid_rows"), given.get("filled")
    if total:
        notes.append(f"{filled or 0:,} of {plural(total, 'planned answer')} are in hand.")
    cut = given.get("truncated_share")
    if cut:
        shares = []
        for r in rows:
            counts = r.get("counts") or {}
            if counts.get("truncated"):
                share = counts["truncated"] / max(1, sum(counts.values()))
                shares.append((share, cells.label(r["cell"])))
        worst = f", most in {max(shares)[1]} ({percent(max(shares)[0], 1, 1)})" if shares else ""
        notes.append(
            f"{percent(cut, 1, 1)} of the answers were cut off at the token limit{worst}. "
            "They count as wrong in the strict mean and are left out of the observed one."
        )
    elif cut == 0:
        notes.append("No answer was cut off at the token limit.")
    duplicates = given.get("duplicate_items")
    if duplicates:
        are = "repeats" if duplicates == 1 else "repeat"
        notes.append(f"{plural(duplicates, 'item')} {are} the content of another item.")
    return notes
