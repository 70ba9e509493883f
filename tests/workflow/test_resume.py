"""After any change exactly the new requests are sent, and the report is the new study's."""

import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"
TABLE = "results/s/item_responses.parquet"
INFERENCE = "results/s/inference.json"


def rows(workspace) -> int:
    """Rows of the table of responses: cells × items × replications, for the one scorer."""
    return pq.read_metadata(workspace.root / TABLE).num_rows


def inference(workspace) -> dict:
    """The numbers of which the report is made."""
    return json.loads((workspace.root / INFERENCE).read_text())


def test_a_second_run_does_nothing(finished):
    assert NOTHING in finished.snakemake()


def test_a_new_condition_sends_its_own_requests_only(finished):
    finished.write("prompts/c.md", "Be brief. {{ input }}\n")
    finished.study["conditions"]["c"] = "prompts/c.md"
    finished.save()
    output = finished.snakemake()
    assert (finished.sent(), rows(finished)) == (80 + 40, 120)
    assert finished.report()["health"]["grid_rows"] == 120
    assert output.count("rule responses:") == 1
    assert NOTHING in finished.snakemake()


@pytest.mark.long
def test_a_new_replication_sends_one_more_answer_per_item_and_cell(finished):
    finished.study["replications"] = 3
    finished.save()
    finished.snakemake()
    assert (finished.sent(), rows(finished)) == (80 + 40, 120)
    finished.study["replications"] = 2
    finished.save()
    finished.snakemake()
    assert (finished.sent(), rows(finished)) == (120, 80)


@pytest.mark.long  # test_dryrun.py and test_gate.py add items too
def test_twenty_more_items_send_their_own_requests_only(finished):
    finished.items += [
        {"id": f"n{number}", "input": f"What is {number} + 7?", "target": number + 7}
        for number in range(20)
    ]
    finished.save()
    finished.snakemake(TABLE)
    assert (finished.sent(), rows(finished)) == (80 + 80, 160)


def test_a_changed_item_text_sends_that_item_only(finished):
    finished.items[3]["input"] = "What is three plus two?"
    finished.save()
    finished.snakemake(TABLE)
    assert (finished.sent(), rows(finished)) == (80 + 4, 80)


@pytest.mark.long  # test_stale.py changes targets too
def test_a_changed_target_sends_nothing_and_scores_anew(finished):
    # answers of the simulated model were made for the old target, and stay as they are
    before = inference(finished)["conditions"]
    for item in finished.items:
        item["target"] = -1
    finished.save()
    finished.snakemake(INFERENCE)
    assert finished.sent() == 80
    assert inference(finished)["conditions"] != before


@pytest.mark.long  # test_together.py has a study in other parts
def test_more_parts_send_nothing(finished):
    finished.study["execution"] = {"parts": 3}
    finished.save()
    output = finished.snakemake(TABLE)
    assert output.count("rule responses:") == 6
    assert (finished.sent(), rows(finished)) == (80, 80)


def test_deleted_results_come_back_from_the_ledger(finished):
    before = inference(finished)
    shutil.rmtree(finished.root / "results" / "s")
    finished.snakemake(INFERENCE)
    assert finished.sent() == 80
    assert inference(finished)["contrasts"] == before["contrasts"]


def test_touched_files_send_nothing_and_run_nothing(finished):
    for path in finished.root.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path)
    assert NOTHING in finished.snakemake()
    assert finished.sent() == 80


@pytest.mark.long
def test_lost_records_of_snakemake_send_nothing_and_hide_no_change(finished):
    shutil.rmtree(finished.root / ".snakemake")
    assert NOTHING in finished.snakemake()
    shutil.rmtree(finished.root / ".snakemake")
    finished.study["scorers"] = ["exact"]
    finished.save()
    finished.snakemake(TABLE)
    assert finished.sent() == 80
    scorers = pq.read_table(finished.root / TABLE, columns=["scorer"])["scorer"]
    assert set(scorers.to_pylist()) == {"exact"}
    plan = finished.path("plan.json").read_text()
    assert '"exact"' in plan
    assert NOTHING in finished.snakemake(TABLE)


def test_comments_key_order_and_execution_settings_send_nothing(finished):
    text = (finished.root / "config/studies/s.yaml").read_text()
    finished.write("config/studies/s.yaml", "# a comment\n" + text.replace("\n", "  # x\n", 1))
    finished.write(
        "config/models.yaml",
        "# also here\n" + Path(finished.root / "config/models.yaml").read_text(),
    )
    assert NOTHING in finished.snakemake()


@pytest.mark.long  # test_together.py has two studies in one run
def test_another_study_with_the_same_cells_sends_nothing(finished):
    finished.study["study"] = "twin"
    finished.write("config/studies/twin.yaml", yaml.safe_dump(finished.study))
    finished.snakemake("--config", "study=s,twin")
    assert finished.sent() == 80
    assert (finished.root / "results/twin/report.html").exists()


@pytest.mark.long
def test_an_edited_comment_in_every_script_sends_nothing(finished, tmp_path_factory):
    """The workflow's own files are copied, edited, and run from the copy."""
    repository = Path(__file__).resolve().parents[2]
    copied = tmp_path_factory.mktemp("repository")
    for name in ("Snakefile", "workflow", "scripts", "profiles", "envs", "prompts", "config"):
        source = repository / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copied / name)
    finished.write("Snakefile", f'include: "{copied}/Snakefile"\nworkflow.default_target = "all"\n')
    use_copy = {"PYTHONPATH": str(copied / "workflow")}
    for path in [*copied.rglob("*.py"), *copied.rglob("*.smk")]:
        path.write_text(path.read_text() + "\n# an edited comment\n")
    output = finished.snakemake(**use_copy)
    assert finished.sent() == 80
    assert "rule responses:" not in output
    assert "rule report:" in output
    assert NOTHING in finished.snakemake(**use_copy)
