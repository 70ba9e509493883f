"""Chapter `pass_at_k`: per cell, the chance that one of k answers is right, and that all k are."""

from typing import Any

import numpy as np

from splitplot.inference.checks import Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Cell, Ints
from splitplot.inference.intervals import Floats, Interval, is_binary
from splitplot.inference.passk import pass_at_k, pass_hat_k, pass_interval
from splitplot.inference.wording import counted

SHOWN = (1, 2, 3, 5, 10, 20, 50, 100)
"""Values of k that are shown, up to the number of replications, which is shown too."""


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """Entries of every cell with 0/1 scores and at least two replications."""
    grid = data.grid()
    entries: list[dict[str, Any]] = []
    flags: list[Flag] = []
    for index, cell in enumerate(grid.cells):
        most = grid.replications(index)
        kept = grid.rows.strict[grid.rows_of(index)]
        kept = kept[~np.isnan(kept)]
        if most < 2 or not kept.size or not is_binary(kept):
            continue
        if grid.deterministic(index):
            message = (
                "It gives the same answer every time at temperature 0: more tries change nothing."
            )
            flags.append(Flag("pass_at_k_deterministic", cell.label, message))
            continue
        scores = grid.scores(index)
        answered = np.flatnonzero(scores.count)
        n = scores.count[answered]
        c = np.round(scores.mean[answered] * n)
        cluster = grid.cluster[answered] if grid.clustered else None
        for k in sorted({k for k in SHOWN if k <= most} | {most}):
            entries += _entry(cell, n, c, k, cluster, data.level, flags)
    return entries, flags


def _entry(
    cell: Cell,
    n: Ints,
    c: Floats,
    k: int,
    cluster: Ints | None,
    level: float,
    flags: list[Flag],
) -> list[dict[str, Any]]:
    """The entry of one k, over the items with at least k answers; empty where none has."""
    enough = n >= k
    if not enough.any():
        return []
    if not enough.all():
        left_out = counted(int((~enough).sum()), "item")
        flags.append(
            Flag(
                "pass_at_k_items_left_out",
                cell.label,
                f"{left_out} with fewer than {k} answers that reached us "
                f"{'is' if left_out.startswith('1 ') else 'are'} left out of pass@{k}.",
            )
        )
    codes = cluster[enough] if cluster is not None else None
    found: dict[str, Interval] = {}
    try:
        for name, estimate in (("pass_at_k", pass_at_k), ("pass_hat_k", pass_hat_k)):
            found[name] = pass_interval(
                estimate(n[enough], c[enough], k), cluster=codes, level=level
            )
    except (TooFewClusters, ValueError) as problem:
        flags.append(Flag("pass_at_k_no_interval", cell.label, f"No pass@{k}: {problem}."))
        return []
    return [
        {
            "cell": cell_names(cell),
            "k": k,
            **{name: interval.to_json() for name, interval in found.items()},
            "n_items": int(enough.sum()),
        }
    ]


def cell_names(cell: Cell) -> dict[str, str]:
    """What identifies a cell in inference.json."""
    return {
        "trial": cell.trial,
        "model": cell.model,
        "sampling": cell.sampling,
        "condition": cell.condition,
    }
