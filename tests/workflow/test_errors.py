"""Whatever a user gets wrong ends in one readable message, before anything is sent."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def unknown_key(w):
    w.study["modles"] = w.study.pop("models")
    return ["config/studies/s.yaml: modles", 'did you mean "models"']


def unknown_model(w):
    w.study["models"] = ["robto"]
    return ["config/studies/s.yaml", "models[0]", 'did you mean "robot"']


def missing_template(w):
    w.study["conditions"]["b"] = "prompts/bb.md"
    return ["config/studies/s.yaml", "conditions.b", "prompts/bb.md"]


def empty_dataset(w):
    w.items = []
    return ["data/items.jsonl", "empty"]


def same_id_twice(w):
    w.items[7]["id"] = "i3"
    return ["data/items.jsonl:8", '"i3"', "data/items.jsonl:4"]


def missing_data(w):
    w.study["items"] = [{"path": "data/itms.jsonl"}]
    return ["data/itms.jsonl"]


def test_the_profile_of_slurm_where_there_is_none_says_so_before_anything_is_written(workspace):
    for name in ("bash", "sh", "env", "uname", "which"):
        found = shutil.which(name)
        if found:
            workspace.write(f"bin/{name}", f'#!{shutil.which("sh")}\nexec {found} "$@"\n').chmod(
                0o755
            )
    command = ("snakemake", "--executor", "slurm", "--jobs", "2")
    path = f"{Path(sys.executable).parent}:{workspace.root / 'bin'}"
    code, output = workspace.run(*command, PATH=path)
    assert code == 2, output
    assert "splitplot: profile slurm: sbatch is not on the PATH of" in output
    assert "Traceback" not in output and not (workspace.root / "results").exists()


@pytest.mark.parametrize(
    "mistake",
    [
        unknown_key,
        same_id_twice,
        *(
            pytest.param(mistake, marks=pytest.mark.long)
            for mistake in (unknown_model, missing_template, empty_dataset, missing_data)
        ),
    ],
)
def test_a_mistake_is_one_message_with_file_and_key(workspace, mistake):
    words = mistake(workspace)
    workspace.save()
    refused(workspace, words)


def test_broken_yaml_is_one_message_with_its_line(workspace):
    workspace.write("config/studies/s.yaml", "study: s\nitems: [\nmodels: robot\n")
    refused(workspace, ["config/studies/s.yaml", "line"])


def test_a_wrong_encoding_is_one_message_with_its_line(workspace):
    path = workspace.root / "data/items.jsonl"
    path.write_bytes(path.read_bytes().replace(b"What is 3 ", "Was heißt 3 ".encode("latin-1")))
    refused(workspace, ["data/items.jsonl:4", "UTF-8"])


def test_an_unknown_study_gets_the_list_of_those_there_are(workspace):
    output = workspace.snakemake("--config", "study=sss", ok=False)
    assert 'config/studies: no study "sss"' in output
    assert "Traceback" not in output
    output = workspace.snakemake("results/ss/report.html", ok=False)
    assert 'config/studies: no study "ss"' in output


def refused(workspace, words):
    output = workspace.snakemake(ok=False)
    assert "Traceback" not in output
    assert any(all(word in line for word in words) for line in output.splitlines()), output
    assert workspace.sent() == 0


def test_a_scorer_that_raises_is_named_with_its_item_and_the_answers_are_kept(workspace):
    workspace.write(
        "my/scorer.py", "def score(response, item):\n    raise ValueError('not like this')\n"
    )
    workspace.study["scorers"] = ["my/scorer.py:score"]
    workspace.save()
    table = "results/s/item_responses.parquet"
    output = workspace.snakemake(table, ok=False)
    assert "not like this" in output
    assert "my/scorer.py" in output
    assert "Traceback" not in output
    assert workspace.sent() == 80
    workspace.study["scorers"] = ["numeric"]
    workspace.save()
    workspace.snakemake(table)
    assert workspace.sent() == 80


@pytest.fixture
def small_disk(tmp_path_factory):
    """A file system of 2 MB, where this may be had."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    for _ in range(20):
        if subprocess.run(["umount", "-l", str(folder)], capture_output=True).returncode == 0:
            break
        time.sleep(0.25)


def test_a_full_disk_is_told_with_the_path_and_after_it_nothing_is_paid_twice(
    workspace, server, small_disk
):
    workspace.models = {"models": {"paid": server.model("paid")}}
    workspace.study["models"] = ["paid"]
    workspace.save()
    (workspace.root / "results").mkdir()
    ledger = small_disk / "ledger"
    ledger.mkdir()
    (workspace.root / "results/ledger").symlink_to(ledger)
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast.write_bytes(b"x" * (free - 40_000))
    output = workspace.snakemake("results/s/costs.json", ok=False)
    assert "No space left on device" in output
    assert "results/ledger/" in output
    assert "Traceback" not in output
    kept, paid = len(workspace.answers()), server.received()
    ballast.unlink()
    workspace.snakemake("results/s/costs.json")
    assert workspace.sent() == 80
    # what was in flight when the disk was full could not be recorded and is asked again
    in_flight = 2 * 64
    assert server.received() - 80 <= min(paid - kept, in_flight)
    cells = json.loads(workspace.path("costs.json").read_text())["cells"]
    assert [cell["answered"] for cell in cells] == [40, 40]
