"""Together's batch API: OpenAI's lines, an upload by way of a signed address, jobs without a tag."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from splitplot.calls.batch.http import CHUNK, Http, HttpFailure
from splitplot.calls.batch.openai_like import OpenAILike, unreadable
from splitplot.calls.batch.protocol import Limits, Order, Snapshot
from splitplot.calls.pacing import backoff
from splitplot.calls.records import Request

ATTEMPTS = 6
_QUEUE_FULL = re.compile(r"(?i)enqueued")


class Together(OpenAILike):
    """A job is recognised by its input file, which no other order shares."""

    name = "together"
    limits = Limits(requests=50_000, bytes=100_000_000)
    default_url = "https://api.together.xyz/v1"
    default_key_env = "TOGETHER_API_KEY"
    newest_first = False
    first_page: ClassVar[Mapping[str, Any]] = {}

    def line(
        self, request: Request, model: str, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Key and body are all that a line holds."""
        return {"custom_id": request.key, "body": self.body(request, model, settings or {})}

    async def upload(self, http: Http, order: Order) -> dict[str, Any]:
        """Announce the file, send it to the address that comes back, have it looked through."""
        assert order.lines is not None
        file = order.lines.with_name(f"{order.name}.upload.jsonl")
        try:
            checksum = _copy_as_its_own(order.lines, file, order.name)
            fields = {
                "purpose": "batch-api",
                "file_name": f"{order.name}.jsonl",
                "file_type": "jsonl",
                "checksum": checksum,
            }
            file_id, address = await self._announce(http, fields)
            if address is not None:
                await http.put_file(address, file)
                await http.post(f"{self.files}/{file_id}/preprocess", once=False)
        finally:
            file.unlink(missing_ok=True)
        return {"input_file_id": file_id}

    async def _announce(self, http: Http, fields: Mapping[str, str]) -> tuple[str, str | None]:
        """(id of the file, address to send it to, or None where the provider has it already)."""
        attempt = 0
        while True:
            attempt += 1
            try:
                _, headers, _ = await http.raw("POST", self.files, fields=fields)
            except HttpFailure as error:
                known = error.body.get("file_id") if isinstance(error.body, dict) else None
                if error.status == 409 and isinstance(known, str) and known:
                    return known, None
                if error.failure.then != "retry" or attempt >= ATTEMPTS:
                    raise
                await http.sleep(backoff(attempt, error.failure.wait))
                continue
            file_id, address = headers.get("X-Together-File-Id"), headers.get("Location")
            if not file_id or not address:
                raise unreadable("an address for the upload")
            return file_id, address

    def snapshot(self, batch: dict[str, Any]) -> Snapshot:
        """Why a job failed is one text here; that of a full queue is told apart by its words."""
        snapshot = super().snapshot(batch)
        if snapshot.error is not None and _QUEUE_FULL.search(snapshot.error[1]):
            return replace(snapshot, error=("token_limit_exceeded", snapshot.error[1]))
        return snapshot

    def wish(self, order: Order) -> dict[str, Any]:
        """No metadata: a job has none."""
        wish = super().wish(order)
        del wish["metadata"]
        return wish

    def batch_of(self, answer: Any) -> dict[str, Any] | None:
        """A create call wraps the job; a look does not."""
        job = answer.get("job") if isinstance(answer, dict) else None
        return super().batch_of(job if isinstance(job, dict) else answer)


def _copy_as_its_own(lines: Path, to: Path, name: str) -> str:
    """Copy the lines, with blanks that spell `name` at the end of the first; returns the checksum.

    The provider gives a file that it has seen before its old id, by which an older job would be taken
    for this one. Blanks mean nothing in JSON, and make the file another.
    """
    digest = hashlib.sha256(name.encode()).digest()[:12]
    blanks = "".join(f"{byte:08b}" for byte in digest).replace("0", " ").replace("1", "\t")
    checksum = hashlib.sha256()
    with lines.open("rb") as source, to.open("wb") as target:
        first = source.readline().rstrip(b"\n") + blanks.encode() + b"\n"
        chunk = first
        while chunk:
            checksum.update(chunk)
            target.write(chunk)
            chunk = source.read(CHUNK)
    return checksum.hexdigest()
