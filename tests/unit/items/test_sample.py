"""A stratified sample: how many of each stratum, which of them, and what is recorded."""

from collections import Counter
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.errors import ConfigError
from splitplot.items import load_items
from splitplot.items.item import Item
from splitplot.items.sample import allocate, sampled

SHARED = Path(__file__).resolve().parents[3] / "../shared/data/nq_open/NQ-open.dev.jsonl"
OFFICIAL = Path(__file__).parent / "official"
ALL = ["source", "kind", "answerable"]


def strata(*counts):
    return {(chr(97 + place),): count for place, count in enumerate(counts)}


sizes = st.lists(st.integers(1, 400), min_size=1, max_size=12)


@given(sizes, st.data())
def test_an_allocation_sums_to_the_size_and_no_stratum_gives_more_than_it_has(counts, data):
    size = data.draw(st.integers(1, sum(counts)))
    taken = allocate(strata(*counts), size)
    assert list(taken) == list(strata(*counts))
    assert sum(taken.values()) == size
    for values, count in strata(*counts).items():
        assert 0 <= taken[values] <= count


@given(sizes, st.data())
def test_every_stratum_gets_one_where_the_size_allows(counts, data):
    size = data.draw(st.integers(min(len(counts), sum(counts)), sum(counts)))
    assert min(allocate(strata(*counts), size).values()) >= 1


@given(sizes, st.data())
def test_where_every_share_is_at_least_one_item_it_is_kept_to_within_one(counts, data):
    size = data.draw(st.integers(1, sum(counts)))
    shares = [size * count / sum(counts) for count in counts]
    if min(shares) >= 1:
        taken = allocate(strata(*counts), size).values()
        assert all(abs(t - share) < 1 for t, share in zip(taken, shares, strict=True))


@given(sizes, st.data())
def test_an_allocation_does_not_depend_on_the_order_of_the_strata(counts, data):
    size = data.draw(st.integers(1, sum(counts)))
    backwards = dict(reversed(strata(*counts).items()))
    assert allocate(backwards, size) == allocate(strata(*counts), size)


@pytest.mark.parametrize(
    ("counts", "size", "expected"),
    [
        # Hamilton's method by hand: 21·7/42 = 3.5, 14·7/42 = 2.33, 7·7/42 = 1.17
        ((21, 14, 7), 7, [4, 2, 1]),
        ((10, 10), 3, [2, 1]),
        ((5, 5), 10, [5, 5]),
        ((96, 2, 2), 3, [1, 1, 1]),
        ((96, 2, 2), 2, [2, 0, 0]),
        # the third would have a share of .5: one for it, then 19·(950, 40)/990 = 18.2, .77: one
        # for that too, and 18 for the first
        ((950, 40, 10), 20, [18, 1, 1]),
        ((5928, 5945), 200, [100, 100]),
    ],
)
def test_allocations_worked_out_by_hand(counts, size, expected):
    assert list(allocate(strata(*counts), size).values()) == expected


def items(count, name="i", **more):
    return [Item(f"{name}{n}", "Q?", source=name, **more) for n in range(count)]


def mixed():
    return [
        [*items(60, "a", targets=("x",), context="C"), *items(20, "a-", context="C")],
        items(20, "b", targets=("x",), tier="hard"),
    ]


def ids(per_source):
    return [item.id for some in per_source for item in some]


def chosen(size, seed=7, by=ALL):
    return sampled(mixed(), {"size": size, "seed": seed, "by": by})


def test_strata_are_sampled_in_proportion_and_recorded():
    kept, record = chosen(10, by=["kind", "answerable"])
    assert record == {
        "source": "sample",
        "kind": "sample",
        "rows": 10,
        "of": 100,
        "seed": 7,
        "by": ["kind", "answerable"],
        "strata": [
            {"kind": "open_book", "answerable": True, "items": 60, "taken": 6},
            {"kind": "open_book", "answerable": False, "items": 20, "taken": 2},
            {"kind": "closed_book", "answerable": True, "items": 20, "taken": 2},
        ],
    }
    assert [len(some) for some in kept] == [8, 2]
    assert Counter(bool(item.targets) for item in kept[0]) == {True: 6, False: 2}


def test_without_keys_there_is_one_stratum():
    _, record = chosen(10, by=[])
    assert record["strata"] == [{"items": 100, "taken": 10}]


