"""The environment of an engine: ours without the keys of providers; and what a log may not repeat."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from splitplot.registry_arguments import SECRET_WORDS

REGISTRY = Path("config/models.yaml")
NEEDED = frozenset({"HF_TOKEN"})
"""Of a provider, but an engine downloads gated weights with it."""

SHORTEST_SECRET = 8
_SECRET_NAME = re.compile(rf"(?i)(^|_)({SECRET_WORDS})$")
_NAMED = re.compile(r"api_key_env[\"']?\s*:\s*[\"']?([A-Za-z_][A-Za-z0-9_]*)")


def environment() -> dict[str, str]:
    """A copy of our environment without the variables that hold keys of providers."""
    withheld = provider_variables()
    return {name: value for name, value in os.environ.items() if name not in withheld}


def provider_variables(registry: Path = REGISTRY) -> set[str]:
    """Variables that hold a key: of the providers that are known, and each `api_key_env` of a registry.

    The registry is searched as text: a mistake in it that was made after the plan changes nothing.
    """
    from splitplot.providers import BATCH_URLS, LITELLM_KEYS, OPENAI_COMPATIBLE

    known = {key for _, key in (*OPENAI_COMPATIBLE.values(), *BATCH_URLS.values())}
    known |= {key for key in LITELLM_KEYS.values() if key}
    with suppress(OSError):
        known |= set(_NAMED.findall(registry.read_text(encoding="utf-8", errors="replace")))
    return known - NEEDED - {"null"}


def masked(text: str, *environments: Mapping[str, str]) -> str:
    """A text in which the values of variables such as HF_TOKEN or VLLM_API_KEY are their names."""
    secrets = {
        value: name
        for environment in environments
        for name, value in environment.items()
        if _SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET
    }
    for value in sorted(secrets, key=len, reverse=True):  # one may be part of another
        text = text.replace(value, f"<{secrets[value]}>")
    return text
