"""Which GPUs of this machine a job may use, where no batch system has given it some of its own.

Two jobs that see the same GPUs would both take the first. Each therefore locks those that it takes, in
a folder of the user on this machine; the locks end with the process.
"""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from splitplot.errors import SplitplotError

VISIBLE = "CUDA_VISIBLE_DEVICES"
BATCH_JOB = "SLURM_JOB_ID"
GIVEN_BY_SLURM = "SLURM_GPUS_ON_NODE"
OTHER_BATCH_JOBS = ("LSB_JOBID", "PBS_JOBID", "SGE_TASK_ID")
"""Set in jobs of LSF, PBS and Grid Engine, which choose GPUs only where the cluster is set up for it."""
NONE = ("-1", "NoDevFiles")
"""What stands in CUDA_VISIBLE_DEVICES where there are none."""

NAMES_WITHIN_S = 20


def shown() -> list[str]:
    """The GPUs that this process sees: those of CUDA_VISIBLE_DEVICES, else NVIDIA's of the machine."""
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        return [name for name in names if name and name not in NONE]
    numbers = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    return sorted((name for name in numbers if name.isdigit()), key=int)


def given() -> int | None:
    """How many GPUs a batch system has given to this job; None where there is none, or it does not say."""
    if not _chosen_by_batch_system():
        return None
    told = os.environ.get(GIVEN_BY_SLURM, "")
    if BATCH_JOB in os.environ and told.isdecimal():
        return int(told)
    return len(shown()) if VISIBLE in os.environ else None


def model_names() -> str | None:
    """The kinds of GPU that this process sees, as nvidia-smi calls them; None where it does not say."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    if os.environ.get(VISIBLE) is not None:
        if not shown():
            return None
        command.append(f"--id={','.join(shown())}")
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=NAMES_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = sorted({line.strip() for line in said.stdout.splitlines() if line.strip()})
    return ", ".join(names) if said.returncode == 0 and names else None


@contextmanager
def taken(count: int, what: str) -> Iterator[bool]:
    """Take so many GPUs until the block ends; yields False where others have them at this moment.

    CUDA_VISIBLE_DEVICES names what was taken. Nothing is taken, and True yielded, where none is wanted,
    a batch system has chosen, or this machine shows no GPU: then the engine says what it lacks.
    Raises SplitplotError where the machine shows some, but fewer.
    """
    names = shown()
    if not count or not names or _chosen_by_batch_system():
        yield True
        return
    if count > len(names):
        raise SplitplotError(
            f"{what}: a job of it takes {count} GPUs, and this machine shows {len(names)} "
            f"({', '.join(names)}); set resources.gpus, and tensor_parallel where it is given, to at most "
            "that in config/models.yaml"
        )
    before = os.environ.get(VISIBLE)
    with ExitStack() as held:
        free = (name for name in names if _lock(name, held))
        ours = list(islice(free, count))
        if len(ours) < count:
            held.close()
            yield False
            return
        os.environ[VISIBLE] = ",".join(ours)
        try:
            yield True
        finally:
            if before is None:
                del os.environ[VISIBLE]
            else:
                os.environ[VISIBLE] = before


def _chosen_by_batch_system() -> bool:
    """Whether the GPUs that are shown are this job's alone; two jobs may then call theirs by one name."""
    if BATCH_JOB in os.environ:
        return True
    return VISIBLE in os.environ and any(name in os.environ for name in OTHER_BATCH_JOBS)


def _lock(name: str, held: ExitStack) -> bool:
    folder = Path(tempfile.gettempdir()) / f"splitplot-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / name.replace("/", "_"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return False
    held.callback(os.close, file)
    return True
