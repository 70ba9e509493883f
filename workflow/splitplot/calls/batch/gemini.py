"""Gemini's batches (developer API): lines in an uploaded file, a display name as their tag."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from splitplot.calls import chat
from splitplot.calls.batch.gemini_body import check, content_request
from splitplot.calls.batch.http import ATTEMPTS, Http, HttpFailure
from splitplot.calls.batch.lines import read_results
from splitplot.calls.batch.native import count, mapping, not_created, objects, string
from splitplot.calls.batch.protocol import Limits, Order, Result, Snapshot, Uncertain
from splitplot.calls.limits import seconds_until
from splitplot.calls.pacing import Failure, backoff
from splitplot.calls.records import Outcome, Request, Usage

PAGE = 100
MIME = "application/jsonl"
ENDS = {"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"}
ANSWERED = {"SUCCEEDED", "PARTIALLY_SUCCEEDED"}

_OUTCOMES: dict[str, Outcome] = {
    "MAX_TOKENS": "truncated",
    "SAFETY": "refused",
    "RECITATION": "refused",
    "PROHIBITED_CONTENT": "refused",
    "BLOCKLIST": "refused",
    "SPII": "refused",
    "IMAGE_SAFETY": "refused",
    "IMAGE_PROHIBITED_CONTENT": "refused",
}
_STATUS = {
    1: ("CANCELLED", 499),
    3: ("INVALID_ARGUMENT", 400),
    4: ("DEADLINE_EXCEEDED", 504),
    5: ("NOT_FOUND", 404),
    7: ("PERMISSION_DENIED", 403),
    8: ("RESOURCE_EXHAUSTED", 429),
    9: ("FAILED_PRECONDITION", 400),
    13: ("INTERNAL", 500),
    14: ("UNAVAILABLE", 503),
    16: ("UNAUTHENTICATED", 401),
}
"""google.rpc.Code → its name and HTTP status."""


class Gemini:
    """Batches of generateContent. `finish_reason` keeps Gemini's word: "STOP" where real time says
    "stop"."""

    name = "gemini"
    limits = Limits(requests=None, bytes=2_000_000_000)
    default_url = "https://generativelanguage.googleapis.com"
    default_key_env = "GEMINI_API_KEY"
    tagged = True

    def headers(self, api_key: str | None, settings: Mapping[str, Any]) -> dict[str, str]:
        """The key in a header: in the address, it would stand in every log."""
        key = {"x-goog-api-key": api_key} if api_key else {}
        return {**key, **(settings.get("headers") or {})}

    def check(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Raise ConfigError for what Gemini does not take, or litellm would send otherwise."""
        check(parameters, settings)

    def line(
        self, request: Request, model: str, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """{"key", "request"}: a line of the input file; the create call names the model."""
        return {"key": request.key, "request": content_request(request.body, model)}

    async def upload(self, http: Http, order: Order) -> dict[str, Any]:
        """The lines through the File API, in one piece of a resumable upload; {"file": its name}."""
        assert order.lines is not None, "an order to be uploaded has lines"
        attempt = 0
        while True:
            attempt += 1
            try:
                return {"file": await _upload(http, order.lines, order.name)}
            except HttpFailure as error:
                # Begun anew: what is left of the attempt before costs nothing, and is forgotten.
                if error.failure.then != "retry" or attempt >= ATTEMPTS:
                    raise _meant(error) from None
                await http.sleep(backoff(attempt, error.failure.wait))

    async def create(self, http: Http, order: Order) -> Snapshot:
        """POST /v1beta/models/{model}:batchGenerateContent."""
        model = quote(order.model.removeprefix("models/"), safe="")
        batch = {"displayName": order.name, "inputConfig": {"fileName": order.refs["file"]}}
        try:
            answer = await http.post(
                _url(http, f"models/{model}:batchGenerateContent"), {"batch": batch}, once=True
            )
        except HttpFailure as error:
            raise not_created(_meant(error)) from None
        if not string(answer, "name"):
            raise Uncertain("the answer to the create call names no batch")
        return _snapshot(answer)

    async def find(self, http: Http, order: Order) -> list[Snapshot]:
        """The batch of the account with our display name, or with our input file."""
        file = order.refs.get("file")
        token: str | None = None
        pages: set[str] = set()
        while True:
            more = {"pageToken": token} if token else {}
            page = await _get(http, "batches", {"pageSize": PAGE, **more})
            for operation in objects(page, "operations"):
                if not string(operation, "name"):
                    continue
                of_file = string(mapping(mapping(operation, "metadata"), "inputConfig"), "fileName")
                snapshot = _snapshot(operation)
                if snapshot.tag == order.name or (file and of_file == file):
                    return [replace(snapshot, tag=order.name)]
            token = string(page, "nextPageToken")
            if not token or token in pages:
                return []
            pages.add(token)

    async def look(self, http: Http, batch_id: str) -> Snapshot:
        """GET /v1beta/batches/{id}."""
        answer = await _get(http, batch_id)
        return _snapshot({**(answer if isinstance(answer, dict) else {}), "name": batch_id})

    async def results(self, http: Http, snapshot: Snapshot, folder: Path) -> AsyncIterator[Result]:
        """The file of responses, through /download. Raises HttpFailure(404) when it is gone."""
        name = snapshot.refs.get("file")
        if not name:
            return
        path = folder / f"results-{re.sub(r'[^A-Za-z0-9_-]', '-', snapshot.id)[-80:]}.jsonl"
        url = f"{_root(http)}/download/v1beta/{quote(name, safe='/')}:download"
        try:
            await http.download(url, path, {"alt": "media"})
        except HttpFailure as error:
            if error.status == 403:
                # Google says 403 of a file that does not exist; the key was good for the batch.
                gone = Failure("give_up", "not_found", error.failure.message, 404)
                raise HttpFailure(gone, error.body) from None
            raise
        for row in read_results(path, http.secret):
            result = _result(row)
            if result is not None:
                yield result

    async def cancel(self, http: Http, batch_id: str) -> None:
        """POST /v1beta/batches/{id}:cancel; a batch that has ended cannot be cancelled."""
        try:
            await http.post(f"{_url(http, batch_id)}:cancel", {}, once=False)
        except HttpFailure as error:
            if error.status not in (400, 409):
                raise

    async def discard(self, http: Http, refs: Mapping[str, Any]) -> None:
        """DELETE the input file; Google does so itself after two days."""
        if not refs.get("file"):
            return
        try:
            await http.delete(_url(http, refs["file"]))
        except HttpFailure as error:
            if error.status not in (403, 404):  # 403: of a file that is gone
                raise


def _root(http: Http) -> str:
    return http.base_url.removesuffix("/v1beta")


def _url(http: Http, path: str) -> str:
    return f"{_root(http)}/v1beta/{quote(path, safe='/:%')}"


async def _get(http: Http, path: str, params: Mapping[str, Any] | None = None) -> Any:
    try:
        return await http.get(_url(http, path), params)
    except HttpFailure as error:
        raise _meant(error) from None


async def _upload(http: Http, file: Path, name: str) -> str:
    start = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(file.stat().st_size),
        "X-Goog-Upload-Header-Content-Type": MIME,
    }
    about = {"file": {"displayName": name, "mimeType": MIME}}
    _, received, _ = await http.raw(
        "POST", f"{_root(http)}/upload/v1beta/files", body=about, headers=start
    )
    place = received.get("X-Goog-Upload-URL")
    whole = {
        "X-Goog-Upload-Command": "upload, finalize",
        "X-Goog-Upload-Offset": "0",
        "Content-Type": MIME,
    }
    answer = None
    if place:
        answer, _ = await http.post_file(place, file, once=True, headers=whole)
    uploaded = string(mapping(answer, "file"), "name")
    if uploaded is None:
        raise HttpFailure(Failure("retry", "malformed", "the upload was answered without a file"))
    return uploaded


