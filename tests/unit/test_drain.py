"""A run that is asked to stop tells its scheduler and its jobs, once; asked again, it aborts."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = """
import sys, threading, time
from pathlib import Path
from splitplot import drain
from splitplot.runs import Run

drain.POLL_SECONDS, drain.SAME_REQUEST_SECONDS = 0.02, 0.2
root = Path(sys.argv[1])
run = Run(root, ["snakemake"])
run.enter("s")
watch = drain.Drain(run, root)
watch.start()
lock = threading.Lock()

def stop_scheduling():
    with lock:
        print("no more jobs", flush=True)

if sys.argv[2] == "scheduling":
    watch.schedule_by(stop_scheduling)
try:
    print(run.path, flush=True)
    if sys.argv[3:]:
        drain.POLL_SECONDS = 30  # from the next look on
        time.sleep(0.1)
        before = watch.asked
        (root / "STOP").touch()
        print(before, watch.asked, flush=True)
    with lock:  # as a scheduler that is at work when the signal comes
        time.sleep(0.1)
    time.sleep(20)
except KeyboardInterrupt:
    print("aborted", watch.asked, flush=True)
finally:
    run.leave()
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def start(*phase):
        command = [sys.executable, "-c", RUN, str(tmp_path), *phase]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        started[-1].files = started[-1].stdout.readline().strip()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_scheduler_even_while_it_holds_its_lock(start, number):
    run = start("scheduling")
    run.send_signal(number)
    run.send_signal(number)  # as `timeout` does: one request
    assert run.stdout.readline() == "no more jobs\n"
    assert Path(f"{run.files}.stop").read_text() == "stop"
    assert run.poll() is None
    time.sleep(0.2)
    run.send_signal(number)
    output, errors = run.communicate(timeout=5)
    assert output == "aborted True\n"
    assert errors.count("splitplot: stopping") == 1 and "Traceback" not in errors


def test_a_stop_file_stops_the_scheduler(start, tmp_path):
    run = start("scheduling")
    (tmp_path / "STOP").touch()
    assert run.stdout.readline() == "no more jobs\n"
    assert "splitplot: stopping" in run.stderr.readline() and run.poll() is None


def test_a_run_that_ends_before_the_stop_file_is_looked_at_was_asked_all_the_same(start):
    """Its jobs heed the file too, and may all have ended by then."""
    run = start("scheduling", "seldom")
    assert run.stdout.readline() == "False True\n"


@pytest.mark.parametrize("how", ["signal", "file"])
def test_before_there_is_a_scheduler_the_run_ends_in_order(start, tmp_path, how):
    run = start("planning")
    if how == "signal":
        run.send_signal(signal.SIGTERM)
    else:
        (tmp_path / "STOP").touch()
    assert run.wait(5) == 128 + signal.SIGTERM
    assert not list((tmp_path / ".snakemake/runs").glob("*.run"))
