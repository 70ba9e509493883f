"""Money: nothing is sent before it is agreed to, a cap leaves typed gaps, a refill sends exactly these."""

import json

import pytest

pytestmark = pytest.mark.slow

ANSWERED = "results/s/costs.json"
"""Behind all answers, and cheap to make; where it is there, Snakemake does not miss answers that are not."""


@pytest.fixture
def paid(workspace, server):
    """80 requests of at most 50 output tokens; an answer has 4, so 0.4 cents at the price of $1/k."""
    workspace.models = {"models": {"paid": server.model("paid", dollars=1)}}
    workspace.study["models"] = ["paid"]
    return workspace


def test_a_run_above_the_limit_sends_nothing_until_it_is_approved(paid, server):
    paid.study["budget"] = {"confirm_above_usd": 2}
    paid.save()
    output = paid.snakemake(ANSWERED, ok=False)
    assert "80 requests may cost up to $4.00" in output
    assert "\n    splitplot approve s\n" in output
    assert "Traceback" not in output
    assert server.received() == 0
    assert paid.run("splitplot", "estimate", "s")[0] == 3
    assert paid.run("splitplot", "approve", "s")[0] == 0
    paid.snakemake(ANSWERED)
    assert (server.received(), paid.sent()) == (80, 80)
    assert "Nothing to be done" in paid.snakemake(ANSWERED)


@pytest.mark.long
def test_an_approval_is_for_its_requests_and_not_for_more(paid, server):
    paid.study["budget"] = {"confirm_above_usd": 0.5}
    paid.save()
    paid.run("splitplot", "approve", "s")
    paid.snakemake(ANSWERED)
    paid.items += [{"id": f"n{n}", "input": f"What is {n} + 9?", "target": n + 9} for n in range(5)]
    paid.save()
    output = paid.snakemake(ANSWERED, ok=False)
    assert "20 requests may cost up to $1.00" in output
    assert "what was approved was another set of requests" in output
    assert server.received() == 80


def test_a_cap_leaves_gaps_and_a_refill_sends_exactly_these(paid, server):
    paid.study["budget"] = {"confirm_above_usd": 10, "max_usd": 0.15}
    paid.save()
    assert paid.run("splitplot", "estimate", "s")[0] == 4
    paid.snakemake()
    sent = server.received()
    assert 0 < sent < 38  # 0.15 / 0.004, less the worst case that is kept back
    outcomes = [row["counts"] for row in paid.report()["health"]["outcomes"]]
    assert sum(counts.get("over_quota", 0) for counts in outcomes) == 80 - sent
    assert "over quota" in paid.path("report.md").read_text()
    code, output = paid.run("splitplot", "status", "s")
    assert (code, f"{80 - sent} were left unsent because of a cap" in output) == (4, True)
    assert "Nothing to be done" in paid.snakemake()

    paid.study["budget"]["max_usd"] = 5
    paid.save()
    code, output = paid.run("splitplot", "refill", "s")
    assert (code, output) == (0, f"{80 - sent} gaps are open again; the next run sends them\n")
    paid.snakemake()
    assert (server.received(), paid.sent()) == (80, 80)
    assert paid.run("splitplot", "status", "s")[0] == 0
    assert paid.report()["health"]["filled"] == 80


@pytest.mark.long
def test_failures_for_good_are_rows_and_a_refill_asks_again(paid, server):
    server.set_faults(bad_request=True)
    paid.study["budget"] = {"confirm_above_usd": 10}
    paid.save()
    paid.snakemake(ANSWERED)
    code, output = paid.run("splitplot", "status", "s", "--json")
    assert code == 1
    assert [cell["failed"] for cell in json.loads(output)["cells"]] == [{"error": 40}] * 2
    server.set_faults()
    before = server.received()
    assert "Nothing to be done" in paid.snakemake(ANSWERED)
    paid.run("splitplot", "refill", "s")
    paid.snakemake()
    assert server.received() - before == 80
    assert paid.report()["health"]["filled"] == 80
