"""A server on this node that speaks OpenAI's chat API: started, asked, started again where it dies."""

import asyncio
import json
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal

from splitplot.calls.engines.feeding import Calls, Isolation, Source, given_up
from splitplot.calls.engines.listening import is_ours
from splitplot.calls.engines.process import Child, free_port, last_words, quoted
from splitplot.calls.records import Request, Response
from splitplot.errors import SplitplotError

REQUEST_TIMEOUT_S = 3600
"""A long answer of a large model on a busy node takes its time, and asking again would double it."""

MAX_ATTEMPTS = 20
"""Deaths of an engine in one job: enough to find one request among ten thousand by halves, with its
first two deaths. After that the job fails; the next one starts with what is left."""

LOOK_S = 0.25
PORT_TRIES = 3
_PORT_TAKEN = ("address already in use", "eaddrinuse", "errno 98", "only one usage of each socket")


@dataclass(frozen=True)
class LocalServer:
    """A running server. engine: what answered, for each response (name, version, weights, …).

    Requests need `api_key`, where there is one: other users of this machine must not be answered.
    """

    base_url: str
    model: str
    engine: dict[str, Any]
    api_key: str | None = field(repr=False)
    child: Child | None = field(default=None, repr=False)


class StopAsked(Exception):
    """A stop was asked for while a server started."""


def endpoint_for(server: LocalServer, endpoint: dict[str, Any]) -> dict[str, Any]:
    """The real-time endpoint of a running server: as many requests in flight as it has slots."""
    return {
        "base_url": server.base_url,
        "api_key_env": None,
        "key_variable": _key_variable(endpoint),
        "model": server.model,
        "headers": {},
        "max_concurrency": int(endpoint["slots"]),
        "start_concurrency": int(endpoint["slots"]),
        "request_timeout_s": REQUEST_TIMEOUT_S,
        "total_timeout_s": 2 * REQUEST_TIMEOUT_S,
        "max_attempts": 2,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "price": None,
    }


def _key_variable(endpoint: dict[str, Any]) -> str | None:
    """The variable in which the server finds the key that it is to ask for."""
    return "VLLM_API_KEY" if endpoint.get("engine") == "vllm" else endpoint.get("key_variable")


@asynccontextmanager
async def started(
    start: Callable[[int], Child], *, health: str, timeout_s: float, what: str, stop: asyncio.Event
) -> AsyncIterator[tuple[Child, str]]:
    """Start a server on a free port and wait until it is healthy; yields it with its address.

    start: given a port. health: a path that answers 200 when the server is ready.
    Raises SplitplotError with the end of its log where it ends before, or takes too long; StopAsked.
    """
    for attempt in range(1, PORT_TRIES + 1):
        port = free_port()
        child = start(port)
        try:
            address = f"http://127.0.0.1:{port}"
            state = await _awaited(child, port, health, timeout_s, what, stop)
            if state == "ready":
                yield child, address
                return
            # Somebody took the port between our look and its start.
            if attempt < PORT_TRIES and (state == "taken" or _says_port_taken(child)):
                continue
            lines = child.tail()
            if state == "taken":
                raise SplitplotError(
                    f"{what}: port {port} is answered by a process that the command did not start, "
                    f"{PORT_TRIES} times with another port; the server must run in the command's own "
                    "processes (apptainer and podman do, what docker starts does not); the end of its "
                    f"log:{quoted(lines)}"
                )
            raise SplitplotError(
                f"node {socket.gethostname()}: {what} ended with exit code {child.returncode} before it "
                f"was ready: {last_words(lines)}; the end of its log:{quoted(lines)}"
            )
        finally:
            await child.stop()


async def _awaited(
    child: Child, port: int, health: str, timeout_s: float, what: str, stop: asyncio.Event
) -> Literal["ready", "ended", "taken"]:
    """What became of a server; "taken": somebody else answers on its port."""
    url = f"http://127.0.0.1:{port}{health}"
    deadline = monotonic() + timeout_s
    ours = False
    while True:
        if stop.is_set():
            raise StopAsked
        if child.returncode is not None:
            return "ended"
        status = await asyncio.to_thread(_status, url)
        if status is not None and not ours:
            # It would be given the requests and the key, and its answers would be recorded.
            ours = await asyncio.to_thread(is_ours, port, child.pid) is not False
            if not ours:
                return "taken"
            status = await asyncio.to_thread(_status, url)
        if status == 200 and child.returncode is None:
            return "ready"
        if monotonic() > deadline:
            seen = f"HTTP {status}" if status else "no answer"
            raise not_ready(what, timeout_s, f"{seen} at {url}", child)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_S)


def not_ready(what: str, timeout_s: float, seen: str, child: Child) -> SplitplotError:
    """The error of an engine that took too long to start."""
    return SplitplotError(
        f"node {socket.gethostname()}: {what} was not ready within start_timeout_s ({timeout_s:g} s): "
        f"{seen}; the end of its log:{quoted(child.tail())}"
    )


def _says_port_taken(child: Child) -> bool:
    text = "\n".join(child.tail()).lower()
    return any(words in text for words in _PORT_TAKEN)


