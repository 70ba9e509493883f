"""A misbehaving batch provider in a process of its own: the core that all providers share.

    python tests/providers/batch_server.py --provider openai --port 0 --state DIR --settings '{…}'

Prints {"port": …, "pid": …} as one JSON line, then serves until it is killed. All state is in DIR, so
that a kill -9 of server or client loses nothing, and a restart on the same port goes on.

A batch lives by the clock, worked out whenever somebody looks: validating for `validate_s`, running
for `run_s`, then its end, when its lines are answered and billed. `set(run_s=0)` ends all of them.

Settings (POST /_settings replaces them all; GET /_stats counts):
  validate_s, run_s, cancel_s     durations, live; cancel_s: from the wish to cancel to its end
  answers         "number" (default), "echo_key" (the custom_id), "sum" (of the integers in the
                  prompt's last line), {"text": "always this"}, or {"right": 0.9} (the result of the
                  first "12 + 3 - 4" in the prompt, and one more in a tenth of the lines)
  usage           null (deterministic), "max" (output = the request's whole max_tokens), or any of
                  {"input", "output", "cached", "reasoning"} tokens
  prices          {"input", "output"} USD per million tokens, of a batch
  create_faults   list consumed one per create call: null, or {"when": "before"|"after",
                  "how": "500"|"503"|"429"|"reset"|"hang"|"malformed", "late_s": s}; after: the batch
                  is made and its answer lost; late_s: it is made only s after the connection broke
  refuse_create   list consumed one per create call: null, or [status, code, message] of a refusal
  fail_gets       n next reads are answered 500, 429, a closed connection, in turn; or a list of such
  shuffle         true: result lines in disorder
  duplicate       fraction of the result lines that come twice
  half_written    n next downloads stop half-way, though Content-Length promised all
  torn_lines      n lines in each result file that are garbage, or answer nobody's request
  line_errors     fraction of the lines that fail; line_error: [status, code, message] of those
  expire          fraction answered before the batch expires
  cancelled_answers  fraction answered when a batch is cancelled (null: by the clock)
  fail_whole      [code, message] of every batch, after its validation
  token_limit     n next batches fail after create with the provider's code for too many tokens
  max_in_flight   creating one more is refused
  unknown_state   for so many seconds the state is a word that nobody knows
  unknown_fields  true: extra fields everywhere
  page_size       the most a page of a listing holds
  list_delay_s    a new batch shows in listings only so much later
  foreign         n batches of somebody else are made with each of ours, half before, half after, with
                  as many lines
  require_key     others get 401
  check_lines     how many lines of a file are held against the SDK's types (default 1000)
  max_lines       the provider's limit of lines, where a test wants a lower one
  retry_after     s, sent with each 429 (default 0)

A provider is one file in batch_routes/, loaded by its path. It exposes
  routes(core) -> list of aiohttp routes; the handlers' names are the kinds of calls that are counted:
      upload, create, list_batches, retrieve, download, cancel, delete, …
  error_body(status, code, message) -> the JSON of an error                    (else OpenAI's shape)
  foreign(data) -> the `data` of a batch of somebody else                      (else {})
  TOKEN_LIMIT = (code, message)
and makes its answers of what the core offers: the methods of `Core` (HTTP and its faults), those of its
`store` and the fields of `Batch` (batch_store.py: what the account holds). `from batch_server import
load` works there (load("openai"): another provider's file).
"""

import argparse
import asyncio
import importlib.util
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from aiohttp import web
from batch_store import Batch, File, Refuse, Store

CHUNK = 1 << 20
EXTRA = {"x_new_in_2031": {"nested": [1, None, {"deep": "field"}]}}


