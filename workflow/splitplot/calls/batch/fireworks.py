"""Fireworks' batch API: datasets in and out, and jobs whose id is the name that we give them.

After fireworks-ai 1.2 and published transcripts of live calls. A job's id can be used once only, so a
second create call makes nothing, and a job of ours is found by asking for it.

There is no call to cancel: a job is deleted, and what it has answered by then goes with it (from
memory; the transcripts end at the deletion). `continuedFromJobName`, which resumes an expired job, is
not used: what it left unanswered is a gap like any other, sent again or not as the study says. From
memory, too: the lines of the error file.
"""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from splitplot.calls import chat
from splitplot.calls.batch import fireworks_datasets as datasets
from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.openai_like import unreadable, verdict
from splitplot.calls.batch.openai_lines import read_lines
from splitplot.calls.batch.protocol import Limits, Order, Refused, Result, Snapshot, Uncertain
from splitplot.calls.records import Request
from splitplot.errors import ConfigError

WINDOW_H = 24
PAGE = 200

_ENDED = {"COMPLETED", "FAILED", "CANCELLED", "EXPIRED", "EARLY_STOPPED", "DELETED", "ARCHIVED"}
_EXPIRED = {"EXPIRED", "EARLY_STOPPED"}
_CANCELLED = {"CANCELLED", "DELETED", "ARCHIVED"}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Fireworks:
    """Fireworks. The id of a batch is its resource name, accounts/…/batchInferenceJobs/….

    Sampling parameters stay in each line's body, as in real time, and not in `inferenceParameters`.
    """

    name = "fireworks"
    limits = Limits(bytes=500_000_000)
    default_url = "https://api.fireworks.ai"
    default_key_env = "FIREWORKS_API_KEY"
    tagged = True

    def headers(self, api_key: str | None, settings: Mapping[str, Any]) -> dict[str, str]:
        """The key as a bearer token."""
        key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        return {**(settings.get("headers") or {}), **key}

    def check(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Every address holds the account's id; jobs end after 24 hours; one answer a request."""
        account = settings.get("account")
        if not isinstance(account, str) or not _ID.fullmatch(account):
            wrong = "no account is named" if account is None else f"account is {account!r}"
            raise ConfigError(
                f"{self.name}: {wrong}; batches need your account's id, as in the address of the "
                "console (letters, digits, hyphens); write `batch: {account: …}` into the model's "
                "entry in config/models.yaml"
            )
        if parameters.get("stream"):
            raise ConfigError(
                f"{self.name}: stream cannot be sent by batch; leave it out of the sampling"
            )
        if parameters.get("n") not in (None, 1):
            raise ConfigError(
                f"{self.name}: n is {parameters['n']!r}; allowed by batch: 1; ask for more answers "
                "with `replications`"
            )
        if settings.get("window_h") not in (None, WINDOW_H):
            raise ConfigError(
                f"{self.name}: window_h is {settings['window_h']}; allowed: {WINDOW_H}; change it or "
                "leave it out"
            )

    def line(
        self, request: Request, model: str, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body as it is; the model belongs to the job."""
        return {"custom_id": request.key, "body": request.body}

    async def upload(self, http: Http, order: Order) -> dict[str, Any]:
        """Make a dataset of the lines, and wait until it can be used; {"dataset": its name}."""
        assert order.lines is not None
        dataset = f"{_account(order)}/datasets/{order.name}-in"
        await datasets.make(http, dataset, order.count, order.lines)
        return {"dataset": dataset}

    async def create(self, http: Http, order: Order) -> Snapshot:
        """One create call under our name; where it may have been used already, a look at that job."""
        account = _account(order)
        wish = {
            "model": order.model,
            "displayName": order.name,
            "inputDatasetId": order.refs["dataset"],
            "outputDatasetId": f"{account}/datasets/{order.name}-out",
        }
        params = {"batchInferenceJobId": order.name}
        path = f"/v1/{account}/batchInferenceJobs"
        try:
            answer = await http.post(path, wish, once=True, params=params)
        except HttpFailure as error:
            meant = verdict(error)
            if isinstance(meant, Refused) and error.status != 409:
                raise meant from None
            return await self._made_already(http, order, error)
        snapshot = _snapshot(answer, order)
        if snapshot is None:
            raise Uncertain("the answer to the create call names no job of ours")
        return snapshot

    async def _made_already(self, http: Http, order: Order, error: HttpFailure) -> Snapshot:
        """The job of our name. Raises Uncertain where it is not there (yet)."""
        try:
            found = await self.find(http, order)
        except HttpFailure as failure:
            raise Uncertain(f"{error}; and then {failure}") from None
        if not found:
            raise Uncertain(str(error))
        return found[0]

    async def find(self, http: Http, order: Order) -> list[Snapshot]:
        """The job of our name, asked for by it, else looked for in the whole listing."""
        try:
            answer = await http.get(f"/v1/{_job(order)}")
            if (snapshot := _snapshot(answer, order)) is not None:
                return [snapshot]
        except HttpFailure as error:
            if error.status != 404:
                raise
        token, seen = "", set()
        while token not in seen:
            seen.add(token)
            params = {"pageSize": PAGE} | ({"pageToken": token} if token else {})
            answer = await http.get(f"/v1/{_account(order)}/batchInferenceJobs", params)
            if not isinstance(answer, dict):
                raise unreadable("a list of jobs")
            jobs = answer.get("batchInferenceJobs")
            for job in jobs if isinstance(jobs, list) else []:
                if (snapshot := _snapshot(job, order)) is not None:
                    return [snapshot]
            token = str(answer.get("nextPageToken") or "")
        return []

    async def look(self, http: Http, batch_id: str) -> Snapshot:
        """The job at this moment."""
        answer = await http.get(f"/v1/{batch_id}")
        if not isinstance(answer, dict) or not isinstance(answer.get("state"), str):
            raise unreadable("the job")
        return _read(answer, batch_id)

    async def cancel(self, http: Http, batch_id: str) -> None:
        """Delete a job that has not ended. What it has answered so far is lost with it."""
        try:
            if (await self.look(http, batch_id)).state != "ended":
                await http.delete(f"/v1/{batch_id}")
        except HttpFailure as error:
            if error.status != 404:
                raise

    async def results(self, http: Http, snapshot: Snapshot, folder: Path) -> AsyncIterator[Result]:
        """The lines of every file in the output dataset: answers in one, errors in another.

        A job that failed in its validation has no such dataset.
        """
        dataset = snapshot.refs.get("output") or _output_of(snapshot.id)
        try:
            async for path in datasets.files(http, dataset, folder):
                for result in read_lines(path, http.secret):
                    yield result
        except HttpFailure as error:
            if error.status != 404 or snapshot.error is None or snapshot.done:
                raise

    async def discard(self, http: Http, refs: Mapping[str, Any]) -> None:
        """Delete the input dataset, if it is there."""
        if dataset := refs.get("dataset"):
            await datasets.delete(http, dataset)


def _account(order: Order) -> str:
    return f"accounts/{order.settings['account']}"


def _job(order: Order) -> str:
    return f"{_account(order)}/batchInferenceJobs/{order.name}"


def _output_of(batch_id: str) -> str:
    """The output dataset that `create` has named."""
    account, _, name = batch_id.partition("/batchInferenceJobs/")
    return f"{account}/datasets/{name}-out"


def _snapshot(job: Any, order: Order) -> Snapshot | None:
    """A job of the API in our terms; None where it is not this order's."""
    if not isinstance(job, dict) or job.get("name") != _job(order):
        return None
    return _read(job, _job(order), order.name)


def _read(job: Mapping[str, Any], batch_id: str, tag: str | None = None) -> Snapshot:
    word = job.get("state")
    word = word if isinstance(word, str) else "unknown"
    state = word.removeprefix("JOB_STATE_")
    found = job.get("jobProgress")
    progress = found if isinstance(found, dict) else {}
    # The total that is told is the one that was declared; more may have been worked through.
    totals = [_count(progress, f"total{what}Requests") for what in ("Input", "Processed")]
    output = job.get("outputDatasetId")
    named = isinstance(output, str) and all(_ID.fullmatch(part) for part in output.split("/"))
    return Snapshot(
        batch_id,
        "ended" if state in _ENDED else "running",
        chat.tidy(word),
        total=max((total for total in totals if total), default=None),
        done=_count(progress, "successfullyProcessedRequests"),
        error=_reason(job.get("status")) if state == "FAILED" else None,
        expired=state in _EXPIRED,
        cancelled=state in _CANCELLED,
        refs={"output": output} if named and "/datasets/" in str(output) else {},
        tag=tag or batch_id.rpartition("/")[2],
    )


def _reason(status: Any) -> tuple[str, str]:
    code = status.get("code") if isinstance(status, dict) else None
    message = chat.error_of(status)[2]
    return chat.tidy(str(code or "failed")), message or "the provider gives no reason"


def _count(progress: Mapping[str, Any], name: str) -> int | None:
    """A number, which this API may also write as text."""
    value = progress.get(name)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
