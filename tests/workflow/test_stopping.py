"""Stopped in each way there is, or started twice: every answer is paid once, and the same command goes on."""

import json
import os
import signal
import time
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import psutil
import pytest
import yaml

pytestmark = pytest.mark.slow

SENT = 80
SLOW_MS = 8000
"""Latency while another Snakemake starts, which takes seconds on a busy machine."""


@pytest.fixture
def asking(workspace, server):
    """A workspace whose 80 requests go to the server, 8 at a time."""
    workspace.models = {"models": {"m": server.model("m", max_concurrency=4)}}
    workspace.study["models"] = ["m"]
    workspace.save()
    server.set_faults(latency_ms=300)
    yield workspace
    for job in jobs(workspace.root):
        job.kill()


def start(workspace, server, *arguments):
    """A run that has begun to send."""
    before = server.received()
    run = workspace.start("snakemake", "--profile", "local", "--cores", "2", *arguments)
    wait_for(lambda: server.received() > before + 4)
    return run


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def jobs(root: Path) -> list[psutil.Process]:
    """The jobs that send in this workspace."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            words = process.info["cmdline"] or [""]
            sends = any(word.endswith("/answer_requests.py") for word in words[1:2])
            if sends and process.cwd() == str(root):
                found.append(process)
    return found


def end(run) -> str:
    output, _ = run.communicate(timeout=60)
    assert run.returncode not in (0, None), output
    assert "Traceback" not in output
    return output


def check_drained_then_finish(workspace, server, output, target="results/s/costs.json") -> str:
    """What was sent is recorded, and not all was sent; the next run sends the rest."""
    assert "splitplot: stopping" in output and "Stopped on request" in output
    assert not jobs(workspace.root)
    assert 4 < server.received() == workspace.sent() < SENT
    server.set_faults()
    output = workspace.snakemake(target)
    assert (server.received(), workspace.sent()) == (SENT, SENT)
    assert not list((workspace.root / ".snakemake/runs").glob("*.run"))
    return output


def test_a_stop_file_drains_and_the_next_run_removes_it_and_goes_on(asking, server):
    run = start(asking, server)
    stop = asking.write("STOP", "")
    output = end(run)
    assert stop.exists()
    output = check_drained_then_finish(asking, server, output, target="all")
    assert "STOP has been removed" in output
    assert asking.report()["health"]["filled"] == SENT
    assert not stop.exists()


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_a_signal_to_snakemake_alone_drains(asking, server, number):
    run = start(asking, server)
    run.send_signal(number)
    check_drained_then_finish(asking, server, end(run))


@pytest.mark.long
def test_ctrl_c_to_the_whole_group_drains(asking, server):
    run = start(asking, server)
    os.killpg(run.pid, signal.SIGINT)
    check_drained_then_finish(asking, server, end(run))


def test_a_second_sigterm_does_not_wait(asking, server):
    server.set_faults(latency_ms=60_000)
    run = asking.start("snakemake", "--profile", "local", "--cores", "2")
    wait_for(lambda: server.received() >= 4)
    run.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    wait_for(lambda: list((asking.root / ".snakemake/runs").glob("*.stop")))
    until = time.monotonic() + 1.2
    wait_for(lambda: time.monotonic() > until)
    assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    end(run)
    assert not jobs(asking.root) and asking.sent() == 0


@pytest.mark.long
@pytest.mark.timeout(300)  # four Snakemakes, one after another
def test_a_second_run_on_the_same_study_is_told_who_is_at_work_and_changes_nothing(asking, server):
    asking.models["models"]["m"]["max_concurrency"] = 3
    asking.save()
    server.set_faults(latency_ms=SLOW_MS)  # it lasts 112 s
    run = start(asking, server)
    code, output = asking.run("splitplot", "status", "s", "--json")
    cells = json.loads(output)["cells"]
    assert code == 0 and sum(cell["in_flight"] for cell in cells) > 0
    assert sum(cell["missing"] + cell["in_flight"] + cell["done"] for cell in cells) == SENT
    versions = {p: p.stat().st_mtime_ns for p in asking.path("versions").rglob("*")}
    output = asking.snakemake("--config", "partial=true", ok=False)
    assert "another run is at work on study s" in output and f"process {run.pid} on" in output
    assert "snakemake --profile local --cores 2" in output and f"kill {run.pid}" in output
    assert "LockException" not in output and "Traceback" not in output
    assert versions == {p: p.stat().st_mtime_ns for p in asking.path("versions").rglob("*")}
    assert "its locks are in order" in asking.snakemake("--unlock", ok=False)
    before = server.received()
    server.set_faults(latency_ms=4 * SLOW_MS)  # so long the run drains: until the second has looked
    wait_for(lambda: server.received() > before)
    asking.write("STOP", "")
    assert "STOP lies here" in asking.snakemake(ok=False)
    check_drained_then_finish(asking, server, end(run))


@pytest.mark.long
def test_a_second_run_on_another_study_goes_on_beside_the_first(asking, server):
    asking.models["models"]["robot"] = {"model": "sim/robot", "route": "sim", "sim": {"seed": 1}}
    asking.save()
    other = deepcopy(asking.study) | {"study": "other", "models": ["robot"]}
    asking.write("config/studies/other.yaml", yaml.safe_dump(other))
    server.set_faults(latency_ms=1500)
    run = start(asking, server, "results/s/costs.json")
    output = asking.snakemake("results/other/costs.json")
    assert "another run is at work here, on s (" in output
    assert run.poll() is None and (asking.root / "results/other/costs.json").exists()
    server.set_faults()
    printed, _ = run.communicate(timeout=60)
    assert run.returncode == 0, printed
    assert server.received() == SENT and asking.sent() == 2 * SENT


def test_killed_with_its_jobs_the_same_command_goes_on(asking, server):
    run = start(asking, server)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate(timeout=10)
    assert list((asking.root / ".snakemake/locks").glob("*.lock"))
    lost = server.received() - asking.sent()
    assert 0 <= lost <= 8
    server.set_faults()
    output = asking.snakemake("results/s/costs.json")
    assert "removed the locks of a run that was killed" in output
    assert asking.sent() == SENT and server.received() <= SENT + lost


@pytest.mark.long
def test_killed_alone_its_jobs_are_named_and_nothing_is_sent_twice(asking, server):
    run = start(asking, server)
    server.set_faults(latency_ms=SLOW_MS)
    run.kill()
    run.wait(10)
    run.stdout.close()
    assert jobs(asking.root)
    again = asking.start("snakemake", "--profile", "local", "results/s/costs.json")
    told = iter(again.stdout.readline, "")
    assert any("jobs of a run that was killed are still at work, on s" in line for line in told)
    server.set_faults()
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0, output
    assert (server.received(), asking.sent()) == (SENT, SENT)
    wait_for(lambda: not jobs(asking.root))
    output = asking.snakemake("results/s/costs.json")
    assert "Nothing to be done" in output, output
    assert not list((asking.root / ".snakemake/runs").glob("*.run"))
