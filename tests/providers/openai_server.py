"""A misbehaving provider in a process of its own: OpenAI chat completions and Anthropic messages.

    python tests/providers/openai_server.py --port 0 --state DIR --faults '{"seed": 1, "500": 0.1}'

Prints {"port": …, "pid": …} as one JSON line, then serves until it is killed. What was received and
completed is appended to DIR/events.log, so that a restart on the same port counts on.

Faults are probabilities by name: "429", "500", "503", "529", "hang" (never answers), "reset" (closes
without a byte), "cut" (half a body, then closes), "malformed" (half a JSON text, properly sent),
"slow" (the body in drips over `slow_s`), "empty" (no choices), "huge" (more than 16 MiB). Which
fault the n-th call with a body meets depends on `seed`, the body and n alone; from call number
`heals_after` + 1 on a body meets none. Other settings:
    latency_ms, slow_s, retry_after (s, sent with 429 and 503; null sends none),
    rate_limit_headers {name: value} on every answer, max_in_flight (more are answered with 429),
    all_401, unknown_model, insufficient_quota, bad_request (true: every call is refused so),
    require_key (others get 401), echo_key (the answer repeats the key it was sent),
    usage {"output", "reasoning"} (tokens of every completion, in place of the words of its text).
GET /stats counts; /stats?keys=1 adds the counts of each body; POST /faults replaces the settings.
"""

import argparse
import asyncio
import hashlib
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web

KINDS = ["429", "500", "503", "529", "hang", "reset", "cut", "malformed", "slow", "empty", "huge"]
DRIPS = 8


