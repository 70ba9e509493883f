"""Scorers that grade some items only: their rows in the table, and what is concluded from such a table."""

from collections import Counter

import pyarrow.parquet as pq
import pytest

from splitplot.calls.records import Response, Usage
from splitplot.files import write_jsonl
from splitplot.inference.summary import summarise
from splitplot.items import write_items
from splitplot.items.item import Item
from splitplot.scoring.export import item_responses
from splitplot.scoring.schema import ADDED, SCHEMA
from splitplot.scoring.table import score_cell

PASSAGE = "William won the battle in 1066."
ITEMS = [
    Item(
        f"{kind}{number:02d}",
        f"Who {number}?",
        ("William",) if "answerable" in kind.split("-")[1:] else (),
        context=f"{PASSAGE} Part {number}." if kind.startswith("open") else None,
        source=kind.split("-")[0],
        metadata={"rule": "squad2"},
    )
    for kind in ("open-answerable-", "open-not-", "closed-answerable-", "closed-not-")
    for number in range(12)
]
SILENT, REFUSAL = "The passage does not say.", "I can't help with that."


def scorer(kind, name=None, **options):
    label = name or kind
    return {"name": label, "scorer": kind, "options": options, "digest": label.ljust(16, "0")}


SCORERS = [
    scorer("qa_em"),
    scorer("qa_f1", over="answerable"),
    scorer("abstention"),
    scorer("no_false_answer"),
    scorer("supported"),
    scorer("includes", name="closed", over="closed_book", abstain=True),
]
GRADED = {
    "qa_em": 48,
    "qa_f1": 24,
    "abstention": 48,
    "no_false_answer": 24,
    "supported": 24,
    "closed": 24,
}


def plan_of(scorers):
    return {
        "study": "demo",
        "study_file": "config/studies/demo.yaml",
        "question": "?",
        "items": [{"path": "data/items.jsonl"}],
        "item_limit": None,
        "digests": {"analysis": "0" * 16},
        "trials": [
            {"id": "m--1", "hash": "t" * 16, "role": "solver", "model": "m", "model_id": "local/m",
             "sampling": "greedy", "route": "local", "parameters": {"temperature": 0}}
        ],
        "conditions": [
            {"id": f"{name}--1", "hash": name, "name": name, "path": f"{name}.md"}
            for name in ("control", "treatment")
        ],
        "cells": [
            {"trial": "m--1", "condition": f"{name}--1", "replications": 1}
            for name in ("control", "treatment")
        ],
        "parts": ["0-of-1"],
        "scorers": scorers,
        "analysis": {"alpha": 0.05, "seed": 1, "placebo_runs": 0, "primary": [
            {"name": "treatment − control", "metric": "score", "factor": "condition", "a": "treatment",
             "b": "control", "margin": 0.02, "margin_is_default": False, "scope": "items",
             "missing": "strict"}]},
    }  # fmt: skip


def reply(item, condition):
    """Control always answers; treatment holds back on the unanswerable, two of which it refuses."""
    number = int(item.id[-2:])
    if condition == "control" or item.targets:
        text = "William" if number % 3 else "Harold"
    else:
        text = REFUSAL if number == 5 else SILENT
    tokens = 3 + number % (7 if condition == "control" else 4)
    return Response(
        f"{item.id}-{condition}", "ok", text, route="local", usage=Usage(50, tokens),
        usd=0.01 if condition == "control" else 0.02, latency_s=0.5,
    )  # fmt: skip


@pytest.fixture
def scored(tmp_path):
    """scored(scorers, reply): (item_responses.parquet, plan) of both conditions."""

    def run(scorers=SCORERS, answer=reply, items=ITEMS):
        plan = plan_of(scorers)
        write_items(tmp_path / "items.parquet", items)
        tables = []
        for condition in ("control", "treatment"):
            folder = tmp_path / condition
            answers = [answer(item, condition) for item in items]
            places = [
                {"item_id": item.id, "replication": 0, "key": one.key}
                for item, one in zip(items, answers, strict=True)
            ]
            write_jsonl(folder / "grid.jsonl", places)
            write_jsonl(folder / "responses.jsonl", [one.to_json() for one in answers])
            tables.append(folder / "scores.parquet")
            score_cell(
                plan=plan,
                trial_id="m--1",
                condition_id=f"{condition}--1",
                items_path=tmp_path / "items.parquet",
                parts=[("0-of-1", folder / "grid.jsonl", folder / "responses.jsonl")],
                output=tables[-1],
                root=tmp_path,
            )
        item_responses(tables, tmp_path / "table.parquet")
        return tmp_path / "table.parquet", plan

    return run


def test_items_outside_a_scorers_choice_have_no_rows_of_it(scored):
    table, _ = scored()
    rows = pq.read_table(table).to_pylist()
    assert Counter(row["scorer"] for row in rows) == {k: 2 * n for k, n in GRADED.items()}
    of = {name: {row["item_id"] for row in rows if row["scorer"] == name} for name in GRADED}
    assert of["qa_f1"] == {item.id for item in ITEMS if item.targets}
    assert of["no_false_answer"] == {item.id for item in ITEMS if not item.targets}
    assert of["supported"] == {item.id for item in ITEMS if item.context}
    assert of["closed"] == {item.id for item in ITEMS if not item.context}


