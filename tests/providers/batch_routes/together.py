"""Together's Files and Batch API: upload by a signed address, jobs in upper case, a bare list.

A file whose checksum is known is answered with 409 and its old id, as the SDK expects.
"""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from batch_server import CHUNK, Core, load
from batch_store import Batch, File, Refuse

openai = load("openai")
TOKEN_LIMIT = ("limit", "Too many tokens are enqueued for this model.")
WORDS = {
    "validating": "VALIDATING",
    "running": "IN_PROGRESS",
    "cancelling": "IN_PROGRESS",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "expired": "EXPIRED",
    "cancelled": "CANCELLED",
    "unknown": "REBALANCING",
}


def foreign(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "input_file_id": f"file-{uuid.uuid4().hex}"}


def error_body(status: int, code: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": code, "param": None, "code": None}}


def routes(core: Core) -> list[web.RouteDef]:
    from together.types.batch_create_params import BatchCreateParams
    from together.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    dialect = openai.Dialect(
        BatchCreateParams, CompletionCreateParamsNonStreaming, bytes=100_000_000, whole_line=False
    )

    async def upload(request: web.Request) -> web.Response:
        fields = {}
        async for part in await request.multipart():
            fields[part.name] = (await part.read()).decode()
        if fields.get("purpose") != "batch-api" or fields.get("file_type") != "jsonl":
            raise Refuse(400, "invalid_request_error", f"not for a batch: {fields}")
        for file in core.store.files():
            if file.data.get("checksum") == fields["checksum"] and file.data.get("there"):
                return core.json({"file_id": file.id}, status=409)
        path = core.store.temporary()
        path.touch()
        data = {"checksum": fields["checksum"], "there": False}
        file = core.store.new_file(path, name=fields["file_name"], purpose="batch-api", data=data)
        address = f"{request.scheme}://{request.host}/signed/{file.id}?signature=secret"
        headers = {"Location": address, "X-Together-File-Id": file.id}
        return web.Response(status=302, headers=headers)

    async def put(request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            raise Refuse(400, "invalid_request", "a signed address takes no key")
        if request.query.get("hop") is None and core.store.get("signed_hop"):
            raise web.HTTPTemporaryRedirect(f"{request.path_qs}&hop=1")
        file = core.store.file(request.match_info["id"])
        digest = hashlib.sha256()
        with file.path.open("wb") as target:
            async for chunk in request.content.iter_chunked(CHUNK):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != file.data["checksum"]:
            raise Refuse(400, "invalid_request", "the checksum does not match")
        return web.Response()

    async def preprocess(request: web.Request) -> web.Response:
        core.store.update_file(request.match_info["id"], there=True)
        return core.json(file_object(core.store.file(request.match_info["id"])))

    async def retrieve_file(request: web.Request) -> web.Response:
        return core.json(file_object(core.store.file(request.match_info["id"])))

    async def download(request: web.Request) -> web.StreamResponse:
        return await core.serve(request, core.store.file(request.match_info["id"]).path)

    async def delete(request: web.Request) -> web.Response:
        core.store.delete_file(request.match_info["id"])
        return core.json({"id": request.match_info["id"], "deleted": True})

    async def create(request: web.Request) -> web.StreamResponse:
        wish = await request.json()

        async def make() -> web.Response:
            openai.check(dialect.params, wish)
            file = core.store.file(wish["input_file_id"])
            if file.purpose != "batch-api" or not file.data.get("there"):
                raise Refuse(400, "invalid_request_error", "The file is not ready for a batch.")
            if core.store.full():
                raise Refuse(429, "rate_limit", "Too many batch jobs are in progress.")
            fail, model = openai.problems(core, dialect, file, wish["endpoint"])
            lines = () if fail else openai.read_lines(core, dialect, file)
            job = core.store.create_batch(
                lines, batch_id=str(uuid.uuid4()), model=model, data=wish, fail=fail
            )
            return core.json({"job": job_object(core, dialect, job), "warning": ""}, status=201)

        return await core.creating(request, make)

    async def list_batches(_request: web.Request) -> web.Response:
        return core.json([job_object(core, dialect, job) for job in core.store.visible()])

    async def retrieve(request: web.Request) -> web.Response:
        return core.json(job_object(core, dialect, core.store.look(request.match_info["id"])))

    async def cancel(request: web.Request) -> web.Response:
        job = core.store.look(request.match_info["id"])
        if job.ended:
            raise Refuse(400, "invalid_request_error", "The job has ended.")
        return core.json(job_object(core, dialect, core.store.cancel(job.id)))

    return [
        web.post("/v1/files", upload),
        web.put("/signed/{id}", put),
        web.post("/v1/files/{id}/preprocess", preprocess),
        web.get("/v1/files/{id}", retrieve_file),
        web.get("/v1/files/{id}/content", download),
        web.delete("/v1/files/{id}", delete),
        web.post("/v1/batches", create),
        web.get("/v1/batches", list_batches),
        web.get("/v1/batches/{id}", retrieve),
        web.post("/v1/batches/{id}/cancel", cancel),
    ]


def file_object(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "filename": file.name,
        "FileType": "jsonl",
        "LineCount": 0,
        "Processed": True,
        "purpose": "batch-api",
    }


def job_object(core: Core, dialect: Any, job: Batch) -> dict[str, Any]:
    """together.types.BatchJob as JSON."""
    done = (job.done + job.failed) / job.total * 100 if job.total else 0.0
    return {
        "id": job.id,
        "user_id": "user_1",
        "input_file_id": job.data["input_file_id"],
        "file_size_bytes": 1,
        "status": job.word(WORDS),
        "job_deadline": moment(job.created_at + 86400),
        "created_at": moment(job.created_at),
        "completed_at": moment(job.ended_at) if job.ended_at else None,
        "endpoint": job.data["endpoint"],
        "progress": done,
        "model_id": job.model,
        "error": f"{job.fail[0][0]}: {job.fail[0][1]}" if job.fail else None,
        **result_files(core, job),
    }


def result_files(core: Core, job: Batch) -> dict[str, str | None]:
    if not job.ended or job.state == "failed":
        return {"output_file_id": None, "error_file_id": None}
    output = core.result_file(job, "output", lambda: output_lines(core, job)).id
    wrong = job.done < job.total
    error = core.result_file(job, "error", lambda: error_lines(core, job)).id if wrong else None
    return {"output_file_id": output if job.done else None, "error_file_id": error}


def output_lines(core: Core, job: Batch) -> Iterable[dict[str, Any]]:
    for line in openai.output_lines(core, job):
        yield {"custom_id": line["custom_id"], "response": line["response"]}


def error_lines(core: Core, job: Batch) -> Iterable[dict[str, Any]]:
    """What was not reached before the end of a job has no line."""
    for found in core.store.results(job):
        if found["outcome"] == "error":
            _, code, message = found["error"]
            yield {"custom_id": found["custom_id"], "error": {"message": message, "code": code}}


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
