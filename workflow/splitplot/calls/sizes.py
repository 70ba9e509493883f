"""Whether the parts of a study fit into what a provider takes in one batch, before anything is sent."""

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from splitplot.calls.batch.protocols import provider
from splitplot.calls.batch.store import open_keys
from splitplot.calls.ledger import Ledger
from splitplot.calls.requests import cell_of, cell_requests
from splitplot.errors import ConfigError
from splitplot.items.item import Item, id_fraction
from splitplot.waves import waves_of

MOST_PARTS = 999
ALL = 1 << 64  # the fraction of an item's id is a number below it


@dataclass(frozen=True)
class _Cell:
    """What is still to be sent of one cell, as sums over its items in the order of their fractions.

    fractions: of the items' ids. requests, bytes: of all items before each, and of all of them.
    """

    trial: dict[str, Any]
    condition: str
    most_requests: int | None
    most_bytes: int | None
    fractions: list[int]
    requests: list[int]
    bytes: list[int]

    def worst_part(self, parts: int) -> tuple[int, int, int] | None:
        """(part, requests, bytes) of the largest part that a batch cannot hold; None where all fit."""
        edges = [bisect_left(self.fractions, -(-(part * ALL) // parts)) for part in range(parts)]
        too_large = [
            (part, requests, size)
            for part, (start, end) in enumerate(pairwise([*edges, len(self.fractions)]))
            if (requests := self.requests[end] - self.requests[start])
            >= self.trial["batch"]["at_least"]
            and (
                (size := self.bytes[end] - self.bytes[start]) > (self.most_bytes or size)
                or requests > (self.most_requests or requests)
            )
        ]
        return max(too_large, key=lambda part: part[1:], default=None)

    def fewest_parts(self) -> int:
        """Fewer parts than these can never hold it."""
        by_count = -(-self.requests[-1] // (self.most_requests or ALL))
        return max(1, by_count, -(-self.bytes[-1] // (self.most_bytes or ALL)))


def check_sizes(plan: dict[str, Any], items: Sequence[Item], ledger_root: Path) -> None:
    """Refuse parts that are larger than a provider's batch may be, or than the user allows.

    Only what is still to be sent counts. Raises ConfigError with the number of parts that fits.
    """
    cells = [
        cell
        for place in plan["cells"]
        if (cell := _cell(plan, place["trial"], place["condition"], items, ledger_root)) is not None
    ]
    parts = len(plan["parts"])
    refused = [(cell, worst) for cell in cells if (worst := cell.worst_part(parts)) is not None]
    if refused:
        raise ConfigError(_message(plan, *refused[0], _parts_that_fit(cells)))


def _cell(
    plan: dict[str, Any],
    trial_id: str,
    condition_id: str,
    items: Sequence[Item],
    ledger_root: Path,
) -> _Cell | None:
    trial, condition, replications = cell_of(plan, trial_id, condition_id)
    batch = trial.get("batch")
    if not batch:
        return None
    spoken = provider(batch["protocol"])
    most_requests = _smallest(batch.get("max_requests"), spoken.limits.requests)
    most_bytes = _smallest(batch.get("max_bytes"), spoken.limits.bytes)
    sizes: dict[str, tuple[int, int]] = {}
    for request, item, _ in cell_requests(trial, condition, replications, items, waves_of(plan)):
        size = 0
        if most_bytes is not None:
            line = spoken.line(request, batch["model"], batch)
            text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
            size = len(text.encode("utf-8", "surrogatepass")) + 1
        sizes.setdefault(request.key, (id_fraction(item.id), size))
    in_flight = open_keys(ledger_root, trial["hash"])
    settled = Ledger(ledger_root, trial["hash"], read_only=True).find(sizes)
    rows = sorted(row for key, row in sizes.items() if key not in settled and key not in in_flight)
    return _Cell(
        trial,
        condition["name"],
        most_requests,
        most_bytes,
        [fraction for fraction, _ in rows],
        list(range(len(rows) + 1)),
        list(accumulate((size for _, size in rows), initial=0)),
    )


def _parts_that_fit(cells: list[_Cell]) -> int | None:
    fewest = max(cell.fewest_parts() for cell in cells)
    for parts in range(fewest, MOST_PARTS + 1):
        if all(cell.worst_part(parts) is None for cell in cells):
            return parts
    return None


def _message(
    plan: dict[str, Any], cell: _Cell, worst: tuple[int, int, int], fitting: int | None
) -> str:
    part, requests, size = worst
    if cell.most_requests is not None and requests > cell.most_requests:
        holds, takes = f"{requests:,} requests", f"{cell.most_requests:,}"
    else:
        holds, takes = _megabytes(size), _megabytes(cell.most_bytes or 0)
    todo = (
        f"set execution.parts to {fitting}, the smallest number with which every part fits"
        if fitting
        else f"no number of parts up to {MOST_PARTS} is enough: send it in real time (route: realtime)"
    )
    return (
        f"{plan['study_file']}: trial {cell.trial['id']}: part {plan['parts'][part]} of condition "
        f'"{cell.condition}" holds {holds}, and {cell.trial["batch"]["protocol"]} takes at most {takes} '
        f"in one batch; nothing has been sent; {todo} (now {len(plan['parts'])})"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def _smallest(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
