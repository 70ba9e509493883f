"""The engines of the `local` route: what loads a model on this node, and answers a feed of requests."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from splitplot.calls.dispatch import Feed, OnSend, Price, Record
from splitplot.calls.engines.feeding import Calls, Source
from splitplot.calls.progress import Progress
from splitplot.errors import ConfigError

MODULES = {"llama.cpp": "llama_cpp", "openai-server": "openai_server", "vllm": "vllm"}


class Engine(Protocol):
    """One kind of engine: a module of this package."""

    def answer_all(
        self, endpoint: dict[str, Any], source: Source, calls: Calls, scratch: Path | None
    ) -> Awaitable[dict[str, Any]]:
        """Start, record an answer to each request of the source, stop; what answered, for receipts.

        endpoint: as in plan.json. scratch: a folder of this node that is there, or None. Started only
        here, so not before there is a request. An engine that died is started again with what is left.
        Raises ConfigError for what the entry of the model must say otherwise, SplitplotError where it
        cannot start or keeps dying.
        """


def engine_of(endpoint: dict[str, Any]) -> Engine:
    """The engine that an endpoint of plan.json names."""
    name = MODULES[endpoint.get("engine", "llama.cpp")]
    return cast(Engine, import_module(f"{__name__}.{name}"))


async def run(
    endpoint: dict[str, Any],
    feed: Feed,
    *,
    record: Record,
    on_send: OnSend,
    price: Price,
    stop: asyncio.Event,
    progress: Progress | None = None,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Answer everything that the feed gives on the engine of a local endpoint.

    The engine is started when the first request comes, and not at all without any. record, on_send,
    price, stop, progress: as in `dispatch`. scratch: where its files lie for the time, in place of
    `resources.scratch`, and of the folder for temporary files.
    Returns what answered and `start_seconds`; {} where nothing was started.
    """
    calls = Calls(record, on_send, price, stop, progress)
    async with AsyncExitStack() as stack:
        source = Source(feed, stop)
        stack.push_async_callback(source.close)
        first = await source.take()
        if first is None:
            return {}
        source.give_back([first])
        return await engine_of(endpoint).answer_all(
            endpoint, source, calls, checked_scratch(endpoint, scratch)
        )


def checked_scratch(endpoint: dict[str, Any], scratch: Path | None = None) -> Path | None:
    """The folder for an engine's files, with $VARIABLES of this node put in; None where none is named.

    Raises ConfigError where it is not there, or cannot be written to.
    """
    named = str(scratch or (endpoint.get("resources") or {}).get("scratch") or "")
    if not named:
        return None
    path = Path(os.path.expandvars(named)).expanduser()
    if path.is_dir() and os.access(path, os.W_OK | os.X_OK):
        return path
    what = "is not a folder that can be written to" if path.exists() else "is not there"
    shown = named if str(path) == named else f"{named} ({path})"
    raise ConfigError(
        f"node {socket.gethostname()}: resources.scratch: {shown} {what}; change `resources.scratch` "
        "of the model in config/models.yaml, or make the folder on every node of the partition"
    )


async def feed_of(*requests: Any) -> AsyncIterator[Any]:
    """A feed of these requests."""
    for request in requests:
        yield request
