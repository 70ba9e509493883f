"""What a partial report is made of: the ledger's answers, and holes for the rest."""

import json

from splitplot.calls.so_far import write_so_far


def test_answers_come_from_the_ledger_and_holes_are_rows(case):
    plan = case.plan()
    case.answer(plan, 2)
    case.answer(plan, 3, outcome="error")
    keys = [request.key for _, request in case.requests(plan)][:5]
    requests = case.write("part/requests.jsonl", "".join(f'{{"custom_id": "{k}"}}\n' for k in keys))
    last_run = [
        {"key": keys[3], "outcome": "over_quota"},
        {"key": keys[0], "outcome": "over_quota"},
    ]
    case.write("part/responses.jsonl", "".join(json.dumps(row) + "\n" for row in last_run))
    before = sorted(case.ledger.rglob("*"))
    output = case.path / "part" / "so_far.jsonl"
    assert write_so_far(plan["trials"][0]["hash"], requests, case.ledger, output) == (3, 5)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["key"] for row in rows] == keys
    assert [row["outcome"] for row in rows] == ["ok", "ok", "error", "over_quota", "missing"]
    assert sorted(case.ledger.rglob("*")) == before
