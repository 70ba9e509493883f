"""The engine `vllm`: by `vllm run-batch`, or by `vllm serve` and the real-time client."""

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from splitplot.calls.engines.feeding import Calls, Source
from splitplot.calls.engines.process import Child, check_command, working_folder
from splitplot.calls.engines.server import LocalServer, fetch, started
from splitplot.calls.engines.server import answer_all as ask_all
from splitplot.calls.engines.surroundings import environment as our_environment
from splitplot.calls.engines.weights import checked_sha256, seen_gpus
from splitplot.calls.records import Request
from splitplot.calls.tokens import expected
from splitplot.errors import ConfigError

BATCH_REQUESTS = 2000
"""Requests of one `run-batch`. Most versions write their answers at the very end, so that this is what
a stop loses; answering so many takes about as long as loading a model."""

VERSION_WITHIN_S = 120
LOOK_AHEAD_S = 2.0
BY_SERVER = frozenset(
    {
        "response_format",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "structured_outputs",
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
    }
)
"""Parameters by which one request may fail in a way of its own: a server answers that with an error,
where run-batch may end with all of its requests."""


async def answer_all(
    endpoint: dict[str, Any], source: Source, calls: Calls, scratch: Path | None
) -> dict[str, Any]:
    """Answer everything in the source in the mode that suits it; returns what answered, and `mode`."""
    check_command(
        endpoint["command"],
        "install vLLM there, or say where it is with `command` of the model in config/models.yaml, "
        "e.g. [apptainer, exec, --nv, vllm.sif, vllm]",
    )
    identified = await asyncio.to_thread(_checked_weights, endpoint)
    mode = endpoint["mode"]
    if mode == "auto":
        ahead = await look_ahead(source, BATCH_REQUESTS + 1)
        mode = "server" if needs_server(endpoint, ahead) else "run-batch"
    with working_folder(scratch) as folder:
        if endpoint.get("chat_template"):
            template = folder / "chat_template.jinja"
            template.write_text(endpoint["chat_template"], encoding="utf-8")
        engine = {
            "name": "vllm",
            "version": None,
            "weights": endpoint["weights"].get("hf") or Path(endpoint["weights"]["path"]).name,
            **identified,
            "dtype": endpoint["dtype"],
            **_given(endpoint, "quantization"),
            "tensor_parallel": endpoint["tensor_parallel"],
            "gpu_memory_utilization": endpoint["gpu_memory_utilization"],
            "extra_args": list(endpoint.get("extra_args") or []),
            "context": endpoint["context"],
            "slots": endpoint["slots"],
            "mode": mode,
            "seed": endpoint["seed"],
            **await asyncio.to_thread(seen_gpus),
        }
        if mode == "run-batch":
            from splitplot.calls.engines.vllm_batch import answer_by_batch

            return await answer_by_batch(endpoint, engine, source, calls, folder)
        return await _answer_by_server(endpoint, engine, source, calls, folder)


async def look_ahead(source: Source, count: int) -> list[Request]:
    """The next `count` requests of a source, or fewer where they keep one waiting; they stay in it."""
    ahead: list[Request] = []
    while len(ahead) < count and (request := await source.take(LOOK_AHEAD_S)) is not None:
        ahead.append(request)
    source.give_back(ahead)
    return ahead


def needs_server(endpoint: dict[str, Any], ahead: Iterable[Request]) -> bool:
    """The rule of `mode: auto`: whether `vllm serve` is the better way for these requests.

    It is for more than BATCH_REQUESTS of them, with a chat template of one's own (older versions of
    run-batch take none), with a prompt of probably more than half of the context (or one whose length
    nobody can tell), with parameters of BY_SERVER, and with bodies that differ in more than messages.
    """
    requests = list(ahead)
    if len(requests) > BATCH_REQUESTS or endpoint.get("chat_template"):
        return True
    settings: dict[str, Any] | None = None
    for request in requests:
        mine = {name: value for name, value in request.body.items() if name != "messages"}
        if BY_SERVER & mine.keys() or (settings is not None and mine != settings):
            return True
        settings = mine
        try:
            if expected(request.body) > endpoint["context"] / 2:
                return True
        except (ValueError, TypeError, KeyError, AttributeError):
            return True
    return False


