"""A study that Snakemake has finished, as one file: made, checked, read again, and refused when stale."""

import json
import shutil
import tarfile

import pytest

pytestmark = pytest.mark.slow


def test_a_finished_study_is_archived_checked_made_anew_and_its_answers_are_found_again(
    finished, tmp_path_factory
):
    code, output = finished.run("splitplot", "archive", "s")
    assert code == 0, output
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    archive = shutil.move(finished.root / "results/s.splitplot.tar.gz", elsewhere)

    assert finished.run("splitplot", "archive", "--verify", str(archive))[0] == 0
    arguments = ["archive", "--report", str(archive), "--output", str(elsewhere / "out")]
    code, output = finished.run("splitplot", *arguments)
    assert code == 0 and "byte for byte the archived one" in output, output
    assert (elsewhere / "out/report.html").read_bytes() == finished.path("report.html").read_bytes()

    code, output = finished.run("splitplot", "compare", "s", str(archive))
    assert code == 0 and "These are the same answers: 40 answers" in output, output

    shutil.rmtree(finished.root / "results")
    with tarfile.open(archive) as tar:
        tar.extractall(elsewhere / "in", filter="data")
    shutil.copytree(elsewhere / "in/ledger", finished.root / "results/ledger")
    code, output = finished.run("splitplot", "estimate", "s", "--json")
    assert code == 0 and json.loads(output)["to_send"] == 0, output


@pytest.mark.long
def test_a_report_that_was_asked_for_by_its_name_is_whole_and_can_be_archived(workspace):
    report = "results/s/report.html"
    workspace.snakemake(report)
    assert not workspace.path("estimate.json").exists()
    assert "Nothing to be done" in workspace.snakemake(report)
    code, output = workspace.run("splitplot", "archive", "s")
    assert code == 0, output


@pytest.mark.long
def test_a_study_that_was_edited_and_edited_back_is_archived(finished):
    """Snakemake leaves the report as it is, by content: so there is nothing that would make it newer."""
    for replications in (3, 2):
        finished.study["replications"] = replications
        finished.save()
        finished.snakemake("results/s/estimate.json")
    assert "Nothing to be done" in finished.snakemake("results/s/report.html")
    code, output = finished.run("splitplot", "archive", "s")
    assert code == 0, output


def test_a_study_that_has_changed_since_its_report_is_not_archived(finished):
    finished.items = finished.items[:-1]
    finished.save()
    code, output = finished.run("splitplot", "archive", "s")
    assert code == 1 and "results/s/versions/items has changed" in output
    assert not (finished.root / "results/s.splitplot.tar.gz").exists()
