"""How far a study is, cell by cell, from the ledger and its open batches; and what `refill` opens."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.calls.batch.store import Batch, Store, open_keys
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.locks import KeyLocks
from splitplot.calls.records import LOST
from splitplot.calls.requests import cell_of, cell_requests, part_index
from splitplot.files import read_json, read_jsonl
from splitplot.items.item import Item, part_of
from splitplot.looks import closed_parts
from splitplot.waves import waves_of


@dataclass
class CellStatus:
    """One cell: how many of its distinct requests are answered, failed for good, in flight, missing.

    failed: by outcome, e.g. {"error": 3}. over_quota: not sent because a cap was reached. in_flight: a
    job is asking at this moment, or a batch is open.
    """

    trial: str
    condition: str
    requests: int = 0
    done: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    over_quota: int = 0
    in_flight: int = 0
    missing: int = 0

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


def status(plan: dict[str, Any], items: Sequence[Item], root: Path) -> list[CellStatus]:
    """The state of every cell of the plan, in its order. root: the workflow root.

    Items that are not asked because the study was settled before do not count.
    """
    rows = []
    closed = closed_parts(plan, root)
    asked = [item for item in items if part_of(item.id, len(plan["parts"])) not in closed]
    for cell, keys in _cell_keys(plan, asked):
        trial = cell_of(plan, cell["trial"], cell["condition"])[0]
        # Before the ledger: a batch that is closed in between has its answers there.
        in_batches = keys.keys() & open_keys(root / paths.LEDGER, trial["hash"])
        ledger = Ledger(root / paths.LEDGER, trial["hash"], read_only=True)
        found = ledger.find(keys)
        gaps = [position for position in found.values() if position.gap]
        unsettled = keys.keys() - found.keys()
        busy = _held(root / paths.LEDGER / trial["hash"] / "locks", unsettled)
        busy |= in_batches & unsettled
        refused = unsettled & _left(plan, cell, root, frozenset({"over_quota"})) - busy
        rows.append(
            CellStatus(
                cell["trial"],
                cell["condition"],
                requests=len(keys),
                done=len(found) - len(gaps),
                failed=dict(sorted(Counter(ledger.read(gap).outcome for gap in gaps).items())),
                over_quota=len(refused),
                in_flight=len(busy),
                missing=len(unsettled) - len(busy) - len(refused),
            )
        )
    return rows


def open_batches(root: Path, study: str | None = None) -> list[dict[str, Any]]:
    """What is known of the batches that are still open, oldest first: of one study, or of all.

    State and progress are those of the last look at the provider, which may be a while ago; the worst
    case is what is reserved.
    """
    return [
        _about(batch)
        for batch in Store(root / paths.LEDGER).open_batches()
        if study in (None, batch.read("intent")["study"])
    ]


def _about(batch: Batch) -> dict[str, Any]:
    intent, seen = batch.read("intent"), batch.seen()
    created = (batch.folder / "created.json").exists()
    return {
        "name": batch.name,
        "study": intent["study"],
        "trial": intent["trial_id"],
        "condition": intent["condition"],
        "part": intent["part"],
        "model": intent["model"],
        "provider": intent["batch"],
        "id": batch.read("created")["id"] if created else None,
        "step": batch.step,
        "state": seen.get("state") or batch.step,
        "done": seen.get("done"),
        "total": seen.get("total") or intent["count"],
        "at": intent["at"],
        "seen_at": seen.get("at"),
        "usd_at_most": intent["worst"]["usd"],
    }


def refill(plan: dict[str, Any], items: Sequence[Item], root: Path) -> int:
    """Open every gap again: recorded failures, and what a cap has stopped. The next run sends them.

    The projections and receipts of the parts concerned are removed, so that Snakemake makes them
    again, with the estimate; an approval was for the first sending, and is gone. Returns the number of
    gaps.
    """
    study, count = plan["study"], 0
    for cell, keys in _cell_keys(plan, items):
        trial = cell_of(plan, cell["trial"], cell["condition"])[0]
        ledger = Ledger(root / paths.LEDGER, trial["hash"])
        under_way = open_keys(
            root / paths.LEDGER, trial["hash"]
        )  # its gaps may not all be there yet
        found = ledger.find(keys.keys() - under_way)
        failed = {key for key, position in found.items() if position.gap}
        if failed:
            header = {"study": study, "trial": cell["trial"], "reason": "refill"}
            with LedgerWriter(root / paths.LEDGER, trial["hash"], header) as writer:
                writer.reopen(ledger.gaps(failed))
        # Also what another study has bought or opened since: here it still stands as a gap.
        wanting = failed | (keys.keys() & _left(plan, cell, root, LOST))
        for key in wanting:
            for part in keys[key]:
                for template in (paths.RESPONSES, paths.JOB, paths.ENDED, paths.GENERATED):
                    _part_path(template, plan, cell, part, root).unlink(missing_ok=True)
        count += len(wanting)
    if count:
        for template in (paths.ESTIMATE, paths.GATE, paths.APPROVAL):
            (root / template.format(study=study)).unlink(missing_ok=True)
    return count


def _cell_keys(
    plan: dict[str, Any], items: Sequence[Item]
) -> Iterator[tuple[dict[str, str], dict[str, set[str]]]]:
    """(cell, {key: the parts in which it is asked for})."""
    parts = plan["parts"]
    by_index = {part_index(part)[0]: part for part in parts}
    for cell in plan["cells"]:
        trial, condition, replications = cell_of(plan, cell["trial"], cell["condition"])
        keys: dict[str, set[str]] = {}
        for request, item, _ in cell_requests(
            trial, condition, replications, items, waves_of(plan)
        ):
            keys.setdefault(request.key, set()).add(by_index[part_of(item.id, len(parts))])
        yield cell, keys


def _left(
    plan: dict[str, Any], cell: dict[str, str], root: Path, outcomes: frozenset[str]
) -> set[str]:
    """Keys that the last run left with one of these outcomes, whatever the ledger says by now."""
    keys = set()
    for part in plan["parts"]:
        path = _part_path(paths.RESPONSES, plan, cell, part, root)
        if path.exists():
            keys |= {row["key"] for row in read_jsonl(path) if row["outcome"] in outcomes}
        ended = _part_path(paths.ENDED, plan, cell, part, root)
        if "over_quota" in outcomes and ended.exists():
            keys |= set(read_json(ended)["over_quota"])
    return keys


def _part_path(
    template: str, plan: dict[str, Any], cell: dict[str, str], part: str, root: Path
) -> Path:
    place = {"trial": cell["trial"], "condition": cell["condition"]}
    return root / template.format(study=plan["study"], part=part, **place)


def _held(lock_file: Path, keys: Iterable[str]) -> set[str]:
    """Keys that a living job holds at this moment."""
    if not lock_file.exists():
        return set()
    locks = KeyLocks(lock_file)
    try:
        return locks.held_elsewhere(keys)
    finally:
        locks.close()
