"""Rows of a Parquet file that belong to given items, a batch at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

BATCH_ROWS = 4096


def rows_of_items(path: Path, items: Sequence[str], columns: Sequence[str]) -> Iterator[Any]:
    """Yield pyarrow tables with the rows whose item_id is among `items`, in file order.

    columns: those that the file lacks are left out. Row groups without such an item are skipped after
    a look at their ids; of the others one batch is in memory at a time.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = pa.array(items, pa.string())
    with pq.ParquetFile(path) as file:
        present = [c for c in columns if c in file.schema_arrow.names]
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, columns=["item_id"])["item_id"]
            if not pc.any(pc.is_in(ids, wanted)).as_py():
                continue
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=present):
                rows = pa.Table.from_batches([batch])
                yield rows.filter(pc.is_in(rows["item_id"], wanted))
