"""Endpoints of engines, and a way to ask them: the stand-in for vLLM is tests/providers/fake_vllm.py."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from splitplot.calls import engines
from splitplot.calls.records import Request, request_key

FAKE_VLLM = Path(__file__).resolve().parents[3] / "providers/fake_vllm.py"

VLLM = {
    "engine": "vllm",
    "model": "tiny",
    "weights": {"hf": "lab/tiny", "revision": "c0ffee" * 6 + "c0ff"},
    "sha256": None,
    "context": 512,
    "slots": 8,
    "dtype": "bfloat16",
    "quantization": None,
    "tensor_parallel": 1,
    "gpu_memory_utilization": 0.9,
    "seed": "per-request",
    "chat_template": None,
    "extra_args": [],
    "command": [sys.executable, str(FAKE_VLLM)],
    "mode": "run-batch",
    "start_timeout_s": 60,
    "stall_timeout_s": 60,
    "stop_grace_s": 5,
    "max_attempts": 20,
}


def requests_of(count, prompt="question {}", **parameters):
    """Distinct requests; `prompt` may be a function of the number."""
    text = prompt if callable(prompt) else prompt.format
    bodies = (
        {"messages": [{"role": "user", "content": text(n)}], "max_tokens": 16, **parameters}
        for n in range(count)
    )
    return [Request(request_key("m", body, 0), body) for body in bodies]


class Asked:
    """What came of a run: responses in the order of recording, by key, and the engine's description."""

    def __init__(self):
        self.responses, self.sent, self.engine = [], [], None

    @property
    def by_key(self):
        assert len({response.key for response in self.responses}) == len(self.responses)
        return {response.key: response for response in self.responses}

    @property
    def outcomes(self):
        return [response.outcome for response in self.responses]


def ask(endpoint, requests, *, stop_after=None, stop_in=None, scratch=None, asked=None):
    """Run an engine over requests; stop after so many responses, or so many seconds."""
    asked = asked or Asked()

    async def main():
        stop = asyncio.Event()

        def record(response):
            asked.responses.append(response)
            if stop_after is not None and len(asked.responses) >= stop_after:
                stop.set()

        if stop_in is not None:
            asyncio.get_running_loop().call_later(stop_in, stop.set)
        return await engines.run(
            endpoint,
            engines.feed_of(*requests),
            record=record,
            on_send=lambda request, attempt, paid: asked.sent.append((request.key, attempt)),
            price=lambda usage: 0.0,
            stop=stop,
            scratch=scratch,
        )

    asked.engine = asyncio.run(main())
    return asked


@pytest.fixture
def vllm(tmp_path, monkeypatch):
    """The stand-in's settings: `vllm(DIE_AFTER=3)`; `vllm.calls()` tells how it was called."""
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("FAKE_VLLM_STATE", str(state))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def behave(**settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"FAKE_VLLM_{name}", str(value))

    def calls():
        path = state / "calls.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [call for call in map(json.loads, lines) if "--version" not in call["argv"]]

    behave.calls, behave.state, behave.folder = calls, state, tmp_path
    return behave


def is_alive(process):
    """Whether a process runs; one that waits to be collected does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone_within(process, seconds):
    """Whether a process has ended within so many seconds."""
    deadline = time.monotonic() + seconds
    while is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
