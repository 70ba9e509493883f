"""Result files as they come: unordered, duplicated, with torn or foreign lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splitplot.calls import chat


def read_results(path: Path, secret: str | None) -> Iterator[dict[str, Any]]:
    """The JSON objects in a result file, one at a time; what is none is passed over."""
    with path.open("rb") as file:
        for line in file:
            try:
                value = chat.decode(line, secret)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value
