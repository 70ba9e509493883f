"""Keeps a command as long as the job that wants it lives, and ends all of its processes with it.

Usage: keeper.py FD GRACE_SECONDS COMMAND…; FD is a pipe whose other end the job holds. However the
job ends, kill -9 included, the pipe closes: the command's process group gets SIGTERM, and SIGKILL
after the grace. Imports the standard library alone: it is run by path.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LOOK_S = 0.1
NOT_FOUND = 127


def main(arguments: list[str]) -> int:
    """Run the command to its end, or to that of the job; its exit code (128 + signal for a signal)."""
    life, grace, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    os.set_inheritable(life, False)
    asked: list[float] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(time.monotonic()))
    libc = ctypes.CDLL(None, use_errno=True)
    # What the command leaves behind becomes our child, even out of its process group.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)

    def die_with_keeper() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_keeper
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    told = False
    while child.poll() is None:
        if asked:
            time.sleep(LOOK_S)
        elif select.select([life], [], [], LOOK_S)[0]:
            asked.append(time.monotonic())
        if asked and not told:
            told = True
            _signal_group(child.pid, signal.SIGTERM)
        if asked and time.monotonic() - asked[0] > grace:
            _signal_group(child.pid, signal.SIGKILL)
    _signal_group(child.pid, signal.SIGKILL)
    _end_the_left_behind()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _end_the_left_behind() -> None:
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(100):
        try:
            children = listed.read_text().split()
        except OSError:
            return
        if not children:
            return
        for child in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(child), signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(int(child), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
