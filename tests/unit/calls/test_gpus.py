"""GPUs that a batch system has given to a job are not shared out once more."""

import tempfile

import pytest

from splitplot.calls import gpus


@pytest.fixture(autouse=True)
def a_machine_with_one_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in (gpus.BATCH_JOB, *gpus.OTHER_BATCH_JOBS):
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
