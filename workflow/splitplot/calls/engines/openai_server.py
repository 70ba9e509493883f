"""The engine `openai-server`: any command that serves OpenAI's chat API on a port of this node."""

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from splitplot.calls.engines.feeding import Calls, Source
from splitplot.calls.engines.process import Child, check_command, working_folder
from splitplot.calls.engines.server import LocalServer, fetch, started
from splitplot.calls.engines.server import answer_all as ask_all
from splitplot.calls.engines.surroundings import environment as our_environment
from splitplot.calls.engines.weights import seen_gpus
from splitplot.errors import ConfigError


async def answer_all(
    endpoint: dict[str, Any], source: Source, calls: Calls, scratch: Path | None
) -> dict[str, Any]:
    """Serve the model by its command, and answer everything in the source; returns what answered."""
    weights = _weights(endpoint)
    check_command(
        endpoint["command"],
        "change `command` of the model in config/models.yaml, or install it here",
    )
    gpus = await asyncio.to_thread(seen_gpus)
    with working_folder(scratch) as folder:

        @asynccontextmanager
        async def start() -> AsyncIterator[LocalServer]:
            # The key is in the environment of the child: its arguments are seen by every user (ps).
            api_key = secrets.token_urlsafe(24) if endpoint.get("key_variable") else None
            environment = our_environment()
            if api_key:
                environment[endpoint["key_variable"]] = api_key

            def child(port: int) -> Child:
                values = {
                    "port": str(port),
                    "model": endpoint["model"],
                    "weights": weights or "",
                    "scratch": str(folder),
                }
                command = [filled(argument, values) for argument in endpoint["command"]]
                return Child(
                    command, environment, folder / "engine.log", float(endpoint["stop_grace_s"])
                )

            async with started(
                child,
                health=endpoint["health"],
                timeout_s=float(endpoint["start_timeout_s"]),
                what=f"the server of {endpoint['model']}",
                stop=calls.stop,
            ) as (running, address):
                base_url = f"{address}{endpoint['base_path']}"
                engine = {
                    "name": "openai-server",
                    "command": Path(endpoint["command"][0]).name,
                    "version": _version(address, api_key),
                    "revision": endpoint["revision"],
                    "context": endpoint["context"],
                    "slots": endpoint["slots"],
                    "seed": endpoint["seed"],
                    **gpus,
                }
                yield LocalServer(base_url, endpoint["model"], engine, api_key, running)

        return await ask_all(endpoint, start, source, calls)


def filled(argument: str, values: dict[str, str]) -> str:
    """An argument with its {placeholders} put in; other braces stay as they are."""
    return re.sub(r"\{([a-z_]+)\}", lambda m: values.get(m[1], m[0]), argument)


def _weights(endpoint: dict[str, Any]) -> str | None:
    path = (endpoint.get("weights") or {}).get("path")
    if path is None:
        return None
    if not Path(path).exists():
        raise ConfigError(
            f"node {socket.gethostname()}: weights.path: {path} is not there; bring it to this node, or "
            "change `weights` of the model in config/models.yaml"
        )
    return str(Path(path).resolve())


def _version(address: str, api_key: str | None) -> str | None:
    """What the server says of its version: at /version (vLLM and others) or /props (llama.cpp)."""
    for path, field in (("/version", "version"), ("/props", "build_info")):
        body = fetch(f"{address}{path}", api_key)[1]
        if isinstance(body, dict) and isinstance(body.get(field), str):
            return str(body[field])
    return None
