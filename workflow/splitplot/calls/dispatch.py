"""The loop of every real-time route: slots, retries, stop. A route gives it a `Send`."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from splitplot.calls import chat
from splitplot.calls.credentials import CredentialRefused
from splitplot.calls.limits import pause_asked_by, wait_asked_by
from splitplot.calls.pacing import (
    SLOW_START,
    Failure,
    Pace,
    backoff,
    classify,
    token_estimate,
)
from splitplot.calls.progress import Progress
from splitplot.calls.records import Request, Response, Usage

Feed = AsyncIterator[Request]
Record = Callable[[Response], None]
OnSend = Callable[[Request, int, bool], bool | None]
Price = Callable[[Usage], float | None]

T = TypeVar("T")

NO_ROOM = "; the cap left no room for another attempt"

HOPELESS_AFTER = 10
"""Identical final failures in a row, without any success, after which the rest is not sent."""


class Reply(NamedTuple):
    """A parsed body that came with a status of 2xx."""

    body: Any
    headers: Mapping[str, str]
    status: int


Send = Callable[[dict[str, Any], float], Awaitable[Reply | Failure]]
"""Sends one body once, within so many seconds. Failures are returned; an exception ends the job."""


async def dispatch(
    feed: Feed,
    endpoint: dict[str, Any],
    send: Send,
    *,
    record: Record,
    on_send: OnSend,
    price: Price,
    route: str,
    engine: dict[str, Any] | None,
    stop: asyncio.Event,
    progress: Progress | None,
) -> None:
    """Send what the feed gives and record one response per request, until feed or `stop` ends it.

    feed: requests still to be sent; at most one more than are in flight is taken from it.
    endpoint: model, max_concurrency, request_timeout_s, total_timeout_s, max_attempts,
        requests_per_minute, tokens_per_minute; base_url, api_key_env and key_variable (for messages).
    record: called once per finished request.
    on_send(request, attempt, paid): called before each attempt, counted from 1; paid: the attempt
        before it may have been billed. False forbids another attempt: the last failure is recorded.
    engine: copied into each response; {"seed": "per-request"} sends a seed made from the key.
    stop: once set, nothing is sent; what is in flight is finished, recorded unless it would have
        to be sent again, and the call returns.
    Raises CredentialRefused (in-flight answers are recorded first, the refused requests are not),
    and whatever feed, send, record or on_send raise.
    """
    loop = _Dispatch(feed, endpoint, send, record, on_send, price, route, engine, stop, progress)
    workers = [asyncio.create_task(loop.work(n)) for n in range(loop.pace.ceiling)]
    loop.workers = workers
    watcher = asyncio.create_task(stop.wait())
    watcher.add_done_callback(lambda task: None if task.cancelled() else loop.close())
    try:
        await asyncio.gather(*workers, return_exceptions=True)
    finally:
        watcher.cancel()
        if progress is not None:
            progress.close()
    if loop.error is not None:
        raise loop.error


class _Dispatch:
    """The state of one `dispatch`: workers that take a request each, send it, and record the answer."""

    def __init__(
        self,
        feed: Feed,
        endpoint: dict[str, Any],
        send: Send,
        record: Record,
        on_send: OnSend,
        price: Price,
        route: str,
        engine: dict[str, Any] | None,
        stop: asyncio.Event,
        progress: Progress | None,
    ) -> None:
        self.feed, self.endpoint, self.send = feed, endpoint, send
        self.record, self.on_send, self.price = record, on_send, price
        self.route, self.engine = route, engine or {}
        self.stop, self.progress = stop, progress
        self.request_timeout = float(endpoint["request_timeout_s"])
        self.total_timeout = float(endpoint["total_timeout_s"])
        self.max_attempts = int(endpoint["max_attempts"])
        self.budgets_tokens = bool(endpoint.get("tokens_per_minute"))
        self.pace = Pace(
            ceiling=int(endpoint["max_concurrency"]),
            start=int(endpoint.get("start_concurrency") or SLOW_START),
            requests_per_minute=endpoint.get("requests_per_minute"),
            tokens_per_minute=endpoint.get("tokens_per_minute"),
        )
        self.clock = asyncio.get_running_loop().time
        self.turn = asyncio.Lock()
        self.workers: list[asyncio.Task[None]] = []
        self.sending: set[int] = set()
        self.closed = False
        self.error: Exception | None = None
        self.succeeded = False
        self.same_failure: tuple[Failure | None, int] = (None, 0)
        self.hopeless: Failure | None = None

    @property
    def closing(self) -> bool:
        """Nothing may be sent any more; the event is asked too, for it wakes its watcher later."""
        return self.closed or self.stop.is_set()

    def close(self) -> None:
        """Send nothing more: end the workers that have nothing in flight; the others end themselves."""
        self.closed = True
        for number, worker in enumerate(self.workers):
            if number not in self.sending:
                worker.cancel()

    async def work(self, number: int) -> None:
        """Take requests from the feed, one at a time, until it or the job ends."""
        try:
            while not self.closing:
                async with self.turn:
                    if self.closing:
                        return
                    try:
                        request = await anext(self.feed)
                    except StopAsyncIteration:
                        return
                    if self.hopeless is not None:
                        self._record_unsent(request, self.hopeless)
                        await asyncio.sleep(0)
                        continue
                    tokens = token_estimate(request.body) if self.budgets_tokens else 0
                    await self.pace.enter(tokens)
                await self._finish(number, request, tokens)
        except Exception as error:
            self.sending.discard(number)
            self.error = self.error or error
            self.close()

    async def _finish(self, number: int, request: Request, tokens: int) -> None:
        """Attempt the request, which holds a place in flight, until it is answered or given up."""
        body, engine = self._wire(request)
        deadline = self.clock() + self.total_timeout
        attempt = 0
        response, failure = Response(request.key, "missing"), None
        while not self.closing:
            paid = failure is not None and failure.maybe_paid
            if self.on_send(request, attempt + 1, paid) is False and failure is not None:
                self.pace.leave()
                self._give_up(response, failure, NO_ROOM)
                return
            attempt += 1
            self.sending.add(number)
            if self.progress is not None:
                self.progress.in_flight = self.pace.in_flight
            sent_at, started_at = self.clock(), _utc_now()
            reply = await self.send(body, min(self.request_timeout, deadline - sent_at))
            latency = self.clock() - sent_at
            self.sending.discard(number)
            about: dict[str, Any] = {
                "route": self.route,
                "latency_s": round(latency, 6),
                "started_at": started_at,
                "finished_at": _utc_now(),
                "attempts": attempt,
                "engine": engine,
            }
            response, failure = self._read(request, reply, about)
            self._pace_by(response, failure, tokens, sent_at, reply)
            if failure is None:
                self.succeeded = True
                self._record(response)
                return
            if failure.then == "stop":
                raise self._refusal(failure)
            wait = backoff(attempt, failure.wait)
            if (
                failure.then == "give_up"
                or attempt >= self.max_attempts
                or self.clock() + wait >= deadline
            ):
                self._give_up(response, failure)
                return
            if self.closing:
                return
            await asyncio.sleep(wait)
            await self.pace.enter(tokens, first=True)
            if self.clock() >= deadline or self.hopeless is not None:
                self.pace.leave()
                self._give_up(response, failure)
                return

    def _wire(self, request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
        body = {"model": self.endpoint["model"], **request.body}
        name = self.endpoint.get("max_tokens_field", "max_tokens")
        if name != "max_tokens" and "max_tokens" in body:
            body[name] = body.pop("max_tokens")
        if self.engine.get("seed") != "per-request":
            return body, self.engine
        seed = seed_of(request.key)
        return {**body, "seed": seed}, {**self.engine, "seed": seed}

    def _read(
        self, request: Request, reply: Reply | Failure, about: dict[str, Any]
    ) -> tuple[Response, Failure | None]:
        if isinstance(reply, Failure):
            return Response(request.key, "error", **about), reply
        response = chat.to_response(
            request.key,
            reply.body,
            headers=reply.headers,
            status=reply.status,
            price=self.price,
            **about,
        )
        if response.outcome != "error":
            return response, None
        status, code, _ = chat.error_of(reply.body)
        message = (response.error or {}).get("message", "")
        wait = wait_asked_by(reply.headers, time.time())
        return response, classify(status or reply.status, code, message, wait=wait)

    def _pace_by(
        self,
        response: Response,
        failure: Failure | None,
        tokens: int,
        sent_at: float,
        reply: Reply | Failure,
    ) -> None:
        used = None
        if response.usage.output_tokens is not None:
            used = (response.usage.input_tokens or 0) + response.usage.output_tokens
        if failure is None:
            self.pace.succeeded()
        elif failure.slow_down:
            self.pace.congested(sent_at)
        if failure is not None and failure.wait is not None and failure.wait < self.total_timeout:
            self.pace.pause(failure.wait)
        if isinstance(reply, Reply):
            pause = pause_asked_by(reply.headers, used or 1, time.time())
            if pause:
                self.pace.pause(pause)
        self.pace.leave(estimated=tokens, used=used)

    def _give_up(self, response: Response, failure: Failure, because: str = "") -> None:
        if failure.refused:
            self._record(
                replace(response, outcome="refused", error=None, finish_reason=failure.type)
            )
            return
        error = failure.to_json() | {"message": failure.message + because}
        self._record(replace(response, outcome="error", error=error))
        if self.succeeded or (failure.then == "retry" and not failure.maybe_paid):
            return
        last, count = self.same_failure
        same = last is not None and last.to_json() == failure.to_json()
        self.same_failure = (failure, count + 1 if same else 1)
        if self.same_failure[1] >= HOPELESS_AFTER:
            self.hopeless = failure

    def _record_unsent(self, request: Request, failure: Failure) -> None:
        error = failure.to_json() | {"message": f"not sent: {failure.message}"}
        self._record(
            Response(
                request.key, "error", error=error, attempts=0, route=self.route, engine=self.engine
            )
        )

    def _record(self, response: Response) -> None:
        self.record(response)
        if self.progress is not None:
            self.progress.add(response, self.pace.in_flight)

    def _refusal(self, failure: Failure) -> CredentialRefused:
        host = urlsplit(self.endpoint.get("base_url") or "").hostname or self.endpoint["model"]
        variable = self.endpoint.get("api_key_env")
        if failure.type == "no_quota":
            return CredentialRefused(
                f"{host}: the account behind {variable or 'this endpoint'} has no quota or money left;"
                " top it up and run again (what is answered is kept)"
            )
        detail = f" ({failure.message})" if failure.message and failure.status == 403 else ""
        if self.route == "local":
            return CredentialRefused(f"{host}: HTTP {failure.status}{detail}: {self._own_server()}")
        advice = (
            f"check that {variable} holds a key that is valid there and may use this model"
            if variable
            else "no key was sent; name the variable that holds one as api_key_env of this model"
        )
        return CredentialRefused(f"{host}: refused with HTTP {failure.status}{detail}; {advice}")

    def _own_server(self) -> str:
        """What to do where a server that this job started itself refuses its requests."""
        variable = self.endpoint.get("key_variable")
        if variable is None:
            return (
                "the server asks for a key, and was started with none; write the environment variable "
                "in which it looks for its key as `key_variable` of the model in config/models.yaml"
            )
        return (
            "the server refuses the key that it was started with; it must read it from the environment "
            f"variable {variable} (a container must let that through; with engine openai-server, "
            "`key_variable` of the model in config/models.yaml says which it is)"
        )


def seed_of(key: str) -> int:
    """The seed of a request, where the engine wants one for each: made from its key."""
    return int(key[:8], 16) & 0x7FFFFFFF


def _utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, on uvloop where it is installed."""
    try:
        import uvloop  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
