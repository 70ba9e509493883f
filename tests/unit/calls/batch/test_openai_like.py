"""What holds for OpenAI, Azure, Groq and Together alike, against servers that speak their protocols.

The servers hold every create call and every line against the types of the providers' own SDKs.
"""

import asyncio
import itertools
import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from openai.types.chat import ChatCompletion

from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Refused, Uncertain
from splitplot.calls.batch.protocols import provider as provider_of
from splitplot.errors import ConfigError

NAMES = ["openai", "azure", "groq", "together"]
CLEAN = {"run_s": 0, "validate_s": 0}


@pytest.fixture(scope="module", params=NAMES)
def shared(request, batch_server):
    return batch_server(request.param)


@pytest.fixture
def server(shared):
    """A provider without faults; what it made for other tests is still there."""
    shared.replace(CLEAN)
    return shared


@pytest.fixture
def provider(server):
    return provider_of(server.provider)


@pytest.fixture
def send(use, order, provider, server):
    """Upload and create n requests: (order with refs, snapshot)."""

    def make(n=3, **given):
        wish = order(server, provider, n, **given)

        async def work(http):
            sent = await uploaded(provider, http, wish)
            return sent, await provider.create(http, sent)

        return use(provider, server, work)

    return make


async def uploaded(provider, http, order):
    return replace(order, refs=await provider.upload(http, order))


def look(use, provider, server, batch_id):
    return use(provider, server, lambda http: provider.look(http, batch_id))


def raw_lines(server, kind):
    """The lines of the newest result file as the server wrote it."""
    files = sorted((server.state / "files").glob(f"file-{kind}-*"), key=lambda p: p.stat().st_mtime)
    return [json.loads(line) for line in files[-1].read_text().splitlines()]


def test_answers_are_what_the_official_client_reads_in_the_same_file(
    send, use, collect, provider, server
):
    usage = {"input": 11, "output": 7, "cached": 5, "reasoning": 3}
    server.set(usage=usage)
    order, made = send(4)
    ended = look(use, provider, server, made.id)
    assert (ended.state, ended.error, ended.expired, ended.cancelled) == (
        "ended",
        None,
        False,
        False,
    )
    results = {r.key: r for r in collect(provider, server, ended)}
    keys = order.keys.read_text().split()
    assert sorted(results) == sorted(keys)
    for line in raw_lines(server, "output"):
        theirs = ChatCompletion.model_validate(line["response"]["body"])
        ours = results[line["custom_id"]]
        assert ours.outcome == "ok" and ours.billed
        assert ours.text == theirs.choices[0].message.content
        assert ours.finish_reason == theirs.choices[0].finish_reason
        assert (ours.provider_id, ours.provider_model) == (theirs.id, theirs.model)
        assert ours.usage.input_tokens == theirs.usage.prompt_tokens == 11
        assert ours.usage.output_tokens == theirs.usage.completion_tokens == 7
        assert ours.usage.cached_tokens == theirs.usage.prompt_tokens_details.cached_tokens == 5
        assert ours.usage.reasoning_tokens == 3
        assert ours.request_id == line["response"]["request_id"]
        assert ours.raw == line["response"]["body"]


def test_every_sampling_parameter_reaches_the_line_in_a_form_that_the_sdk_accepts(send, server):
    parameters = {
        "max_tokens": 20,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["\n"],
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": server.provider == "together" or None,
    }
    if server.provider == "together":
        parameters["logprobs"] = 1  # a number there
    else:
        parameters |= {"logprobs": True, "top_logprobs": 2}
    send(2, parameters=parameters)
    batch = server.stats()["batches"][-1]
    assert (batch["total"], batch["billed"], batch["failed"]) == (2, 2, 0)


def test_the_server_refuses_a_line_that_the_sdk_type_does_not_know(
    send, use, collect, provider, server
):
    _, made = send(2, parameters={"max_tokens": 20, "tempature": 0.5})
    results = collect(provider, server, look(use, provider, server, made.id))
    assert {r.outcome for r in results} == {"error"}
    assert "tempature" in results[0].error["message"]