def test_tiers_are_strata_those_without_one_among_them():
    _, record = chosen(10, by=["tier"])
    assert record["strata"] == [
        {"tier": None, "items": 80, "taken": 8},
        {"tier": "hard", "items": 20, "taken": 2},
    ]


def test_the_items_with_the_smallest_hash_of_seed_and_id_are_taken_in_study_order():
    pool = items(50)
    kept, _ = sampled([pool], {"size": 5, "seed": 3, "by": ["source"]})
    ranked = sorted(pool, key=lambda item: sha256(f'[3,"{item.id}"]'.encode()).digest())
    assert set(ids(kept)) == {item.id for item in ranked[:5]}
    assert kept[0] == [item for item in pool if item in kept[0]]


def test_a_larger_sample_keeps_what_a_smaller_one_took():
    # of one stratum always; of several where the allocation grows in each
    samples = [
        set(ids(sampled([items(40)], {"size": n, "seed": 1, "by": []})[0])) for n in range(1, 41)
    ]
    assert all(less < more for less, more in pairwise(samples))
    assert set(ids(chosen(10)[0])) < set(ids(chosen(20)[0])) < set(ids(chosen(50)[0]))


def test_another_seed_takes_others_and_the_same_one_the_same():
    assert ids(chosen(10)[0]) == ids(chosen(10)[0])
    assert ids(chosen(10)[0]) != ids(chosen(10, seed=8)[0])


def test_a_sample_of_all_items_is_all_items():
    assert chosen(100)[0] == mixed()


def test_a_sample_larger_than_the_items_names_both_numbers():
    with pytest.raises(ConfigError, match=r"sample\.size: 101 items are asked for, .* have 100;"):
        chosen(101)


def test_a_study_of_three_official_sets_is_sampled_over_all_of_them_before_the_limit():
    sources = [
        {"kind": "dataset", "dataset": name, "path": f"{name}.{ending}", "split": "validation"}
        for name, ending in (("squad2", "json"), ("triviaqa", "json"), ("nq_open", "jsonl"))
    ]
    spec = {"size": 6, "seed": 7, "by": ALL}
    kept, provenance = load_items(sources, root=OFFICIAL, sample=spec)
    assert len(kept) == 6
    assert [record["source"] for record in provenance[:3]] == [
        "squad2:validation",
        "triviaqa:validation",
        "nq_open:validation",
    ]
    assert [(r["source"], r["answerable"], r["items"]) for r in provenance[3]["strata"]] == [
        ("squad2:validation", True, 3),
        ("squad2:validation", False, 2),
        ("triviaqa:validation", True, 2),
        ("nq_open:validation", True, 3),
    ]
    counts = Counter((item.source, bool(item.targets)) for item in kept)
    taken = {(r["source"], r["answerable"]): r["taken"] for r in provenance[3]["strata"]}
    assert counts == taken
    fewer, _ = load_items(sources, root=OFFICIAL, sample=spec, limit=4)
    assert len(fewer) == 4
    assert {item.id for item in fewer} < {item.id for item in kept}


def test_a_sample_of_the_official_nq_open_file():
    if not SHARED.is_file():
        pytest.skip("the official NQ-Open file is not here")
    one = {"kind": "dataset", "dataset": "nq_open", "path": str(SHARED), "split": "validation"}
    kept, provenance = load_items([one], root=Path("/"), sample={"size": 200, "seed": 7, "by": ALL})
    assert len({item.id for item in kept}) == 200
    assert provenance[1]["strata"] == [
        {
            "source": "nq_open:validation",
            "kind": "closed_book",
            "answerable": True,
            "items": 3610,
            "taken": 200,
        }
    ]
    more, _ = load_items([one], root=Path("/"), sample={"size": 300, "seed": 7, "by": ALL})
    assert {item.id for item in kept} < {item.id for item in more}


def test_the_message_names_the_study_that_asks_for_too_many():
    one = {"kind": "dataset", "dataset": "squad2", "path": "squad2.json", "split": "validation"}
    with pytest.raises(ConfigError) as caught:
        load_items(
            [one],
            root=OFFICIAL,
            sample={"size": 6, "seed": 7, "by": ALL},
            study_file="config/studies/s.yaml",
        )
    assert str(caught.value).startswith("config/studies/s.yaml: sample.size: 6 items are asked for")
