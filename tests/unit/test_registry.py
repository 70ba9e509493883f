"""config/models.yaml: names, routes, endpoints, identity; and no secrets."""

import re
from pathlib import Path
from typing import get_args

import pytest

from splitplot.calls.batch.protocols import PROTOCOLS, provider
from splitplot.errors import ConfigError
from splitplot.providers import BATCH_URLS
from splitplot.registry import load_registry
from splitplot.registry_entries import (
    AliasEntry,
    BatchEntry,
    LocalEntry,
    Price,
    Protocol,
    RemoteEntry,
    SimEntry,
    Weights,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SHA = "ab" * 32


@pytest.fixture
def registry_of(tmp_path):
    def load(text):
        path = tmp_path / "config/models.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load_registry(tmp_path)

    return load


def refusal(registry_of, text):
    with pytest.raises(ConfigError) as caught:
        registry_of(text)
    return str(caught.value)


def test_a_missing_registry_is_an_empty_one(tmp_path):
    assert load_registry(tmp_path).names() == []


def test_the_shipped_registry_resolves_every_model():
    registry = load_registry(REPOSITORY)
    routes = {name: registry.resolve(name).route for name in registry.names()}
    assert routes == {"smollm2-135m": "local", "sim-strong": "sim", "sim-weak": "sim"}


def test_a_provider_model_needs_no_entry(registry_of):
    model = registry_of("").resolve("groq/openai/gpt-oss-20b")
    assert model.route == "realtime"
    assert model.model_id == "groq/openai/gpt-oss-20b"
    assert model.identity == {"model": "groq/openai/gpt-oss-20b"}
    assert model.endpoint == {
        "base_url": "https://api.groq.com/openai/v1",
        "api_key_env": "GROQ_API_KEY",
        "model": "openai/gpt-oss-20b",
        "headers": {},
        "max_concurrency": 64,
        "request_timeout_s": 120,
        "total_timeout_s": 900,
        "max_attempts": 6,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "max_tokens_field": "max_tokens",
        "price": None,
    }


def test_openai_itself_gets_the_limit_under_its_new_name(registry_of):
    endpoint = registry_of("").resolve("openai/gpt-5-mini").endpoint
    assert endpoint["max_tokens_field"] == "max_completion_tokens"


def test_other_providers_go_through_litellm(registry_of):
    model = registry_of("").resolve("anthropic/claude-haiku-4-5")
    assert model.route == "litellm"
    assert model.endpoint["model"] == "anthropic/claude-haiku-4-5"
    assert model.endpoint["api_key_env"] == "ANTHROPIC_API_KEY"
    assert model.endpoint["base_url"] is None


def test_the_route_is_no_part_of_the_identity(registry_of):
    registry = registry_of("")
    ours, theirs = (
        registry.resolve("together/meta/llama", route) for route in ("realtime", "litellm")
    )
    assert ours.identity == theirs.identity
    assert (ours.endpoint["model"], theirs.endpoint["model"]) == (
        "meta/llama",
        "together_ai/meta/llama",
    )


def test_an_own_endpoint_needs_no_key(registry_of):
    registry = registry_of(
        "models: {lab: {model: mylab/llama, base_url: 'http://127.0.0.1:8000/v1/', api_key_env: null}}"
    )
    model = registry.resolve("lab")
    assert model.route == "realtime"
    assert model.endpoint["base_url"] == "http://127.0.0.1:8000/v1"
    assert (model.endpoint["api_key_env"], model.endpoint["model"]) == (None, "llama")


def test_settings_of_a_provider_hold_for_its_models_unless_they_say_otherwise(registry_of):
    registry = registry_of("""
providers:
  openai: {base_url: "https://proxy.example/v1", max_concurrency: 8, headers: {a: x, b: x}}
models:
  mini: {model: openai/gpt-5-mini, max_concurrency: 2, headers: {b: y}, api_key_env: null}
""")
    mini, other = registry.resolve("mini"), registry.resolve("openai/gpt-5")
    assert mini.endpoint["base_url"] == other.endpoint["base_url"] == "https://proxy.example/v1"
    assert (mini.endpoint["max_concurrency"], other.endpoint["max_concurrency"]) == (2, 8)
    assert mini.endpoint["headers"] == {"a": "x", "b": "y"}
    assert (mini.endpoint["api_key_env"], other.endpoint["api_key_env"]) == (None, "OPENAI_API_KEY")


def test_a_local_model_is_identified_by_its_weights_and_template(registry_of, tmp_path):
    entry = f"{{model: local/m, weights: {{path: a.gguf}}, sha256: {SHA}"
    plain = registry_of(f"models: {{a: {entry}}}}}").resolve("a")
    (tmp_path / "chat.jinja").write_text("{{ messages }}")
    text = f"models: {{a: {entry}, slots: 2, threads: 3, chat_template: chat.jinja}}}}"
    other = registry_of(text).resolve("a")
    assert plain.identity == {"model": "local/m", "sha256": SHA, "context": 2048}
    assert other.identity == plain.identity | {"chat_template": "{{ messages }}"}
    assert (other.endpoint["slots"], other.endpoint["threads"]) == (2, 3)
    assert other.endpoint["weights"] == {"path": "a.gguf"}


def test_a_simulated_model_is_identified_by_its_settings_but_not_by_its_price(registry_of):
    def resolve(settings):
        return registry_of(f"models: {{a: {{model: sim/a, sim: {settings}}}}}").resolve("a")

    one = resolve("{ability: 1}")
    assert one.identity == resolve("{ability: 1.0, usd_per_million_output_tokens: 9}").identity
    assert one.identity != resolve("{ability: 2}").identity
    assert one.endpoint["ability"] == 1


def test_a_rehearsal_never_has_the_identity_of_the_real_model(registry_of):
    registry = registry_of("models: {mini: {model: openai/gpt-5-mini, sim: {ability: 2}}}")
    rehearsed = registry.resolve("mini", "sim")
    assert rehearsed.route == "sim"
    assert rehearsed.endpoint["ability"] == 2
    assert rehearsed.identity != registry.resolve("mini").identity
    assert registry.resolve("openai/gpt-5", "sim").route == "sim"


def test_aliases_and_groups_stand_for_models(registry_of):
    registry = registry_of("""
models:
  mini: {model: openai/gpt-5-mini}
  fast: {alias_of: mini}
  faster: {alias_of: fast}
groups: {all: [mini, fast, openai/gpt-5, mini]}
""")
    assert registry.resolve("faster").endpoint == registry.resolve("mini").endpoint
    assert registry.resolve("faster").identity == {"model": "openai/gpt-5-mini"}
    assert registry.expand("all") == ["mini", "fast", "openai/gpt-5"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: {}", 'model: unknown key; did you mean "models"?'),
        ("models: [a]", "models: must be a mapping from names to settings"),
        ("models: {a: openai/x}", "models.a: must be a mapping, e.g. {model: openai/gpt-5-mini}"),
        ("models: {a: {model: x}}", "models.a.model: must be provider/model"),
        ("models: {a: {modl: a/b}}", "models.a.model: must be provider/model"),
        ("models: {a: {model: a/b, base_ulr: x}}", 'did you mean "base_url"?'),
        ("models: {a: {model: a/b, base_url: x.org}}", "models.a.base_url: "),
        ("models: {a: {model: local/x, weights: {path: x}}}", "models.a.sha256: is missing"),
        (
            "models: {a: {model: local/x, weights: {path: x}, sha256: abc}}",
            "must be the 64 hexadecimal digits that `sha256sum` prints",
        ),
        (
            f"models: {{a: {{model: local/x, weights: {{file: x}}, sha256: {SHA}}}}}",
            "models.a.weights: give {package, file} or {path}",
        ),
        ("models: {a: {alias_of: b}}", 'models.a.alias_of: unknown model or group "b"'),
        ("models: {a: {alias_of: b}, b: {alias_of: a}}", "goes in a circle: a → b → a"),
        ("groups: {a: [b]}", 'groups.a[0]: unknown model or group "b"'),
        ("groups: {a: b}", "groups.a: must be a list of names of models"),
        ("groups: {a: [x/y], b: [a]}", '"a" is a group; list its models instead'),
        ("models: {a: {model: x/y}}\ngroups: {a: [a]}", "groups.a: is also the name of a model"),
        ("models: {a: {model: x/y, base_url: '${URL}'}}", "${…} is not replaced here"),
        (
            "models: {a: {model: x/y, price: {usd_per_million_input_tokens: -1}}}",
            "models.a.price.usd_per_million_input_tokens: must be at least 0, not -1",
        ),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(registry_of, text, expected):
    message = refusal(registry_of, text)
    assert expected in message
    assert message.startswith("config/models.yaml: ")


@pytest.mark.parametrize(
    "setting",
    [
        "api_key: hunter2hunter2",
        "api_key_env: sk-proj-hunter2hunter2hunter2",
        "headers: {Authorization: Bearer hunter2hunter2}",
        "headers: {x-api-key: hunter2hunter2}",
        "base_url: sk-hunter2hunter2hunter2",
        "base_url: 'http://user:hunter2@host/v1'",
        "base_url: 'http://host/v1?api_key=hunter2'",
        "headers: {Cookie: session=hunter2}",
        "headers: {X-Custom-Auth: hunter2}",
        "headers: {X-Gateway: Basic hunter2}",
    ],
)
def test_a_literal_secret_is_refused_and_not_repeated(registry_of, setting):
    message = refusal(registry_of, f"models: {{a: {{model: openai/x, {setting}}}}}")
    assert "environment variable" in message
    assert "api_key_env" in message
    assert "hunter2" not in message


def test_headers_that_are_no_credentials_are_sent(registry_of):
    headers = "{anthropic-version: '2023-06-01', HTTP-Referer: 'https://lab.example', X-Title: s}"
    registry = registry_of(f"models: {{a: {{model: openai/x, headers: {headers}}}}}")
    assert set(registry.resolve("a").endpoint["headers"]) == {
        "anthropic-version",
        "HTTP-Referer",
        "X-Title",
    }


def test_the_name_under_which_a_model_is_sent_is_part_of_its_identity(registry_of):
    one, other = (
        registry_of(f"models: {{a: {{model: azure/gpt, sent_as: {name}}}}}").resolve("a")
        for name in ("azure/one", "azure/other")
    )
    assert one.identity == {"model": "azure/gpt", "sent_as": "azure/one"}
    assert other.endpoint["model"] == other.identity["sent_as"] == "azure/other"


@pytest.mark.parametrize("route", ["realtime", "litellm"])
def test_a_route_that_cannot_serve_a_model_is_refused(registry_of, route):
    registry = registry_of(f"""
models:
  a: {{model: local/x, weights: {{path: x}}, sha256: {SHA}}}
  b: {{model: sim/b}}
""")
    for name in ("a", "b"):
        with pytest.raises(ConfigError, match=f'route {route} cannot serve "{name}"'):
            registry.resolve(name, route)
    with pytest.raises(ConfigError, match="route local cannot serve"):
        registry.resolve("openai/x", "local")
    with pytest.raises(ConfigError, match="no base_url is known"):
        registry.resolve("anthropic/x", "realtime")


def test_an_unreadable_chat_template_is_named(registry_of):
    registry = registry_of(f"""
models:
  a: {{model: local/x, weights: {{path: x}}, sha256: {SHA}, chat_template: none.jinja}}
""")
    with pytest.raises(ConfigError, match=r"models\.a\.chat_template: cannot read none\.jinja"):
        registry.resolve("a")


@pytest.mark.parametrize("protocol", list(BATCH_URLS))
def test_the_table_of_batch_apis_says_what_their_modules_say(protocol):
    assert protocol in PROTOCOLS
    spoken = provider(protocol)
    assert spoken.name == protocol
    assert (spoken.default_url or None, spoken.default_key_env) == BATCH_URLS[protocol]


def test_every_batch_api_that_is_spoken_is_in_the_table():
    assert set(PROTOCOLS) == set(BATCH_URLS) == set(get_args(Protocol))


def test_every_key_of_the_registry_is_in_the_docs():
    text = (REPOSITORY / "docs/study.md").read_text(encoding="utf-8")
    for entry in (AliasEntry, BatchEntry, LocalEntry, Price, RemoteEntry, SimEntry, Weights):
        for key in entry.model_fields:
            assert re.search(rf"[`{{ ]{key}[`,}}]", text), key
