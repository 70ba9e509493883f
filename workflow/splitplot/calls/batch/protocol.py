"""What every provider's batch API comes down to: the interface that each provider module fills."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from splitplot.calls.batch.http import Http
from splitplot.calls.records import Outcome, Request, Usage

State = Literal["running", "ended"]


@dataclass(frozen=True)
class Limits:
    """What a provider takes in one batch; None where it names no limit.

    requests: lines. bytes: of the file, or of the create call where requests travel inline.
    """

    requests: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Order:
    """A batch that is to be created.

    name: content-derived tag ("sp-" and hexadecimal digits, 35 characters), unique per attempt.
    model: the model's name as this provider's batch API wants it.
    count: number of requests. keys: the file of their keys, one per line, in the order of the lines.
    lines: the provider's lines as a JSONL file, or None when only a search is made.
    settings: `batch` of the model's endpoint in plan.json (base_url, window, account, …).
    at: ISO 8601 time (UTC) of the intent, by our clock.
    refs: what `upload` returned, as recorded.
    """

    name: str
    model: str
    count: int
    keys: Path
    lines: Path | None
    settings: Mapping[str, Any]
    at: str
    refs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """What a provider says about one of its batches at one moment.

    id: the provider's id, enough to look again. state: "running" as long as answers may still come;
    a state that nobody knows is "running". provider_state: the provider's own word.
    total, done: requests, and those that have an answer; None where the provider does not count yet.
    error: (code, message) of a batch that failed as a whole, else None.
    expired, cancelled: why a batch ended early; answers made until then may be there.
    refs: ids of result files and whatever else `results` needs; plain JSON.
    tag: what names a batch of ours (our `Order.name`), where the provider gives it back.
    """

    id: str
    state: State
    provider_state: str
    total: int | None = None
    done: int | None = None
    error: tuple[str, str] | None = None
    expired: bool = False
    cancelled: bool = False
    refs: Mapping[str, Any] = field(default_factory=dict)
    tag: str | None = None


@dataclass(frozen=True)
class Result:
    """What a provider returned for one request, in our terms; the fields are those of `Response`.

    outcome: "expired" where the provider gave up for lack of time, "error" where it failed or was
    cancelled (error type "cancelled"). billed: whether the provider charges for it.
    """

    key: str
    outcome: Outcome
    text: str | None = None
    reasoning: str | None = None
    finish_reason: str | None = None
    error: dict[str, Any] | None = None
    usage: Usage = field(default_factory=Usage)
    provider_model: str | None = None
    provider_id: str | None = None
    request_id: str | None = None
    raw: Any = None
    billed: bool = True


class Refused(Exception):
    """The provider certainly did not create the batch, and says why.

    code: the provider's code or type, message: for people, status: HTTP status or None.
    wait: the queue or rate limit of the account is full now; the same batch may be asked for later.
    credentials: the key or account is refused: nothing can succeed.
    seconds: how long the provider asked us to wait, or None.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        wait: bool = False,
        credentials: bool = False,
        seconds: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code, self.message, self.status = code, message, status
        self.wait, self.credentials, self.seconds = wait, credentials, seconds


class Uncertain(Exception):
    """No answer to a create call tells whether it took effect: it must be looked for by listing."""


class Provider(Protocol):
    """One provider's batch API. Holds no state of a batch; every method may run in another process.

    Every method that is given an `Http` may raise `HttpFailure` (of http.py); reads have been retried
    by then.

    default_url: its public address, "" where every account has its own. default_key_env: the usual
    name of the variable that holds the key. tagged: whether a batch of ours can be told for certain
    from another in a listing.
    """

    name: str
    limits: Limits
    default_url: str
    default_key_env: str
    tagged: bool

    def headers(self, api_key: str | None, settings: Mapping[str, Any]) -> dict[str, str]:
        """What every call carries: the key in the way of this provider, and `settings["headers"]`."""

    def check(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Raise ConfigError where sampling parameters or settings cannot be sent this way.

        The message names the parameter and what is allowed. Called before anything is sent.
        """

    def line(
        self, request: Request, model: str, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Our request as one line (or inline entry) of this provider.

        settings: as in `Order`; among them `max_tokens_field`, the name of the answer's limit.
        """

    async def upload(self, http: Http, order: Order) -> dict[str, Any]:
        """Bring `order.lines` to the provider; costs nothing. Returns what `create` and `find` need.

        {} where requests travel inside the create call.
        """

    async def create(self, http: Http, order: Order) -> Snapshot:
        """Make the batch: exactly one paid call, never repeated.

        Raises Refused where it certainly was not made, Uncertain where nobody can tell.
        """

    async def find(self, http: Http, order: Order) -> list[Snapshot]:
        """Batches of the account that may be this order: all pages, newest first.

        One with our tag or our input file is certain, and alone in the list, its `tag` being
        `order.name`. Where a provider keeps no tag: those created since `order.at` (less some hours for
        the clocks) with the same count, their `tag` None; their results tell (`Order.keys`).
        """

    async def look(self, http: Http, batch_id: str) -> Snapshot:
        """The batch at this moment."""

    def results(self, http: Http, snapshot: Snapshot, folder: Path) -> AsyncIterator[Result]:
        """The results of an ended batch, in any order, from all of its files, duplicates included.

        folder: for downloads, which are complete or absent. A line that cannot be read is passed over.
        Errors of single requests are results, too; a request without a line is not (the caller sees
        which keys are missing). Keys that are not ours may come.
        """

    async def cancel(self, http: Http, batch_id: str) -> None:
        """Ask the provider to stop; no error where the batch has ended already."""

    async def discard(self, http: Http, refs: Mapping[str, Any]) -> None:
        """Remove the uploaded input at the provider; called after the results are safe."""
