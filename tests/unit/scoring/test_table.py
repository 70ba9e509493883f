"""The item-response table of a cell and of a study: full grid, streamed, schema in sync with the docs."""

import csv
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.calls.records import OUTCOMES, Response, Usage
from splitplot.errors import ConfigError
from splitplot.files import write_jsonl
from splitplot.items import write_items
from splitplot.items.item import Item, part_of
from splitplot.scoring import ScoringError
from splitplot.scoring.export import item_responses, to_csv
from splitplot.scoring.schema import SCHEMA, schema_page
from splitplot.scoring.table import score_cell

TRIAL = {
    "id": "m-greedy--1", "hash": "t" * 16, "role": "solver", "model": "m", "model_id": "local/m",
    "sampling": "greedy", "route": "local",
}  # fmt: skip
PLAN = {
    "study": "demo",
    "item_limit": None,
    "trials": [TRIAL],
    "conditions": [{"id": "direct--2", "hash": "c" * 16, "name": "direct", "path": "p.md"}],
    "cells": [{"trial": "m-greedy--1", "condition": "direct--2", "replications": 2}],
    "parts": ["0-of-2", "1-of-2"],
    "scorers": [
        {"name": "number", "scorer": "numeric", "options": {"abstain": True}, "digest": "1" * 16},
        {"name": "exact", "scorer": "exact", "options": {}, "digest": "2" * 16},
    ],
}
ITEMS = [
    Item(
        f"i{n}",
        f"{n} + 1?",
        (str(n + 1),),
        cluster="odd" if n % 2 else None,
        tier="easy",
        source="s",
    )
    for n in range(12)
]


@pytest.fixture
def cell(tmp_path):
    """Writes items, grid and responses; returns a function that scores them and reads the table back."""

    def run(answer, items=ITEMS, plan=PLAN, **changes):
        write_items(tmp_path / "items.parquet", items)
        parts = []
        for index, part in enumerate(plan["parts"]):
            mine = [item for item in items if part_of(item.id, len(plan["parts"])) == index]
            places = [(item, r) for item in mine for r in range(2)]
            grid = [{"item_id": i.id, "replication": r, "key": f"{i.id}-{r}"} for i, r in places]
            responses = [answer(item, r) for item, r in places]
            folder = tmp_path / "calls" / part
            write_jsonl(folder / "grid.jsonl", grid)
            write_jsonl(folder / "responses.jsonl", [row.to_json() for row in responses if row])
            parts.append((part, folder / "grid.jsonl", folder / "responses.jsonl"))
        arguments = {
            "plan": plan, "trial_id": "m-greedy--1", "condition_id": "direct--2", "parts": parts,
            "items_path": tmp_path / "items.parquet", "output": tmp_path / "scores.parquet", "root": tmp_path,
        }  # fmt: skip
        summary = score_cell(**{**arguments, **changes})
        return summary, pq.read_table(tmp_path / "scores.parquet").to_pylist()

    return run


def ok(item, replication, text=None):
    return Response(f"{item.id}-{replication}", "ok", text or item.targets[0], route="local",
                    usage=Usage(10, 2), usd=0.0, latency_s=0.5)  # fmt: skip


def test_one_row_per_item_replication_and_scorer(cell):
    summary, rows = cell(ok)
    assert summary == {
        "rows": 48,
        "responses_missing": 0,
        "outcomes": {"number": {"ok": 24}, "exact": {"ok": 24}},
    }
    assert len({(row["item_id"], row["replication"], row["scorer"]) for row in rows}) == 48
    row = next(row for row in rows if row["item_id"] == "i3" and row["scorer"] == "number")
    expected = {"study": "demo", "wave": "", "model": "m", "condition": "direct", "cluster": "odd",
                "item_hash": ITEMS[3].hash, "score": 1.0, "strict": 1.0, "observed": 1.0, "extracted": "4",
                "score_reason": "last number", "tokens_in": 10, "tokens_cached": None, "simulated": False,
                "scorer_digest": "1" * 16, "part": f"{part_of('i3', 2)}-of-2"}  # fmt: skip
    assert expected.items() <= row.items()


