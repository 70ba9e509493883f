"""The cluster of these tests is gone when they are, however they end."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from .conftest import cluster, wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

OWNER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import cluster
running = cluster.Cluster(Path(sys.argv[2]))
assert not running.error, running.error
running.ask("sbatch", "--chdir=/", "--output=/dev/null", "--mem=100", "--wrap=sleep 1000")
while not running.ask("squeue", "--noheader", "--states=RUNNING"):
    time.sleep(0.1)
print(running.ask("squeue", "--noheader", "--format=%T"), flush=True)
time.sleep(1000)
"""


@pytest.mark.skipif(bool(cluster.missing_programs()), reason="Slurm is not installed")
def test_a_cluster_and_its_jobs_end_with_the_process_that_started_it(tmp_path):
    folder = tmp_path / "slurm"
    command = [sys.executable, "-c", OWNER, str(Path(__file__).parent), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        try:
            if owner.stdout.readline().strip() != "RUNNING":
                pytest.skip("Slurm does not start here")
            started = psutil.Process(owner.pid).children(recursive=True)
            names = {process.name() for process in started}
            assert {"slurmctld", "slurmd"} <= names and "sleep" in names
        finally:
            owner.kill()
    gone = wait_for(lambda: not [process for process in started if process.is_running()], 30)
    assert gone
