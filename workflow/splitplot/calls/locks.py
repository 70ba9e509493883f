"""Locks on request keys, held by the operating system: they end with the process that holds them.

One byte of a lock file stands for one key (POSIX byte-range locks). Two jobs of one machine that want
the same answer at the same time, in whatever study, part layout or workflow process, thus meet here:
one sends, the other waits and then finds the answer in the ledger. Between machines the locks hold on
NFS too, but what was written may be seen there only seconds later.
"""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from splitplot.errors import SplitplotError

OFFSET_DIGITS = 15  # 60 bits of the key: below the largest file offset
CLAIMS = 1 << 60  # the byte behind those of all keys


class KeyLocks:
    """Locks of one process on the keys of one trial.

    The file is opened once and stays open: closing any descriptor of it would drop every lock of the
    process (POSIX). At most one instance per file and process.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._path = path

    def acquire(self, keys: Iterable[str]) -> set[str]:
        """Lock what is free; returns the keys that are now ours."""
        return {key for key in keys if self._try(key)}

    @contextmanager
    def claiming(self, *, alone: bool = False) -> Iterator[None]:
        """Held while keys are looked up and taken; waits for its turn.

        Jobs that lock single keys share it; who takes many keys at once (alone) then finds that none
        changes hands meanwhile, without a lock on each.
        """
        self._lock(fcntl.LOCK_EX if alone else fcntl.LOCK_SH, CLAIMS)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, CLAIMS)

    def held_elsewhere(self, keys: Iterable[str]) -> set[str]:
        """Keys that another job holds at this moment. For a process that holds none itself: the
        question leaves none of them locked."""
        held = set()
        for key in keys:
            if self._try(key):
                self.release(key)
            else:
                held.add(key)
        return held

    def release(self, key: str) -> None:
        """Give a key back."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(key))

    def close(self) -> None:
        """Give everything back."""
        os.close(self._file)

    def _try(self, key: str) -> bool:
        return self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB, _offset(key))

    def _lock(self, kind: int, offset: int) -> bool:
        try:
            fcntl.lockf(self._file, kind, 1, offset)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise SplitplotError(
                f"{self._path}: this file system cannot lock files ({error}); put `results/ledger` "
                "on one that can, for instance by a symbolic link"
            ) from error
        return True


def _offset(key: str) -> int:
    return int(key[:OFFSET_DIGITS], 16)
