"""The process of an engine: started with a log, ended as a group, and never outliving the job."""

import asyncio
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from splitplot.errors import ConfigError
from splitplot.text import visible

KEEPER = Path(__file__).with_name("keeper.py")
TAIL_LINES, TAIL_BYTES = 20, 1 << 14
HARD_GRACE_S = 10.0
"""Beyond the grace, for a keeper that is slow itself."""


class Child:
    """A running command, its descendants and its log.

    A keeper of our own stands between: it ends them all when this process is gone, however that came
    about (keeper.py).
    """

    def __init__(
        self, command: list[str], environment: dict[str, str], log: Path, grace_s: float
    ) -> None:
        self.log, self.grace_s = log, grace_s
        watched, self._life = os.pipe()
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", str(KEEPER), str(watched), str(grace_s), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    pass_fds=(watched,),
                    start_new_session=True,  # Ctrl-C in a terminal is for us: we drain first
                )
        finally:
            os.close(watched)

    @property
    def returncode(self) -> int | None:
        """The exit code of the command, None while it runs; 128 + number for a signal."""
        return self._process.poll()

    async def stop(self) -> None:
        """SIGTERM to its process group, SIGKILL after the grace; returns when all are gone."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        try:
            await asyncio.to_thread(self._process.wait, self.grace_s + HARD_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def tail(self) -> list[str]:
        """The last lines of the log."""
        return tail_of(self.log)


def tail_of(log: Path) -> list[str]:
    """The last lines of a log file, control characters written out."""
    with suppress(OSError), log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").replace("\r", "\n").splitlines()
        return [visible(line) for line in lines if line.strip()][-TAIL_LINES:]
    return []


def last_words(lines: list[str]) -> str:
    """The line of a log that says best why it ended: the last that speaks of an error, else the last."""
    errors = [
        line for line in lines if re.search(r"(?i)error|exception|killed|out of memory", line)
    ]
    return (errors or lines or ["(it wrote nothing)"])[-1].strip()[:300]


def quoted(lines: list[str]) -> str:
    """The end of a log, as the end of a message."""
    return "".join(f"\n    {line}" for line in lines) if lines else " (its log is empty)"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_command(command: list[str], hint: str) -> None:
    """Raise ConfigError, naming node and program, where a command is not on this node."""
    if shutil.which(command[0]) is None:
        raise ConfigError(
            f"node {socket.gethostname()}: {command[0]}: no such command here; {hint}"
        )


@contextmanager
def working_folder(scratch: Path | None) -> Iterator[Path]:
    """A folder of this job alone, in `scratch` or among temporary files, that is removed afterwards.

    What a killed job of ours has left there on this node is removed too.
    """
    place = scratch or Path(tempfile.gettempdir())
    mine = f"splitplot-{os.getuid()}-{socket.gethostname()[:40]}"
    for old in place.glob(f"{mine}-*"):
        number = old.name.removeprefix(f"{mine}-").partition("-")[0]
        if number.isdigit() and not _is_alive(int(number)):
            shutil.rmtree(old, ignore_errors=True)
    folder = place / f"{mine}-{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
