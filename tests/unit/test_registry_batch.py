"""Which models have a batch API, where it answers, with whose key; and what is said where there is none."""

import pytest

from splitplot.errors import ConfigError
from splitplot.providers import BATCH_URLS, LITELLM_KEYS, OPENAI_COMPATIBLE
from splitplot.registry import load_registry

AZURE = "https://lab.openai.azure.com"
GATEWAY = "https://gateway.example.org/v1"


@pytest.fixture
def registry_of(tmp_path):
    def load(text=""):
        path = tmp_path / "config/models.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load_registry(tmp_path)

    return load


def refusal(act):
    with pytest.raises(ConfigError) as caught:
        act()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_provider_with_a_batch_api_of_its_own_needs_no_configuration(registry_of):
    assert registry_of().resolve("openai/gpt-5-mini").batch == {
        "protocol": "openai",
        "base_url": "https://api.openai.com/v1",
        "api_key_env": "OPENAI_API_KEY",
        "model": "gpt-5-mini",
        "headers": {},
        "max_tokens_field": "max_completion_tokens",
        "api_version": None,
        "account": None,
        "window_h": None,
        "max_requests": None,
        "max_bytes": None,
        "settle_s": 120,
        "poll_s": 30,
        "timeout_s": 120,
    }


@pytest.mark.parametrize(
    "provider", [name for name in BATCH_URLS if name not in ("azure", "fireworks")]
)
def test_batches_go_to_the_provider_itself_with_its_key(registry_of, provider):
    model = registry_of().resolve(f"{provider}/some/model")
    url, key = BATCH_URLS[provider]
    assert (model.batch["protocol"], model.batch["base_url"]) == (provider, url)
    assert model.batch["api_key_env"] == key == model.endpoint["api_key_env"]
    assert model.batch["model"] == "some/model"
    assert model.batch_reason is None


def test_the_keys_of_batches_are_those_of_real_time():
    for provider, (_, key) in BATCH_URLS.items():
        known = OPENAI_COMPATIBLE[provider][1] if provider in OPENAI_COMPATIBLE else None
        assert key == (known or LITELLM_KEYS[provider]), provider


@pytest.mark.parametrize("route", ["realtime", "litellm", "sim"])
def test_an_explicit_route_is_not_by_batch(registry_of, route):
    model = registry_of().resolve("openai/gpt-5-mini", route)
    assert (model.batch, model.batch_reason) == (None, None)


def test_asking_for_batches_keeps_the_route_and_endpoint_of_real_time(registry_of):
    registry = registry_of("models: {a: {model: openai/gpt-5-mini, route: litellm}}")
    for name in ("a", "openai/gpt-5-mini", "anthropic/claude-haiku-4-5"):
        auto, batch = registry.resolve(name), registry.resolve(name, "batch")
        assert auto == batch
        assert batch.batch is not None
    assert registry.resolve("a", "batch").route == "litellm"
    assert registry.resolve("a").batch["max_tokens_field"] == "max_completion_tokens"


def test_the_identity_of_a_model_is_the_same_however_it_is_asked(registry_of):
    plain = registry_of().resolve("openai/gpt-5-mini", "realtime").identity
    batch = "{model: other, window_h: 48, base_url: 'https://x.example', headers: {a: b}}"
    registry = registry_of(f"models: {{a: {{model: openai/gpt-5-mini, batch: {batch}}}}}")
    for route in ("auto", "batch", "realtime", "litellm"):
        assert registry.resolve("a", route).identity == plain


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("azure/gpt-5-mini", "azure's batch API needs an address; add `batch: {base_url: …}`"),
        (
            "fireworks/accounts/fireworks/models/x",
            "add `batch: {account: …}` to providers.fireworks",
        ),
    ],
)
def test_what_a_provider_needs_besides_is_asked_for(registry_of, name, expected):
    registry = registry_of()
    message = refusal(lambda: registry.resolve(name, "batch"))
    assert message.startswith(f'route batch cannot serve "{name}": ')
    assert expected in message
    auto = registry.resolve(name)
    assert auto.batch is None
    assert expected in auto.batch_reason


