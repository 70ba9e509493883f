"""A study that may stop early: whole runs, kills, deletions, other parts, other studies, partial reports."""

import json
import shutil
import signal
from copy import copy, deepcopy
from os import killpg

import pytest
import yaml

from splitplot.items.item import part_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ITEMS, LOOKS = 180, 3


def prepare(workspace, effect):
    """A study of two conditions in three looks, whose second condition is better by `effect` logits."""
    workspace.items = [
        {"id": f"i{n}", "input": f"What is {n} + 2?", "target": n + 2} for n in range(ITEMS)
    ]
    sim = {"seed": 1, "ability": -1.0, "condition_effects": {"b": effect}}
    workspace.models["models"]["robot"]["sim"] = sim
    workspace.study["replications"] = 1
    workspace.study["analysis"] |= {"stopping": "anytime", "looks": LOOKS}
    workspace.save()
    return workspace


@pytest.fixture
def gap(workspace):
    """A clear gap; nothing has run yet."""
    return prepare(workspace, 3.0)


@pytest.fixture(scope="module")
def settled_once(tmp_path_factory, new_workspace):
    """The study with a clear gap, done; never change it, copy it."""
    workspace = prepare(new_workspace(tmp_path_factory.mktemp("settled")), 3.0)
    workspace.snakemake()
    return workspace


@pytest.fixture
def settled(settled_once, tmp_path):
    """A copy of the study with a clear gap after its run."""
    shutil.copytree(settled_once.root, tmp_path, symlinks=True, dirs_exist_ok=True)
    workspace = copy(settled_once)
    workspace.root = tmp_path
    workspace.study, workspace.models = deepcopy(workspace.study), deepcopy(workspace.models)
    return workspace


def decisions(workspace):
    return {path.name: path.read_bytes() for path in workspace.path("looks").glob("*.json")}


def asked(workspace):
    """Requests by part, over both cells."""
    counts = {}
    for path in sorted(workspace.path("calls").glob("*/*/*/requests.jsonl")):
        lines = len(path.read_text().splitlines())
        counts[path.parent.name] = counts.get(path.parent.name, 0) + lines
    return counts


def inference(workspace, study="s"):
    return json.loads((workspace.root / f"results/{study}/inference.json").read_text())


def in_looks(last):
    return sum(part_of(f"i{n}", LOOKS) < last for n in range(ITEMS))


def test_a_clear_gap_stops_the_study_and_what_is_left_is_not_asked(settled):
    first = in_looks(1)
    assert 20 < first < ITEMS
    assert asked(settled) == {"0-of-3": 2 * first, "1-of-3": 0, "2-of-3": 0}
    assert settled.sent() == 2 * first

    decision = json.loads(settled.path("looks/1.json").read_text())
    assert (decision["settled_at"], decision["ask_next"]) == (1, False)
    assert json.loads(settled.path("looks/2.json").read_text())["settled_at"] == 1

    found = inference(settled)
    stopping = found["stopping"]
    assert (stopping["settled_at"], stopping["asked_items"]) == (1, first)
    assert (stopping["planned_items"], stopping["saved_share"]) == (ITEMS, 1 - first / ITEMS)
    evidence = decision["looks"][0]["evidence"][0]
    assert stopping["looks"][0]["evidence"][0] == evidence
    [contrast] = found["contrasts"]
    assert contrast["difference"]["low"] == evidence["difference"]["low"] > 0
    assert contrast["verdict"].startswith("BETTER")
    # What was not asked by design is no hole.
    health = settled.report()["health"]
    assert health["grid_rows"] == health["filled"] == 2 * first
    assert "INCOMPLETE" not in settled.path("report.md").read_text()

    assert "Nothing to be done" in settled.snakemake()
    told = settled.snakemake("-n")
    assert f"{2 * first} requests; {2 * first} answers are in the ledger, 0 would be sent" in told
    assert f"settled: {2 * (ITEMS - first)} more requests are not needed" in told
    code, status = settled.run("splitplot", "status", "s")
    assert code == 0 and "settled after look 1 of 3" in status


def test_a_dry_run_shows_the_most_that_may_be_asked_and_makes_no_file(gap):
    told = gap.snakemake("-n")
    assert (
        f"study s: {2 * ITEMS} requests; 0 answers are in the ledger, at most {2 * ITEMS}" in told
    )
    assert "it stops once it is settled, after one of 3 looks" in told
    assert not (gap.root / "results").exists()
    _, estimate = gap.run("splitplot", "estimate", "s")
    assert f"at most {2 * ITEMS} would be sent" in estimate


@pytest.mark.long
def test_deleted_results_come_back_with_the_same_decisions_for_nothing(settled):
    before, sent, found = decisions(settled), settled.sent(), inference(settled)
    shutil.rmtree(settled.path("."))
    settled.snakemake()
    assert decisions(settled) == before
    assert settled.sent() == sent
    assert inference(settled)["stopping"] == found["stopping"]
    for victim in ("looks/1.json", "looks/2.json"):
        settled.path(victim).unlink()
    settled.snakemake()
    assert decisions(settled) == before
    assert settled.sent() == sent


@pytest.mark.long
def test_without_a_gap_every_look_is_asked(workspace):
    prepare(workspace, 0.0)
    workspace.snakemake("results/s/inference.json")
    assert workspace.sent() == 2 * ITEMS
    assert all(asked(workspace).values())
    found = inference(workspace)
    assert found["stopping"]["settled_at"] is None
    assert [look["items"] for look in found["stopping"]["looks"]] == [
        in_looks(1),
        in_looks(2),
        ITEMS,
    ]
    [contrast] = found["contrasts"]
    assert contrast["difference"]["low"] < 0 < contrast["difference"]["high"]


