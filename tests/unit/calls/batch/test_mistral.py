"""Mistral's batch API, spoken with a misbehaving server; its official SDK speaks with the same one."""

import asyncio
import json
from dataclasses import replace

import pytest

from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.mistral import Mistral
from splitplot.calls.batch.protocol import Refused, Snapshot, Uncertain
from splitplot.calls.batch.protocols import provider
from splitplot.calls.records import Request
from splitplot.errors import ConfigError

KEY = "sk-test-0123456789abcdef"
MISTRAL = Mistral()


@pytest.fixture
def do(use):
    """do(server, method, *args): a method of the module over a connection of its own."""

    def call(server, method, *args, **options):
        return use(MISTRAL, server, lambda http: getattr(MISTRAL, method)(http, *args), **options)

    return call


@pytest.fixture
def sent(do, order):
    """sent(server, n): an order whose lines have been uploaded."""

    def upload(server, n=3, **changes):
        made = order(server, MISTRAL, n, **changes)
        return replace(made, refs=do(server, "upload", made))

    return upload


def keys_of(wanted):
    return wanted.keys.read_text().split()


# Against the official SDK


@pytest.fixture
def sdk():
    """mistralai's own client, which makes no second try."""
    from mistralai import client

    return lambda server: client.Mistral(api_key=KEY, server_url=server.url)


