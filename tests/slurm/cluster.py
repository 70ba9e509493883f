"""A real Slurm on this machine, for the time of a test run: one controller, two nodes, GPUs that are none.

    python tests/slurm/cluster.py FOLDER

starts it, prints one JSON line ({"nodes": [...]} or {"error": "..."}), and ends it when its standard input
closes: also when whoever holds the other end is killed. Everything that Slurm starts, jobs and their
steps included, is a descendant of this process, and only descendants are ended.

There is no munge, no accounting, no cgroup and nothing in /etc: the folder holds all of it. A GPU is a
character device that every machine has, which is enough for Slurm to hand it out.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
NODES = ("n1", "n2")
CPUS, MEMORY_MB = 8, 32000
DEVICES = ("/dev/null", "/dev/zero")
"""The GPUs of each node."""

START_SECONDS = 40
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

CONFIGURATION = """\
ClusterName=splitplot
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
ReturnToService=1
MinJobAge=600
KillWait=5
InactiveLimit=0
SlurmctldTimeout=60
SlurmdTimeout=30
{nodes}
PartitionName=debug Nodes={names} Default=YES MaxTime=60 PriorityTier=1
PartitionName=one Nodes={first} MaxTime=60 PriorityTier=1
PartitionName=cancel Nodes={first} MaxTime=60 PriorityTier=1 PreemptMode=CANCEL
PartitionName=grace Nodes={first} MaxTime=60 PriorityTier=1 PreemptMode=CANCEL GraceTime=30
PartitionName=short Nodes={names} MaxTime=1 PriorityTier=1
PartitionName=urgent Nodes={names} MaxTime=60 PriorityTier=2
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} Boards=1 "
    "SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory} "
    "Gres=gpu:toy:{gpus} Feature=toys,{name} State=UNKNOWN"
)


class Cluster:
    """A running cluster. environment: what a command needs to speak with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        told = json.loads(self._process.stdout.readline() or '{"error": "it ended at once"}')
        self.error: str | None = told.get("error")
        self.nodes: list[str] = told.get("nodes", [])
        path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}

    def close(self) -> None:
        """End it, with all of its jobs."""
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def daemon(self, node: str) -> psutil.Process:
        """The process of Slurm on a node."""
        started = psutil.Process(self._process.pid).children()
        return next(process for process in started if process.cmdline()[-2:] == ["-N", node])

    def jobs(self, folder: Path, *states: str) -> dict[str, dict[str, str]]:
        """The jobs that were submitted in a folder, by id, oldest first; of all states if none is named.

        Each as `scontrol show job` tells it.
        """
        listed = self.ask("scontrol", "--oneliner", "show", "job")
        found = {}
        for line in listed.splitlines():
            job = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
            if job.get("WorkDir") == str(folder) and (not states or job["JobState"] in states):
                found[job["JobId"]] = job
        return dict(sorted(found.items(), key=lambda entry: int(entry[0])))


def missing_programs() -> list[str]:
    """What Slurm needs and this machine does not have."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"  # the daemons of Debian


def main(folder: Path) -> None:
    """Start, tell, wait for the end of standard input, end."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # steps of jobs leave their parents
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        try:
            _start(folder, libc)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            print(json.dumps({"error": str(error)}), flush=True)
            return
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what ends from now on leaves no zombie
        print(json.dumps({"nodes": list(NODES)}), flush=True)
        sys.stdin.read()
    finally:
        _end()


def _start(folder: Path, libc: ctypes.CDLL) -> None:
    _write(folder)
    configuration = str(folder / "slurm.conf")
    os.environ |= {"SLURM_CONF": configuration, "PATH": _path()}
    _daemon(folder, libc, "slurmctld", "-D", "-c", "-f", configuration)
    for node in NODES:
        _daemon(folder, libc, "slurmd", "-D", "-c", "-f", configuration, "-N", node)
    until = time.monotonic() + START_SECONDS
    while _idle() != set(NODES):
        if time.monotonic() > until:
            raise RuntimeError(f"no nodes after {START_SECONDS} s: {_last_words(folder)}")
        time.sleep(0.1)


def _write(folder: Path) -> None:
    """The configuration, with ports that are free now, and the srun that jobs are to find."""
    for name in ("state", "bin", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    controller, *ports = _free_ports(1 + len(NODES))
    shared = {"host": host, "cpus": CPUS, "memory": MEMORY_MB, "gpus": len(DEVICES)}
    nodes = [NODE.format(name=n, port=p, **shared) for n, p in zip(NODES, ports, strict=True)]
    text = CONFIGURATION.format(
        folder=folder,
        host=host,
        port=controller,
        user=psutil.Process().username(),
        nodes="\n".join(nodes),
        names=",".join(NODES),
        first=NODES[0],
    )
    (folder / "slurm.conf").write_text(text)
    devices = "".join(f"Name=gpu Type=toy File={device}\n" for device in DEVICES)
    (folder / "gres.conf").write_text(f"AutoDetect=off\n{devices}")
    (folder / "cgroup.conf").write_text("CgroupPlugin=autodetect\n")
    # The executor takes every SLURM_* variable from the srun inside a job, SLURM_CONF too.
    srun = folder / "bin" / "srun"
    real = shutil.which("srun", path=_path())
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {real} "$@"\n')
    srun.chmod(0o755)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _daemon(folder: Path, libc: ctypes.CDLL, *command: str) -> None:
    with (folder / "daemons.out").open("ab") as output:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        )


def _idle() -> set[str]:
    done = subprocess.run(
        ["sinfo", "--noheader", "--Node", "--states=idle", "--format=%N"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return set(done.stdout.split())


def _last_words(folder: Path) -> str:
    lines = [
        line
        for path in (*sorted(folder.glob("*.log")), folder / "daemons.out")
        if path.exists()
        for line in path.read_text(errors="replace").splitlines()
    ]
    return " | ".join([line for line in lines if "error" in line or "fatal" in line][-3:])


def _end() -> None:
    """End every descendant: in order, and then without asking."""
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        until = time.monotonic() + patience
        told: set[int] = set()
        while left := psutil.Process().children(recursive=True):
            for process in left:  # those that come up meanwhile as well
                if process.pid not in told:
                    told.add(process.pid)
                    with suppress(psutil.NoSuchProcess):
                        process.send_signal(number)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if time.monotonic() > until:
                break
            time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