@pytest.mark.long
def test_other_parts_and_code_change_no_decision_and_send_nothing(settled):
    before, sent = decisions(settled), settled.sent()
    settled.study["execution"] = {"parts": 4}  # raised to 6: two for each look
    settled.save()
    settled.snakemake()
    parts = asked(settled)
    new = {part: count for part, count in parts.items() if part.endswith("-of-6")}
    assert sum(new.values()) == sent and not any(list(new.values())[2:])
    assert decisions(settled) == before
    assert settled.sent() == sent


@pytest.mark.long
def test_killed_at_a_look_and_run_again_it_decides_the_same(gap, settled_once, wait_for):
    process = gap.start("snakemake", "--profile", "local")
    wait_for(gap.path("looks/1.json").exists, 120)
    killpg(process.pid, signal.SIGKILL)
    process.communicate()
    gap.snakemake()
    assert decisions(gap) == decisions(settled_once)
    assert gap.sent() == settled_once.sent()
    assert inference(gap)["stopping"] == inference(settled_once)["stopping"]


@pytest.mark.long
def test_another_study_with_the_same_cells_shares_answers_and_changes_no_decision(settled):
    before, sent = decisions(settled), settled.sent()
    twin = deepcopy(settled.study) | {"study": "twin"}
    twin["analysis"] = {"primary": settled.study["analysis"]["primary"]}
    settled.write("config/studies/twin.yaml", yaml.safe_dump(twin))
    settled.snakemake("--config", "study=twin")
    assert settled.sent() == 2 * ITEMS > sent
    assert inference(settled, "twin")["stopping"] is None
    # All answers are in the ledger now; those after the decision still do not count.
    assert "Nothing to be done" in settled.snakemake()
    shutil.rmtree(settled.path("."))
    settled.snakemake()
    assert decisions(settled) == before
    assert inference(settled)["n_items"] == in_looks(1)


@pytest.mark.long
def test_a_partial_report_opens_no_look_and_the_whole_run_goes_on_from_it(gap, settled_once):
    gap.snakemake("--config", "partial=true")
    assert gap.sent() == 0
    first = json.loads(gap.path("looks/1.json").read_text())
    assert (first["ask_next"], first["settled_at"]) == (False, None)
    assert first["waiting_for"] == 2 * in_looks(1)
    assert asked(gap)["1-of-3"] == 0
    gap.snakemake()
    assert decisions(gap) == decisions(settled_once)
    assert gap.sent() == settled_once.sent()


@pytest.mark.long
def test_another_scorer_decides_anew_and_the_old_one_again_as_before(settled):
    before, sent = decisions(settled), settled.sent()
    settled.write("my/scorer.py", "def score(response, item):\n    return 1.0\n")
    settled.study["scorers"] = ["my/scorer.py:score"]
    settled.study["analysis"]["primary"]["margin"] = 0.001
    settled.save()
    settled.snakemake()
    assert settled.sent() == 2 * ITEMS
    assert inference(settled)["stopping"]["settled_at"] is None
    settled.study["scorers"] = ["numeric"]
    settled.study["analysis"]["primary"]["margin"] = 0.05
    settled.save()
    settled.snakemake()
    assert decisions(settled) == before
    assert inference(settled)["n_items"] == sent // 2
    assert settled.sent() == 2 * ITEMS


@pytest.mark.long
def test_with_fewer_looks_those_that_are_no_more_are_not_read(settled):
    shutil.rmtree(settled.path("looks/2"))
    for left in ("looks/2.json", "looks/2/broken/broken.parquet"):
        settled.path(left).parent.mkdir(parents=True, exist_ok=True)
        settled.path(left).write_text("reading this fails")
    settled.study["analysis"]["looks"] = 2
    settled.save()
    settled.snakemake("results/s/report.html")
    decision = json.loads(settled.path("looks/1.json").read_text())
    assert decision["of"] == inference(settled)["stopping"]["of"] == 2
    assert settled.path("looks/2.json").read_text() == "reading this fails"
    said = settled.path("report.md").read_text()
    assert inference(settled)["stopping"]["sentence"] in said
    assert "Nothing to be done" in settled.snakemake("results/s/report.html")


@pytest.mark.long
def test_a_study_that_may_no_longer_stop_early_asks_everything(settled):
    settled.study["analysis"]["stopping"] = "fixed"
    settled.save()
    settled.snakemake("results/s/report.html")
    assert settled.sent() == 2 * ITEMS
    assert inference(settled)["n_items"] == ITEMS


@pytest.mark.long
def test_by_batch_no_later_look_is_submitted_once_the_arms_are_the_same(lab, batch_server):
    batches = batch_server("openai", run_s=0.5)
    lab.ask("m", batches)
    lab.workspace.items = [
        {"id": f"i{n}", "input": f"What is {n} + 2?", "target": -1} for n in range(80)
    ]
    lab.study["conditions"]["b"] = "prompts/b.md"
    contrast = {"contrast": ["condition", "b", "a"], "margin": 0.5}  # both are always wrong
    lab.study["analysis"] = {"primary": contrast, "stopping": "anytime", "looks": 2}
    lab.run("results/s/inference.json")
    first = sum(part_of(f"i{n}", 2) == 0 for n in range(80))
    assert first >= 20
    billed = batches.billed()
    assert sum(billed.values()) == len(billed) == 2 * first
    assert batches.stats()["created"] == 2
    found = inference(lab.workspace)
    assert found["stopping"]["settled_at"] == 1
    assert found["contrasts"][0]["verdict"] == "EQUIVALENT"
    assert "0 would be sent" in lab.splitplot("estimate", "s")