def arguments(endpoint: dict[str, Any], folder: Path) -> list[str]:
    """What `vllm serve` and `vllm run-batch` are told alike, without the model."""
    weights = endpoint["weights"]
    told = ["--served-model-name", endpoint["model"]]
    if "hf" in weights:
        told += ["--revision", weights["revision"], "--tokenizer-revision", weights["revision"]]
    told += ["--dtype", endpoint["dtype"], "--max-model-len", str(endpoint["context"])]
    told += ["--max-num-seqs", str(endpoint["slots"])]
    told += ["--tensor-parallel-size", str(endpoint["tensor_parallel"])]
    told += ["--gpu-memory-utilization", f"{endpoint['gpu_memory_utilization']:g}"]
    if endpoint.get("quantization"):
        told += ["--quantization", endpoint["quantization"]]
    if isinstance(endpoint["seed"], int):
        told += ["--seed", str(endpoint["seed"])]
    if endpoint.get("chat_template"):
        told += ["--chat-template", str(folder / "chat_template.jinja")]
    return told + list(endpoint.get("extra_args") or [])


def model_argument(endpoint: dict[str, Any]) -> str:
    """The model as vLLM wants it named: org/name, or the folder's absolute path."""
    weights = endpoint["weights"]
    return str(weights["hf"] if "hf" in weights else Path(weights["path"]).resolve())


def environment(endpoint: dict[str, Any]) -> dict[str, str]:
    """The environment of vLLM: no keys of providers, no reports of usage, offline with a folder."""
    given = our_environment() | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    given["PYTHONUNBUFFERED"] = "1"
    if "path" in endpoint["weights"]:
        given["HF_HUB_OFFLINE"] = "1"
    return given


async def asked_version(endpoint: dict[str, Any]) -> str | None:
    """What `vllm --version` prints; None where it does not say."""
    process = await asyncio.create_subprocess_exec(
        *endpoint["command"],
        "--version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(endpoint),
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), VERSION_WITHIN_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return None
    found = re.search(rb"\d+\.\d+\S*", said)
    return found[0].decode("ascii", "replace") if found else None


async def _answer_by_server(
    endpoint: dict[str, Any], engine: dict[str, Any], source: Source, calls: Calls, folder: Path
) -> dict[str, Any]:
    @asynccontextmanager
    async def start() -> AsyncIterator[LocalServer]:
        api_key = secrets.token_urlsafe(24)

        def child(port: int) -> Child:
            command = [*endpoint["command"], "serve", model_argument(endpoint)]
            command += ["--host", "127.0.0.1", "--port", str(port), *arguments(endpoint, folder)]
            # Not among the arguments, which every user of the node can read.
            keyed = environment(endpoint) | {"VLLM_API_KEY": api_key}
            return Child(command, keyed, folder / "engine.log", float(endpoint["stop_grace_s"]))

        async with started(
            child,
            health="/health",
            timeout_s=float(endpoint["start_timeout_s"]),
            what=f"vllm serve {endpoint['model']}",
            stop=calls.stop,
        ) as (running, address):
            body = fetch(f"{address}/version", api_key)[1]
            version = body.get("version") if isinstance(body, dict) else None
            known = engine | {"version": version}
            yield LocalServer(f"{address}/v1", endpoint["model"], known, api_key, running)

    return await ask_all(endpoint, start, source, calls)


def _checked_weights(endpoint: dict[str, Any]) -> dict[str, Any]:
    """What identifies the weights: the commit, or the digest of the folder, compared now."""
    weights = endpoint["weights"]
    if "hf" in weights:
        return {"revision": weights["revision"]}
    folder = Path(weights["path"])
    if not (folder / "config.json").is_file():
        what = "has no config.json" if folder.is_dir() else "is no folder"
        raise ConfigError(
            f"node {socket.gethostname()}: weights.path: {weights['path']} {what}; give the folder of a "
            "model as Hugging Face lays it out, on a file system that this node sees"
        )
    return {"weights_sha256": checked_sha256(folder, endpoint.get("sha256"))}


def _given(endpoint: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: endpoint[name] for name in names if endpoint.get(name) is not None}
