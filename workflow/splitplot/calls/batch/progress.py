"""What a job that waits for batches says: how far they are, and about how long it will take."""

import sys
import time
from typing import IO, TYPE_CHECKING, Any

from splitplot.calls.batch.store import Batch
from splitplot.text import visible

if TYPE_CHECKING:
    from splitplot.calls.batch.desk import Desk

SAY_EVERY_S = 600.0
SHOW_EVERY_S = 60.0


class Waiting:
    """Tells what a job waits for when that changes; else every 10 min in the log, 1 min on a terminal.

    Whole lines on the terminal too, for several jobs wait at the same time.
    """

    def __init__(self, desk: "Desk", label: str, stream: IO[str] | None = None) -> None:
        self.desk, self.label = desk, label
        self.stream = stream if stream is not None else sys.stderr
        self._state: Any = None
        self._said = self._shown = 0.0

    def show(self, batches: list[Batch], waits_for: str = "") -> None:
        """Say what is being waited for: these batches, or a slot, money, …"""
        text = "; ".join(self._line(batch) for batch in batches) or f"waiting for {waits_for}"
        text = visible(f"{self.label}: {text}")
        state = [(batch.name, batch.seen().get("state")) for batch in batches] or waits_for
        changed, at = state != self._state, time.monotonic()
        self._state = state
        if changed or at - self._said > SAY_EVERY_S:
            self._said = at
            self.desk.say(text)
        if self.stream.isatty() and (changed or at - self._shown > SHOW_EVERY_S):
            self._shown = at
            self.stream.write(text + "\n")
            self.stream.flush()

    def _line(self, batch: Batch) -> str:
        seen, intent = batch.seen(), batch.read("intent")
        name = f"{intent['batch']} {seen.get('id') or batch.name}"
        state = seen.get("state") or batch.step
        done, total = seen.get("done"), seen.get("total") or intent["count"]
        counted = f", {done:,} of {total:,}" if done is not None else f", {total:,} requests"
        age = self.desk.age(intent["at"])
        left = ""
        if done and total and done < total:
            left = f", about {_duration(age * (total - done) / done)} left"
        return f"{name} is {state}{counted} after {_duration(age)}{left}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
