"""Ask a local model for one part of a trial, in all its conditions, so that it is loaded once a job.

The answers go into the ledger; what is made here is a receipt. Two jobs that want the same answers, such
as a Slurm job that outlived its workflow and the one that replaces it, share them out by the locks on
keys: each asks for what the other does not hold, and one that holds nothing loads no model. Nobody waits
for a GPU with keys in hand: the job that has the GPU may be waiting for just those.
"""

import asyncio
import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from splitplot import job_resources
from splitplot.calls import gpus
from splitplot.calls.ledger import Ledger
from splitplot.calls.records import Request, Response
from splitplot.calls.requests import part_keys, part_requests
from splitplot.calls.session import Session
from splitplot.calls.stop import requested, stopped, watching
from splitplot.trials import trial_of

SCHEMA = 1
GPU_WAIT_SECONDS = 2.0  # how often to look whether another job has given its GPUs back


def generate(
    plan: dict[str, Any],
    trial_id: str,
    part: str,
    calls_folder: Path,
    ledger_root: Path,
    terminal: TextIO | None = None,
) -> dict[str, Any]:
    """Get every answer of a part of a local trial into the ledger; returns the receipt.

    calls_folder: results/{study}/calls, with the requests of each condition. ledger_root: results/ledger.
    terminal: where progress is shown, if it is one.
    The receipt: schema, trial, part; requests (distinct), reused (from the ledger, or made by another
    job meanwhile), sent; outcomes (of what was sent); engine (None where no model was loaded), node,
    cuda_visible_devices, slurm_job_id, started_at; seconds: start (loading, as the engine says) and
    answers (the rest of the time it ran); gpus (of the job: as the batch system says, else as
    config/models.yaml has them).
    Raises SplitplotError when the work could not be done, and Stopped when it was asked to stop; what
    was answered until then is in the ledger, and the next job goes on from there.
    """
    trial = trial_of(plan, trial_id)
    conditions = [cell["condition"] for cell in plan["cells"] if cell["trial"] == trial_id]
    folders = [calls_folder / trial_id / condition / part for condition in conditions]
    keys = {key for folder in folders for key in part_keys(folder)}
    ledger = Ledger(ledger_root, trial["hash"])
    work = _Work(trial)
    while wanted := keys - ledger.find(keys).keys():
        if requested():
            raise stopped(trial_id)
        session = Session(plan, trial, ledger, ledger_root, {"part": part})
        session.total, session.terminal = len(wanted), terminal
        try:
            session.run(work.ask(session, _requests(folders, wanted)))
        finally:
            session.close()
        if work.waits and asyncio.run(_stop_within(GPU_WAIT_SECONDS)):
            raise stopped(trial_id)
        ledger.refresh()
    sent = sum(work.outcomes.values())
    return {
        "schema": SCHEMA,
        "trial": trial_id,
        "part": part,
        "requests": len(keys),
        "reused": len(keys) - sent,
        "sent": sent,
        "outcomes": dict(sorted(work.outcomes.items())),
        "engine": work.engine,
        "node": socket.gethostname(),
        "cuda_visible_devices": work.devices,
        "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
        "started_at": work.started_at,
        "seconds": work.seconds(),
        "gpus": work.gpus,
    }


def _requests(folders: list[Path], wanted: set[str]) -> Iterator[Request]:
    """The wanted requests of all conditions, each once: two may ask the same of an item."""
    left = set(wanted)
    for folder in folders:
        for request in part_requests(folder, left):
            left.discard(request.key)
            yield request


class _Work:
    """What a job does, and how long that takes. waits: others had the GPUs when it last looked."""

    def __init__(self, trial: dict[str, Any]) -> None:
        self.trial = trial
        self.gpus = _gpus_of_this_job(trial)
        self.waits = False
        self.outcomes: Counter[str] = Counter()
        self.engine: dict[str, Any] | None = None
        self.devices = os.environ.get(gpus.VISIBLE)
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._start = self._ran = 0.0

    async def ask(self, session: Session, requests: Iterator[Request]) -> None:
        """Ask for what is ours to ask; nothing, where others have the GPUs.

        While other jobs are asking for all of it, it is waited for.
        """
        self.waits = False
        with watching(session.stop):
            feed = session.feed(requests)
            try:
                first = await _first_of(feed, session.stop)
                if first is None or session.stop.is_set():
                    return
                with gpus.taken(self.gpus, self.trial["model"]) as free:
                    self.waits = not free
                    if free:
                        self.devices = os.environ.get(gpus.VISIBLE)
                        await self._answer(session, _chained(first, feed))
            finally:
                await feed.aclose()

    async def _answer(self, session: Session, feed: AsyncIterator[Request]) -> None:
        """Load the model and ask."""
        from splitplot.calls.engines import run

        hooks = session.hooks()

        def record(response: Response) -> None:
            hooks["record"](response)
            self.outcomes[response.outcome] += 1

        began = monotonic()
        engine = await run(self.trial["endpoint"], feed, **hooks | {"record": record})
        if engine:
            self.engine = engine
            # When a request leaves says nothing of loading: an engine may be handed them before.
            self._start += engine["start_seconds"]
            self._ran += monotonic() - began

    def seconds(self) -> dict[str, float]:
        """How long loading the model took, and the rest of the time that it ran, over all starts."""
        answers = max(self._ran - self._start, 0.0)
        return {"start": round(self._start, 3), "answers": round(answers, 3)}


def _gpus_of_this_job(trial: dict[str, Any]) -> int:
    """How many GPUs this job has; says in its log where that is not what the plan asks for."""
    planned, given = job_resources.gpus(trial), gpus.given()
    if given is None or given == planned:
        return planned
    parallel = trial["endpoint"].get("tensor_parallel")
    stays = f"; tensor_parallel stays {parallel}" if parallel is not None else ""
    print(
        f"{trial['model']}: config/models.yaml asks for {planned} {_gpus(planned)}, and this job was "
        f"given {given} ({gpus.VISIBLE}={os.environ.get(gpus.VISIBLE, '')}), which is what its receipt "
        f"counts{stays}. To change both, change resources.gpus there, not set-resources",
        file=sys.stderr,
    )
    return given


def _gpus(count: int) -> str:
    return "GPU" if count == 1 else "GPUs"


async def _first_of(feed: AsyncIterator[Request], stop: asyncio.Event) -> Request | None:
    """The first request that is ours to send; None where there is none, or a stop is asked for.

    While other jobs hold all of them this waits: the model is not loaded before it is needed.
    """
    stopping = asyncio.ensure_future(stop.wait())
    first = asyncio.ensure_future(anext(feed, None))
    try:
        await asyncio.wait({stopping, first}, return_when=asyncio.FIRST_COMPLETED)
        return first.result() if first.done() else None
    finally:
        for task in (stopping, first):
            task.cancel()
        await asyncio.gather(stopping, first, return_exceptions=True)


async def _chained(first: Request, feed: AsyncIterator[Request]) -> AsyncGenerator[Request, None]:
    yield first
    async for request in feed:
        yield request


async def _stop_within(seconds: float) -> bool:
    """Wait so long, or until a stop is asked for; whether it is."""
    stop = asyncio.Event()
    with watching(stop), suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