def test_the_server_speaks_with_the_official_client(batch_server, sdk):
    server = batch_server("mistral", run_s=60, foreign=2)
    client = sdk(server)
    lines = [
        {"custom_id": f"{i}", "body": {"messages": [{"role": "user", "content": "?"}]}}
        for i in "ab"
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = client.files.upload(file={"file_name": "a.jsonl", "content": content}, purpose="batch")
    job = client.batch.jobs.create(
        input_files=[file.id], model="m", endpoint="/v1/chat/completions", metadata={"a": "b"}
    )
    assert (job.status, job.total_requests, job.metadata) == ("RUNNING", 2, {"a": "b"})
    assert client.batch.jobs.list().total == 3
    assert [found.id for found in client.batch.jobs.list(metadata={"a": "b"}).data] == [job.id]
    assert client.batch.jobs.list(status=["SUCCESS"]).data == []
    server.set(run_s=0)
    job = client.batch.jobs.get(job_id=job.id)
    assert (job.status, job.succeeded_requests) == ("SUCCESS", 2)
    text = client.files.download(file_id=job.output_file).read().decode()
    from mistralai.client.models import ChatCompletionResponse

    bodies = [json.loads(line)["response"]["body"] for line in text.splitlines()]
    assert all(ChatCompletionResponse.model_validate(body).choices for body in bodies)
    assert client.files.delete(file_id=file.id).deleted


def test_the_official_client_reads_the_job_that_we_make(shared_server, sdk, sent, do):
    server = shared_server("mistral", run_s=60)
    wanted = sent(server, settings={"window_h": 48})
    made = do(server, "create", wanted)
    job = sdk(server).batch.jobs.get(job_id=made.id)
    assert job.metadata == {"splitplot": wanted.name}
    assert job.input_files == [wanted.refs["input_file_id"]]
    assert (job.model, job.endpoint) == ("lab-model", "/v1/chat/completions")
    assert server.stats()["batches"][0]["data"]["timeout_hours"] == 48


def test_our_wish_is_what_the_official_client_would_send(order, shared_server):
    from mistralai.client.models import BatchRequest, CreateBatchJobRequest

    wanted = replace(order(shared_server("mistral"), MISTRAL), refs={"input_file_id": "f"})
    wish = MISTRAL.wish(wanted)
    assert CreateBatchJobRequest.model_validate(wish).model_dump(mode="json") == wish
    line = json.loads(wanted.lines.read_text().splitlines()[0])
    assert BatchRequest.model_validate(line).model_dump(mode="json") == line


def test_the_official_client_cancels_as_we_do(shared_server, sdk, sent, do):
    server = shared_server("mistral", run_s=60, cancel_s=60)
    made = do(server, "create", sent(server))
    assert sdk(server).batch.jobs.cancel(job_id=made.id).status == "CANCELLATION_REQUESTED"
    seen = do(server, "look", made.id)
    assert (seen.state, seen.provider_state) == ("running", "CANCELLATION_REQUESTED")
    do(server, "cancel", made.id)
    assert server.stats()["calls"]["cancel"] == 1  # one wish is enough


# From upload to answers


def test_it_is_found_under_its_name():
    assert isinstance(provider("mistral"), Mistral)


def test_every_request_is_answered(shared_server, sent, do, collect):
    server = shared_server("mistral", answers="echo_key", usage={"cached": 2})
    wanted = sent(server, 5)
    made = do(server, "create", wanted)
    seen = do(server, "look", made.id)
    assert (seen.state, seen.total, seen.done) == ("ended", 5, 5)
    assert (seen.tag, seen.error, seen.expired, seen.cancelled) == (wanted.name, None, False, False)
    results = collect(MISTRAL, server, seen)
    assert {r.key: r.text for r in results} == {key: key for key in keys_of(wanted)}
    one = results[0]
    assert (one.outcome, one.finish_reason, one.billed) == ("ok", "stop", True)
    assert one.provider_model == "lab-model" and one.provider_id.startswith("cmpl-")
    assert one.usage.input_tokens > 0 and one.usage.cached_tokens == 2
    do(server, "discard", wanted.refs)
    do(server, "discard", wanted.refs)
    assert server.stats()["calls"]["delete"] == 2


def test_a_line_is_the_body_of_the_real_time_call_without_a_model():
    request = Request("k" * 32, {"messages": [], "max_tokens": 5, "random_seed": 7})
    assert MISTRAL.line(request, "m") == {"custom_id": "k" * 32, "body": request.body}


def test_duplicates_disorder_torn_lines_and_unknown_fields_do_no_harm(
    shared_server, sent, do, collect
):
    server = shared_server(
        "mistral", shuffle=True, duplicate=0.5, torn_lines=7, unknown_fields=True, half_written=1
    )
    wanted = sent(server, 8)
    made = do(server, "create", wanted)
    results = collect(MISTRAL, server, do(server, "look", made.id))
    ours = [r for r in results if r.key in keys_of(wanted)]
    assert {r.key for r in ours} == set(keys_of(wanted))
    assert len(ours) >= 8 and all(r.outcome == "ok" for r in ours)


def test_a_file_that_stays_half_written_is_a_failure_and_leaves_no_file(
    shared_server, sent, do, collect, tmp_path
):
    server = shared_server("mistral", half_written=99)
    made = do(server, "create", sent(server))
    with pytest.raises(HttpFailure):
        collect(MISTRAL, server, do(server, "look", made.id))
    assert not list((tmp_path / "downloads").iterdir())


def test_requests_that_fail_are_results_of_both_shapes(shared_server, sent, do, collect):
    server = shared_server(
        "mistral", line_errors=0.5, line_error=[429, "rate_limited", "Too fast."]
    )
    wanted = sent(server, 8)
    seen = do(server, "look", do(server, "create", wanted).id)
    assert seen.done == 4
    wrong = [r for r in collect(MISTRAL, server, seen) if r.outcome != "ok"]
    assert len(wrong) == 4
    assert {r.outcome for r in wrong} == {"error"} and not any(r.billed for r in wrong)
    assert {r.error["message"] for r in wrong} == {"Too fast."}


def test_a_body_that_mistral_refuses_fails_alone(shared_server, sent, do, collect):
    server = shared_server("mistral")
    wanted = sent(server, 2, parameters={"seed": 7})  # `check` refuses it before anything is sent
    results = collect(MISTRAL, server, do(server, "look", do(server, "create", wanted).id))
    assert [r.outcome for r in results] == ["error", "error"]


def test_an_expired_job_keeps_what_was_answered(shared_server, sent, do, collect):
    server = shared_server("mistral", expire=0.5)
    wanted = sent(server, 4)
    seen = do(server, "look", do(server, "create", wanted).id)
    assert (seen.state, seen.provider_state, seen.expired) == ("ended", "TIMEOUT_EXCEEDED", True)
    assert sorted(r.key for r in collect(MISTRAL, server, seen)) == sorted(keys_of(wanted)[:2])


def test_a_cancelled_job_keeps_what_was_answered(shared_server, sent, do, collect):
    server = shared_server("mistral", run_s=60, cancelled_answers=0.5)
    wanted = sent(server, 4)
    made = do(server, "create", wanted)
    do(server, "cancel", made.id)
    seen = do(server, "look", made.id)
    assert (seen.state, seen.cancelled, seen.error) == ("ended", True, None)
    assert len(collect(MISTRAL, server, seen)) == 2
    do(server, "cancel", made.id)
    assert server.stats()["calls"]["cancel"] == 1


def test_a_job_that_failed_as_a_whole_says_why(shared_server, sent, do, collect):
    server = shared_server("mistral", fail_whole=["x", "The model \n is not there."])
    seen = do(server, "look", do(server, "create", sent(server)).id)
    assert (seen.state, seen.error) == ("ended", ("failed", "The model is not there."))
    assert collect(MISTRAL, server, seen) == []


def test_a_state_that_nobody_knows_is_running(shared_server, sent, do):
    server = shared_server("mistral", unknown_state=60)
    seen = do(server, "look", do(server, "create", sent(server)).id)
    assert (seen.state, seen.provider_state) == ("running", "DEFRAGMENTING")


def test_reads_are_repeated(shared_server, sent, do, collect):
    server = shared_server("mistral")
    made = do(server, "create", sent(server))
    server.set(fail_gets=3)
    seen = do(server, "look", made.id)
    server.set(fail_gets=["reset", "500"])
    assert len(collect(MISTRAL, server, seen)) == 3


def test_answers_that_are_counted_but_in_no_file_yet_are_waited_for(
    shared_server, sent, do, collect
):
    server = shared_server("mistral", files_late=2)
    made = do(server, "create", sent(server))
    server.set(files_late=2)
    seen = do(server, "look", made.id)
    assert (seen.state, seen.done, dict(seen.refs)) == ("ended", 3, {})
    with pytest.raises(HttpFailure, match="no output file is named yet"):
        collect(MISTRAL, server, seen)
    assert len(collect(MISTRAL, server, seen)) == 3


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "j"},
        {"id": "j", "status": 3, "metadata": [], "created_at": "x", "errors": {}, "output_file": 1},
        {"id": "j", "status": "FAILED", "errors": [None, {"message": 1}], "total_requests": "9"},
        {"id": "j", "status": None, "created_at": 1e300, "succeeded_requests": True},
    ],
)
def test_a_strange_job_is_read_all_the_same(answer):
    seen = MISTRAL.snapshot(answer)
    assert (seen.id, seen.total, seen.done, dict(seen.refs)) == ("j", None, None, {})


