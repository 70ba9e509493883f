"""How a script ends: expected errors become one readable line and an exit code, never a traceback."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from splitplot.errors import SplitplotError
from splitplot.text import visible

# Before numpy is loaded: the last bits of a product of matrices depend on the number of threads, and
# results must not depend on the machine's cores. Work on several cores is shared out by chunk instead.
os.environ["OPENBLAS_NUM_THREADS"] = "1"


def open_door(main: Callable[[], None]) -> None:
    """Run `main`; a SplitplotError or a full disk is printed as one message and sets the exit code."""
    sys.meta_path.insert(0, _NoPandas())
    try:
        main()
    except SplitplotError as error:
        print(visible(f"splitplot: {error}"), file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(visible(f"splitplot: {os_reason(error)}"), file=sys.stderr)
        sys.exit(1)


def os_reason(error: OSError) -> str:
    """What the operating system refused, and where: "results/s/plan.json: No space left on device"."""
    where = f"{error.filename}: " if error.filename else ""
    return where + (os.strerror(error.errno) if error.errno else str(error))


class _NoPandas:
    """Keeps pandas out of jobs that only move rows.

    pyarrow imports it, which takes a second, merely to ask whether a list is a Series; told that
    there is none, it goes on without. Whoever needs pandas itself must have imported it before.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ImportError("pandas is kept out of this job")


def log_to(path: Path | None) -> TextIO:
    """Send what the process prints, libraries in C included, to a log; returns the old stderr.

    A job's messages thus stand in its log, and its progress can still be shown on a terminal.
    """
    if path is None:
        return sys.stderr
    path.parent.mkdir(parents=True, exist_ok=True)
    terminal = os.fdopen(os.dup(2), "w")
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    return terminal
