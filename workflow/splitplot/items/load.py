"""All items of a study, in study order, checked across its sources; and the subset of a dev run."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from splitplot.canonical import canonical_json
from splitplot.errors import ConfigError, near_miss
from splitplot.items.item import Item, id_fraction
from splitplot.items.pins import pinned
from splitplot.items.sample import sampled

Placed = tuple[Item, str]
"""An item and where it stands, for messages: "data/mine.jsonl:17", "org/name: row 17"."""

Loader = Callable[[dict[str, Any], Path], tuple[list[Placed], dict[str, Any]]]
"""Resolved source, root → its items in order, and its provenance."""

LOADERS = {
    "path": "splitplot.items.local",
    "hf": "splitplot.items.hub",
    "generate": "splitplot.items.reasoning_gym",
}
"""Module per kind of source, imported when first needed; each has a function `load`."""

DATASETS = {
    "gsm8k": "splitplot.items.gsm8k",
    "squad2": "splitplot.items.squad2",
    "triviaqa": "splitplot.items.triviaqa",
    "nq_open": "splitplot.items.nq_open",
}
"""The same for sources of the kind "dataset": module per data set."""

CONTENT = (
    *("id", "input", "targets", "context", "choices"),
    *("cluster", "tier", "tags", "difficulty", "metadata"),
)
"""What of an item goes into `items_sha256`: all but the name of its source."""

OFFICIAL = {
    "gsm8k": "openai/gsm8k",
    "squad2": "rajpurkar/squad_v2",
    "triviaqa": "mandarjoshi/trivia_qa",
    "nq_open": "google-research-datasets/nq_open",
}
"""Where on the hub the data sets of kind "dataset" are."""


def load_items(
    sources: list[dict[str, Any]],
    *,
    root: Path,
    limit: int | None = None,
    sample: dict[str, Any] | None = None,
    study_file: str | None = None,
    pins: Path | None = None,
    read_only: bool = False,
) -> tuple[list[Item], list[dict[str, Any]]]:
    """Items of the resolved sources of a plan, in study order, and one provenance record per source.

    root: folder that relative paths start from.
    limit: keep only so many items (`budget.dev_items`), chosen by `subset`. A source's own `limit`
        is another thing: its first n rows, as they stand in the file.
    sample: keep a stratified sample of all of them (`sample.sampled`), before `limit`; its record is one
        more of the provenance, the last. study_file: where it is asked for, for messages.
    pins: folder that keeps the commit of every name on the hub (`pins.py`); read_only: use what it
        holds, add nothing. Without one the present commits are loaded.
    Provenance: {"source", "kind", "rows" (items loaded), "sha256" (of the file or folder; else None, and
        "items_sha256" of the items), "revision", …}.
    Raises ConfigError naming file and line for whatever a user can mend: a file that is not there,
    wrong encoding, broken rows, missing columns, empty inputs, ids that occur twice in the study,
    a source without rows, a sample larger than all sources together.
    """
    per_source: list[list[Item]] = []
    provenance = []
    places: dict[str, str] = {}
    for index, source in enumerate(sources):
        load = _loader(source, index)
        name = hub_name(source, root)
        pin: dict[str, Any] = {}
        if pins is not None and name is not None:
            source, pin = pinned(source, name, pins, read_only=read_only)
        placed, record = load(source, root)
        if not placed:
            file = f" ({record['path']})" if record.get("path") else ""
            raise ConfigError(f"{record['source']}{file}: no items; the data set is empty")
        for item, place in placed:
            if item.id in places:
                raise ConfigError(
                    f'{place}: the id "{item.id}" is already at {places[item.id]}; ids are unique '
                    "over the whole study: mend one of them or give a source an `id_prefix`"
                )
            places[item.id] = place
        per_source.append([item for item, _ in placed])
        content = {} if record["sha256"] else {"items_sha256": items_sha256(per_source[-1])}
        provenance.append({**record, **pin, "rows": len(placed), **content})
    _tell_apart(per_source, provenance)
    if sample is not None:
        per_source, record = sampled(per_source, sample, study_file)
        provenance.append(record)
    if limit is not None:
        per_source = subset(per_source, limit)
    return [item for items in per_source for item in items], provenance


def items_sha256(items: list[Item]) -> str:
    """SHA-256 over the items in their order, each as the canonical JSON of `CONTENT` on a line of its own."""
    listing = hashlib.sha256()
    for item in items:
        content = {name: getattr(item, name) for name in CONTENT}
        listing.update(f"{canonical_json(content)}\n".encode("utf-8", "surrogatepass"))
    return listing.hexdigest()


def _tell_apart(per_source: list[list[Item]], provenance: list[dict[str, Any]]) -> None:
    """Add their file to the names of sources that would be called the same: two files of one data set."""
    files: dict[str, set[str | None]] = defaultdict(set)
    for record in provenance:
        files[record["source"]].add(record.get("path"))
    alike = {name for name, paths in files.items() if len(paths) > 1}
    for index, record in enumerate(provenance):
        if record["source"] in alike and record.get("path"):
            record["source"] = name = f"{record['source']} ({record['path']})"
            per_source[index] = [replace(item, source=name) for item in per_source[index]]


def subset(per_source: list[list[Item]], limit: int) -> list[list[Item]]:
    """`limit` items spread evenly over the sources: in each, those with the smallest hash of their id.

    The choice depends on ids alone: it does not favour the top of a file, it stays the same when
    other items come or go, and a larger limit keeps what a smaller one chose. A source with fewer
    items than its share leaves the rest to the others. Order within a source is kept.
    """
    ranked = [
        (rank, index, item.id)
        for index, items in enumerate(per_source)
        for rank, item in enumerate(sorted(items, key=lambda item: (id_fraction(item.id), item.id)))
    ]
    chosen = {item_id for _, _, item_id in sorted(ranked)[:limit]}
    return [[item for item in items if item.id in chosen] for items in per_source]


def is_remote(source: dict[str, Any], root: Path = Path()) -> bool:
    """Whether loading a resolved source may need the network: a dry run leaves such a source alone."""
    return hub_name(source, root) is not None


def hub_name(source: dict[str, Any], root: Path) -> str | None:
    """The repository on the hub that a resolved source is read from; None for what lies here."""
    if source["kind"] == "hf":
        return None if (root / source["hf"]).is_dir() else str(source["hf"])
    if source["kind"] == "dataset" and not source.get("path"):
        return OFFICIAL.get(str(source["dataset"]))
    return None


def _loader(source: dict[str, Any], index: int) -> Loader:
    kind = str(source.get("kind"))
    if kind == "dataset":
        what, name, modules, known = "dataset", str(source.get("dataset")), DATASETS, [*DATASETS]
    else:
        what, name, modules, known = "kind of source", kind, LOADERS, [*LOADERS, "dataset"]
    if name not in modules:
        raise ConfigError(f'items[{index}]: unknown {what} "{name}"{near_miss(name, known)}')
    load: Loader = import_module(modules[name]).load
    return load
