"""Tables with columns that most studies do not have."""

import pytest


@pytest.fixture
def write_with(write_table):
    """Writes a table and adds columns to it: name and type in arrow's words → the rows' values."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(rows, **types):
        path = write_table(rows)
        table = pq.read_table(path)
        for name, kind in types.items():
            if name in table.column_names:
                continue
            values = pa.array([row.get(name) for row in rows], pa.type_for_alias(kind))
            table = table.append_column(name, values)
        pq.write_table(table, path)
        return path

    return write