# Create calls whose answer is lost, and refusals


@pytest.mark.parametrize("how", ["500", "503", "reset", "malformed"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_create_call_without_an_answer_is_uncertain_and_not_repeated(
    shared_server, sent, do, when, how
):
    server = shared_server(
        "mistral", run_s=60, create_faults=[{"when": when, "how": how}], foreign=2
    )
    wanted = sent(server)
    with pytest.raises(Uncertain):
        do(server, "create", wanted)
    stats = server.stats()
    made = int(when == "after")
    assert (stats["calls"]["create"], stats["created"]) == (1, made)
    found = do(server, "find", wanted)
    assert [s.id for s in found] == [batch["id"] for batch in stats["batches"]]
    assert all(s.tag == wanted.name for s in found)


def test_a_create_call_that_hangs_is_uncertain_and_may_work_later(shared_server, sent, do, use):
    fault = {"when": "after", "how": "hang", "late_s": 0.05}
    server = shared_server("mistral", run_s=60, create_faults=[fault])
    wanted = sent(server)
    with pytest.raises(Uncertain):
        do(server, "create", wanted, timeout_s=0.2)

    async def search(http):
        while not (found := await MISTRAL.find(http, wanted)):
            await asyncio.sleep(0.02)
        return found

    assert len(use(MISTRAL, server, lambda http: asyncio.wait_for(search(http), 10))) == 1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"require_key": "another"}, {"status": 401, "credentials": True, "wait": False}),
        ({"max_in_flight": 0, "retry_after": 7}, {"status": 429, "wait": True, "seconds": 7.0}),
        (
            {"create_faults": [{"when": "before", "how": "429"}]},
            {"status": 429, "wait": True, "credentials": False},
        ),
    ],
)
def test_refusals_are_told_apart(shared_server, sent, do, settings, expected):
    server = shared_server("mistral")
    wanted = sent(server)
    server.set(**settings)
    with pytest.raises(Refused) as caught:
        do(server, "create", wanted)
    assert {name: getattr(caught.value, name) for name in expected} == expected
    assert server.stats()["created"] == 0


