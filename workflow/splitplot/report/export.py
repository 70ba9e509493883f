"""The tables beside the report as Parquet and CSV: every table is there, one without data has no row."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from splitplot.files import atomic_path, atomic_text
from splitplot.report.columns import SPECS, Column
from splitplot.report.hostile import encodable, visible

FORMULA = re.compile(r"[=+\-@\t\r\n]")
NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?\Z")


def write_tables(rows: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> None:
    """Write {name}.parquet and {name}.csv of every table of `SPECS` into `folder`, each complete or absent.

    rows: by name of the table; a key that is no column is left out, one that is absent is null.
    The meaning of a column is in the metadata of its field. In the CSV a text that a spreadsheet would run
    as a formula has a single quote in front; the Parquet file has texts as they are.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    for name, spec in SPECS.items():
        schema = pa.schema([_field(column) for column in spec.columns])
        plain = [{c.name: _typed(c, row.get(c.name)) for c in spec.columns} for row in rows[name]]
        with atomic_path(folder / f"{name}.parquet") as temporary:
            pq.write_table(pa.Table.from_pylist(plain, schema), temporary)
        safe = pa.Table.from_pylist([_without_formulas(row) for row in plain], schema)
        with atomic_path(folder / f"{name}.csv") as temporary:
            pyarrow.csv.write_csv(safe, temporary)


def write_next(purchase: Mapping[str, Any], path: Path) -> None:
    """Write next.yaml: the part of a study that buys the best option, to be copied into a new study,
    which extends this one. (A study that extends this file itself would change with the next report.)

    Without an option it holds no key, and says so: the file is there after every report.
    """
    import yaml

    study = purchase.get("next_study") or {}
    why = purchase.get("sentence") or "Nothing to buy: no purchase can be projected."
    text = "".join(f"# {line}\n" for line in wrap(visible(why), 98))
    if study:
        text += (
            "# To buy it, copy these lines to config/studies/NAME.yaml and add `study: NAME`. Do not extend\n"
            "# this file where it is: the next report writes it anew.\n"
        )
        text += yaml.safe_dump(encodable(study), sort_keys=False, allow_unicode=True)
    else:
        text += "{}\n"
    with atomic_text(path) as file:
        file.write(text)


def _field(column: Column) -> Any:
    import pyarrow as pa

    kinds = {"text": pa.string(), "number": pa.float64(), "count": pa.int64(), "flag": pa.bool_()}
    return pa.field(column.name, kinds[column.kind], metadata={"description": column.meaning})


def _typed(column: Column, value: Any) -> Any:
    """A value as its column has it; what does not fit the kind of the column is null."""
    if value is None or isinstance(value, dict | list):
        return None
    if column.kind == "text":
        return str(value)
    if column.kind == "flag":
        return bool(value)
    if not isinstance(value, int | float):
        return None
    return int(value) if column.kind == "count" else float(value)


def _without_formulas(row: Mapping[str, Any]) -> dict[str, Any]:
    """Texts that begin as a formula does, and are no number, with a single quote in front."""
    return {
        key: f"'{value}"
        if isinstance(value, str) and FORMULA.match(value) and not NUMBER.match(value)
        else value
        for key, value in row.items()
    }
