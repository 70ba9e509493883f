"""A local entry of config/models.yaml → identity and endpoint, by its engine."""

from pathlib import Path
from typing import Any

from splitplot.config_file import canonical_numbers
from splitplot.errors import ConfigError
from splitplot.registry_local import LlamaEntry, LocalEntry, ServerEntry, VllmEntry


def identity_and_endpoint(
    name: str, entry: LocalEntry, root: Path, label: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what is hashed into request keys, what the engine needs to know) of a local model.

    `resources` and `speed` are in the endpoint only where they are given, and never in the identity.
    Raises ConfigError for a chat template that cannot be read.
    """
    identity: dict[str, Any] = {"model": entry.model_id(name)}
    if isinstance(entry, VllmEntry):
        identity, endpoint = _vllm(identity, entry, _chat_template(name, entry, root, label))
    elif isinstance(entry, ServerEntry):
        identity, endpoint = _server(identity, entry, entry.model_id(name))
    elif isinstance(entry, LlamaEntry):
        identity, endpoint = _llama(identity, entry, _chat_template(name, entry, root, label))
    else:
        raise TypeError(type(entry).__name__)
    for key, section in (("resources", entry.resources), ("speed", entry.speed)):
        given = canonical_numbers(section.model_dump(exclude_none=True))
        if given:
            endpoint[key] = given
    return identity, endpoint


def _llama(
    identity: dict[str, Any], entry: LlamaEntry, template: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    identity |= {
        "sha256": entry.sha256,
        # An answer may end where the context does, so it belongs to what is asked of the model.
        "context": entry.context,
    }
    if template is not None:
        identity["chat_template"] = template
    endpoint = {
        "engine": entry.engine,
        "weights": entry.weights.model_dump(exclude_none=True),
        "sha256": entry.sha256,
        "context": entry.context,
        "slots": entry.slots,
        "threads": entry.threads,
        "chat_template": template,
    }
    if entry.gpu_layers:
        endpoint["gpu_layers"] = entry.gpu_layers
    return identity, endpoint


def _vllm(
    identity: dict[str, Any], entry: VllmEntry, template: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    weights = entry.weights.model_dump(exclude_none=True)
    if entry.weights.hf is not None:
        identity |= {"weights": entry.weights.hf, "revision": entry.weights.revision}
    else:
        identity["sha256"] = entry.sha256
    identity |= {"dtype": entry.dtype, "context": entry.context}
    if entry.quantization is not None:
        identity["quantization"] = entry.quantization
    if template is not None:
        identity["chat_template"] = template
    if entry.extra_args:
        identity["extra_args"] = list(entry.extra_args)
    endpoint = {
        "engine": entry.engine,
        "model": identity["model"].partition("/")[2],
        "weights": weights,
        "sha256": entry.sha256,
        "context": entry.context,
        "slots": entry.slots,
        "dtype": entry.dtype,
        "quantization": entry.quantization,
        "tensor_parallel": entry.tensor_parallel or entry.resources.gpus or 1,
        "gpu_memory_utilization": entry.gpu_memory_utilization,
        "seed": "per-request" if entry.seed is None else entry.seed,
        "chat_template": template,
        "extra_args": list(entry.extra_args),
        "command": list(entry.command),
        "mode": entry.mode,
        "start_timeout_s": entry.start_timeout_s,
        "stall_timeout_s": entry.stall_timeout_s,
        "stop_grace_s": entry.stop_grace_s,
        "max_attempts": entry.max_attempts,
    }
    return identity, canonical_numbers(endpoint)


def _server(
    identity: dict[str, Any], entry: ServerEntry, model_id: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    if entry.sent_as is not None:
        identity["sent_as"] = entry.sent_as
    identity |= {"revision": entry.revision, "context": entry.context}
    endpoint = {
        "engine": entry.engine,
        "model": entry.sent_as or model_id.partition("/")[2],
        "weights": entry.weights.model_dump() if entry.weights else None,
        "revision": entry.revision,
        "command": list(entry.command),
        "context": entry.context,
        "slots": entry.slots,
        "health": entry.health,
        "base_path": entry.base_path,
        "key_variable": entry.key_variable,
        "seed": entry.seed,
        "start_timeout_s": entry.start_timeout_s,
        "stop_grace_s": entry.stop_grace_s,
        "max_attempts": entry.max_attempts,
    }
    return identity, canonical_numbers(endpoint)


def _chat_template(name: str, entry: LlamaEntry | VllmEntry, root: Path, label: str) -> str | None:
    if entry.chat_template is None:
        return None
    try:
        return (root / entry.chat_template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"{label}: models.{name}.chat_template: cannot read {entry.chat_template} "
            f"({reason}); give the path of a Jinja file, relative to the workflow root"
        ) from None
