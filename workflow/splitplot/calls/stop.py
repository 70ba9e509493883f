"""How a job that sends is stopped: a signal, a file `STOP`, or its run being told to stop.

All three drain: nothing new is sent, what is in flight is waited for and recorded, and the job ends
with `Stopped`. A job whose workflow alone got the signal (as from systemd, Slurm or `kill PID`)
hears of it by a file that the workflow writes; the environment variable SPLITPLOT_RUN names it.
"""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from splitplot.errors import SplitplotError

STOP_FILE = "STOP"
RUN_VARIABLE = "SPLITPLOT_RUN"
"""Names the run that a job belongs to: the path of its files (runs.py), without a suffix."""

AT_ONCE = "at once"
"""What a run writes when it is asked a second time: jobs do not wait for what is in flight."""

POLL_SECONDS = 1.0


class Stopped(SplitplotError):
    """The job was asked to stop; what was in flight has been recorded."""


def stopped(what: str) -> Stopped:
    """How the work on something ends that has nothing in flight any more."""
    return Stopped(
        f"{what}: stopped on request; what was in flight is recorded, and the same command goes on "
        "from there"
    )


def requested(root: Path = Path()) -> bool:
    """Whether a stop is asked for by a file: `STOP` in the workflow root, or that of the job's run."""
    told = _told_by_run()
    return (root / STOP_FILE).exists() or (told is not None and told.exists())


def signals_heard() -> list[signal.Signals]:
    """SIGINT and SIGTERM, without those that the shell has told this process to ignore."""
    both = (signal.SIGINT, signal.SIGTERM)
    return [number for number in both if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def watching(stop: asyncio.Event, root: Path | None = Path()) -> Iterator[None]:
    """Set `stop` when a stop is asked for, by SIGINT, SIGTERM or a file; for use in a running loop.

    root: where a file `STOP` is looked for; None: files are not heeded, signals alone are.
    A second signal ends the job at once. A file that is there at the beginning counts. While this
    lasts, the job is known as one of its run, so that a later run can tell that it is still at work.
    """
    loop = asyncio.get_running_loop()
    timer: list[asyncio.TimerHandle] = []

    def request_stop() -> None:
        if not stop.is_set():
            print("stopping: waiting for what is in flight", file=sys.stderr)
            stop.set()

    def on_signal(number: int) -> None:
        loop.remove_signal_handler(number)
        request_stop()

    def look() -> None:
        if root is not None and requested(root):
            request_stop()
        if _end_at_once():
            end()
        timer[:] = [loop.call_later(POLL_SECONDS, look)]

    def end() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    with ExitStack() as stack:
        for number in signals_heard():
            loop.add_signal_handler(number, on_signal, number)
            stack.callback(loop.remove_signal_handler, number)
        stack.enter_context(_known_to_run())
        look()
        stack.callback(lambda: timer[0].cancel())
        yield


def _told_by_run() -> Path | None:
    run = os.environ.get(RUN_VARIABLE)
    return Path(f"{run}.stop") if run else None


def _end_at_once() -> bool:
    told = _told_by_run()
    with suppress(OSError):
        return told is not None and told.read_text(encoding="utf-8").strip() == AT_ONCE
    return False


@contextmanager
def _known_to_run() -> Iterator[None]:
    """Hold a shared lock on the run's `.jobs`, which ends with this process, however it ends."""
    run = os.environ.get(RUN_VARIABLE)
    file = None
    if run:
        with suppress(OSError):  # a run whose files are gone, or a file system without locks
            file = os.open(f"{run}.jobs", os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    try:
        yield
    finally:
        if file is not None:
            os.close(file)
