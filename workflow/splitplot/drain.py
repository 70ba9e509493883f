"""How a whole run drains: asked by SIGTERM, Ctrl-C or `STOP`, it starts nothing new and tells its jobs.

A thread hears the signals through a pipe, whatever handler is set: the scheduler must not be called
from a handler, which may have interrupted it while it holds its own lock.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from splitplot.calls.stop import STOP_FILE, signals_heard
from splitplot.runs import Run

POLL_SECONDS = 1.0
START_POLL_SECONDS = 0.1
SAME_REQUEST_SECONDS = 1.0
"""Signals this close together are one request: `timeout`, for instance, sends two."""


class Drain:
    """Watches for a request to stop the run."""

    def __init__(self, run: Run, root: Path) -> None:
        self._asked = False
        self._run = run
        self._stop_file = root.resolve() / STOP_FILE
        self._watching = False
        self._scheduler: Callable[[], object] | None = None
        self._first_signal: float | None = None

    @property
    def asked(self) -> bool:
        """Whether there was a request; jobs may have heeded `STOP` before the watching thread saw it."""
        return self._asked or (self._watching and self._stop_file.exists())

    def start(self) -> None:
        """Begin to watch. Until the scheduler is known, SIGTERM ends the process in order."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._watching = True
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, _exit)
        threading.Thread(target=self._watch, args=(reader,), daemon=True).start()

    def schedule_by(self, stop_scheduling: Callable[[], object]) -> None:
        """From now on, a request calls this, and the jobs that run are waited for."""
        if not self._watching:
            return
        self._scheduler = stop_scheduling
        for number in signals_heard():
            signal.signal(number, self._on_signal)
        if self._asked:
            stop_scheduling()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """In the main thread: the first request is the watching thread's, a second one aborts."""
        if self._is_second():
            raise KeyboardInterrupt

    def _is_second(self) -> bool:
        if self._first_signal is None:
            self._first_signal = time.monotonic()
        return time.monotonic() - self._first_signal > SAME_REQUEST_SECONDS

    def _watch(self, reader: int) -> None:
        while True:
            if self._scheduler is None:
                self._run.keep_lock_folder()
            pause = POLL_SECONDS if self._scheduler else START_POLL_SECONDS
            ready, _, _ = select.select([reader], [], [], pause)
            signals = os.read(reader, 4096) if ready else b""
            if any(number in (signal.SIGINT, signal.SIGTERM) for number in signals):
                self._stop(at_once=self._is_second())
            elif not self._asked and self._stop_file.exists():
                self._stop()

    def _stop(self, *, at_once: bool = False) -> None:
        first, self._asked = not self._asked, True
        self._run.tell_jobs(at_once=at_once)
        if first:
            if self._scheduler is not None:
                self._scheduler()
            elif self._stop_file.exists():
                os.kill(os.getpid(), signal.SIGTERM)  # before the first job: the handler ends it
            with suppress(OSError, ValueError):  # the terminal may be gone
                print(
                    "splitplot: stopping: nothing new is sent, what is in flight is waited for; a "
                    "second Ctrl-C or kill does not wait",
                    file=sys.stderr,
                    flush=True,
                )


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
