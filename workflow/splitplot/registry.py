"""config/models.yaml → the models a study may name: identity, route, endpoint; never a secret."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from splitplot.config_file import (
    Problems,
    Where,
    canonical_numbers,
    label_of,
    read_document,
)
from splitplot.config_model import validate
from splitplot.errors import ConfigError, near_miss
from splitplot.providers import LITELLM_KEYS, LITELLM_NAMES, OPENAI_COMPATIBLE, OPENAI_URL
from splitplot.registry_batch import batch_settings, expects_batches
from splitplot.registry_engines import identity_and_endpoint
from splitplot.registry_entries import (
    AliasEntry,
    Entry,
    ProviderEntry,
    RemoteEntry,
    SimEntry,
    check_no_secrets,
)
from splitplot.registry_file import read_entry, read_groups, read_sections
from splitplot.registry_local import LocalEntry

REGISTRY = "config/models.yaml"

Route = Literal["realtime", "litellm", "local", "sim"]


@dataclass(frozen=True)
class Model:
    """A model ready to be asked.

    name: as the study calls it. model_id: provider/model, whatever the route and the name.
    identity: what is hashed into request keys; endpoint: what the route needs to know, as in plan.json.
    batch: the same for the provider's batch API (without `at_least`), None where it has none or must
    not be used; batch_reason: why it has none, where one might expect it.
    """

    name: str
    model_id: str
    identity: dict[str, Any]
    route: Route
    endpoint: dict[str, Any]
    batch: dict[str, Any] | None = None
    batch_reason: str | None = None


@dataclass(frozen=True)
class Registry:
    """Models, groups and providers of config/models.yaml, and the providers known without it."""

    root: Path
    label: str = REGISTRY
    entries: dict[str, Entry] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    providers: dict[str, ProviderEntry] = field(default_factory=dict)

    def names(self) -> list[str]:
        """The names of all registered models, aliases included."""
        return list(self.entries)

    def expand(self, name: str) -> list[str]:
        """The models that a name in a study stands for: itself, or the members of a group.

        Raises ConfigError for a name that is neither registered nor provider/model.
        """
        if name in self.groups:
            return list(
                dict.fromkeys(m for member in self.groups[name] for m in self.expand(member))
            )
        if name not in self.entries:
            self._check_unregistered(name)
        return [name]

    def resolve(self, name: str, route: str = "auto") -> Model:
        """The model behind a name, on its own route or on the one asked for.

        On route `batch` it must have a batch API; its route and endpoint are those of real time, for
        what does not go by batch. Raises ConfigError for an unknown name, a route that cannot serve
        it, an unreadable template.
        """
        entry = self._entry(name)
        if route == "sim" and not isinstance(entry, SimEntry):
            return self._rehearsed(name, entry)
        if isinstance(entry, SimEntry):
            return self._simulated(name, entry, route)
        if isinstance(entry, LocalEntry):
            return self._local(name, entry, route)
        return self._remote(name, entry, route)

    def _entry(self, name: str) -> LocalEntry | SimEntry | RemoteEntry:
        entry = self.entries.get(name)
        if entry is None:
            self._check_unregistered(name)
            return RemoteEntry.model_validate({"model": name})
        return self._entry(entry.alias_of) if isinstance(entry, AliasEntry) else entry

    def _check_unregistered(self, name: str) -> None:
        provider, _, model = name.partition("/")
        known = [*self.entries, *self.groups]
        if not model or not provider:
            raise ConfigError(
                f'unknown model or group "{name}"{near_miss(name, known)}; '
                f"add it to {self.label}, or write provider/model"
            )
        if provider in ("local", "sim"):
            raise ConfigError(
                f'"{name}" must be an entry of {self.label}, which says how it answers'
                f"{near_miss(name, known)}"
            )

    def _refuse_route(self, name: str, route: str, allowed: str) -> None:
        if route not in ("auto", *allowed.split(", ")):
            raise ConfigError(
                f'route {route} cannot serve "{name}" (possible: auto, {allowed}, sim)'
            )

    def _simulated(self, name: str, entry: SimEntry, route: str) -> Model:
        if route not in ("auto", "sim"):
            raise ConfigError(f'route {route} cannot serve "{name}", which is simulated')
        return self._sim_model(name, entry.model_id(name), entry.sim)

    def _rehearsed(self, name: str, entry: LocalEntry | RemoteEntry) -> Model:
        """A real model played by the simulator: never the identity of the real one."""
        return self._sim_model(name, entry.model_id(name), entry.sim or {})

    def _sim_model(self, name: str, model_id: str, raw: dict[str, Any]) -> Model:
        from splitplot.calls.sim import sim_settings

        settings = canonical_numbers(sim_settings(raw, f"{self.label}: models.{name}.sim"))
        # Prices are bookkeeping: a changed price must not ask anything again.
        hashed = {k: v for k, v in settings.items() if not k.startswith("usd_per_")}
        return Model(name, model_id, {"model": model_id, "sim": hashed}, "sim", settings)

    def _local(self, name: str, entry: LocalEntry, route: str) -> Model:
        self._refuse_route(name, route, "local")
        identity, endpoint = identity_and_endpoint(name, entry, self.root, self.label)
        return Model(name, entry.model_id(name), identity, "local", endpoint)

    def _remote(self, name: str, entry: RemoteEntry, wanted: str) -> Model:
        self._refuse_route(name, wanted, "realtime, litellm, batch")
        model_id = entry.model_id(name)
        provider_name, _, provider_model = model_id.partition("/")
        provider = self.providers.get(provider_name) or ProviderEntry.model_validate({})
        known_url, known_key = OPENAI_COMPATIBLE.get(provider_name, (None, None))
        base_url = entry.base_url or provider.base_url
        route = entry.route or provider.route if wanted in ("auto", "batch") else wanted
        if route is None:
            route = "realtime" if base_url or known_url else "litellm"
        if route == "realtime":
            base_url = base_url or known_url
            sent, key = provider_model, known_key
            if base_url is None:
                raise ConfigError(
                    f'route realtime cannot serve "{name}": no base_url is known for '
                    f'"{provider_name}"; give one in {self.label}, or use route litellm'
                )
        else:
            litellm_name = LITELLM_NAMES.get(provider_name, provider_name)
            sent, key = f"{litellm_name}/{provider_model}", known_key
            key = key or LITELLM_KEYS.get(litellm_name)
        settings = provider.connection() | entry.connection()
        endpoint = {
            "base_url": base_url.rstrip("/") if base_url else None,
            "api_key_env": key,
            "model": entry.sent_as or sent,
            "headers": provider.headers | entry.headers,
            "max_concurrency": 64,
            "request_timeout_s": 120,
            "total_timeout_s": 900,
            "max_attempts": 6,
            "requests_per_minute": None,
            "tokens_per_minute": None,
            # OpenAI's reasoning models refuse the old name; other servers know no other.
            "max_tokens_field": "max_completion_tokens" if base_url == OPENAI_URL else "max_tokens",
            "price": entry.price.model_dump(exclude_none=True) if entry.price else None,
        } | canonical_numbers(settings)
        served: Route = "realtime" if route == "realtime" else "litellm"
        identity = {"model": model_id}
        if entry.sent_as is not None:
            identity["sent_as"] = entry.sent_as  # another deployment may be another model
        batch, reason = self._batch(name, wanted, model_id, provider, entry, endpoint)
        return Model(name, model_id, identity, served, endpoint, batch, reason)

    def _batch(
        self,
        name: str,
        wanted: str,
        model_id: str,
        provider: ProviderEntry,
        entry: RemoteEntry,
        endpoint: dict[str, Any],
    ) -> tuple[dict[str, Any] | None, str | None]:
        if wanted not in ("auto", "batch"):
            return None, None
        try:
            return batch_settings(model_id, provider, entry, endpoint, self.label), None
        except ConfigError as error:
            if wanted == "batch":
                raise ConfigError(f'route batch cannot serve "{name}": {error}') from None
            expected = expects_batches(model_id, provider, entry)
            return None, str(error) if expected else None


def load_registry(root: Path, path: str = REGISTRY) -> Registry:
    """Read and check config/models.yaml; a missing file is an empty registry.

    Raises ConfigError with one line per problem.
    """
    file = root / path
    label = label_of(file, root)
    if not file.exists():
        return Registry(root, label)
    document = read_document(file, root)
    problems = Problems(document)
    sections = read_sections(document, problems)
    problems.stop()
    check_no_secrets(document, problems)
    problems.stop()
    entries = {name: read_entry(name, sections, document, problems) for name in sections["models"]}
    providers = {
        name: validate(ProviderEntry, document, problems, ("providers", name))
        for name in sections["providers"]
    }
    groups = read_groups(sections, problems)
    problems.stop()
    registry = Registry(
        root,
        label,
        {name: entry for name, entry in entries.items() if entry},
        groups,
        {name: provider for name, provider in providers.items() if provider},
    )
    _check_names(registry, problems)
    problems.stop()
    return registry


def _check_names(registry: Registry, problems: Problems) -> None:
    for name, entry in registry.entries.items():
        if isinstance(entry, AliasEntry):
            where: Where = ("models", name, "alias_of")
            target: Entry | None = entry
            seen = [name]
            while isinstance(target, AliasEntry):
                following = target.alias_of
                if following in seen:
                    problems.add(where, f"goes in a circle: {' → '.join([*seen, following])}")
                    break
                seen.append(following)
                target = registry.entries.get(following)
                if target is None:
                    _check(registry, following, where, problems)
    for name, members in registry.groups.items():
        for index, member in enumerate(members):
            if member in registry.groups:
                problems.add(
                    ("groups", name, index), f'"{member}" is a group; list its models instead'
                )
            else:
                _check(registry, member, ("groups", name, index), problems)


def _check(registry: Registry, name: str, where: Where, problems: Problems) -> None:
    try:
        registry.expand(name)
    except ConfigError as error:
        problems.add(where, str(error))
