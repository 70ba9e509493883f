"""GPUs that a batch system has given to a job are not shared out once more."""

import os
import tempfile

import pytest

from splitplot.calls import gpus


@pytest.fixture(autouse=True)
def a_machine_with_one_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in (gpus.BATCH_JOB, gpus.GIVEN_BY_SLURM, *gpus.OTHER_BATCH_JOBS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(gpus.VISIBLE, "0")


def locked(folder):
    return [path.name for path in folder.glob("splitplot-gpus-*/*")]


def test_a_job_of_no_batch_system_locks_what_it_takes(tmp_path):
    with gpus.taken(1, "m") as free:
        assert free and locked(tmp_path) == ["0"]


@pytest.mark.parametrize("variable", [gpus.BATCH_JOB, *gpus.OTHER_BATCH_JOBS])
def test_a_job_of_a_batch_system_takes_what_it_was_given(variable, monkeypatch, tmp_path):
    """Two jobs on one node may both see their GPU as number 0: a lock would make one wait for the other."""
    monkeypatch.setenv(variable, "7")
    with gpus.taken(1, "m") as free:
        assert free and not locked(tmp_path)


def test_a_batch_system_that_gives_no_gpus_leaves_the_choice_to_us(monkeypatch, tmp_path):
    monkeypatch.delenv(gpus.VISIBLE)
    monkeypatch.setattr(gpus, "shown", lambda: ["0", "1"])
    monkeypatch.setenv("SGE_TASK_ID", "1")
    with gpus.taken(1, "m") as free:
        assert free and locked(tmp_path) == ["0"]


@pytest.mark.parametrize(
    ("variables", "count"),
    [
        ({}, None),  # no batch system: as many as the job takes
        ({"SLURM_JOB_ID": "7", "SLURM_GPUS_ON_NODE": "2"}, 2),
        ({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "GPU-1a,GPU-2b"}, 2),
        ({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "NoDevFiles"}, 0),
        ({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": None}, None),  # Slurm counts none there
        ({"SLURM_JOB_ID": "7", "SLURM_GPUS_ON_NODE": "", "CUDA_VISIBLE_DEVICES": "0"}, 1),
        ({"LSB_JOBID": "7", "CUDA_VISIBLE_DEVICES": "0,1,2"}, 3),
    ],
)
def test_how_many_gpus_a_job_has_is_for_the_batch_system_to_say(variables, count, monkeypatch):
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    assert gpus.given() == count


@pytest.fixture
def nvidia_smi(monkeypatch, tmp_path):
    """nvidia_smi(lines, code): a program of that name; its arguments are in tmp_path/asked."""

    def fake(text, code=0):
        script = tmp_path / "bin" / "nvidia-smi"
        script.parent.mkdir(exist_ok=True)
        (tmp_path / "lines").write_text(text)
        script.write_text(
            f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/lines\nexit {code}\n'
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")

    return fake


def test_the_kind_of_gpu_is_that_of_those_that_the_job_sees(nvidia_smi, monkeypatch, tmp_path):
    nvidia_smi("NVIDIA H100 80GB HBM3\nNVIDIA H100 80GB HBM3\n")
    monkeypatch.setenv(gpus.VISIBLE, "2, 3")
    assert gpus.model_names() == "NVIDIA H100 80GB HBM3"
    told = "--query-gpu=name --format=csv,noheader"
    assert (tmp_path / "asked").read_text() == f"{told} --id=2,3\n"
    monkeypatch.delenv(gpus.VISIBLE)
    nvidia_smi("NVIDIA L4\nNVIDIA A100\n")
    assert gpus.model_names() == "NVIDIA A100, NVIDIA L4"
    assert (tmp_path / "asked").read_text() == f"{told}\n"


def test_where_nobody_tells_the_kind_of_gpu_there_is_none(nvidia_smi, monkeypatch, tmp_path):
    nvidia_smi("No devices were found\n", code=6)
    assert gpus.model_names() is None
    nvidia_smi("NVIDIA L4\n")
    monkeypatch.setenv(gpus.VISIBLE, "NoDevFiles")
    assert gpus.model_names() is None
    monkeypatch.setenv(gpus.VISIBLE, "0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.model_names() is None