def _meant(error: HttpFailure) -> HttpFailure:
    """The failure with Google's own word and wait; a bad key, for which it says 400, as refused."""
    failure = error.failure
    details = objects(mapping(error.body, "error"), "details")
    reasons = {string(detail, "reason") for detail in details}
    if "API_KEY_INVALID" in reasons:
        return HttpFailure(replace(failure, then="stop", type="credentials"), error.body)
    delays = [delay for detail in details if (delay := string(detail, "retryDelay"))]
    wait = seconds_until(delays[0], time.time()) if delays else failure.wait
    word = string(mapping(error.body, "error"), "status")
    return HttpFailure(
        replace(failure, type=chat.tidy(word) if word else failure.type, wait=wait), error.body
    )


# From Gemini's answers to ours


def _snapshot(operation: dict[str, Any]) -> Snapshot:
    about, response = mapping(operation, "metadata"), mapping(operation, "response")
    said = string(about, "state") or string(operation, "state") or "unknown"
    state = said.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    places = (response, mapping(response, "output"), mapping(about, "output"))
    file = next((name for place in places if (name := string(place, "responsesFile"))), None)
    file = file or string(mapping(about, "dest"), "fileName")
    done = operation.get("done") is True
    # A batch may say that it has succeeded a moment before it says where its answers are.
    ended = done or (state in ENDS and (file is not None or state not in ANSWERED))
    stats = mapping(about, "batchStats")
    wrong = mapping(operation, "error") or mapping(about, "error")
    error = None
    if ended and (state == "FAILED" or (wrong and file is None and state not in ENDS)):
        code = count(wrong, "code")
        name = string(wrong, "status") or _STATUS.get(code or 0, (str(code or "failed"), None))[0]
        error = (
            chat.tidy(name),
            chat.tidy(string(wrong, "message") or f"the batch ended as {said}"),
        )
    return Snapshot(
        id=operation["name"],
        state="ended" if ended else "running",
        provider_state=said,
        total=count(stats, "requestCount"),
        done=count(stats, "successfulRequestCount"),
        error=error,
        expired=ended and state == "EXPIRED",
        cancelled=ended and state == "CANCELLED",
        refs={"file": file} if file else {},
        tag=string(about, "displayName"),
    )


