"""OpenAI's Files and Batch API, and what Azure, Groq and Together have in common with it."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any

from aiohttp import web
from batch_server import Core
from batch_store import Batch, File, Refuse

TOKEN_LIMIT = (
    "token_limit_exceeded",
    "Enqueued token limit reached for the model. Please try again once some in_progress batches"
    " have been completed.",
)
WORDS = {
    "validating": "validating",
    "running": "in_progress",
    "cancelling": "cancelling",
    "completed": "completed",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
    "unknown": "defragmenting",
}
EXPIRED = "This request could not be executed before the completion window expired."


@dataclass(frozen=True)
class Dialect:
    """How a provider differs. params: the SDK's type of a create call; body: of a line's body.

    urls: the `endpoint`s, and what a line's url may be for each. windows: the completion windows where
    the SDK's type takes any text. whole_line: with method and url. page_by: the parameter of the
    next page. codes: other names of the codes in `problems`. before: refuses a call for what it lacks.
    """

    params: Any
    body: Any
    lines: int = 50_000
    bytes: int = 200_000_000
    urls: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"/v1/chat/completions": ("/v1/chat/completions",)}
    )
    whole_line: bool = True
    page_by: str = "after"
    windows: tuple[str, ...] = ("24h",)
    codes: dict[str, str] = field(default_factory=dict)
    empty_error_file: bool = False
    before: Callable[[web.Request], None] = lambda request: None


def routes(core: Core) -> list[web.RouteDef]:
    from openai.types.batch_create_params import BatchCreateParams
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    dialect = Dialect(BatchCreateParams, CompletionCreateParamsNonStreaming)
    return table(core, "/v1", dialect)


def table(core: Core, base: str, dialect: Dialect) -> list[web.RouteDef]:
    """The routes of Files and Batches under the path `base`."""

    async def upload(request: web.Request) -> web.Response:
        fields, path, name = await core.receive_form(request)
        if fields.get("purpose") != "batch":
            raise Refuse(
                400, "invalid_purpose", f"'{fields.get('purpose')}' is not one of ['batch']"
            )
        if path.stat().st_size > dialect.bytes:
            raise Refuse(413, "file_too_large", "File is too large")
        return core.json(file_object(core, core.store.new_file(path, name=name, purpose="batch")))

    async def retrieve_file(request: web.Request) -> web.Response:
        return core.json(file_object(core, core.store.file(request.match_info["id"])))

    async def list_files(request: web.Request) -> web.Response:
        files = [file_object(core, file) for file in core.store.files()]
        return core.json({"object": "list", "data": files, "has_more": False})

    async def download(request: web.Request) -> web.StreamResponse:
        return await core.serve(request, core.store.file(request.match_info["id"]).path)

    async def delete(request: web.Request) -> web.Response:
        core.store.delete_file(request.match_info["id"])
        return core.json({"id": request.match_info["id"], "object": "file", "deleted": True})

    async def create(request: web.Request) -> web.StreamResponse:
        wish = await request.json()

        async def make() -> web.Response:
            # The SDK's type names one spelling of the endpoint; a provider may know others.
            check(dialect.params, wish | {"endpoint": "/v1/chat/completions"})
            if wish["endpoint"] not in dialect.urls:
                raise Refuse(400, "invalid_request_error", f"endpoint: {wish['endpoint']}")
            if wish["completion_window"] not in dialect.windows:
                message = f"completion_window: {wish['completion_window']}"
                raise Refuse(400, "invalid_request_error", message)
            file = core.store.file(wish["input_file_id"])
            if is_pending(core, file):
                raise Refuse(400, "invalid_request", "The file is not processed yet.")
            if file.purpose != "batch":
                raise Refuse(400, "invalid_request", "The file's purpose must be 'batch'.")
            if core.store.full():
                raise Refuse(429, "rate_limit_exceeded", "Too many batches are in progress.")
            batch_id = f"batch_{uuid.uuid4().hex}"
            fail, model = problems(core, dialect, file, wish["endpoint"])
            fail = [[dialect.codes.get(code, code), *rest] for code, *rest in fail]
            lines = () if fail else read_lines(core, dialect, file)
            batch = core.store.create_batch(
                lines, batch_id=batch_id, model=model, data=wish, fail=fail
            )
            return core.json(batch_object(core, dialect, batch))

        return await core.creating(request, make)

    async def list_batches(request: web.Request) -> web.Response:
        query = request.query
        limit = int(query.get("limit", 20))
        if not 1 <= limit <= 100:
            raise Refuse(400, "invalid_value", "'limit' must be between 1 and 100")
        batches, more = core.store.page(after=query.get(dialect.page_by), limit=limit)
        data = [batch_object(core, dialect, batch) for batch in batches]
        page = {"object": "list", "data": data}
        if dialect.page_by == "cursor":
            page |= {"paging": {"next_cursor": data[-1]["id"]}} if more else {}
        else:
            ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
            page |= {**ends, "has_more": more}
        return core.json(page)

    async def retrieve(request: web.Request) -> web.Response:
        return core.json(batch_object(core, dialect, core.store.look(request.match_info["id"])))

    async def cancel(request: web.Request) -> web.Response:
        batch = core.store.look(request.match_info["id"])
        if batch.ended:
            message = f"Cannot cancel a batch with status '{batch.state}'."
            raise Refuse(409, "invalid_request_error", message)
        return core.json(batch_object(core, dialect, core.store.cancel(batch.id)))

    def asked(handler: Any) -> Any:
        @wraps(handler)
        async def ask(request: web.Request) -> web.StreamResponse:
            dialect.before(request)
            return await handler(request)

        return ask

    return [
        web.post(f"{base}/files", asked(upload)),
        web.get(f"{base}/files", asked(list_files)),
        web.get(f"{base}/files/{{id}}", asked(retrieve_file)),
        web.get(f"{base}/files/{{id}}/content", asked(download)),
        web.delete(f"{base}/files/{{id}}", asked(delete)),
        web.post(f"{base}/batches", asked(create)),
        web.get(f"{base}/batches", asked(list_batches)),
        web.get(f"{base}/batches/{{id}}", asked(retrieve)),
        web.post(f"{base}/batches/{{id}}/cancel", asked(cancel)),
    ]


def foreign(data: dict[str, Any]) -> dict[str, Any]:
    metadata = {"project": "theirs"} if data.get("metadata") else None
    return {**data, "input_file_id": f"file-{uuid.uuid4().hex}", "metadata": metadata}


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter, with_config

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(kind))


def check(kind: Any, value: Any) -> None:
    """Refuse what the SDK's own type does not take, extra fields included."""
    wrong = what_is_wrong(kind, value)
    if wrong:
        raise Refuse(400, "invalid_request_error", wrong)


