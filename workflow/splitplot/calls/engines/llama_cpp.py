"""The engine `llama.cpp`: a GGUF model served inside this process (xllamacpp).

The server speaks the OpenAI chat API on 127.0.0.1; the real-time client talks to it as to any other.
"""

import asyncio
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

from splitplot.calls.engines.feeding import Calls, Source
from splitplot.calls.engines.server import LocalServer, endpoint_for, fetch
from splitplot.calls.engines.weights import (
    checked_sha256,
    find_weights,
    seen_gpus,
    visible_gpus,
)
from splitplot.errors import ConfigError, SplitplotError

HEALTHY_WITHIN_S = 120
LATE_LOG_S = 2
ERRORS_ONLY = 1
"""llama.cpp's log level: what goes wrong with a request still reaches the job's log."""


async def answer_all(
    endpoint: dict[str, Any], source: Source, calls: Calls, scratch: Path | None
) -> dict[str, Any]:
    """Load the model, and answer everything in the source; returns what answered."""
    from splitplot.calls.realtime import answer

    with ExitStack() as stack:
        began = monotonic()
        model = serve(endpoint)
        server = await asyncio.to_thread(model.__enter__)  # a stop is heard while it loads
        stack.push(model)
        seconds = monotonic() - began
        await answer(
            source,
            endpoint_for(server, endpoint),
            api_key=server.api_key,
            record=calls.record,
            on_send=calls.on_send,
            price=calls.price,
            route="local",
            engine=server.engine,
            stop=calls.stop,
            progress=calls.progress,
        )
        return server.engine | {"start_seconds": round(seconds, 3), "starts": 1}


@contextmanager
def serve(endpoint: dict[str, Any], root: Path | None = None) -> Iterator[LocalServer]:
    """Serve the model of a local endpoint until the block ends, however it ends.

    endpoint: weights ({"package", "file"} or {"path"}), sha256, context (tokens per slot), slots,
        threads, chat_template (Jinja text, or None for the model's own), gpu_layers (0: the CPU alone).
    root: where a relative path starts; the working directory by default.
    Raises ConfigError for missing or unexpected weights, or where xllamacpp is not installed;
    SplitplotError where llama.cpp cannot load them.
    """
    weights = find_weights(endpoint["weights"], root or Path())
    sha256 = checked_sha256(weights, endpoint.get("sha256"))
    # A spinning OpenMP thread starves the other on a busy machine (a tenth of the speed); libgomp
    # reads this once, when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if find_spec("xllamacpp") is None:
        raise ConfigError("route local: xllamacpp is not installed; run `make .venv`")
    import xllamacpp

    gpus = _check_gpu(xllamacpp, int(endpoint.get("gpu_layers") or 0))
    api_key = secrets.token_urlsafe(24)
    params = _params(xllamacpp.CommonParams(), endpoint, weights, api_key)
    with _captured_stderr() as log:
        try:
            server = xllamacpp.Server(params)
        except RuntimeError as error:
            reason = _awaited_error(log) or str(error)
            raise SplitplotError(f"{weights}: llama.cpp cannot serve it: {reason}") from error
    try:
        _wait_until_healthy(server.listening_address)
        yield LocalServer(
            base_url=f"{server.listening_address}/v1",
            model=weights.name,
            engine={
                "name": "llama.cpp",
                "version": xllamacpp.__version__,
                "weights": weights.name,
                "weights_sha256": sha256,
                "threads": int(endpoint["threads"]),
                "slots": int(endpoint["slots"]),
                "context": int(endpoint["context"]),
                "seed": "per-request",
                **gpus,
            },
            api_key=api_key,
        )
    finally:
        del server  # the last reference: stops the server and waits for it


def _check_gpu(xllamacpp: Any, layers: int) -> dict[str, Any]:
    """What the responses say of the GPU. Raises ConfigError where one is wanted and none is there.

    Which GPUs of the node are seen, CUDA_VISIBLE_DEVICES says to llama.cpp itself.
    """
    if not layers:
        return {}
    kinds = [str(device["type"]) for device in xllamacpp.get_device_info()]
    if not any("GPU" in kind for kind in kinds):
        raise ConfigError(
            f"node {socket.gethostname()}: gpu_layers: {layers}, but llama.cpp sees no GPU here "
            f"(CUDA_VISIBLE_DEVICES is {visible_gpus() or 'not set'}): the usual xllamacpp is built for "
            "the CPU; install one that is built for this GPU, or write gpu_layers: 0"
        )
    return {"gpu_layers": layers, **seen_gpus()}


def _params(params: Any, endpoint: dict[str, Any], weights: Path, api_key: str) -> Any:
    slots = int(endpoint["slots"])
    params.model.path = str(weights)
    params.model_alias = {weights.name}  # else every answer names the full path
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # any free one
    params.api_keys = [api_key]
    params.offline = True
    params.ui = False
    params.endpoint_slots = False  # would show the prompts of others
    params.verbosity = ERRORS_ONLY
    params.n_parallel = slots
    params.n_gpu_layers = int(endpoint.get("gpu_layers") or 0)
    params.n_ctx = int(endpoint["context"]) * slots
    params.fit_params = False  # would shrink the context to what it believes the memory to be
    params.cache_ram_mib = 0  # would keep up to 8 GB of old prompts
    params.cache_idle_slots = False
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = int(endpoint["threads"])
    if endpoint.get("chat_template"):
        params.chat_template = endpoint["chat_template"]
    return params


@contextmanager
def _captured_stderr() -> Iterator[IO[bytes]]:
    """Collect what C code writes to standard error, so that a job's log stays readable."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield log
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _awaited_error(log: IO[bytes]) -> str:
    """The first error in the log; llama.cpp writes it from a thread of its own, so it may be late."""
    deadline = monotonic() + LATE_LOG_S
    while not (found := _first_error(log)) and monotonic() < deadline:
        sleep(0.05)
    return found


def _first_error(log: IO[bytes]) -> str:
    """The message of llama.cpp's first error line, "0.00.005 E place: message": the cause."""
    log.seek(0)
    for line in log.read().decode("utf-8", "replace").splitlines():
        _, mark, message = line.partition(" E ")
        if mark:
            return message.strip()
    return ""


def _wait_until_healthy(address: str) -> None:
    deadline = monotonic() + HEALTHY_WITHIN_S
    while fetch(f"{address}/health")[0] != 200:
        if monotonic() > deadline:
            raise SplitplotError(f"the local server does not answer within {HEALTHY_WITHIN_S} s")
        sleep(0.05)
