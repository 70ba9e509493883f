"""Anthropic's Message Batches: requests inline, results as JSONL, no name and no tag."""

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aiohttp import web
from batch_server import Core
from batch_store import Batch, Refuse

BASE = "/v1/messages/batches"
TOKEN_LIMIT = (
    "rate_limit_error",
    "This request would exceed your organization's limit of requests in the processing queue.",
)
VERSIONS = ("2023-06-01", "2026-10-21")
SAMPLING = {"temperature", "top_p", "top_k"}
"""Parameters of the first version that the second has removed, and the SDK's types with it."""

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error_body(status: int, _code: str, message: str) -> dict[str, Any]:
    kind = TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    error = {"type": kind, "message": message, "details": None}
    return {"type": "error", "error": error, "request_id": f"req_{uuid.uuid4().hex[:24]}"}


def foreign(_data: dict[str, Any]) -> dict[str, Any]:
    return {}


def routes(core: Core) -> list[web.RouteDef]:
    async def create(request: web.Request) -> web.StreamResponse:
        wish = await request.json()

        async def make() -> web.Response:
            version = request.headers.get("anthropic-version", "")
            if version not in VERSIONS:
                raise Refuse(400, "", "anthropic-version: header is required")
            entries = checked_entries(core, wish)
            if core.store.full() or core.store.take("token_limit"):
                raise Refuse(429, *TOKEN_LIMIT)
            # No batch fails as a whole here: each of its requests does.
            settings, whole = core.store.settings, core.store.get("fail_whole")
            lines = read_lines(core, entries, version, whole)
            core.store.settings = {**settings, "fail_whole": None}
            try:
                batch = core.store.create_batch(
                    lines,
                    batch_id=f"msgbatch_{uuid.uuid4().hex[:24]}",
                    model=entries[0]["params"].get("model", ""),
                    data={},
                )
            finally:
                core.store.settings = settings
            return core.json(batch_object(core, request, batch))

        return await core.creating(request, make)

    async def list_batches(request: web.Request) -> web.Response:
        query = request.query
        limit = int(query.get("limit", 20))
        if not 1 <= limit <= 1000:
            raise Refuse(400, "", "limit: Input should be between 1 and 1000")
        if unknown := set(query) - {"limit", "before_id", "after_id"}:
            raise Refuse(400, "", f"{unknown.pop()}: Extra inputs are not permitted")
        batches, more = core.store.page(
            after=query.get("after_id"), before=query.get("before_id"), limit=limit
        )
        data = [batch_object(core, request, batch) for batch in batches]
        ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        page = {"data": data, "has_more": more, "first_id": ends[0], "last_id": ends[1]}
        return core.json(page)

    async def retrieve(request: web.Request) -> web.Response:
        return core.json(batch_object(core, request, core.store.look(request.match_info["id"])))

    async def download(request: web.Request) -> web.StreamResponse:
        batch = core.store.look(request.match_info["id"])
        if not batch.ended:
            raise Refuse(404, "", f"Results of {batch.id} are not available: it has not ended.")
        file = core.result_file(batch, "results", lambda: result_lines(core, batch))
        return await core.serve(request, file.path)

    async def cancel(request: web.Request) -> web.Response:
        batch = core.store.look(request.match_info["id"])
        if batch.ended:
            raise Refuse(400, "", f"Batch {batch.id} cannot be canceled: it has ended.")
        return core.json(batch_object(core, request, core.store.cancel(batch.id)))

    async def delete(request: web.Request) -> web.Response:
        batch = core.store.look(request.match_info["id"])
        if not batch.ended:
            raise Refuse(400, "", f"Batch {batch.id} cannot be deleted while it is processing.")
        core.store.delete(batch.id)
        return core.json({"id": batch.id, "type": "message_batch_deleted"})

    return [
        web.post(BASE, create),
        web.get(BASE, list_batches),
        web.get(BASE + "/{id}", retrieve),
        web.get(BASE + "/{id}/results", download),
        web.post(BASE + "/{id}/cancel", cancel),
        web.delete(BASE + "/{id}", delete),
    ]


def checked_entries(core: Core, wish: Any) -> list[dict[str, Any]]:
    """The entries of a create call; their `params` are looked at when they are processed."""
    if not isinstance(wish, dict) or set(wish) != {"requests"} or not wish["requests"]:
        raise Refuse(400, "", "requests: List should have at least 1 item after validation")
    entries: list[dict[str, Any]] = wish["requests"]
    most = core.store.get("max_lines", 100_000)
    if len(entries) > most:
        raise Refuse(400, "", f"requests: List should have at most {most} items after validation")
    seen: set[str] = set()
    for n, entry in enumerate(entries):
        if set(entry) != {"custom_id", "params"} or not isinstance(entry["params"], dict):
            raise Refuse(400, "", f"requests.{n}: an entry has a custom_id and params")
        if not CUSTOM_ID.fullmatch(entry["custom_id"]):
            raise Refuse(400, "", f"requests.{n}.custom_id: String should match the pattern")
        if entry["custom_id"] in seen:
            raise Refuse(400, "", f"requests.{n}.custom_id: must be unique")
        seen.add(entry["custom_id"])
    return entries


