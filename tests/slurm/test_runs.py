"""Two jobs for the same answers, and runs that are stopped: nothing is lost, and nothing is asked twice."""

import re
import signal

import pytest
import yaml

from splitplot import slurm as queue
from splitplot.calls.stop import STOP_FILE

from .conftest import SLOTS, wait_for

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(900),
]


def test_an_orphan_and_the_job_that_replaces_it_share_the_work(busy):
    run = busy.begin()
    orphan = busy.wait_for_answers("tiny", 2 * SLOTS)
    run.kill()
    run.wait()
    again = busy.begin()
    both = wait_for(lambda: len(found := busy.generating("RUNNING")) == 2 and found, 120)
    busy.set_latency("tiny", 0)
    output = busy.end(again)
    notice = re.search(r"splitplot: Slurm has 1 job of an earlier run in this folder: (.*)", output)
    assert notice and f"{orphan} (running, rule_generate" in notice[1]
    assert f"scancel --name={both[orphan]['JobName']}" in notice[1]
    wait_for(lambda: not busy.generating("RUNNING", "COMPLETING"))
    busy.check_ledger()  # not even asked twice
    assert {job["JobState"] for job in busy.generating().values()} == {"COMPLETED"}
    assert busy.path("report.html").exists()
    assert "Nothing to be done" in busy.end(busy.begin())


def test_jobs_of_a_run_that_is_at_work_on_another_study_are_left_alone(busy):
    other = yaml.safe_dump(busy.study | {"study": "t"}, sort_keys=False)
    busy.write("config/studies/t.yaml", other)
    run = busy.begin()
    busy.wait_for_answers("tiny", SLOTS)
    first = busy.output()
    beside = busy.begin("--config", "study=t", "--", "results/t/items.parquet")
    told = busy.end(beside)
    assert "splitplot: another run is at work here, on s" in told
    assert "of an earlier run" not in told and "scancel" not in told
    assert "of an earlier run" not in first
    busy.set_latency("tiny", 0)
    assert run.wait(480) == 0
    busy.check_ledger()


def test_a_slurm_that_forgets_jobs_is_recognised_by_its_configuration(slurm, monkeypatch):
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    assert queue.forgets("squeue") == ""
    monkeypatch.setattr(queue, "SHORTEST_AGE_SECONDS", 601)
    assert "Slurm forgets a job 600 s after its end" in queue.forgets("squeue")


def test_a_job_on_a_node_out_of_reach_and_the_one_that_replaces_it_share_the_work(busy):
    """Slurm takes the node for dead and starts the job on another; but the first goes on, unheard."""
    busy.models["models"]["tiny"]["resources"]["partition"] = "debug"
    run = busy.begin()
    job = busy.wait_for_answers("tiny", 2 * SLOTS)
    busy.set_latency("tiny", 10)
    node = busy.generating()[job]["NodeList"]
    slurmd = busy.slurm.daemon(node)
    slurmd.suspend()
    try:
        wait_for(lambda: busy.generating("RUNNING").get(job, {}).get("Restarts") == "1", 180)
        assert busy.generating()[job]["NodeList"] != node
        busy.set_latency("tiny", 0)
        busy.end(run)
    finally:
        slurmd.resume()
    busy.check_ledger()  # not even asked twice
    (receipt,) = busy.receipts()  # the last job's to end: of the two, either may be
    assert (receipt["requests"], receipt["reused"] + receipt["sent"]) == (80, 80)
    assert busy.path("report.html").exists()


@pytest.mark.parametrize("how", [STOP_FILE, "SIGTERM"])
def test_a_run_that_is_stopped_drains_and_the_same_command_goes_on(busy, how):
    """Two parts, and GPUs for one of them: one job runs, and one waits in the queue."""
    busy.study["execution"] = {"parts": 2}
    busy.models["models"]["tiny"]["resources"]["gpus"] = 2
    run = busy.begin()
    running = busy.wait_for_answers("tiny", 2 * SLOTS)
    (waiting,) = wait_for(lambda: busy.generating("PENDING"))
    if how == STOP_FILE:
        busy.write(STOP_FILE, "")
    else:
        run.send_signal(signal.SIGTERM)
    output = busy.end(run, ok=False)
    assert "splitplot: stopping: nothing new is sent" in output
    assert "Stopped on request: what was answered is kept" in output
    states = {number: job["JobState"] for number, job in busy.generating().items()}
    assert states == {running: "FAILED", waiting: "CANCELLED"}
    before = busy.sent()
    assert 2 * SLOTS <= before < 40 and not busy.receipts()
    assert busy.calls("tiny", "received").total() == before  # what was in flight is recorded
    busy.set_latency("tiny", 0)
    busy.end(busy.begin())
    busy.check_ledger()
    assert sum(receipt["reused"] for receipt in busy.receipts()) == before
    assert busy.path("report.html").exists()