class Core:
    """What every provider does with a call in the same way, faults included; `store` is its account."""

    def __init__(self, provider: ModuleType, store: Store) -> None:
        self.provider, self.store = provider, store
        self.background: set[asyncio.Task[Any]] = set()

    # Files

    async def receive_form(self, request: web.Request) -> tuple[dict[str, str], Path, str]:
        """A multipart upload, streamed to disk: (fields, path of its file, file name)."""
        fields: dict[str, str] = {}
        path, name = self.store.temporary(), ""
        async for part in await request.multipart():
            if part.filename is None:
                fields[part.name or ""] = (await part.read()).decode()
                continue
            name = part.filename
            with path.open("wb") as file:
                while chunk := await part.read_chunk(CHUNK):
                    file.write(chunk)
        if not path.exists():
            raise Refuse(400, "invalid_request_error", "'file' is a required property")
        return fields, path, name

    async def receive_body(self, request: web.Request) -> Path:
        """The bytes of a plain upload, streamed to disk."""
        path = self.store.temporary()
        with path.open("wb") as file:
            async for chunk in request.content.iter_chunked(CHUNK):
                file.write(chunk)
        return path

    async def serve(self, request: web.Request, path: Path) -> web.StreamResponse:
        """A download; half of it where `half_written` says so."""
        size = path.stat().st_size
        half = size > 1 and self.store.take("half_written")
        answer = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        answer.content_length = size
        await answer.prepare(request)
        left = size // 2 if half else size
        with path.open("rb") as file:
            while left and (chunk := file.read(min(CHUNK, left))):
                await answer.write(chunk)
                left -= len(chunk)
        if half:
            await asyncio.sleep(0.02)
            cut(request)
        else:
            await answer.write_eof()
        return answer

    # Result files

    def result_file(
        self, batch: Batch, kind: str, lines: Callable[[], Iterable[dict[str, Any]]]
    ) -> File:
        """The file of an ended batch with these lines (made once), torn ones among them.

        kind: part of its id, e.g. "output" or "error".
        """
        file_id = f"file-{kind}-{batch.id}"
        try:
            return self.store.file(file_id)
        except Refuse:
            path = self.store.temporary()
            with path.open("wb") as file:
                file.writelines(self.spoilt(map(self.encode, lines())))
            return self.store.new_file(
                path, name=f"{file_id}.jsonl", purpose="batch_output", file_id=file_id
            )

    def encode(self, line: dict[str, Any]) -> bytes:
        """A line of a result file, with unknown fields where they are asked for."""
        told = extended(line) if self.store.get("unknown_fields") else line
        return json.dumps(told).encode() + b"\n"

    def spoilt(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of a result file, with torn and foreign ones between them."""
        torn = int(self.store.get("torn_lines", 0))
        first = b"{}\n"
        for n, line in enumerate(lines):
            if n == 0:
                first = line
            if torn:
                torn -= 1
                yield self._torn(torn, first)
            yield line
        while torn:
            torn -= 1
            yield self._torn(torn, first)

    def _torn(self, n: int, line: bytes) -> bytes:
        kinds = [
            line[: len(line) // 2].rstrip() + b"\n",
            b"\x00\xff\xfe not text\n",
            b"\n",
            b'["a", "list"]\n',
            b'{"custom_id": 17, "key": null, "response": "no", "error": [], "result": 3}\n',
            re.sub(
                rb'"(custom_id|key|recordId)": "[^"]*"', rb'"\1": "nobody-asked"', line, count=1
            ),
        ]
        return kinds[n % len(kinds)]

    # Calls

    def json(self, body: Any, status: int = 200, **more: Any) -> web.Response:
        """An answer, with unknown fields where they are asked for."""
        if self.store.get("unknown_fields") and isinstance(body, dict | list):
            body = extended(body)
        return web.json_response(body, status=status, **more)

    def error(self, status: int, code: str, message: str) -> web.Response:
        """An error in the provider's shape."""
        make = getattr(self.provider, "error_body", openai_error)
        headers = {"Retry-After": str(self.store.get("retry_after", 0))} if status == 429 else {}
        return web.json_response(make(status, code, message), status=status, headers=headers)

    async def creating(
        self, request: web.Request, make: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        """Answer a create call: what `make` does and says, with a fault of `create_faults` on top.

        make: reads the request (which is complete: read its body first), makes the batch.
        """
        refusal = self.store.take("refuse_create")
        if refusal:
            raise Refuse(*refusal)
        fault = self.store.take("create_faults")
        if not fault:
            return await make()
        how, late = fault["how"], fault.get("late_s")
        answer = None
        if fault["when"] == "after":
            if late is not None:
                task = asyncio.create_task(self._make_late(request, make, late))
                self.background.add(task)
            else:
                answer = await make()
        if how in ("500", "503", "429"):
            return self.error(int(how), f"fault_{how}", "a fault of the server")
        if how == "malformed":
            text = bytes(answer.body) if answer is not None else b'{"id": "batch_123456'
            return web.Response(body=text[: len(text) // 2], content_type="application/json")
        while how == "hang" and connected(request):
            await asyncio.sleep(0.02)
        cut(request)
        return web.Response()

    async def _make_late(
        self, request: web.Request, make: Callable[[], Awaitable[web.Response]], late: float
    ) -> None:
        while connected(request):
            await asyncio.sleep(0.01)
        await asyncio.sleep(late)
        await make()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/_"):
            return await handler(request)
        kind = request.match_info.handler.__name__
        self.store.count_call(kind)
        wanted = self.store.settings.get("require_key")
        if wanted and key_of(request) != wanted:
            return self.error(401, "invalid_api_key", "Incorrect API key provided.")
        if request.method == "GET":
            fault = self._read_fault()
            if fault == "reset":
                cut(request)
                return web.Response()
            if fault:
                return self.error(int(fault), f"fault_{fault}", "a fault of the server")
        try:
            return await handler(request)
        except Refuse as refusal:
            return self.error(refusal.status, refusal.code, refusal.message)

    def _read_fault(self) -> str | None:
        left = self.store.settings.get("fail_gets")
        fault = self.store.take("fail_gets")
        if fault is True:
            return ("500", "429", "reset")[left % 3]
        return str(fault) if fault else None

    # For the tests

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self.store.stats())

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.store.billed())

    async def _settings(self, request: web.Request) -> web.Response:
        self.store.set_settings(await request.json())
        return web.json_response({})

    async def _settings_now(self, _request: web.Request) -> web.Response:
        return web.json_response(self.store.settings)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.middleware], client_max_size=1 << 30)
        app.add_routes(
            [
                web.get("/_stats", self._stats),
                web.get("/_keys", self._keys),
                web.get("/_settings", self._settings_now),
                web.post("/_settings", self._settings),
                *self.provider.routes(self),
            ]
        )
        return app


