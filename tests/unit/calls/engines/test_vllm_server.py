"""`vllm serve` and the choice between it and run-batch, by the stand-in."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from splitplot.calls.engines import checked_scratch, process
from splitplot.calls.engines import server as server_module
from splitplot.calls.engines import vllm as engine
from splitplot.calls.engines.weights import folder_sha256
from splitplot.errors import ConfigError, SplitplotError

from .conftest import VLLM, ask, gone_within, requests_of

SERVER = VLLM | {"mode": "server"}


def test_a_server_is_asked_with_a_key_that_no_argument_shows(vllm):
    requests = requests_of(20)
    asked = ask(SERVER, requests)
    assert asked.outcomes == ["ok"] * 20 and asked.by_key.keys() == {r.key for r in requests}
    (call,) = vllm.calls()
    key = call["environment"]["VLLM_API_KEY"]
    assert len(key) >= 24 and not any(key in argument for argument in call["argv"])
    assert call["argv"][:4] == ["serve", "lab/tiny", "--host", "127.0.0.1"]
    one = asked.responses[0].engine
    assert (one["mode"], one["version"], one["slots"]) == ("server", "0.99.1", 8)
    assert one["seed"] == int(asked.responses[0].key[:8], 16) & 0x7FFFFFFF
    assert gone_within(call["pid"], 5)


def test_a_port_that_somebody_took_is_given_up_for_another(vllm):
    vllm(PORT_TAKEN=1)
    assert ask(SERVER, requests_of(2)).outcomes == ["ok"] * 2
    first, second = (call["argv"][call["argv"].index("--port") + 1] for call in vllm.calls())
    assert first != second


class Stranger(BaseHTTPRequestHandler):
    """Somebody else's server, which is well and answers everything."""

    seen: ClassVar[list] = []

    def do_GET(self):
        self.seen.append((self.path, self.headers.get("Authorization")))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger():
    Stranger.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_stranger_who_answers_on_the_port_is_not_taken_for_the_engine(
    vllm, stranger, monkeypatch
):
    vllm(START_S=2)  # alive, and not on its port yet
    ports = [stranger.server_port, stranger.server_port]
    monkeypatch.setattr(
        server_module, "free_port", lambda: ports.pop() if ports else process.free_port()
    )
    requests = requests_of(3)
    asked = ask(SERVER, requests)
    assert asked.outcomes == ["ok"] * 3
    assert all(response.text.startswith("echo: ") for response in asked.responses)
    assert Stranger.seen == [("/health", None)] * 2  # neither a key nor a request
    ports += [stranger.server_port] * 3
    with pytest.raises(SplitplotError, match="answered by a process that the command did not"):
        ask(SERVER, requests)


def test_a_server_that_ends_or_is_never_ready_says_its_last_words(vllm):
    vllm(NO_START="ValueError: Free memory on device is less than desired")
    with pytest.raises(SplitplotError, match=r"exit code 1 before it was ready: .*Free memory"):
        ask(SERVER, requests_of(1))
    vllm(NO_START="", START_S=60)
    with pytest.raises(
        SplitplotError, match=r"not ready within start_timeout_s \(1 s\): no answer"
    ):
        ask(SERVER | {"start_timeout_s": 1}, requests_of(1))


def test_a_stop_while_a_server_starts_is_heard(vllm):
    vllm(START_S=60)
    assert ask(SERVER, requests_of(1), stop_in=1).engine == {}


@pytest.mark.long
@pytest.mark.parametrize("dying", [0, 1.5])
def test_a_request_that_kills_the_server_is_found_and_the_others_are_answered(vllm, dying):
    """dying: for so long it answers 500, also to requests that have nothing to do with it."""
    vllm(POISON="poison", ANSWER_S=0.02, DYING_S=dying)
    requests = requests_of(40, lambda n: "poison" if n == 17 else f"question {n}")
    asked = ask(SERVER, requests)
    assert asked.outcomes.count("ok") == 39
    response = asked.by_key[requests[17].key]
    assert response.outcome == "error" and response.error["type"] == "engine_died"
    assert asked.engine["starts"] <= 12  # by halves; whom a dying server refused is asked again


