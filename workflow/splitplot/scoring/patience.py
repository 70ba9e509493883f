"""An end to a pattern that backtracks without end: Python's `re` has no limit of its own.

`re` looks for signals while it searches, so the handler of a timer can end a search. The timer counts
computing, not waiting: a busy machine ends no search earlier, and a table does not depend on it.
"""

import signal
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LIMIT_S = 60.0
"""Of computing for one answer. A pattern that reads 60,000 characters from each of them on takes 10 s."""

TICK_S = 1.0


class TooSlow(Exception):
    """A call was ended; the message begins with what it was."""


class Patience:
    """While it is entered, ends a call of what `bound` has made that computes for longer than `limit_s`.

    Signals come to the main thread alone: entered in another one it ends nothing.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s, self._tick_s = limit_s, min(TICK_S, limit_s)
        self._what: str | None = None  # None: no call at this moment
        self._used_s = 0.0

    def __enter__(self) -> "Patience":
        self._can_end = threading.current_thread() is threading.main_thread()
        if self._can_end:
            self._before: Any = signal.signal(signal.SIGVTALRM, self._tick)
            signal.setitimer(signal.ITIMER_VIRTUAL, self._tick_s, self._tick_s)
        return self

    def __exit__(self, *_: object) -> None:
        if self._can_end:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, self._before or signal.SIG_DFL)

    def bound(
        self, function: Callable[Arguments, Result], what: str
    ) -> Callable[Arguments, Result]:
        """`function`, a call of which raises TooSlow where it computes for too long."""

        def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            self._used_s, self._what = 0.0, what
            try:
                return function(*args, **kwargs)
            finally:
                self._what = None

        return run

    def _tick(self, *_: object) -> None:
        if self._what is None:
            return
        self._used_s += self._tick_s
        if self._used_s >= self._limit_s:
            raise TooSlow(f"{self._what} computed for more than {self._limit_s:g} s")
