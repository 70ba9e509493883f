"""Anthropic's Message Batches: requests travel inside the create call, and a batch has no name."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from splitplot.calls import chat
from splitplot.calls.batch.anthropic_body import check, params
from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.lines import read_results
from splitplot.calls.batch.native import count, mapping, not_created, objects, string
from splitplot.calls.batch.protocol import Limits, Order, Result, Snapshot, Uncertain
from splitplot.calls.records import Outcome, Request, Usage

PATH = "/v1/messages/batches"
VERSION = "2023-06-01"
"""As litellm sends in real time; the next one, 2026-10-21, takes no temperature, top_p or top_k."""

PAGE = 100
CLOCKS_S = 3 * 3600.0
OVERLOADED = 529
WRAPPING = 64
"""Bytes around the requests of a create call."""

_OUTCOMES: dict[str, Outcome] = {
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "pause_turn": "truncated",
    "refusal": "refused",
}
_UNANSWERED: dict[str, tuple[Outcome, dict[str, Any]]] = {
    "expired": (
        "expired",
        {"type": "expired", "message": "the batch expired first", "status": None},
    ),
    "canceled": (
        "error",
        {"type": "cancelled", "message": "the batch was cancelled first", "status": None},
    ),
}
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": OVERLOADED,
}
"""HTTP status that stands for each type of error in Anthropic's documentation."""