@pytest.mark.parametrize("how", ["500", "503", "reset", "hang", "malformed"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_uncertain_and_the_listing_tells(how, when, use, order, provider, server):
    server.set(create_faults=[{"when": when, "how": how}], page_size=2)
    wish, before = order(server, provider), server.stats()["created"]

    async def work(http):
        sent = await uploaded(provider, http, wish)
        with pytest.raises(Uncertain):
            await provider.create(http, sent)
        return sent, await provider.find(http, sent)

    sent, found = use(provider, server, work, timeout_s=0.3)
    assert server.stats()["created"] - before == (when == "after")
    assert [snapshot.tag for snapshot in found] == ([sent.name] if when == "after" else [])
    assert [s.refs["input_file_id"] for s in found] == list(sent.refs.values())[: len(found)]


def test_a_batch_that_is_made_late_is_found_once_it_is_there(use, order, provider, server):
    server.set(create_faults=[{"when": "after", "how": "hang", "late_s": 0.3}])
    wish = order(server, provider)

    async def work(http):
        sent = await uploaded(provider, http, wish)
        with pytest.raises(Uncertain):
            await provider.create(http, sent)
        first = await provider.find(http, sent)
        until = time.monotonic() + 5
        while not (found := await provider.find(http, sent)) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return first, found

    first, found = use(provider, server, work, timeout_s=0.2)
    assert first == [] and len(found) == 1


def test_a_batch_is_found_among_many_of_others_on_several_pages(send, use, provider, server):
    server.set(foreign=14, page_size=3)
    sent, made = send(2)
    send(2)
    found = use(provider, server, lambda http: provider.find(http, sent))
    assert [snapshot.id for snapshot in found] == [made.id]
    assert found[0].tag == sent.name


def test_a_batch_that_listings_do_not_show_yet_is_not_found(send, use, provider, server):
    server.set(list_delay_s=60)
    sent, _ = send(2)
    assert use(provider, server, lambda http: provider.find(http, sent)) == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"create_faults": [{"when": "before", "how": "429"}], "retry_after": 17}, (True, False)),
        ({"max_in_flight": 0}, (True, False)),
        ({"require_key": "another-key"}, (False, True)),
        ({"refuse_create": [[429, "insufficient_quota", "no money"]]}, (False, True)),
        ({"refuse_create": [[403, "forbidden", "not this project"]]}, (False, True)),
        ({"refuse_create": [[413, "too_large", "too large"]]}, (False, False)),
    ],
)
def test_a_refusal_says_whether_to_wait_or_to_mend_the_key(
    fault, says, use, order, provider, server
):
    wish, before = order(server, provider), server.stats()["created"]

    async def work(http):
        sent = await uploaded(provider, http, wish)
        server.set(**fault)
        with pytest.raises(Refused) as refused:
            await provider.create(http, sent)
        return refused.value

    refused = use(provider, server, work)
    assert (refused.wait, refused.credentials) == says
    assert refused.seconds == (17 if "retry_after" in fault else 0 if refused.wait else None)
    server.replace(CLEAN)
    assert server.stats()["created"] == before


def test_an_input_file_that_is_not_there_is_refused_for_good(use, order, provider, server):
    wish = replace(order(server, provider), refs={"input_file_id": "file-none"})
    with pytest.raises(Refused) as refused:
        use(provider, server, lambda http: provider.create(http, wish))
    assert (refused.value.status, refused.value.wait, refused.value.credentials) == (
        404,
        False,
        False,
    )


def test_nobody_at_the_address_means_that_certainly_nothing_was_made(use, order, provider, server):
    wish = replace(order(server, provider), refs={"input_file_id": "file-1"})
    nobody = SimpleNamespace(base_url="http://127.0.0.1:9")
    with pytest.raises(Refused) as refused:
        use(provider, nobody, lambda http: provider.create(http, wish))
    assert refused.value.wait


