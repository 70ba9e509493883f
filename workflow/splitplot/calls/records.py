"""What travels: a request in the OpenAI batch line shape, and a response in provider-neutral shape."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from splitplot.canonical import digest

Outcome = Literal[
    "ok", "truncated", "refused", "empty", "error", "expired", "over_quota", "missing"
]
OUTCOMES: tuple[Outcome, ...] = (
    "ok",
    "truncated",
    "refused",
    "empty",
    "error",
    "expired",
    "over_quota",
    "missing",
)
LOST: frozenset[Outcome] = frozenset({"error", "expired", "over_quota", "missing"})
"""Outcomes in which no answer of the model reached us: holes, not wrong answers."""

KEY_LENGTH = 32
"""Hexadecimal digits of a request key: a valid `custom_id` at every provider."""


@dataclass(frozen=True)
class Request:
    """One call. `body` is the OpenAI chat body without `model`; the route adds the model's name there.

    key: content hash; equal keys are the same call and are paid once.
    """

    key: str
    body: dict[str, Any]
    url: str = "/v1/chat/completions"


def request_key(model_identity: Any, body: dict[str, Any], replication: int, wave: str = "") -> str:
    """Key of a request: hash of the route-independent model identity, the body, the replication, and the
    name of a wave that is not the first."""
    return digest([model_identity, body, replication, *([wave] if wave else [])], KEY_LENGTH)


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them; None where it said nothing. Output includes reasoning."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True)
class Response:
    """One answer, whatever the route. Times are ISO 8601 in UTC; `latency_s` in seconds.

    error: {"type", "message", "status"} where the outcome is an error, else None.
    engine: what a local engine used (seed, threads, slots, weights_sha256, …); empty for providers.
    study: the study that paid for it.
    raw: the provider's body as it came, or None.
    """

    key: str
    outcome: Outcome
    text: str | None = None
    reasoning: str | None = None
    finish_reason: str | None = None
    error: dict[str, Any] | None = None
    usage: Usage = field(default_factory=Usage)
    usd: float | None = None
    latency_s: float | None = None
    started_at: str | None = None
    finished_at: str | None = None
    attempts: int = 1
    route: str = ""
    provider_model: str | None = None
    provider_id: str | None = None
    request_id: str | None = None
    engine: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False
    study: str = ""
    raw: Any = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for one line of JSON (shallow: `raw` is not copied)."""
        return vars(self) | {"usage": vars(self.usage)}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Response":
        """Rebuild from `to_json`; fields written by a newer version are ignored."""
        values = {k: v for k, v in row.items() if k in _KNOWN}
        usage = values.get("usage") or {}
        values["usage"] = Usage(*[usage.get(name) for name in _USAGE])
        return cls(**values)


_FIELDS = tuple(f.name for f in fields(Response))
_KNOWN = frozenset(_FIELDS)
_USAGE = tuple(f.name for f in fields(Usage))
_RECORD = ("kind", "key", "gap", "at", *_FIELDS[1:])
"""What a record of a response in the ledger is, as this version writes it."""


def row_of_record(record: dict[str, Any]) -> dict[str, Any]:
    """The row of responses.jsonl that a response record of the ledger is: `to_json` of its response."""
    if tuple(record) == _RECORD and tuple(record["usage"] or ()) == _USAGE:
        return {name: record[name] for name in _FIELDS}  # as it lies there, without an object each
    return Response.from_json(record).to_json()
