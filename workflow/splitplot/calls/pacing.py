"""How fast to send and what to do after a failure: one policy for every real-time route."""

import asyncio
import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SLOW_START = 8
"""Requests in flight at the start, doubled by each round of successes."""

BACKOFF_BASE_S, BACKOFF_CEILING_S = 0.5, 60.0

CHARACTERS_PER_TOKEN = 3
"""On the careful side of the usual 4, for the token budget before the provider has counted."""

NO_MONEY = {
    "insufficient_quota",
    "insufficient_balance",
    "billing_hard_limit",
    "billing_hard_limit_reached",
    "billing_not_active",
    "account_deactivated",
}
"""Error codes that no retry mends, whatever the status they come with."""

MODERATED = {"content_filter", "content_policy_violation", "moderation_blocked"}

_CATEGORIES = {
    400: "bad_request",
    401: "credentials",
    402: "no_quota",
    403: "credentials",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    422: "bad_request",
    425: "conflict",
    429: "rate_limited",
}
_RETRIED = {408, 409, 425, 429}
_HOPELESS_EXCEPTIONS = {
    "ClientConnectorCertificateError",
    "ClientConnectorSSLError",
    "InvalidURL",
    "NonHttpUrlClientError",
}
_NEVER_SENT = {"ClientConnectorError", "ConnectionRefusedError"}  # others cut what may be billed


@dataclass(frozen=True)
class Failure:
    """Why an attempt brought no answer, and what follows.

    then: "retry" the request, "give_up" on it (a row with an outcome), or "stop" the job.
    slow_down: a sign of congestion, so fewer requests should be in flight.
    maybe_paid: the provider may have charged for the attempt.
    refused: the provider's filter declined the prompt, which is an answer of its kind.
    wait: seconds the provider asked us to wait, or None.
    """

    then: Literal["retry", "give_up", "stop"]
    type: str
    message: str
    status: int | None = None
    slow_down: bool = False
    maybe_paid: bool = False
    refused: bool = False
    wait: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The `error` of a response."""
        return {"type": self.type, "message": self.message, "status": self.status}


def classify(
    status: int | None,
    code: str | None = None,
    message: str = "",
    *,
    error: BaseException | None = None,
    wait: float | None = None,
) -> Failure:
    """The one place that decides between retry, give up and stop.

    status: HTTP status, or None when no answer came; code: the provider's error code or type;
    error: the exception of the transport, if any; wait: seconds from `retry_after`.
    """
    if status is None and error is not None:
        return _classify_exception(error, message)
    if code in NO_MONEY or status == 402:
        return Failure("stop", "no_quota", message or str(code), status)
    if code in MODERATED:
        return Failure("give_up", str(code), message, status, refused=True)
    if status in (401, 403):
        return Failure("stop", "credentials", message, status)
    if status is None or 200 <= status < 300:
        return Failure("retry", "malformed", message, status, maybe_paid=True)
    if status >= 500 or status in _RETRIED:
        slow_down = status >= 500 or status in (408, 429)
        category = _CATEGORIES.get(status, "server_error")
        return Failure("retry", category, message, status, slow_down=slow_down, wait=wait)
    return Failure("give_up", code or _CATEGORIES.get(status, "http_error"), message, status)


def _classify_exception(error: BaseException, message: str) -> Failure:
    names = {kind.__name__ for kind in type(error).__mro__}
    text = message or f"{type(error).__name__}: {error}"
    if isinstance(error, TimeoutError):
        return Failure("retry", "timeout", text, slow_down=True, maybe_paid=True)
    if names & _HOPELESS_EXCEPTIONS:
        return Failure("give_up", "connection", text)
    return Failure("retry", "connection", text, maybe_paid=not names & _NEVER_SENT)


def backoff(attempt: int, wait: float | None = None) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1).

    Exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015), and at least
    the time that the provider named, with a little jitter, so that not all come back at once.
    """
    spread = random.uniform(0, min(BACKOFF_CEILING_S, BACKOFF_BASE_S * 2 ** min(attempt, 16)))
    if wait is None:
        return spread
    return max(wait + random.uniform(0, min(1.0, 0.1 + 0.25 * wait)), spread)


def token_estimate(body: Mapping[str, Any]) -> int:
    """Tokens a request may use at worst: its text and the output it allows."""
    allowed = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    text = len(str(body.get("messages", "")))
    return text // CHARACTERS_PER_TOKEN + (allowed if isinstance(allowed, int) else 0)


