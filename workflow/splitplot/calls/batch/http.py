"""HTTP for batch APIs: JSON calls, streamed uploads and downloads; reads are retried, creates never."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from splitplot.calls import chat
from splitplot.calls.limits import wait_asked_by
from splitplot.calls.pacing import Failure, backoff, classify
from splitplot.files import atomic_path

ATTEMPTS = 6
TIMEOUT_S = 120.0
CHUNK = 1 << 20
SLOWEST_BYTES_S = 20_000
"""An upload that is slower than this has stalled."""
MAX_HOPS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


class HttpFailure(Exception):
    """A call that failed for good. failure: its classification; body: the parsed or plain answer."""

    def __init__(self, failure: Failure, body: Any = None) -> None:
        super().__init__(f"{failure.type}: {failure.message}")
        self.failure, self.body = failure, body

    @property
    def status(self) -> int | None:
        """HTTP status, None where no answer came."""
        return self.failure.status

    @property
    def may_have_worked(self) -> bool:
        """Whether a call that changes something may have taken effect all the same."""
        status = self.failure.status
        return (status is None and self.failure.maybe_paid) or (status or 0) >= 500 or status == 408


class Http:
    """One session with one account of a provider.

    base_url: without a slash at its end. headers: with the key; never logged. secret: the key, which
    is removed from everything that is read. sleep: for tests.
    """

    def __init__(
        self,
        session: Any,
        base_url: str,
        headers: Mapping[str, str],
        secret: str | None,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self.base_url, self.secret = base_url.rstrip("/"), secret
        self._session, self._headers = session, dict(headers)
        self._timeout_s, self._attempts, self.sleep = timeout_s, attempts, sleep

    def header(self, name: str) -> str | None:
        """A header that goes with every call."""
        return self._headers.get(name)

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON at `path` (or a whole URL); retried. Raises HttpFailure."""
        return await self._retried("GET", path, params=params)

    async def delete(self, path: str) -> Any:
        """DELETE, retried: doing it twice does no harm. Raises HttpFailure."""
        return await self._retried("DELETE", path)

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        once: bool,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """POST of JSON. once: never repeated, whatever happens. Raises HttpFailure."""
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        more = {"Content-Type": "application/json", **(headers or {})}
        if once:
            return (await self._call("POST", path, data=data, headers=more, params=params))[0]
        return await self._retried("POST", path, data=data, headers=more, params=params)

    async def post_file(
        self, path: str, file: Path, *, once: bool, headers: Mapping[str, str] | None = None
    ) -> tuple[Any, Mapping[str, str]]:
        """POST of a file's bytes, streamed.

        Returns (JSON, headers). Raises HttpFailure.
        """
        return (await self._file("POST", path, file, once=once, headers=headers))[:2]

    async def put_file(
        self, url: str, file: Path, *, headers: Mapping[str, str] | None = None
    ) -> tuple[Any, Mapping[str, str]]:
        """PUT of a file's bytes to a (signed) URL, streamed, retried. Our key is not sent along.

        A redirection is followed, the file sent again.
        """
        for _ in range(MAX_HOPS):
            body, received, status = await self._file(
                "PUT", url, file, once=False, headers=headers, bare=True, hops=True
            )
            if status not in _REDIRECTS:
                return body, received
            url = urljoin(url, received.get("Location", ""))
        raise _lost(f"more than {MAX_HOPS} redirections")

    async def upload(
        self, path: str, fields: Mapping[str, str], file: Path, filename: str, *, once: bool = False
    ) -> Any:
        """Multipart form with `fields` and the file under "file", streamed from disk."""

        attempt = 0
        while True:
            attempt += 1
            try:
                with file.open("rb") as data:
                    form = _form(fields)
                    form.add_field(
                        "file", data, filename=filename, content_type="application/jsonl"
                    )
                    size = file.stat().st_size
                    return (await self._call("POST", path, data=form, size=size))[0]
            except HttpFailure as error:
                if once or not await self._again(error, attempt):
                    raise

    async def raw(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, Mapping[str, str], int]:
        """One call without retries and without following redirects; (JSON, headers, status < 400).

        body: sent as JSON; fields: sent as a multipart form.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        more = ({"Content-Type": "application/json"} if data else {}) | dict(headers or {})
        form = data if fields is None else _form(fields)
        return await self._call(method, path, data=form, headers=more, hops=True)

    async def download(
        self, path: str, to: Path, params: Mapping[str, Any] | None = None, *, bare: bool = False
    ) -> None:
        """Stream what is at `path` into the file `to`, complete or absent; retried from the start.

        A connection that closes before all announced bytes came is a failure, not an end.
        bare: `path` is a signed URL; our key is not sent along.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                with atomic_path(to) as temporary:
                    await self._stream(path, temporary, params, bare)
                return
            except HttpFailure as error:
                if not await self._again(error, attempt):
                    raise

    async def _stream(
        self, path: str, to: Path, params: Mapping[str, Any] | None, bare: bool
    ) -> None:
        import aiohttp

        url, headers = self._url(path), {} if bare else self._headers
        # The whole may take long; a silence may not.
        limit = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=self._timeout_s)
        try:
            for _ in range(MAX_HOPS):
                async with self._session.get(
                    url, params=params, headers=headers, timeout=limit, allow_redirects=False
                ) as response:
                    if response.status in _REDIRECTS:
                        url = urljoin(str(response.url), response.headers.get("Location", ""))
                        # Files may lie elsewhere, at an address that is a key in itself.
                        headers = headers if _same_place(url, self.base_url) else {}
                        params = None
                        continue
                    if response.status >= 300:
                        raise self._failure(response, await response.read())
                    with to.open("wb") as file:
                        async for chunk in response.content.iter_chunked(CHUNK):
                            file.write(chunk)
                    return
        except HttpFailure:
            raise
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise self._broken(error) from None
        raise _lost(f"more than {MAX_HOPS} redirections")

    async def _file(
        self,
        method: str,
        path: str,
        file: Path,
        *,
        once: bool,
        headers: Mapping[str, str] | None,
        bare: bool = False,
        hops: bool = False,
    ) -> tuple[Any, Mapping[str, str], int]:
        attempt = 0
        while True:
            attempt += 1
            try:
                with file.open("rb") as data:
                    size = file.stat().st_size
                    more = {"Content-Length": str(size), **(headers or {})}
                    return await self._call(
                        method, path, data=data, headers=more, bare=bare, hops=hops, size=size
                    )
            except HttpFailure as error:
                if once or not await self._again(error, attempt):
                    raise

    async def _retried(self, method: str, path: str, **given: Any) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                return (await self._call(method, path, **given))[0]
            except HttpFailure as error:
                if not await self._again(error, attempt):
                    raise

    async def _again(self, error: HttpFailure, attempt: int) -> bool:
        if error.failure.then != "retry" or attempt >= self._attempts:
            return False
        await self.sleep(backoff(attempt, error.failure.wait))
        return True

    async def _call(
        self,
        method: str,
        path: str,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        bare: bool = False,
        hops: bool = False,
        size: int = 0,
    ) -> tuple[Any, Mapping[str, str], int]:
        """One call. bare: without our headers. hops: a redirection is an answer, else a failure.
        size: bytes of a file that is sent."""
        import aiohttp

        sent = {**({} if bare else self._headers), **(headers or {})}
        # An upload of hundreds of megabytes takes its time; a silence may not.
        size = len(data) if isinstance(data, bytes) else size
        total = self._timeout_s + size / SLOWEST_BYTES_S if size else None
        limit = aiohttp.ClientTimeout(total=total, sock_connect=30, sock_read=self._timeout_s)
        try:
            async with self._session.request(
                method,
                self._url(path),
                data=data,
                headers=sent,
                params=params,
                timeout=limit,
                allow_redirects=False,
            ) as response:
                received = await response.read()
                if response.status >= (400 if hops else 300):
                    raise self._failure(response, received)
                return self._parsed(response, received), response.headers, response.status
        except HttpFailure:
            raise
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise self._broken(error) from None

    def _url(self, path: str) -> str:
        return path if path.startswith(("http://", "https://")) else self.base_url + path

    def _parsed(self, response: Any, received: bytes) -> Any:
        if not received.strip():
            return None
        try:
            return chat.decode(received, self.secret)
        except ValueError:
            if response.status >= 300:
                return None
            # The call worked, and its answer is lost: for a create, nobody can tell what was made.
            raise _lost("the answer is no valid JSON (cut short?)") from None

    def _failure(self, response: Any, received: bytes) -> HttpFailure:
        try:
            body: Any = chat.decode(received, self.secret)
        except ValueError:
            body = chat.redact(received.decode("utf-8", "replace"), self.secret)
        _, code, message = chat.error_of(body)
        wait = wait_asked_by(response.headers, time.time())
        return HttpFailure(classify(response.status, code, message, wait=wait), body)

    def _broken(self, error: BaseException) -> HttpFailure:
        text = chat.tidy(chat.redact(f"{type(error).__name__}: {error}", self.secret))
        return HttpFailure(classify(None, message=text, error=error))


def _lost(message: str) -> HttpFailure:
    return HttpFailure(Failure("retry", "malformed", message, maybe_paid=True))


def _form(fields: Mapping[str, str]) -> Any:
    import aiohttp

    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    return form


def _same_place(url: str, base_url: str) -> bool:
    here, there = urlsplit(base_url), urlsplit(url)
    return (here.scheme, here.netloc) == (there.scheme, there.netloc)


@asynccontextmanager
async def connect(
    base_url: str, headers: Mapping[str, str], secret: str | None, **options: Any
) -> AsyncIterator[Http]:
    """An `Http` on a session of its own. options: as of `Http`."""
    import aiohttp

    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
    ) as session:
        yield Http(session, base_url, {"User-Agent": "splitplot", **headers}, secret, **options)
