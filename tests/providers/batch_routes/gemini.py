"""Gemini's File API and batches (developer API): an uploaded file of lines, an operation per batch.

The shapes are those that google-genai reads and writes: files.py of 1.20, and for batches, which 1.20
speaks with Vertex alone, batches.py of later versions (`_BatchJob_from_mldev`).
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aiohttp import web
from batch_server import Core
from batch_store import Batch, File, Refuse

BASE = "/v1beta"
TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main"
TOKEN_LIMIT = ("RESOURCE_EXHAUSTED", "You exceeded your current quota of enqueued batch tokens.")
CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
RPC = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "RESOURCE_EXHAUSTED": 8, "INTERNAL": 13}
WORDS = {
    "validating": "BATCH_STATE_PENDING",
    "running": "BATCH_STATE_RUNNING",
    "cancelling": "BATCH_STATE_RUNNING",
    "completed": "BATCH_STATE_SUCCEEDED",
    "failed": "BATCH_STATE_FAILED",
    "expired": "BATCH_STATE_EXPIRED",
    "cancelled": "BATCH_STATE_CANCELLED",
    "unknown": "BATCH_STATE_HIBERNATING",
}
LEVELS = ("minimal", "low", "medium", "high")


def error_body(status: int, code: str, message: str) -> dict[str, Any]:
    word = code if code in RPC else CODES.get(status, "UNKNOWN")
    return {"error": {"code": status, "message": message, "status": word, "details": []}}


def foreign(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "displayName": "theirs", "fileName": f"files/{uuid.uuid4().hex[:12]}"}


def routes(core: Core) -> list[web.RouteDef]:
    async def upload(request: web.Request) -> web.Response:
        commands = request.headers.get("X-Goog-Upload-Command", "")
        if commands == "start":
            return await start_upload(core, request)
        return await go_on(core, request, commands)

    async def retrieve_file(request: web.Request) -> web.Response:
        return core.json(file_object(request, existing(core, request.match_info["id"])))

    async def list_files(request: web.Request) -> web.Response:
        return core.json({"files": [file_object(request, file) for file in core.store.files()]})

    async def delete_file(request: web.Request) -> web.Response:
        core.store.delete_file(existing(core, request.match_info["id"]).id)
        return core.json({})

    async def download(request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if request.query.get("alt") != "media" or not name.startswith("batch-"):
            raise Refuse(400, "", "Only generated files can be downloaded, with alt=media.")
        batch = found(core, name.removeprefix("batch-"), missing=403)
        file = core.result_file(batch, "responses", lambda: result_lines(core, batch))
        return await core.serve(request, file.path)

    async def create(request: web.Request) -> web.StreamResponse:
        wish = await request.json()
        model = request.match_info["model"]

        async def make() -> web.Response:
            name, file_name = checked(wish)
            file = existing(core, file_name.removeprefix("files/"))
            if core.store.full() or core.store.take("token_limit"):
                raise Refuse(429, *TOKEN_LIMIT)
            fail = problems(core, file)
            batch = core.store.create_batch(
                () if fail else read_lines(core, file, model),
                batch_id=f"batches/{uuid.uuid4().hex}",
                model=model,
                data={"displayName": name, "fileName": file_name},
                fail=fail,
            )
            return core.json(operation(batch))

        return await core.creating(request, make)

    async def list_batches(request: web.Request) -> web.Response:
        if unknown := set(request.query) - {"pageSize", "pageToken", "filter"}:
            raise Refuse(400, "", f'Unknown name "{unknown.pop()}"')
        size = min(int(request.query.get("pageSize", 50)), 100)
        batches, more = core.store.page(after=request.query.get("pageToken"), limit=size)
        page: dict[str, Any] = {"operations": [operation(batch) for batch in batches]}
        if more:
            page["nextPageToken"] = batches[-1].id
        return core.json(page if batches else {})

    async def retrieve(request: web.Request) -> web.Response:
        return core.json(operation(found(core, request.match_info["id"])))

    async def cancel(request: web.Request) -> web.Response:
        batch = found(core, request.match_info["id"])
        if batch.ended:
            raise Refuse(400, "", f"Batch {batch.id} cannot be cancelled: it has ended.")
        core.store.cancel(batch.id)
        return core.json({})

    async def delete(request: web.Request) -> web.Response:
        core.store.delete(found(core, request.match_info["id"]).id)
        return core.json({})

    one = "{id:[^/:]+}"
    return [
        web.post("/upload" + BASE + "/files", upload),
        web.get(BASE + "/files", list_files),
        web.get(f"{BASE}/files/{one}", retrieve_file),
        web.delete(f"{BASE}/files/{one}", delete_file),
        web.get(f"/download{BASE}/files/{one}:download", download),
        web.get(f"{BASE}/files/{one}:download", download),
        web.post(BASE + "/models/{model:[^/:]+}:batchGenerateContent", create),
        web.get(BASE + "/batches", list_batches),
        web.get(f"{BASE}/batches/{one}", retrieve),
        web.post(f"{BASE}/batches/{one}:cancel", cancel),
        web.delete(f"{BASE}/batches/{one}", delete),
    ]


# Files


async def start_upload(core: Core, request: web.Request) -> web.Response:
    headers = request.headers
    if headers.get("X-Goog-Upload-Protocol") != "resumable":
        raise Refuse(400, "", "X-Goog-Upload-Protocol: resumable, please")
    wish = await request.json()
    if set(wish) != {"file"} or set(wish["file"]) - {
        "name",
        "displayName",
        "mimeType",
        "sizeBytes",
    }:
        raise Refuse(400, "INVALID_ARGUMENT", "Unknown name in the file's metadata")
    size = int(headers["X-Goog-Upload-Header-Content-Length"])
    if size > 2_000_000_000:
        raise Refuse(400, "INVALID_ARGUMENT", "The file is larger than 2 GB.")
    upload_id = uuid.uuid4().hex
    kind = headers["X-Goog-Upload-Header-Content-Type"]
    session = {"size": size, "name": wish["file"].get("displayName", ""), "type": kind}
    (core.store.folder / "files" / f"{upload_id}.session").write_text(json.dumps(session))
    (core.store.folder / "files" / f"{upload_id}.part").touch()
    query = f"upload_id={upload_id}&upload_protocol=resumable"
    where = f"{request.url.origin()}/upload{BASE}/files?{query}"
    answer = {"X-Goog-Upload-URL": where, "X-Goog-Upload-Status": "active"}
    return web.Response(headers=answer)


async def go_on(core: Core, request: web.Request, commands: str) -> web.Response:
    """The next piece of an upload; the last one makes the file."""
    part = core.store.folder / "files" / f"{request.query.get('upload_id')}.part"
    if not part.exists():
        raise Refuse(404, "NOT_FOUND", "There is no such upload.")
    session = json.loads(part.with_suffix(".session").read_text())
    piece = await core.receive_body(request)
    if int(request.headers.get("X-Goog-Upload-Offset", -1)) != part.stat().st_size:
        raise Refuse(400, "INVALID_ARGUMENT", "The offset is not where the upload stands.")
    with part.open("ab") as file:
        file.write(piece.read_bytes())
    piece.unlink()
    if "finalize" not in commands:
        return web.Response(headers={"X-Goog-Upload-Status": "active"})
    if part.stat().st_size != session["size"]:
        raise Refuse(400, "INVALID_ARGUMENT", "The file is not as long as was said.")
    made = core.store.new_file(
        part,
        name=session["name"],
        purpose="upload",
        file_id=f"files/{uuid.uuid4().hex[:12]}",
        data={"type": session["type"]},
    )
    answer = {"file": file_object(request, made)}
    return core.json(answer, headers={"X-Goog-Upload-Status": "final"})


def existing(core: Core, name: str) -> File:
    """An uploaded file; of one that is not there, Google says that it may not be yours."""
    try:
        return core.store.file(f"files/{name}")
    except Refuse:
        message = f"You do not have permission to access the File {name} or it may not exist."
        raise Refuse(403, "PERMISSION_DENIED", message) from None


def file_object(request: web.Request, file: File) -> dict[str, Any]:
    """google.genai.types.File as JSON."""
    return {
        "name": file.id,
        "displayName": file.name,
        "mimeType": file.data.get("type"),
        "sizeBytes": str(file.bytes),
        "createTime": moment(file.created_at),
        "updateTime": moment(file.created_at),
        "expirationTime": moment(file.created_at + 2 * 86400),
        "sha256Hash": "bm90aGluZw==",
        "uri": f"{request.url.origin()}{BASE}/{file.id}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }


# What is asked for


def either(holder: Any, name: str) -> Any:
    """A field by its JSON name or its protobuf name: both are taken."""
    snake = re.sub("[A-Z]", lambda match: "_" + match[0].lower(), name)
    return holder.get(name, holder.get(snake)) if isinstance(holder, dict) else None


def checked(wish: Any) -> tuple[str, str]:
    """Display name and input file of a create call."""
    batch = wish.get("batch") if isinstance(wish, dict) else None
    name, config = either(batch, "displayName"), either(batch, "inputConfig")
    file_name = either(config, "fileName")
    if not isinstance(name, str) or not name:
        raise Refuse(400, "INVALID_ARGUMENT", "batch.display_name: a name is required")
    if not isinstance(file_name, str) or len(wish) + len(config) != 2 or len(batch) != 2:
        raise Refuse(400, "INVALID_ARGUMENT", "batch.input_config: file_name, and nothing else")
    return name, file_name


def problems(core: Core, file: File) -> list[list[Any]]:
    """What fails a batch as a whole."""
    seen: set[str] = set()
    with file.path.open("rb") as lines:
        for n, text in enumerate(lines, 1):
            try:
                line = json.loads(text)
                key, _ = line["key"], line["request"]["contents"]
            except (ValueError, KeyError, TypeError):
                return [["INVALID_ARGUMENT", f"Line {n} is no request with a key.", n]]
            if key in seen:
                return [["INVALID_ARGUMENT", f"The key {key} stands in two lines.", n]]
            seen.add(key)
    most = core.store.get("max_lines")
    if not seen or (most is not None and len(seen) > most):
        return [["INVALID_ARGUMENT", "The file holds no line, or too many.", None]]
    return []


def read_lines(core: Core, file: File, model: str) -> Iterator[tuple[Any, ...]]:
    looked_at = core.store.get("check_lines", 1000)
    with file.path.open("rb") as lines:
        for n, text in enumerate(lines):
            line = json.loads(text)
            wrong = what_is_wrong(line["request"]) if n < looked_at else None
            error = [400, "INVALID_ARGUMENT", wrong] if wrong else None
            yield line["key"], {**line["request"], "model": model}, error


@cache
def _models() -> tuple[Any, Any]:
    from google.genai.types import Content, GenerationConfig

    return Content, GenerationConfig


def what_is_wrong(request: dict[str, Any]) -> str | None:
    """What the SDK's models, which forbid extra fields, have against a GenerateContentRequest."""
    from pydantic import ValidationError

    content, generation = _models()
    known = {"contents", "systemInstruction", "generationConfig", "safetySettings", "tools"}
    if unknown := set(request) - known:
        return f'Unknown name "{min(unknown)}"'
    config = json.loads(json.dumps(request.get("generationConfig", {})))
    thinking = config.get("thinkingConfig", {})
    # The levels came after this SDK.
    if thinking.pop("thinkingLevel", "low") not in LEVELS:
        return "generation_config.thinking_config.thinking_level: no such level"
    try:
        for turn in request["contents"]:
            content.model_validate(turn)
            if turn.get("role") not in ("user", "model"):
                return "Please use a valid role: user, model."
        content.model_validate(request.get("systemInstruction", {}))
        generation.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if not 0 <= config.get("temperature", 0) <= 2:
        return "temperature must be in the range [0.0, 2.0]."
    return None


