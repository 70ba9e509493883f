"""What the providers with a chat protocol of their own (Anthropic, Gemini) have in common.

Their real-time route is litellm, and a request has one key whatever its route: what is sent by batch
must be the call that litellm would make, or be refused before anything is sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from splitplot.calls import pricing
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Refused, Uncertain
from splitplot.errors import ConfigError

MAX_COUNT = 2**53


def listed(provider: str, model: str) -> dict[str, Any]:
    """What litellm's bundled table says of a provider's model, {} where it does not list it."""
    table = pricing.price_table()
    for name in (f"{provider}/{model}", model):
        entry = table.get(name)
        if entry is not None and entry.get("litellm_provider") == provider:
            return entry
    return {}


def refuse(settings: Mapping[str, Any], parameter: str, problem: str) -> NoReturn:
    """Raise the ConfigError for a sampling parameter."""
    raise ConfigError(f"{settings.get('model', 'model')}: sampling: {parameter}: {problem}")


def check_known(
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    known: Sequence[str],
    nowhere: frozenset[str],
    provider: str,
) -> None:
    """Raise ConfigError for a parameter that cannot be translated.

    nowhere: those that the provider takes on no route, so that changing it would not help.
    """
    for name in parameters:
        if name in nowhere:
            refuse(settings, name, f"{provider} takes no such parameter; remove it")
        if name not in known:
            allowed = ", ".join(known)
            refuse(
                settings,
                name,
                f"cannot be sent in {provider}'s batches (allowed: {allowed}); remove it, or use "
                "route realtime",
            )


def max_tokens(parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> int | None:
    """The longest answer asked for, by either of its names."""
    given = [parameters.get(name) for name in ("max_tokens", "max_completion_tokens")]
    stated = [value for value in given if value is not None]
    if len(stated) > 1:
        refuse(settings, "max_completion_tokens", "is the same as max_tokens; keep one of them")
    if not stated:
        return None
    value = stated[0]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        refuse(settings, "max_tokens", f"{value!r} is not a whole number of at least 1")
    return int(value)


def texts(message: Mapping[str, Any]) -> list[str]:
    """The texts of a message: its content, or the parts of it. Raises ConfigError for other parts."""
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    found = []
    for part in content or ():
        if part.get("type") != "text":
            raise ConfigError(
                f'a message holds a part of type "{part.get("type")}"; batches of this provider '
                "take text alone; use route realtime"
            )
        found.append(part["text"])
    return found


def stops(value: Any) -> list[str]:
    """`stop` as a list."""
    return [value] if isinstance(value, str) else list(value)


def not_created(error: HttpFailure) -> Refused | Uncertain:
    """What a failed create call means."""
    failure = error.failure
    if failure.then == "stop":
        return Refused(failure.type, failure.message, status=failure.status, credentials=True)
    if error.may_have_worked:
        return Uncertain(f"{failure.type}: {failure.message}")
    return Refused(
        failure.type,
        failure.message,
        status=failure.status,
        wait=failure.then == "retry",
        seconds=failure.wait,
    )


def count(holder: Any, name: str) -> int | None:
    """A number of things in hostile JSON; numbers as strings (protobuf's int64) count, too."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_COUNT:
        return value
    return None


def string(holder: Any, name: str) -> str | None:
    """A text in hostile JSON."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else None


def mapping(holder: Any, name: str) -> dict[str, Any]:
    """An object in hostile JSON, {} where there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def objects(holder: Any, name: str) -> list[dict[str, Any]]:
    """The objects of a list in hostile JSON."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
