"""Runs that are alive, killed, of another machine: who is refused, what is told, what is cleared away."""

import fcntl
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splitplot import runs
from splitplot.errors import SplitplotError
from splitplot.runs import Run

COMMAND = ["/usr/bin/snakemake", "--profile", "local"]
ENTERS = """
import sys
from pathlib import Path
from splitplot.runs import Run

run = Run(Path(sys.argv[1]), ["snakemake", "--cores", "2"])
for study in sys.argv[2:]:
    run.enter(study)
run.name_jobs("splitplot_of_another")
print(run.path, flush=True)
sys.stdin.read()
run.leave()
"""
HOLDS = """
import fcntl, sys
file = open(sys.argv[1], "a+b")
fcntl.lockf(file, fcntl.LOCK_SH)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process():
    """Start a process that holds something until its standard input is closed."""
    started = []

    def start(code, *arguments):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
        started[-1].says = started[-1].stdout.readline().strip()
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()
        one.stdin.close()
        one.stdout.close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITPLOT_RUN", "")
    run = Run(tmp_path, COMMAND)
    yield run
    run.leave()


def lock(root: Path, name: str, *lines: str) -> Path:
    path = root / ".snakemake/locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def of_another(root: Path, **changes) -> Path:
    """What a run has left that says of itself what is given, and holds no lock."""
    entry = {
        "pid": 12,
        "host": "node7",
        "boot": "another-boot",
        "since": time.time() - 60,
        "command": "snakemake",
        "studies": ["s"],
    }
    path = root / runs.FOLDER / "node7-12-a.run"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry | changes))
    return path


def end(process) -> None:
    process.stdin.close()
    process.wait(10)


def test_alone_it_goes_on_without_a_word_and_leaves_nothing(run, tmp_path):
    assert run.enter("s") == [] and run.enter("t") == []
    assert json.loads(run.path.with_suffix(".run").read_text())["studies"] == ["s", "t"]
    run.tell_jobs()
    run.leave()
    assert [path.name for path in (tmp_path / runs.FOLDER).iterdir()] == ["mutex"]


def test_a_study_at_work_is_refused_with_the_process_and_the_ways_to_end_it(run, tmp_path, process):
    other = process(ENTERS, tmp_path, "s")
    mine = lock(tmp_path, "0.output.lock", "results/s/items.parquet")
    with pytest.raises(SplitplotError) as caught:
        run.enter("s")
    message = str(caught.value)
    assert f"process {other.pid} on {socket.gethostname()}, since 20" in message
    assert "snakemake --cores 2" in message and "touch STOP" in message
    assert f"kill {other.pid}" in message and "Do not use --unlock" in message
    assert mine.exists() and not run.path.with_suffix(".run").exists()
    end(other)
    assert run.enter("s") == ["removed the locks of a run that was killed; going on from there"]


def test_another_study_goes_on_beside_it_and_its_locks_stay(run, tmp_path, process):
    process(ENTERS, tmp_path, "s", "t")
    locks = [lock(tmp_path, f"{n}.input.lock", f"results/{s}/a") for n, s in enumerate("st")]
    stale = lock(tmp_path, "2.output.lock", "data/x", "results/u/report.html")
    notices = run.enter("u")
    assert "another run is at work here, on s, t" in notices[0]
    assert "locks of a run that was killed" in notices[1]
    assert all(path.exists() for path in locks) and not stale.exists()


def test_the_jobs_of_runs_at_work_are_known_by_name_and_those_of_dead_runs_are_not(
    run, tmp_path, process
):
    run.name_jobs("too_early")  # nothing is entered yet: nothing is written
    assert not run.path.with_suffix(".run").exists()
    other = process(ENTERS, tmp_path, "s", "t")
    of_another(tmp_path, jobs="splitplot_of_node7")  # nobody can tell whether it is alive
    run.enter("u")
    run.name_jobs("splitplot_of_mine")
    told = json.loads(run.path.with_suffix(".run").read_text())
    assert (told["studies"], told["jobs"]) == (["u"], "splitplot_of_mine")
    assert runs._held(Path(f"{other.says}.run"))
    assert run.jobs_at_work() == {"splitplot_of_another", "splitplot_of_node7"}
    other.kill()
    other.wait()
    assert run.jobs_at_work() == {"splitplot_of_node7"}


def test_what_a_killed_run_has_left_is_cleared_away(run, tmp_path, process):
    other = process(ENTERS, tmp_path, "s")
    other.kill()
    other.wait()
    left = lock(tmp_path, "0.output.lock", "results/s/items.parquet")
    foreign = lock(tmp_path, "1.output.lock", "elsewhere/file")
    assert Path(f"{other.says}.run").exists()
    assert run.enter("s") == ["removed the locks of a run that was killed; going on from there"]
    assert not Path(f"{other.says}.run").exists() and not left.exists() and foreign.exists()


def test_jobs_of_a_killed_run_are_named_until_they_have_ended(run, tmp_path, process):
    other = process(ENTERS, tmp_path, "s")
    job = process(HOLDS, f"{other.says}.jobs")
    other.kill()
    other.wait()
    (notice,) = run.enter("s")
    assert "jobs of a run that was killed are still at work, on s" in notice
    run.leave()
    (tmp_path / "STOP").touch()
    with pytest.raises(SplitplotError, match="STOP lies here"):
        Run(tmp_path, COMMAND).enter("s")
    end(job)
    assert run.enter("s") == ["STOP has been removed; going on"]
    assert not Path(f"{other.says}.run").exists()


def test_a_run_that_ends_before_its_jobs_stays_known(tmp_path, process):
    other = process(ENTERS, tmp_path, "s")
    Path(f"{other.says}.stop").write_text("stop")
    job = process(HOLDS, f"{other.says}.jobs")
    end(other)
    assert Path(f"{other.says}.run").exists() and Path(f"{other.says}.stop").exists()
    end(job)


def test_a_stop_file_is_removed_unless_what_it_stops_is_at_work(run, tmp_path, process):
    other = process(ENTERS, tmp_path, "other")
    (tmp_path / "STOP").touch()
    with pytest.raises(SplitplotError, match="STOP lies here"):
        run.enter("s")
    assert (tmp_path / "STOP").exists()
    end(other)
    assert run.enter("s") == ["STOP has been removed; going on"]
    assert not (tmp_path / "STOP").exists()


def test_a_run_of_another_machine_is_never_taken_for_dead(run, tmp_path):
    path, locks = of_another(tmp_path), lock(tmp_path, "0.output.lock", "results/s/items.parquet")
    with pytest.raises(SplitplotError, match=r"node7.*snakemake --profile local --unlock"):
        run.enter("s")
    assert run.enter("t") == [] and path.exists() and locks.exists()
    run.leave()
    run.unlock()
    assert not path.exists()
    assert "locks" in run.enter("s")[0]


def test_the_same_host_name_after_another_start_is_dead_only_if_it_is_from_before(run, tmp_path):
    path = of_another(tmp_path, host=socket.gethostname(), since=time.time())
    with pytest.raises(SplitplotError, match="another machine"):
        run.enter("s")
    of_another(tmp_path, host=socket.gethostname(), since=1_000_000_000)
    assert run.enter("s") == [] and not path.exists()


def test_unlock_is_refused_while_a_run_is_at_work(run, tmp_path, process):
    other = process(ENTERS, tmp_path, "s")
    with pytest.raises(SplitplotError, match=f"process {other.pid} .*its locks are in order"):
        run.unlock()


def test_half_a_file_of_a_run_is_no_run(run, tmp_path):
    of_another(tmp_path).write_text('{"pid": 1')
    assert run.enter("s") == []


def test_where_files_cannot_be_locked_nothing_is_judged(run, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    left = lock(tmp_path, "0.output.lock", "results/s/items.parquet")
    assert run.enter("s") == [] and left.exists()