def extended(value: Any) -> Any:
    """JSON with an unknown field in every object."""
    if isinstance(value, dict):
        return {k: extended(v) for k, v in value.items()} | EXTRA
    return [extended(v) for v in value] if isinstance(value, list) else value


def key_of(request: web.Request) -> str | None:
    """The key that a call brought, in whichever way."""
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    names = ("api-key", "x-api-key", "x-goog-api-key")
    return bearer or next((v for n in names if (v := request.headers.get(n))), None)


def connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def cut(request: web.Request) -> None:
    """Close the connection at once, whatever was promised."""
    if request.transport is not None:
        request.transport.abort()


def openai_error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def load(provider: str) -> ModuleType:
    """The provider in batch_routes/{provider}.py, loaded once."""
    name = f"batch_routes_{provider}"
    if name not in sys.modules:
        path = Path(__file__).resolve().parent / "batch_routes" / f"{provider}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


async def serve(core: Core, port: int) -> None:
    runner = web.AppRunner(core.application(), access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    bound = site._server.sockets[0].getsockname()[1]
    print(json.dumps({"port": bound, "pid": os.getpid()}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.modules.setdefault("batch_server", sys.modules[__name__])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--provider", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--settings", help="JSON; without it those that the state folder holds")
    options = parser.parse_args()
    given = json.loads(options.settings) if options.settings else None
    provider = load(options.provider)
    store = Store(provider, options.state, given)
    asyncio.run(serve(Core(provider, store), options.port))