def what_is_wrong(kind: Any, value: Any) -> str | None:
    from pydantic import ValidationError

    try:
        validated = _adapter(kind).validate_python(value)
        # Iterables of a TypedDict are checked when they are walked through.
        for part in validated.values():
            if not isinstance(part, str | int | float | dict | list | None):
                list(part)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}"
    return None


def problems(
    core: Core, dialect: Dialect, file: File, endpoint: str
) -> tuple[list[list[Any]], str]:
    """What fails a batch in its validation, [code, message, line], and the model of the file."""
    seen: set[str] = set()
    models: set[str] = set()
    count = 0
    most = core.store.get("max_lines", dialect.lines)
    with file.path.open("rb") as lines:
        for n, text in enumerate(lines, 1):
            try:
                line = json.loads(text)
                custom_id, body = line["custom_id"], line["body"]
                if dialect.whole_line and (line["method"], len(line)) != ("POST", 4):
                    raise ValueError
            except (ValueError, KeyError, TypeError):
                message = "This line is not parseable as valid JSON, or lacks what it must have."
                return [["invalid_json_line", message, n]], ""
            if dialect.whole_line and line["url"] not in dialect.urls[endpoint]:
                message = (
                    f"The URL provided for this request does not match the endpoint: {line['url']}"
                )
                return [["mismatched_url", message, n]], ""
            if custom_id in seen:
                message = f"The custom_id '{custom_id}' was already used."
                return [["duplicate_custom_id", message, n]], ""
            seen.add(custom_id)
            models.add(body.get("model", ""))
            if len(models) > 1:
                return [["mismatched_model", "One model per batch, please.", n]], ""
            count += 1
    if not count:
        return [["empty_file", "The batch input file is empty.", None]], ""
    if count > most:
        message = f"The batch contains too many requests: {count}, at most {most}."
        return [["too_many_tasks", message, None]], ""
    return [], models.pop()


