"""Lines of output and error files of OpenAI's shape, and what came of each request by them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from splitplot.calls import chat
from splitplot.calls.batch.lines import read_results
from splitplot.calls.batch.protocol import Result
from splitplot.calls.pacing import classify


def read_lines(path: Path, secret: str | None) -> Iterator[Result]:
    """The results in an output or error file."""
    for line in read_results(path, secret):
        key = line.get("custom_id")
        if isinstance(key, str) and key:
            yield result_of(key, line)


def result_of(key: str, line: Mapping[str, Any]) -> Result:
    """One line's result: an answer, a refusal, or an error of its own."""
    response = line.get("response")
    response = response if isinstance(response, dict) else {}
    body = response.get("body", response if "choices" in response else None)
    status = response.get("status_code")
    status = status if isinstance(status, int) and not isinstance(status, bool) else None
    request_id = response.get("request_id")
    request_id = request_id if isinstance(request_id, str) else None
    error = line.get("error")
    about: dict[str, Any]
    if not error and (status is None or status < 400):
        fields = chat.read(body, status)
        if fields["outcome"] != "error" or not (isinstance(body, dict) and body.get("error")):
            return Result(key, request_id=request_id, **fields)
    _, code, message = chat.error_of(body if isinstance(body, dict) and body else error or body)
    raw = body if body is not None else error
    if status is None and "expired" in (code or ""):  # batch_expired
        about = {"type": "expired", "message": message, "status": status}
        return Result(key, "expired", error=about, raw=raw, request_id=request_id, billed=False)
    if status is None and "cancel" in (code or ""):  # batch_cancelled
        about = {"type": "cancelled", "message": message, "status": status}
        return Result(key, "error", error=about, raw=raw, request_id=request_id, billed=False)
    failed = status if status is not None and status >= 400 else None
    failure = classify(failed, code, message) if failed or code else None
    if failure is not None and failure.refused:
        return Result(
            key,
            "refused",
            finish_reason=failure.type,
            raw=raw,
            request_id=request_id,
            billed=False,
        )
    kind = failure.type if failure is not None and failed else chat.tidy(code or "error")
    about = {"type": kind, "message": message, "status": status}
    return Result(key, "error", error=about, raw=raw, request_id=request_id, billed=False)
