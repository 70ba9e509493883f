"""What a job that waits for batches says: how far they are, and about how long it will take."""

import sys
import time
from typing import IO, TYPE_CHECKING, Any

from splitplot.calls.batch.store import Batch
from splitplot.text import visible

if TYPE_CHECKING:
    from splitplot.calls.batch.desk import Desk

SAY_EVERY_S = 600.0


class Waiting:
    """One line on a terminal, drawn anew; in the log a line when something changes, or every 10 min."""

    def __init__(self, desk: "Desk", label: str, stream: IO[str] | None = None) -> None:
        self.desk, self.label = desk, label
        self.stream = stream if stream is not None else sys.stderr
        self.shown = self.stream.isatty()
        self.width = 0
        self._last: tuple[Any, float] = (None, 0.0)

    def show(self, batches: list[Batch], waits_for: str = "") -> None:
        """Say what is being waited for: these batches, or a slot, money, …"""
        text = "; ".join(self._line(batch) for batch in batches) or f"waiting for {waits_for}"
        text = visible(f"{self.label}: {text}")
        if self.shown:
            self.stream.write("\r" + text.ljust(self.width))
            self.stream.flush()
            self.width = len(text)
        state = [(batch.name, batch.seen().get("state")) for batch in batches] or waits_for
        if state != self._last[0] or time.monotonic() - self._last[1] > SAY_EVERY_S:
            self.desk.say(text)
            self._last = (state, time.monotonic())

    def close(self) -> None:
        """End the line."""
        if self.shown and self.width:
            self.stream.write("\n")
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
