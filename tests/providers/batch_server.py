"""A misbehaving batch provider in a process of its own: the core that all providers share.

    python tests/providers/batch_server.py --provider openai --port 0 --state DIR --settings '{…}'

Prints {"port": …, "pid": …} as one JSON line, then serves until it is killed. All state is in DIR, so
that a kill -9 of server or client loses nothing, and a restart on the same port goes on.

A batch lives by the clock, worked out whenever somebody looks: validating for `validate_s`, running
for `run_s`, then its end, when its lines are answered and billed. `set(run_s=0)` ends all of them.

Settings (POST /_settings replaces them all; GET /_stats counts):
  validate_s, run_s, cancel_s     durations, live; cancel_s: from the wish to cancel to its end
  answers         "number" (default), "echo_key" (the custom_id), "sum" (of the integers in the
                  prompt's last line), {"text": "always this"}, or {"right": 0.9} (the result of the
                  first "12 + 3 - 4" in the prompt, and one more in a tenth of the lines)
  usage           null (deterministic), "max" (output = the request's whole max_tokens), or any of
                  {"input", "output", "cached", "reasoning"} tokens
  prices          {"input", "output"} USD per million tokens, of a batch
  create_faults   list consumed one per create call: null, or {"when": "before"|"after",
                  "how": "500"|"503"|"429"|"reset"|"hang"|"malformed", "late_s": s}; after: the batch
                  is made and its answer lost; late_s: it is made only s after the connection broke
  refuse_create   list consumed one per create call: null, or [status, code, message] of a refusal
  fail_gets       n next reads are answered 500, 429, a closed connection, in turn; or a list of such
  shuffle         true: result lines in disorder
  duplicate       fraction of the result lines that come twice
  half_written    n next downloads stop half-way, though Content-Length promised all
  torn_lines      n lines in each result file that are garbage, or answer nobody's request
  line_errors     fraction of the lines that fail; line_error: [status, code, message] of those
  expire          fraction answered before the batch expires
  cancelled_answers  fraction answered when a batch is cancelled (null: by the clock)
  fail_whole      [code, message] of every batch, after its validation
  token_limit     n next batches fail after create with the provider's code for too many tokens
  max_in_flight   creating one more is refused
  unknown_state   for so many seconds the state is a word that nobody knows
  unknown_fields  true: extra fields everywhere
  page_size       the most a page of a listing holds
  list_delay_s    a new batch shows in listings only so much later
  foreign         n batches of somebody else are made with each of ours, half before, half after, with
                  as many lines
  require_key     others get 401
  check_lines     how many lines of a file are held against the SDK's types (default 1000)
  max_lines       the provider's limit of lines, where a test wants a lower one
  retry_after     s, sent with each 429 (default 0)

A provider is one file in batch_routes/, loaded by its path. It exposes
  routes(core) -> list of aiohttp routes; the handlers' names are the kinds of calls that are counted:
      upload, create, list_batches, retrieve, download, cancel, delete, …
  error_body(status, code, message) -> the JSON of an error                    (else OpenAI's shape)
  foreign(data) -> the `data` of a batch of somebody else                      (else {})
  TOKEN_LIMIT = (code, message)
and makes its answers of what the core offers: see the methods of `Core` and the fields of `Batch`;
`from batch_server import Refuse, load` works there (load("openai"): another provider's file).
"""

import argparse
import asyncio
import importlib.util
import json
import os
import re
import sqlite3
import sys
import time
import uuid
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from aiohttp import web

CHUNK = 1 << 20
ROWS = 5000
EXTRA = {"x_new_in_2031": {"nested": [1, None, {"deep": "field"}]}}
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


