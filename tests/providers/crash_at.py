"""Runs a script that dies at one step of a batch's life; the library knows nothing of it.

    python tests/providers/crash_at.py STEP WAY MARKER -- scripts/submit_batch.py --plan …

STEP is one of STEPS, WAY one of WAYS. MARKER is a file that is made at the death: of all processes that
are given it only one dies, once. `arm_from_environment`, called by a sitecustomize.py, does the same
to the jobs of a workflow, whose commands stay as they are.
"""

import asyncio
import os
import runpy
import signal
import sys
from functools import partial
from pathlib import Path

STEPS = {
    "before-intent": "before the intent",
    "after-intent": "after the intent",
    "after-upload": "after the upload",
    "before-create": "before the create call leaves",
    "during-create": "during the create call, which takes effect later",
    "after-create": "after the create took effect, before its record",
    "after-record": "after the record",
    "poll": "during a poll",
    "ended": "after the end is recorded",
    "download": "during the download, half a result file",
    "answers": "half the answers recorded",
    "before-collected": "all answers recorded, before the batch is closed",
}
WAYS = {
    "kill": "kill -9 of the job",
    "exception": "an unexpected exception in the job",
    "sigterm": "SIGTERM to the job",
    "snakemake": "kill -9 of Snakemake, the job goes on",
    "everything": "kill -9 of Snakemake and all its jobs",
}
LONG_S = 0.3
"""A create call that takes longer is one that the provider has been told to keep waiting."""
VARIABLE = "CRASH_AT"


class Crash(RuntimeError):
    """What nobody expects."""


class Death:
    """A death that is to happen once."""

    def __init__(self, way: str, marker: Path) -> None:
        self.way, self.marker = way, marker

    def strike(self) -> None:
        """Die, if nobody has yet; after SIGTERM, and where only Snakemake is killed, life goes on."""
        try:
            os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        if self.way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.way == "exception":
            raise Crash("an exception out of nowhere")
        elif self.way == "sigterm":
            os.kill(os.getpid(), signal.SIGTERM)
        elif self.way == "snakemake":
            for parent in _parents_that_are_snakemake():
                parent.kill()
        elif self.way == "everything":
            os.killpg(os.getpgrp(), signal.SIGKILL)


def _parents_that_are_snakemake() -> list:
    import psutil

    found = [p for p in psutil.Process().parents() if "snakemake" in " ".join(p.cmdline())]
    return [p for p in found if p.pid != os.getpid() and os.getpgid(p.pid) == os.getpgrp()]


def arm(step: str, death: Death) -> None:
    """Make this process die at the step."""
    from splitplot.calls.batch import http, part, store
    from splitplot.calls.ledger import LedgerWriter

    if step in ("before-intent", "before-collected"):
        _before_write(store.Batch, step.removeprefix("before-"), death)
    elif step in ("after-intent", "before-create", "after-record", "ended"):
        names = {"after-intent": "intent", "before-create": "sending", "after-record": "created"}
        _after_write(store.Batch, names.get(step, step), death)
    elif step in ("after-upload", "after-create", "poll"):
        names = {"after-upload": "upload", "after-create": "create", "poll": "look"}
        _after_call(part, names[step], death)
    elif step == "during-create":
        _while_it_creates(part, death)
    elif step == "download":
        _half_a_file(http.Http, death)
    elif step == "answers":
        _half_the_answers(LedgerWriter, store.Batch, death)
    else:
        raise SystemExit(f"unknown step {step}; known: {', '.join(STEPS)}")


def _before_write(kind, name: str, death: Death) -> None:
    true = kind.write

    def write(batch, step, value):
        if step == name:
            death.strike()
        true(batch, step, value)

    kind.write = write


def _after_write(kind, name: str, death: Death) -> None:
    true = kind.write

    def write(batch, step, value):
        true(batch, step, value)
        if step == name:
            death.strike()

    kind.write = write


def _after_call(part, name: str, death: Death) -> None:
    """The provider has done what it was asked, and its answer is lost."""

    async def and_die(call, *given):
        answer = await call(*given)
        death.strike()
        return answer

    _instead(part, name, and_die)


def _while_it_creates(part, death: Death) -> None:
    """The provider has not answered yet, and does what it was asked when nobody listens any more."""

    async def and_die(call, *given):
        answer = asyncio.ensure_future(call(*given))
        await asyncio.wait([answer], timeout=LONG_S)
        if not answer.done():
            death.strike()
        return await answer

    _instead(part, "create", and_die)


def _instead(part, name: str, call) -> None:
    """Let `call(true method, …)` be called instead of a method of the provider."""
    true = part.provider

    def provider(protocol):
        spoken = true(protocol)
        setattr(spoken, name, partial(call, getattr(spoken, name)))
        return spoken

    part.provider = provider


def _half_a_file(kind, death: Death) -> None:
    true = kind._stream

    async def stream(http, path, to, *more):
        await true(http, path, to, *more)
        whole = to.read_bytes()
        to.write_bytes(whole[: len(whole) // 2])
        death.strike()
        to.write_bytes(whole)

    kind._stream = stream


def _half_the_answers(writer, kind, death: Death) -> None:
    """Counted from the last end that was read: that of the batch which is collected now."""
    true_read, true_response = kind.read, writer.response
    left = [0]

    def read(batch, step):
        if step == "ended":
            left[0] = (len(batch.keys()) + 1) // 2
        return true_read(batch, step)

    def response(ledger, record):
        true_response(ledger, record)
        left[0] -= 1
        if left[0] == 0:
            death.strike()

    kind.read, writer.response = read, response


def arm_from_environment() -> None:
    """CRASH_AT="STEP WAY MARKER", where this process is a job of the batch rules."""
    wish = os.environ.get(VARIABLE)
    jobs = ("submit_batch.py", "poll_batch.py", "answer_requests.py")
    if wish and any(word.endswith(jobs) for word in sys.orig_argv[:3]):
        step, way, marker = wish.split(" ", 2)
        arm(step, Death(way, Path(marker)))


def run(step: str, way: str, marker: Path, command: list[str]) -> None:
    """Run a script with its arguments, in this process."""
    arm(step, Death(way, marker))
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    if len(sys.argv) < 6 or sys.argv[4] != "--" or sys.argv[2] not in WAYS:
        sys.exit(__doc__)
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[5:])
