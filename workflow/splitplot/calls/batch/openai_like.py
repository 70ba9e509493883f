"""What OpenAI's batch API has in common with those that follow it: Azure, Groq, Together."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from splitplot.calls import chat
from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.openai_lines import read_lines
from splitplot.calls.batch.protocol import Limits, Order, Refused, Result, Snapshot, Uncertain
from splitplot.calls.pacing import classify
from splitplot.calls.records import Request
from splitplot.errors import ConfigError

ENDED = {"completed", "failed", "expired", "cancelled", "canceled"}
STOPPING = {"cancelling", "canceling"}
PAGE = 100
CLOCKS = timedelta(hours=1)
"""By how much the provider's clock and ours may differ, generously, when a search is cut short."""

_QUEUE_FULL = {"token_limit_exceeded", "rate_limit_exceeded", "too_many_requests"}


class OpenAILike:
    """Files and batches as OpenAI has them. What differs between providers is an attribute or a method.

    window_h: the least and the most hours in which a batch may be asked for. endpoint: what the create
    call names; url: what each line does. newest_first: the listing is known to be in that order.
    """

    name: str
    limits: Limits
    default_url: str
    default_key_env: str
    tagged = True
    files, batches = "/files", "/batches"
    endpoint = url = "/v1/chat/completions"
    max_tokens_field = "max_tokens"
    window_h: tuple[int, int] = (24, 24)
    newest_first = True
    first_page: ClassVar[Mapping[str, Any]] = {"limit": PAGE}

    def headers(self, api_key: str | None, settings: Mapping[str, Any]) -> dict[str, str]:
        """The key as a bearer token."""
        key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        return {**(settings.get("headers") or {}), **key}

    def check(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """A batch does not stream, one answer belongs to one request, and the window has its bounds."""
        if parameters.get("stream"):
            raise ConfigError(
                f"{self.name}: stream cannot be sent by batch; leave it out of the sampling"
            )
        if parameters.get("n") not in (None, 1):
            raise ConfigError(
                f"{self.name}: n is {parameters['n']!r}; allowed by batch: 1; ask for more answers "
                "with `replications`"
            )
        hours, (least, most) = settings.get("window_h"), self.window_h
        if hours is not None and not least <= hours <= most:
            allowed = f"{least}" if least == most else f"{least} to {most}"
            raise ConfigError(
                f"{self.name}: window_h is {hours}; allowed: {allowed}; change it or leave it out"
            )

    def line(
        self, request: Request, model: str, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One line of the input file."""
        return {
            "custom_id": request.key,
            "method": "POST",
            "url": self.url,
            "body": self.body(request, model, settings or {}),
        }

    def body(self, request: Request, model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The chat body as this provider wants it."""
        body = {"model": model, **request.body}
        field = settings.get("max_tokens_field") or self.max_tokens_field
        if field != "max_tokens" and "max_tokens" in body:
            body[field] = body.pop("max_tokens")
        return body

    async def upload(self, http: Http, order: Order) -> dict[str, Any]:
        """Send the lines as a file. A repeated upload leaves a file behind, which costs nothing."""
        assert order.lines is not None
        fields = {"purpose": "batch"}
        answer = await http.upload(
            self.at(http, self.files), fields, order.lines, _file_name(order)
        )
        return {"input_file_id": _id_of(answer, "file")}

    async def create(self, http: Http, order: Order) -> Snapshot:
        """One create call; metadata carries our tag."""
        try:
            answer = await http.post(self.at(http, self.batches), self.wish(order), once=True)
        except HttpFailure as error:
            raise verdict(error) from None
        found = self.batch_of(answer)
        if found is None:
            raise Uncertain("the answer to the create call names no batch")
        return self.snapshot(found)

    def wish(self, order: Order) -> dict[str, Any]:
        """The body of the create call."""
        hours = int(order.settings.get("window_h") or self.window_h[0])
        return {
            "input_file_id": order.refs["input_file_id"],
            "endpoint": self.endpoint,
            "completion_window": f"{hours // 24}d"
            if hours > 24 and hours % 24 == 0
            else f"{hours}h",
            "metadata": {"splitplot": order.name},
        }

    async def find(self, http: Http, order: Order) -> list[Snapshot]:
        """Batches with our tag or our input file; both are ours alone."""
        file_id = order.refs.get("input_file_id")
        since = moment(order.at)
        found: list[Snapshot] = []
        async for page in self.pages(http):
            for batch in page:
                metadata = batch.get("metadata")
                tag = metadata.get("splitplot") if isinstance(metadata, dict) else None
                if tag == order.name or (file_id and batch.get("input_file_id") == file_id):
                    found.append(self.snapshot({**batch, "metadata": {"splitplot": order.name}}))
            if self.newest_first and since is not None and _all_before(page, since - CLOCKS):
                break
        return found

    async def pages(self, http: Http) -> AsyncIterator[list[dict[str, Any]]]:
        """The listing, page by page."""
        seen: set[str] = set()
        params: Mapping[str, Any] | None = self.first_page
        while params is not None:
            answer = await http.get(self.at(http, self.batches), params)
            page = [batch for batch in _rows(answer) if isinstance(batch.get("id"), str)]
            new = [batch for batch in page if batch["id"] not in seen]
            seen.update(batch["id"] for batch in new)
            yield new
            params = self.next_page(answer, page) if new else None

    def next_page(self, answer: Any, page: list[dict[str, Any]]) -> dict[str, Any] | None:
        """What to ask after this page of the listing; None after the last one."""
        more = answer.get("has_more") if isinstance(answer, dict) else None
        if more or (more is None and len(page) >= PAGE):
            return {"limit": PAGE, "after": page[-1]["id"]}
        return None

    async def look(self, http: Http, batch_id: str) -> Snapshot:
        """The batch at this moment."""
        answer = await http.get(self.at(http, f"{self.batches}/{batch_id}"))
        found = self.batch_of(answer)
        if found is None:
            raise unreadable("the batch")
        return self.snapshot(found)

    def batch_of(self, answer: Any) -> dict[str, Any] | None:
        """The batch in an answer; None where there is none."""
        has_id = isinstance(answer, dict) and isinstance(answer.get("id"), str) and answer["id"]
        return answer if has_id else None

    def snapshot(self, batch: dict[str, Any]) -> Snapshot:
        """What the provider's batch object says."""
        word = batch.get("status")
        word = word if isinstance(word, str) else "unknown"
        state = word.lower()
        counts = batch.get("request_counts")
        counts = counts if isinstance(counts, dict) else {}
        metadata = batch.get("metadata")
        tag = metadata.get("splitplot") if isinstance(metadata, dict) else None
        return Snapshot(
            id=batch["id"],
            state="ended" if state in ENDED else "running",
            provider_state=chat.tidy(word),
            total=_count(counts.get("total")),
            done=_count(counts.get("completed")),
            error=error_of(batch) if state == "failed" else None,
            expired=state == "expired",
            cancelled=state in ("cancelled", "canceled"),
            refs={
                name: batch[name]
                for name in ("input_file_id", "output_file_id", "error_file_id")
                if isinstance(batch.get(name), str) and batch[name]
            },
            tag=tag if isinstance(tag, str) else None,
        )

    async def results(self, http: Http, snapshot: Snapshot, folder: Path) -> AsyncIterator[Result]:
        """The lines of the output file, then those of the error file; either may be missing or empty."""
        for name in ("output_file_id", "error_file_id"):
            if file_id := snapshot.refs.get(name):
                path = folder / f"{name.removesuffix('_file_id')}.jsonl"
                await http.download(self.content(http, file_id), path)
                for result in read_lines(path, http.secret):
                    yield result

    async def cancel(self, http: Http, batch_id: str) -> None:
        """Ask to stop, unless that has been done or nothing is left to stop."""
        if await self._stops(http, batch_id):
            return
        try:
            await http.post(self.at(http, f"{self.batches}/{batch_id}/cancel"), once=False)
        except HttpFailure:
            if not await self._stops(http, batch_id):
                raise

    async def _stops(self, http: Http, batch_id: str) -> bool:
        snapshot = await self.look(http, batch_id)
        return snapshot.state == "ended" or snapshot.provider_state.lower() in STOPPING

    async def discard(self, http: Http, refs: Mapping[str, Any]) -> None:
        """Delete the input file, if it is there."""
        if file_id := refs.get("input_file_id"):
            try:
                await http.delete(self.at(http, f"{self.files}/{file_id}"))
            except HttpFailure as error:
                if error.status != 404:
                    raise

    def at(self, http: Http, path: str) -> str:
        """Where a path of this API lies, under the base URL or as a whole URL."""
        return path

    def content(self, http: Http, file_id: str) -> str:
        """Where the bytes of a file lie."""
        return self.at(http, f"{self.files}/{file_id}/content")


def verdict(error: HttpFailure) -> Refused | Uncertain:
    """What a failed create call means: nobody can tell, or certainly no batch."""
    failure = error.failure
    if error.may_have_worked:
        return Uncertain(str(error))
    unheard = failure.status is None and failure.then == "retry"
    busy = unheard or failure.status in (425, 429) or failure.type in _QUEUE_FULL
    return Refused(
        failure.type,
        failure.message,
        status=failure.status,
        wait=busy and failure.then != "stop",
        credentials=failure.then == "stop",
        seconds=failure.wait,
    )


def unreadable(what: str) -> HttpFailure:
    """An answer that came, with nothing in it that can be used."""
    return HttpFailure(classify(200, message=f"the answer does not hold {what}"))


def error_of(batch: Mapping[str, Any]) -> tuple[str, str]:
    """Why a batch failed as a whole: code and message."""
    errors = batch.get("errors")
    data = errors.get("data") if isinstance(errors, dict) else errors
    first = data[0] if isinstance(data, list) and data else batch.get("error")
    _, code, message = chat.error_of(first)
    if isinstance(first, dict) and isinstance(first.get("line"), int):
        message = f"{message} (line {first['line']})"
    return chat.tidy(code or "failed"), message or "the provider gives no reason"


def moment(value: Any) -> datetime | None:
    """A time as providers write it: seconds since 1970, or ISO 8601."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if value is not None and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    return None


def _all_before(page: Iterable[Mapping[str, Any]], horizon: datetime) -> bool:
    times = [moment(batch.get("created_at")) for batch in page]
    return bool(times) and all(time is not None and time < horizon for time in times)


def _rows(answer: Any) -> list[dict[str, Any]]:
    data = answer.get("data") if isinstance(answer, dict) else answer
    if not isinstance(data, list):
        raise unreadable("a list of batches")
    return [row for row in data if isinstance(row, dict)]


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _id_of(answer: Any, what: str) -> str:
    found = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(found, str) or not found:
        raise unreadable(f"the id of the {what}")
    return found


def _file_name(order: Order) -> str:
    return f"{order.name}.jsonl"