class Core:
    """What every provider does in the same way, faults included."""

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
        self.background: set[asyncio.Task[Any]] = set()

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

    async def receive_form(self, request: web.Request) -> tuple[dict[str, str], Path, str]:
        """A multipart upload, streamed to disk: (fields, path of its file, file name)."""
        fields: dict[str, str] = {}
        path, name = self.temporary(), ""
        async for part in await request.multipart():
            if part.filename is None:
                fields[part.name or ""] = (await part.read()).decode()
                continue
            name = part.filename
            with path.open("wb") as file:
                while chunk := await part.read_chunk(CHUNK):
                    file.write(chunk)
        if not path.exists():
            raise Refuse(400, "invalid_request_error", "'file' is a required property")
        return fields, path, name

    async def receive_body(self, request: web.Request) -> Path:
        """The bytes of a plain upload, streamed to disk."""
        path = self.temporary()
        with path.open("wb") as file:
            async for chunk in request.content.iter_chunked(CHUNK):
                file.write(chunk)
        return path

    async def serve(self, request: web.Request, path: Path) -> web.StreamResponse:
        """A download; half of it where `half_written` says so."""
        size = path.stat().st_size
        half = size > 1 and self.take("half_written")
        answer = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        answer.content_length = size
        await answer.prepare(request)
        left = size // 2 if half else size
        with path.open("rb") as file:
            while left and (chunk := file.read(min(CHUNK, left))):
                await answer.write(chunk)
                left -= len(chunk)
        if half:
            await asyncio.sleep(0.02)
            cut(request)
        else:
            await answer.write_eof()
        return answer

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
                    found |= self._answer(custom_id, body, text)
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

    def _answer(self, custom_id: str, body: dict[str, Any], text: bytes) -> dict[str, Any]:
        number = zlib.crc32(text[len(custom_id) :])
        most = max_tokens_of(body)
        usage = {
            "input": len(text) // 4 + 1,
            "output": min(2 + number % 9, most or 10),
            "cached": 0,
            "reasoning": 0,
        }
        wish = self.settings.get("usage")
        if wish == "max":
            usage["output"] = most or usage["output"]
        elif wish:
            usage |= wish
        return {
            "outcome": "ok",
            "text": self._text(custom_id, body, number),
            "finish": "length" if most and usage["output"] >= most else "stop",
            "model": body.get("model"),
            "usage": usage,
        }

    def _text(self, custom_id: str, body: dict[str, Any], number: int) -> str:
        how = self.settings.get("answers")
        if isinstance(how, dict) and "right" in how:
            found = re.search(r"-?\d+(?: [+-] \d+)*", prompt_of(body))
            terms = re.findall(r"[+-]?\d+", found[0].replace(" ", "")) if found else []
            wrong = zlib.crc32(custom_id.encode()) % 1000 >= 1000 * how["right"]
            return f"The answer is {sum(map(int, terms)) + wrong}"
        if isinstance(how, dict):
            return str(how["text"])
        if how == "echo_key":
            return custom_id
        if how == "sum":
            line = prompt_of(body).strip().rpartition("\n")[2]
            return str(sum(int(n) for n in re.findall(r"-?\d+", line)))
        return str(number % 100)

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

    def result_file(
        self, batch: Batch, kind: str, lines: Callable[[], Iterable[dict[str, Any]]]
    ) -> File:
        """The file of an ended batch with these lines (made once), torn ones among them.

        kind: part of its id, e.g. "output" or "error".
        """
        file_id = f"file-{kind}-{batch.id}"
        try:
            return self.file(file_id)
        except Refuse:
            path = self.temporary()
            with path.open("wb") as file:
                file.writelines(self.spoilt(map(self.encode, lines())))
            return self.new_file(
                path, name=f"{file_id}.jsonl", purpose="batch_output", file_id=file_id
            )

    def encode(self, line: dict[str, Any]) -> bytes:
        """A line of a result file, with unknown fields where they are asked for."""
        return json.dumps(extended(line) if self.get("unknown_fields") else line).encode() + b"\n"

    def spoilt(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of a result file, with torn and foreign ones between them."""
        torn = int(self.get("torn_lines", 0))
        first = b"{}\n"
        for n, line in enumerate(lines):
            if n == 0:
                first = line
            if torn:
                torn -= 1
                yield self._torn(torn, first)
            yield line
        while torn:
            torn -= 1
            yield self._torn(torn, first)

    def _torn(self, n: int, line: bytes) -> bytes:
        kinds = [
            line[: len(line) // 2].rstrip() + b"\n",
            b"\x00\xff\xfe not text\n",
            b"\n",
            b'["a", "list"]\n',
            b'{"custom_id": 17, "key": null, "response": "no", "error": [], "result": 3}\n',
            re.sub(
                rb'"(custom_id|key|recordId)": "[^"]*"', rb'"\1": "nobody-asked"', line, count=1
            ),
        ]
        return kinds[n % len(kinds)]

    # Calls

    def json(self, body: Any, status: int = 200, **more: Any) -> web.Response:
        """An answer, with unknown fields where they are asked for."""
        if self.get("unknown_fields") and isinstance(body, dict | list):
            body = extended(body)
        return web.json_response(body, status=status, **more)

    def error(self, status: int, code: str, message: str) -> web.Response:
        """An error in the provider's shape."""
        make = getattr(self.provider, "error_body", openai_error)
        headers = {"Retry-After": str(self.get("retry_after", 0))} if status == 429 else {}
        return web.json_response(make(status, code, message), status=status, headers=headers)

    async def creating(
        self, request: web.Request, make: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        """Answer a create call: what `make` does and says, with a fault of `create_faults` on top.

        make: reads the request (which is complete: read its body first), makes the batch.
        """
        refusal = self.take("refuse_create")
        if refusal:
            raise Refuse(*refusal)
        fault = self.take("create_faults")
        if not fault:
            return await make()
        how, late = fault["how"], fault.get("late_s")
        answer = None
        if fault["when"] == "after":
            if late is not None:
                task = asyncio.create_task(self._make_late(request, make, late))
                self.background.add(task)
            else:
                answer = await make()
        if how in ("500", "503", "429"):
            return self.error(int(how), f"fault_{how}", "a fault of the server")
        if how == "malformed":
            text = bytes(answer.body) if answer is not None else b'{"id": "batch_123456'
            return web.Response(body=text[: len(text) // 2], content_type="application/json")
        while how == "hang" and connected(request):
            await asyncio.sleep(0.02)
        cut(request)
        return web.Response()

    async def _make_late(
        self, request: web.Request, make: Callable[[], Awaitable[web.Response]], late: float
    ) -> None:
        while connected(request):
            await asyncio.sleep(0.01)
        await asyncio.sleep(late)
        await make()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/_"):
            return await handler(request)
        kind = request.match_info.handler.__name__
        self.db.execute(
            "INSERT INTO calls VALUES (?, 1) ON CONFLICT(kind) DO UPDATE SET n = n + 1", (kind,)
        )
        wanted = self.settings.get("require_key")
        if wanted and key_of(request) != wanted:
            return self.error(401, "invalid_api_key", "Incorrect API key provided.")
        if request.method == "GET":
            fault = self._read_fault()
            if fault == "reset":
                cut(request)
                return web.Response()
            if fault:
                return self.error(int(fault), f"fault_{fault}", "a fault of the server")
        try:
            return await handler(request)
        except Refuse as refusal:
            return self.error(refusal.status, refusal.code, refusal.message)

    def _read_fault(self) -> str | None:
        left = self.settings.get("fail_gets")
        fault = self.take("fail_gets")
        if fault is True:
            return ("500", "429", "reset")[left % 3]
        return str(fault) if fault else None

    # For the tests

    async def _stats(self, _request: web.Request) -> web.Response:
        ours = self.db.execute("SELECT * FROM batches WHERE NOT is_foreign ORDER BY n").fetchall()
        views = [(self._view(row), self._row(row["id"])) for row in ours]
        one = lambda sql: self.db.execute(sql).fetchone()[0]  # noqa: E731
        again = self.db.execute(
            "SELECT custom_id, COUNT(*) AS n FROM billed GROUP BY custom_id HAVING n > 1"
        ).fetchall()
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
        return web.json_response(
            {
                "created": len(rows),
                "lines": sum(row["total"] for row in rows),
                "billed": one("SELECT COUNT(*) FROM billed"),
                "billed_keys": one("SELECT COUNT(DISTINCT custom_id) FROM billed"),
                "billed_more_than_once": {row["custom_id"]: row["n"] for row in again},
                "usd": sum(row["usd"] for row in rows),
                "in_flight": sum(not view.ended for view, _ in views),
                "peak_in_flight": int(self._meta("peak", "0")),
                "files": one("SELECT COUNT(*) FROM files WHERE NOT deleted"),
                "calls": dict(self.db.execute("SELECT kind, n FROM calls").fetchall()),
                "batches": rows,
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        """How often each custom_id was billed."""
        rows = self.db.execute("SELECT custom_id, COUNT(*) FROM billed GROUP BY 1").fetchall()
        return web.json_response(dict(map(tuple, rows)))

    async def _settings(self, request: web.Request) -> web.Response:
        self.set_settings(await request.json())
        return web.json_response({})

    async def _settings_now(self, _request: web.Request) -> web.Response:
        return web.json_response(self.settings)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.middleware], client_max_size=1 << 30)
        app.add_routes(
            [
                web.get("/_stats", self._stats),
                web.get("/_keys", self._keys),
                web.get("/_settings", self._settings_now),
                web.post("/_settings", self._settings),
                *self.provider.routes(self),
            ]
        )
        return app


def extended(value: Any) -> Any:
    """JSON with an unknown field in every object."""
    if isinstance(value, dict):
        return {k: extended(v) for k, v in value.items()} | EXTRA
    return [extended(v) for v in value] if isinstance(value, list) else value


def zlib_name(text: str) -> str:
    """A file name for an id that may hold slashes."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', text)[-80:]}-{zlib.crc32(text.encode()):08x}"


def max_tokens_of(body: dict[str, Any]) -> int | None:
    """The output that a body of any provider allows."""
    inner = body.get("generationConfig") or body.get("generation_config") or {}
    names = ("max_completion_tokens", "max_tokens")
    found = [body.get(name) for name in names]
    found += [inner.get(name) for name in ("maxOutputTokens", "max_output_tokens")]
    return next((value for value in found if value), None)


def prompt_of(body: dict[str, Any]) -> str:
    """The last message's text in a body of any provider."""
    last = (body.get("messages") or body.get("contents") or [{}])[-1]
    content = last.get("content", last.get("parts", ""))
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def key_of(request: web.Request) -> str | None:
    """The key that a call brought, in whichever way."""
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    names = ("api-key", "x-api-key", "x-goog-api-key")
    return bearer or next((v for n in names if (v := request.headers.get(n))), None)


def connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def cut(request: web.Request) -> None:
    """Close the connection at once, whatever was promised."""
    if request.transport is not None:
        request.transport.abort()


def openai_error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def load(provider: str) -> ModuleType:
    """The provider in batch_routes/{provider}.py, loaded once."""
    name = f"batch_routes_{provider}"
    if name not in sys.modules:
        path = Path(__file__).resolve().parent / "batch_routes" / f"{provider}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


async def serve(core: Core, port: int) -> None:
    runner = web.AppRunner(core.application(), access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    bound = site._server.sockets[0].getsockname()[1]
    print(json.dumps({"port": bound, "pid": os.getpid()}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.modules.setdefault("batch_server", sys.modules[__name__])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--provider", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--settings", help="JSON; without it those that the state folder holds")
    options = parser.parse_args()
    given = json.loads(options.settings) if options.settings else None
    asyncio.run(serve(Core(load(options.provider), options.state, given), options.port))
