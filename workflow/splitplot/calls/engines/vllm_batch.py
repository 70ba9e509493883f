"""`vllm run-batch` as a subprocess: its output tailed into the ledger, its deaths survived."""

import asyncio
import json
import re
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from splitplot.calls.engines.feeding import Calls, Isolation, Source, given_up
from splitplot.calls.engines.process import Child, last_words, quoted
from splitplot.calls.engines.server import MAX_ATTEMPTS, not_ready, tell_death
from splitplot.calls.engines.tailing import Growth, Log, Tail
from splitplot.calls.engines.vllm import (
    BATCH_REQUESTS,
    LOOK_AHEAD_S,
    arguments,
    asked_version,
    environment,
    model_argument,
)
from splitplot.calls.engines.vllm_lines import (
    invalid,
    left_out,
    line_of,
    refusal,
    response_of,
)
from splitplot.calls.records import KEY_LENGTH, Request, Response
from splitplot.errors import SplitplotError

LOOK_S = 0.5
SHARD_BYTES = 256 * 2**20
"""Input of one run at most: with its output, what lies on the scratch disk at a time."""

READ_BYTES = 1 << 20
USAGE_ERROR, NOT_FOUND = 2, 127
LOADED = (b"Reading batch from", b"Running batch")
"""What run-batch writes to its log when the model is loaded: the second is its progress."""

