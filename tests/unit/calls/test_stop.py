"""A job stops by signal, by `STOP`, or when its run tells it to."""

import asyncio
import signal
import subprocess
import sys
import time

import pytest

from splitplot.calls import stop as stopping
from splitplot.calls.stop import AT_ONCE, requested, stopped, watching

JOB = """
import asyncio, sys
from pathlib import Path
from splitplot.calls import stop as stopping

stopping.POLL_SECONDS = 0.02

async def main():
    stop = asyncio.Event()
    with stopping.watching(stop, Path(sys.argv[1])):
        print("ready", flush=True)
        await stop.wait()
        print("draining", flush=True)
        await asyncio.sleep(20)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.delenv("SPLITPLOT_RUN", raising=False)
    monkeypatch.setattr(stopping, "POLL_SECONDS", 0.02)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job of the run tmp_path/run that drains for long."""
    monkeypatch.setenv("SPLITPLOT_RUN", str(tmp_path / "run"))
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def watch(root, act=lambda: None) -> bool:
    """Whether `act` has set the event within a second."""

    async def main():
        stop = asyncio.Event()
        with watching(stop, root):
            act()
            try:
                await asyncio.wait_for(stop.wait(), 1 if act is not None else 0)
            except TimeoutError:
                return False
        return True

    return asyncio.run(main())


def test_a_stop_file_that_is_there_counts_at_once(tmp_path):
    (tmp_path / "STOP").touch()

    async def main():
        stop = asyncio.Event()
        with watching(stop, tmp_path):
            return stop.is_set()

    assert asyncio.run(main()) and requested(tmp_path)


def test_a_stop_file_that_comes_later_is_seen(tmp_path):
    assert watch(tmp_path, (tmp_path / "STOP").touch)


def test_the_file_of_its_run_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITPLOT_RUN", str(tmp_path / "run"))
    assert not requested(tmp_path)
    assert watch(tmp_path, (tmp_path / "run.stop").touch)
    assert requested(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_and_the_handlers_are_taken_back(tmp_path, number):
    before = signal.getsignal(number)
    assert watch(tmp_path, lambda: signal.raise_signal(number))
    # asyncio gives SIGTERM its default back, and SIGINT Python's own
    assert signal.getsignal(number) == before


def test_an_ignored_signal_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert not watch(tmp_path, lambda: signal.raise_signal(signal.SIGINT))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_signal_does_not_wait(job):
    job.send_signal(signal.SIGTERM)
    assert job.stdout.readline() == "draining\n"
    job.send_signal(signal.SIGTERM)
    assert job.wait(5) == -signal.SIGTERM
    assert job.stderr.read().count("stopping: waiting for what is in flight") == 1


def test_a_run_that_is_asked_twice_ends_its_jobs_at_once(job, tmp_path):
    (tmp_path / "run.stop").write_text("stop")
    assert job.stdout.readline() == "draining\n"
    (tmp_path / "run.stop").write_text(AT_ONCE)
    assert job.wait(5) == -signal.SIGTERM


def test_a_job_is_known_to_its_run_as_long_as_it_lives(job, tmp_path):
    from splitplot.runs import _held

    assert _held(tmp_path / "run.jobs")
    job.kill()
    job.wait()
    assert not _held(tmp_path / "run.jobs")


def test_a_run_whose_folder_is_gone_does_not_hinder_its_jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITPLOT_RUN", str(tmp_path / "gone" / "run"))
    began = time.monotonic()
    assert watch(tmp_path, (tmp_path / "STOP").touch) and time.monotonic() - began < 1


def test_the_message_says_how_to_go_on():
    assert str(stopped("gpt--12345678")).startswith("gpt--12345678: stopped on request; ")
    assert stopped("x").exit_code == 1
