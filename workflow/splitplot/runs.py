"""The runs of the workflow that are alive in a folder: who is at work, on which studies.

Each run keeps one small file in `.snakemake/runs/`, under a lock that the operating system holds as
long as the process lives, so that a run that was killed is told from one that is at work. Snakemake's
own locks are files that outlive a kill; from the difference follows which of them are left-overs.

Beside a run's file `{name}.run` lie `{name}.stop`, by which its jobs hear that they are to stop, and
`{name}.jobs`, which they hold (calls/stop.py).
"""

import fcntl
import json
import os
import shlex
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from splitplot.calls.stop import AT_ONCE, RUN_VARIABLE, STOP_FILE
from splitplot.errors import SplitplotError
from splitplot.text import visible

FOLDER = Path(".snakemake/runs")
SNAKEMAKE_LOCKS = Path(".snakemake/locks")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class State(Enum):
    """What can be said of another run."""

    ALIVE = "alive"
    ORPHANS = "killed, with jobs that go on"
    DEAD = "dead"
    UNKNOWN = "of another machine, whose locks cannot be relied upon"


@dataclass
class Entry:
    """What a run says of itself. since: seconds since 1970. boot: which start of which machine.

    jobs: the name of its jobs at Slurm; "" where it has none, or not yet.
    """

    pid: int
    host: str
    boot: str
    since: float
    command: str
    studies: list[str] = field(default_factory=list)
    jobs: str = ""

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return visible(f"process {self.pid} on {self.host}, since {since}: {self.command}")