def test_reads_survive_errors_and_broken_connections(send, use, collect, provider, server):
    server.set(fail_gets=["500", "429", "reset", "500", "reset"])
    _, made = send(5)
    ended = look(use, provider, server, made.id)
    server.set(fail_gets=4)
    assert len(collect(provider, server, ended)) == 5


def test_half_a_file_is_fetched_again_and_never_read(send, use, collect, provider, server):
    server.set(half_written=2)
    order, made = send(50)
    results = collect(provider, server, look(use, provider, server, made.id))
    assert sorted(r.key for r in results) == sorted(order.keys.read_text().split())


def test_a_file_that_stays_torn_is_a_failure_and_leaves_nothing(
    send, use, collect, provider, server, tmp_path
):
    server.set(half_written=100)
    _, made = send(50)
    ended = look(use, provider, server, made.id)
    with pytest.raises(HttpFailure):
        collect(provider, server, ended)
    assert list((tmp_path / "downloads").iterdir()) == []


def test_disorder_duplicates_and_foreign_lines_lose_nothing(send, use, collect, provider, server):
    server.set(shuffle=True, duplicate=0.5, torn_lines=7, unknown_fields=True)
    order, made = send(20)
    results = collect(provider, server, look(use, provider, server, made.id))
    keys = order.keys.read_text().split()
    ours = [r for r in results if r.key in set(keys)]
    assert len(ours) == 30 and {r.key for r in ours} == set(keys)
    assert list(dict.fromkeys(r.key for r in ours)) != keys
    texts = {}
    for result in ours:
        assert texts.setdefault(result.key, result.text) == result.text


def test_failed_lines_come_from_the_error_file_with_their_reason(
    send, use, collect, provider, server
):
    server.set(line_errors=0.25, line_error=[400, "bad_thing", "This cannot be\x1b[31m done."])
    _, made = send(8)
    ended = look(use, provider, server, made.id)
    results = collect(provider, server, ended)
    failed = [r for r in results if r.outcome == "error"]
    assert len(results) == 8 and len(failed) == 2
    assert failed[0].error["status"] in (400, None) and not failed[0].billed
    assert failed[0].error["type"] == "bad_thing"
    assert "\x1b" not in failed[0].error["message"]
    assert ended.refs["error_file_id"]


def test_a_prompt_that_the_filter_declines_is_a_refusal_not_an_error(
    send, use, collect, provider, server
):
    server.set(line_errors=1, line_error=[400, "content_filter", "filtered"])
    _, made = send(2)
    results = collect(provider, server, look(use, provider, server, made.id))
    assert {(r.outcome, r.finish_reason, r.billed) for r in results} == {
        ("refused", "content_filter", False)
    }


def test_an_expired_batch_gives_what_was_finished_and_names_the_rest(
    send, use, collect, provider, server
):
    server.set(expire=0.5)
    _, made = send(10)
    ended = look(use, provider, server, made.id)
    assert ended.state == "ended" and ended.expired and ended.error is None
    results = collect(provider, server, ended)
    outcomes = sorted(r.outcome for r in results)
    # Together's job has no line for what it did not reach.
    assert outcomes == ["expired"] * (0 if provider.name == "together" else 5) + ["ok"] * 5
    assert not any(r.billed for r in results if r.outcome == "expired")
    assert server.stats()["batches"][-1]["billed"] == 5


def test_cancelling_keeps_what_is_finished_and_does_no_harm_twice(
    send, use, collect, provider, server
):
    server.set(run_s=1000, cancel_s=0.15, cancelled_answers=0.3)
    _, made = send(10)
    assert made.state == "running"

    async def work(http):
        await provider.cancel(http, made.id)
        await provider.cancel(http, made.id)
        until = time.monotonic() + 5
        while (seen := await provider.look(http, made.id)).state == "running":
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        await provider.cancel(http, made.id)
        return seen

    ended = use(provider, server, work)
    assert ended.cancelled and not ended.expired
    results = collect(provider, server, ended)
    lines = 0 if provider.name == "together" else 7
    assert sorted(r.outcome for r in results) == ["error"] * lines + ["ok"] * 3
    assert all(r.error["type"] == "cancelled" and not r.billed for r in results if r.error)


