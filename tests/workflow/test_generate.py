"""Local models in a real run: one job a part, and answers that are there are used without loading one."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.model]
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def answered_once(new_workspace, tmp_path_factory):
    """A study that asks the demo's model: one trial, 2 conditions × 4 items, in two parts; to be copied."""
    workspace = new_workspace(tmp_path_factory.mktemp("answered"))
    entries = yaml.safe_load((REPOSITORY / "config/models.yaml").read_text())["models"]
    workspace.models = {"models": {"small": entries["smollm2-135m"]}}
    workspace.study |= {
        "models": ["small"],
        "sampling": [{"name": "greedy", "temperature": 0, "max_tokens": 8}],
        "replications": 1,
        "execution": {"parts": 2},
    }
    workspace.items = workspace.items[:4]
    workspace.save()
    output = workspace.snakemake()
    return workspace, output


@pytest.fixture
def answered(answered_once, tmp_path):
    shutil.copytree(answered_once[0].root, tmp_path, symlinks=True, dirs_exist_ok=True)
    workspace = answered_once[0].__class__.__new__(answered_once[0].__class__)
    workspace.__dict__ |= answered_once[0].__dict__ | {"root": tmp_path}
    return workspace


def receipts(workspace):
    paths = sorted(workspace.path("calls").glob("*/generated/*.json"))
    return [json.loads(path.read_text()) for path in paths]


def test_each_part_of_a_trial_is_one_job_over_all_conditions(answered_once):
    workspace, output = answered_once
    assert output.count("rule generate:") == 2
    assert workspace.sent() == 8
    made = receipts(workspace)
    assert [receipt["part"] for receipt in made] == ["0-of-2", "1-of-2"]
    assert sum(receipt["sent"] for receipt in made) == 8
    assert all(receipt["engine"]["name"] == "llama.cpp" for receipt in made if receipt["sent"])
    hours = sum(sum(receipt["seconds"].values()) for receipt in made) / 3600
    local = json.loads(workspace.path("costs.json").read_text())["local"]
    assert (local["jobs"], local["hours"], local["gpu_hours"]) == (2, pytest.approx(hours), 0.0)
    assert 0 < local["loading_share"] < 1 and len(local["trials"]) == 1
    assert "small: 2 jobs took" in workspace.path("report.md").read_text()
    assert "Nothing to be done" in workspace.snakemake("-n")


@pytest.mark.long
def test_a_study_of_an_older_version_is_brought_up_to_date_without_loading_the_model(answered):
    for folder in answered.path("calls").glob("*/generated"):
        shutil.rmtree(folder)
    # A model that cannot be loaded: nobody is to try.
    answered.models["models"]["small"]["weights"]["package"] = "no_such_package"
    answered.save()
    answered.snakemake()
    assert [receipt["engine"] for receipt in receipts(answered)] == [None, None]
    assert answered.sent() == 8
    assert "Nothing to be done" in answered.snakemake("-n")


def test_costs_tell_the_hours_again_when_a_partial_report_is_made_whole(answered):
    def local():
        return json.loads(answered.path("costs.json").read_text())["local"]

    before = local()
    answered.snakemake("results/s/costs.json", "--config", "partial=true")
    assert local() is None
    output = answered.snakemake("results/s/costs.json")
    assert local() == before and "rule generate" not in output


def test_a_partial_report_loads_no_model(answered):
    shutil.rmtree(answered.path("calls"))
    output = answered.snakemake("-n", "--config", "partial=true")
    assert "rule generate" not in output and "rule responses_so_far" in output


def test_a_job_reads_the_plan_of_its_run_and_not_the_study(answered):
    answered.write("config/studies/s.yaml", "study: [broken\n")
    answered.write("prompts/a.md", "{{ broken")
    cell = next(answered.path("scores").glob("*/*.parquet"))
    written = cell.stat().st_mtime_ns
    wildcards = f"study=s,trial={cell.parent.name},condition={cell.stem}"
    job = ["--mode", "remote", "--force", "--nolock", "--cores", "1", "--allowed-rules", "scores"]
    code, output = answered.run("snakemake", "--target-jobs", f"scores:{wildcards}", *job)
    assert code == 0, output
    assert cell.stat().st_mtime_ns > written
    assert not list((answered.root / ".snakemake" / "runs").glob("*.run"))


def test_studies_of_simulators_and_providers_load_no_model(workspace, server):
    workspace.models["models"]["paid"] = server.model("paid")
    workspace.study["models"] = ["robot", "paid"]
    workspace.save()
    assert "rule generate" not in workspace.snakemake("-n")