def test_azure_and_fireworks_go_by_batch_once_they_are_known(registry_of):
    registry = registry_of(f"""
models:
  mini: {{model: azure/gpt-5-mini, batch: {{base_url: "{AZURE}/", model: mini-batch, api_version: v1}}}}
providers:
  fireworks: {{batch: {{account: lab}}}}
""")
    azure = registry.resolve("mini", "batch").batch
    assert (azure["base_url"], azure["model"], azure["api_version"]) == (AZURE, "mini-batch", "v1")
    assert (azure["api_key_env"], azure["max_tokens_field"]) == (
        "AZURE_API_KEY",
        "max_completion_tokens",
    )
    fire = registry.resolve("fireworks/accounts/fireworks/models/x", "batch").batch
    assert (fire["account"], fire["base_url"]) == ("lab", "https://api.fireworks.ai")
    assert fire["model"] == "accounts/fireworks/models/x"


def test_a_server_behind_the_name_of_a_provider_has_no_batch_api(registry_of):
    registry = registry_of(f"models: {{a: {{model: openai/llama, base_url: '{GATEWAY}'}}}}")
    model = registry.resolve("a")
    assert model.batch is None
    assert f"its base_url {GATEWAY} is not openai's own" in model.batch_reason
    assert "batch: {protocol: …, base_url: …}" in refusal(lambda: registry.resolve("a", "batch"))


def test_a_batch_mapping_says_that_such_a_server_has_one_at_the_same_address(registry_of):
    entry = f"model: mylab/llama, base_url: '{GATEWAY}/', api_key_env: LAB_KEY, headers: {{a: x}}"
    batch = "batch: {protocol: openai, headers: {b: y}}"
    found = registry_of(f"models: {{a: {{{entry}, {batch}}}}}").resolve("a", "batch").batch
    assert (found["protocol"], found["base_url"]) == ("openai", GATEWAY)
    assert (found["api_key_env"], found["model"]) == ("LAB_KEY", "llama")
    assert found["headers"] == {"a": "x", "b": "y"}
    assert found["max_tokens_field"] == "max_tokens"


def test_settings_alone_do_not_send_the_requests_of_ones_own_server_to_the_provider(registry_of):
    entry = f"model: openai/llama, base_url: '{GATEWAY}', batch: {{poll_s: 5}}"
    assert registry_of(f"models: {{a: {{{entry}}}}}").resolve("a").batch is None


@pytest.mark.parametrize("protocol", ["anthropic", "gemini", "fireworks", "azure"])
def test_a_protocol_whose_batches_lie_elsewhere_needs_an_address(registry_of, protocol):
    entry = f"model: mylab/x, base_url: '{GATEWAY}', batch: {{protocol: {protocol}, account: a}}"
    registry = registry_of(f"models: {{a: {{{entry}}}}}")
    assert "needs an address" in refusal(lambda: registry.resolve("a", "batch"))


def test_headers_and_the_known_key_stay_where_they_belong(registry_of):
    elsewhere = "batch: {protocol: openai, base_url: 'https://other.example/v1'}"
    registry = registry_of(f"""
models:
  a: {{model: openai/x, headers: {{OpenAI-Project: p}}}}
  b: {{model: openai/x, headers: {{OpenAI-Project: p}}, {elsewhere}}}
  c: {{model: openai/x, api_key_env: MINE}}
  d: {{model: mylab/x, base_url: "{GATEWAY}", batch: {{protocol: groq, api_key_env: null}}}}
  e: {{model: mylab/x, batch: {{protocol: groq, base_url: "https://api.groq.com/openai/v1"}}}}
""")
    found = {name: registry.resolve(name).batch for name in "abcde"}
    assert (found["a"]["headers"], found["b"]["headers"]) == ({"OpenAI-Project": "p"}, {})
    assert [found[name]["api_key_env"] for name in "cde"] == ["MINE", None, "GROQ_API_KEY"]


