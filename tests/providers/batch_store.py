"""The account of the batch provider of the tests: settings, files, batches and bills, in one folder.

A batch lives by the clock: its state is worked out whenever somebody looks, its lines are answered and
billed once, at its end. Nothing here knows of HTTP.
"""

import json
import re
import sqlite3
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from batch_answers import answer

ROWS = 5000
PER_MILLION = 1_000_000

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS calls (kind TEXT PRIMARY KEY, n INTEGER);
CREATE TABLE IF NOT EXISTS files (id TEXT PRIMARY KEY, path TEXT, name TEXT, purpose TEXT,
    bytes INTEGER, created_at REAL, deleted INTEGER DEFAULT 0, data TEXT);
CREATE TABLE IF NOT EXISTS batches (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE,
    created_at REAL, model TEXT, data TEXT, total INTEGER, fail TEXT, expire REAL, is_foreign INTEGER,
    cancel_at REAL, cancel_share REAL, ended_at REAL, end TEXT, answered INTEGER DEFAULT 0,
    failed INTEGER DEFAULT 0, input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0,
    usd REAL DEFAULT 0, deleted INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS billed (batch TEXT, custom_id TEXT);
"""


class Refuse(Exception):
    """Answer this call with an error in the provider's shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class File:
    """An uploaded or a result file. data: whatever the provider keeps with it."""

    id: str
    path: Path
    name: str
    purpose: str
    bytes: int
    created_at: float
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Batch:
    """A batch at this moment.

    state: validating, running, cancelling, completed, failed, expired or cancelled. unknown: answer a
    state that nobody knows. total; done: lines with an answer; failed: lines with an error. fail: list
    of [code, message, line or None] of a failed batch. data: whatever the provider keeps with it.
    """

    id: str
    n: int
    created_at: float
    model: str
    data: dict[str, Any]
    state: str
    unknown: bool
    total: int
    done: int
    failed: int
    input_tokens: int
    output_tokens: int
    ended_at: float | None
    cancel_at: float | None
    fail: list[list[Any]]
    validated: bool

    @property
    def ended(self) -> bool:
        return self.state in ("completed", "failed", "expired", "cancelled")

    def word(self, words: dict[str, str]) -> str:
        """The provider's word for the state; words["unknown"] is one that nobody knows."""
        return words["unknown" if self.unknown else self.state]


class Store:
    """All that a provider keeps, so that a kill of its process loses nothing."""

    def __init__(self, provider: ModuleType, folder: Path, settings: dict[str, Any] | None) -> None:
        for name in ("files", "batches"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.provider, self.folder = provider, folder
        self.db = sqlite3.connect(folder / "state.sqlite", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        # A kill of this process loses nothing that the kernel has; a crash of the machine may.
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.executescript(TABLES)
        if settings is not None:
            self.set_settings(settings)
        self.settings: dict[str, Any] = json.loads(self._meta("settings", "{}"))

    # Settings

    def _meta(self, name: str, default: str) -> str:
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row["value"] if row else default

    def set_settings(self, settings: dict[str, Any]) -> None:
        text = json.dumps(settings)
        self.db.execute("INSERT OR REPLACE INTO meta VALUES ('settings', ?)", (text,))
        self.settings = settings

    def get(self, name: str, default: Any = None) -> Any:
        value = self.settings.get(name)
        return default if value is None else value

    def take(self, name: str) -> Any:
        """One of a setting that is consumed: True while a count lasts, or the head of a list."""
        left = self.settings.get(name)
        if not left:
            return None
        if isinstance(left, list):
            head, rest = left[0], left[1:]
        else:
            head, rest = True, left - 1
        self.set_settings({**self.settings, name: rest})
        return head

    # Files

    def new_file(
        self,
        source: Path,
        *,
        name: str,
        purpose: str,
        file_id: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> File:
        """Take `source` (which moves) as a file of the account. file_id: else "file-…"."""
        made = file_id or f"file-{uuid.uuid4().hex}"
        path = self.folder / "files" / zlib_name(made)
        source.replace(path)
        row = (made, str(path), name, purpose, path.stat().st_size, time.time(), 0)
        self.db.execute(
            "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?)", (*row, json.dumps(data or {}))
        )
        return self.file(made)

    def file(self, file_id: str) -> File:
        """A file by id. Raises Refuse(404)."""
        row = self.db.execute(
            "SELECT * FROM files WHERE id = ? AND NOT deleted", (file_id,)
        ).fetchone()
        if row is None:
            raise Refuse(404, "not_found", f"No such File object: {file_id}")
        return File(
            row["id"],
            Path(row["path"]),
            row["name"],
            row["purpose"],
            row["bytes"],
            row["created_at"],
            json.loads(row["data"]),
        )

    def files(self) -> list[File]:
        """All files that are not deleted, newest first."""
        rows = self.db.execute(
            "SELECT id FROM files WHERE NOT deleted ORDER BY created_at DESC, rowid DESC"
        ).fetchall()
        return [self.file(row["id"]) for row in rows]

    def update_file(self, file_id: str, **data: Any) -> None:
        """Change what the provider keeps with a file."""
        merged = self.file(file_id).data | data
        self.db.execute("UPDATE files SET data = ? WHERE id = ?", (json.dumps(merged), file_id))

    def delete_file(self, file_id: str) -> None:
        self.file(file_id)
        self.db.execute("UPDATE files SET deleted = 1 WHERE id = ?", (file_id,))

    def temporary(self) -> Path:
        """A new path in the state folder, for what is then given to `new_file`."""
        return self.folder / "files" / f"tmp-{uuid.uuid4().hex}"

    # Batches

    def create_batch(
        self,
        lines: Iterable[tuple[Any, ...]],
        *,
        batch_id: str,
        model: str,
        data: dict[str, Any],
        fail: list[list[Any]] | None = None,
    ) -> Batch:
        """Make a batch, recorded at once.

        lines: (custom_id, body) or (custom_id, body, [status, code, message] of a line that fails).
        data: JSON that the provider keeps with it. fail: [[code, message, line], …] when it fails in
        validation, so that no line is accepted.
        """
        others = int(self.get("foreign", 0))
        count = self._write_lines(lines, batch_id)
        for _ in range(others // 2):
            self._create_foreign(count, data, model)
        if not fail and self.take("token_limit"):
            fail = [[*self.provider.TOKEN_LIMIT, None]]
        if not fail and self.get("fail_whole"):
            fail = [[*self.get("fail_whole"), None]]
        self._insert(batch_id, model, data, 0 if fail else count, fail, foreign=False)
        for _ in range(others - others // 2):
            self._create_foreign(count, data, model)
        in_flight = len(self._open())
        peak = max(in_flight, int(self._meta("peak", "0")))
        self.db.execute("INSERT OR REPLACE INTO meta VALUES ('peak', ?)", (str(peak),))
        return self.look(batch_id)

    def _write_lines(self, lines: Iterable[tuple[Any, ...]], batch_id: str) -> int:
        count = 0
        with (self._folder_of(batch_id) / "lines.jsonl").open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line) + "\n")
                count += 1
        return count

    def _insert(
        self,
        batch_id: str,
        model: str,
        data: dict[str, Any],
        total: int,
        fail: list[list[Any]] | None,
        *,
        foreign: bool,
    ) -> None:
        expire = None if foreign else self.settings.get("expire")
        self.db.execute(
            "INSERT INTO batches (id, created_at, model, data, total, fail, expire, is_foreign)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (
                batch_id,
                time.time(),
                model,
                json.dumps(data),
                total,
                json.dumps(fail or []),
                expire,
                int(foreign),
            ),
        )

    def _create_foreign(self, count: int, data: dict[str, Any], model: str) -> None:
        batch_id = f"batch_{uuid.uuid4().hex}"
        shape = getattr(self.provider, "foreign", None)
        body = {"model": model, "messages": [{"role": "user", "content": "theirs"}]}
        with (self._folder_of(batch_id) / "lines.jsonl").open("w") as file:
            for n in range(count):
                file.write(json.dumps([f"their-{n}", body]) + "\n")
        self._insert(batch_id, model, shape(data) if shape else {}, count, None, foreign=True)

    def _folder_of(self, batch_id: str) -> Path:
        folder = self.folder / "batches" / zlib_name(batch_id)
        folder.mkdir(exist_ok=True)
        return folder

    def full(self) -> bool:
        """Whether `max_in_flight` forbids another batch."""
        most = self.settings.get("max_in_flight")
        return most is not None and len(self._open()) >= most

    def _open(self) -> list[sqlite3.Row]:
        rows = self.db.execute(
            "SELECT * FROM batches WHERE ended_at IS NULL AND NOT is_foreign"
        ).fetchall()
        return [row for row in rows if self._state(row)[1] is None]

    def _state(self, row: sqlite3.Row) -> tuple[str, float | None]:
        """State of a batch that is not recorded as ended, and when it ended by the clock."""
        now = time.time()
        if row["cancel_at"] is not None:
            ends = row["cancel_at"] + self.get("cancel_s", 0)
            return ("cancelled", ends) if now >= ends else ("cancelling", None)
        validated = row["created_at"] + self.get("validate_s", 0)
        if now < validated:
            return "validating", None
        if json.loads(row["fail"]):
            return "failed", validated
        ends = validated + self.get("run_s", 0)
        if now < ends:
            return "running", None
        return ("completed" if row["expire"] is None else "expired"), ends

    def look(self, batch_id: str) -> Batch:
        """A batch now; its end is worked out here. Raises Refuse(404)."""
        row = self._row(batch_id)
        if row is None or row["deleted"]:
            raise Refuse(404, "not_found", f"No batch found with id '{batch_id}'")
        return self._view(row)

    def exists(self, batch_id: str) -> bool:
        """Whether a batch of this id was ever made."""
        return self._row(batch_id) is not None

    def _row(self, batch_id: str) -> Any:
        return self.db.execute("SELECT * FROM batches WHERE id = ?", (batch_id,)).fetchone()

    def _view(self, row: sqlite3.Row) -> Batch:
        state, ended = row["end"], row["ended_at"]
        if ended is None:
            state, ended = self._state(row)
            if ended is not None:
                self._end(row, state, ended)
                row = self._row(row["id"])
        age = time.time() - row["created_at"]
        done = row["answered"] if ended is not None else int(self._share(row) * row["total"])
        return Batch(
            row["id"],
            row["n"],
            row["created_at"],
            row["model"],
            json.loads(row["data"]),
            state,
            age < self.get("unknown_state", 0),
            row["total"],
            done,
            row["failed"],
            row["input_tokens"],
            row["output_tokens"],
            ended,
            row["cancel_at"],
            json.loads(row["fail"]) if state == "failed" else [],
            state != "validating",
        )

    def _share(self, row: sqlite3.Row) -> float:
        """What part of a batch is worked through by now."""
        if row["cancel_share"] is not None:
            return float(row["cancel_share"])
        ran = time.time() - row["created_at"] - self.get("validate_s", 0)
        return min(1.0, max(0.0, ran / max(self.get("run_s", 0), 1e-9)))

    def update(self, batch_id: str, **data: Any) -> None:
        """Change what the provider keeps with a batch."""
        merged = json.loads(self._row(batch_id)["data"]) | data
        self.db.execute("UPDATE batches SET data = ? WHERE id = ?", (json.dumps(merged), batch_id))

    def cancel(self, batch_id: str) -> Batch:
        """Start to cancel; a batch that has ended, or is being cancelled, stays as it is."""
        batch = self.look(batch_id)
        if not batch.ended and batch.cancel_at is None:
            row = self._row(batch_id)
            share = self.settings.get("cancelled_answers")
            share = self._share(row) if share is None else share
            share = 0.0 if batch.state == "validating" else share
            self.db.execute(
                "UPDATE batches SET cancel_at = ?, cancel_share = ? WHERE id = ?",
                (time.time(), share, batch_id),
            )
        return self.look(batch_id)

    def delete(self, batch_id: str) -> None:
        """Remove an ended batch from view; what it cost stays counted."""
        self.look(batch_id)
        self.db.execute("UPDATE batches SET deleted = 1 WHERE id = ?", (batch_id,))

    def visible(self) -> list[Batch]:
        """All batches that a listing shows by now, newest first, somebody else's among them."""
        since = time.time() - self.get("list_delay_s", 0)
        rows = self.db.execute(
            "SELECT * FROM batches WHERE NOT deleted AND (created_at <= ? OR is_foreign)"
            " ORDER BY n DESC",
            (since,),
        ).fetchall()
        return [self._view(row) for row in rows]

    def page(
        self, *, after: str | None = None, before: str | None = None, limit: int = 20
    ) -> tuple[list[Batch], bool]:
        """One page of the listing, newest first, and whether more follows.

        after: id of the last one of the page before; before: id of the first one of the page after.
        """
        batches = self.visible()
        size = min(limit, self.get("page_size", limit))
        ids = [batch.id for batch in batches]
        if before is not None:
            end = ids.index(before) if before in ids else 0
            start = max(0, end - size)
            return batches[start:end], start > 0
        start = ids.index(after) + 1 if after in ids else 0
        return batches[start : start + size], start + size < len(batches)

    # The end of a batch

    def _end(self, row: sqlite3.Row, state: str, ended_at: float) -> None:
        total = row["total"]
        answered = {
            "completed": total,
            "failed": 0,
            "expired": int((row["expire"] or 0) * total),
            "cancelled": int((row["cancel_share"] or 0) * total),
        }[state]
        wrong = self.get("line_errors", 0)
        error = self.get("line_error", [400, "invalid_request", "This line cannot be answered."])
        batch_id, foreign = row["id"], row["is_foreign"]
        folder = self._folder_of(batch_id)
        done = failed = sent = got = 0
        rows: list[tuple[str, str]] = []
        self.db.execute("BEGIN")
        with (folder / "lines.jsonl").open("rb") as lines, (folder / "new").open("w") as file:
            for n, text in enumerate(lines if state != "failed" else ()):
                custom_id, body, *given = json.loads(text)
                found: dict[str, Any] = {"custom_id": custom_id, "n": n}
                if n >= answered:
                    found["outcome"] = "expired" if state == "expired" else "cancelled"
                elif given and given[0]:
                    found |= {"outcome": "error", "error": given[0]}
                elif int((n + 1) * wrong) > int(n * wrong):
                    found |= {"outcome": "error", "error": error}
                else:
                    found |= answer(self.settings, custom_id, body, text)
                    sent += found["usage"]["input"]
                    got += found["usage"]["output"]
                    done += 1
                    rows.append((batch_id, custom_id))
                failed += found["outcome"] == "error"
                file.write(json.dumps(found) + "\n")
                if len(rows) >= ROWS and not foreign:
                    self.db.executemany("INSERT INTO billed VALUES (?,?)", rows)
                    rows = []
        (folder / "new").replace(folder / "outcomes.jsonl")
        if not foreign:
            self.db.executemany("INSERT INTO billed VALUES (?,?)", rows)
        prices = self.get("prices", {})
        usd = (sent * prices.get("input", 0) + got * prices.get("output", 0)) / PER_MILLION
        self.db.execute(
            "UPDATE batches SET ended_at=?, end=?, answered=?, failed=?, input_tokens=?,"
            " output_tokens=?, usd=? WHERE id=?",
            (ended_at, state, done, failed, sent, got, usd, batch_id),
        )
        self.db.execute("COMMIT")

    def results(self, batch: Batch) -> Iterator[dict[str, Any]]:
        """What came of each line of an ended batch, in the order, and as often, as it is told.

        {"custom_id", "n": its line, "outcome": "ok"|"error"|"expired"|"cancelled"}, and where ok
        "text", "finish": "stop"|"length", "model" (of the body), "usage": {"input", "output" (with
        reasoning), "cached", "reasoning"}; where error "error": [status, code, message].
        """
        path = self._folder_of(batch.id) / "outcomes.jsonl"
        twice = self.get("duplicate", 0)
        if not twice and not self.get("shuffle"):
            with path.open("rb") as file:
                yield from map(json.loads, file)
            return
        places, at = [], 0
        with path.open("rb") as file:
            for n, line in enumerate(file):
                places += [at] * (2 if int((n + 1) * twice) > int(n * twice) else 1)
                at += len(line)
            if self.get("shuffle"):
                Random(batch.n).shuffle(places)
            for place in places:
                file.seek(place)
                yield json.loads(file.readline())

    # What the tests count

    def count_call(self, kind: str) -> None:
        """One more call of this kind."""
        self.db.execute(
            "INSERT INTO calls VALUES (?, 1) ON CONFLICT(kind) DO UPDATE SET n = n + 1", (kind,)
        )

    def billed(self) -> dict[str, int]:
        """How often each custom_id was billed."""
        rows = self.db.execute("SELECT custom_id, COUNT(*) FROM billed GROUP BY 1").fetchall()
        return dict(map(tuple, rows))

    def stats(self) -> dict[str, Any]:
        """All counts: batches of ours, lines, bills, calls, files."""
        ours = self.db.execute("SELECT * FROM batches WHERE NOT is_foreign ORDER BY n").fetchall()
        views = [(self._view(row), self._row(row["id"])) for row in ours]
        billed = self.billed()
        rows = [
            {
                "id": view.id,
                "model": view.model,
                "state": view.state,
                "data": view.data,
                "total": view.total,
                "billed": view.done if view.ended else 0,
                "failed": view.failed,
                "input_tokens": view.input_tokens,
                "output_tokens": view.output_tokens,
                "usd": row["usd"],
                "created_at": view.created_at,
            }
            for view, row in views
        ]
        return {
            "created": len(rows),
            "lines": sum(row["total"] for row in rows),
            "billed": sum(billed.values()),
            "billed_keys": len(billed),
            "billed_more_than_once": {key: n for key, n in billed.items() if n > 1},
            "usd": sum(row["usd"] for row in rows),
            "in_flight": sum(not view.ended for view, _ in views),
            "peak_in_flight": int(self._meta("peak", "0")),
            "files": len(self.files()),
            "calls": dict(self.db.execute("SELECT kind, n FROM calls").fetchall()),
            "batches": rows,
        }


def zlib_name(text: str) -> str:
    """A file name for an id that may hold slashes."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', text)[-80:]}-{zlib.crc32(text.encode()):08x}"
