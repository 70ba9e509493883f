"""Fireworks' datasets: where the lines of a batch go, and where its results lie.

Small files are posted, large ones put to a signed URL; results come from signed URLs alone. Such a URL
lives for minutes and is a key in itself: ours is never sent there. From memory: one that is too old
answers 400 or 403.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from splitplot.calls import chat
from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.openai_like import unreadable
from splitplot.calls.pacing import Failure

DIRECT_BYTES = 150_000_000
FRESH_URLS = 3
"""How often a signed URL is asked for before its refusal is believed."""

READY_POLL_S, READY_POLLS = 2.0, 300

_TOO_OLD = (400, 403)
_PLAIN = {None, "", "ENCRYPTION_STATE_UNSPECIFIED", "ENCRYPTION_STATE_PLAINTEXT"}


async def make(http: Http, dataset: str, count: int, lines: Path) -> None:
    """Make a dataset of the lines, and wait until it can be used. Raises HttpFailure.

    dataset: its resource name. One that is there already, of an earlier try, is used or filled.
    """
    folder, _, dataset_id = dataset.rpartition("/")
    wish = {"datasetId": dataset_id, "dataset": {"userUploaded": {}, "exampleCount": str(count)}}
    try:
        await http.post(f"/v1/{folder}", wish, once=False)
    except HttpFailure as error:
        if error.status != 409:
            raise
    if await _ready(http, dataset):
        return
    if lines.stat().st_size < DIRECT_BYTES:
        await http.upload(f"/v1/{dataset}:upload", {}, lines, f"{dataset_id}.jsonl")
    else:
        await _put(http, dataset, lines, f"{dataset_id}.jsonl")
    for _ in range(READY_POLLS):
        if await _ready(http, dataset):
            return
        await http.sleep(READY_POLL_S)
    message = f"the dataset has not become ready within {READY_POLL_S * READY_POLLS:.0f} s"
    raise HttpFailure(Failure("retry", "not_ready", message))


async def files(http: Http, dataset: str, folder: Path) -> AsyncIterator[Path]:
    """Download the files of a dataset, one at a time. Raises HttpFailure."""
    names = sorted(await _urls(http, dataset))
    for number, name in enumerate(names):
        path = folder / f"output-{number}.jsonl"
        for left in reversed(range(FRESH_URLS)):
            url = (await _urls(http, dataset)).get(name)
            if url is None:
                raise unreadable(f"a URL for {chat.tidy(name)}")
            try:
                await http.download(url, path, bare=True)
                break
            except HttpFailure as error:
                if not left or error.status not in _TOO_OLD:
                    raise _not_ours(error) from None
        yield path


async def delete(http: Http, dataset: str) -> None:
    """Delete a dataset, if it is there. Raises HttpFailure."""
    try:
        await http.delete(f"/v1/{dataset}")
    except HttpFailure as error:
        if error.status != 404:
            raise


async def _put(http: Http, dataset: str, lines: Path, file_name: str) -> None:
    size = str(lines.stat().st_size)
    wish = {"filenameToSize": {file_name: size}}
    # Both are part of the URL's signature.
    headers = {
        "Content-Type": "application/octet-stream",
        "X-Goog-Content-Length-Range": f"{size},{size}",
    }
    for left in reversed(range(FRESH_URLS)):
        answer = await http.post(f"/v1/{dataset}:getUploadEndpoint", wish, once=False)
        url = _signed(answer, http).get(file_name)
        if url is None:
            raise unreadable("a URL for the upload")
        try:
            await http.put_file(url, lines, headers=headers)
            break
        except HttpFailure as error:
            if not left or error.status not in _TOO_OLD:
                raise _not_ours(error) from None
    await http.post(f"/v1/{dataset}:validateUpload", {}, once=False)


async def _ready(http: Http, dataset: str) -> bool:
    answer = await http.get(f"/v1/{dataset}")
    if not isinstance(answer, dict):
        raise unreadable("the dataset")
    if answer.get("encryptionState") not in _PLAIN:
        message = "the account's datasets are to be encrypted by the sender, which is not done here"
        raise HttpFailure(Failure("give_up", "encrypted", message))
    return answer.get("state") == "READY"


async def _urls(http: Http, dataset: str) -> dict[str, str]:
    return _signed(await http.get(f"/v1/{dataset}:getDownloadEndpoint"), http)


def _signed(answer: Any, http: Http) -> dict[str, str]:
    """URLs by file name; only such as are as safe as the API's own."""
    urls = answer.get("filenameToSignedUrls") if isinstance(answer, dict) else None
    if not isinstance(urls, dict):
        raise unreadable("signed URLs")
    safe = ("https://",) if http.base_url.startswith("https://") else ("https://", "http://")
    return {
        name: url for name, url in urls.items() if isinstance(url, str) and url.startswith(safe)
    }


def _not_ours(error: HttpFailure) -> HttpFailure:
    """A refusal by the store behind signed URLs: nothing about our key, or about what there is."""
    message = chat.tidy(f"HTTP {error.status} for a signed URL: {error.failure.message}")
    return HttpFailure(Failure("retry", "signed_url", message), error.body)