CANARY = Request(
    "0" * KEY_LENGTH, {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
)
"""Asked where the engine has died twice and never answered: is it the requests, or the engine?"""


@dataclass
class _Ended:
    """How one run ended: what it left unanswered. torn: its output ends within a line.

    stalled: it was ended because it wrote nothing any more, after its model was loaded.
    """

    left: list[Request]
    answered: int
    died: bool
    torn: bool
    stalled: bool
    child: Child

    def last_words(self) -> str:
        """Why it ended, in one line."""
        said = last_words(self.child.tail())
        return f"it wrote nothing any more, at last: {said}" if self.stalled else said


async def answer_by_batch(
    endpoint: dict[str, Any], engine: dict[str, Any], source: Source, calls: Calls, folder: Path
) -> dict[str, Any]:
    """Answer everything in the source by runs of `vllm run-batch`, one shard of requests at a time.

    A run that dies is repeated with what is left. Raises SplitplotError where vLLM refuses its
    arguments, answers nothing at all, or has died MAX_ATTEMPTS times.
    """
    desk = _Desk(endpoint, engine, calls, folder)
    isolation = Isolation()
    limit = int(endpoint.get("max_attempts") or MAX_ATTEMPTS)
    answered_ever = False
    repeated: set[str] = set()
    try:
        while not calls.stop.is_set():
            group = isolation.next_group()
            requests = group.requests if group else await desk.shard(source)
            if not requests:
                break
            ended = await desk.run(requests)
            answered_ever |= ended.answered > 0
            if calls.stop.is_set():
                break
            if not ended.died:
                # Half a line may be the answer of any of them, so that they are asked once more.
                for request in reversed(ended.left):
                    if ended.torn and request.key not in repeated:
                        repeated.add(request.key)
                        source.give_back([request])
                    else:
                        calls.record(left_out(request, desk.engine))
                continue
            _check_arguments(ended)
            fruitless = group.fruitless if group else 0
            culprit = isolation.died(ended.left, ended.answered, fruitless)
            tell_death(ended.child, isolation.deaths, limit)
            if fruitless and not answered_ever:
                await desk.check_alive(ended)
                answered_ever = True
            if culprit is not None:
                calls.record(given_up(culprit, desk.engine, ended.last_words()))
    finally:
        if calls.progress is not None:
            calls.progress.close()
    done = {"start_seconds": round(desk.start_seconds, 3), "starts": desk.runs}
    return desk.engine | done if desk.runs else {}


def _check_arguments(ended: _Ended) -> None:
    """An end that no other try can mend."""
    if (
        ended.answered == 0
        and not ended.stalled
        and ended.child.returncode in (USAGE_ERROR, NOT_FOUND)
    ):
        lines = ended.child.tail()
        raise SplitplotError(
            f"vllm run-batch refused its arguments: {last_words(lines)}; change the model's entry in "
            f"config/models.yaml; the end of its log:{quoted(lines)}"
        )


class _Desk:
    """Runs of one job: their files, their numbers, and the one that goes on."""

    def __init__(
        self, endpoint: dict[str, Any], engine: dict[str, Any], calls: Calls, folder: Path
    ) -> None:
        self.endpoint, self.engine, self.calls, self.folder = endpoint, engine, calls, folder
        self.runs = 0
        self.start_seconds = 0.0
        self._attempts: dict[str, int] = {}

    async def shard(self, source: Source) -> list[Request]:
        """The next requests of the source that vLLM will read; the others are recorded as errors."""
        requests: list[Request] = []
        size = 0
        patience: float | None = None
        while len(requests) < BATCH_REQUESTS and size < SHARD_BYTES:
            request = await source.take(patience)
            if request is None:
                break
            wrong = refusal(request)
            if wrong is None:
                requests.append(request)
                size += len(json.dumps(request.body))
                patience = (
                    LOOK_AHEAD_S  # what another job holds is not waited for with these in hand
                )
            else:
                self._record(invalid(request, wrong, self.engine))
        return requests

    async def run(self, requests: list[Request]) -> _Ended:
        """One `vllm run-batch` over these requests, until it ends or a stop is asked for."""
        for request in requests:
            self._attempts[request.key] = self._attempts.get(request.key, 0) + 1
            self.calls.on_send(request, self._attempts[request.key], False)
        open_requests = {request.key: request for request in requests}
        began, began_at, started = monotonic(), _utc_now(), None
        child, output = self._start(requests)
        tail, log, growth = Tail(output), Log(child.log), Growth(child.log, output)
        answered, stalled = 0, False
        try:
            while True:
                running = child.returncode is None
                if started is None and log.says(LOADED):
                    started = monotonic() - began
                for line in tail.lines(final=not running):
                    if line["custom_id"] not in open_requests:
                        continue
                    started = monotonic() - began if started is None else started
                    await self._learn_version(child)
                    request = open_requests.pop(line["custom_id"])
                    answered += 1
                    self._record(
                        response_of(
                            line,
                            self.engine,
                            self.calls.price,
                            started_at=began_at,
                            finished_at=_utc_now(),
                            attempts=self._attempts.pop(request.key),
                        ),
                        len(open_requests),
                    )
                if not running:
                    break
                if self.calls.stop.is_set():
                    await child.stop()
                    continue  # what it still wrote
                if started is None:
                    self._check_start(child, began)
                elif self._is_stalled(growth):
                    stalled = True
                    self._tell_stall(child)
                    await child.stop()
                    continue
                await _either(self.calls.stop, LOOK_S)
        finally:
            await child.stop()
            for path in (output, self._input()):
                path.unlink(missing_ok=True)
        self.start_seconds += started if started is not None else 0.0
        # One that crashes when all is written has died of nothing that matters here.
        died = (stalled or child.returncode != 0) and bool(open_requests)
        return _Ended(list(open_requests.values()), answered, died, tail.torn, stalled, child)

    async def check_alive(self, ended: _Ended) -> None:
        """Raise SplitplotError where vLLM cannot even answer a request that is certainly harmless."""
        child, output = self._start([CANARY])
        began, log, loaded = monotonic(), Log(child.log), False
        growth = Growth(child.log, output)
        try:
            while child.returncode is None and not self.calls.stop.is_set():
                loaded = loaded or log.says(LOADED)
                if not loaded:
                    self._check_start(child, began)
                elif self._is_stalled(growth):
                    self._tell_stall(child)
                    await child.stop()
                    break
                await _either(self.calls.stop, LOOK_S)
            if self.calls.stop.is_set() or any(Tail(output).lines(final=True)):
                return
        finally:
            await child.stop()
            output.unlink(missing_ok=True)
        lines = child.tail() or ended.child.tail()
        raise SplitplotError(
            f"vllm run-batch ends with exit code {child.returncode} and answers nothing: "
            f"{last_words(lines)}; the end of its log:{quoted(lines)}"
        )

    def _check_start(self, child: Child, began: float) -> None:
        """Raise SplitplotError where loading the model has taken too long."""
        limit = float(self.endpoint["start_timeout_s"])
        if monotonic() - began > limit and child.returncode is None:
            what = f"vllm run-batch {self.endpoint['model']}"
            raise not_ready(what, limit, "it has not begun to read its requests", child)

    def _is_stalled(self, growth: Growth) -> bool:
        """Whether a loaded run has said nothing for too long: it writes of each answer, here or there."""
        return growth.still_seconds() > float(self.endpoint["stall_timeout_s"])

    def _tell_stall(self, child: Child) -> None:
        print(
            f"node {socket.gethostname()}: vllm run-batch {self.endpoint['model']} has written neither to "
            f"its log nor to its output for stall_timeout_s ({self.endpoint['stall_timeout_s']:g} s); it is "
            f"ended; the end of its log:{quoted(child.tail())}",
            file=sys.stderr,
        )

    def _input(self) -> Path:
        return self.folder / f"in-{self.runs}.jsonl"

    def _start(self, requests: list[Request]) -> tuple[Child, Path]:
        # A new output for each run: it is opened with "w", so a run over an old one would empty it.
        self.runs += 1
        output = self.folder / f"out-{self.runs}.jsonl"
        try:
            with self._input().open("w", encoding="ascii") as file:
                for request in requests:
                    line = line_of(request, self.endpoint["model"], self.endpoint["seed"])
                    file.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            raise SplitplotError(
                f"node {socket.gethostname()}: {self._input()}: {error.strerror}; free some space there, "
                "or name another folder as `resources.scratch` of the model in config/models.yaml"
            ) from error
        command = [*self.endpoint["command"], "run-batch"]
        command += ["-i", str(self._input()), "-o", str(output)]
        command += ["--model", model_argument(self.endpoint)]
        command += arguments(self.endpoint, self.folder)
        log = self.folder / "engine.log"
        log.unlink(missing_ok=True)
        grace = float(self.endpoint["stop_grace_s"])
        given = environment(self.endpoint) | {"VLLM_CONFIGURE_LOGGING": "1"}
        if given.get("VLLM_LOGGING_LEVEL", "").upper() != "DEBUG":
            given["VLLM_LOGGING_LEVEL"] = "INFO"  # a quieter log would not say LOADED
        given.pop("TQDM_DISABLE", None)  # its progress is what tells that it goes on
        return Child(command, given, log, grace), output

    async def _learn_version(self, child: Child) -> None:
        if self.engine["version"] is not None:
            return
        with suppress(
            OSError
        ):  # run-batch says it in its first lines; asking again loads vLLM again
            said = child.log.read_bytes()[:READ_BYTES].decode("utf-8", "replace")
            found = re.search(r"vLLM[^\n]* version (\d+\.\d+[^\s,)]*)", said)
            self.engine = self.engine | {"version": found[1] if found else None}
        if self.engine["version"] is None:
            self.engine = self.engine | {"version": await asked_version(self.endpoint)}

    def _record(self, response: Response, in_flight: int = 0) -> None:
        self.calls.record(response)
        if self.calls.progress is not None:
            self.calls.progress.add(response, in_flight)


async def _either(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
