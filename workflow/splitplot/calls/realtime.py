"""The real-time route: requests to an OpenAI-compatible endpoint over one HTTP session."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from splitplot.calls import chat
from splitplot.calls.credentials import checked_key
from splitplot.calls.dispatch import (
    Feed,
    OnSend,
    Price,
    Record,
    Reply,
    dispatch,
)
from splitplot.calls.limits import wait_asked_by
from splitplot.calls.pacing import Failure, classify
from splitplot.calls.progress import Progress

MAX_BODY_BYTES = 16 * 2**20
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


async def answer(
    feed: Feed,
    endpoint: dict[str, Any],
    *,
    api_key: str | None,
    record: Record,
    on_send: OnSend,
    price: Price,
    route: str = "realtime",
    engine: dict[str, Any] | None = None,
    stop: asyncio.Event,
    progress: Progress | None = None,
) -> None:
    """Ask an OpenAI-compatible endpoint; parameters and errors as in `dispatch`.

    endpoint: base_url and headers (never a key) too.
    Raises CredentialRefused before anything is sent where no HTTP header may hold the key.
    """
    import aiohttp
    from yarl import URL

    url = endpoint["base_url"].rstrip("/") + "/chat/completions"
    key = checked_key(api_key, endpoint)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    headers |= {"User-Agent": "splitplot", **(endpoint.get("headers") or {})}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    usual_timeout = float(endpoint["request_timeout_s"])
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=usual_timeout),
        headers=headers,
        proxy=_proxy_for(url),
    ) as session:
        encode = json.JSONEncoder(separators=(",", ":")).encode
        target = URL(url)

        async def send(body: dict[str, Any], timeout_s: float) -> Reply | Failure:
            data = encode(body).encode()
            limit: dict[str, Any] = {}
            if timeout_s < usual_timeout:
                limit["timeout"] = aiohttp.ClientTimeout(total=timeout_s)
            try:
                async with session.post(
                    target, data=data, allow_redirects=False, **limit
                ) as response:
                    received = await _read_body(response.content)
                    return _judge(response.status, response.headers, received, key)
            except TimeoutError as error:
                return classify(None, message=f"no answer within {timeout_s:.0f} s", error=error)
            except (aiohttp.ClientError, OSError) as error:
                text = chat.redact(f"{type(error).__name__}: {error}", key)
                return classify(None, message=chat.tidy(text), error=error)

        await dispatch(
            feed,
            endpoint,
            send,
            record=record,
            on_send=on_send,
            price=price,
            route=route,
            engine=engine,
            stop=stop,
            progress=progress,
        )


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this URL, looked up once rather than per request."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if parts.hostname in LOOPBACK or proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


async def _read_body(content: Any) -> bytes | None:
    """The whole body, or None where it exceeds MAX_BODY_BYTES."""
    chunks, size = [], 0
    async for chunk in content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _judge(
    status: int, headers: Mapping[str, str], received: bytes | None, key: str | None
) -> Reply | Failure:
    if received is None:
        message = f"the answer exceeds {MAX_BODY_BYTES // 2**20} MiB"
        return Failure("give_up", "too_large", message, status, maybe_paid=True)
    try:
        body = chat.decode(received, key)
    except ValueError:
        if 200 <= status < 300:
            return classify(status, message="the answer is no valid JSON (cut short?)")
        body = chat.redact(received.decode("utf-8", "replace"), key)
    if 200 <= status < 300:
        return Reply(body, headers, status)
    _, code, message = chat.error_of(body)
    if 300 <= status < 400:
        message = "the endpoint redirects elsewhere; put the final address into base_url"
    return classify(status, code, message, wait=wait_asked_by(headers, time.time()))
