import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.items.item import Item, part_of


def test_the_part_of_an_id_is_the_floor_of_its_sha256_fraction_times_the_parts():
    # SHA-256("abc") begins with ba7816bf8f01cfea (FIPS 180-4, example B.1): u = 0.7284…
    assert hashlib.sha256(b"abc").hexdigest().startswith("ba7816bf8f01cfea")
    assert [part_of("abc", parts) for parts in (1, 2, 4, 10, 100)] == [0, 1, 2, 7, 72]


@given(st.text(), st.integers(1, 50), st.integers(1, 20))
def test_parts_of_nested_layouts_overlap_as_ranges(item_id, parts, factor):
    assert part_of(item_id, parts * factor) // factor == part_of(item_id, parts)


@given(st.text(), st.integers(1, 10_000))
def test_every_id_has_a_part(item_id, parts):
    assert 0 <= part_of(item_id, parts) < parts


def test_parts_are_about_equally_large():
    sizes = [0] * 8
    for number in range(8000):
        sizes[part_of(f"item-{number}", 8)] += 1
    # binomial(8000, 1/8): mean 1000, standard deviation 29.6; five of them on either side
    assert all(abs(size - 1000) < 148 for size in sizes)


def test_no_parts_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        part_of("a", 0)


def test_the_hash_of_an_item_is_of_its_content_and_not_of_its_labels():
    item = Item("a", "What?", ("x",))
    assert item.hash == Item("b", "What?", ("x",), tags=("t",), tier="easy", source="s").hash
    changed = [
        Item("a", "What? ", ("x",)),
        Item("a", "What?", ("y",)),
        Item("a", "What?", ("x",), context="c"),
        Item("a", "What?", ("x",), choices=("x", "y")),
        Item("a", "What?", ("x",), metadata={"k": 1}),
    ]
    assert len({item.hash, *(other.hash for other in changed)}) == 6
