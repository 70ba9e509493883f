"""Writing an archive: the same members give the same bytes, and a file is complete or absent."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from splitplot import __version__
from splitplot.archive.layout import MANIFEST, SUMS, is_name, manifest_text, sums_text
from splitplot.errors import SplitplotError
from splitplot.files import atomic_path, file_sha256

LEVEL = 6
"""Of compression. Tables are compressed already; of text a higher level saves little."""

MODE = 0o644


def pack(plan: Mapping[str, Any], members: Mapping[str, Path | bytes], output: Path) -> str:
    """Write the members, a manifest and their checksums to a .tar.gz; returns its SHA-256.

    Names are sorted; owners, times and modes are fixed. Memory holds no file.
    Raises SplitplotError for a file that changes meanwhile, OSError where there is no room; then there is
    no new file.
    """
    sizes = {name: _measured(member) for name, member in members.items()}
    odd = [name for name in members if not is_name(name)]
    if odd:
        raise SplitplotError(f"{odd[0]!r} cannot be the name of a member; rename the file")
    added: dict[str, Path | bytes] = {SUMS: sums_text(sizes).encode()}
    sizes[SUMS] = _measured(added[SUMS])
    added[MANIFEST] = manifest_text(plan, __version__, sizes).encode()
    sizes[MANIFEST] = _measured(added[MANIFEST])
    everything = {**members, **added}
    with (
        atomic_path(output) as temporary,
        temporary.open("wb") as raw,
        gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name in sorted(everything, key=lambda name: (name != MANIFEST, name)):
            _add(tar, name, everything[name], sizes[name])
    return file_sha256(output)


def _measured(member: Path | bytes) -> tuple[str, int]:
    """(SHA-256, bytes)."""
    if isinstance(member, bytes):
        return hashlib.sha256(member).hexdigest(), len(member)
    return file_sha256(member), member.stat().st_size


def _add(tar: tarfile.TarFile, name: str, member: Path | bytes, measured: tuple[str, int]) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = measured[1], MODE
    if isinstance(member, bytes):
        tar.addfile(info, io.BytesIO(member))
        return
    with member.open("rb") as file:
        read = _Hashed(file)
        try:
            tar.addfile(info, read)
        except OSError as error:
            if error.errno is not None:
                raise
            raise SplitplotError(f"{member} has become shorter meanwhile; archive again") from None
        if read.hash.hexdigest() != measured[0] or file.read(1):
            raise SplitplotError(f"{member} has changed meanwhile; archive again")


class _Hashed:
    """A file that notes what was read of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        return data