def _result(row: dict[str, Any]) -> Result | None:
    key, response = string(row, "key"), row.get("response")
    if key is None:
        return None
    if isinstance(response, dict):
        return _answer(key, response)
    wrong = mapping(row, "error") or mapping(row, "status")
    if not wrong:
        return None
    code = count(wrong, "code") or 0
    name, status = _STATUS.get(code, (None, code if 400 <= code < 600 else None))
    name = string(wrong, "status") or name or "error"
    message = chat.tidy(string(wrong, "message") or "")
    error = {"type": chat.tidy(name), "message": message, "status": status}
    return Result(key, "error", error=error, raw=wrong, billed=False)


def _answer(key: str, response: dict[str, Any]) -> Result:
    about: dict[str, Any] = {
        "usage": _usage(mapping(response, "usageMetadata")),
        "provider_model": string(response, "modelVersion"),
        "provider_id": string(response, "responseId"),
        "raw": response,
    }
    candidates = objects(response, "candidates")
    blocked = string(mapping(response, "promptFeedback"), "blockReason")
    if not candidates and blocked:
        return Result(key, "refused", finish_reason=blocked, **about)
    if not candidates:
        error = {"type": "malformed", "message": "the answer holds no candidate", "status": 200}
        return Result(key, "error", error=error, **about)
    parts = objects(mapping(candidates[0], "content"), "parts")
    said = [string(part, "text") or "" for part in parts if part.get("thought") is not True]
    thoughts = "".join(string(p, "text") or "" for p in parts if p.get("thought") is True)
    text, reason = "".join(said), string(candidates[0], "finishReason")
    return Result(
        key,
        _OUTCOMES.get(reason or "", "ok" if text.strip() else "empty"),
        text=text if said else None,
        reasoning=thoughts or None,
        finish_reason=reason,
        **about,
    )


def _usage(usage: dict[str, Any]) -> Usage:
    """Thinking is part of the output; some models count it among the candidates' tokens already."""
    prompt, answer = count(usage, "promptTokenCount"), count(usage, "candidatesTokenCount")
    thoughts, total = count(usage, "thoughtsTokenCount"), count(usage, "totalTokenCount")
    output = answer
    if thoughts and (prompt or 0) + (answer or 0) != total:
        output = (answer or 0) + thoughts
    if output is None and prompt is not None:
        output = 0  # protobuf leaves zeros out: all was thought, or nothing was said
    return Usage(prompt, output, thoughts, count(usage, "cachedContentTokenCount"))
