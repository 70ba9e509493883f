"""Mistral's Files and Batch API, after the types of mistralai 3.7 and its documentation.

Settings of its own: ignore_metadata: the listing does not know the filter by metadata; files_late:
n next looks at an ended batch name no result files yet.
From memory: the shapes of errors, and of the lines of an error file.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import web
from batch_server import Core, load
from batch_store import Batch, File, Refuse

openai = load("openai")

TOKEN_LIMIT = ("too_many_pending", "Too many pending requests in this workspace.")
LINES = 1_000_000
BYTES = 512_000_000
WORDS = {
    "validating": "QUEUED",
    "running": "RUNNING",
    "cancelling": "CANCELLATION_REQUESTED",
    "completed": "SUCCESS",
    "failed": "FAILED",
    "expired": "TIMEOUT_EXCEEDED",
    "cancelled": "CANCELLED",
    "unknown": "DEFRAGMENTING",
}
FILTERS = {
    "page",
    "page_size",
    "model",
    "agent_id",
    "created_after",
    "created_by_me",
    "status",
    "order_by",
}
"""Parameters of a listing; any other names a pair of the metadata."""


def routes(core: Core) -> list[web.RouteDef]:
    from mistralai.client.models import CreateBatchJobRequestTypedDict

    async def upload(request: web.Request) -> web.Response:
        fields, path, name = await core.receive_form(request)
        if fields.get("purpose") != "batch":
            raise Refuse(422, "invalid_request_error", "purpose: not for a batch")
        if path.stat().st_size > BYTES:
            raise Refuse(413, "invalid_request_error", "The file is too large.")
        file_id = str(uuid.uuid4())
        file = core.store.new_file(path, name=name, purpose="batch", file_id=file_id)
        return core.json(file_object(file))

    async def retrieve_file(request: web.Request) -> web.Response:
        return core.json(file_object(core.store.file(request.match_info["id"])))

    async def download(request: web.Request) -> web.StreamResponse:
        return await core.serve(request, core.store.file(request.match_info["id"]).path)

    async def delete(request: web.Request) -> web.Response:
        core.store.delete_file(request.match_info["id"])
        return core.json({"id": request.match_info["id"], "object": "file", "deleted": True})

    async def create(request: web.Request) -> web.StreamResponse:
        wish = await request.json()

        async def make() -> web.Response:
            wrong = openai.what_is_wrong(CreateBatchJobRequestTypedDict, wish)
            if wrong or wish["endpoint"] != "/v1/chat/completions":
                raise Refuse(422, "invalid_request_error", wrong or "endpoint: unknown")
            if not 1 <= wish.get("timeout_hours", 24) <= 168 or not wish.get("model"):
                raise Refuse(422, "invalid_request_error", "timeout_hours or model: not valid")
            file = core.store.file(wish["input_files"][0])
            if core.store.full():
                raise Refuse(429, "rate_limited", "Too many pending requests.")
            fail = problems(core, file)
            lines = () if fail else read_lines(core, file, wish["model"])
            batch = core.store.create_batch(
                lines, batch_id=str(uuid.uuid4()), model=wish["model"], data=wish, fail=fail
            )
            return core.json(batch_job(core, batch))

        return await core.creating(request, make)

    async def list_batches(request: web.Request) -> web.Response:
        query = request.query
        wanted = {name: value for name, value in query.items() if name not in FILTERS}
        batches = core.store.visible()
        if wanted and not core.store.get("ignore_metadata"):
            batches = [
                b for b in batches if wanted.items() <= (b.data.get("metadata") or {}).items()
            ]
        states = query.getall("status", [])
        batches = [b for b in batches if not states or b.word(WORDS) in states]
        if query.get("order_by") == "created":
            batches.reverse()
        size = int(query.get("page_size", 100))
        size = min(size, core.store.get("page_size", size))
        start = int(query.get("page", 0)) * size
        data = [batch_job(core, batch) for batch in batches[start : start + size]]
        return core.json({"object": "list", "data": data, "total": len(batches)})

    async def retrieve(request: web.Request) -> web.Response:
        return core.json(batch_job(core, core.store.look(request.match_info["id"])))

    async def cancel(request: web.Request) -> web.Response:
        batch = core.store.look(request.match_info["id"])
        if batch.ended:
            raise Refuse(400, "invalid_request_error", "The job has ended already.")
        return core.json(batch_job(core, core.store.cancel(batch.id)))

    return [
        web.post("/v1/files", upload),
        web.get("/v1/files/{id}", retrieve_file),
        web.get("/v1/files/{id}/content", download),
        web.delete("/v1/files/{id}", delete),
        web.post("/v1/batch/jobs", create),
        web.get("/v1/batch/jobs", list_batches),
        web.get("/v1/batch/jobs/{id}", retrieve),
        web.post("/v1/batch/jobs/{id}/cancel", cancel),
    ]


def foreign(data: dict[str, Any]) -> dict[str, Any]:
    metadata = {"splitplot": "sp-" + "0" * 32} if data.get("metadata") else None
    return {**data, "input_files": [str(uuid.uuid4())], "metadata": metadata}


def error_body(status: int, code: str, message: str) -> dict[str, Any]:
    if status == 401:
        return {"detail": "Unauthorized"}
    if status == 422:
        place, _, what = message.partition(": ")
        found = {"type": "value_error", "loc": ["body", place], "msg": what or message}
        return {"detail": [{**found, "input": None}]}
    return {"object": "error", "message": message, "type": code, "param": None, "code": "1000"}


def problems(core: Core, file: File) -> list[list[Any]]:
    """What fails a batch in its validation."""
    seen = set()
    count = 0
    with file.path.open("rb") as lines:
        for n, text in enumerate(lines, 1):
            try:
                line = json.loads(text)
                custom_id, body = line["custom_id"], line["body"]
                if not isinstance(body, dict) or custom_id in seen or len(line) != 2:
                    raise ValueError
            except (ValueError, KeyError, TypeError):
                return [["invalid_request_error", f"Line {n} is not valid.", n]]
            seen.add(custom_id)
            count += 1
    if not count or count > core.store.get("max_lines", LINES):
        return [["invalid_request_error", f"Not a valid number of requests: {count}", None]]
    return []


def read_lines(core: Core, file: File, model: str) -> Iterator[tuple[Any, ...]]:
    """The lines as the core wants them; a body that the SDK's type does not take fails alone."""
    from mistralai.client.models import ChatCompletionRequestTypedDict

    checked = core.store.get("check_lines", 1000)
    with file.path.open("rb") as lines:
        for n, text in enumerate(lines):
            line = json.loads(text)
            body = {"model": model, **line["body"]}
            check = n < checked
            wrong = openai.what_is_wrong(ChatCompletionRequestTypedDict, body) if check else None
            error = [422, "invalid_request_error", wrong] if wrong else None
            yield line["custom_id"], body, error


