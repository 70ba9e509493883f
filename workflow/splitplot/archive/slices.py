"""The part of the ledger that a study rests on: every record of its request keys, line by line.

A slice can be read as a ledger: `Ledger(folder, trial hash)`. Lines are copied as they are. Only a record
that opens gaps again is written anew, since it names them by their place in a file.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splitplot.archive.layout import REOPENED, SLICE
from splitplot.calls.ledger import record_lines
from splitplot.files import atomic_path

ROWS = 20_000
"""Rows of the table held at a time."""


def keys_of_table(table: Path) -> dict[str, set[bytes]]:
    """Trial hash → the keys of its requests (16 bytes each), of every row that has one."""
    from pyarrow import parquet

    keys: dict[str, set[bytes]] = defaultdict(set)
    with parquet.ParquetFile(table) as file:
        for batch in file.iter_batches(batch_size=ROWS, columns=["trial_hash", "key"]):
            columns = batch.to_pydict()
            for trial, key in zip(columns["trial_hash"], columns["key"], strict=True):
                if key is not None:
                    keys[trial].add(bytes.fromhex(key))
    return keys


def write_slice(
    ledger_root: Path, trial: dict[str, Any], study: str, keys: set[bytes], folder: Path
) -> list[Path]:
    """Write the records of these keys from one trial's ledger into `folder`; returns the files.

    trial: as in plan.json. Files and lines keep their order, so the same ledger gives the same bytes; how
    its answers are spread over files shows in the order alone. Memory holds the keys, and the places of gaps.
    """
    moved: dict[str, int] = {}  # name of a gap in the ledger → its offset in the slice
    source = sorted((ledger_root / trial["hash"]).glob("*.jsonl"))
    header = {"kind": "open", "study": study, "trial": trial["id"], "model": trial["model"]}
    with atomic_path(folder / SLICE) as temporary, temporary.open("wb") as file:
        file.write(_line(header))
        for path in source:
            for offset, line, record in record_lines(path):
                if record["kind"] not in ("intent", "response") or not _is_of(record, keys):
                    continue
                if record.get("gap"):
                    moved[f"{path.name}:{offset}"] = file.tell()
                file.write(line)
    reopened = list(_reopened(source, keys, moved))
    if not reopened:
        return [folder / SLICE]
    with atomic_path(folder / REOPENED) as temporary, temporary.open("wb") as file:
        file.write(_line(header))
        for record in reopened:
            file.write(_line(record))
    return [folder / SLICE, folder / REOPENED]


def _reopened(
    source: list[Path], keys: set[bytes], moved: dict[str, int]
) -> Iterator[dict[str, Any]]:
    """The records that open gaps of these keys, with the gaps' names in the slice."""
    if not moved:
        return
    for path in source:
        for _, _, record in record_lines(path):
            if record["kind"] != "reopen":
                continue
            gaps = {
                key: [f"{SLICE}:{moved[name]}" for name in names if name in moved]
                for key, names in record["gaps"].items()
                if bytes.fromhex(key) in keys
            }
            gaps = {key: names for key, names in gaps.items() if names}
            if gaps:
                yield record | {"gaps": gaps}


def _is_of(record: dict[str, Any], keys: set[bytes]) -> bool:
    try:
        return bytes.fromhex(record["key"]) in keys
    except (KeyError, TypeError, ValueError):
        return False


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