def test_a_server_that_keeps_dying_ends_the_job(vllm):
    vllm(POISON="question")
    with pytest.raises(SplitplotError, match="3 of at most 3"):
        ask(SERVER | {"max_attempts": 3}, requests_of(8))


def test_an_error_of_one_request_is_its_own(vllm):
    vllm(FAILS="too long")
    asked = ask(SERVER, requests_of(2) + requests_of(1, "too long {}"))
    assert sorted(asked.outcomes) == ["error", "ok", "ok"]


@pytest.mark.parametrize(
    ("why", "requests", "changes", "mode"),
    [
        ("short and alike", requests_of(3), {}, "run-batch"),
        ("one prompt above half the context", requests_of(3, "word " * 300 + "{}"), {}, "server"),
        ("different settings", requests_of(1) + requests_of(1, temperature=1), {}, "server"),
        ("a schema", requests_of(2, response_format={"type": "json_object"}), {}, "server"),
        ("a template", requests_of(2), {"chat_template": "{{ messages }}"}, "server"),
    ],
)
def test_auto_takes_run_batch_for_short_requests_that_are_alike(vllm, why, requests, changes, mode):
    asked = ask(VLLM | {"mode": "auto"} | changes, requests)
    assert (why, asked.engine["mode"]) == (why, mode)
    assert asked.outcomes == ["ok"] * len(requests)


def test_auto_takes_a_server_for_many_requests(vllm, monkeypatch):
    monkeypatch.setattr(engine, "BATCH_REQUESTS", 5)
    assert ask(VLLM | {"mode": "auto"}, requests_of(6)).engine["mode"] == "server"
    assert ask(VLLM | {"mode": "auto"}, requests_of(5)).engine["mode"] == "run-batch"


def model_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_weights_in_a_folder_are_checked_and_served_offline(vllm, tmp_path):
    folder = model_folder(tmp_path)
    here = {"weights": {"path": str(folder)}, "sha256": folder_sha256(folder)}
    asked = ask(VLLM | here, requests_of(1))
    assert asked.responses[0].engine["weights_sha256"] == here["sha256"]
    assert asked.responses[0].engine["weights"] == "model"
    (call,) = vllm.calls()
    assert call["environment"]["HF_HUB_OFFLINE"] == "1"
    assert call["argv"][call["argv"].index("--model") + 1] == str(folder)
    (folder / "model.safetensors").write_bytes(b"others!")
    with pytest.raises(ConfigError, match=f"sha256: {folder_sha256(folder)}"):
        ask(VLLM | here, requests_of(1))
    with pytest.raises(ConfigError, match=r"weights\.path: .*none is no folder"):
        ask(VLLM | {"weights": {"path": str(tmp_path / "none")}}, requests_of(1))
    assert len(vllm.calls()) == 1


def test_a_missing_scratch_names_node_path_and_key(vllm, tmp_path, monkeypatch):
    lost = VLLM | {"resources": {"scratch": "/no/such/disk"}}
    with pytest.raises(
        ConfigError, match=r"node \S+: resources\.scratch: /no/such/disk is not there"
    ):
        ask(lost, requests_of(1))
    monkeypatch.setenv("JOB_DISK", str(tmp_path))
    assert checked_scratch({"resources": {"scratch": "$JOB_DISK"}}) == tmp_path
    with pytest.raises(ConfigError, match=r"resources\.scratch: \$NO_DISK is not there"):
        checked_scratch({"resources": {"scratch": "$NO_DISK"}})
    (tmp_path / "disk").mkdir()
    assert ask(VLLM, requests_of(1), scratch=tmp_path / "disk").outcomes == ["ok"]
    source = vllm.calls()[0]["argv"][2]
    assert source.startswith(str(tmp_path / "disk"))
