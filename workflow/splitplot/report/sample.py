"""Which items the report shows: a first pass over the light columns of the item-response table."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splitplot.report.cells import Cell, Cells

MOST_ITEMS = 60
MOST_REPLIES = 1800
"""Replies shown in all: with the texts' own bound this keeps the page under 5 MB."""
KEYS = ["item_id", "trial_id", "condition_id", "condition", "scorer", "outcome"]
SCORE = "score"
"""The metric of a contrast that means: the first scorer."""


@dataclass
class Survey:
    """What the first pass found.

    rows, simulated: grading events by the primary scorer, and those of simulated answers.
    sums: item id → per contrast [sum of a, count of a, sum of b, count of b] of strict scores.
    examples: (cell, outcome) → the item that stands for it: that with the lowest digest.
    """

    rows: int = 0
    simulated: int = 0
    sums: dict[str, list[list[float]]] = field(default_factory=dict)
    examples: dict[tuple[Cell, str], str] = field(default_factory=dict)

    def gap(self, item: str, contrast: int) -> float | None:
        """Mean strict score of arm a minus arm b on one item; None where an arm has no score."""
        a, b = self.means(item, contrast)
        return None if a is None or b is None else a - b

    def means(self, item: str, contrast: int = 0) -> tuple[float | None, float | None]:
        """Mean strict score of one item in arm a and in arm b."""
        a, n_a, b, n_b = self.sums[item][contrast]
        return a / n_a if n_a else None, b / n_b if n_b else None


def survey(
    table: Path, scorer: str | None, contrasts: list[Mapping[str, Any]], cells: Cells
) -> Survey:
    """Read the light columns batch by batch; memory grows with the items, not with the answers."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = Survey()
    arms: dict[tuple[Cell, str], list[str | None]] = {}
    with pq.ParquetFile(table) as file:
        for batch in file.iter_batches(batch_size=1 << 17, columns=[*KEYS, "strict", "simulated"]):
            rows = pa.Table.from_batches([batch])
            rows = rows.append_column("is_simulated", pc.cast(rows["simulated"], pa.int64()))
            groups = rows.group_by(KEYS).aggregate(
                [("strict", "sum"), ("strict", "count"), ("is_simulated", "sum"), ([], "count_all")]
            )
            for group in groups.to_pylist():
                cell, by = cells.of(group), group["scorer"]
                if (cell, by) not in arms:
                    arms[cell, by] = [
                        cells.arm(c, cell) if by == _scorer_of(c, scorer) else None
                        for c in contrasts
                    ]
                _add(found, group, cell, arms[cell, by], first=scorer in (None, by))
    return found


def _scorer_of(contrast: Mapping[str, Any], first: str | None) -> str | None:
    metric = contrast.get("metric") or SCORE
    return first if metric == SCORE else str(metric)


def _add(
    found: Survey, group: Mapping[str, Any], cell: Cell, arms: list[str | None], *, first: bool
) -> None:
    """One group of rows (item, cell, scorer, outcome); only the first scorer's count as answers."""
    item = group["item_id"]
    sums = found.sums.get(item)
    if sums is None:
        sums = found.sums[item] = [[0.0, 0.0, 0.0, 0.0] for _ in arms]
    for total, arm in zip(sums, arms, strict=True):
        if arm:
            at = 0 if arm == "a" else 2
            total[at] += group["strict_sum"] or 0.0
            total[at + 1] += group["strict_count"]
    if not first:
        return
    found.rows += group["count_all"]
    found.simulated += group["is_simulated_sum"] or 0
    kind = (cell, group["outcome"])
    known = found.examples.get(kind)
    if known is None or rank(item) < rank(known):
        found.examples[kind] = item


def rank(item: str) -> bytes:
    """The place of an item in an order that looks random, and that other items do not disturb."""
    return hashlib.sha256(item.encode("utf-8", "surrogatepass")).digest()


def choose(found: Survey, contrasts: int, most: int = MOST_ITEMS) -> list[str]:
    """Up to `most` item ids: one for every kind of failure, then those on which arms disagree, then others.

    At most a third stands for failures and at most two thirds (with those) for disagreement, taken in
    turn from every contrast and both directions; the rest are drawn regardless of the answers.
    """
    everything = sorted(found.sums, key=rank)
    chosen: dict[str, None] = {}
    failures = sorted({item for (_, o), item in found.examples.items() if o != "ok"}, key=rank)
    for item in failures[: most // 3]:
        chosen[item] = None
    queues = []
    for contrast in range(contrasts):
        gaps = {i: g for i in everything if (g := found.gap(i, contrast))}
        for sign in (1, -1):
            side = [i for i in everything if gaps.get(i, 0.0) * sign > 0]
            queues.append(iter(sorted(side, key=lambda i: -abs(gaps[i]))))
    while queues and len(chosen) < 2 * most // 3:
        for queue in list(queues):
            nearest = next((i for i in queue if i not in chosen), None)
            if nearest is None:
                queues.remove(queue)
            elif len(chosen) < 2 * most // 3:
                chosen[nearest] = None
    for item in everything:
        if len(chosen) >= most:
            break
        chosen[item] = None
    return list(chosen)


def items_to_show(cells: int, replications: int) -> int:
    """How many items fit: fewer where each brings many replies.

    >>> items_to_show(4, 2), items_to_show(100, 5), items_to_show(2000, 10)
    (60, 5, 5)
    """
    replies = max(1, cells * replications)
    return max(5, min(MOST_ITEMS, MOST_REPLIES // replies))
