"""Fireworks' datasets and batchInferenceJobs, after fireworks-ai 1.2 and published live transcripts.

Settings of its own: ready_s: from the upload of a dataset until it is READY; expired_urls: n next
signed downloads are refused as too late.
From memory: the lines of error-data; what a deleted job leaves behind (here: nothing).
"""

import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web
from batch_server import Core, load
from batch_store import Batch, File, Refuse

openai = load("openai")

TOKEN_LIMIT = ("RESOURCE_EXHAUSTED", "The quota for batch tokens is used up.")
DIRECT_BYTES = 150_000_000
ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
WORDS = {
    "validating": "JOB_STATE_VALIDATING",
    "running": "JOB_STATE_RUNNING",
    "cancelling": "JOB_STATE_DELETING_CLEANING_UP",
    "completed": "JOB_STATE_COMPLETED",
    "failed": "JOB_STATE_FAILED",
    "expired": "JOB_STATE_EXPIRED",
    "cancelled": "JOB_STATE_CANCELLED",
    "unknown": "JOB_STATE_DEFRAGMENTING",
}
CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 503: 14}
"""gRPC's code of each HTTP status."""

BASE = "/v1/accounts/{account}"
DATASET = BASE + "/datasets/{id:[^:/]+}"


def routes(core: Core) -> list[web.RouteDef]:
    from fireworks.types import BatchInferenceJobCreateParams, DatasetCreateParams
    from fireworks.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    def account(request: web.Request) -> str:
        return f"accounts/{request.match_info['account']}"

    def dataset_name(request: web.Request) -> str:
        return f"{account(request)}/datasets/{request.match_info['id']}"

    async def create_dataset(request: web.Request) -> web.Response:
        wish = await request.json()
        openai.check(DatasetCreateParams, snake(wish))
        if not ID.fullmatch(wish["datasetId"]):
            raise Refuse(400, "INVALID_ARGUMENT", "invalid dataset id")
        if not wish["dataset"].get("exampleCount"):
            raise Refuse(400, "INVALID_ARGUMENT", "example_count is required for uploaded datasets")
        name = f"{account(request)}/datasets/{wish['datasetId']}"
        if any(file.id == name for file in core.store.files()):
            raise Refuse(409, "ALREADY_EXISTS", f"{name} already exists")
        path = core.store.temporary()
        path.touch()
        file = core.store.new_file(
            path, name="", purpose="dataset", file_id=name, data=wish["dataset"]
        )
        return core.json(dataset(core, file))

    async def upload(request: web.Request) -> web.Response:
        if int(request.headers.get("Content-Length", 0)) > DIRECT_BYTES:
            raise Refuse(413, "INVALID_ARGUMENT", "too large for a direct upload")
        _, path, name = await core.receive_form(request)
        file = filled(core, dataset_name(request), path, name, ready=True)
        return core.json(
            {
                "bytes": file.bytes,
                "created_at": int(file.created_at),
                "filename": name,
                "id": file.id,
                "object": "file",
                "purpose": "dataset",
            }
        )

    async def upload_endpoint(request: web.Request) -> web.Response:
        wish = await request.json()
        file = core.store.file(dataset_name(request))
        core.store.update_file(file.id, sizes=wish["filenameToSize"])
        urls = {
            name: f"{request.url.origin()}/_storage/{quote(file.id, safe='')}?name={quote(name)}"
            for name in wish["filenameToSize"]
        }
        return core.json({"filenameToSignedUrls": urls})

    async def put_signed(request: web.Request) -> web.Response:
        file, name = core.store.file(request.match_info["id"]), request.query["name"]
        size = file.data["sizes"][name]
        signed = {
            "Content-Type": "application/octet-stream",
            "X-Goog-Content-Length-Range": f"{size},{size}",
            "Content-Length": size,
        }
        if "Authorization" in request.headers or any(
            request.headers.get(header) != value for header, value in signed.items()
        ):
            return web.Response(
                status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>"
            )
        filled(core, file.id, await core.receive_body(request), name, ready=False)
        return web.Response()

    async def validate_upload(request: web.Request) -> web.Response:
        await request.json()
        file = core.store.file(dataset_name(request))
        if not file.bytes:
            raise Refuse(400, "FAILED_PRECONDITION", "nothing has been uploaded")
        core.store.update_file(file.id, uploaded_at=time.time())
        return core.json({})

    async def retrieve_dataset(request: web.Request) -> web.Response:
        return core.json(dataset(core, core.store.file(dataset_name(request))))

    async def delete(request: web.Request) -> web.Response:
        core.store.delete_file(dataset_name(request))
        return core.json({})

    async def create(request: web.Request) -> web.StreamResponse:
        wish = await request.json()
        name = request.query.get("batchInferenceJobId") or f"bij-{uuid.uuid4().hex[:8]}"

        async def make() -> web.Response:
            openai.check(BatchInferenceJobCreateParams, snake(wish))
            if not ID.fullmatch(name) or not re.match(r"accounts/[^/]+/models/", wish["model"]):
                raise Refuse(400, "INVALID_ARGUMENT", "invalid job id or model")
            job = f"{account(request)}/batchInferenceJobs/{name}"
            if core.store.exists(job):
                raise Refuse(409, "ALREADY_EXISTS", f"{job} already exists")
            file = core.store.file(wish["inputDatasetId"])
            if dataset(core, file)["state"] != "READY":
                raise Refuse(400, "FAILED_PRECONDITION", "the dataset is not ready")
            if core.store.full():
                raise Refuse(429, "RESOURCE_EXHAUSTED", "Too many jobs.")
            output = wish.get("outputDatasetId") or f"bij-{uuid.uuid4().hex[:8]}"
            if not output.startswith("accounts/"):
                output = f"{account(request)}/datasets/{output}"
            model, kind = wish["model"], CompletionCreateParamsNonStreaming
            fail = problems(core, file, model, kind)
            lines = () if fail else read_lines(file, model)
            data = {**wish, "outputDatasetId": output}
            core.store.create_batch(lines, batch_id=job, model=model, data=data, fail=fail)
            return core.json(job_object(core.store.look(job)))

        return await core.creating(request, make)

    def look(request: web.Request) -> Batch:
        batch = core.store.look(f"{account(request)}/batchInferenceJobs/{request.match_info['id']}")
        if batch.state == "cancelled":
            raise Refuse(404, "NOT_FOUND", "resource not found")
        return batch

    async def list_batches(request: web.Request) -> web.Response:
        batches = [batch for batch in reversed(core.store.visible()) if batch.state != "cancelled"]
        size = min(int(request.query.get("pageSize", 50)), core.store.get("page_size", 200))
        start = int(request.query.get("pageToken") or 0)
        more = start + size < len(batches)
        return core.json(
            {
                "batchInferenceJobs": [job_object(b) for b in batches[start : start + size]],
                "nextPageToken": str(start + size) if more else "",
                "totalSize": len(batches),
            }
        )

    async def retrieve(request: web.Request) -> web.Response:
        return core.json(job_object(look(request)))

    async def cancel(request: web.Request) -> web.Response:
        batch = look(request)
        if batch.ended:
            core.store.delete(batch.id)
        else:
            core.store.cancel(batch.id)
        return core.json({})

    async def download_endpoint(request: web.Request) -> web.Response:
        if await request.read():
            raise Refuse(400, "INVALID_ARGUMENT", "a GET has no body")
        name = dataset_name(request)
        mine = [b for b in core.store.visible() if b.data.get("outputDatasetId") == name]
        if not mine or mine[0].state not in ("completed", "expired"):
            raise Refuse(404, "NOT_FOUND", "resource not found")
        batch, folder = mine[0], f"dataset/{request.match_info['id']}"
        files = {
            f"{folder}/BIJOutputSet.jsonl": core.result_file(
                batch, "output", lambda: output_lines(core, batch)
            ),
            f"{folder}/error-data": core.result_file(
                batch, "error", lambda: error_lines(core, batch)
            ),
        }
        urls = {
            name: f"{request.url.origin()}/_storage/{quote(file.id, safe='')}?X-Goog-Expires=599"
            for name, file in files.items()
        }
        return core.json({"filenameToSignedUrls": urls})

    async def get_signed(request: web.Request) -> web.StreamResponse:
        if core.store.take("expired_urls") or "Authorization" in request.headers:
            return web.Response(status=400, text="<Error><Code>ExpiredToken</Code></Error>")
        return await core.serve(request, core.store.file(request.match_info["id"]).path)

    return [
        web.post(BASE + "/datasets", create_dataset),
        web.post(DATASET + ":upload", upload),
        web.post(DATASET + ":getUploadEndpoint", upload_endpoint),
        web.post(DATASET + ":validateUpload", validate_upload),
        web.get(DATASET + ":getDownloadEndpoint", download_endpoint),
        web.get(DATASET, retrieve_dataset),
        web.delete(DATASET, delete),
        web.post(BASE + "/batchInferenceJobs", create),
        web.get(BASE + "/batchInferenceJobs", list_batches),
        web.get(BASE + "/batchInferenceJobs/{id}", retrieve),
        web.delete(BASE + "/batchInferenceJobs/{id}", cancel),
        # Like the object store behind signed URLs, which knows neither keys nor our faults.
        web.put("/_storage/{id}", put_signed),
        web.get("/_storage/{id}", get_signed),
    ]


