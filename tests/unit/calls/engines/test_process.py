"""An engine's process ends with its job, whatever ends the job, and takes its own children with it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from splitplot.calls.engines.process import Child, last_words, tail_of, working_folder

from .conftest import gone_within, is_alive

FAMILY = (
    "import os, subprocess, sys, time\n"
    "child = subprocess.Popen(['sleep', '600'], start_new_session='{own}' == 'True')\n"
    "open('{file}.part', 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
    "os.rename('{file}.part', '{file}')\n"
    "if '{deaf}' == 'True':\n"
    "    import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    open('{file}.deaf', 'w')\n"
    "time.sleep(600)\n"
)


def family(file, own=False, deaf=False):
    return [sys.executable, "-c", FAMILY.format(file=file, own=own, deaf=deaf)]


def pids(file, timeout=30):
    deadline = time.monotonic() + timeout
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(number) for number in file.read_text().split()]


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_job_leaves_no_engine_behind(tmp_path, number, own_session):
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from splitplot.calls.engines.process import Child\n"
        f"Child({family(tmp_path / 'pids', own_session)!r}, dict(__import__('os').environ), "
        f"Path({str(tmp_path / 'log')!r}), 5)\n"
        "time.sleep(600)"
    )
    job = subprocess.Popen([sys.executable, "-c", code])
    started = pids(tmp_path / "pids")
    assert all(is_alive(process) for process in started)
    os.kill(job.pid, number)
    job.wait()
    assert all(gone_within(process, 20) for process in started)


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path):
    child = Child(family(tmp_path / "pids", deaf=True), dict(os.environ), tmp_path / "log", 0.5)
    started = pids(tmp_path / "pids")
    while not (tmp_path / "pids.deaf").exists():
        time.sleep(0.02)
    began = time.monotonic()
    asyncio.run(child.stop())
    assert time.monotonic() - began < 10
    assert child.returncode == 128 + signal.SIGKILL
    assert all(gone_within(process, 5) for process in started)


def test_the_exit_code_and_the_last_lines_of_the_log_are_known(tmp_path):
    code = "import sys; print('a\\x1b[31mb'); print('ValueError: no such dtype'); print('bye'); sys.exit(3)"
    child = Child([sys.executable, "-c", code], dict(os.environ), tmp_path / "log", 1)
    while child.returncode is None:
        time.sleep(0.02)
    asyncio.run(child.stop())
    assert child.returncode == 3
    assert child.tail()[-1] == "bye" and "\x1b" not in "".join(child.tail())
    assert last_words(child.tail()) == "ValueError: no such dtype"
    assert tail_of(tmp_path / "none") == []


def test_what_a_killed_job_left_on_the_scratch_disk_is_removed_by_the_next(tmp_path):
    name = socket.gethostname()
    others = [  # of a host whose name begins as ours does, and of one that nobody knows
        tmp_path / f"splitplot-{os.getuid()}-{name}-4-123-abcdef01",
        tmp_path / f"splitplot-{os.getuid()}-0123456789ab-99999999-abcdef01",
    ]
    for other in others:
        other.mkdir()
    with working_folder(tmp_path) as mine:
        host = mine.name.rpartition(f"-{os.getpid()}-")[0]
        dead = subprocess.Popen(["true"])
        dead.wait()
        left = tmp_path / f"{host}-{dead.pid}-abcdef01"
        left.mkdir()
        (left / "out.jsonl").write_text("x")
        named_alike = tmp_path / f"{host}-{dead.pid}-123-abcdef01"
        named_alike.mkdir()
        others.append(named_alike)
        assert mine.stat().st_mode & 0o077 == 0
        with working_folder(tmp_path) as second:
            assert mine.is_dir() and second.is_dir() and not left.exists()
    assert sorted(tmp_path.iterdir()) == sorted(others)
