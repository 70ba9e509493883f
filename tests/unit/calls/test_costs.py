"""What the answers of a study cost, and which of them another study had paid for."""

import json

import pytest

from splitplot.calls.costs import costs, receipt_files
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


LOCAL = {
    **PLAN,
    "trials": [
        *PLAN["trials"],
        {"id": "g", "model": "large", "sampling": "low", "route": "local"},
    ],
    "parts": ["0-of-2", "1-of-2"],
}


def receipt(folder, trial, part, start, answers, gpus, engine=True):
    path = folder / trial / "generated" / f"{part}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {"trial": trial, "part": part, "gpus": gpus}
    value |= {"seconds": {"start": start, "answers": answers}}
    path.write_text(json.dumps(value | {"engine": {"name": "vllm"} if engine else None}))
    return path


def test_hours_of_local_models_are_the_sum_of_their_receipts(tmp_path):
    made = [
        receipt(tmp_path, "l", "0-of-2", 60.0, 840.0, 0),
        receipt(tmp_path, "l", "1-of-2", 0.0, 0.0, 0, engine=False),
        receipt(tmp_path, "g", "0-of-2", 180.0, 1620.0, 4),
        receipt(tmp_path, "g", "1-of-2", 360.0, 540.0, 2),
    ]
    assert receipt_files(LOCAL, tmp_path, "responses.jsonl") == made
    found = costs(LOCAL, [], receipts=made)["local"]
    # by hand: l 900 s on no GPU; g 1,800 s on 4 GPUs and 900 s on 2; 540 s of its 2,700 were loading
    assert found == {
        "jobs": 3,
        "hours": pytest.approx(1.0),
        "gpu_hours": pytest.approx(2.5),
        "loading_share": pytest.approx(600 / 3600),
        "trials": [
            {
                **{"trial": "l", "model": "here", "sampling": "low", "jobs": 1},
                **{"hours": pytest.approx(0.25), "gpu_hours": 0.0},
                "loading_share": pytest.approx(60 / 900),
            },
            {
                **{"trial": "g", "model": "large", "sampling": "low", "jobs": 2},
                **{"hours": pytest.approx(0.75), "gpu_hours": pytest.approx(2.5)},
                "loading_share": pytest.approx(540 / 2700),
            },
        ],
    }


def test_a_receipt_counts_once_and_that_of_a_trial_which_is_gone_not_at_all(tmp_path):
    path = receipt(tmp_path, "g", "0-of-2", 360.0, 3240.0, 1)
    copy = tmp_path / "copy.json"
    copy.write_bytes(path.read_bytes())
    gone = receipt(tmp_path, "removed", "0-of-2", 360.0, 3240.0, 1)
    found = costs(LOCAL, [], receipts=[path, path, copy, gone])["local"]
    assert (found["jobs"], found["gpu_hours"], found["loading_share"]) == (1, 1.0, 0.1)
    assert [row["trial"] for row in found["trials"]] == ["g"]


def test_a_study_that_found_every_answer_in_the_ledger_took_no_time(tmp_path):
    made = [receipt(tmp_path, "g", part, 0.0, 0.0, 4, engine=False) for part in LOCAL["parts"]]
    found = costs(LOCAL, [], receipts=made)["local"]
    assert (found["jobs"], found["hours"], found["gpu_hours"]) == (0, 0.0, 0.0)
    assert found["loading_share"] is None


def test_without_receipts_nothing_is_known_of_hours(tmp_path):
    receipt(tmp_path, "g", "0-of-2", 360.0, 3240.0, 1)
    so_far = receipt_files(LOCAL, tmp_path, "responses_so_far.jsonl")
    assert so_far == [] and costs(LOCAL, [], receipts=so_far)["local"] is None
    elsewhere = {**LOCAL, "trials": LOCAL["trials"][:1]}
    assert receipt_files(elsewhere, tmp_path, "responses.jsonl") == []
    assert costs(elsewhere, [])["local"] is None
