"""Mistral's batch API: a file of lines without a model, and a job that names model and metadata.

After mistralai 3.7 and Mistral's documentation. From memory: 512 MB a file, that the chat API refuses
fields it does not know, and the lines of an error file.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from splitplot.calls import chat
from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.openai_like import PAGE, OpenAILike, unreadable, verdict
from splitplot.calls.batch.protocol import Limits, Order, Result, Snapshot, Uncertain
from splitplot.calls.pacing import Failure
from splitplot.calls.records import Request
from splitplot.errors import ConfigError

TAG = "splitplot"
USUAL_WINDOW_H = 24

_ENDED = {"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"}

_UNKNOWN_THERE = {
    "seed": "leave it out and write `extra: {random_seed: …}`, Mistral's name for it",
    "max_completion_tokens": "write max_tokens, Mistral's name for it",
    "logit_bias": "leave it out",
}


class Mistral(OpenAILike):
    """Mistral: jobs are recognised by their metadata.

    Bodies go as they do in real time, never translated: equal keys are equal calls.
    """

    name = "mistral"
    limits = Limits(requests=1_000_000, bytes=512_000_000)
    """1,000,000 requests may be pending in all jobs of a workspace together."""
    default_url = "https://api.mistral.ai/v1"
    default_key_env = "MISTRAL_API_KEY"
    batches = "/batch/jobs"
    window_h = (1, 168)

    def check(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Besides, refuse fields that fail line by line, which would show only hours later."""
        super().check(parameters, settings)
        for name, advice in _UNKNOWN_THERE.items():
            if parameters.get(name) is not None:
                raise ConfigError(
                    f"{self.name}: {name} is no field of Mistral's chat API; {advice}"
                )

    def line(
        self, request: Request, model: str, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body as it is; the model belongs to the job."""
        return {"custom_id": request.key, "body": request.body}

    def wish(self, order: Order) -> dict[str, Any]:
        """The body of the create call."""
        return {
            "input_files": [order.refs["input_file_id"]],
            "model": order.model,
            "endpoint": self.endpoint,
            "metadata": {TAG: order.name},
            "timeout_hours": int(order.settings.get("window_h") or USUAL_WINDOW_H),
        }

    async def create(self, http: Http, order: Order) -> Snapshot:
        """One create call; metadata carries our tag."""
        try:
            answer = await http.post(self.batches, self.wish(order), once=True)
        except HttpFailure as error:
            failure = error.failure
            told = replace(failure, message=failure.message or _wrong_fields(error.body))
            raise verdict(HttpFailure(told)) from None
        found = self.batch_of(answer)
        if found is None:
            raise Uncertain("the answer to the create call names no job")
        return self.snapshot(found)

    async def find(self, http: Http, order: Order) -> list[Snapshot]:
        """The job with our tag or our file: through the filter by metadata, then in the whole listing.

        A server that ignores the filter, or reads it otherwise, neither makes a foreign job ours nor
        hides our own.
        """
        for filters in ({TAG: order.name}, {}):
            async for page in self.pages(http, filters):
                for job in page:
                    if _is_ours(job, order):
                        return [self.snapshot({**job, "metadata": {TAG: order.name}})]
        return []

    async def pages(
        self, http: Http, filters: Mapping[str, str] | None = None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The listing, newest first; a pair of the metadata is a parameter like others."""
        seen: set[str] = set()
        number = 0
        while True:
            params = {"page": number, "page_size": PAGE, "order_by": "-created", **(filters or {})}
            answer = await http.get(self.batches, params)
            data = answer.get("data", []) if isinstance(answer, dict) else None
            if not isinstance(data, list):
                raise unreadable("a list of jobs")
            page = [job for job in data if isinstance(job, dict) and isinstance(job.get("id"), str)]
            new = [job for job in page if job["id"] not in seen]
            if not new:  # the end, or a server that answers every page with the same one
                return
            seen.update(job["id"] for job in new)
            yield new
            number += 1

    def snapshot(self, batch: dict[str, Any]) -> Snapshot:
        """What the provider's job says."""
        word = batch.get("status")
        word = word if isinstance(word, str) else "unknown"
        metadata = batch.get("metadata")
        tag = metadata.get(TAG) if isinstance(metadata, dict) else None
        files = {"output_file_id": "output_file", "error_file_id": "error_file"}
        return Snapshot(
            id=batch["id"],
            state="ended" if word in _ENDED else "running",
            provider_state=chat.tidy(word),
            total=_count(batch, "total_requests"),
            done=_count(batch, "succeeded_requests"),
            error=("failed", _reasons(batch)) if word == "FAILED" else None,
            expired=word == "TIMEOUT_EXCEEDED",
            cancelled=word == "CANCELLED",
            refs={
                ours: batch[theirs]
                for ours, theirs in files.items()
                if isinstance(batch.get(theirs), str) and batch[theirs]
            },
            tag=tag if isinstance(tag, str) else None,
        )

    async def results(self, http: Http, snapshot: Snapshot, folder: Path) -> AsyncIterator[Result]:
        """The lines of the output file, then those of the error file.

        Answers that are counted, and are in no file yet, are waited for: they are paid.
        """
        if snapshot.done and "output_file_id" not in snapshot.refs:
            snapshot = await self.look(http, snapshot.id)
            whole = snapshot.provider_state == "SUCCESS"
            if whole and snapshot.done and "output_file_id" not in snapshot.refs:
                message = f"{snapshot.done} answers are counted, and no output file is named yet"
                raise HttpFailure(Failure("retry", "no_output_file", message))
        async for result in super().results(http, snapshot, folder):
            yield result

    async def _stops(self, http: Http, batch_id: str) -> bool:
        snapshot = await self.look(http, batch_id)
        return snapshot.state == "ended" or snapshot.provider_state == "CANCELLATION_REQUESTED"


def _is_ours(job: Mapping[str, Any], order: Order) -> bool:
    metadata, files = job.get("metadata"), job.get("input_files")
    if isinstance(metadata, dict) and metadata.get(TAG) == order.name:
        return True
    file_id = order.refs.get("input_file_id")
    return file_id is not None and isinstance(files, list) and file_id in files


def _count(job: Mapping[str, Any], name: str) -> int | None:
    value = job.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reasons(job: Mapping[str, Any]) -> str:
    errors = job.get("errors")
    found = errors if isinstance(errors, list) else []
    texts = [chat.error_of(error)[2] for error in found]
    return chat.tidy("; ".join(filter(None, texts))) or "the provider gives no reason"


def _wrong_fields(body: Any) -> str:
    """What an answer with status 422 lists under "detail"."""
    details = body.get("detail") if isinstance(body, dict) else None
    texts = []
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict):
            place = detail.get("loc")
            place = ".".join(map(str, place)) if isinstance(place, list) else "the request"
            texts.append(f"{place}: {detail.get('msg')}")
    return chat.tidy("; ".join(texts))
