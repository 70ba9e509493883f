"""The ledger: append-only files of every request intent and every response ever paid for.

A trial's answers lie in `results/ledger/{trial hash}/`, found by content and never by a name that a
user can change. Each job writes a file of its own; a reader finds a key through the small index
beside a file and scans only what the index does not cover yet, so a torn tail or a missing index
costs time, never an answer.
"""

from __future__ import annotations  # array[int] is a type for the checker only

import errno
import json
import os
import secrets
import socket
import struct
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from splitplot.calls.records import KEY_LENGTH, LOST, Response, row_of_record
from splitplot.errors import SplitplotError
from splitplot.files import atomic_path

MAGIC = b"SPLIDX1\n"
HEADER = struct.Struct("=8sQQ")  # magic, bytes of the file that are covered, number of entries
GAP = 1 << 63  # set in an entry's offset when the response is a gap (error, expired, …)
HALF = KEY_LENGTH // 2  # hexadecimal digits of a key that make one word
WORD_BITS = 4 * HALF
OPEN_FILES = 64  # ledger files that a reader keeps open
INDEX_TAIL_BYTES = 1 << 20  # an uncovered tail larger than this is indexed by whoever reads it
SCANNED_PER_LOOK_UP = 16  # entries of an index that are passed in the time of one search in it
FSYNC_SECONDS = 0.5