class Run:
    """This process as a run of the workflow in `root`. Nothing happens before it enters a study."""

    def __init__(self, root: Path, command: Sequence[str]) -> None:
        self._root = root.resolve()
        self._folder = self._root / FOLDER
        words = [Path(command[0]).name, *command[1:]]
        self._entry = Entry(
            os.getpid(), socket.gethostname(), _boot(), time.time(), shlex.join(words)[:200]
        )
        name = "".join(c if c.isalnum() else "-" for c in self._entry.host)
        self._name = f"{name}-{self._entry.pid}-{time.time_ns():x}"
        self._file: int | None = None

    @property
    def path(self) -> Path:
        """The path of this run's files, without a suffix; jobs are given it."""
        return self._folder / self._name

    def enter(self, study: str) -> list[str]:
        """Say that this run is about to work on a study; returns notices for the user.

        Removes what dead runs have left: their files, their Snakemake locks, a `STOP` that has done
        its work.
        Raises SplitplotError, with nothing changed, where another run works on this study, or is
        just being stopped.
        """
        with self._mutex() as locks_work:
            if not locks_work:  # then it cannot be told who is alive; calls/locks.py will complain
                return []
            others = [(*other, self._state(*other)) for other in self._others()]
            self._refuse(study, [(entry, state) for _, entry, state in others])
            notices = self._remove_stop() if self._file is None else []
            if self._file is None:
                notices += [_notice(entry, state) for _, entry, state in others]
            for path, _, state in others:
                if state is State.DEAD:
                    _remove_files(path)
            if study not in self._entry.studies:
                self._entry.studies.append(study)
            self._write()
            in_use = {
                name
                for _, entry, state in others
                for name in entry.studies
                if state in (State.ALIVE, State.UNKNOWN)
            }
            if self._remove_stale_locks(in_use):
                notices.append("removed the locks of a run that was killed; going on from there")
        os.environ[RUN_VARIABLE] = str(self.path)
        return [notice for notice in notices if notice]

    def name_jobs(self, name: str) -> None:
        """Say by which name the jobs of this run are known at Slurm, so that others leave them alone."""
        self._entry.jobs = name
        if self._file is not None:
            with suppress(OSError), self._mutex():
                self._write()

    def jobs_at_work(self) -> set[str]:
        """The names of the jobs of other runs that are at work here, or of which that cannot be told."""
        with self._mutex():
            return {
                entry.jobs
                for path, entry in self._others()
                if entry.jobs and self._state(path, entry) in (State.ALIVE, State.UNKNOWN)
            }

    def tell_jobs(self, *, at_once: bool = False) -> None:
        """Let the jobs of this run know that they are to stop."""
        with suppress(OSError):  # the files of the run are gone: then signals must do
            temporary = self.path.with_suffix(".tmp")
            temporary.write_text(AT_ONCE if at_once else "stop", encoding="utf-8")
            temporary.replace(self.path.with_suffix(".stop"))

    def keep_lock_folder(self) -> None:
        """Snakemake removes the folder of all locks when any run ends, and misses it when one starts."""
        with suppress(OSError):
            (self._root / SNAKEMAKE_LOCKS).mkdir(parents=True, exist_ok=True)

    def leave(self) -> None:
        """The run has ended. Its files stay only while jobs of it are still at work."""
        if self._file is None:
            return
        with suppress(OSError), self._mutex():
            if not _held(self.path.with_suffix(".jobs")):
                _remove_files(self.path.with_suffix(".run"))
            os.close(self._file)
            self._file = None

    def _refuse(self, study: str, others: list[tuple[Entry, State]]) -> None:
        for entry, state in others:
            stopping = self._file is None and (self._root / STOP_FILE).exists()
            if stopping and state in (State.ALIVE, State.ORPHANS):
                raise SplitplotError(
                    f"{STOP_FILE} lies here, and what it is to stop is still at work ({entry}); wait "
                    "until it has ended, then give the same command again"
                )
            if study not in entry.studies:
                continue
            if state is State.ALIVE:
                raise SplitplotError(
                    f"another run is at work on study {study} ({entry}); nothing was changed. Wait "
                    f"for it, or end it with `touch {STOP_FILE}` or `kill {entry.pid}`: it records "
                    "what is in flight. Do not use --unlock, its locks are in order"
                )
            if state is State.UNKNOWN:
                raise SplitplotError(
                    f"a run of another machine has not ended here, and from this one it cannot be "
                    f"told whether it is alive ({entry}). If it is, wait for it or end it there; if "
                    "it is not, say so with `snakemake --profile local --unlock`"
                )

    def _remove_stop(self) -> list[str]:
        with suppress(FileNotFoundError):
            (self._root / STOP_FILE).unlink()
            return [f"{STOP_FILE} has been removed; going on"]
        return []

    def _write(self) -> None:
        """In place: a new file would not have the lock. Others read it under the mutex only."""
        if self._file is None:
            path = self.path.with_suffix(".run")
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.lockf(self._file, fcntl.LOCK_EX)
        data = json.dumps(asdict(self._entry)).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, data, 0)

    def _remove_stale_locks(self, in_use: set[str]) -> bool:
        """Remove Snakemake's locks on studies that no run works on; other locks are not ours."""
        removed = False
        for path in (self._root / SNAKEMAKE_LOCKS).glob("*.lock"):
            with suppress(OSError):  # its run has just ended
                studies = _studies_of(path)
                if studies and not studies & in_use:
                    path.unlink()
                    removed = True
        return removed

    def _others(self) -> Iterator[tuple[Path, Entry]]:
        for path in sorted(self._folder.glob("*.run")):
            if path.stem != self._name:  # closing a descriptor of our own would drop its lock
                try:
                    yield path, Entry(**json.loads(path.read_bytes()))
                except (OSError, ValueError, TypeError):  # half-written at a power loss
                    continue

    def _state(self, path: Path, entry: Entry) -> State:
        if _held(path):
            return State.ALIVE
        if not _same_machine(entry, self._entry):
            return State.UNKNOWN
        return State.ORPHANS if _held(path.with_suffix(".jobs")) else State.DEAD

    @contextmanager
    def _mutex(self) -> Iterator[bool]:
        """One run at a time looks and registers; yields False where files cannot be locked."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "mutex").open("a+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX)
            except OSError:
                yield False
            else:
                yield True

    def refuse_beside_a_run(
        self, study: str, what: str, why: str = "would change what it works with"
    ) -> None:
        """Raise SplitplotError where a run works on a study, and `what` would pull the ground from it,
        or is refused for another reason: `why`, in words that follow it."""
        if not self._folder.exists():
            return
        with self._mutex() as locks_work:
            for path, entry in self._others() if locks_work else ():
                if study in entry.studies and self._state(path, entry) is State.ALIVE:
                    raise SplitplotError(
                        f"a run is at work on study {study} ({entry}); {what} {why}. "
                        f"Wait for it, or end it with `touch {STOP_FILE}` or `kill {entry.pid}`"
                    )

    def unlock(self) -> None:
        """For `--unlock`: forget the runs of other machines, which the user says are dead.

        Raises SplitplotError where a run is at work: its locks are in order.
        """
        with self._mutex() as locks_work:
            others = [(*other, self._state(*other)) for other in self._others()]
            for _, entry, state in others:
                if locks_work and state is State.ALIVE:
                    raise SplitplotError(
                        f"a run is at work here ({entry}), and its locks are in order; wait for it, "
                        f"or end it with `touch {STOP_FILE}` or `kill {entry.pid}`"
                    )
            for path, _, state in others:
                if state is State.UNKNOWN:
                    _remove_files(path)


def _notice(entry: Entry, state: State) -> str:
    studies = ", ".join(entry.studies)
    if state is State.ALIVE:
        return (
            f"another run is at work here, on {studies} ({entry}); the two do each other no harm, and "
            "no request is paid twice"
        )
    if state is State.ORPHANS:
        return (
            f"jobs of a run that was killed are still at work, on {studies} ({entry}); they record "
            "what they get, and what they have in flight is waited for"
        )
    return ""


def _same_machine(entry: Entry, own: Entry) -> bool:
    """Whether a free lock proves that a run is dead: the same kernel, or this machine before a restart.

    A host's name alone proves nothing: containers and cloned machines share names and folders.
    """
    if entry.boot == own.boot:
        return True
    return entry.host == own.host and entry.since < _booted_at()


def _boot() -> str:
    with suppress(OSError):
        return BOOT_ID.read_text(encoding="ascii").strip()
    return socket.gethostname()


def _booted_at() -> float:
    """When this machine was started; the beginning of time where that cannot be told."""
    clock: Any = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() - time.clock_gettime(clock) if clock is not None else 0.0


def _held(path: Path) -> bool:
    """Whether a process has locked the file."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # of another user
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _remove_files(path: Path) -> None:
    for suffix in (".run", ".stop", ".jobs", ".tmp"):
        with suppress(OSError):
            path.with_suffix(suffix).unlink(missing_ok=True)


def _studies_of(lock: Path) -> set[str]:
    """The studies whose files one of Snakemake's lock files names."""
    with lock.open(encoding="utf-8") as lines:
        words = [line.strip().split("/") for line in lines]
    return {word[1] for word in words if word[0] == "results" and len(word) > 2}