def read_lines(core: Core, dialect: Dialect, file: File) -> Iterator[tuple[Any, ...]]:
    """The lines as the core wants them; a body that the SDK's type does not take fails alone."""
    checked = core.store.get("check_lines", 1000)
    with file.path.open("rb") as lines:
        for n, text in enumerate(lines):
            line = json.loads(text)
            body = line["body"]
            wrong = what_is_wrong(dialect.body, body) if n < checked else None
            error = [400, "invalid_request_error", wrong] if wrong else None
            yield line["custom_id"], body, error


def is_pending(core: Core, file: File) -> bool:
    """Whether a new file cannot be used yet (setting `file_pending_s`)."""
    return time.time() - file.created_at < core.store.get("file_pending_s", 0)


def file_object(core: Core, file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "pending" if is_pending(core, file) else "processed",
    }


def batch_object(core: Core, dialect: Dialect, batch: Batch) -> dict[str, Any]:
    """openai.types.Batch as JSON."""
    at = {
        "completed": "completed_at",
        "failed": "failed_at",
        "expired": "expired_at",
        "cancelled": "cancelled_at",
    }.get(batch.state)
    errors = [
        {"code": code, "message": message, "param": None, "line": line}
        for code, message, line in batch.fail
    ]
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.data["endpoint"],
        "model": batch.model,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": batch.data["input_file_id"],
        "completion_window": batch.data.get("completion_window", "24h"),
        "status": batch.word(WORDS),
        "created_at": int(batch.created_at),
        "expires_at": int(batch.created_at) + 86400,
        "cancelling_at": int(batch.cancel_at) if batch.cancel_at else None,
        "request_counts": {
            "total": batch.total if batch.validated else 0,
            "completed": batch.done,
            "failed": batch.failed,
        },
        "metadata": batch.data.get("metadata"),
        **({at: int(batch.ended_at or time.time())} if at else {}),
        **result_files(core, dialect, batch),
    }


def result_files(core: Core, dialect: Dialect, batch: Batch) -> dict[str, str | None]:
    """The ids of the output file (answers) and the error file (failures, and what expired)."""
    if not batch.ended or batch.state == "failed":
        return {"output_file_id": None, "error_file_id": None}
    wrong = batch.failed or batch.done < batch.total
    output = error = None
    if batch.done:
        output = core.result_file(batch, "output", lambda: output_lines(core, batch)).id
    if wrong or dialect.empty_error_file:
        error = core.result_file(batch, "error", lambda: error_lines(core, batch)).id
    return {"output_file_id": output, "error_file_id": error}


def output_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    for found in core.store.results(batch):
        if found["outcome"] == "ok":
            yield line_of(batch, found, completion(batch, found), 200)


def error_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    for found in core.store.results(batch):
        if found["outcome"] == "error":
            status, code, message = found["error"]
            kind = "server_error" if status >= 500 else "invalid_request_error"
            error = {"message": message, "type": kind, "param": None, "code": code}
            yield line_of(batch, found, {"error": error}, status)
        elif found["outcome"] != "ok":
            code = f"batch_{found['outcome']}"
            message = EXPIRED if found["outcome"] == "expired" else "This batch was cancelled."
            error = {"code": code, "message": message}
            yield {**line_of(batch, found, None, 0), "response": None, "error": error}


def line_of(batch: Batch, found: dict[str, Any], body: Any, status: int) -> dict[str, Any]:
    return {
        "id": f"batch_req_{batch.n}_{found['n']}",
        "custom_id": found["custom_id"],
        "response": {
            "status_code": status,
            "request_id": f"req_{batch.n}_{found['n']}",
            "body": body,
        },
        "error": None,
    }


def completion(batch: Batch, found: dict[str, Any]) -> dict[str, Any]:
    """openai.types.chat.ChatCompletion as JSON."""
    usage = found["usage"]
    message = {"role": "assistant", "content": found["text"], "refusal": None, "annotations": []}
    return {
        "id": f"chatcmpl-{batch.n}-{found['n']}",
        "object": "chat.completion",
        "created": int(batch.created_at),
        "model": found["model"],
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": found["finish"]}
        ],
        "usage": {
            "prompt_tokens": usage["input"],
            "completion_tokens": usage["output"],
            "total_tokens": usage["input"] + usage["output"],
            "prompt_tokens_details": {"cached_tokens": usage["cached"]},
            "completion_tokens_details": {"reasoning_tokens": usage["reasoning"]},
        },
        "service_tier": "default",
    }