def test_the_cluster_is_never_null(cell):
    _summary, rows = cell(ok)
    assert {row["cluster"] for row in rows if row["item_id"] == "i2"} == {"i2"}


# The contract of the table: strict counts as wrong what the model did, and leaves out what was lost.
STRICT = {"truncated": 0.0, "refused": 0.0, "empty": 0.0,
          "error": None, "expired": None, "over_quota": None, "missing": None}  # fmt: skip


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "ok"])
def test_a_failed_answer_is_a_row_with_its_outcome(cell, outcome):
    _summary, rows = cell(lambda i, r: Response(f"{i.id}-{r}", outcome))
    assert {row["outcome"] for row in rows} == {outcome}
    assert {(row["score"], row["strict"], row["observed"]) for row in rows} == {
        (None, STRICT[outcome], None)
    }


def test_a_truncated_answer_keeps_its_verdict_and_counts_as_wrong(cell):
    _summary, rows = cell(lambda i, r: replace(ok(i, r), outcome="truncated"))
    assert {(row["score"], row["strict"], row["observed"]) for row in rows} == {(1.0, 0.0, None)}


@pytest.mark.parametrize(
    ("text", "outcome"), [("I don't know", "abstained"), ("several", "unparseable")]
)
def test_what_the_scorer_finds_is_the_outcome_of_its_row(cell, text, outcome):
    _summary, rows = cell(lambda i, r: ok(i, r, text))
    by_scorer = {row["scorer"]: row for row in rows}
    assert by_scorer["number"]["outcome"] == outcome
    assert (by_scorer["number"]["score"], by_scorer["number"]["strict"]) == (None, 0.0)
    assert (by_scorer["exact"]["outcome"], by_scorer["exact"]["observed"]) == ("ok", 0.0)


def test_an_answer_that_is_not_in_the_file_is_a_missing_row(cell):
    summary, rows = cell(lambda i, r: ok(i, r) if r == 0 else None)
    assert summary["responses_missing"] == 12
    assert {row["outcome"] for row in rows if row["replication"] == 1} == {"missing"}
    assert {row["outcome"] for row in rows if row["replication"] == 0} == {"ok"}


def test_places_of_the_grid_that_share_a_key_share_the_answer(cell, tmp_path):
    cell(ok)
    grid = [{"item_id": f"i{n}", "replication": 0, "key": key} for n, key in enumerate("abacab")]
    write_jsonl(tmp_path / "grid.jsonl", grid)
    answers = [Response(key, "ok", f"{n}").to_json() for n, key in enumerate("abc")]
    write_jsonl(tmp_path / "responses.jsonl", answers)
    plan = {**PLAN, "parts": ["0-of-1"]}
    parts = [("0-of-1", tmp_path / "grid.jsonl", tmp_path / "responses.jsonl")]
    _summary, rows = cell(ok, plan=plan, parts=parts)
    assert [row["response"] for row in rows[::2]] == ["0", "1", "0", "2", "0", "1"]


def test_an_item_that_is_in_the_grid_alone_is_an_error(cell, tmp_path):
    write_jsonl(tmp_path / "grid.jsonl", [{"item_id": "gone", "replication": 0, "key": "a"}])
    write_jsonl(tmp_path / "responses.jsonl", [])
    parts = [("0-of-2", tmp_path / "grid.jsonl", tmp_path / "responses.jsonl")]
    with pytest.raises(ScoringError, match='item "gone" is not among the items'):
        cell(ok, parts=parts)
    assert not (tmp_path / "scores.parquet").exists()


def test_errors_and_broken_text_are_stored_as_text(cell):
    error = {"type": "api_error", "message": "overloaded", "status": 529}
    _summary, rows = cell(lambda i, r: Response(f"{i.id}-{r}", "error", "half \ud83d", error=error))
    assert {(row["error"], row["response"]) for row in rows} == {
        ("api_error 529: overloaded", "half ?")
    }


