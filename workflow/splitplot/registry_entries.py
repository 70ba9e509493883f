"""What an entry of config/models.yaml may say, and that it holds no secret."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, Tag, field_validator
from pydantic.types import Discriminator

from splitplot.config_file import Document, Problems, Where
from splitplot.config_model import Section
from splitplot.registry_arguments import SECRET_PREFIXES
from splitplot.registry_local import LocalEntry, Named

_ADVICE = (
    "a secret does not belong in this file; put it in an environment variable and give the "
    "variable's name, e.g. api_key_env: OPENAI_API_KEY"
)
_SECRET_KEYS = re.compile(
    r"(?i)^((.*[-_])?(api[-_]?key|secret|secret[-_](access[-_])?key|password|authorization|cookie)|key|"
    r"(auth|access|api)?[-_]?token|bearer)$"
)
_SECRET_VALUES = re.compile(
    rf"^({SECRET_PREFIXES})[-_][A-Za-z0-9_-]{{16,}}$|^AIza[\w-]{{30,}}$|^Bearer\s"
)
_SECRET_HEADERS = re.compile(r"(?i)auth|cookie|key|token|secret|password")
_SECRET_HEADER_VALUES = re.compile(r"(?i)^\s*(bearer|basic)\s")

Protocol = Literal[
    "openai", "azure", "anthropic", "gemini", "mistral", "groq", "together", "fireworks"
]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]


class Price(Section):
    """US dollars per million tokens; what is left out comes from the table that ships with litellm."""

    usd_per_million_input_tokens: float | None = Field(None, ge=0)
    usd_per_million_output_tokens: float | None = Field(None, ge=0)
    usd_per_million_cached_tokens: float | None = Field(None, ge=0)
    batch_discount: float | None = Field(None, ge=0, le=1)


class Place(Section):
    """Where a provider answers and whose key opens it: no secrets, and nothing that changes an id."""

    base_url: str | None = Field(None, pattern=r"^https?://\S+$")
    api_key_env: str | None = None
    headers: dict[str, str] = Field({})

    @field_validator("base_url")
    @classmethod
    def _is_only_a_place(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if "@" in parts.netloc or "?" in value or "#" in value:
            raise ValueError(
                "must be a plain address such as https://llm.example.org/v1, without user, password, "
                "query or fragment; for a key give the name of its environment variable, "
                "e.g. api_key_env: OPENAI_API_KEY"
            )
        return value

    @field_validator("headers")
    @classmethod
    def _holds_no_credential(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if _SECRET_HEADERS.search(name) or _SECRET_HEADER_VALUES.match(text):
                raise ValueError(
                    f'"{name}" looks like a credential, which does not belong in this file; a key is '
                    "sent when api_key_env names its environment variable; other secret headers are "
                    "not supported in this version"
                )
        return value

    @field_validator("api_key_env")
    @classmethod
    def _is_a_variable(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError(
                "must be the name of an environment variable, e.g. OPENAI_API_KEY, "
                "never the key itself"
            )
        return value


class BatchEntry(Place):
    """A provider's batch API, where it is not the one that is known anyway. None: the default.

    protocol: whose API it speaks. model: its name in batches, e.g. a deployment of Azure's.
    account: part of Fireworks' addresses. window_h: within how many hours a batch is to be done.
    max_requests, max_bytes: limits of one batch. settle_s: how long after a create call without an
    answer the provider's list must not show the batch before it counts as never made.
    """

    protocol: Protocol | None = None
    model: str | None = Field(None, min_length=1)
    api_version: str | None = Field(None, min_length=1)
    account: str | None = Field(None, min_length=1)
    window_h: int | None = Field(None, ge=1)
    max_requests: int | None = Field(None, ge=1)
    max_bytes: int | None = Field(None, ge=1)
    settle_s: float = Field(120, ge=0)
    poll_s: float = Field(30, gt=0)
    timeout_s: float = Field(120, gt=0)
    max_tokens_field: MaxTokensField | None = None


def _off_or_mapping(value: Any) -> Any:
    if value is False or value is None or isinstance(value, dict):
        return value
    raise ValueError("must be false, or a mapping such as {poll_s: 60}")


def _kind_of_batch(value: Any) -> str:
    return "<default>" if value is None else "<off>" if value is False else "<batch>"


BatchChoice = Annotated[
    Annotated[BatchEntry, Tag("<batch>")]
    | Annotated[Literal[False], Tag("<off>")]
    | Annotated[None, Tag("<default>")],
    Discriminator(_kind_of_batch),
    BeforeValidator(_off_or_mapping),
]


class Connection(Place):
    """How an endpoint is reached, and how gently: no secrets, and nothing that changes an id."""

    route: Literal["realtime", "litellm"] | None = None
    max_concurrency: int = Field(64, ge=1)
    request_timeout_s: float = Field(120, gt=0)
    total_timeout_s: float = Field(900, gt=0)
    max_attempts: int = Field(6, ge=1)
    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_minute: int | None = Field(None, ge=1)
    max_tokens_field: MaxTokensField = "max_tokens"
    batch: BatchChoice = None

    def connection(self) -> dict[str, Any]:
        """What was said here, without what is merged in another way."""
        return self.model_dump(
            exclude_unset=True,
            include={
                "api_key_env",
                "max_concurrency",
                "request_timeout_s",
                "total_timeout_s",
                "max_attempts",
                "requests_per_minute",
                "tokens_per_minute",
                "max_tokens_field",
            },
        )


class ProviderEntry(Connection):
    """Settings of every model of a provider."""

    @field_validator("batch")
    @classmethod
    def _is_of_no_single_model(cls, value: BatchEntry | bool | None) -> BatchEntry | bool | None:
        if isinstance(value, BatchEntry) and value.model is not None:
            raise ValueError("`model` is the name of one model; give it in that model's entry")
        return value


class RemoteEntry(Named, Connection):
    """A model behind an API. sent_as: its name in the request, where it is not the part after the /;
    part of the identity, because it decides who answers."""

    sent_as: str | None = Field(None, min_length=1)
    price: Price | None = None
    sim: dict[str, Any] | None = None


class SimEntry(Named):
    """A simulated responder."""

    route: Literal["sim"] | None = None
    sim: dict[str, Any] = Field({})


class AliasEntry(Section):
    """Another name of a model."""

    alias_of: str = Field(min_length=1)


Entry = AliasEntry | LocalEntry | SimEntry | RemoteEntry


def _in_registry(where: Where) -> bool:
    return len(where) > 1 and not (len(where) == 2 and where[0] == "models")


def check_no_secrets(
    document: Document, problems: Problems, judged: Callable[[Where], bool] = _in_registry
) -> None:
    """Note every key or value that looks like a secret, without repeating it, and every ${VARIABLE}.

    judged: whether the key at a place, and a ${VARIABLE} there, are looked at; elsewhere keys are names
    that somebody chose. Default: as in config/models.yaml. Values are looked at everywhere.
    """

    def visit(value: Any, where: Where) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                spot = (*where, key)
                # A mapping under such a key describes something, e.g. a parameter of a tool.
                plain = inner is not None and not isinstance(inner, dict | list)
                if plain and _SECRET_KEYS.match(key) and judged(spot):
                    problems.add(spot, _ADVICE)
                else:
                    visit(inner, spot)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                visit(inner, (*where, index))
        elif isinstance(value, str):
            if _SECRET_VALUES.search(value):
                problems.add(where, _ADVICE)
            elif "${" in value and judged(where):
                problems.add(
                    where,
                    "${…} is not replaced here; write the value, or for a key the name of the "
                    "variable under api_key_env",
                )

    visit(document.value, ())
