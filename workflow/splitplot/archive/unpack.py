"""Reading an archive that may come from anybody: nothing is trusted before it is checked.

Members are read one after the other, as plain files alone. What a name may be, how large a member is and
what is in it must agree with the manifest, which comes first; links and extended headers are refused.
"""

import gzip
import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from splitplot.archive.layout import (
    MANIFEST,
    MANIFEST_BYTES,
    SUMS,
    is_name,
    read_manifest,
    sums_text,
)
from splitplot.errors import SplitplotError
from splitplot.files import atomic_path

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20
MOST_PROBLEMS = 1000
"""After so many an archive is read no further: members can be added without end."""
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no name, no time, no flags: `pack` writes no other."""


@dataclass
class Unpacked:
    """What was found. problems: a line each; empty where every byte is as the manifest says."""

    manifest: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class _Damaged(Exception):
    """The file cannot be read further."""


def unpack(path: Path, folder: Path, wanted: Callable[[str], bool] = lambda name: True) -> Unpacked:
    """Check every member of an archive, and write the wanted ones into `folder`, which is empty.

    Only what has the size and the digest of the manifest is left there. Memory holds one chunk.
    Raises OSError where the file cannot be opened, SplitplotError where the disk has no room for it.
    """
    result = Unpacked()
    with path.open("rb") as raw:
        header = raw.read(len(GZIP_HEADER))
        raw.seek(0)
        if header != GZIP_HEADER:
            result.problems.append(
                "it does not begin as an archive of splitplot does"
                if header[:2] == GZIP_HEADER[:2]
                else "it is no .tar.gz file"
            )
        if header[:2] != GZIP_HEADER[:2]:
            return result
        try:
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                _read(stream, folder, wanted, result)
        except _Damaged as error:
            result.problems.append(str(error))
        except (gzip.BadGzipFile, EOFError, zlib.error, tarfile.TarError, UnicodeError) as error:
            result.problems.append(f"it is damaged and cannot be read to its end: {error}")
    return result


@contextmanager
def unpacked(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A temporary folder with the wanted members, and the manifest.

    Raises SplitplotError with a line for each problem.
    """
    with TemporaryDirectory(prefix="splitplot-") as folder:
        found = unpack(path, Path(folder), wanted)
        if found.problems:
            raise SplitplotError("\n".join(f"{path}: {problem}" for problem in found.problems))
        yield Path(folder), found.manifest


def study_of(path: Path) -> str | None:
    """The study whose archive a file begins as: its first member is read; None where it is something else."""
    try:
        with path.open("rb") as raw:
            if raw.read(len(GZIP_HEADER)) != GZIP_HEADER:
                return None
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                return str(_manifest(stream)["study"])
    except (_Damaged, SplitplotError, OSError, EOFError, zlib.error, tarfile.TarError, ValueError):
        return None


def _manifest(stream: BufferedIOBase) -> dict[str, Any]:
    """The manifest, which is the first member. Raises _Damaged or SplitplotError where it is none."""
    first = _header(stream)
    if first is None or first.name != MANIFEST or first.size > MANIFEST_BYTES:
        raise _Damaged(f"its first member is not {MANIFEST}")
    return read_manifest(b"".join(_content(stream, first.size)))


def _read(
    stream: BufferedIOBase, folder: Path, wanted: Callable[[str], bool], result: Unpacked
) -> None:
    try:
        result.manifest = _manifest(stream)
    except SplitplotError as error:
        raise _Damaged(str(error)) from None
    told: dict[str, tuple[str, int]] = result.manifest["members"]
    _check_room(folder, sum(size for name, (_, size) in told.items() if wanted(name)))
    seen: set[str] = {MANIFEST}
    while (info := _header(stream)) is not None:
        name = info.name
        problem = _refused(info, told, seen, folder)
        if problem:
            result.problems.append(problem)
            seen |= {name} & set(told)
            if len(result.problems) > MOST_PROBLEMS:
                raise _Damaged("there is more wrong with it; reading ends here")
            if name not in told or info.size != told[name][1]:
                _pass(stream, info.size, sum(size for _, size in told.values()))
                continue
        seen.add(name)
        keep = wanted(name) and not problem
        digest = _store(stream, info, folder / name if keep else None)
        if digest != told[name][0]:
            result.problems.append(f"{name}: its SHA-256 is not that of {MANIFEST}")
            if keep:
                (folder / name).unlink()
    result.problems += [f"{name}: missing" for name in sorted(set(told) - seen)]
    sums = hashlib.sha256(sums_text(told).encode()).hexdigest()
    if told.get(SUMS, ("", 0))[0] != sums:
        result.problems.append(f"{SUMS}: does not say what {MANIFEST} says")
    _check_end(stream)


def _refused(
    info: tarfile.TarInfo, told: dict[str, tuple[str, int]], seen: set[str], folder: Path
) -> str:
    """Why a member is not taken; empty where it may be."""
    name = info.name
    if not is_name(name):
        return f"{name!r:.120}: no member may have this name; it is left alone"
    try:
        tarfile.data_filter(info, str(folder))
    except tarfile.FilterError as error:
        return f"{name}: {error}"
    if name not in told:
        return f"{name}: not in {MANIFEST}, so it was added"
    if name in seen:
        return f"{name}: there more than once"
    if info.size != told[name][1]:
        return f"{name}: {info.size:,} bytes, by {MANIFEST} {told[name][1]:,}"
    return ""


def _header(stream: BufferedIOBase) -> tarfile.TarInfo | None:
    """The next member; None at the end."""
    block = _exactly(stream, BLOCK)
    if not block.strip(b"\0"):
        return None
    info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    if info.size < 0:
        raise _Damaged(f"{info.name!r:.120}: a size below 0; reading ends here")
    if info.type != tarfile.REGTYPE:
        raise _Damaged(f"{info.name!r:.120}: a link, a device or no plain file; reading ends here")
    return info


def _content(stream: BufferedIOBase, size: int) -> Iterator[bytes]:
    """The bytes of a member, and past what fills its last block."""
    left = size
    while left:
        data = _exactly(stream, min(left, CHUNK))
        left -= len(data)
        yield data
    _exactly(stream, -size % BLOCK)


def _store(stream: BufferedIOBase, info: tarfile.TarInfo, path: Path | None) -> str:
    """Write a member to `path`, or nowhere; returns its SHA-256."""
    hasher = hashlib.sha256()
    if path is None:
        for data in _content(stream, info.size):
            hasher.update(data)
        return hasher.hexdigest()
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for data in _content(stream, info.size):
            hasher.update(data)
            file.write(data)
    return hasher.hexdigest()


def _pass(stream: BufferedIOBase, size: int, most: int) -> None:
    if size > most + CHUNK:
        raise _Damaged("a member that was added is larger than all others; reading ends here")
    for _ in _content(stream, size):
        pass


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise _Damaged("it ends before its last member does")
    return data


def _check_end(stream: BufferedIOBase) -> None:
    """After the last member come zeros alone; reading them to the end checks the sum of gzip."""
    left = 2 * tarfile.RECORDSIZE
    while data := stream.read(min(CHUNK, left + 1)):
        left -= len(data)
        if data.strip(b"\0") or left < 0:
            raise _Damaged("there is something after its last member")


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise SplitplotError(
            f"{folder}: {size:,} bytes are needed to look into the archive, {free:,} are free; set TMPDIR "
            "to a folder with more room"
        )
