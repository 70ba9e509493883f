"""The rehearsal as a real run makes it: from the items alone, on request, without sending anything."""

import json

import pytest

PAGE = "results/s/rehearsal.html"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.long
def test_a_rehearsal_needs_the_items_and_sends_nothing(workspace):
    output = workspace.snakemake(PAGE)
    assert "rule rehearsal" in output and "rule responses" not in output
    assert workspace.sent() == 0
    made = {path.name for path in workspace.path(".").iterdir() if path.is_file()}
    assert {"rehearsal.html", "rehearsal.json", "items.parquet", "plan.json"} <= made
    assert not made & {"item_responses.parquet", "inference.json", "report.html", "gate.json"}
    assert not (workspace.root / "results/ledger/reads").exists()
    content = json.loads(workspace.path("rehearsal.json").read_text())
    assert content["simulated"] and content["power"]["items"] == 20
    assert content["power"]["contrasts"][0]["assumed"]["basis"] == "defaults"
    assert "Rehearsal: simulated answers" in workspace.path("rehearsal.html").read_text()


def test_a_dry_run_of_a_rehearsal_makes_no_file(workspace):
    output = workspace.snakemake("-n", PAGE)
    assert "rehearsal" in output and not (workspace.root / "results").exists()


def test_a_plain_run_makes_no_rehearsal(finished):
    assert finished.path("report.html").exists() and not finished.path("rehearsal.html").exists()


@pytest.mark.long
def test_a_rehearsal_is_made_again_when_what_is_assumed_changes_and_nothing_else_is(finished):
    finished.study["analysis"]["pilot"] = {"from": "s", "gap": 0.2}
    finished.save()
    assert "Nothing to be done" in finished.snakemake("-n")
    finished.snakemake(PAGE)
    content = json.loads(finished.path("rehearsal.json").read_text())
    [block] = content["power"]["contrasts"]
    assert block["assumed"]["basis"] == "pilot" and block["gaps"] == [0.0, 0.05, 0.2]
    assert finished.sent() == 80
    assert "Nothing to be done" in finished.snakemake("-n", PAGE)
    finished.study["analysis"]["pilot"]["gap"] = 0.3
    finished.save()
    again = finished.snakemake("-n", PAGE)
    assert "rule rehearsal" in again and "rule report" not in again
    finished.path("inference.json").write_text("{}")  # other results are another pilot
    finished.study["analysis"]["pilot"]["gap"] = 0.2
    finished.save()
    assert "rule rehearsal" in finished.snakemake("-n", PAGE)


def test_a_pilot_that_is_not_there_ends_with_what_to_do(workspace):
    workspace.study["analysis"]["pilot"] = {"from": "nowhere"}
    workspace.save()
    output = workspace.snakemake(PAGE, ok=False)
    assert "results/nowhere/inference.json is not there; run that study first" in output