def foreign(data: dict[str, Any]) -> dict[str, Any]:
    theirs = f"accounts/me/datasets/d-{uuid.uuid4().hex[:8]}"
    return {**data, "displayName": "theirs", "inputDatasetId": theirs, "outputDatasetId": theirs}


def error_body(status: int, code: str, message: str) -> dict[str, Any]:
    if status in (401, 403):
        error = {"message": message, "param": None, "code": "UNAUTHORIZED", "type": "error"}
        return {"error": error, "request_id": str(uuid.uuid4())}
    return {"code": CODES.get(status, 2), "message": message, "details": []}


def snake(value: Any) -> Any:
    """The wire's camelCase as the SDK's types have it; a snake_case name is no name of the wire."""
    if not isinstance(value, dict):
        return value
    if wrong := [name for name in value if "_" in name]:
        raise Refuse(400, "INVALID_ARGUMENT", f'unknown field "{wrong[0]}"')
    return {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), k): snake(v) for k, v in value.items()}


def filled(core: Core, name: str, path: Any, filename: str, *, ready: bool) -> File:
    """The dataset with the bytes of `path`."""
    data = core.store.file(name).data | ({"uploaded_at": time.time()} if ready else {})
    return core.store.new_file(path, name=filename, purpose="dataset", file_id=name, data=data)