class State:
    """Counts per body digest, in memory and in an append-only log."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "events.log"
        self.counts: dict[str, Counter[str]] = {kind: Counter() for kind in "rcf"}
        old = path.read_bytes() if path.exists() else b""
        for line in old.split(b"\n"):
            kind, _, name = line.decode("ascii", "replace").partition(" ")
            if kind in self.counts and name:
                self.counts[kind][name] += 1
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        if old and not old.endswith(b"\n"):
            os.write(self.file, b"\n")
        self.in_flight = self.peak = 0

    def add(self, kind: str, name: str) -> int:
        """Log one event at once (the page cache outlives a kill of the process); its new count."""
        os.write(self.file, f"{kind} {name}\n".encode())
        self.counts[kind][name] += 1
        return self.counts[kind][name]

    def stats(self, with_keys: bool) -> dict[str, Any]:
        received, completed, faults = (self.counts[kind] for kind in "rcf")
        stats: dict[str, Any] = {
            "received": received.total(),
            "completed": completed.total(),
            "keys": len(received),
            "keys_completed": len(completed),
            "completed_more_than_once": {k: n for k, n in completed.items() if n > 1},
            "faults": dict(faults),
            "peak_in_flight": self.peak,
        }
        if with_keys:
            stats["by_key"] = {k: [n, completed[k]] for k, n in received.items()}
        return stats


def digest_of(body: Any) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def choose_fault(faults: dict[str, Any], digest: str, call: int) -> str | None:
    if call > faults.get("heals_after", 10**9):
        return None
    seeded = f"{faults.get('seed', 0)}:{digest}:{call}".encode()
    roll = int.from_bytes(hashlib.sha256(seeded).digest()[:7], "big") / 2**56
    for kind in KINDS:
        roll -= faults.get(kind, 0)
        if roll < 0:
            return kind
    return None


_SUM = re.compile(r"(-?\d+)\s*([-+*×−])\s*(-?\d+)")


def text_for(body: dict[str, Any], digest: str) -> str:
    """The result where the last message holds a sum or product of two numbers, else a stable number."""
    messages = body.get("messages") or [{}]
    content = messages[-1].get("content", "")
    found = _SUM.search(content if isinstance(content, str) else json.dumps(content))
    if found is None:
        return f"The answer is {int(digest[:6], 16) % 1000}"
    a, sign, b = int(found[1]), found[2], int(found[3])
    return f"The answer is {a + b if sign == '+' else a * b if sign in '*×' else a - b}"


def openai_answer(body: dict[str, Any], digest: str) -> dict[str, Any]:
    text = text_for(body, digest)
    prompt, output = len(json.dumps(body.get("messages"))) // 4, len(text.split())
    return {
        "id": f"chatcmpl-{digest}",
        "object": "chat.completion",
        "created": 1700000000,
        "model": f"{body.get('model')}-2025-01-01",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def anthropic_answer(body: dict[str, Any], digest: str) -> dict[str, Any]:
    text = text_for(body, digest)
    return {
        "id": f"msg_{digest}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": len(json.dumps(body["messages"])) // 4, "output_tokens": 4},
    }


class Provider:
    """The two chat endpoints, with faults."""

    def __init__(self, state: State, faults: dict[str, Any]) -> None:
        self.state, self.faults = state, faults

    async def chat(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return await self.answer(request, key, openai_answer, anthropic=False)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        if "anthropic-version" not in request.headers:
            return self.error(400, "anthropic-version: header is required", None, anthropic=True)
        key = request.headers.get("x-api-key", "")
        return await self.answer(request, key, anthropic_answer, anthropic=True)

    async def answer(
        self, request: web.Request, key: str, make: Any, *, anthropic: bool
    ) -> web.StreamResponse:
        state = self.state
        try:
            body = await request.json()
        except ValueError:
            return self.error(400, "invalid JSON", "invalid_json", anthropic=anthropic)
        digest = digest_of(body)
        call = state.add("r", digest)
        state.in_flight += 1
        state.peak = max(state.peak, state.in_flight)
        try:
            refusal = self.refusal(body, key, anthropic)
            if refusal is not None:
                return refusal
            fault = choose_fault(self.faults, digest, call)
            if fault is not None:
                state.add("f", fault)
            await asyncio.sleep(self.faults.get("latency_ms", 0) / 1000)
            answer = make(body, digest)
            if wish := self.faults.get("usage"):
                told = answer["usage"]
                told["completion_tokens"] = wish["output"]
                told["total_tokens"] = told["prompt_tokens"] + wish["output"]
                told["completion_tokens_details"] = {"reasoning_tokens": wish["reasoning"]}
            return await self.respond(request, fault, digest, answer, key, anthropic)
        finally:
            state.in_flight -= 1

    def refusal(self, body: dict[str, Any], key: str, anthropic: bool) -> web.Response | None:
        faults = self.faults
        wrong_key = "require_key" in faults and key != faults["require_key"]
        if faults.get("all_401") or wrong_key:
            message = f"Incorrect API key provided: {key}."
            return self.error(401, message, "invalid_api_key", anthropic=anthropic)
        if faults.get("insufficient_quota"):
            message = "You exceeded your current quota, please check your plan and billing details."
            return self.error(429, message, "insufficient_quota", anthropic=anthropic)
        if faults.get("unknown_model") or str(body.get("model")).startswith("unknown"):
            message = (
                f"The model `{body.get('model')}` does not exist or you do not have access to it."
            )
            return self.error(404, message, "model_not_found", anthropic=anthropic)
        if faults.get("bad_request"):
            message = f"Unsupported value, sent with {key}"
            return self.error(400, message, "unsupported_value", anthropic=anthropic)
        if self.state.in_flight > faults.get("max_in_flight", 10**9):
            self.state.add("f", "429")
            return self.error(429, "Too many requests", "rate_limit_exceeded", anthropic=anthropic)
        return None

    def error(
        self, status: int, message: str, code: str | None, *, anthropic: bool
    ) -> web.Response:
        headers = dict(self.faults.get("rate_limit_headers", {}))
        if status in (429, 503) and self.faults.get("retry_after", 0) is not None:
            headers["retry-after"] = str(self.faults.get("retry_after", 0))
        names = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
        kind = names.get(status, "rate_limit_error" if status == 429 else "api_error")
        error = {"type": kind, "message": message}
        if anthropic:
            return web.json_response(
                {"type": "error", "error": error}, status=status, headers=headers
            )
        body = {"error": error | {"param": None, "code": code}}
        return web.json_response(body, status=status, headers=headers)

    async def respond(
        self,
        request: web.Request,
        fault: str | None,
        digest: str,
        body: dict[str, Any],
        key: str,
        anthropic: bool,
    ) -> web.StreamResponse:
        if fault in ("429", "500", "503", "529"):
            status = int(fault)
            code = "rate_limit_exceeded" if status == 429 else None
            return self.error(status, f"fault {fault}", code, anthropic=anthropic)
        if fault == "hang":
            await asyncio.sleep(10**6)
        if fault == "empty":
            body = body | {"choices": [], "content": []}
        if self.faults.get("echo_key"):
            body = body | {"echo": {"authorization": f"Bearer {key}"}}
        data = json.dumps(body).encode()
        if fault == "malformed":
            data = data[: len(data) // 2]
        if fault == "huge":
            data = b" " * (17 * 2**20) + data
        headers = {"Content-Type": "application/json", "x-request-id": f"req-{digest}"}
        headers |= self.faults.get("rate_limit_headers", {})
        if fault in (None, "empty", "malformed", "huge"):
            if fault is None:
                if request.transport is None or request.transport.is_closing():
                    raise ConnectionResetError("the client has gone")
                self.state.add("c", digest)
            return web.Response(body=data, headers=headers)
        if fault == "reset":
            return self.hang_up(request)
        response = web.StreamResponse(headers=headers | {"Content-Length": str(len(data))})
        await response.prepare(request)
        if fault == "cut":
            await response.write(data[: len(data) // 2])
            return self.hang_up(request, response)
        step = len(data) // DRIPS + 1
        for start in range(0, len(data), step):
            await asyncio.sleep(self.faults.get("slow_s", 0.5) / DRIPS)
            if start + step >= len(data):
                self.state.add("c", digest)
            await response.write(data[start : start + step])
        await response.write_eof()
        return response

    def hang_up(
        self, request: web.Request, response: web.StreamResponse | None = None
    ) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.close()  # what was written still goes out; then the connection ends
        return response if response is not None else web.Response()

    async def stats(self, request: web.Request) -> web.Response:
        return web.json_response(self.state.stats("keys" in request.query))

    async def set_faults(self, request: web.Request) -> web.Response:
        self.faults = await request.json()
        return web.json_response(self.faults)

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}]})


async def serve(port: int, folder: Path, faults: dict[str, Any]) -> None:
    provider = Provider(State(folder), faults)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", provider.chat)
    app.router.add_post("/v1/messages", provider.messages)
    app.router.add_get("/v1/models", provider.models)
    app.router.add_get("/stats", provider.stats)
    app.router.add_post("/faults", provider.set_faults)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True, backlog=1024)
    await site.start()
    (address,) = runner.addresses
    print(json.dumps({"port": address[1], "pid": os.getpid()}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider that misbehaves on request.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--faults", type=json.loads, default={})
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.state, arguments.faults))


if __name__ == "__main__":
    main()