def read_lines(
    core: Core, entries: list[dict[str, Any]], version: str, whole: list[str] | None
) -> Iterable[tuple[Any, ...]]:
    checked = core.store.get("check_lines", 1000)
    for n, entry in enumerate(entries):
        wrong = what_is_wrong(entry["params"], version) if n < checked else None
        error = [400, "invalid_request_error", wrong] if wrong else None
        if whole:
            error = [400, whole[0], whole[1]]
        yield entry["custom_id"], entry["params"], error


@cache
def _adapter() -> tuple[Any, Any]:
    from typing import get_type_hints

    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
    from pydantic import TypeAdapter

    kind = MessageCreateParamsNonStreaming
    return TypeAdapter(kind), set(get_type_hints(kind)) - {"stream"}


def what_is_wrong(params: dict[str, Any], version: str) -> str | None:
    """What the SDK's type, and the rules that Anthropic documents, have against a request."""
    from pydantic import ValidationError

    adapter, known = _adapter()
    known = known | SAMPLING if version == VERSIONS[0] else known
    if unknown := set(params) - known:
        return f"{min(unknown)}: Extra inputs are not permitted"
    try:
        # Iterables of a TypedDict are checked when they are walked through.
        validated = adapter.validate_python(params)
        contents = [message["content"] for message in validated["messages"]]
        contents.append(validated.get("system", ""))
        for content in contents:
            for block in [] if isinstance(content, str) else content:
                if block["type"] == "text" and not block["text"].strip():
                    return "messages: text content blocks must be non-empty"
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if params["max_tokens"] < 1:
        return "max_tokens: Input should be greater than or equal to 1"
    if not 0 <= (params.get("temperature") or 0) <= 1:
        return "temperature: range: 0..1"
    thinking = params.get("thinking") or {}
    if thinking.get("budget_tokens", 0) >= params["max_tokens"]:
        return "`max_tokens` must be greater than `thinking.budget_tokens`."
    return None


def moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def batch_object(core: Core, request: web.Request, batch: Batch) -> dict[str, Any]:
    """anthropic.types.messages.MessageBatch as JSON."""
    rest = batch.total - batch.done - batch.failed
    counts = {"processing": batch.total, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    if batch.ended:
        counts |= {"processing": 0, "succeeded": batch.done, "errored": batch.failed}
        counts["canceled" if batch.state == "cancelled" else "expired"] = rest
    status = "canceling" if batch.state == "cancelling" else "in_progress"
    status = "ended" if batch.ended else status
    where = f"{request.url.origin()}{BASE}/{batch.id}/results"
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "rebalancing" if batch.unknown else status,
        "request_counts": counts,
        "ended_at": moment(batch.ended_at),
        "created_at": moment(batch.created_at),
        "expires_at": moment(batch.created_at + 86400),
        "archived_at": None,
        "cancel_initiated_at": moment(batch.cancel_at),
        "results_url": where if batch.ended else None,
    }


def result_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    for found in core.store.results(batch):
        result: dict[str, Any]
        if found["outcome"] == "ok":
            result = {"type": "succeeded", "message": message(batch, found)}
        elif found["outcome"] == "error":
            status, code, text = found["error"]
            error = error_body(status, code, text)
            error["error"]["type"] = code if code in TYPES.values() else error["error"]["type"]
            result = {"type": "errored", "error": error}
        else:
            result = {"type": {"cancelled": "canceled"}.get(found["outcome"], found["outcome"])}
        yield {"custom_id": found["custom_id"], "result": result}


def message(batch: Batch, found: dict[str, Any]) -> dict[str, Any]:
    """anthropic.types.Message as JSON."""
    usage = found["usage"]
    content: list[dict[str, Any]] = [{"type": "text", "text": found["text"]}]
    if usage["reasoning"]:
        content.insert(0, {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"})
    return {
        "id": f"msg_{batch.n}_{found['n']}",
        "type": "message",
        "role": "assistant",
        "model": found["model"],
        "content": content,
        "stop_reason": {"stop": "end_turn", "length": "max_tokens"}[found["finish"]],
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage["input"] - usage["cached"],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage["cached"],
            "output_tokens": usage["output"],
            "output_tokens_details": {"thinking_tokens": usage["reasoning"]},
            "service_tier": "batch",
        },
    }
