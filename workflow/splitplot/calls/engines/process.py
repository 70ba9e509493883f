"""The process of an engine: started with a log, ended as a group, and never outliving the job."""

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from splitplot.calls.engines.surroundings import masked
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
        self.log, self.grace_s, self._environment = log, grace_s, environment
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
    def pid(self) -> int:
        """The keeper's process, from which all of the command's descend."""
        return self._process.pid

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
        return tail_of(self.log, self._environment)


def tail_of(log: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """The last lines of a log file, control characters written out.

    Keys and tokens of our environment, and of the one given, are written as the names of their
    variables.
    """
    with suppress(OSError), log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        text = masked(file.read().decode("utf-8", "replace"), os.environ, environment or {})
        lines = text.replace("\r", "\n").splitlines()
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
    mine = f"splitplot-{os.getuid()}-{_machine()}"
    for old in place.glob(f"{mine}-*"):
        found = re.fullmatch(rf"{mine}-(\d+)-[0-9a-f]{{8}}", old.name)
        if found and not _is_alive(int(found[1])):
            shutil.rmtree(old, ignore_errors=True)
    folder = place / f"{mine}-{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _machine() -> str:
    """Where a process number means what it means here: this host, since it was started, this container.

    Several hosts may share a scratch disk, and a host's name may begin as another's does.
    """
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
