"""Several tries: pass@k and pass^k per cell."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.cells import Cells
from splitplot.report.plots.tries import tries
from splitplot.report.section import Rows, Section
from splitplot.report.sections.common import average, cell_label
from splitplot.report.wording import POINTS


def section(inference: Mapping[str, Any], cells: Cells) -> Section | None:
    """The section; None where the study has no pass@k."""
    every = [row for row in inference.get("pass_at_k") or [] if row.get("k")]
    if not every:
        return None
    table = Rows(("cell", "k", "at least one of k right", "all k right", "items"))
    by_cell: dict[str, list[Mapping[str, Any]]] = {}
    for row in every:
        label = cell_label(row, cells)
        by_cell.setdefault(label, []).append(row)
        table.add(
            label,
            str(row["k"]),
            average(row.get("pass_at_k"), POINTS),
            average(row.get("pass_hat_k"), POINTS),
            f"{row['n_items']:,}" if row.get("n_items") is not None else None,
        )
    figure = tries(list(by_cell.items()))
    return Section(
        "tries",
        "Several tries",
        "Tries",
        figures=(figure,) if figure else (),
        tables=table.table(
            "tries", "pass@k: one of k tries is right; pass^k: all k are", folded=figure
        ),
    )
