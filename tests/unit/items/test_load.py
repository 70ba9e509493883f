import hashlib
import json
from itertools import pairwise

import pytest

from splitplot.errors import ConfigError
from splitplot.items import is_remote, load_items
from splitplot.items.item import Item
from splitplot.items.load import items_sha256, subset


@pytest.fixture
def source(tmp_path):
    def write(name, ids, **more):
        rows = [json.dumps({"id": item_id, "input": f"Question {item_id}?"}) for item_id in ids]
        (tmp_path / name).write_text("\n".join(rows) + "\n")
        return {"kind": "path", "path": name, "format": "jsonl", "map": {}, **more}

    return write


def test_sources_follow_each_other_in_study_order(tmp_path, source):
    items, provenance = load_items([source("b", "ba"), source("a", "dc")], root=tmp_path)
    assert [item.id for item in items] == ["b", "a", "d", "c"]
    assert [record["source"] for record in provenance] == ["b", "a"]


def test_an_id_that_occurs_twice_is_refused_with_both_places(tmp_path, source):
    sources = [source("a.jsonl", "xy"), source("b.jsonl", "wvy")]
    with pytest.raises(ConfigError) as caught:
        load_items(sources, root=tmp_path)
    assert str(caught.value).startswith('b.jsonl:3: the id "y" is already at a.jsonl:2; ')
    assert "id_prefix" in str(caught.value)


def test_a_prefix_keeps_ids_apart(tmp_path, source):
    items, _ = load_items([source("a", "x"), source("b", "x", id_prefix="b-")], root=tmp_path)
    assert [item.id for item in items] == ["x", "b-x"]


def test_an_unknown_kind_of_source_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r'items\[0\]: unknown kind of source "pth"; did you mean'
    ):
        load_items([{"kind": "pth"}], root=tmp_path)


def test_a_limit_takes_evenly_from_all_sources_and_keeps_their_order(tmp_path, source):
    ids = [[f"{name}{number:02d}" for number in range(40)] for name in "abc"]
    sources = [source(name, some) for name, some in zip("abc", ids, strict=True)]
    items, provenance = load_items(sources, root=tmp_path, limit=10)
    chosen = [item.id for item in items]
    assert [sum(name in item_id for item_id in chosen) for name in "abc"] == [4, 3, 3]
    assert chosen == sorted(chosen)
    assert chosen[:4] != ids[0][:4]
    assert provenance[0]["rows"] == 40


def items(*names):
    return [Item(name, "x") for name in names]


def test_the_digest_of_items_is_that_of_the_lines_that_the_docs_describe():
    first = Item(
        "a", "Q?", ("é",), cluster="p", tags=("x",), metadata={"rule": "squad2"}, source="s"
    )
    lines = (
        '{"choices":[],"cluster":"p","context":null,"difficulty":null,"id":"a","input":"Q?",'
        '"metadata":{"rule":"squad2"},"tags":["x"],"targets":["é"],"tier":null}\n'
        '{"choices":[],"cluster":null,"context":null,"difficulty":0.5,"id":"b","input":"R?",'
        '"metadata":{},"tags":[],"targets":[],"tier":null}\n'
    )
    found = items_sha256([first, Item("b", "R?", difficulty=0.5)])
    assert found == hashlib.sha256(lines.encode("utf-8")).hexdigest()


def test_a_larger_limit_keeps_what_a_smaller_one_chose():
    sources = [items(*(f"a{n}" for n in range(30))), items(*(f"b{n}" for n in range(7)))]
    chosen = [{item.id for some in subset(sources, limit) for item in some} for limit in range(38)]
    assert all(less < more for less, more in pairwise(chosen))
    assert [len(some) for some in chosen] == list(range(38))


def test_the_choice_does_not_depend_on_order_or_on_the_items_left_out():
    many = items(*(f"a{n}" for n in range(50)))
    chosen = {item.id for item in subset([many], 5)[0]}
    fewer = [item for item in reversed(many) if item.id in chosen or item.id.endswith("7")]
    assert {item.id for item in subset([fewer], 5)[0]} == chosen


def test_a_small_source_leaves_its_share_to_the_others():
    sources = [items("a"), items(*(f"b{n}" for n in range(20)))]
    assert [len(some) for some in subset(sources, 10)] == [1, 9]


def test_a_limit_above_the_number_of_items_keeps_all():
    assert subset([items("a", "b")], 10) == [items("a", "b")]


def test_only_what_must_be_fetched_is_remote(tmp_path):
    (tmp_path / "folder").mkdir()
    assert is_remote({"kind": "hf", "hf": "org/name"}, tmp_path)
    assert not is_remote({"kind": "hf", "hf": "folder"}, tmp_path)
    assert is_remote({"kind": "dataset", "dataset": "gsm8k", "path": None})
    assert not is_remote({"kind": "dataset", "dataset": "gsm8k", "path": "x.jsonl"})
    assert not is_remote({"kind": "generate", "generate": "reasoning_gym"})
