"""The requests of a cell: bodies, keys, parts."""

import json

import pytest

from splitplot.calls.requests import (
    cell_of,
    cell_requests,
    part_index,
    part_keys,
    part_requests,
    write_part,
)
from splitplot.errors import ConfigError
from splitplot.items import load_items, write_items


@pytest.fixture
def written(case):
    """A plan with 3 parts, and the files of every part: {(cell, part): (requests, grid)}."""
    case.items(range(12))
    plan = case.plan(execution={"parts": 3})
    items, _ = load_items(plan["items"], root=case.path, limit=None)
    table = case.path / "items.parquet"
    write_items(table, items)
    files = {}
    for cell in plan["cells"]:
        for part in plan["parts"]:
            folder = case.path / cell["condition"] / part
            count = write_part(plan, cell["trial"], cell["condition"], part, table, folder)
            requests, grid = (
                [json.loads(line) for line in (folder / name).read_text().splitlines()]
                for name in ("requests.jsonl", "grid.jsonl")
            )
            assert count == len(requests)
            files[cell["condition"], part] = requests, grid
    return plan, files


def test_the_parts_of_a_cell_are_its_grid_each_place_once(written):
    plan, files = written
    for cell in plan["cells"]:
        places = [
            (row["item_id"], row["replication"])
            for part in plan["parts"]
            for row in files[cell["condition"], part][1]
        ]
        assert sorted(places) == sorted((f"i{n}", r) for n in range(12) for r in range(2))


def test_every_key_of_the_grid_is_a_request_of_its_part(written):
    for requests, grid in written[1].values():
        assert {row["key"] for row in grid} == {line["custom_id"] for line in requests}


def test_a_line_is_one_of_the_openai_batch_format_without_the_model(written):
    # https://platform.openai.com/docs/guides/batch: custom_id, method, url, body
    requests = [line for lines, _ in written[1].values() for line in lines]
    for line in requests:
        assert set(line) == {"custom_id", "method", "url", "body"}
        assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
        assert set(line["body"]) == {"messages", "max_tokens"}
        assert len(line["custom_id"]) <= 64


def test_replications_are_requests_of_their_own_with_the_same_body(case):
    plan = case.plan(replications=3)
    requests = [request for _, request in case.requests(plan)]
    assert len({request.key for request in requests}) == len(requests) == 30
    assert len({json.dumps(request.body) for request in requests}) == 10


def test_items_with_the_same_text_share_their_requests(case):
    rows = [{"id": name, "input": "What is 1 + 1?", "target": 2} for name in ("x", "y")]
    case.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    plan = case.plan()
    items, _ = load_items(plan["items"], root=case.path, limit=None)
    cell = plan["cells"][0]
    trial, arm, replications = cell_of(plan, cell["trial"], cell["condition"])
    keys = [request.key for request, _, _ in cell_requests(trial, arm, replications, items)]
    assert (len(keys), len(set(keys))) == (4, 2)


def test_a_part_id_says_which_of_how_many():
    assert part_index("03-of-12") == (3, 12)


def test_keys_and_requests_of_a_part_are_read_from_lines_of_any_format(tmp_path):
    lines = [
        {"custom_id": f"{n:032x}", "method": "POST", "url": "/v1", "body": {"messages": [], "n": n}}
        for n in range(4)
    ]
    lines.append({**lines[0], "custom_id": "short"})
    texts = [json.dumps(line) for line in lines]
    texts[1] = json.dumps(lines[1], separators=(",", ":"))
    texts[2] = json.dumps(dict(reversed(lines[2].items())))
    (tmp_path / "requests.jsonl").write_text("\n".join([*texts, "", ""]))
    keys = [line["custom_id"] for line in lines]
    assert part_keys(tmp_path) == keys
    found = list(part_requests(tmp_path, {*keys[1:], "absent"}))
    assert [(one.key, one.body, one.url) for one in found] == [
        (line["custom_id"], line["body"], "/v1") for line in lines[1:]
    ]


def test_an_unknown_cell_is_named(case):
    with pytest.raises(ConfigError, match="s: there is no cell nobody--12345678 × a"):
        cell_of(case.plan(), "nobody--12345678", "a")