def test_a_models_mapping_is_laid_over_its_providers(registry_of):
    registry = registry_of("""
providers:
  openai: {batch: {poll_s: 60.0, window_h: 24, headers: {a: x, b: x}}}
  groq: {batch: false}
models:
  a: {model: openai/x, batch: {window_h: 48, headers: {b: y}}}
  b: {model: openai/x, batch: false}
  c: {model: groq/x, batch: {poll_s: 5}}
""")
    found = registry.resolve("a").batch
    assert (found["poll_s"], found["window_h"]) == (60, 48)
    assert found["headers"] == {"a": "x", "b": "y"}
    assert registry.resolve("openai/y").batch["window_h"] == 24
    assert registry.resolve("c").batch["poll_s"] == 5
    for name in ("b", "groq/y"):
        model = registry.resolve(name)
        assert (model.batch, model.batch_reason) == (None, None)
        message = refusal(lambda name=name: registry.resolve(name, "batch"))
        assert "`batch: false` stands in config/models.yaml; remove it there" in message


def test_the_name_of_a_deployment_is_sent_without_litellms_prefix(registry_of):
    batch = f"batch: {{base_url: '{AZURE}'}}"
    entry = f"{{model: azure/gpt, sent_as: azure/mini-eu, {batch}}}"
    assert registry_of(f"models: {{a: {entry}}}").resolve("a").batch["model"] == "mini-eu"


def test_a_provider_without_a_batch_api_is_no_surprise_but_refused_when_asked_for(registry_of):
    registry = registry_of()
    model = registry.resolve("deepseek/chat")
    assert (model.batch, model.batch_reason) == (None, None)
    message = refusal(lambda: registry.resolve("deepseek/chat", "batch"))
    assert 'no batch API is known for "deepseek" (known: openai, azure, anthropic,' in message


def test_models_that_are_not_remote_never_go_by_batch(registry_of):
    sha = "ab" * 32
    registry = registry_of(f"""
models:
  a: {{model: local/x, weights: {{path: x}}, sha256: {sha}}}
  b: {{model: sim/b}}
""")
    for name in ("a", "b"):
        assert registry.resolve(name).batch is None
        assert f'route batch cannot serve "{name}"' in refusal(
            lambda name=name: registry.resolve(name, "batch")
        )


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ("{base_ulr: x}", 'models.a.batch.base_ulr: unknown key; did you mean "base_url"?'),
        ("{protocol: opnai}", '"opnai" is not allowed; did you mean "openai"?'),
        ("true", "models.a.batch: must be false, or a mapping such as {poll_s: 60}"),
        ("{poll_s: 0}", "models.a.batch.poll_s: must be above 0, not 0"),
        ("{settle_s: -1}", "models.a.batch.settle_s: must be at least 0, not -1"),
        ("{window_h: 0}", "models.a.batch.window_h: must be at least 1, not 0"),
        ("{max_requests: many}", 'models.a.batch.max_requests: must be a whole number, not "many"'),
        ("{base_url: 'https://u:hunter2@x.org'}", "must be a plain address"),
        ("{api_key_env: sk-proj-hunter2hunter2hunter2}", "a secret does not belong in this file"),
        ("{api_key: hunter2}", "a secret does not belong in this file"),
        ("{headers: {Authorization: Bearer hunter2}}", "a secret does not belong in this file"),
        ("{headers: {X-Gateway: Basic hunter2}}", "looks like a credential"),
    ],
)
def test_a_mistake_in_a_batch_mapping_is_named_and_no_secret_repeated(registry_of, batch, expected):
    text = f"models: {{a: {{model: openai/x, batch: {batch}}}}}"
    message = refusal(lambda: registry_of(text))
    assert expected in message
    assert message.startswith("config/models.yaml: ")
    assert "hunter2" not in message


def test_the_name_of_one_model_does_not_belong_to_a_whole_provider(registry_of):
    message = refusal(lambda: registry_of("providers: {azure: {batch: {model: x}}}"))
    assert "providers.azure.batch: `model` is the name of one model" in message