# What is answered


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def name_of(batch: Batch) -> str:
    return batch.id if batch.id.startswith("batches/") else f"batches/{batch.id}"


def found(core: Core, name: str, missing: int = 404) -> Batch:
    for batch_id in (f"batches/{name}", name):
        try:
            return core.store.look(batch_id)
        except Refuse:
            continue
    raise Refuse(missing, "", f"batches/{name} is not found, or you may not see it.")


def operation(batch: Batch) -> dict[str, Any]:
    """A long-running operation with a GenerateContentBatch as its metadata."""
    name = name_of(batch)
    stats = {
        "requestCount": str(batch.total),
        "successfulRequestCount": str(batch.done),
        "failedRequestCount": str(batch.failed),
        "pendingRequestCount": str(batch.total - batch.done - batch.failed),
    }
    about: dict[str, Any] = {
        "@type": f"{TYPE}.GenerateContentBatch",
        "model": f"models/{batch.model}",
        "displayName": batch.data.get("displayName"),
        "inputConfig": {"fileName": batch.data.get("fileName")},
        "createTime": moment(batch.created_at),
        "updateTime": moment(batch.ended_at or batch.created_at),
        # Protobuf leaves out what is zero.
        "batchStats": {key: value for key, value in stats.items() if value != "0"},
        "state": batch.word(WORDS),
        "name": name,
    }
    answer: dict[str, Any] = {"name": name, "metadata": about}
    if batch.unknown or not batch.ended:
        return answer
    about["endTime"] = moment(batch.ended_at or 0)
    answer["done"] = True
    if batch.fail:
        code, message, _ = batch.fail[0]
        answer["error"] = {"code": RPC.get(code, 13), "message": message}
    elif batch.done or batch.failed:
        output = {"responsesFile": f"files/batch-{name.removeprefix('batches/')}"}
        about["output"] = output
        answer["response"] = {"@type": f"{TYPE}.GenerateContentBatchOutput", **output}
    return answer


