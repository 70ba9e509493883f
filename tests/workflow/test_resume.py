"""After any change exactly the new requests are sent, and the report is the new study's."""

import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"


def rows(workspace) -> int:
    """Grid rows in the report: cells × items × replications."""
    return workspace.report()["health"]["grid_rows"]


def test_a_second_run_does_nothing(finished):
    assert NOTHING in finished.snakemake()


def test_a_new_condition_sends_its_own_requests_only(finished):
    finished.write("prompts/c.md", "Be brief. {{ input }}\n")
    finished.study["conditions"]["c"] = "prompts/c.md"
    finished.save()
    output = finished.snakemake()
    assert (finished.sent(), rows(finished)) == (80 + 40, 120)
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


def test_twenty_more_items_send_their_own_requests_only(finished):
    finished.items += [
        {"id": f"n{number}", "input": f"What is {number} + 7?", "target": number + 7}
        for number in range(20)
    ]
    finished.save()
    finished.snakemake()
    assert (finished.sent(), rows(finished)) == (80 + 80, 160)


def test_a_changed_item_text_sends_that_item_only(finished):
    finished.items[3]["input"] = "What is three plus two?"
    finished.save()
    finished.snakemake()
    assert (finished.sent(), rows(finished)) == (80 + 4, 80)


def test_a_changed_target_sends_nothing_and_scores_anew(finished):
    # answers of the simulated model were made for the old target, and stay as they are
    before = finished.report()["conditions"]
    for item in finished.items:
        item["target"] = -1
    finished.save()
    finished.snakemake()
    assert finished.sent() == 80
    assert finished.report()["conditions"] != before


def test_more_parts_send_nothing(finished):
    finished.study["execution"] = {"parts": 3}
    finished.save()
    output = finished.snakemake()
    assert output.count("rule responses:") == 6
    assert (finished.sent(), rows(finished)) == (80, 80)


def test_deleted_results_come_back_from_the_ledger(finished):
    before = finished.report()
    shutil.rmtree(finished.root / "results" / "s")
    finished.snakemake()
    assert finished.sent() == 80
    after = finished.report()
    assert after["contrasts"] == before["contrasts"]


def test_touched_files_send_nothing_and_run_nothing(finished):
    for path in finished.root.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path)
    assert NOTHING in finished.snakemake()
    assert finished.sent() == 80


def test_lost_records_of_snakemake_send_nothing_and_hide_no_change(finished):
    shutil.rmtree(finished.root / ".snakemake")
    assert NOTHING in finished.snakemake()
    shutil.rmtree(finished.root / ".snakemake")
    finished.study["scorers"] = ["exact"]
    finished.save()
    finished.snakemake()
    assert finished.sent() == 80
    assert finished.report()["contrasts"][0]["metric"] == "score"
    plan = finished.path("plan.json").read_text()
    assert '"exact"' in plan
    assert NOTHING in finished.snakemake()


def test_comments_key_order_and_execution_settings_send_nothing(finished):
    text = (finished.root / "config/studies/s.yaml").read_text()
    finished.write("config/studies/s.yaml", "# a comment\n" + text.replace("\n", "  # x\n", 1))
    finished.write(
        "config/models.yaml",
        "# also here\n" + Path(finished.root / "config/models.yaml").read_text(),
    )
    assert NOTHING in finished.snakemake()


def test_another_study_with_the_same_cells_sends_nothing(finished):
    finished.study["study"] = "twin"
    finished.write("config/studies/twin.yaml", "")
    import yaml

    finished.write("config/studies/twin.yaml", yaml.safe_dump(finished.study))
    finished.snakemake("results/twin/report.html")
    assert finished.sent() == 80
    assert (finished.root / "results/twin/report.html").exists()


def test_an_edited_comment_in_every_script_sends_nothing(finished, tmp_path_factory):
    """The workflow's own files are copied, edited, and run from the copy."""
    repository = Path(__file__).resolve().parents[2]
    copied = tmp_path_factory.mktemp("repository")
    for name in ("Snakefile", "workflow", "scripts", "profiles", "envs", "prompts", "config"):
        source = repository / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copied / name)
    finished.write("Snakefile", f'include: "{copied}/Snakefile"\nworkflow.default_target = "all"\n')
    use_copy = {"PYTHONPATH": str(copied / "workflow")}
    finished.snakemake(**use_copy)
    for path in [*copied.rglob("*.py"), *copied.rglob("*.smk")]:
        path.write_text(path.read_text() + "\n# an edited comment\n")
    output = finished.snakemake(**use_copy)
    assert finished.sent() == 80
    assert "rule responses:" not in output
    assert "rule report:" in output
    assert NOTHING in finished.snakemake(**use_copy)
