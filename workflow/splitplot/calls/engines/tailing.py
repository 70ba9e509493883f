"""Files that another process writes, read while they grow."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from splitplot.calls.engines.vllm_lines import read_line

READ_BYTES = 1 << 20


class Tail:
    """Complete lines of a file that grows; its torn end is left for later.

    torn: the file was read to its final end, and that is part of a line.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.at, self.torn = path, 0, False

    def lines(self, final: bool = False) -> Iterator[dict[str, Any]]:
        """What has been completed since the last call, without what cannot be read.

        final: nothing writes any more, so a last line without its newline is one if it can be read;
        some versions of vLLM write none.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            if os.fstat(file.fileno()).st_size < self.at:
                self.at = 0
            file.seek(self.at)
            for data in file:
                whole = data.endswith(b"\n")
                if not whole and not final:
                    return
                line = read_line(data)
                if line is None and not whole:
                    self.torn = True
                    return
                self.at += len(data)
                if line is not None:
                    yield line


class Growth:
    """How long files that another process writes have stayed as they are."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._sizes = self._look()
        self._since = monotonic()

    def still_seconds(self) -> float:
        """Since the last look, or the one before it …, at which one of them had changed."""
        sizes = self._look()
        if sizes != self._sizes:
            self._sizes, self._since = sizes, monotonic()
        return monotonic() - self._since

    def _look(self) -> list[int | None]:
        sizes: list[int | None] = []
        for path in self._paths:
            try:
                sizes.append(path.stat().st_size)
            except OSError:
                sizes.append(None)
        return sizes


class Log:
    """A log that grows, read once."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0
        self._end = b""

    def says(self, words: tuple[bytes, ...]) -> bool:
        """Whether one of these stands in what was written since the last call."""
        with suppress(OSError), self.path.open("rb") as file:
            file.seek(self.at)
            while data := file.read(READ_BYTES):
                self.at += len(data)
                text = self._end + data
                self._end = text[-max(map(len, words)) :]
                if any(word in text for word in words):
                    return True
        return False
