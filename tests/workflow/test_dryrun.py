"""A dry run tells the truth, makes no file, and calls nobody."""

import shutil

import pytest

pytestmark = pytest.mark.slow


def tree(workspace):
    """Every file with its time, without Snakemake's own folder."""
    return {
        path: path.lstat().st_mtime_ns
        for path in workspace.root.rglob("*")
        if ".snakemake" not in path.relative_to(workspace.root).parts
    }


def test_on_a_fresh_workspace_it_lists_jobs_and_says_once_what_would_be_sent(workspace, server):
    workspace.models = {"models": {"paid": server.model("paid", dollars=1)}}
    workspace.study["models"] = ["paid"]
    workspace.save()
    before = tree(workspace)
    output = workspace.snakemake("-n")
    line = (
        "study s: 80 requests; 0 answers are in the ledger, 80 would be sent (at most $4.00, about"
    )
    assert output.count(line) == 1
    assert output.count("study s: ") == 1
    for rule, count in {
        "items": 1,
        "requests": 2,
        "responses": 2,
        "scores": 2,
        "report": 1,
    }.items():
        assert output.count(f"rule {rule}:") == count
    assert tree(workspace) == before
    assert server.received() == 0


def test_after_a_finished_run_nothing_would_be_done_or_sent(finished):
    before = tree(finished)
    assert "Nothing to be done" in finished.snakemake("-n")
    shutil.rmtree(finished.root / "results" / "s")
    output = finished.snakemake("-n")
    assert "80 requests; 80 answers are in the ledger, 0 would be sent ($0)" in output
    assert set(tree(finished)) < set(before)


def test_after_a_change_it_counts_what_the_run_would_send(finished):
    finished.items += [{"id": "new", "input": "What is 50 + 2?", "target": 52}]
    finished.study["replications"] = 3
    finished.save()
    before = tree(finished)
    output = finished.snakemake("-n")
    assert "126 requests; 80 answers are in the ledger, 46 would be sent ($0)" in output
    assert tree(finished) == before
    finished.snakemake("results/s/costs.json")
    assert finished.sent() == 126


def test_what_a_model_takes_of_a_node_is_asked_for_whatever_cores_and_keys_there_are(workspace):
    """`cores` cuts a rule's threads, and an engine takes its GPUs without `resources.gpus` too."""
    weights = {"weights": {"path": "m"}, "sha256": "ab" * 32}
    workspace.models = {
        "models": {
            "wide": {"model": "local/wide", **weights, "threads": 16},
            "large": {
                **{"model": "local/large", "engine": "vllm", "context": 512, **weights},
                "tensor_parallel": 2,
                "resources": {"gpu_type": "h100"},
            },
        }
    }
    workspace.study["models"] = ["wide", "large"]
    workspace.save()
    output = workspace.snakemake("-n", "--cores", "4", CUDA_VISIBLE_DEVICES="0,1")
    assert output.count("rule generate:") == 2
    asked = [line for line in output.splitlines() if "cpus_per_task=" in line]
    (wide,) = (line for line in asked if "cpus_per_task=16" in line)
    (large,) = (line for line in asked if "cpus_per_task=1," in f"{line},")
    assert "gpu_model=h100" in large and "gpu=2" in large and "gpus_here=2" in large
    assert "gpu=" not in wide and "gpus_here=0" in wide
    assert "; one job on GPUs, at most 2 GPU-hours by config/models.yaml" in output