def test_a_simulated_cell_is_marked_even_in_its_holes(cell):
    plan = {**PLAN, "trials": [{**TRIAL, "route": "sim"}]}
    _summary, rows = cell(lambda i, r: None, plan=plan)
    assert {row["simulated"] for row in rows} == {True}


def test_an_unknown_cell_is_refused(cell):
    with pytest.raises(ConfigError, match="there is no cell"):
        cell(ok, trial_id="other")


def test_row_groups_are_bounded_and_the_study_table_keeps_them_so(cell, tmp_path):
    items = [Item(f"i{n}", "?", (str(n),)) for n in range(1100)]
    cell(ok, items=items)
    written = pq.ParquetFile(tmp_path / "scores.parquet")
    sizes = [written.metadata.row_group(n).num_rows for n in range(written.num_row_groups)]
    assert sizes == [2000, 2000, 400]
    assert item_responses([tmp_path / "scores.parquet"] * 2, tmp_path / "all.parquet") == 8800
    whole = pq.ParquetFile(tmp_path / "all.parquet")
    assert max(whole.metadata.row_group(n).num_rows for n in range(whole.num_row_groups)) <= 4000
    assert whole.schema_arrow.equals(SCHEMA, check_metadata=True)
    assert whole.read().slice(4400).equals(written.read())


def test_a_table_of_another_version_is_not_mixed_in(cell, tmp_path):
    cell(ok)
    other = pq.read_table(tmp_path / "scores.parquet").replace_schema_metadata(
        {"splitplot.schema_version": "0"}
    )
    pq.write_table(other, tmp_path / "old.parquet")
    with pytest.raises(ConfigError, match=r"old\.parquet: item-response schema version 0"):
        item_responses(
            [tmp_path / "scores.parquet", tmp_path / "old.parquet"], tmp_path / "all.parquet"
        )
    assert not (tmp_path / "all.parquet").exists()


def test_a_study_without_cells_is_an_empty_table(tmp_path):
    assert item_responses([], tmp_path / "all.parquet") == 0
    assert pq.read_table(tmp_path / "all.parquet").num_rows == 0


def test_the_csv_has_the_rows_of_the_table(cell, tmp_path):
    _summary, rows = cell(lambda i, r: ok(i, r, 'a "quoted",\nline'))
    assert to_csv(tmp_path / "scores.parquet", tmp_path / "scores.csv") == len(rows)
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == SCHEMA.names
    assert [row["response"] for row in read] == [row["response"] for row in rows]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("- a list", "'- a list"),
        ("-5", "-5"),
        ("+1,000.5e3", "+1,000.5e3"),
        ("'=1", "'=1"),
        ("a = b", "a = b"),
        ("−5 · 日本", "−5 · 日本"),
    ],
)
def test_a_formula_in_the_csv_is_text(cell, tmp_path, text, written):
    _summary, rows = cell(lambda i, r: ok(i, r, text))
    to_csv(tmp_path / "scores.parquet", tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert {row["response"] for row in rows} == {text}
    assert {row["response"] for row in read} == {written}
    assert {row["reasoning"] for row in read} == {""}


def test_the_page_of_the_docs_is_in_sync_with_the_schema(repository):
    assert (repository / "docs/item_responses.md").read_text(encoding="utf-8") == schema_page(), (
        "run `python -m splitplot.scoring.schema > docs/item_responses.md`"
    )


def test_every_column_has_a_description():
    assert all(field.metadata[b"description"] for field in SCHEMA)
    assert isinstance(SCHEMA, pa.Schema)


def test_reading_a_studys_scorers_imports_nothing_heavy():
    program = (
        "import sys; from pathlib import Path; from splitplot.scoring import KNOWN, check_scorer\n"
        "for name in ('numeric', 'reasoning_gym'): check_scorer({'scorer': name}, Path())\n"
        "print(sorted({'pyarrow', 'pandas', 'numpy', 'reasoning_gym'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
