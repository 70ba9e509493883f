"""The engine `openai-server`: a real llama.cpp in a command of its own, and commands that fail."""

import sys
from pathlib import Path

import pytest

from splitplot.calls.credentials import CredentialRefused
from splitplot.calls.engines.openai_server import filled
from splitplot.errors import ConfigError, SplitplotError

from .conftest import ask, gone_within, is_alive, requests_of

LLAMA = Path(__file__).with_name("llama_server.py")

SERVER = {
    "engine": "openai-server",
    "model": "smol",
    "weights": None,
    "revision": "SmolLM2 135M Q4_1",
    "command": [sys.executable, str(LLAMA), "{port}", "{model}"],
    "context": 512,
    "slots": 4,
    "health": "/health",
    "base_path": "/v1",
    "key_variable": "LLAMA_API_KEY",
    "seed": "per-request",
    "start_timeout_s": 100,
    "stop_grace_s": 5,
    "max_attempts": 20,
}


@pytest.mark.model
def test_any_command_that_speaks_the_chat_api_can_answer_a_trial():
    pytest.importorskip("xllamacpp")
    requests = requests_of(6, "What is {} plus 1?", temperature=0)
    asked = ask(SERVER, requests)
    assert asked.by_key.keys() == {r.key for r in requests}
    assert {response.outcome for response in asked.responses} <= {"ok", "truncated"}
    response = asked.responses[0]
    assert response.text and response.usage.output_tokens and response.provider_model == "smol"
    assert response.engine["revision"] == "SmolLM2 135M Q4_1"
    assert response.engine["name"] == "openai-server" and response.route == "local"
    assert {"gpu", "gpu_name"} <= response.engine.keys()
    assert asked.engine["start_seconds"] > 0 and asked.engine["starts"] == 1


def test_placeholders_are_put_in_and_other_braces_stay():
    values = {"port": "80", "model": "m"}
    assert filled('{port}:{model} {"a": {b}} {x}', values) == '80:m {"a": {b}} {x}'


def test_a_command_that_ends_at_once_says_its_last_words(tmp_path):
    code = "import sys; print('error: unknown model smol'); sys.exit(4)"
    with pytest.raises(
        SplitplotError, match=r"server of smol ended with exit code 4 .*unknown model smol"
    ):
        ask(SERVER | {"command": [sys.executable, "-c", code, "{port}"]}, requests_of(1))


KEYED = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_GET(self):
        self.answer(200)
    def do_POST(self):
        self.answer(401)
    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.parametrize(
    ("variable", "advice"),
    [
        ("WRONG_KEY", "must read it from the environment variable WRONG_KEY"),
        (None, "was started with none; write the environment variable"),
    ],
)
def test_a_server_that_refuses_its_own_key_names_key_variable(variable, advice):
    keyed = {"command": [sys.executable, "-c", KEYED, "{port}"], "key_variable": variable}
    with pytest.raises(CredentialRefused) as caught:
        ask(SERVER | keyed, requests_of(1))
    message = str(caught.value)
    assert message.startswith("127.0.0.1: HTTP 401: the server") and advice in message
    assert "`key_variable` of the model in config/models.yaml" in message
    assert "api_key_env" not in message


def test_a_server_sees_no_keys_of_providers_and_its_own_is_not_quoted(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-provider")
    code = (
        "import os, sys; print('error:', os.environ.get('OPENAI_API_KEY'),"
        " os.environ['LLAMA_API_KEY']); sys.exit(4)"
    )
    with pytest.raises(SplitplotError, match="error: None <LLAMA_API_KEY>"):
        ask(SERVER | {"command": [sys.executable, "-c", code, "{port}"]}, requests_of(1))


def test_a_command_that_is_never_healthy_is_ended(tmp_path):
    code = (
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()));"
        "print('loading', flush=True); time.sleep(600)"
    )
    slow = SERVER | {"command": [sys.executable, "-c", code, "{port}"], "start_timeout_s": 2}
    with pytest.raises(
        SplitplotError,
        match=r"node \S+: the server of .* not ready within start_timeout_s(.|\n)*loading",
    ):
        ask(slow, requests_of(1))
    assert gone_within(int((tmp_path / "pid").read_text()), 5)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_missing_command_or_weights_names_node_and_key():
    with pytest.raises(ConfigError, match=r"node .* no-such-server: no such command.*`command`"):
        ask(SERVER | {"command": ["no-such-server", "{port}"]}, requests_of(1))
    with pytest.raises(ConfigError, match=r"node .* weights\.path: /no/such is not there"):
        ask(SERVER | {"weights": {"path": "/no/such"}}, requests_of(1))
