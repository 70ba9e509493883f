"""What happens to jobs on a cluster: cancelled, out of time, preempted, their node lost or drained.

In each case nothing that was answered is lost, nothing is recorded twice, and the study ends with its report.
A server that goes down with its job drops what it has in flight: those, at most its slots, are asked again.
"""

import signal
from subprocess import TimeoutExpired

import pytest

from .conftest import SLOTS, wait_for

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(900),
]


def test_a_job_that_scancel_ends_is_submitted_again_and_goes_on(busy):
    run = busy.begin()
    job = busy.wait_for_answers("tiny", 2 * SLOTS)
    busy.slurm.ask("scancel", job)
    wait_for(lambda: job not in busy.generating("RUNNING", "COMPLETING"))
    before = busy.sent()
    busy.set_latency("tiny", 0)
    busy.end(run)
    busy.check_ledger(lost=SLOTS)
    busy.check_second_job(before)
    first, second = busy.generating().values()
    assert (first["JobId"], second["JobState"]) == (job, "COMPLETED")
    assert first["JobState"] in ("CANCELLED", "FAILED")


def test_a_job_out_of_time_is_submitted_again_and_goes_on(busy):
    run = busy.begin()
    job = busy.wait_for_answers("tiny", 2 * SLOTS)
    busy.set_latency("tiny", 3)  # Slurm looks at time limits twice a minute
    busy.slurm.ask("scontrol", "update", f"JobId={job}", "EndTime=now")
    wait_for(lambda: job not in busy.generating("RUNNING", "COMPLETING"), 120)
    before = busy.sent()
    busy.set_latency("tiny", 0)
    busy.end(run)
    busy.check_ledger(lost=SLOTS)
    busy.check_second_job(before)
    first, second = busy.generating().values()
    assert (first["JobState"], second["JobState"]) == ("TIMEOUT", "COMPLETED")


def test_the_signal_before_the_time_limit_of_a_partition_lets_a_job_end_in_order(busy):
    """A minute is the shortest time limit. The signal comes up to half a minute early."""
    busy.profile["default-resources"][-1] = "slurm_extra='--signal=TERM@5'"
    busy.models["models"]["tiny"]["resources"] |= {"partition": "short", "runtime_minutes": 1}
    busy.items = [
        {"id": f"i{number}", "input": f"What is {number}?", "target": 1} for number in range(60)
    ]
    run = busy.begin()
    wait_for(lambda: busy.generating("FAILED", "TIMEOUT"), 180)
    before = busy.sent()
    busy.set_latency("tiny", 0)
    busy.end(run)
    busy.check_ledger(lost=SLOTS)
    busy.check_second_job(before)
    first, second = busy.generating().values()
    assert (first["TimeLimit"], first["JobState"]) == ("00:01:00", "FAILED")  # and not TIMEOUT
    assert second["JobState"] == "COMPLETED"


def preempt(busy):
    """A job of a partition that comes first takes the node of the running one."""
    urgent = ("--partition=urgent", "--nodelist=n1", "--nodes=1", "--exclusive", "--time=1")
    busy.slurm.ask("sbatch", *urgent, "--output=/dev/null", "--chdir=/", "--wrap=sleep 2")


def test_a_preempted_job_is_started_again_by_slurm_and_goes_on(busy):
    run = busy.begin()
    job = busy.wait_for_answers("tiny", 2 * SLOTS)
    preempt(busy)
    wait_for(lambda: job in busy.generating("PENDING"), 120)
    before = busy.sent()
    busy.set_latency("tiny", 0)
    busy.end(run)
    busy.check_ledger(lost=SLOTS)
    busy.check_second_job(before)
    (only,) = busy.generating().values()
    assert (only["JobId"], only["Restarts"], only["JobState"]) == (job, "1", "COMPLETED")


def test_a_job_that_is_preempted_for_good_is_waited_for_until_a_second_ctrl_c(busy):
    """PreemptMode=CANCEL: docs/slurm.md says what to do, and that nothing is lost."""
    busy.models["models"]["tiny"]["resources"]["partition"] = "cancel"
    run = busy.begin()
    job = busy.wait_for_answers("tiny", 2 * SLOTS)
    preempt(busy)
    wait_for(lambda: job not in busy.generating("RUNNING", "COMPLETING"), 120)
    assert busy.generating()[job]["JobState"] == "PREEMPTED"
    before = busy.sent()
    busy.set_latency("tiny", 0)
    wait_for(lambda: "A Job preemption" in busy.output(), 120)
    run.send_signal(signal.SIGINT)
    with pytest.raises(TimeoutExpired):
        run.wait(5)
    run.send_signal(signal.SIGINT)
    busy.end(run, ok=False, seconds=60)
    busy.end(busy.begin())
    busy.check_ledger(lost=SLOTS)
    busy.check_second_job(before)


def test_a_job_that_ends_in_its_grace_time_before_it_is_preempted_for_good_is_submitted_again(busy):
    busy.models["models"]["tiny"]["resources"]["partition"] = "grace"
    run = busy.begin()
    job = busy.wait_for_answers("tiny", 2 * SLOTS)
    preempt(busy)
    wait_for(lambda: job not in busy.generating("RUNNING", "COMPLETING"), 120)
    before = busy.sent()
    busy.set_latency("tiny", 0)
    busy.end(run)
    busy.check_ledger(lost=SLOTS)
    busy.check_second_job(before)
    first, second = busy.generating().values()
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")


def test_a_job_whose_node_fails_is_started_on_another(busy):
    busy.models["models"]["tiny"]["resources"]["partition"] = "debug"
    run = busy.begin()
    job = busy.wait_for_answers("tiny", 2 * SLOTS)
    node = busy.generating()[job]["NodeList"]
    try:
        busy.slurm.ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        wait_for(lambda: busy.generating()[job]["JobState"] != "RUNNING", 120)
        before = busy.sent()
        busy.set_latency("tiny", 0)
        busy.end(run)
        last = list(busy.generating().values())[-1]
        assert last["NodeList"] != node and last["JobState"] == "COMPLETED"
    finally:
        busy.slurm.ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    busy.check_ledger(lost=SLOTS)
    busy.check_second_job(before)


def test_a_job_on_a_node_that_is_drained_goes_on_to_its_end(busy):
    busy.set_latency("tiny", 0.3)
    run = busy.begin()
    job = busy.wait_for_answers("tiny", SLOTS)
    try:
        busy.slurm.ask("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
        busy.end(run)
    finally:
        busy.slurm.ask("scontrol", "update", "NodeName=n1", "State=RESUME")
    busy.check_ledger()
    (only,) = busy.generating().values()
    assert (only["JobId"], only["Restarts"], only["JobState"]) == (job, "0", "COMPLETED")
