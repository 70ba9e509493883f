"""The line on the terminal that tells how far a job is."""

import sys
import time
from typing import IO

from splitplot.calls.records import Response


class Progress:
    """One line on a terminal: done/total, rate, time left, errors, money, in flight. Silent elsewhere.

    total: requests to be answered; label: what stands before the figures.
    """

    INTERVAL_S = 0.5

    def __init__(self, total: int, label: str = "", stream: IO[str] | None = None) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.shown = self.stream.isatty()
        self.total, self.label = total, label
        self.done = self.errors = self.in_flight = self.width = 0
        self.usd = 0.0
        self.began = time.monotonic()
        self.next_at = self.began

    def add(self, response: Response, in_flight: int) -> None:
        """Count a finished response, and draw if half a second has passed."""
        self.done += 1
        self.errors += response.outcome == "error"
        self.usd += response.usd or 0.0
        self.in_flight = in_flight
        if self.shown and time.monotonic() >= self.next_at:
            self._draw("\r")

    def close(self) -> None:
        """Draw the final line."""
        if self.shown:
            self.in_flight = 0
            self._draw("\n")
            self.shown = False

    def line(self) -> str:
        """The figures, as text."""
        elapsed = max(time.monotonic() - self.began, 1e-9)
        rate = self.done / elapsed
        left = f"{(self.total - self.done) / rate:.0f} s left" if rate else "? left"
        parts = [f"{self.done}/{self.total}", f"{rate:.1f}/s", left, f"{self.errors} errors"]
        parts += [f"${self.usd:.4f}", f"{self.in_flight} in flight"]
        return f"{self.label + ': ' if self.label else ''}{', '.join(parts)}"

    def _draw(self, end: str) -> None:
        text = self.line()
        self.next_at = time.monotonic() + self.INTERVAL_S
        self.stream.write("\r" + text.ljust(self.width) + (end if end == "\n" else ""))
        self.stream.flush()
        self.width = len(text)