def test_a_refusal_for_wrong_fields_names_them(shared_server, sent, do):
    server = shared_server("mistral")
    wanted = sent(server, settings={"window_h": 500})
    with pytest.raises(Refused, match=r"body\.timeout_hours or model: not valid") as caught:
        do(server, "create", wanted)
    refused = caught.value
    assert (refused.status, refused.wait, refused.credentials) == (422, False, False)


def test_a_missing_file_is_refused(shared_server, sent, do):
    server = shared_server("mistral")
    wanted = replace(sent(server), refs={"input_file_id": "nothing"})
    with pytest.raises(Refused) as caught:
        do(server, "create", wanted)
    assert caught.value.status == 404


# Finding ours


@pytest.mark.parametrize("settings", [{}, {"ignore_metadata": True}])
def test_ours_is_found_on_whatever_page_among_foreign_ones(batch_server, sent, do, settings):
    server = batch_server("mistral", run_s=60, page_size=2, foreign=3, **settings)
    orders = [sent(server, name=f"sp-{n:032x}") for n in range(1, 4)]
    made = [do(server, "create", wanted) for wanted in orders]
    for wanted, one in zip(orders, made, strict=True):
        assert [s.id for s in do(server, "find", wanted)] == [one.id]
    assert do(server, "find", replace(orders[0], name="sp-" + "f" * 32, refs={})) == []


def test_ours_is_found_by_its_file_where_the_metadata_got_lost(shared_server, sent, do):
    server = shared_server("mistral", run_s=60, foreign=2)
    wanted = sent(server)
    made = do(server, "create", wanted)
    nameless = replace(wanted, name="sp-" + "e" * 32)
    assert [(s.id, s.tag) for s in do(server, "find", nameless)] == [(made.id, nameless.name)]


def test_a_job_that_shows_late_is_not_found_before(shared_server, sent, do):
    server = shared_server("mistral", run_s=60, list_delay_s=60)
    wanted = sent(server)
    do(server, "create", wanted)
    assert do(server, "find", wanted) == []
    server.set(list_delay_s=0)
    assert len(do(server, "find", wanted)) == 1


def test_a_listing_that_answers_every_page_with_the_same_one_ends():
    class Stuck:
        calls = 0

        async def get(self, path, params=None):
            self.calls += 1
            return {"data": [{"id": "a", "metadata": None}, "no job", {"id": 3}]}

    async def main():
        http = Stuck()
        pages = [page async for page in MISTRAL.pages(http)]
        return len(pages), http.calls

    assert asyncio.run(main()) == (1, 2)


def test_a_listing_that_is_none_is_a_failure_and_not_an_empty_one(order, shared_server):
    wanted = order(shared_server("mistral"), MISTRAL)

    class Wrong:
        async def get(self, path, params=None):
            return ["no", "listing"]

    with pytest.raises(HttpFailure):
        asyncio.run(MISTRAL.find(Wrong(), wanted))


# Before anything is sent


@pytest.mark.parametrize(
    ("parameters", "settings", "message"),
    [
        ({"seed": 1}, {}, "mistral: seed is no field of Mistral's chat API.*random_seed"),
        ({"max_completion_tokens": 9}, {}, "max_tokens"),
        ({"logit_bias": {"1": 2}}, {}, "logit_bias"),
        ({"n": 2}, {}, "replications"),
        ({}, {"window_h": 169}, "window_h is 169; allowed: 1 to 168"),
        ({}, {"window_h": 0}, "allowed: 1 to 168"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_advice(parameters, settings, message):
    with pytest.raises(ConfigError, match=message):
        MISTRAL.check(parameters, settings)


def test_what_mistral_knows_is_let_through():
    from mistralai.client.models import ChatCompletionRequest

    parameters = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 20,
        "random_seed": 3,
        "stop": ["\n"],
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "logprobs": True,
        "reasoning_effort": "high",
    }
    MISTRAL.check(parameters, {"window_h": 168})
    assert set(parameters) <= set(ChatCompletionRequest.model_fields)
    assert "seed" not in ChatCompletionRequest.model_fields


def test_the_key_is_a_bearer_token():
    headers = MISTRAL.headers("k", {"headers": {"X-Team": "lab"}})
    assert headers == {"X-Team": "lab", "Authorization": "Bearer k"}


def test_results_of_a_snapshot_without_files_are_none(shared_server, collect):
    assert collect(MISTRAL, shared_server("mistral"), Snapshot("x", "ended", "CANCELLED")) == []