def file_object(file: File) -> dict[str, Any]:
    """mistralai's CreateFileResponse as JSON."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "filename": file.name,
        "purpose": "batch",
        "sample_type": "batch_request",
        "source": "upload",
        "num_lines": None,
        "deleted": False,
    }


def batch_job(core: Core, batch: Batch) -> dict[str, Any]:
    """mistralai's BatchJob as JSON."""
    output = error = None
    if batch.ended and batch.state != "failed" and not core.store.take("files_late"):
        if batch.done:
            output = core.result_file(batch, "output", lambda: output_lines(core, batch)).id
        if batch.failed:
            error = core.result_file(batch, "error", lambda: error_lines(core, batch)).id
    return {
        "id": batch.id,
        "object": "batch",
        "input_files": batch.data["input_files"],
        "endpoint": batch.data["endpoint"],
        "model": batch.model,
        "agent_id": None,
        "metadata": batch.data.get("metadata"),
        "errors": [{"message": message, "count": 1} for _, message, _ in batch.fail],
        "status": batch.word(WORDS),
        "created_at": int(batch.created_at),
        "started_at": int(batch.created_at) if batch.validated else None,
        "completed_at": int(batch.ended_at) if batch.ended_at else None,
        "total_requests": batch.total,
        "completed_requests": batch.done + batch.failed,
        "succeeded_requests": batch.done,
        "failed_requests": batch.failed,
        "output_file": output,
        "error_file": error,
        "outputs": None,
    }


def output_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    for found in core.store.results(batch):
        if found["outcome"] == "ok":
            yield openai.line_of(batch, found, completion(batch, found), 200)


def error_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    """Lines of requests that failed, with an HTTP answer or with an error of their own."""
    for found in core.store.results(batch):
        if found["outcome"] != "error":
            continue
        status, code, message = found["error"]
        line = openai.line_of(batch, found, error_body(status, code, message), status)
        if found["n"] % 2:
            yield line
        else:
            yield {**line, "response": None, "error": {"message": message, "type": code}}


def completion(batch: Batch, found: dict[str, Any]) -> dict[str, Any]:
    """mistralai's ChatCompletionResponse as JSON."""
    usage = found["usage"]
    message = {"role": "assistant", "content": found["text"], "tool_calls": None, "prefix": False}
    return {
        "id": f"cmpl-{batch.n}-{found['n']}",
        "object": "chat.completion",
        "created": int(batch.created_at),
        "model": batch.model,
        "choices": [{"index": 0, "message": message, "finish_reason": found["finish"]}],
        "usage": {
            "prompt_tokens": usage["input"],
            "completion_tokens": usage["output"],
            "total_tokens": usage["input"] + usage["output"],
            "prompt_tokens_details": {"cached_tokens": usage["cached"]},
        },
    }
