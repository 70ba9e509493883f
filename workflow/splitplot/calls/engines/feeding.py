"""What an engine still has to answer: a feed that can be looked into, and how to find what kills it."""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from splitplot.calls.dispatch import Feed, OnSend, Price, Record
from splitplot.calls.progress import Progress
from splitplot.calls.records import Request, Response


@dataclass(frozen=True)
class Calls:
    """What an engine calls while it answers, as in `dispatch`."""

    record: Record
    on_send: OnSend
    price: Price
    stop: asyncio.Event
    progress: Progress | None


class Source:
    """A feed to which requests may be given back, and that ends when a stop is asked for."""

    def __init__(self, feed: Feed, stop: asyncio.Event) -> None:
        self._feed, self._stop = feed, stop
        self._back: deque[Request] = deque()
        self._next: asyncio.Future[Request] | None = None

    async def take(self, patience_s: float | None = None) -> Request | None:
        """The next request; None at the end, after a stop, and where none comes within `patience_s`."""
        if self._stop.is_set():
            return None
        if self._back:
            return self._back.popleft()
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._feed))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            # `wait` leaves what it waits for alone: a caller that is cancelled loses no request.
            both: list[asyncio.Future[Any]] = [self._next, stopped]
            await asyncio.wait(both, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if self._stop.is_set() or not self._next.done():
            return None
        coming, self._next = self._next, None
        try:
            return coming.result()
        except StopAsyncIteration:
            return None

    def give_back(self, requests: Iterable[Request]) -> None:
        """Make these the next to come."""
        self._back.extendleft(reversed(list(requests)))

    async def close(self) -> None:
        """Ask the feed for nothing more."""
        if self._next is not None:
            self._next.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                await self._next

    def __aiter__(self) -> "Source":
        return self

    async def __anext__(self) -> Request:
        request = await self.take()
        if request is None:
            raise StopAsyncIteration
        return request


class Group(NamedTuple):
    """Requests to be asked together, and in how many deaths in a row they brought no answer."""

    requests: list[Request]
    fruitless: int


class Isolation:
    """Finds the request that kills an engine: those in hand at a death are asked again, then by halves.

    Twice as they are (an engine may die of something else), then halved until one is alone.
    """

    def __init__(self) -> None:
        self.groups: deque[Group] = deque()
        self.deaths = 0

    def next_group(self) -> Group | None:
        """What to ask next; None where no suspects are left."""
        return self.groups.popleft() if self.groups else None

    def died(self, left: list[Request], answered: int, fruitless: int) -> Request | None:
        """Note a death: what was in hand without an answer, how many it had answered before.

        Returns the request that is given up, because the engine died with it alone.
        """
        self.deaths += 1
        fruitless = 1 if answered else fruitless + 1
        if fruitless < 2 and left:
            self.groups.appendleft(Group(left, fruitless))
        elif len(left) == 1:
            return left[0]
        elif left:
            middle = len(left) // 2
            self.groups.appendleft(Group(left[middle:], 1))
            self.groups.appendleft(Group(left[:middle], 1))
        return None


def given_up(request: Request, engine: dict[str, Any], last_words: str) -> Response:
    """The response to a request that the engine dies of."""
    message = f"the engine died whenever it was asked this, at last alone: {last_words}"
    error = {"type": "engine_died", "message": message, "status": None}
    return Response(request.key, "error", error=error, attempts=2, route="local", engine=engine)
