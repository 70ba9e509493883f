"""Whether a model can be asked by batch, and through which provider's API."""

from typing import Any

from splitplot.config_file import canonical_numbers
from splitplot.errors import ConfigError
from splitplot.providers import BATCH_URLS, LITELLM_NAMES, OPENAI_COMPATIBLE, OPENAI_URL
from splitplot.registry_entries import BatchEntry, ProviderEntry, RemoteEntry

_MERGED_OTHERWISE = {"protocol", "base_url", "api_key_env", "headers", "model", "max_tokens_field"}


def expects_batches(model_id: str, provider: ProviderEntry, entry: RemoteEntry) -> bool:
    """Whether a model without a batch API is a surprise: its provider has one, or a mapping speaks of it."""
    mapping = _chosen(provider, entry)
    return mapping is not None and (bool(mapping) or model_id.partition("/")[0] in BATCH_URLS)


def batch_settings(
    model_id: str, provider: ProviderEntry, entry: RemoteEntry, endpoint: dict[str, Any], label: str
) -> dict[str, Any]:
    """How a model is asked by batch: `batch` of a trial in plan.json, without `at_least`.

    endpoint: its real-time endpoint. label: how messages name config/models.yaml.
    Raises ConfigError, saying what to add, where no batch API is known or something is missing.
    """
    provider_name, _, provider_model = model_id.partition("/")
    mapping = _chosen(provider, entry)
    if mapping is None:
        raise ConfigError(
            f"`batch: false` stands in {label}; remove it there, or use route realtime"
        )
    protocol = mapping.get("protocol") or provider_name
    if protocol not in BATCH_URLS:
        raise ConfigError(
            f'no batch API is known for "{provider_name}" (known: {", ".join(BATCH_URLS)}); if it has '
            f"one of these, add `batch: {{protocol: …, base_url: …}}` to its entry in {label}, "
            "else use route realtime"
        )
    base_url = _base_url(provider_name, protocol, mapping, endpoint["base_url"], label)
    if protocol == "fireworks" and not mapping.get("account"):
        raise ConfigError(
            f"{protocol}'s batch API needs the name of your account; add `batch: {{account: …}}` to "
            f"providers.{provider_name} in {label}, or use route realtime"
        )
    default = BatchEntry.model_validate({}).model_dump(exclude=_MERGED_OTHERWISE)
    chosen = {key: value for key, value in mapping.items() if key not in _MERGED_OTHERWISE}
    elsewhere = bool(mapping.get("base_url"))
    return {
        "protocol": protocol,
        "base_url": base_url.rstrip("/"),
        "api_key_env": _key(protocol, mapping, provider, entry, endpoint["api_key_env"], base_url),
        "model": mapping.get("model") or _sent_name(provider_name, provider_model, entry),
        # Headers such as OpenAI-Project say who pays: they belong to the place, whatever the route.
        "headers": ({} if elsewhere else endpoint["headers"]) | mapping.get("headers", {}),
        "max_tokens_field": mapping.get("max_tokens_field")
        or _max_tokens_field(protocol, base_url, provider, entry),
        **canonical_numbers(default | chosen),
    }


def _chosen(provider: ProviderEntry, entry: RemoteEntry) -> dict[str, Any] | None:
    """What the model's mapping says, laid over its provider's; None where batches are turned off."""
    if entry.batch is False or (entry.batch is None and provider.batch is False):
        return None
    below, above = (
        choice.model_dump(exclude_unset=True) if isinstance(choice, BatchEntry) else {}
        for choice in (provider.batch, entry.batch)
    )
    headers = below.get("headers", {}) | above.get("headers", {})
    return below | above | ({"headers": headers} if headers else {})


def _base_url(
    provider_name: str, protocol: str, mapping: dict[str, Any], realtime: str | None, label: str
) -> str:
    """Where batches go: never to a provider's own address when its model is asked somewhere else."""
    if given := mapping.get("base_url"):
        return str(given)
    own, _ = BATCH_URLS[protocol]
    known, _ = OPENAI_COMPATIBLE.get(provider_name, (None, None))
    at_home = realtime in (None, own, known)
    if at_home and provider_name == protocol and own is not None:
        return own
    # With these protocols, files and batches lie beside the chat completions.
    beside = own is not None and OPENAI_COMPATIBLE.get(protocol, (None, None))[0] == own
    if mapping.get("protocol") and realtime and beside:
        return realtime
    if provider_name == protocol and not at_home:
        raise ConfigError(
            f"its base_url {realtime} is not {protocol}'s own; if that server has a batch API, add "
            f"`batch: {{protocol: …, base_url: …}}` to its entry in {label}, else use route realtime"
        )
    raise ConfigError(
        f"{protocol}'s batch API needs an address; add `batch: {{base_url: …}}` to its entry or to "
        f"providers.{provider_name} in {label}, or use route realtime"
    )


def _key(
    protocol: str,
    mapping: dict[str, Any],
    provider: ProviderEntry,
    entry: RemoteEntry,
    realtime: str | None,
    base_url: str,
) -> str | None:
    """Name of the variable with the key: as said for batches, as said for the model, as known."""
    if "api_key_env" in mapping:
        name: str | None = mapping["api_key_env"]
        return name
    said = "api_key_env" in entry.model_fields_set | provider.model_fields_set
    own, variable = BATCH_URLS[protocol]
    # A key that is known by default goes to the provider whose key it is.
    return variable if not said and (own is None or base_url == own) else realtime


def _sent_name(provider_name: str, provider_model: str, entry: RemoteEntry) -> str:
    if entry.sent_as is None:
        return provider_model
    return entry.sent_as.removeprefix(f"{LITELLM_NAMES.get(provider_name, provider_name)}/")


def _max_tokens_field(
    protocol: str, base_url: str, provider: ProviderEntry, entry: RemoteEntry
) -> str:
    for said in (entry, provider):
        if "max_tokens_field" in said.model_fields_set:
            return said.max_tokens_field
    # Reasoning models of these refuse the old name; litellm, in real time, knows that by itself.
    new = protocol == "azure" or (protocol == "openai" and base_url == OPENAI_URL)
    return "max_completion_tokens" if new else "max_tokens"