def fetch(url: str, api_key: str | None = None, timeout: float = 5) -> tuple[int | None, Any]:
    """(status, parsed body) of a GET on this machine, past any proxy; (None, None) without an answer."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
            body = answer.read(1 << 20)
            try:
                return answer.status, json.loads(body)
            except ValueError:
                return answer.status, None
    except urllib.error.HTTPError as error:
        return error.code, None
    except (urllib.error.URLError, OSError, ValueError):
        return None, None


def _status(url: str) -> int | None:
    return fetch(url)[0]


async def answer_all(
    endpoint: dict[str, Any],
    start: Callable[[], AbstractAsyncContextManager[LocalServer]],
    source: Source,
    calls: Calls,
) -> dict[str, Any]:
    """Ask a server everything in the source; where it dies it is started again with what is left.

    Returns what answered, `start_seconds` (of all starts) and `starts`.
    Raises SplitplotError where it cannot be started, or has died MAX_ATTEMPTS times.
    """
    isolation = Isolation()
    limit = int(endpoint.get("max_attempts") or MAX_ATTEMPTS)
    engine: dict[str, Any] = {}
    seconds, starts, dead = 0.0, 0, True
    while dead and not calls.stop.is_set():
        began = monotonic()
        try:
            async with start() as server:
                seconds, starts = seconds + monotonic() - began, starts + 1
                engine, dead = server.engine, False
                while not dead:
                    group = isolation.next_group()
                    asked = _Asked(server, calls)
                    if group:
                        source.give_back(group.requests)
                        asked.only = len(group.requests)
                    await asked.ask(source, endpoint)
                    dead = asked.dead
                    if dead:
                        fruitless = group.fruitless if group else 0
                        left = list(asked.open.values())
                        culprit = isolation.died(left, asked.answered, fruitless)
                        tell_death(server.child, isolation.deaths, limit)
                        if culprit is not None and server.child is not None:
                            words = last_words(server.child.tail())
                            calls.record(given_up(culprit, engine, words))
                    elif group is None:
                        break
        except StopAsked:
            break
    return engine | {"start_seconds": round(seconds, 3), "starts": starts} if engine else {}


def tell_death(child: Child | None, deaths: int, limit: int) -> None:
    """Say in the job's log that an engine died. Raises SplitplotError at the last one allowed."""
    lines = child.tail() if child is not None else []
    code = child.returncode if child is not None else None
    told = f"the engine died (exit code {code}, {deaths} of at most {limit}): {last_words(lines)}"
    if deaths >= limit:
        raise SplitplotError(
            f"{told}; what was answered is recorded, and running again goes on from there. "
            f"The end of its log:{quoted(lines)}"
        )
    print(f"{told}; it is started again with what is left", file=sys.stderr)


class _Asked:
    """One dispatch to a running server: what is still open, and whether the server died of it.

    A failure that a dying server may have made is held back until it is known whether it lives: its
    requests are then asked again, and do not end as errors.
    """

    def __init__(self, server: LocalServer, calls: Calls) -> None:
        self.server, self.calls = server, calls
        self.open: dict[str, Request] = {}
        self.only: int | None = None
        self.answered = 0
        self.dead = False
        self._held: list[Response] = []
        self._stop = asyncio.Event()

    async def ask(self, source: Source, endpoint: dict[str, Any]) -> None:
        """Until the source (or the group at its head) is answered, a stop, or the server's death."""
        from splitplot.calls.realtime import answer

        watcher = asyncio.create_task(self._watch())
        try:
            await answer(
                self._feed(source),
                endpoint_for(self.server, endpoint),
                api_key=self.server.api_key,
                record=self._record,
                on_send=self.calls.on_send,
                price=self.calls.price,
                route="local",
                engine=self.server.engine,
                stop=self._stop,
                progress=self.calls.progress,
            )
        finally:
            watcher.cancel()
        child = self.server.child
        if self._held and not self._is_dead():
            await self._wait_for_death()
        if child is None or child.returncode is None:
            for response in self._held:
                self._settle(response)

    async def _feed(self, source: Source) -> AsyncIterator[Request]:
        given = 0
        while self.only is None or given < self.only:
            request = await source.take()
            if request is None:
                return
            given += 1
            self.open[request.key] = request
            yield request

    def _record(self, response: Response) -> None:
        if response.outcome == "error" and _may_be_death(response.error or {}):
            self._held.append(response)
            self._is_dead()
            return
        self._settle(response)
        later = response.started_at or ""
        lived = [held for held in self._held if (held.finished_at or "~") <= later]
        for held in lived:  # the server has answered something that it was asked after them
            self._held.remove(held)
            self._settle(held)

    def _settle(self, response: Response) -> None:
        self.calls.record(response)
        self.open.pop(response.key, None)
        self.answered += 1

    def _is_dead(self) -> bool:
        child = self.server.child
        if child is not None and child.returncode is not None and not self.calls.stop.is_set():
            self.dead = True
            self._stop.set()
        return self.dead

    async def _watch(self) -> None:
        while not self._is_dead():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.calls.stop.wait(), LOOK_S)
                self._stop.set()
                return

    async def _wait_for_death(self) -> None:
        """A server whose connections break may be on its way down: it has two seconds for it."""
        for _ in range(int(2 / LOOK_S)):
            if self._is_dead():
                return
            await asyncio.sleep(LOOK_S)


def _may_be_death(error: dict[str, Any]) -> bool:
    status = error.get("status")
    return error.get("type") == "connection" or (isinstance(status, int) and status >= 500)
