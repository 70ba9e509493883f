"""What the official question-answering sets share: rows from a file or the hub, and items out of rows."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from splitplot.errors import ConfigError
from splitplot.files import file_sha256
from splitplot.items.fields import Columns, Row, Rows, items_of
from splitplot.items.load import OFFICIAL, Placed
from splitplot.items.local import decoded_lines, existing_file, jsonl_rows, parquet_rows

Document = Callable[[Any, str], Rows]
"""Parsed JSON file, its name → rows with the columns that the hub has."""

COLUMNS = Columns(
    {"id": "id", "input": "question", "targets": "targets", "context": "context"}
    | {"cluster": "cluster", "tags": "tags"},
    frozenset(),
    ("rule",),
)
"""Of the rows that `placed` takes."""


def source_rows(
    source: dict[str, Any],
    root: Path,
    columns: set[str],
    *,
    config: str | None = None,
    document: Document | None = None,
) -> tuple[str, Rows, dict[str, Any]]:
    """Label, rows with the hub's columns, and origin of a `dataset` source.

    Read from its `path`: Parquet and JSON lines by their endings, anything else as one JSON document
    where the set is published as such, else as JSON lines. Without a `path` from the hub.
    columns: those that are read. config: of the hub's repository. document: how the set's authors
    lay out a JSON file.
    """
    dataset = str(source["dataset"])
    split = source.get("split") or "validation"
    label = f"{dataset}:{split}"
    if not source.get("path"):
        from splitplot.items.hub import hub_rows

        request = {"hf": OFFICIAL[dataset], "config": config, "split": split}
        request["revision"] = source.get("revision")
        _, rows, origin = hub_rows(request, root, label, columns)
        return label, rows, origin
    name = str(source["path"])
    path = existing_file(name, root)
    origin = {"path": name, "sha256": file_sha256(path), "revision": None}
    ending = PurePosixPath(name).suffix.lower()
    if ending == ".parquet":
        rows = parquet_rows(path, name, columns)
    elif document is None or ending in (".jsonl", ".ndjson"):
        rows = jsonl_rows(path, name)
    else:
        rows = document(json_document(path, name), name)
    return label, rows, origin


def placed(
    rows: Rows, source: dict[str, Any], label: str, metadata: tuple[str, ...] = ()
) -> list[Placed]:
    """Items of rows with `COLUMNS` (the first `limit` of them), with their places.

    metadata: columns to keep beside the scoring rule. A row without an id is named after its content.
    """
    columns = Columns(COLUMNS.of, COLUMNS.named, (*COLUMNS.metadata, *metadata))
    return items_of(islice(rows, source.get("limit")), source, label, columns)


def without_repeats(rows: Rows, key: str) -> tuple[Rows, int]:
    """Rows with one value of `key` and one question made one, with the targets of all; and how many fewer.

    Whether a question comes again is known at the end, so all are read whatever the source's `limit`:
    an item has the same targets under every limit.
    """
    merged: dict[tuple[str, str], tuple[str, Row]] = {}
    count = 0
    for where, row in rows:
        count += 1
        _, known = merged.setdefault((row[key], row["question"]), (where, row))
        known["targets"] = golds(known["targets"], row["targets"])
    return iter(merged.values()), count - len(merged)


def golds(*lists: list[str]) -> list[str]:
    """Answers in order, without repeats and without blank ones, which no answer should match."""
    return list(dict.fromkeys(text for texts in lists for text in texts if text.strip()))


def text_in(row: Any, key: str, where: str, format_: str) -> str:
    """The text under a key. Raises ConfigError where it is missing, empty or no text."""
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: `{key}` is missing or empty; {format_} has a text there")
    return value


def texts_in(row: Any, key: str, where: str, format_: str) -> list[str]:
    """The list of texts under a key, possibly empty. Raises ConfigError for anything else."""
    value = list_in(row, key, where, format_)
    if not all(isinstance(text, str) for text in value):
        raise ConfigError(f"{where}: `{key}` holds what is no text; {format_} has texts there")
    return value


def list_in(row: Any, key: str, where: str, format_: str) -> list[Any]:
    """The list under a key. Raises ConfigError where it is missing or no list."""
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, list):
        raise ConfigError(f"{where}: `{key}` is missing or no list; {format_} has one there")
    return value


def json_document(path: Path, name: str) -> Any:
    """The content of a JSON file. Raises ConfigError with line and column where it is none."""
    text = "".join(line for _, line in decoded_lines(path, name))
    if not text.strip():
        raise ConfigError(f"{name}: the file is empty")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{name}:{error.lineno}: not JSON ({error.msg} at column {error.colno}); the file must be "
            "complete, as its authors publish it"
        ) from None
    except RecursionError:
        raise ConfigError(f"{name}: not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:  # a whole number with thousands of digits
        raise ConfigError(f"{name}: not JSON that can be read: {error}") from None
