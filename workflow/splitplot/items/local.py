"""Items from a local JSONL, CSV or Parquet file, with the line of whatever is wrong."""

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError, near_miss
from splitplot.files import file_sha256
from splitplot.items.fields import Columns, Rows, check_columns, columns_of, items_of
from splitplot.items.load import Placed

FORMATS = ["csv", "jsonl", "parquet"]
BOM = b"\xef\xbb\xbf"
LONGEST_CELL = 2**31 - 1
"""Characters: the csv module's own limit of 131,072 is shorter than some passages."""


def load(source: dict[str, Any], root: Path) -> tuple[list[Placed], dict[str, Any]]:
    """Items of a `path` source in file order (its first `limit` rows) and their provenance."""
    label = str(source["path"])
    path = existing_file(label, root)
    columns = columns_of(source, label)
    format_ = str(source.get("format"))
    readers = {"jsonl": jsonl_rows, "csv": csv_rows}
    if format_ not in FORMATS:
        raise ConfigError(f'{label}: unknown format "{format_}"{near_miss(format_, FORMATS)}')
    seen: dict[str, None] = {}
    if format_ == "parquet":
        seen = dict.fromkeys(_parquet_columns(path, label))
        check_columns(columns, list(seen), label)
        rows = parquet_rows(path, label, columns.wanted)
    else:
        rows = _noting_columns(readers[format_](path, label), seen, columns, label)
    wanted = islice(rows, source.get("limit"))
    items = items_of(wanted, source, label, columns, cells_are_text=format_ == "csv")
    if items:
        check_columns(columns, list(seen), label)
    return items, {
        "source": label,
        "kind": "path",
        "format": format_,
        "sha256": file_sha256(path),
        "revision": None,
    }


def existing_file(name: str, root: Path) -> Path:
    """The path of a file named in a study, relative to the root. Raises ConfigError if it is no file."""
    path = root / name
    if path.is_dir():
        raise ConfigError(f"{name}: is a folder; give the path of one file")
    if not path.is_file():
        beside = (
            sorted(entry.name for entry in path.parent.glob("*")) if path.parent.is_dir() else []
        )
        hint = near_miss(path.name, beside) if 0 < len(beside) <= 20 else ""
        raise ConfigError(f"{name}: no such file{hint}; paths start at the workflow root")
    return path


def jsonl_rows(path: Path, label: str) -> Rows:
    """One JSON object per line; empty lines are skipped."""
    for number, text in decoded_lines(path, label):
        if not text.strip():
            continue
        where = f"{label}:{number}"
        try:
            row = json.loads(text, parse_constant=_no_constant)
        except ValueError as error:
            raise ConfigError(
                f"{where}: not JSON ({error}); every line must be one complete JSON object"
            ) from None
        except RecursionError:
            raise ConfigError(
                f"{where}: not JSON that can be read: it is nested too deeply"
            ) from None
        if not isinstance(row, dict):
            raise ConfigError(f'{where}: every line must be one JSON object, as {{"input": …}}')
        yield where, row


def csv_rows(path: Path, label: str) -> Rows:
    """Comma-separated cells under a header line; quoted cells may hold line ends."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader((text for _, text in decoded_lines(path, label)), strict=True)
    header: list[str] | None = None
    while True:
        where = f"{label}:{reader.line_num + 1}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ConfigError(f"{where}: not CSV ({error}); check the quotes of this row") from None
        if cells is None:
            return
        if not cells:
            continue
        if header is None:
            header = _header(cells, where)
            continue
        if len(cells) != len(header):
            raise ConfigError(
                f"{where}: {len(cells)} cells under {len(header)} columns; put quotes around a text "
                "that holds a comma, a quote or a line end"
            )
        yield where, dict(zip(header, cells, strict=True))


def parquet_rows(path: Path, label: str, wanted: set[str]) -> Rows:
    """Rows of a Parquet file, a batch in memory at a time; only the wanted columns are read.

    Raises ConfigError with the file where it is none, or is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name in wanted]
            for batch in file.iter_batches(batch_size=1000, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{label}: row {number}", row
    except (pa.ArrowException, OSError, ValueError) as error:  # also a text that is not UTF-8
        raise _no_parquet(label, error, number) from None


def decoded_lines(path: Path, label: str) -> Iterator[tuple[int, str]]:
    """(line number from 1, text) of a UTF-8 file; a byte order mark is accepted.

    Raises ConfigError with line and byte offset where the bytes are not UTF-8.
    """
    offset = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw
            if number == 1:
                if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise ConfigError(f"{label}:1: this is UTF-16; save the file as UTF-8")
                line = raw.removeprefix(BOM)
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                at = offset + len(raw) - len(line) + error.start
                raise ConfigError(
                    f"{label}:{number}: not UTF-8 (byte 0x{line[error.start]:02x} at offset {at}, "
                    f"column {len(line[: error.start].decode('utf-8')) + 1}); save the file as UTF-8"
                ) from None
            offset += len(raw)
            yield number, text


def _parquet_columns(path: Path, label: str) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise _no_parquet(label, error, 0) from None


def _no_parquet(label: str, error: Exception, rows: int) -> ConfigError:
    """rows: how many could be read before."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    if rows:
        return ConfigError(f"{label}: damaged after row {rows:,} ({reason}); copy the file again")
    return ConfigError(f"{label}: not a Parquet file ({reason})")


def _noting_columns(rows: Rows, seen: dict[str, None], columns: Columns, label: str) -> Rows:
    """Pass the rows on, noting their columns: lines of JSON need not all have the same.

    The first row must have the columns that every row needs: a wrong name is told at once.
    """
    for where, row in rows:
        if not seen:
            check_columns(columns, list(row), where, every_row=True)
        seen.update(dict.fromkeys(row))
        yield where, row


def _header(cells: list[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in names:
        if not name or names.count(name) > 1:
            what = f'column "{name}" occurs twice' if name else "a column has no name"
            raise ConfigError(f"{where}: {what}; every column needs a name of its own")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise ConfigError(f"{where}: only one column; cells must be separated by commas")
    return names


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")
