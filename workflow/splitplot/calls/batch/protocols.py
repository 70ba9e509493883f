"""Which module speaks which provider's batch API; each is imported when it is asked for."""

from importlib import import_module
from typing import cast

from splitplot.calls.batch.protocol import Provider
from splitplot.errors import ConfigError, near_miss

PROTOCOLS: dict[str, str] = {
    "openai": "splitplot.calls.batch.openai:OpenAI",
    "azure": "splitplot.calls.batch.azure:Azure",
    "anthropic": "splitplot.calls.batch.anthropic:Anthropic",
    "gemini": "splitplot.calls.batch.gemini:Gemini",
    "mistral": "splitplot.calls.batch.mistral:Mistral",
    "groq": "splitplot.calls.batch.groq:Groq",
    "together": "splitplot.calls.batch.together:Together",
    "fireworks": "splitplot.calls.batch.fireworks:Fireworks",
}
"""Name of a protocol → "module:class"."""


def provider(name: str) -> Provider:
    """The provider that speaks the protocol `name`. Raises ConfigError where nobody does."""
    if name not in PROTOCOLS:
        raise ConfigError(f'unknown batch protocol "{name}"{near_miss(name, list(PROTOCOLS))}')
    module, _, kind = PROTOCOLS[name].partition(":")
    return cast(Provider, getattr(import_module(module), kind)())
