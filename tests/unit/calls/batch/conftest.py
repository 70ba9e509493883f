"""What the tests of provider batches share.

shared_server(provider, **settings) -> a `batch_server` for all tests, with these settings alone:
    starts in no time; .stats() tells what has changed since, its listings show the batches of other
    tests, too.
requests(n=3, parameters=None) -> n requests of our own shape.
order(server, provider, n=3, **changes) -> Order: n requests as the provider's lines, and their keys.
    changes: parameters, model, name, settings (added to those of `server`)
use(provider, server, work, settings=None, api_key=KEY) -> what the coroutine function `work(http)`
    returns, on an open `Http` whose waits are short; options of `Http` by name (timeout_s=…, attempts=…).
collect(provider, server, snapshot) -> list of Result.
"""

import asyncio
import json
import time
from datetime import UTC, datetime

import pytest

from splitplot.calls.batch.http import connect
from splitplot.calls.batch.protocol import Order
from splitplot.calls.records import Request, request_key

KEY = "sk-test-0123456789abcdef"


class Shared:
    """A server that other tests have used before: its counts begin anew."""

    def __init__(self, server, settings):
        server.replace(settings)
        self._server, self._before = server, server.stats()

    def __getattr__(self, name):
        return getattr(self._server, name)

    def stats(self):
        now, before = self._server.stats(), self._before
        calls = {kind: n - before["calls"].get(kind, 0) for kind, n in now["calls"].items()}
        return now | {
            "created": now["created"] - before["created"],
            "batches": now["batches"][before["created"] :],
            "calls": {kind: n for kind, n in calls.items() if n},
        }


@pytest.fixture(scope="session")
def shared_server(batch_server):
    started = {}

    def start(provider, **settings):
        if provider not in started:
            started[provider] = batch_server(provider)
        return Shared(started[provider], settings)

    return start


def _requests(n, parameters):
    for i in range(n):
        body = {"messages": [{"role": "user", "content": f"What is {i} + 2?"}], **parameters}
        yield Request(request_key("lab/model", body, 0), body)


@pytest.fixture
def requests():
    """requests(n, parameters): n requests of our own shape."""
    return lambda n=3, parameters=None: list(_requests(n, parameters or {"max_tokens": 20}))


@pytest.fixture
def order(tmp_path):
    def make(
        server, provider, n=3, *, parameters=None, model="lab-model", name=None, settings=None
    ):
        """An order of n requests: lines and keys in files."""
        name = name or f"sp-{time.time_ns():032x}"
        lines, keys = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.keys"
        with lines.open("w") as line_file, keys.open("w") as key_file:
            for request in _requests(n, parameters or {"max_tokens": 20}):
                line_file.write(json.dumps(provider.line(request, model)) + "\n")
                key_file.write(request.key + "\n")
        at = datetime.now(UTC).isoformat()
        given = {"base_url": server.base_url, **(settings or {})}
        return Order(name, model, n, keys, lines, given, at)

    return make


async def _short(_seconds):
    await asyncio.sleep(0.001)


@pytest.fixture
def use():
    def run(provider, server, work, *, settings=None, api_key=KEY, **options):
        async def main():
            headers = provider.headers(api_key, settings or {})
            given = {"sleep": _short, "timeout_s": 30.0, **options}
            async with connect(server.base_url, headers, api_key, **given) as http:
                return await work(http)

        return asyncio.run(main())

    return run


@pytest.fixture
def collect(use, tmp_path):
    def read(provider, server, snapshot, **options):
        async def work(http):
            return [r async for r in provider.results(http, snapshot, tmp_path / "downloads")]

        (tmp_path / "downloads").mkdir(exist_ok=True)
        return use(provider, server, work, **options)

    return read
