"""Slurm's queue, as far as a run asks it: which jobs of earlier runs in this folder are still there.

Only asked where the run hands its jobs to Slurm. Such jobs do no harm: whatever they answer is in the
ledger, and what they have in flight is waited for; but they hold nodes, which the user may want back.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError
from splitplot.text import visible

SEPARATOR = "\x1f"
"""Between the fields of a line: nothing that a name, a comment or a folder has in it."""

FIELDS = ["%i", "%T", "%j", "%k", "%Z"]
"""Id, state, name, comment, folder, as `squeue --format` calls them."""

COMMENT = "rule_"
"""How the comment begins that Snakemake's executor gives a job, one of several cells (a group) too."""

SUBMIT = "sbatch"

LONGEST_GAP_SECONDS = 180
"""Between two looks of Snakemake's executor at its jobs, while nothing ends."""

SHORTEST_AGE_SECONDS = 240
"""For so long, at least, Slurm must know of a job that has ended: the gap, and time for the look itself."""

PATIENCE_SECONDS = 20
LISTED = 10
"""So many jobs are named in a notice."""


@dataclass(frozen=True)
class Job:
    """A job in Slurm's queue. name: one for all jobs of a run. about: rule and wildcards."""

    id: str
    state: str
    name: str
    about: str


def check_here() -> None:
    """Raise ConfigError where jobs cannot be handed to Slurm, before the executor tries."""
    if shutil.which(SUBMIT) is None:
        raise ConfigError(
            f"profile slurm: {SUBMIT} is not on the PATH of {socket.gethostname()}; give the command on a "
            "login node of the cluster (perhaps after `module load slurm`), or use --profile local"
        )


def forgets(status_command: str | None) -> str:
    """What to tell before a run begins where Slurm may forget a job between two looks; "" if not so.

    status_command: with which the executor looks at its jobs. Of `squeue` a job is gone MinJobAge
    seconds after its end; one that was not seen to end is waited for for ever.
    """
    if status_command != "squeue":
        return ""
    found = re.search(
        r"^\s*MinJobAge\s*=\s*(\d+)", _run("scontrol", "show", "config"), re.MULTILINE
    )
    if not found or int(found[1]) >= SHORTEST_AGE_SECONDS:
        return ""
    return (
        f"Slurm forgets a job {found[1]} s after its end (MinJobAge), and looks at jobs may be "
        f"{LONGEST_GAP_SECONDS} s apart: with slurm-status-command squeue a job that ends between two "
        "looks may be waited for for ever. Use sacct, where it works here, or ask for MinJobAge=300 or "
        "more; a run that hangs: a second Ctrl-C, and the same command again"
    )


def notice(folder: Path, alive: Collection[str] = ()) -> str:
    """What to tell before a run begins of jobs that are in the queue for this folder; "" if none are.

    alive: names of the jobs of runs that are, or may be, at work here: theirs are nobody's to end.
    """
    jobs = [job for job in jobs_of(folder, _squeue()) if job.name not in alive]
    if not jobs:
        return ""
    listed = ", ".join(f"{job.id} ({job.state.lower()}, {job.about})" for job in jobs[:LISTED])
    more = f" and {len(jobs) - LISTED:,} more" if len(jobs) > LISTED else ""
    names = sorted({job.name for job in jobs})
    return visible(
        f"Slurm has {len(jobs):,} {'jobs' if len(jobs) > 1 else 'job'} of an earlier run in this "
        f"folder: {listed}{more}. What they answer is recorded and used, and what they are asking is not "
        f"asked twice; to end them:  scancel {' '.join(f'--name={name}' for name in names)}"
    )


def jobs_of(folder: Path, lines: Iterable[str]) -> list[Job]:
    """The jobs that an executor of Snakemake has submitted in this folder, from the lines of squeue."""
    wanted = os.path.realpath(folder)
    found = []
    for line in lines:
        fields = line.strip("\r\n").split(SEPARATOR)
        if len(fields) != len(FIELDS):
            continue
        number, state, name, comment, place = (field.strip() for field in fields)
        if comment.startswith(COMMENT) and os.path.realpath(place) == wanted:
            found.append(Job(number, state, name, comment))
    return found


def run_name(scheduler: Any) -> str:
    """The name that the jobs of a run have in the queue; "" where its executor has not said."""
    return str(getattr(getattr(scheduler, "_executor", None), "run_uuid", ""))


def cancel_waiting(name: str) -> None:
    """Take the jobs with this name that have not started back from the queue; the others go on."""
    if name:
        _run("scancel", "--state=PENDING", f"--name={name}")


def _squeue() -> list[str]:
    """The lines of the user's jobs; none where Slurm does not answer: a notice is no condition."""
    wanted = ("--noheader", f"--user={os.getuid()}", "--format", SEPARATOR.join(FIELDS))
    return _run("squeue", *wanted).splitlines()


def _run(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