def test_a_batch_that_fails_as_a_whole_says_why_and_has_no_results(
    send, use, collect, provider, server
):
    server.set(fail_whole=["mismatched_thing", "Line 3 is wrong."], validate_s=0.05)
    _, made = send(3)
    assert made.state == "running"
    time.sleep(0.06)
    ended = look(use, provider, server, made.id)
    assert ended.state == "ended" and not ended.expired and not ended.cancelled
    code, message = ended.error
    assert "mismatched_thing" in f"{code} {message}" and "Line 3 is wrong." in message
    assert collect(provider, server, ended) == []


def test_a_queue_of_tokens_that_is_full_fails_the_batch_after_its_creation(
    send, use, provider, server
):
    server.set(token_limit=1)
    first, second = send(3)[1], send(3)[1]
    assert look(use, provider, server, first.id).error[0] == "token_limit_exceeded"
    assert look(use, provider, server, second.id).error is None


def test_a_state_that_nobody_knows_is_taken_as_running(send, use, provider, server):
    server.set(unknown_state=1000, unknown_fields=True)
    _, made = send(2)
    seen = look(use, provider, server, made.id)
    assert seen.state == "running" and seen.provider_state.lower() in (
        "defragmenting",
        "rebalancing",
    )
    server.set(unknown_state=0)
    assert look(use, provider, server, made.id).state == "ended"


def test_a_batch_survives_a_kill_of_the_server(send, use, collect, provider, server):
    server.set(run_s=1000)
    _, made = send(3)
    server.restart()
    assert look(use, provider, server, made.id).state == "running"
    server.set(run_s=0)
    assert len(collect(provider, server, look(use, provider, server, made.id))) == 3


def test_discarding_removes_the_input_once_and_twice(send, use, provider, server):
    sent, _ = send(2)
    files = server.stats()["files"]

    async def work(http):
        await provider.discard(http, sent.refs)
        await provider.discard(http, sent.refs)
        await provider.discard(http, {})

    use(provider, server, work)
    assert server.stats()["files"] == files - 1


@pytest.mark.parametrize(
    ("parameters", "settings", "word"),
    [
        ({"stream": True}, {}, "stream"),
        ({"n": 2}, {}, "n is 2"),
        ({}, {"window_h": 12}, "window_h"),
    ],
)
def test_what_cannot_go_by_batch_is_refused_in_words(parameters, settings, word, provider):
    with pytest.raises(ConfigError, match=word) as error:
        provider.check(parameters, settings)
    assert "\n" not in str(error.value) and provider.name in str(error.value)
    provider.check({"n": 1, "temperature": 0}, {"window_h": 24})


def test_headers_of_the_settings_go_along_and_cannot_replace_the_key(provider):
    headers = provider.headers("the-key", {"headers": {"OpenAI-Project": "p"}})
    assert headers["OpenAI-Project"] == "p"
    assert "the-key" in "".join(headers.values())
    assert "the-key" not in "".join(provider.headers(None, {}).values())


def test_hostile_answers_are_running_or_a_failure_never_a_crash(provider):
    values = [None, 3, "x", [], {}, True, 1e400, {"data": 3}, {"data": [3]}, {"data": [{}]}]
    fields = ["status", "request_counts", "metadata", "errors", "created_at", "output_file_id"]
    for field, value in itertools.product(fields, values):
        snapshot = provider.snapshot({"id": "b", "status": "failed", field: value})
        assert snapshot.id == "b"
        json.dumps(dict(snapshot.refs))