class Anthropic:
    """Message Batches. `finish_reason` keeps Anthropic's word: "end_turn" where real time says "stop"."""

    name = "anthropic"
    limits = Limits(requests=100_000, bytes=256_000_000 - WRAPPING)
    default_url = "https://api.anthropic.com"
    default_key_env = "ANTHROPIC_API_KEY"
    tagged = False

    def headers(self, api_key: str | None, settings: Mapping[str, Any]) -> dict[str, str]:
        """The key, and the version of the API that this module speaks."""
        key = {"x-api-key": api_key} if api_key else {}
        return {**key, "anthropic-version": VERSION, **(settings.get("headers") or {})}

    def check(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Raise ConfigError for what Anthropic does not take, or litellm would send otherwise."""
        check(parameters, settings)

    def line(
        self, request: Request, model: str, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """{"custom_id", "params"}: an entry of the create call's `requests`."""
        return {"custom_id": request.key, "params": params(request.body, model)}

    async def upload(self, http: Http, order: Order) -> dict[str, Any]:
        """Nothing: requests travel in the create call."""
        return {}

    async def create(self, http: Http, order: Order) -> Snapshot:
        """Send all lines in one call, streamed from a file made for it beside them."""
        assert order.lines is not None, "an order to be created has lines"
        # With this name, it is removed with the batch's other files should we be killed meanwhile.
        body = order.lines.with_name(f"{order.name}.create.jsonl")
        try:
            _write_call(order.lines, body)
            answer, _ = await http.post_file(
                _url(http), body, once=True, headers={"Content-Type": "application/json"}
            )
        except HttpFailure as error:
            raise not_created(error) from None
        finally:
            body.unlink(missing_ok=True)
        if not string(answer, "id"):
            raise Uncertain("the answer to the create call names no batch")
        return _snapshot(answer)

    async def find(self, http: Http, order: Order) -> list[Snapshot]:
        """Batches since the order with as many requests; only their results tell whose they are."""
        since = datetime.fromisoformat(order.at).timestamp() - CLOCKS_S
        found: list[Snapshot] = []
        pages: set[str] = set()
        after: dict[str, str] = {}
        while True:
            page = await http.get(_url(http), {"limit": PAGE, **after})
            items = [item for item in objects(page, "data") if string(item, "id")]
            young = [item for item in items if _seconds(item, since) >= since]
            snapshots = [_snapshot(item) for item in young]
            known = {snapshot.id for snapshot in found}  # the list moves while its pages are read
            found += [s for s in snapshots if s.total == order.count and s.id not in known]
            last = string(page, "last_id") or (items[-1]["id"] if items else "")
            if not page or not page.get("has_more") or len(young) < len(items) or last in pages:
                return found
            pages.add(last)
            after = {"after_id": last}

    async def look(self, http: Http, batch_id: str) -> Snapshot:
        """GET /v1/messages/batches/{id}."""
        answer = await http.get(_url(http, batch_id))
        return _snapshot({**(answer if isinstance(answer, dict) else {}), "id": batch_id})

    async def results(self, http: Http, snapshot: Snapshot, folder: Path) -> AsyncIterator[Result]:
        """The results file, at its documented address: `results_url` could send our key elsewhere."""
        path = folder / f"results-{re.sub(r'[^A-Za-z0-9_-]', '-', snapshot.id)[-80:]}.jsonl"
        await http.download(f"{_url(http, snapshot.id)}/results", path)
        for row in read_results(path, http.secret):
            result = _result(row)
            if result is not None:
                yield result

    async def cancel(self, http: Http, batch_id: str) -> None:
        """POST /v1/messages/batches/{id}/cancel; a batch that has ended cannot be cancelled."""
        try:
            await http.post(f"{_url(http, batch_id)}/cancel", once=False)
        except HttpFailure as error:
            if error.status not in (400, 409):
                raise

    async def discard(self, http: Http, refs: Mapping[str, Any]) -> None:
        """Nothing was uploaded."""


def _url(http: Http, batch_id: str | None = None) -> str:
    root = http.base_url.removesuffix("/v1") + PATH
    return root if batch_id is None else f"{root}/{quote(batch_id, safe='')}"


def _write_call(lines: Path, to: Path) -> None:
    """{"requests": […]} of the lines; never all in memory."""
    with lines.open("rb") as source, to.open("wb") as file:
        file.write(b'{"requests":[')
        first = source.readline()
        file.write(first.rstrip())
        for line in source:
            file.write(b"," + line.rstrip())
        file.write(b"]}")


def _seconds(item: dict[str, Any], default: float) -> float:
    try:
        moment = datetime.fromisoformat(item["created_at"])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (KeyError, TypeError, ValueError):
        return default


def _snapshot(batch: dict[str, Any]) -> Snapshot:
    counts = mapping(batch, "request_counts")
    numbers = {name: n for name in counts if (n := count(counts, name)) is not None}
    status = string(batch, "processing_status") or "unknown"
    ended = status == "ended"
    return Snapshot(
        id=batch["id"],
        state="ended" if ended else "running",
        provider_state=status,
        total=sum(numbers.values()) if numbers else None,
        # Until a batch ends, all of its requests count as processing.
        done=numbers.get("succeeded") if ended else None,
        expired=ended and numbers.get("expired", 0) > 0,
        cancelled=ended and string(batch, "cancel_initiated_at") is not None,
    )


def _result(row: dict[str, Any]) -> Result | None:
    key, result = string(row, "custom_id"), mapping(row, "result")
    kind = string(result, "type")
    if key is None or kind is None:
        return None
    if kind == "succeeded":
        return _answer(key, result.get("message"))
    if kind in _UNANSWERED:
        outcome, error = _UNANSWERED[kind]
        return Result(key, outcome, error=dict(error), raw=result, billed=False)
    _, name, message = chat.error_of(result.get("error"))
    name = chat.tidy(name or kind)
    error = {"type": name, "message": message, "status": _STATUS.get(name)}
    request_id = string(result.get("error"), "request_id")
    return Result(key, "error", error=error, request_id=request_id, raw=result, billed=False)


def _answer(key: str, message: Any) -> Result:
    """A message as a result. Tokens read from a cache, or written to one, are part of the input."""
    usage = mapping(message, "usage")
    read = count(usage, "cache_read_input_tokens")
    parts = [count(usage, "input_tokens"), read, count(usage, "cache_creation_input_tokens")]
    tokens = Usage(
        input_tokens=None if parts[0] is None else sum(part or 0 for part in parts),
        output_tokens=count(usage, "output_tokens"),
        reasoning_tokens=count(mapping(usage, "output_tokens_details"), "thinking_tokens"),
        cached_tokens=read,
    )
    about: dict[str, Any] = {
        "usage": tokens,
        "provider_model": string(message, "model"),
        "provider_id": string(message, "id"),
        "raw": message,
    }
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        error = {"type": "malformed", "message": "the answer holds no content", "status": 200}
        return Result(key, "error", error=error, **about)
    blocks = objects(message, "content")
    text = "".join(string(b, "text") or "" for b in blocks if b.get("type") == "text")
    thoughts = "".join(string(b, "thinking") or "" for b in blocks if b.get("type") == "thinking")
    reason = string(message, "stop_reason")
    return Result(
        key,
        _OUTCOMES.get(reason or "", "ok" if text.strip() else "empty"),
        text=text if any(b.get("type") == "text" for b in blocks) else None,
        reasoning=thoughts or None,
        finish_reason=reason,
        **about,
    )
