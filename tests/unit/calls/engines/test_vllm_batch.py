"""`vllm run-batch`, as far as a stand-in can show it: each of its traps, and what we make of it."""

import json
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from splitplot.calls.engines import tailing, vllm_batch
from splitplot.calls.ledger import Ledger
from splitplot.errors import ConfigError, SplitplotError

from .conftest import VLLM, Asked, ask, gone_within, requests_of


def test_every_request_is_answered_with_what_answered_it(vllm, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr("splitplot.calls.engines.weights.model_names", lambda: "NVIDIA H100")
    requests = requests_of(5)
    asked = ask(VLLM | {"extra_args": ["--enforce-eager"]}, requests)
    assert set(asked.outcomes) == {"ok"} and asked.by_key.keys() == {r.key for r in requests}
    for request in requests:
        response = asked.by_key[request.key]
        seed = int(request.key[:8], 16) & 0x7FFFFFFF
        assert response.text == f"echo: {request.body['messages'][0]['content']}"
        assert response.usage.output_tokens == 3 and response.usd == 0.0
        assert response.engine == {
            "name": "vllm",
            "version": "0.99.1",
            "weights": "lab/tiny",
            "revision": VLLM["weights"]["revision"],
            "dtype": "bfloat16",
            "tensor_parallel": 1,
            "gpu_memory_utilization": 0.9,
            "extra_args": ["--enforce-eager"],
            "context": 512,
            "slots": 8,
            "mode": "run-batch",
            "seed": seed,
            "gpu": "3",
            "gpu_name": "NVIDIA H100",
        }
        assert response.raw["system_fingerprint"] == str(seed)
    assert asked.engine["starts"] == 1 and asked.engine["start_seconds"] > 0
    assert asked.sent == [(request.key, 1) for request in requests]
    assert not list(tmp_path.glob("splitplot-*"))  # nothing is left on the scratch disk


def test_vllm_is_called_with_pinned_weights_no_open_port_and_no_reports_of_usage(vllm):
    changes = {"quantization": "awq", "tensor_parallel": 2, "seed": 7}
    extra = ["--enforce-eager"]
    ask(VLLM | changes | {"extra_args": extra, "chat_template": "{{ messages }}"}, requests_of(1))
    (call,) = vllm.calls()
    argv = call["argv"]
    assert argv[0] == "run-batch" and "--enable-metrics" not in argv
    told = dict(pairwise(argv))
    assert told["--model"] == "lab/tiny" and told["--served-model-name"] == "tiny"
    assert told["--revision"] == told["--tokenizer-revision"] == VLLM["weights"]["revision"]
    assert (told["--dtype"], told["--quantization"]) == ("bfloat16", "awq")
    assert (told["--max-model-len"], told["--max-num-seqs"]) == ("512", "8")
    assert (told["--tensor-parallel-size"], told["--gpu-memory-utilization"]) == ("2", "0.9")
    assert told["--seed"] == "7" and told["--chat-template"].endswith(".jinja")
    assert "--enforce-eager" in argv
    body = json.loads(call["lines"][0])["body"]
    assert body["model"] == "tiny" and "seed" not in body  # the engine has one of its own
    assert call["environment"]["VLLM_NO_USAGE_STATS"] == call["environment"]["DO_NOT_TRACK"] == "1"
    assert call["environment"]["HF_HUB_OFFLINE"] is None


def test_nothing_is_started_where_nothing_is_to_be_answered(vllm):
    assert ask(VLLM, []).engine == {}
    assert vllm.calls() == []


def test_a_line_that_vllm_would_refuse_ends_as_an_error_and_the_others_are_answered(vllm):
    good = requests_of(3)
    bad = [
        requests_of(1, "torn \ud83d")[0],
        requests_of(1, "warm", temperature="hot")[0],
        requests_of(1, "big", seed=2**70)[0],
        requests_of(1, "stream", stream=True)[0],
        requests_of(1, "top", top_logprobs=3)[0],
    ]
    asked = ask(VLLM, [good[0], *bad, *good[1:]])
    assert [asked.by_key[r.key].outcome for r in good] == ["ok"] * 3
    for request in bad:
        response = asked.by_key[request.key]
        assert response.outcome == "error" and response.attempts == 0
        assert response.error["type"] == "bad_request"
        assert response.error["message"].startswith("not sent: ")
    assert len(vllm.calls()) == 1
    assert {key for key, _ in asked.sent} == {r.key for r in good}


def test_an_answer_with_an_error_is_classified_and_does_not_stop_the_rest(vllm):
    vllm(FAILS="too long")
    good, failing = requests_of(2), requests_of(1, "too long {}")
    asked = ask(VLLM, good + failing)
    response = asked.by_key[failing[0].key]
    assert (response.outcome, response.error["status"]) == ("error", 400)
    assert response.error["type"] == "BadRequestError"
    assert "maximum context length" in response.error["message"]
    assert [asked.by_key[r.key].outcome for r in good] == ["ok", "ok"]


@pytest.mark.parametrize("writes", ["stream", "each", "end"])
@pytest.mark.parametrize("torn", ["", "1"])
def test_after_a_crash_only_what_is_missing_is_asked_again(vllm, writes, torn):
    vllm(WRITES=writes, DIE_AFTER=4, TORN=torn)
    requests = requests_of(9)
    asked = ask(VLLM, requests)
    assert asked.by_key.keys() == {r.key for r in requests} and set(asked.outcomes) == {"ok"}
    first, second = vllm.calls()
    left = 9 if writes == "end" else 5
    assert (len(first["lines"]), len(second["lines"])) == (9, left)
    assert asked.engine["starts"] == 2
    again = [response.attempts for response in asked.responses]
    assert again == [1] * (9 - left) + [2] * left


def test_a_line_that_is_written_in_two_pieces_is_read_when_it_is_whole(tmp_path):
    tail = tailing.Tail(tmp_path / "out.jsonl")
    assert list(tail.lines()) == []
    with (tmp_path / "out.jsonl").open("w") as file:
        file.write('{"custom_id": "a"}\n{"custom_')
        file.flush()
        assert [line["custom_id"] for line in tail.lines()] == ["a"]
        file.write('id": "b"}\nnot JSON\n{"custom_id": "c"}\n')
    assert [line["custom_id"] for line in tail.lines()] == ["b", "c"]


def test_a_request_that_kills_the_engine_is_found_and_given_up_alone(vllm):
    vllm(WRITES="end", POISON="poison")
    requests = requests_of(12, lambda n: "poison" if n == 7 else f"question {n}")
    asked = ask(VLLM, requests)
    assert asked.outcomes.count("ok") == 11
    response = asked.by_key[requests[7].key]
    assert response.outcome == "error" and response.error["type"] == "engine_died"
    assert "illegal memory access" in response.error["message"]
    canaries = [c for c in vllm.calls() if json.loads(c["lines"][0])["custom_id"] == "0" * 32]
    assert len(canaries) == 1  # the engine itself was found to work before the search began


def test_a_run_that_streams_narrows_the_search_by_what_it_wrote(vllm):
    vllm(WRITES="each", POISON="poison")
    requests = requests_of(6, lambda n: "poison" if n == 3 else f"question {n}")
    asked = ask(VLLM, requests)
    assert asked.outcomes.count("ok") == 5
    assert asked.by_key[requests[3].key].error["type"] == "engine_died"


def test_an_engine_that_cannot_start_says_why_and_costs_three_tries(vllm):
    vllm(NO_START="ValueError: No available memory for the cache blocks.")
    with pytest.raises(SplitplotError, match=r"answers nothing: .*No available memory") as caught:
        ask(VLLM, requests_of(5))
    assert "end of its log" in str(caught.value) and len(vllm.calls()) == 3


def test_arguments_that_vllm_refuses_are_not_tried_twice(vllm):
    with pytest.raises(SplitplotError, match=r"refused its arguments: .*--no-such-flag"):
        ask(VLLM | {"extra_args": ["--no-such-flag"]}, requests_of(2))


def test_an_engine_that_keeps_dying_ends_the_job_with_what_was_answered(vllm):
    vllm(WRITES="each", POISON="poison")
    asked = Asked()
    with pytest.raises(SplitplotError, match=r"died \(exit code 1, 2 of at most 2\)"):
        ask(
            VLLM | {"max_attempts": 2},
            requests_of(6, lambda n: "poison" if n == 3 else f"question {n}"),
            asked=asked,
        )
    assert asked.outcomes == ["ok"] * 3


def test_a_missing_command_names_the_node_and_the_key(vllm):
    with pytest.raises(
        ConfigError, match=r"node .*: no-such-vllm: no such command here.*`command`"
    ):
        ask(VLLM | {"command": ["no-such-vllm"]}, requests_of(1))


def test_a_request_that_a_good_run_passes_over_is_an_error(vllm):
    vllm(SILENT="hush")
    requests = requests_of(3, lambda n: "hush" if n == 1 else f"question {n}")
    asked = ask(VLLM, requests)
    assert asked.by_key[requests[1].key].error["type"] == "no_answer"
    assert asked.outcomes.count("ok") == 2 and len(vllm.calls()) == 1


def test_a_last_line_without_its_newline_is_an_answer(vllm):
    vllm(WRITES="bare")
    requests = requests_of(3)
    asked = ask(VLLM, requests)
    assert asked.outcomes == ["ok"] * 3 and len(vllm.calls()) == 1


def test_what_a_torn_end_of_a_good_run_may_have_held_is_asked_once_more(vllm):
    vllm(WRITES="end", CUT=1, SILENT="hush")
    requests = requests_of(4, lambda n: "hush" if n == 1 else f"question {n}")
    asked = ask(VLLM, requests)
    assert asked.by_key[requests[1].key].error["type"] == "no_answer"
    assert asked.outcomes.count("ok") == 3
    first, second = ([json.loads(line)["custom_id"] for line in c["lines"]] for c in vllm.calls())
    assert first == [r.key for r in requests]
    assert second == [requests[1].key, requests[3].key]  # in their order, and no third time


def test_an_engine_that_never_gets_to_its_requests_is_given_up(vllm):
    vllm(START_S=60)
    began = time.monotonic()
    with pytest.raises(
        SplitplotError,
        match=r"node \S+: vllm run-batch tiny was not ready within start_timeout_s \(2 s\): "
        r"(.|\n)*end of its log",
    ):
        ask(VLLM | {"start_timeout_s": 2}, requests_of(2))
    assert time.monotonic() - began < 30
    assert gone_within(vllm.calls()[0]["pid"], 5)


@pytest.mark.long
def test_a_loaded_run_that_writes_nothing_any_more_is_ended_and_repeated(vllm, capsys):
    """A deadlock between GPUs, say: the process lives, and nothing comes of it."""
    vllm(WRITES="each", HANGS="question 2", HANGS_ONCE=1)
    requests = requests_of(4)
    asked = ask(VLLM | {"stall_timeout_s": 2}, requests)
    assert asked.outcomes == ["ok"] * 4 and asked.engine["starts"] == 2
    first, second = vllm.calls()
    assert (len(first["lines"]), len(second["lines"])) == (4, 2)
    assert gone_within(first["pid"], 5)
    told = capsys.readouterr().err
    assert (
        f"node {socket.gethostname()}: vllm run-batch tiny has written neither to its log" in told
    )
    assert "for stall_timeout_s (2 s); it is ended; the end of its log:" in told
    assert "1 of at most 20" in told


@pytest.mark.long
def test_a_request_that_the_engine_hangs_at_is_found_and_given_up_alone(vllm):
    vllm(WRITES="each", HANGS="poison")
    requests = requests_of(3, lambda n: "poison" if n == 1 else f"question {n}")
    asked = ask(VLLM | {"stall_timeout_s": 1}, requests)
    assert asked.outcomes.count("ok") == 2
    error = asked.by_key[requests[1].key].error
    assert error["type"] == "engine_died" and "it wrote nothing any more" in error["message"]


@pytest.mark.long
def test_an_engine_that_hangs_at_whatever_it_is_asked_ends_the_job(vllm):
    vllm(HANGS=" ", WRITES="end")
    harmless = vllm_batch.CANARY.body["messages"][0]
    harmless["content"], before = "Hi there", harmless["content"]
    try:
        with pytest.raises(SplitplotError, match=r"run-batch ends with .* and answers nothing"):
            ask(VLLM | {"stall_timeout_s": 1}, requests_of(2))
    finally:
        harmless["content"] = before
    assert len(vllm.calls()) == 3


def test_progress_in_the_log_alone_is_life(tmp_path):
    growth = tailing.Growth(tmp_path / "log", tmp_path / "out")
    time.sleep(0.2)
    assert growth.still_seconds() >= 0.2
    (tmp_path / "log").write_text("Running batch:  1%")
    assert growth.still_seconds() < 0.1
    time.sleep(0.2)
    (tmp_path / "out").touch()
    assert growth.still_seconds() < 0.1


@pytest.mark.long
def test_answers_that_take_longer_than_a_start_are_waited_for(vllm):
    vllm(WRITES="end", ANSWER_S=1.2)
    assert ask(VLLM | {"start_timeout_s": 5}, requests_of(5)).outcomes == ["ok"] * 5


def test_a_mark_in_a_growing_log_is_found_also_between_two_reads(tmp_path):
    log = tailing.Log(tmp_path / "log")
    assert not log.says(vllm_batch.LOADED)
    (tmp_path / "log").write_bytes(b"x" * 5000 + b"Reading ba")
    assert not log.says(vllm_batch.LOADED)
    with (tmp_path / "log").open("ab") as file:
        file.write(b"tch from in.jsonl")
    assert log.says(vllm_batch.LOADED)


def test_a_crash_after_the_last_answer_is_none(vllm):
    vllm(WRITES="each", DIE_AFTER=3)
    asked = ask(VLLM, requests_of(3))
    assert asked.outcomes == ["ok"] * 3 and asked.engine["starts"] == 1


def test_a_large_part_goes_in_shards(vllm, monkeypatch):
    monkeypatch.setattr(vllm_batch, "BATCH_REQUESTS", 4)
    asked = ask(VLLM, requests_of(10))
    assert asked.outcomes == ["ok"] * 10
    assert [len(call["lines"]) for call in vllm.calls()] == [4, 4, 2]


def test_answers_are_recorded_while_the_run_goes_on_and_a_stop_keeps_them(vllm):
    vllm(WRITES="each", ANSWER_S=0.2, IGNORES_TERM="")
    began = time.monotonic()
    asked = ask(VLLM, requests_of(200), stop_after=3)
    assert 3 <= len(asked.responses) < 100 and set(asked.outcomes) == {"ok"}
    assert time.monotonic() - began < 30
    core = int((vllm.state / "core.pid").read_text())
    assert gone_within(core, 5)


def test_a_stop_while_the_model_loads_is_heard(vllm):
    vllm(START_S=60)
    began = time.monotonic()
    asked = ask(VLLM, requests_of(2), stop_in=2)
    assert asked.responses == [] and time.monotonic() - began < 30


JOB = """
import asyncio, json, sys
from pathlib import Path
from splitplot.calls import engines
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.records import Request

endpoint, requests = json.loads(Path(sys.argv[1]).read_text())
ledger = Ledger(Path(sys.argv[2]), "t")
left = [Request(key, body) for key, body in requests if key not in ledger.find([key])]

async def main():
    with LedgerWriter(Path(sys.argv[2]), "t", {}) as writer:
        await engines.run(
            endpoint, engines.feed_of(*left), record=writer.response,
            on_send=lambda request, attempt, paid: writer.intent(request.key, attempt),
            price=lambda usage: 0.0, stop=asyncio.Event(),
        )

asyncio.run(main())
"""


@pytest.mark.parametrize("mode", ["run-batch", "server"])
def test_a_job_killed_at_any_moment_goes_on_and_has_every_answer_once(vllm, tmp_path, mode):
    vllm(WRITES="each", ANSWER_S=0.05)
    requests = requests_of(60)
    told = [VLLM | {"mode": mode, "slots": 4}, [[r.key, r.body] for r in requests]]
    (tmp_path / "job.json").write_text(json.dumps(told))
    command = [sys.executable, "-c", JOB, str(tmp_path / "job.json"), str(tmp_path / "ledger")]
    cores = []
    for kill_at in (10, 30):
        job = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while len(answers(tmp_path)) < kill_at and time.monotonic() < deadline:
            time.sleep(0.05)
        cores.append(int((vllm.state / "core.pid").read_text()))
        job.send_signal(signal.SIGKILL)
        job.wait()
    assert all(gone_within(core, 20) for core in cores)  # no engine outlives its job
    subprocess.run(command, check=True, timeout=100)
    assert sorted(answers(tmp_path)) == sorted(r.key for r in requests)
    found = Ledger(tmp_path / "ledger", "t").find([r.key for r in requests])
    assert len(found) == 60
    assert not list(tmp_path.glob("splitplot-*"))


def answers(tmp_path):
    """The keys of all recorded responses, as often as they were recorded."""
    lines = [
        line
        for path in (tmp_path / "ledger/t").glob("*.jsonl")
        for line in path.read_text().splitlines(keepends=True)
    ]
    rows = [json.loads(line) for line in lines if line.endswith("\n")]
    return [row["key"] for row in rows if row["kind"] == "response"]
