"""Locks on request keys, held by the operating system: they end with the process that holds them.

One byte of a lock file stands for one key (POSIX byte-range locks). Two jobs of one machine that want
the same answer at the same time, in whatever study, part layout or workflow process, thus meet here:
one sends, the other waits and then finds the answer in the ledger. Between machines the locks hold on
NFS too, but what was written may be seen there only seconds later.
"""

import errno
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from splitplot.errors import SplitplotError

OFFSET_DIGITS = 15  # 60 bits of the key: below the largest file offset


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

    def release(self, key: str) -> None:
        """Give a key back."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(key))

    def close(self) -> None:
        """Give everything back."""
        os.close(self._file)

    def _try(self, key: str) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(key))
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
