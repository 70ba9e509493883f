"""items.parquet: one row per item, in study order, readable part by part."""

import json
from array import array
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from splitplot.canonical import canonical_json
from splitplot.files import atomic_path
from splitplot.items.item import Item, part_of

ROW_GROUP = 1000
"""Rows per row group: what a reader of one part holds in memory at a time."""


def write_items(path: Path, items: Iterable[Item]) -> int:
    """Write items.parquet atomically, in row groups of 1,000; returns the number of items.

    Columns: item_id, input, targets (list), context, choices (list), cluster, tier, tags (list),
    difficulty (float64), metadata (canonical JSON), item_hash, source; all text but where said.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    schema = _schema()
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for group in _groups(items):
            rows = [_row(item) for item in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def read_items(
    path: Path, ids: Collection[str] | None = None, part: tuple[int, int] | None = None
) -> list[Item]:
    """Items of items.parquet in study order: all, those with one of `ids`, those of one part, or both.

    part: (index, number of parts), as in `part_of`. Row groups are read one at a time and only the
    items asked for are kept, so a job that works on a part holds no other part in memory.
    Raises KeyError if one of `ids` is not there.
    """
    import pyarrow.parquet as pq

    wanted = None if ids is None else frozenset(ids)
    found: list[Item] = []
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            names = file.read_row_group(group, columns=["item_id"]).column(0).to_pylist()
            keep = [
                place
                for place, name in enumerate(names)
                if (wanted is None or name in wanted)
                and (part is None or part_of(name, part[1]) == part[0])
            ]
            if keep:
                rows = file.read_row_group(group).take(_indices(keep)).to_pylist()
                found.extend(_item(row) for row in rows)
    if wanted is not None and part is None and len(found) < len(wanted):
        missing = sorted(wanted - {item.id for item in found})
        raise KeyError(f"{path}: no item with id {missing[0]!r}")
    return found


def _indices(places: list[int]) -> Any:
    """An arrow array made without `pyarrow.array`, which would import pandas: a second per job."""
    import pyarrow as pa

    buffer = pa.py_buffer(array("q", places))
    return pa.Int64Array.from_buffers(pa.int64(), len(places), [None, buffer])


def _groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    remaining = iter(items)
    while group := list(islice(remaining, ROW_GROUP)):
        yield group


def _schema() -> Any:
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    return pa.schema(
        [
            ("item_id", text),
            ("input", text),
            ("targets", texts),
            ("context", text),
            ("choices", texts),
            ("cluster", text),
            ("tier", text),
            ("tags", texts),
            ("difficulty", pa.float64()),
            ("metadata", text),
            ("item_hash", text),
            ("source", text),
        ]
    )


def _row(item: Item) -> dict[str, Any]:
    return {
        "item_id": item.id,
        "input": item.input,
        "targets": list(item.targets),
        "context": item.context,
        "choices": list(item.choices),
        "cluster": item.cluster,
        "tier": item.tier,
        "tags": list(item.tags),
        "difficulty": item.difficulty,
        "metadata": canonical_json(item.metadata),
        "item_hash": item.hash,
        "source": item.source,
    }


def _item(row: dict[str, Any]) -> Item:
    return Item(
        id=row["item_id"],
        input=row["input"],
        targets=tuple(row["targets"]),
        context=row["context"],
        choices=tuple(row["choices"]),
        cluster=row["cluster"],
        tier=row["tier"],
        tags=tuple(row["tags"]),
        difficulty=row["difficulty"],
        metadata=json.loads(row["metadata"]),
        source=row["source"],
    )
