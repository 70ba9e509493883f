"""The looks of a study that may stop early: which parts belong to which, and what has been decided.

A look is a range of the stable hash of item ids, as a part is; the number of parts is a multiple of the
number of looks, so that the items of a look do not depend on how a cell is cut into jobs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from splitplot import paths
from splitplot.canonical import digest
from splitplot.errors import ConfigError
from splitplot.files import read_json
from splitplot.items.copies import find_copies
from splitplot.items.item import Item, part_of

ANYTIME = "anytime"


def looks_of(plan: Mapping[str, Any]) -> int:
    """The number of looks of a plan with `stopping: anytime`; 0 of any other."""
    analysis = plan.get("analysis") or {}
    return int(analysis["looks"]) if analysis.get("stopping") == ANYTIME else 0


def parts_needed(parts: int, looks: int) -> int:
    """The number of parts that a study gets: the next multiple of its looks; as asked where it has none."""
    return -(-parts // looks) * looks if looks else parts


def look_of_item(item_id: str, looks: int) -> int:
    """The look, 1 … looks, in which an item is asked."""
    return part_of(item_id, looks) + 1


def look_of_part(plan: dict[str, Any], index: int) -> int:
    """The look, from 1, to which the part with this index belongs; 1 where the plan has no looks."""
    looks = looks_of(plan)
    return index * looks // len(plan["parts"]) + 1 if looks else 1


def parts_of_look(plan: dict[str, Any], look: int) -> list[str]:
    """The ids of the parts of a look."""
    return [part for index, part in enumerate(plan["parts"]) if look_of_part(plan, index) == look]


def primary_cells(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells whose answers decide: those on either side of a primary contrast."""
    trials = {trial["id"]: trial for trial in plan["trials"]}
    names = {condition["id"]: condition["name"] for condition in plan["conditions"]}

    def level(cell: dict[str, Any], factor: str) -> str:
        if factor == "condition":
            return str(names[cell["condition"]])
        trial = trials[cell["trial"]]
        return str(trial["id"] if factor == "trial" else trial[factor])

    return [
        cell
        for cell in plan["cells"]
        if any(
            level(cell, contrast["factor"]) in (contrast["a"], contrast["b"])
            for contrast in plan["analysis"]["primary"]
        )
    ]


class Identity(NamedTuple):
    """What says whether an item stands alone: its cluster, the hash of its content, where it comes from."""

    cluster: str | None
    content: str
    source: str


def check_alone(plan: dict[str, Any], items: Sequence[Identity]) -> None:
    """Refuse items that share clusters, or of which any is a copy: they do not stand alone.

    Items come one by one in the order of their hashes; with clusters or copies what the next one brings
    depends on those before it, and no evidence that is looked at on the way would be valid. Few copies are
    too many: they may be what tells the arms apart. Raises ConfigError.
    """
    sizes = Counter(item.cluster for item in items if item.cluster is not None)
    shared = {name: size for name, size in sizes.items() if size > 1}
    if shared:
        name = min(shared)
        raise ConfigError(
            f"{plan['study_file']}: analysis.stopping: anytime needs items that stand alone, and "
            f'{sum(shared.values()):,} items share a cluster ({shared[name]:,} of them "{name}"); '
            "use stopping: fixed, or leave out the clusters if the items are independent"
        )
    copies = find_copies(range(len(items)), [item.content for item in items])
    if copies.repeats:
        raise ConfigError(
            f"{plan['study_file']}: analysis.stopping: anytime needs items that stand alone, and "
            f"{copies.repeats:,} of {len(items):,} {'is a copy' if copies.repeats == 1 else 'are copies'} of "
            f"another ({_repeats(items)}); drop the copies from the items, or use stopping: fixed, which "
            "allows for copies, and for items with the same `cluster`"
        )


def identities(items: Iterable[Item]) -> list[Identity]:
    """Those of items in memory."""
    return [Identity(item.cluster, item.hash, item.source) for item in items]


def read_identities(items: Path) -> list[Identity]:
    """Those of every item of items.parquet."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(items) as file:
        table = file.read(columns=["cluster", "item_hash", "source"])
    columns = (table.column(name).to_pylist() for name in ("cluster", "item_hash", "source"))
    return [Identity(*row) for row in zip(*columns, strict=True)]


def _repeats(items: Iterable[Identity]) -> str:
    """How many items of each source repeat an earlier one: "data/a.jsonl: 12, data/b.jsonl: 3"."""
    seen: set[str] = set()
    found: Counter[str] = Counter()
    for item in items:
        found[item.source] += item.content in seen
        seen.add(item.content)
    return ", ".join(f"{source}: {count:,}" for source, count in found.items() if count)


def of_look(plan: dict[str, Any], look: int) -> dict[str, Any]:
    """The plan with the parts of one look, and the scorers that its primary contrasts are about."""
    metrics = {contrast["metric"] for contrast in plan["analysis"]["primary"]}
    scorers = [
        scorer
        for index, scorer in enumerate(plan["scorers"])
        if scorer["name"] in metrics or (index == 0 and "score" in metrics)
    ]
    return plan | {"parts": parts_of_look(plan, look), "scorers": scorers}


def basis(plan: dict[str, Any]) -> str:
    """Digest of what a decision rests on besides answers: one made on another basis does not count."""
    digests = plan["digests"]
    return digest([digests[name] for name in ("analysis", "scores", "items", "grid")])


def opens_next(decision: dict[str, Any]) -> bool:
    """Whether the look after that of a decision is to be asked."""
    return bool(decision["ask_next"])


def closed_parts(plan: dict[str, Any], root: Path) -> frozenset[int]:
    """Indices of the parts that are not to be asked, as far as the study's results tell.

    Those of the looks after one that settled the question. Empty where nothing is decided yet.
    """
    settled = settled_look(plan, root)
    if settled is None:
        return frozenset()
    return frozenset(
        index for index in range(len(plan["parts"])) if look_of_part(plan, index) > settled
    )


def settled_look(plan: dict[str, Any], root: Path) -> int | None:
    """The look that settled the question, from the decisions in the study's results; None if none did."""
    for look in range(1, looks_of(plan)):
        path = root / paths.LOOK.format(study=plan["study"], look=look)
        if not path.exists():
            return None
        decision = read_json(path)
        if decision.get("basis") != basis(plan):
            return None
        if decision["settled_at"] is not None:
            return int(decision["settled_at"])
    return None
