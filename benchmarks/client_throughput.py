"""What the real-time client costs: rate, CPU and memory against a local server of known latency.

    python benchmarks/client_throughput.py [--requests 2000] [--repeat 3] [--litellm]

The server answers each chat call after the given latency, from a process of its own; each client runs
in a fresh process, and the best of the repeats is shown (others may use the machine). What is measured
includes hashing the request, pacing, cost, and a journal of intents and responses, flushed line by
line. Theory is in flight ÷ latency. "slow start" begins with 8 in flight, as a study does; "steady"
begins with all, which is what a long run comes to.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ANSWER = {
    "id": "chatcmpl-benchmark",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "fake-2025-01-01",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The answer is 42. " * 10, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 120,
        "completion_tokens": 50,
        "total_tokens": 170,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
}


class FastServer(asyncio.Protocol):
    """Just enough HTTP/1.1 to answer every POST with the same body, `latency_s` later."""

    body = json.dumps(ANSWER).encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req-1\r\n"
        "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-reset-requests: 6ms\r\n"
        f"x-ratelimit-remaining-tokens: 999999\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    latency_s = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport, self.received, self.missing = transport, b"", 0

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            header = self.received[:end].lower()
            at = header.find(b"content-length:")
            length = int(header[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            if self.latency_s:
                asyncio.get_running_loop().call_later(self.latency_s, self.respond)
            else:
                self.respond()

    def respond(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.head + self.body)


async def serve(latency_ms: float) -> None:
    FastServer.latency_s = latency_ms / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FastServer, "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


def bodies(count: int) -> list[dict[str, Any]]:
    system = "Answer with the number alone. " * 10
    return [
        {
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": f"Question {n}: what is {n} + 1? " * 5},
            ],
            "temperature": 0,
            "max_tokens": 64,
        }
        for n in range(count)
    ]


def measure(client: str, url: str, count: int, in_flight: int, steady: bool) -> dict[str, float]:
    """Run one client in this process: seconds of wall and CPU, peak RSS in MB."""
    from splitplot.calls.dispatch import run
    from splitplot.calls.records import Request, Response, Usage, request_key

    if client == "litellm":
        from splitplot.calls.litellm_route import _import_litellm, answer

        _import_litellm()
    else:
        import aiohttp  # noqa: F401  (start-up is another benchmark)

        from splitplot.calls.realtime import answer

    endpoint = {
        "base_url": f"{url}/v1",
        "api_key_env": None,
        "model": "openai/fake" if client == "litellm" else "fake",
        "headers": {},
        "max_concurrency": in_flight,
        "start_concurrency": in_flight if steady else None,
        "request_timeout_s": 60,
        "total_timeout_s": 300,
        "max_attempts": 3,
        "requests_per_minute": 10**8,
        "tokens_per_minute": 10**11,
    }

    async def main(journal: int) -> int:
        async def feed() -> Any:
            for body in bodies(count):
                yield Request(request_key({"model": "fake"}, body, 0), body)

        done = 0

        def record(response: Response) -> None:
            nonlocal done
            done += response.outcome == "ok"
            os.write(journal, json.dumps(response.to_json()).encode() + b"\n")

        def on_send(request: Request, attempt: int, paid: bool) -> None:
            os.write(journal, b'{"kind":"intent","key":"%s"}\n' % request.key.encode())

        def price(usage: Usage) -> float:
            return (usage.input_tokens or 0) * 25e-8 + (usage.output_tokens or 0) * 2e-6

        await answer(
            feed(),
            endpoint,
            api_key="sk-benchmark",
            record=record,
            on_send=on_send,
            price=price,
            stop=asyncio.Event(),
        )
        return done

    with tempfile.TemporaryFile() as journal:
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        done = run(main(journal.fileno()))
        wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    if done != count:
        raise SystemExit(f"{client}: {done} of {count} answered")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall, "cpu_s": cpu, "rss_mb": after.ru_maxrss / 1024}


def best_of(
    repeat: int, client: str, latency_ms: int, in_flight: int, start: str, count: int
) -> str:
    """One line of the table."""
    here = str(Path(__file__).resolve())
    server = subprocess.Popen(
        [sys.executable, here, "--serve", "--latency-ms", str(latency_ms)], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"
    command = [sys.executable, here, "--client", client, "--url", url, "--requests", str(count)]
    command += ["--in-flight", str(in_flight), "--start", start]
    try:
        runs = [json.loads(subprocess.check_output(command)) for _ in range(repeat)]
    finally:
        server.kill()
        server.wait()
    best = min(runs, key=lambda r: r["wall_s"])
    rate = count / best["wall_s"]
    theory = f"{100 * rate * latency_ms / 1000 / in_flight:.0f} %" if latency_ms else "–"
    cells = [client, f"{latency_ms} ms", start, str(in_flight), f"{rate:.0f}", theory]
    cells += [f"{1000 * min(r['cpu_s'] for r in runs) / count:.2f}", f"{best['rss_mb']:.0f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Throughput of the real-time client.")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--litellm", action="store_true", help="measure litellm too (slow)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--latency-ms", type=int, nargs="*", default=[200, 0])
    parser.add_argument("--in-flight", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--start", default="steady", help=argparse.SUPPRESS)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.latency_ms[0]))
    elif arguments.client:
        steady, in_flight = arguments.start == "steady", arguments.in_flight[0]
        figures = measure(arguments.client, arguments.url, arguments.requests, in_flight, steady)
        print(json.dumps(figures))
    else:
        names = ["client", "latency", "start", "in flight", "req/s", "% of theory"]
        names += ["CPU ms per request", "peak RSS MB"]
        print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
        clients = ["splitplot", "litellm"] if arguments.litellm else ["splitplot"]
        for client in clients:
            for latency in arguments.latency_ms:
                for start in ("slow start", "steady") if client == "splitplot" else ("steady",):
                    for in_flight in arguments.in_flight:
                        how = (client, latency, in_flight, start, arguments.requests)
                        print(best_of(arguments.repeat, *how), flush=True)


if __name__ == "__main__":
    main()
