"""Whether the answers of the item-response table are those of a ledger: by key, and by text."""

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

from splitplot.archive.layout import is_name
from splitplot.calls.ledger import Ledger, write_index
from splitplot.calls.records import LOST

ROWS = 5_000
"""Rows of the table held at a time."""

COLUMNS = ("trial_hash", "key", "item_id", "outcome", "response")
SHOWN = 20
"""Problems that get a line of their own; what is beyond is counted."""


def disagreements(table: Path, ledger_root: Path) -> list[str]:
    """One line for each answer of the table that the ledger has not, or has with another text.

    table: item_responses.parquet. The ledger is only read. An answer stands in one row for each scorer and
    each item of the same content; each row is looked at. Memory holds one batch of rows and the keys.
    """
    from pyarrow import parquet

    ledgers: dict[str, Ledger] = {}
    problems: list[str] = []
    wrong: set[str] = set()
    with parquet.ParquetFile(table) as file:
        for batch in file.iter_batches(batch_size=ROWS, columns=list(COLUMNS)):
            for trial, rows in _answers(batch.to_pylist()).items():
                if not is_name(trial) or "/" in trial:  # it would lead out of the ledger's folder
                    return [f"{table.name}: {trial!r:.80} is not the hash of a trial"]
                ledger = ledgers.get(trial)
                if ledger is None:
                    ledger = ledgers[trial] = Ledger(ledger_root, trial, read_only=True)
                for row, problem in _compare(ledger, rows):
                    if row["key"] not in wrong:
                        wrong.add(row["key"])
                        problems.append(f"{table.name}: item {row['item_id']!r:.80}: {problem}")
    if len(problems) > SHOWN:
        return [
            *problems[:SHOWN],
            f"{table.name}: {len(problems) - SHOWN:,} more answers like these",
        ]
    return problems


def index(ledger_root: Path) -> None:
    """Index the files of a ledger of our own making, so that look-ups do not hold all of its keys."""
    for path in sorted(ledger_root.glob("*/*.jsonl")):
        write_index(path)


def _answers(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows that have an answer, by trial."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["outcome"] not in LOST:
            found[row["trial_hash"]].append(row)
    return found


def _compare(ledger: Ledger, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    positions = ledger.find({row["key"] for row in rows if row["key"]})
    texts: dict[str, str | None] = {}
    problems = []
    for row in rows:
        key, problem = row["key"], ""
        position = positions.get(key)
        if key is None:
            problem = "an answer without the key of a request"
        elif position is None or position.gap:
            problem = f"the ledger has no answer to request {key}"
        else:
            if key not in texts:
                texts[key] = _digest(ledger.read(position).text)
            if texts[key] != _digest(row["response"]):
                problem = f"its text is not that of the ledger's answer to request {key}"
        if problem:
            problems.append((row, problem))
    return problems


def _digest(text: str | None) -> str | None:
    """Of a text as the table can hold it, where half an emoji is a question mark; None for no text."""
    return None if text is None else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
