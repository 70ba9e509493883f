import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splitplot.items import read_items, write_items
from splitplot.items.item import Item, part_of

texts = st.text(max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
some_items = st.lists(
    st.builds(
        Item,
        id=st.text(min_size=1, max_size=12),
        input=texts,
        targets=st.lists(texts, max_size=3).map(tuple),
        context=st.none() | texts,
        choices=st.lists(texts, max_size=3).map(tuple),
        cluster=st.none() | texts,
        tier=st.none() | texts,
        tags=st.lists(texts, max_size=2).map(tuple),
        difficulty=st.none() | st.floats(allow_nan=False),
        metadata=st.dictionaries(texts, json_values, max_size=3),
        source=texts,
    ),
    max_size=6,
    unique_by=lambda item: item.id,
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(some_items)
def test_items_come_back_as_they_were_written(tmp_path, items):
    path = tmp_path / "items.parquet"
    assert write_items(path, items) == len(items)
    assert read_items(path) == items


@pytest.fixture
def table(tmp_path):
    items = [Item(f"item-{number}", f"Question {number}?") for number in range(2500)]
    path = tmp_path / "items.parquet"
    write_items(path, iter(items))
    return path, items


def test_a_part_holds_exactly_its_own_items_in_study_order(table):
    path, items = table
    parts = [read_items(path, part=(index, 3)) for index in range(3)]
    assert parts == [[item for item in items if part_of(item.id, 3) == index] for index in range(3)]


def test_items_can_be_asked_for_by_id(table):
    path, items = table
    assert read_items(path, ids=["item-2400", "item-7"]) == [items[7], items[2400]]


def test_an_id_that_is_not_there_is_an_error(table):
    with pytest.raises(KeyError, match="no item with id 'nobody'"):
        read_items(table[0], ids=["item-1", "nobody"])


def test_row_groups_hold_a_thousand_items(table):
    with pq.ParquetFile(table[0]) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        names = file.schema_arrow.names
    assert sizes == [1000, 1000, 500]
    assert " ".join(names) == (
        "item_id input targets context choices cluster tier tags difficulty metadata item_hash source"
    )


def test_reading_items_does_not_import_pandas_or_datasets(table):
    program = (
        "import sys; from pathlib import Path; from splitplot.items import read_items\n"
        "read_items(Path(sys.argv[1]), part=(0, 5))\n"
        "print([name for name in ('pandas', 'datasets', 'reasoning_gym') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, str(table[0])]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
