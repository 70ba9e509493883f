"""Tables of cells to the table of a study, and on to CSV; row group by row group."""

from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError
from splitplot.files import atomic_path

ROW_GROUP = 2000
"""Small cells are gathered until there are so many rows; a row group of the input is never split."""


def item_responses(inputs: list[Path], output: Path) -> int:
    """Write the item-response table of a study from the tables of its cells, in their order.

    Returns the number of rows. Memory holds about one row group.
    Raises ConfigError for an input of another schema or schema version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from splitplot.scoring.schema import SCHEMA

    count = 0
    with (
        atomic_path(output) as temporary,
        pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer,
    ):
        held: list[Any] = []
        for path in inputs:
            with pq.ParquetFile(path) as file:
                _check(path, file.schema_arrow)
                for group in range(file.num_row_groups):
                    held.append(_present(file.read_row_group(group)))
                    count += held[-1].num_rows
                    if sum(table.num_rows for table in held) >= ROW_GROUP:
                        writer.write_table(pa.concat_tables(held).cast(SCHEMA))
                        held.clear()
        if held:
            writer.write_table(pa.concat_tables(held).cast(SCHEMA))
    return count


FOREIGN = ("extracted", "score_reason", "response", "reasoning", "finish_reason", "error",
           "provider_model", "provider_id", "request_id")  # fmt: skip
"""Columns with text of a model or a provider."""

_FORMULA = r"^[=+\-@\t\r\n]"
_NUMBER = r"^[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?$"


def to_csv(parquet: Path, csv: Path) -> int:
    """Write a table as CSV (UTF-8, header, texts quoted, nulls empty and unquoted); returns its rows.

    In the columns `FOREIGN` a text that a spreadsheet would run as a formula (it begins with = + - @, a tab
    or a line break, and is no number) gets a single quote in front. The Parquet table has texts as they came.
    """
    import pyarrow.csv
    import pyarrow.parquet as pq

    count = 0
    with (
        pq.ParquetFile(parquet) as file,
        atomic_path(csv) as temporary,
        pyarrow.csv.CSVWriter(temporary, file.schema_arrow) as writer,
    ):
        for batch in file.iter_batches(batch_size=ROW_GROUP):
            writer.write_batch(_without_formulas(batch))
            count += batch.num_rows
    return count


def _without_formulas(batch: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in FOREIGN:
        index = batch.schema.get_field_index(name)
        if index < 0:
            continue
        texts = batch.column(index)
        risky = pc.and_not(
            pc.match_substring_regex(texts, _FORMULA), pc.match_substring_regex(texts, _NUMBER)
        )
        quoted = pc.binary_join_element_wise(pa.scalar("'"), texts, pa.scalar(""))
        batch = batch.set_column(index, batch.schema.field(index), pc.if_else(risky, quoted, texts))
    return batch


def _check(path: Path, schema: Any) -> None:
    """Raises ConfigError unless the table has this version's columns, or those of an older one."""
    from splitplot.scoring.schema import ADDED, SCHEMA, SCHEMA_VERSION

    version = (schema.metadata or {}).get(b"splitplot.schema_version", b"none").decode()
    known = version.isdecimal() and 1 <= int(version) <= SCHEMA_VERSION
    since = [name for v, names in ADDED.items() if known and v > int(version) for name in names]
    expected = [field for field in SCHEMA if field.name not in since]
    if not known or list(schema) != expected:
        raise ConfigError(
            f"{path}: item-response schema version {version}; this splitplot writes version "
            f"{SCHEMA_VERSION}; delete the file and score again (answers stay in the ledger)"
        )


def _present(table: Any) -> Any:
    """The rows with the columns of this version; those that came later are null."""
    import pyarrow as pa

    from splitplot.scoring.schema import SCHEMA

    columns = [
        table.column(field.name)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in SCHEMA
    ]
    return pa.table(columns, schema=SCHEMA)