def problems(core: Core, file: File, model: str, kind: Any) -> list[list[Any]]:
    """What fails a job in its validation: any one row does."""
    seen = set()
    checked = core.store.get("check_lines", 1000)
    with file.path.open("rb") as lines:
        for n, text in enumerate(lines, 1):
            wrong = None
            try:
                line = json.loads(text)
                custom_id, body = line["custom_id"], line["body"]
                if custom_id in seen or len(line) != 2 or "model" in body:
                    wrong = "not a row of a batch"
                elif n <= checked:
                    wrong = openai.what_is_wrong(kind, {"model": model, **body})
            except (ValueError, KeyError, TypeError):
                wrong = "not a row of a batch"
            if wrong:
                where = f"{file.name}:{n}"
                return [["INVALID_ARGUMENT", f"Dataset has a syntax error: {where}: {wrong}", n]]
            seen.add(custom_id)
    return []


def read_lines(file: File, model: str) -> Iterator[tuple[Any, ...]]:
    with file.path.open("rb") as lines:
        for text in lines:
            line = json.loads(text)
            yield line["custom_id"], {"model": model, **line["body"]}


def dataset(core: Core, file: File) -> dict[str, Any]:
    """fireworks.types.Dataset as JSON."""
    uploaded = file.data.get("uploaded_at")
    ready = uploaded is not None and time.time() >= uploaded + core.store.get("ready_s", 0)
    return {
        "name": file.id,
        "displayName": file.data.get("displayName", ""),
        "createTime": iso(file.created_at),
        "encryptionState": "ENCRYPTION_STATE_PLAINTEXT",
        "exampleCount": file.data["exampleCount"],
        "format": file.data.get("format", "FORMAT_UNSPECIFIED"),
        "state": "READY" if ready else "UPLOADING",
        "status": {"code": "OK", "message": ""},
        "userUploaded": {},
    }


def job_object(batch: Batch) -> dict[str, Any]:
    """fireworks.types.BatchInferenceJob as JSON."""
    code, message, _ = batch.fail[0] if batch.fail else ("OK", "", None)
    progress = {
        "percent": 100 if batch.ended else 0,
        "epoch": 0,
        "totalInputRequests": batch.total,
        "totalProcessedRequests": batch.done + batch.failed,
        "successfullyProcessedRequests": batch.done,
        "failedRequests": batch.failed,
        "outputRows": batch.done,
        "inputTokens": batch.input_tokens,
        "outputTokens": batch.output_tokens,
        "cachedInputTokenCount": 0,
    }
    ours = batch.id.startswith("accounts/")
    name = batch.id if ours else f"accounts/me/batchInferenceJobs/{batch.id}"
    return {
        "name": name,
        "displayName": batch.data.get("displayName", ""),
        "createTime": iso(batch.created_at),
        "createdBy": "user@example.com",
        "expireTime": iso(batch.created_at + 86400),
        "state": batch.word(WORDS),
        "status": {"code": code, "message": message},
        "model": batch.model,
        "inputDatasetId": batch.data["inputDatasetId"],
        "outputDatasetId": batch.data["outputDatasetId"],
        "inferenceParameters": {"extraBody": "{}"},
        "updateTime": iso(time.time()),
        "precision": "BF16",
        "jobProgress": progress if batch.validated else None,
        "continuedFromJobName": "",
        "systemPrompt": "",
        "waitingOnCapacity": False,
    }


def iso(at: float) -> str:
    """With nanoseconds, as the provider writes it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def output_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    """Flat lines: the completion itself under "response", without a status."""
    for found in core.store.results(batch):
        if found["outcome"] == "ok":
            yield {"custom_id": found["custom_id"], "response": completion(batch, found)}


def error_lines(core: Core, batch: Batch) -> Iterable[dict[str, Any]]:
    for found in core.store.results(batch):
        if found["outcome"] == "error":
            status, _, message = found["error"]
            yield {"custom_id": found["custom_id"], "error": {"code": status, "message": message}}


def completion(batch: Batch, found: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = openai.completion(batch, found)
    body.pop("service_tier")
    return body