def test_a_refusal_in_the_text_is_an_outcome_and_its_worth_is_the_scorers(scored):
    table, _ = scored()
    rows = [r for r in pq.read_table(table).to_pylist() if r["response"] == REFUSAL]
    told = {(r["scorer"], r["outcome"], r["score"], r["strict"], r["observed"]) for r in rows}
    assert told == {
        ("qa_em", "refused", None, 0.0, None),
        ("abstention", "ok", 0.0, 0.0, 0.0),
        ("no_false_answer", "refused", None, 1.0, None),
        ("supported", "refused", None, 1.0, None),
        ("closed", "ok", 0.0, 0.0, 0.0),
    }


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        pytest.param({"outcome": "refused"}, "refused", id="refused by the provider"),
        pytest.param({"outcome": "ok", "text": ""}, "empty", id="came and says nothing"),
    ],
)
def test_what_claims_nothing_is_no_false_answer_and_nothing_else(scored, response, outcome):
    table, _ = scored(answer=lambda item, c: Response(f"{item.id}-{c}", **response, route="local"))
    rows = pq.read_table(table).to_pylist()
    assert {row["outcome"] for row in rows} == {outcome}
    assert {row["scorer"]: row["strict"] for row in rows} == {
        "qa_em": 0.0,
        "qa_f1": 0.0,
        "abstention": 0.0,
        "no_false_answer": 1.0,
        "supported": 1.0,
        "closed": 0.0,
    }
    assert {row["observed"] for row in rows} == {None}


def test_the_support_of_an_answer_has_a_column(scored):
    table, _ = scored()
    rows = pq.read_table(table).to_pylist()
    found = {(r["response"], r["support"]) for r in rows if r["scorer"] == "supported"}
    assert found == {("William", 1.0), ("Harold", 0.0), (SILENT, None), (REFUSAL, None)}
    assert {row["support"] for row in rows if row["scorer"] != "supported"} == {None}


def test_a_table_of_version_2_is_joined_with_an_empty_support(scored, tmp_path):
    table, _ = scored()
    older = pq.read_table(table).drop_columns(list(ADDED[3]))
    metadata = {**SCHEMA.metadata, b"splitplot.schema_version": b"2"}
    pq.write_table(older.replace_schema_metadata(metadata), tmp_path / "old.parquet")
    assert item_responses([tmp_path / "old.parquet", table], tmp_path / "all.parquet") == 2 * len(
        older
    )
    joined = pq.read_table(tmp_path / "all.parquet")
    assert joined.schema.equals(SCHEMA, check_metadata=True)
    assert joined.column("support").to_pylist()[: len(older)] == [None] * len(older)


def entry_of(inference, metric):
    found = [*inference["contrasts"], *inference["exploration"]]
    return next(one for one in found if one["metric"] == metric)


def test_every_scorer_is_compared_on_the_items_that_it_grades(scored):
    """Declared under each, as what the chapter `answering` compares is not explored once more."""
    table, plan = scored()
    [first] = plan["analysis"]["primary"]
    plan["analysis"]["primary"] += [
        first | {"name": metric, "metric": metric}
        for metric in GRADED
        if metric not in ("qa_em", "abstention")
    ]
    inference = summarise(table, plan, None)
    assert inference["exploration"] == []
    for metric, items in GRADED.items():
        if metric != "abstention":
            one = entry_of(inference, "score" if metric == "qa_em" else metric)
            assert one["n_items"] == items
            assert one["lost_share"] == {"a": 0.0, "b": 0.0}
    # Control answers all 24 unanswerable questions, treatment none: 24 of 24 false answers fewer.
    assert entry_of(inference, "no_false_answer")["difference"]["estimate"] == pytest.approx(1.0)
    # qa_em: on 24 unanswerable items control has 0, treatment 22 of 24 (two refusals); others are alike.
    assert entry_of(inference, "score")["difference"]["estimate"] == pytest.approx(22 / 48)
    assert inference["n_items"] == 48


@pytest.mark.parametrize("first", range(len(SCORERS)), ids=[one["name"] for one in SCORERS])
def test_what_is_no_score_is_of_all_answers_whichever_scorer_is_first(scored, first):
    scorers = [SCORERS[first], *SCORERS[:first], *SCORERS[first + 1 :]]
    table, plan = scored(scorers)
    plan["analysis"]["primary"].append(
        plan["analysis"]["primary"][0] | {"name": "dollars", "metric": "usd", "margin": 0.2}
    )
    inference = summarise(table, plan, None)
    assert (inference["n_items"], inference["n_clusters"]) == (48, 48)
    assert inference["health"]["grid_rows"] == inference["health"]["filled"] == 96
    assert inference["conditions"][0]["n_items"] == GRADED[scorers[0]["name"]]
    dollars = entry_of(inference, "usd")
    assert (dollars["n_items"], dollars["ratio"]) == (48, None), "one price per answer: no interval"
    assert dollars["means"] == {"a": pytest.approx(0.02), "b": pytest.approx(0.01)}
    spent = {one["amount"]: one for one in inference["spent"]}
    assert spent["tokens_out"]["n_items"] == 48
    assert not {"rows_outside_plan", "item_versions"} & {f["code"] for f in inference["flags"]}


def test_a_scorer_that_grades_no_item_has_no_verdict_and_harms_none(scored):
    none = scorer("includes", name="nothing", over="closed_book")
    table, plan = scored([SCORERS[0], none], items=[item for item in ITEMS if item.context])
    inference = summarise(table, plan, None)
    explored = {one["metric"]: one for one in inference["exploration"]}
    assert "nothing" not in explored or explored["nothing"]["verdict"] == "NO VERDICT"
    assert inference["n_items"] == entry_of(inference, "score")["n_items"] == 24
