"""What the answers of a study cost, and which of them another study had paid for."""

import json

import pytest

from splitplot.calls.costs import costs
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response, Usage

PLAN = {
    "study": "s",
    "trials": [
        {"id": "t", "model": "paid", "sampling": "low", "route": "realtime"},
        {"id": "l", "model": "here", "sampling": "low", "route": "local"},
    ],
    "conditions": [{"id": "a", "name": "arm a"}, {"id": "b", "name": "arm b"}],
}


def response(key, usd, study="s", outcome="ok", at="2026-01-01T00:00:0", second=1):
    return {
        "key": key,
        "outcome": outcome,
        "usd": usd,
        "study": study,
        "started_at": f"{at}{second}",
        "finished_at": f"{at}{second + 1}",
        "usage": {"input_tokens": 10, "output_tokens": 5, "reasoning_tokens": None},
    }


def files(tmp_path, **parts):
    paths = []
    for name, rows in parts.items():
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths


def test_parts_are_added_up_and_answers_of_other_studies_are_reused(tmp_path):
    paths = files(
        tmp_path,
        p0=[response("1", 0.5), response("2", 0.25, study="older", second=3)],
        p1=[response("3", None, outcome="error"), response("4", None, outcome="over_quota")],
    )
    result = costs(PLAN, [("t", "a", paths)])
    (row,) = result["cells"]
    assert (row["requests"], row["answered"], row["reused"]) == (4, 2, 1)
    assert (row["tokens_in"], row["tokens_out"], row["tokens_reasoning"]) == (20, 10, 0)
    assert (row["usd"], row["unpriced"]) == (0.75, False)
    assert (result["total_usd"], result["spent_usd_this_study"]) == (0.75, 0.5)
    assert result["wall"] == {"first": "2026-01-01T00:00:01", "last": "2026-01-01T00:00:04"}


def test_a_request_that_two_cells_share_counts_in_both_rows_and_once_in_the_total(tmp_path):
    (path,) = files(tmp_path, p=[response("1", 0.5)])
    result = costs(PLAN, [("t", "a", [path]), ("t", "b", [path])])
    assert [row["usd"] for row in result["cells"]] == [0.5, 0.5]
    assert result["total_usd"] == result["spent_usd_this_study"] == 0.5


def test_an_answer_without_a_price_makes_its_cell_unpriced_and_a_local_one_does_not(tmp_path):
    (path,) = files(tmp_path, p=[response("1", None)])
    result = costs(PLAN, [("t", "a", [path]), ("l", "a", [path])])
    assert [row["unpriced"] for row in result["cells"]] == [True, False]


def test_a_cell_without_any_answer_is_a_row_of_zeros(tmp_path):
    result = costs(PLAN, [("t", "a", [])])
    assert result["cells"][0]["requests"] == result["total_usd"] == 0
    assert result["wall"] == {"first": None, "last": None}


BATCHED = {
    **PLAN,
    "trials": [
        {
            "id": "t",
            "hash": "0123456789abcdef",
            "model": "mini",
            "model_id": "openai/gpt-4o-mini",
            "sampling": "low",
            "route": "realtime",
            "endpoint": {"model": "gpt-4o-mini"},
            "batch": {"protocol": "openai"},
        }
    ],
}


def test_answers_and_dollars_by_route_and_what_the_batches_saved(tmp_path):
    # OpenAI's list price of gpt-4o-mini: $0.15 and $0.60 per million tokens; half of it by batch
    full = (10 * 0.15 + 5 * 0.60) / 1e6
    rows = [response(str(n), full / 2) | {"route": "batch"} for n in range(3)]
    rows += [response("9", full) | {"route": "realtime"}]
    rows += [response("8", None) | {"route": "batch"}]
    (path,) = files(tmp_path, p=rows)
    result = costs(BATCHED, [("t", "a", [path]), ("t", "b", [path])])
    routes = {
        "batch": {"answered": 4, "usd": pytest.approx(1.5 * full)},
        "realtime": {"answered": 1, "usd": pytest.approx(full)},
    }
    assert [row["routes"] for row in result["cells"]] == [routes, routes]
    assert result["routes"] == routes
    assert result["cells"][0]["saved_usd"] == pytest.approx(1.5 * full)
    assert result["saved_usd"] == pytest.approx(1.5 * full)
    assert result["ledger"] is None


def test_what_the_study_paid_beside_its_answers_makes_the_ledger_s_total(tmp_path):
    ledger = tmp_path / "ledger"
    with LedgerWriter(ledger, "0123456789abcdef", {"study": "s", "model": "mini"}) as writer:
        for name, usd, outcome in (
            ("1", 0.5, "ok"),
            ("2", 0.25, "ok"),  # of a condition that is gone
            ("3", 0.125, "error"),
            ("4", 0.0625, "ok"),
        ):
            usage, at = Usage(10, 5), "2026-01-01T00:00:02"
            writer.response(
                Response(name * 32, outcome, usage=usage, usd=usd, study="s", finished_at=at)
            )
    with LedgerWriter(ledger, "0123456789abcdef", {"study": "s", "reason": "rescue"}) as writer:
        writer.reopen({"4" * 32: ["x:1"]})
    rows = [response("1" * 32, 0.5) | {"route": "batch"}]
    rows += [response("4" * 32, 0.0625) | {"route": "realtime"}]
    rows += [response("3" * 32, 0.125, outcome="error") | {"route": "batch"}]
    (path,) = files(tmp_path, p=rows)
    result = costs(BATCHED, [("t", "a", [path])], ledger)
    assert result["spent_usd_this_study"] == 0.5625
    assert result["ledger"] == {
        "paid": {"count": 4, "usd": 0.9375},
        "billed_failures": {"count": 1, "usd": 0.125},
        "elsewhere": {"count": 1, "usd": 0.25},
    }
    assert result["cells"][0]["rescued"] == 1
