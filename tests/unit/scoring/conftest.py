"""The tables of cases in docs/scorers.md, the documented behaviour of the scorers; and a cell to score."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from splitplot.files import write_jsonl
from splitplot.items.item import Item
from splitplot.items.table import write_items
from splitplot.scoring.table import score_cell

REPOSITORY = Path(__file__).resolve().parents[3]


def documented_cases(name: str) -> list[list[str]]:
    """The rows of the table under `<!-- name cases -->`; ⏎ and ⍽ stand for line break, no-break space."""
    page = (REPOSITORY / "docs/scorers.md").read_text(encoding="utf-8")
    table = page.split(f"<!-- {name} cases -->\n\n")[1].split("\n\n")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]
    ]
    plain = str.maketrans({"⏎": "\n", "⍽": "\u00a0"})
    return [[cell.strip("`").translate(plain) for cell in row] for row in rows]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("parametrize")
    for fixture in metafunc.fixturenames:
        if fixture.endswith("_case") and marker is None:
            cases = documented_cases(fixture.removesuffix("_case"))
            metafunc.parametrize(fixture, cases, ids=[" ".join(case)[:60] for case in cases])


@pytest.fixture
def cases():
    return documented_cases


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


ONE_CELL = {
    "study": "demo",
    "study_file": "config/studies/demo.yaml",
    "item_limit": None,
    "trials": [
        {"id": "m--1", "hash": "t", "role": "solver", "model": "m", "model_id": "local/m",
         "sampling": "greedy", "route": "local"}
    ],
    "conditions": [{"id": "c--2", "hash": "c", "name": "c", "path": "p.md"}],
    "cells": [{"trial": "m--1", "condition": "c--2", "replications": 1}],
    "parts": ["0-of-1"],
    "scorers": [{"name": "includes", "scorer": "includes", "options": {}, "digest": "1" * 16}],
}  # fmt: skip


@pytest.fixture
def one_cell(tmp_path):
    """one_cell(responses, **plan): the table of a cell with these answers to items i0, i1 …, target 4."""

    def run(responses, **plan):
        items = [Item(f"i{n}", "?", ("4",), source="s") for n in range(len(responses))]
        write_items(tmp_path / "items.parquet", items)
        places = [
            {"item_id": item.id, "replication": 0, "key": response.key}
            for item, response in zip(items, responses, strict=True)
        ]
        write_jsonl(tmp_path / "grid.jsonl", places)
        write_jsonl(tmp_path / "responses.jsonl", [response.to_json() for response in responses])
        score_cell(
            plan=ONE_CELL | plan,
            trial_id="m--1",
            condition_id="c--2",
            items_path=tmp_path / "items.parquet",
            parts=[("0-of-1", tmp_path / "grid.jsonl", tmp_path / "responses.jsonl")],
            output=tmp_path / "scores.parquet",
            root=tmp_path,
        )
        return pq.read_table(tmp_path / "scores.parquet").to_pylist()

    return run
