"""What the answers of a study cost, and which of them another study had paid for."""

import json

from splitplot.calls.costs import costs

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