def now() -> str:
    """The present time, ISO 8601 in UTC with microseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class LedgerWriter:
    """Appends to one new file of a trial's ledger. The file appears with its first record.

    Each record is one `write` call of a whole line, so a kill of the process loses at most the line
    in flight; the disk is synced at most every half second and at close.
    """

    def __init__(self, root: Path, trial_hash: str, header: dict[str, Any]) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{stamp}-{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(3)}.jsonl"
        self.path = root / trial_hash / name
        self._header = header
        self._file: int | None = None
        self._synced = 0.0
        self._broken = False

    def intent(self, key: str, attempt: int, worst: dict[str, float] | None = None) -> None:
        """Record that a request is about to leave; `worst` is the most that it can cost."""
        record = {"kind": "intent", "key": key, "attempt": attempt, "at": now()}
        self._append(record | ({"worst": worst} if worst else {}))

    def response(self, response: Response) -> None:
        """Record an answer or a failure for good."""
        gap = response.outcome in LOST
        row = response.to_json()
        key = row.pop("key")
        self._append({"kind": "response", "key": key, "gap": gap, "at": now(), **row})

    def reopen(self, gaps: dict[str, list[str]]) -> None:
        """Record that these gaps (key → names, from `Ledger.gaps`) may be sent again.

        Gaps are named, not dated: the clocks of two machines may differ.
        """
        self._append({"kind": "reopen", "at": now(), "gaps": gaps})

    def close(self) -> None:
        """Sync, close and index the file."""
        if self._file is None:
            return
        os.fsync(self._file)
        os.close(self._file)
        self._file = None
        with suppress(OSError):  # a missing index costs time; the disk may be full
            write_index(self.path)

    def __enter__(self) -> LedgerWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, record: dict[str, Any]) -> None:
        if self._broken:
            raise SplitplotError(f"{self.path}: an earlier write failed; nothing more is written")
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666
            )
            self._append({"kind": "open", "at": now(), **self._header})
        data = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            if os.write(self._file, data) != len(data):
                # on a regular file a write is cut short only where the disk is full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if time.monotonic() - self._synced > FSYNC_SECONDS:
                os.fdatasync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            self._broken = True  # a torn line must stay the last one
            raise SplitplotError(f"{self.path}: cannot write the ledger: {error}") from error


class Position(NamedTuple):
    """Where a response lies: file and byte offset."""

    path: Path
    offset: int
    gap: bool

    @property
    def name(self) -> str:
        """What a reopen record calls it, wherever the ledger may lie."""
        return f"{self.path.name}:{self.offset}"


@dataclass
class _Covered:
    """What is known of one file: the first words of its index, and what was scanned behind it.

    The other columns of the index are read when one of its keys is asked for. No file stays open: a
    ledger may have more files than a process may open.
    """

    high: array[int]  # first words of the keys, sorted
    end: int  # bytes of the file that are known
    tail: dict[str, int]  # key → offset with the gap bit, for lines behind the index
    low: array[int] | None = None  # second words, in the same order
    offsets: array[int] | None = None  # offsets with the gap bit, in the same order


class Ledger:
    """Reads one trial's answers. `refresh` notices what other jobs have written meanwhile.

    With `read_only` no index is written either: a dry run leaves no file behind.
    """

    def __init__(self, root: Path, trial_hash: str, *, read_only: bool = False) -> None:
        self.folder = root / trial_hash
        self._read_only = read_only
        self._files: dict[Path, _Covered] = {}
        self._reopened: dict[str, set[str]] = {}
        self._handles: dict[Path, BinaryIO] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look for new files and new lines."""
        try:
            entries = sorted(
                (entry for entry in os.scandir(self.folder) if entry.name.endswith(".jsonl")),
                key=lambda entry: entry.name,
            )
        except FileNotFoundError:
            return
        for entry in entries:
            path = Path(entry.path)
            known = self._files.get(path)
            if known is None:
                known = self._files[path] = _open_covered(path)
            if entry.stat().st_size > known.end:
                self._scan_tail(path, known)

    def find(self, keys: Iterable[str]) -> dict[str, Position]:
        """The settled response of each key that has one: an answer, else a gap not reopened since.

        Of several answers to one key (possible only where one was in flight at a kill) the earliest
        counts, so that every reader at every time agrees.
        """
        wanted = _Wanted(set(keys))
        found: dict[str, Position] = {}
        several: dict[str, list[Position]] = {}
        for path, known in self._files.items():
            for key, offset in _matches(path, known, wanted):
                position = Position(path, offset & ~GAP, bool(offset & GAP))
                first = found.setdefault(key, position)
                if first is not position:
                    several.setdefault(key, [first]).append(position)
        for key in [key for key, position in found.items() if position.gap]:
            several.setdefault(key, [found[key]])  # it may have been reopened
        for key, positions in several.items():
            settled = self._settle(key, positions)
            if settled is None:
                del found[key]
            else:
                found[key] = settled
        return found

    def gaps(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """The names of every recorded gap of these keys: what `LedgerWriter.reopen` opens."""
        wanted = _Wanted(set(keys))
        names: dict[str, list[str]] = {}
        for path, known in self._files.items():
            for key, offset in _matches(path, known, wanted):
                if offset & GAP:
                    names.setdefault(key, []).append(Position(path, offset & ~GAP, True).name)
        return names

    def read(self, position: Position) -> Response:
        """The response at a position."""
        return Response.from_json(self._record(position))

    def row(self, position: Position) -> dict[str, Any]:
        """The same as a line of responses.jsonl has it."""
        return row_of_record(self._record(position))

    def _settle(self, key: str, positions: list[Position]) -> Position | None:
        answers = [position for position in positions if not position.gap]
        if answers:
            return answers[0] if len(answers) == 1 else min(answers, key=self._at)
        reopened = self._reopened.get(key, set())
        gaps = [gap for gap in positions if gap.name not in reopened]
        return max(gaps, key=self._at) if gaps else None

    def _at(self, position: Position) -> str:
        return str(self._record(position)["at"])

    def _record(self, position: Position) -> dict[str, Any]:
        file = self._handles.get(position.path)
        if file is None:
            if len(self._handles) >= OPEN_FILES:
                self._handles.pop(next(iter(self._handles))).close()
            file = self._handles[position.path] = position.path.open("rb")
        file.seek(position.offset)
        record = _parse(file.readline())
        if record is None:
            raise SplitplotError(f"{position.path}: no record at byte {position.offset}")
        return record

    def _scan_tail(self, path: Path, known: _Covered) -> None:
        start = known.end
        for offset, line in _whole_lines(path, start):
            known.end = offset + len(line)
            record = _parse(line)
            if record is None:
                continue
            if record["kind"] == "response":
                if known.tail.get(record["key"], GAP) & GAP:  # an answer is never displaced
                    known.tail[record["key"]] = offset | (GAP if record["gap"] else 0)
            elif record["kind"] == "reopen":
                for key, names in record["gaps"].items():
                    self._reopened.setdefault(key, set()).update(names)
        if known.end - start > INDEX_TAIL_BYTES and not self._read_only:
            with suppress(OSError):
                write_index(path)


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole record of one ledger file, in order; a torn or broken line is passed over."""
    return (record for _, _, record in record_lines(path))


def record_lines(path: Path) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """The same with the offset of each in the file, and its line as it lies there."""
    for offset, line in _whole_lines(path, 0):
        record = _parse(line)
        if record is not None:
            yield offset, line, record


def write_index(path: Path) -> None:
    """Write the index of a ledger file beside it, atomically. Files with reopen records get none."""
    entries: list[tuple[int, int, int]] = []
    end = 0
    for offset, line in _whole_lines(path, 0):
        end = offset + len(line)
        record = _parse(line)
        if record is None:
            continue
        if record["kind"] == "reopen":
            return
        if record["kind"] == "response":
            place = offset | (GAP if record["gap"] else 0)
            entries.append((*_words(record["key"]), place))
    entries.sort()
    with atomic_path(path.with_suffix(".idx")) as temporary, temporary.open("wb") as file:
        file.write(HEADER.pack(MAGIC, end, len(entries)))
        for column in range(3):
            array("Q", (entry[column] for entry in entries)).tofile(file)


def _words(key: str) -> tuple[int, int]:
    return int(key[:HALF], 16), int(key[HALF:], 16)


def _open_covered(path: Path) -> _Covered:
    columns = _read_index(path, columns=1)
    if columns is None:
        return _Covered(array("Q"), end=0, tail={})
    end, (high,) = columns
    return _Covered(high, end, tail={})


def _read_index(path: Path, columns: int) -> tuple[int, list[array[int]]] | None:
    """(bytes covered, the first columns) of the index of a ledger file; None without a usable one.

    An index that covers more than there is, as after a power cut or a copy made too early, is none.
    """
    try:
        with path.with_suffix(".idx").open("rb") as file:
            magic, end, count = HEADER.unpack(file.read(HEADER.size))
            size = os.fstat(file.fileno()).st_size
            if magic != MAGIC or size != HEADER.size + 24 * count or end > path.stat().st_size:
                return None
            read = [array("Q") for _ in range(columns)]
            for column in read:
                column.fromfile(file, count)
            return end, read
    except (FileNotFoundError, EOFError, struct.error):
        return None


@dataclass
class _Wanted:
    """Keys that are looked for; as numbers too, once a file with an index is asked."""

    keys: set[str]

    @cached_property
    def by_number(self) -> dict[int, str]:
        return {int(key, 16): key for key in self.keys}

    @cached_property
    def high(self) -> set[int]:
        return {number >> WORD_BITS for number in self.by_number}


def _matches(path: Path, known: _Covered, wanted: _Wanted) -> Iterator[tuple[str, int]]:
    """(key, offset with gap bit) of every recorded response to one of the wanted keys."""
    if len(wanted.keys) < len(known.tail):
        yield from ((key, known.tail[key]) for key in wanted.keys if key in known.tail)
    else:
        yield from ((key, offset) for key, offset in known.tail.items() if key in wanted.keys)
    if not known.high:
        return
    few = len(wanted.keys) * SCANNED_PER_LOOK_UP < len(known.high)
    if few:
        if not any(_is_in(known.high, high) for high in wanted.high):
            return
    elif wanted.high.isdisjoint(known.high):
        return
    if known.low is None or known.offsets is None:
        columns = _read_index(path, columns=3)
        if columns is None:
            raise SplitplotError(f"{path}: its index has gone meanwhile; run again")
        _, (known.high, known.low, known.offsets) = columns  # the same one, or a longer one
    places: Iterable[int] = range(len(known.high))
    if few:
        places = chain.from_iterable(_places(known.high, high) for high in wanted.high)
    high, low, asked = known.high, known.low, wanted.by_number
    for place in places:
        key = asked.get(high[place] << WORD_BITS | low[place])
        if key is not None:
            yield key, known.offsets[place]


def _places(ordered: array[int], word: int) -> Iterator[int]:
    """Where the word stands in the sorted array."""
    place = bisect_left(ordered, word)
    while place < len(ordered) and ordered[place] == word:
        yield place
        place += 1


def _is_in(ordered: array[int], word: int) -> bool:
    place = bisect_left(ordered, word)
    return place < len(ordered) and ordered[place] == word


def _whole_lines(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """(offset, line with its newline) from `start`; a last line without newline is not whole."""
    with path.open("rb") as file:
        file.seek(start)
        offset = start
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield offset, line
            offset += len(line)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "kind" in record else None