def result_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    """Answers and errors; a request that was not come to has no line."""
    for line in core.store.results(batch):
        if line["outcome"] == "ok":
            yield {"key": line["custom_id"], "response": response(batch, line)}
        elif line["outcome"] == "error":
            status, code, message = line["error"]
            word = code if code in RPC else CODES.get(status, "INTERNAL")
            field = "status" if line["n"] % 2 else "error"
            yield {
                "key": line["custom_id"],
                field: {"code": RPC.get(word, 13), "message": message},
            }


def response(batch: Batch, line: dict[str, Any]) -> dict[str, Any]:
    """google.genai.types.GenerateContentResponse as JSON."""
    usage = line["usage"]
    said = usage["output"] - usage["reasoning"]
    parts: list[dict[str, Any]] = [{"text": line["text"]}]
    counts = {
        "promptTokenCount": usage["input"],
        "candidatesTokenCount": said,
        "totalTokenCount": usage["input"] + usage["output"],
    }
    if usage["reasoning"]:
        parts.insert(0, {"text": "Let me see.", "thought": True})
        counts["thoughtsTokenCount"] = usage["reasoning"]
    if usage["cached"]:
        counts["cachedContentTokenCount"] = usage["cached"]
    return {
        "candidates": [
            {
                "content": {"parts": parts, "role": "model"},
                "finishReason": {"stop": "STOP", "length": "MAX_TOKENS"}[line["finish"]],
                "index": 0,
            }
        ],
        "usageMetadata": counts,
        "modelVersion": line["model"],
        "responseId": f"resp-{batch.n}-{line['n']}",
    }