class Bucket:
    """A token bucket whose takings in any 60 s stay within `per_minute` (of units of cost 1).

    burst_s: how many seconds' worth may be taken at once; the refill is slower by that much.
    Times are in seconds of any clock that does not go back.
    """

    def __init__(self, per_minute: float, burst_s: float, now: float) -> None:
        self.capacity = max(1.0, per_minute * burst_s / 60)
        self.rate = max(per_minute - (self.capacity - 1), per_minute / 2) / 60
        self.level, self.at = self.capacity, now

    def delay(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be taken; what exceeds the capacity waits for a full bucket."""
        self.level = min(self.capacity, self.level + (now - self.at) * self.rate)
        self.at = now
        short = min(cost, self.capacity) - self.level
        return short / self.rate if short > 1e-9 else 0.0

    def take(self, cost: float) -> None:
        """Take `cost` (negative gives back); the level may fall below zero, a debt to be refilled."""
        self.level = min(self.capacity, self.level - cost)


class Pace:
    """Says when the next attempt may leave. To be made inside the running loop it serves.

    The limit of attempts in flight starts at `start`, doubles with each round of successes up to
    `ceiling`, halves at congestion (once per round), then grows by one per round (as TCP Reno,
    RFC 5681). Waiting attempts are served in order, retries before new requests.
    """

    def __init__(
        self,
        *,
        ceiling: int,
        start: int = SLOW_START,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self.ceiling = max(1, ceiling)
        self.limit = float(min(max(1, start), self.ceiling))
        self.in_flight = 0
        self._requests = Bucket(requests_per_minute, 0.1, now) if requests_per_minute else None
        self._tokens = Bucket(tokens_per_minute, 5.0, now) if tokens_per_minute else None
        self._threshold = math.inf
        self._last_cut = self._resume_at = -math.inf
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, tokens: int = 0, *, first: bool = False) -> None:
        """Wait for a place in flight and room in the budgets, and take them. Pair with `leave`."""
        if not self._waiting and self.in_flight < int(self.limit) and not self._delay(tokens):
            self._take(tokens)
            return
        place: asyncio.Future[None] = self._loop.create_future()
        if first:
            self._waiting.appendleft((place, tokens))
        else:
            self._waiting.append((place, tokens))
        self._wake()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._wake()
            else:
                self.leave()
            raise

    def leave(self, *, estimated: int = 0, used: int | None = None) -> None:
        """Give the place back, and settle the tokens that were estimated against those used."""
        self.in_flight -= 1
        if self._tokens and used is not None:
            self._tokens.take(used - estimated)
        if self._waiting:
            self._wake()

    def succeeded(self) -> None:
        """An answer came (call before `leave`): let one more in flight, if the limit was in use."""
        if self.limit < self.ceiling and self.in_flight * 2 >= self.limit:
            step = 1.0 if self.limit < self._threshold else 1 / self.limit
            self.limit = min(float(self.ceiling), self.limit + step)

    def congested(self, sent_at: float) -> None:
        """An attempt sent at `sent_at` (loop time) met congestion: halve, once per round."""
        if sent_at >= self._last_cut:
            self._last_cut = self._loop.time()
            self.limit = self._threshold = max(1.0, self.limit / 2)

    def pause(self, seconds: float) -> None:
        """Let nothing leave for so many seconds."""
        self._resume_at = max(self._resume_at, self._loop.time() + seconds)

    def _delay(self, tokens: int) -> float:
        now = self._loop.time()
        delay = max(0.0, self._resume_at - now)
        if self._requests:
            delay = max(delay, self._requests.delay(1, now))
        if self._tokens:
            delay = max(delay, self._tokens.delay(tokens, now))
        return delay

    def _take(self, tokens: int) -> None:
        self.in_flight += 1
        if self._requests:
            self._requests.take(1)
        if self._tokens:
            self._tokens.take(tokens)

    def _wake(self) -> None:
        while self._waiting:
            place, tokens = self._waiting[0]
            if place.done():
                self._waiting.popleft()
                continue
            if self.in_flight >= int(self.limit):
                return
            delay = self._delay(tokens)
            if delay > 0:
                self._wake_after(delay)
                return
            self._waiting.popleft()
            self._take(tokens)
            place.set_result(None)

    def _wake_after(self, delay: float) -> None:
        when = self._loop.time() + delay
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._wake()
