import asyncio
import json
import subprocess
import sys
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from splitplot.calls import pricing
from splitplot.calls.batch.anthropic import Anthropic
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Provider, Refused, Uncertain
from splitplot.calls.chat import usage_of
from splitplot.calls.litellm_route import _import_litellm
from splitplot.calls.pacing import Failure
from splitplot.calls.records import Request
from splitplot.errors import ConfigError

HAIKU = "claude-haiku-4-5"
PROVIDER: Provider = Anthropic()
USER = {"role": "user", "content": "What is 1 + 1?"}
CONVERSATIONS = {
    "one turn": [USER],
    "system": [{"role": "system", "content": "Be terse."}, USER],
    "two systems": [
        {"role": "system", "content": "Be terse."},
        {"role": "system", "content": [{"type": "text", "text": "Really."}]},
        USER,
    ],
    "empty system": [{"role": "system", "content": ""}, USER],
    "examples": [USER, {"role": "assistant", "content": "2 "}, USER],
    "prefill": [USER, {"role": "assistant", "content": "The answer is \n"}],
    "neighbours": [USER, USER, {"role": "assistant", "content": "a"}, {**USER, "content": "b"}],
    "parts": [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ],
    "blank": [{"role": "user", "content": " \n"}, {"role": "assistant", "content": ""}, USER],
    "unicode": [{"role": "user", "content": 'Wie geht’s, "Welt" 🌍\u2028?'}],
}
PARAMETERS = [
    {"max_tokens": 1},
    {"max_completion_tokens": 77},
    {"max_tokens": 9, "temperature": 0},
    {"max_tokens": 9, "temperature": 1, "top_p": 0.5},
    {"max_tokens": 9, "temperature": 0.3, "top_k": 4, "stop": ["a", "b"]},
    {"max_tokens": 9, "stop": ["\n"]},
    *(
        {"max_tokens": 20000, "reasoning_effort": effort}
        for effort in ("minimal", "low", "medium", "high", "xhigh", "max", "none")
    ),
    {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
    {"max_tokens": 9000, "thinking": {"type": "disabled"}},
    {"max_tokens": 9000, "thinking": {"type": "adaptive"}},
]
MODELS = sorted(
    name
    for name, entry in pricing.price_table().items()
    if entry.get("litellm_provider") == "anthropic" and entry.get("mode") == "chat"
)


@pytest.fixture(scope="module")
def account(batch_server):
    return batch_server("anthropic")


@pytest.fixture
def serve(account):
    """serve(**settings): a server that has these settings alone, and what other tests left there."""

    def start(**settings):
        data = json.dumps(settings).encode()
        urllib.request.urlopen(f"{account.url}/_settings", data=data).read()
        return account

    return start


def sent_by_litellm(model, messages, parameters):
    """The body that litellm posts in real time, or None where it refuses to."""
    _import_litellm()
    from litellm.types.utils import CallTypes
    from litellm.utils import return_raw_request

    wish = {"model": f"anthropic/{model}", "messages": json.loads(json.dumps(messages))}
    return return_raw_request(CallTypes.completion, {**wish, **parameters}).get("raw_request_body")


def ours(model, messages, parameters):
    PROVIDER.check(parameters, {"model": model})
    return PROVIDER.line(Request("k", {"messages": messages, **parameters}), model)["params"]


# What is sent


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_messages_are_those_that_litellm_sends_in_real_time(conversation):
    messages = CONVERSATIONS[conversation]
    expected = sent_by_litellm(HAIKU, messages, {"max_tokens": 9})
    assert ours(HAIKU, messages, {"max_tokens": 9}) == expected


@pytest.mark.long
def test_every_listed_model_is_sent_what_litellm_sends_or_the_setting_is_refused():
    same, refused, different = 0, [], []
    for model in MODELS:
        for parameters in PARAMETERS:
            expected = sent_by_litellm(model, [USER], parameters)
            try:
                sent = ours(model, [USER], parameters)
            except ConfigError:
                refused.append((model, parameters, expected))
                continue
            same += sent == expected
            if sent != expected:
                different.append((model, parameters, sent, expected))
    assert not different, different[0]
    assert same > 100
    # Refused although litellm sends something: `thinking` that it rewrites for the model.
    sent_all_the_same = [parameters for _, parameters, expected in refused if expected is not None]
    assert all("thinking" in parameters for parameters in sent_all_the_same)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 9, "max_completion_tokens": 9}, "max_completion_tokens"),
        ({"max_tokens": 9, "temperature": 1.5}, "temperature"),
        ({"max_tokens": 9, "seed": 7}, "seed"),
        ({"max_tokens": 9, "n": 2}, "n"),
        ({"max_tokens": 9, "logprobs": True}, "logprobs"),
        ({"max_tokens": 9, "presence_penalty": 1}, "presence_penalty"),
        ({"max_tokens": 9, "frequency_penalty": 1}, "frequency_penalty"),
        ({"max_tokens": 9, "response_format": {"type": "json_object"}}, "response_format"),
        ({"max_tokens": 9, "tools": []}, "tools"),
        ({"max_tokens": 9, "reasoning_effort": "huge"}, "reasoning_effort"),
        ({"max_tokens": 1024, "reasoning_effort": "low"}, "max_tokens"),
        ({"max_tokens": 9, "reasoning_effort": "low", "thinking": {}}, "thinking"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name_before_anything_is_sent(parameters, named):
    with pytest.raises(ConfigError, match=rf"{HAIKU}: sampling: {named}: ") as caught:
        PROVIDER.check(parameters, {"model": HAIKU})
    assert "\n" not in str(caught.value)


def test_only_what_litellm_can_send_is_told_to_go_by_real_time():
    with pytest.raises(ConfigError, match="route realtime"):
        PROVIDER.check({"max_tokens": 9, "tools": []}, {"model": HAIKU})
    with pytest.raises(ConfigError, match="takes no such parameter"):
        PROVIDER.check({"max_tokens": 9, "seed": 1}, {"model": HAIKU})
    assert sent_by_litellm(HAIKU, [USER], {"max_tokens": 9, "seed": 1}) is None


def test_models_that_took_leave_of_sampling_parameters_are_not_sent_any():
    PROVIDER.check({"max_tokens": 9, "temperature": 1}, {"model": "claude-opus-4-8"})
    with pytest.raises(ConfigError, match="top_p: this model takes no sampling parameters"):
        PROVIDER.check({"max_tokens": 9, "top_p": 0.5}, {"model": "claude-opus-4-8"})


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
        {"role": "system", "content": "late"},
    ],
)
def test_messages_that_cannot_be_translated_are_refused(message):
    with pytest.raises(ConfigError, match="use route realtime"):
        ours(HAIKU, [USER, message], {"max_tokens": 9})


# The server speaks Anthropic's protocol: its official SDK says so


def sdk(server, **options):
    import anthropic

    return anthropic.Anthropic(
        api_key="sk-test-0123456789abcdef", base_url=server.url, max_retries=0, **options
    )


@pytest.mark.long
@pytest.mark.parametrize("unknown_fields", [False, True])
def test_the_official_sdk_works_with_the_server(batch_server, requests, unknown_fields):
    from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

    server = batch_server(
        "anthropic", page_size=2, line_errors=0.4, unknown_fields=unknown_fields, foreign=3
    )
    client = sdk(server).messages.batches
    entries = [PROVIDER.line(request, HAIKU) for request in requests(5)]
    made = client.create(requests=entries)
    assert isinstance(made, MessageBatch) and made.id.startswith("msgbatch_")
    listed = list(client.list(limit=2))
    assert len(listed) == 4 and [b.id for b in listed].count(made.id) == 1
    assert [b.created_at for b in listed] == sorted((b.created_at for b in listed), reverse=True)
    ended = client.retrieve(made.id)
    assert ended.processing_status == "ended" and ended.ended_at
    counts = ended.request_counts
    assert (counts.succeeded, counts.errored, counts.processing) == (3, 2, 0)
    rows = list(client.results(made.id))
    assert all(isinstance(row, MessageBatchIndividualResponse) for row in rows)
    assert {row.custom_id for row in rows} == {entry["custom_id"] for entry in entries}
    assert sorted(row.result.type for row in rows) == ["errored"] * 2 + ["succeeded"] * 3
    for row in rows:
        MessageBatchIndividualResponse.model_validate(row.model_dump(warnings=False))


def test_sampling_parameters_go_with_the_version_of_the_api_that_takes_them(serve, requests):
    # https://platform.claude.com/docs/en/api/versioning: 2026-10-21 has removed them
    client = sdk(serve()).messages.batches
    entries = [PROVIDER.line(r, HAIKU) for r in requests(1, {"max_tokens": 9, "temperature": 0.5})]
    versions = [{"anthropic-version": v} for v in ("2023-06-01", "2026-10-21")]
    ids = [client.create(requests=entries, extra_headers=version).id for version in versions]
    kinds = [next(iter(client.results(i))).result.type for i in ids]
    assert kinds == ["succeeded", "errored"]
    assert PROVIDER.headers("k", {})["anthropic-version"] == "2023-06-01"


def test_the_official_sdk_can_page_backwards_and_cancel(batch_server, requests):
    import anthropic

    server = batch_server("anthropic", run_s=100)
    client = sdk(server).messages.batches
    entries = [PROVIDER.line(request, HAIKU) for request in requests(2)]
    ids = [client.create(requests=entries).id for _ in range(3)]
    assert [b.id for b in client.list(before_id=ids[0], limit=2)][-1] == ids[1]
    assert client.retrieve(ids[0]).request_counts.processing == 2
    with pytest.raises(anthropic.AnthropicError):
        client.results(ids[0])
    assert client.cancel(ids[0]).cancel_initiated_at is not None
    assert client.retrieve(ids[0]).request_counts.canceled == 2
    with pytest.raises(anthropic.BadRequestError):
        client.cancel(ids[0])
    assert client.delete(ids[0]).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        client.retrieve(ids[0])


def test_the_server_holds_requests_against_the_types_of_the_sdk(serve):
    server = serve()
    client = sdk(server).messages.batches
    good = {"model": HAIKU, "max_tokens": 9, "messages": [USER]}
    bad = [
        {**good, "seed": 7},
        {**good, "max_tokens": "many"},
        {**good, "messages": [{"role": "robot", "content": "x"}]},
        {**good, "messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]},
        {"model": HAIKU, "messages": [USER]},
    ]
    entries = [{"custom_id": f"r{n}", "params": p} for n, p in enumerate([good, *bad])]
    made = client.create(requests=entries)
    kinds = {row.custom_id: row.result.type for row in client.results(made.id)}
    assert kinds == {"r0": "succeeded", **{f"r{n}": "errored" for n in range(1, 6)}}


# Create


def create(use, server, order, **options):
    return use(PROVIDER, server, lambda http: PROVIDER.create(http, order), **options)


def test_a_batch_is_made_and_its_answers_come_back(serve, order, use, collect):
    usage = {"input": 30, "output": 12, "cached": 10, "reasoning": 5}
    server = serve(answers="echo_key", usage=usage)
    wish = order(server, PROVIDER, 4)
    upload = use(PROVIDER, server, lambda http: PROVIDER.upload(http, wish))
    made = create(use, server, wish)
    assert upload == {} and made.total == 4 and made.tag is None
    assert list(wish.lines.parent.glob("*.create.jsonl")) == []
    ended = use(PROVIDER, server, lambda http: PROVIDER.look(http, made.id))
    assert (ended.state, ended.done, ended.error) == ("ended", 4, None)
    assert not ended.expired and not ended.cancelled
    results = collect(PROVIDER, server, ended)
    assert {r.key for r in results} == set(wish.keys.read_text().split())
    first = results[0]
    assert (first.text, first.outcome, first.finish_reason) == (first.key, "ok", "end_turn")
    assert first.reasoning == "Let me see." and first.provider_model == "lab-model"
    used = first.usage
    # Anthropic's input_tokens leave out what was read from the cache (anthropic.types.Usage).
    assert first.raw["usage"]["input_tokens"] == 20
    assert (used.input_tokens, used.cached_tokens) == (30, 10)
    assert (used.output_tokens, used.reasoning_tokens) == (12, 5)
    assert server.stats()["batches"][-1]["billed"] == 4


def test_every_line_of_ours_is_one_that_the_sdk_takes(serve, order, use, collect):
    server = serve()
    parameters = {
        "max_tokens": 9000,
        "temperature": 1,
        "top_p": 0.9,
        "top_k": 3,
        "stop": ["x"],
        "reasoning_effort": "low",
    }
    wish = order(server, PROVIDER, 3, parameters=parameters, model=HAIKU)
    ended = create(use, server, wish)
    assert [r.outcome for r in collect(PROVIDER, server, ended)] == ["ok"] * 3


@pytest.mark.parametrize("how", ["reset", "hang", "malformed", "500", "503"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_create_call_without_a_clear_answer_is_uncertain_and_made_once(
    serve, order, use, how, when
):
    server = serve(create_faults=[{"when": when, "how": how}])
    before = server.stats()
    wish = order(server, PROVIDER, 6 + before["created"])  # as many requests as no other batch
    with pytest.raises(Uncertain):
        create(use, server, wish, timeout_s=0.3)
    after = server.stats()
    assert after["calls"]["create"] == before["calls"].get("create", 0) + 1
    assert after["created"] - before["created"] == (when == "after")
    found = use(PROVIDER, server, lambda http: PROVIDER.find(http, wish))
    assert len(found) == after["created"] - before["created"]
    assert list(wish.lines.parent.glob("*.create.jsonl")) == []


def test_a_full_queue_is_waited_for(serve, order, use):
    server = serve(max_in_flight=0, retry_after=7)
    before = server.stats()["created"]
    with pytest.raises(Refused) as caught:
        create(use, server, order(server, PROVIDER))
    assert caught.value.wait and not caught.value.credentials
    assert (caught.value.status, caught.value.seconds) == (429, 7)
    server.set(max_in_flight=None, token_limit=1)
    with pytest.raises(Refused) as caught:
        create(use, server, order(server, PROVIDER))
    assert caught.value.wait and server.stats()["created"] == before


def failing(status, kind="", message=""):
    class Http:
        base_url, secret = "http://here", None

        async def post_file(self, *_, **__):
            from splitplot.calls.pacing import classify

            body = {"type": "error", "error": {"type": kind, "message": message}}
            raise HttpFailure(classify(status, kind, message), body)

    return Http()


@pytest.mark.parametrize(
    ("status", "kind", "wait", "credentials"),
    [
        (429, "rate_limit_error", True, False),
        (401, "authentication_error", False, True),
        (403, "permission_error", False, True),
        (402, "billing_error", False, True),
        (400, "invalid_request_error", False, False),
        (413, "request_too_large", False, False),
    ],
)
def test_a_refusal_says_whether_to_wait_to_mend_the_key_or_to_give_up(
    serve, order, status, kind, wait, credentials
):
    server = serve()
    wish = order(server, PROVIDER)
    with pytest.raises(Refused) as caught:
        asyncio.run(PROVIDER.create(failing(status, kind, "no"), wish))
    assert (caught.value.wait, caught.value.credentials) == (wait, credentials)
    assert caught.value.status == status and caught.value.message == "no"


def test_overload_leaves_open_whether_the_batch_was_made(serve, order):
    """529 is an answer of the 5xx kind: nothing tells at which point the work broke off."""
    with pytest.raises(Uncertain):
        asyncio.run(
            PROVIDER.create(failing(529, "overloaded_error", "no"), order(serve(), PROVIDER))
        )


def test_a_provider_that_cannot_be_reached_made_nothing(batch_server, order, use):
    server = batch_server("anthropic")
    wish = order(server, PROVIDER)
    server.kill()
    with pytest.raises(Refused) as caught:
        create(use, server, wish)
    assert caught.value.wait and caught.value.status is None


def test_a_wrong_key_is_refused(serve, order, use):
    server = serve(require_key="sk-right-0123456789")
    with pytest.raises(Refused) as caught:
        create(use, server, order(server, PROVIDER))
    assert caught.value.credentials
    assert create(use, server, order(server, PROVIDER), api_key="sk-right-0123456789").id


def test_an_answer_without_an_id_is_uncertain(serve, order):
    class Http:
        base_url, secret = "http://here", None

        async def post_file(self, *_, **__):
            return {"type": "message_batch"}, {}

    with pytest.raises(Uncertain, match="names no batch"):
        asyncio.run(PROVIDER.create(Http(), order(serve(), PROVIDER)))


PEAK = """
import asyncio, resource, sys
from pathlib import Path
from splitplot.calls.batch.anthropic import Anthropic
from splitplot.calls.batch.http import connect
from splitplot.calls.batch.protocol import Order

class Sink(asyncio.Protocol):
    got, need, head = 0, None, b""
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        if self.need is None:
            self.head += data
            if b"\\r\\n\\r\\n" not in self.head: return
            head, _, data = self.head.partition(b"\\r\\n\\r\\n")
            Sink.need = int(head.lower().split(b"content-length: ")[1].split()[0])
        Sink.got += len(data)
        if Sink.got == Sink.need:
            body = b'{"id":"msgbatch_1","processing_status":"in_progress"}'
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)

async def main():
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    lines = Path(sys.argv[1])
    order = Order("sp-1", "m", 1, lines, lines, {}, "2026-01-01T00:00:00+00:00")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with connect(url, {}, None) as http:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        made = await Anthropic().create(http, order)
        print(made.id, Sink.got, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_a_call_of_a_hundred_megabytes_is_streamed_from_disk(tmp_path):
    lines = tmp_path / "lines.jsonl"
    line = json.dumps({"custom_id": "k" * 32, "params": {"messages": "x" * 9900}}) + "\n"
    with lines.open("w") as file:
        for _ in range(10_000):
            file.write(line)
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(lines)], capture_output=True, text=True, check=True
    )
    made, got, grown_kib = run.stdout.split()
    assert made == "msgbatch_1" and int(got) == lines.stat().st_size + len('{"requests":[]}') - 1
    assert int(grown_kib) < 20_000


# Find


def test_candidates_are_found_over_many_pages_among_foreign_ones(batch_server, order, use):
    server = batch_server("anthropic", page_size=2, foreign=6)
    mine = order(server, PROVIDER, 4)
    made = create(use, server, mine)
    create(use, server, order(server, PROVIDER, 5))
    found = use(PROVIDER, server, lambda http: PROVIDER.find(http, mine))
    assert len(found) == 7 and [s.id for s in found].count(made.id) == 1
    assert {s.total for s in found} == {4} and {s.tag for s in found} == {None}
    newest_first = [batch.id for batch in sdk(server).messages.batches.list()]
    assert [s.id for s in found] == [name for name in newest_first if name in {s.id for s in found}]


def test_the_search_ends_three_hours_before_the_order_for_clocks_that_are_wrong(
    batch_server, order, use
):
    server = batch_server("anthropic", page_size=1)
    wish = order(server, PROVIDER)
    for _ in range(4):
        create(use, server, wish)
    later = replace(wish, at=(datetime.now(UTC) + timedelta(hours=3, seconds=30)).isoformat())
    before = server.stats()["calls"].get("list_batches", 0)
    assert use(PROVIDER, server, lambda http: PROVIDER.find(http, later)) == []
    assert server.stats()["calls"]["list_batches"] == before + 1
    soon = replace(wish, at=(datetime.now(UTC) + timedelta(hours=2.9)).isoformat())
    assert len(use(PROVIDER, server, lambda http: PROVIDER.find(http, soon))) == 4


def test_a_batch_that_is_made_late_is_found_later(batch_server, order, use):
    fault = {"when": "after", "how": "reset", "late_s": 0.15}
    server = batch_server("anthropic", create_faults=[fault], list_delay_s=1000)
    wish = order(server, PROVIDER)
    with pytest.raises(Uncertain):
        create(use, server, wish)

    assert use(PROVIDER, server, lambda http: PROVIDER.find(http, wish)) == []
    server.set(list_delay_s=0)

    async def until_found(http):
        while not (found := await PROVIDER.find(http, wish)):
            await asyncio.sleep(0.05)
        return found

    found = use(PROVIDER, server, until_found)
    assert len(found) == 1


def test_a_listing_that_never_ends_is_left(order, serve):
    class Http:
        base_url, calls = "http://here", 0

        async def get(self, *_):
            Http.calls += 1
            return {"data": [{"id": "a"}, {"no": "id"}, 7], "has_more": True, "last_id": "a"}

    wish = order(serve(), PROVIDER)
    assert asyncio.run(PROVIDER.find(Http(), wish)) == [] and Http.calls == 2


def test_reads_are_tried_again(batch_server, order, use, collect):
    server = batch_server("anthropic")
    wish = order(server, PROVIDER)
    made = create(use, server, wish)
    server.set(fail_gets=4)
    assert len(use(PROVIDER, server, lambda http: PROVIDER.find(http, wish))) == 1
    server.set(fail_gets=4, half_written=1)
    assert len(collect(PROVIDER, server, made)) == 3


# Look, results, cancel


def test_a_state_that_nobody_knows_is_running(serve, order, use):
    server = serve(unknown_state=100, unknown_fields=True, run_s=100)
    made = create(use, server, order(server, PROVIDER))
    assert (made.state, made.provider_state, made.total) == ("running", "rebalancing", 3)
    server.set(unknown_state=0)
    look = use(PROVIDER, server, lambda http: PROVIDER.look(http, made.id))
    assert (look.state, look.provider_state, look.done) == ("running", "in_progress", None)


def test_a_batch_that_is_gone_is_a_404(serve, use):
    server = serve()
    with pytest.raises(HttpFailure) as caught:
        use(PROVIDER, server, lambda http: PROVIDER.look(http, "msgbatch_gone/../x"))
    assert caught.value.status == 404


def test_disorder_duplicates_torn_and_foreign_lines_do_no_harm(serve, order, use, collect):
    server = serve(shuffle=True, duplicate=0.5, torn_lines=6, half_written=2, unknown_fields=True)
    wish = order(server, PROVIDER, 20)
    made = create(use, server, wish)
    results = collect(PROVIDER, server, made)
    keys = set(wish.keys.read_text().split())
    assert {r.key for r in results} == keys | {"nobody-asked"}
    assert len([r for r in results if r.key in keys]) == 30
    assert {r.outcome for r in results} == {"ok"}
    assert [r.key for r in results if r.key in keys] != wish.keys.read_text().split()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ([400, "invalid_request_error", "bad"], ("invalid_request_error", "bad", 400)),
        ([500, "api_error", "sorry"], ("api_error", "sorry", 500)),
        ([529, "overloaded_error", "later"], ("overloaded_error", "later", 529)),
    ],
)
def test_lines_that_failed_are_unbilled_rows_with_their_reason(
    serve, order, use, collect, error, expected
):
    server = serve(line_errors=0.5, line_error=error)
    made = create(use, server, order(server, PROVIDER, 4))
    results = collect(PROVIDER, server, made)
    failed = [r for r in results if r.outcome == "error"]
    assert len(failed) == 2 and not any(r.billed for r in failed)
    assert failed[0].request_id.startswith("req_")
    assert (failed[0].error["type"], failed[0].error["message"], failed[0].error["status"]) == (
        expected
    )
    assert sum(r.billed for r in results) == server.stats()["batches"][-1]["billed"] == 2


def test_a_batch_all_of_whose_requests_fail_has_only_errors(serve, order, use, collect):
    server = serve(fail_whole=["not_found_error", "model: lab-model"])
    made = create(use, server, order(server, PROVIDER))
    look = use(PROVIDER, server, lambda http: PROVIDER.look(http, made.id))
    assert (look.state, look.done, look.error) == ("ended", 0, None)
    assert {r.error["status"] for r in collect(PROVIDER, server, look)} == {404}


def test_an_expired_batch_brings_what_was_answered(serve, order, use, collect):
    server = serve(expire=0.5)
    made = create(use, server, order(server, PROVIDER, 4))
    look = use(PROVIDER, server, lambda http: PROVIDER.look(http, made.id))
    assert look.expired and not look.cancelled and look.done == 2
    results = collect(PROVIDER, server, look)
    assert sorted(r.outcome for r in results) == ["expired"] * 2 + ["ok"] * 2
    assert [r.billed for r in results if r.outcome == "expired"] == [False, False]


def test_a_cancelled_batch_keeps_what_was_answered(serve, order, use, collect):
    server = serve(run_s=100, cancel_s=0.1, cancelled_answers=0.5)
    made = create(use, server, order(server, PROVIDER, 4))

    async def work(http):
        await PROVIDER.cancel(http, made.id)
        await PROVIDER.cancel(http, made.id)
        seen = [await PROVIDER.look(http, made.id)]
        while seen[-1].state != "ended":
            await asyncio.sleep(0.05)
            seen.append(await PROVIDER.look(http, made.id))
        await PROVIDER.cancel(http, made.id)
        await PROVIDER.discard(http, {})
        return seen

    seen = use(PROVIDER, server, work)
    assert seen[0].provider_state == "canceling" and seen[-1].cancelled
    results = collect(PROVIDER, server, seen[-1])
    lost = [r for r in results if r.outcome == "error"]
    assert len(lost) == 2 and {r.error["type"] for r in lost} == {"cancelled"}
    assert not any(r.billed for r in lost)


def test_cancelling_an_unknown_batch_is_an_error(serve, use):
    server = serve()
    with pytest.raises(HttpFailure):
        use(PROVIDER, server, lambda http: PROVIDER.cancel(http, "msgbatch_0"))


def row(message):
    from splitplot.calls.batch.anthropic import _result

    return _result({"custom_id": "k", "result": {"type": "succeeded", "message": message}})


@pytest.mark.parametrize(
    ("stop_reason", "text", "outcome"),
    [
        ("end_turn", "4", "ok"),
        ("end_turn", " ", "empty"),
        ("stop_sequence", "4", "ok"),
        ("max_tokens", "4", "truncated"),
        ("model_context_window_exceeded", "4", "truncated"),
        ("pause_turn", "4", "truncated"),
        ("refusal", "I cannot", "refused"),
        ("tool_use", "4", "ok"),
        ("a_new_word", "4", "ok"),
        (None, "4", "ok"),
    ],
)
def test_each_stop_reason_of_the_sdk_has_its_outcome(stop_reason, text, outcome):
    from typing import get_args

    from anthropic.types import StopReason

    assert {"pause_turn", "refusal", "tool_use"} <= set(get_args(StopReason))
    result = row({"content": [{"type": "text", "text": text}], "stop_reason": stop_reason})
    assert (result.outcome, result.finish_reason, result.text) == (outcome, stop_reason, text)


@pytest.mark.parametrize(
    "message", [None, 7, [], {}, {"content": None}, {"content": "text", "usage": []}]
)
def test_a_message_that_cannot_be_read_is_a_malformed_row(message):
    result = row(message)
    assert (result.outcome, result.error["type"]) == ("error", "malformed") and result.billed


def test_tokens_written_to_a_cache_are_input_too():
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 11}
    result = row({"content": [], "usage": {**usage, "output_tokens": 2.0}})
    assert (result.usage.input_tokens, result.usage.cached_tokens) == (23, 11)
    assert (result.usage.output_tokens, result.outcome, result.text) == (2, "empty", None)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"cache_creation_input_tokens": 7, "cache_read_input_tokens": 11},
        {"output_tokens_details": {"thinking_tokens": 4}, "cache_read_input_tokens": 0},
    ],
)
def test_tokens_are_counted_as_in_real_time(more):
    from litellm.llms.anthropic.chat.transformation import AnthropicConfig

    usage = {"input_tokens": 5, "output_tokens": 9, **more}
    theirs = AnthropicConfig().calculate_usage(usage_object=usage, reasoning_content=None)
    expected = usage_of({"usage": json.loads(theirs.model_dump_json())})
    found = row({"content": [], "usage": usage}).usage
    assert (found.input_tokens, found.output_tokens) == (
        expected.input_tokens,
        expected.output_tokens,
    )
    assert (found.cached_tokens or 0) == (expected.cached_tokens or 0)
    assert (found.reasoning_tokens or 0) == (expected.reasoning_tokens or 0)


def test_the_account_is_named_by_a_header_that_can_be_added_to():
    headers = PROVIDER.headers("sk-1", {"headers": {"anthropic-workspace-id": "w"}})
    assert headers == {
        "x-api-key": "sk-1",
        "anthropic-version": "2023-06-01",
        "anthropic-workspace-id": "w",
    }


def test_a_base_url_that_ends_in_v1_is_the_same_place(batch_server, order, use):
    server = batch_server("anthropic")
    server.base_url += "/v1"
    assert create(use, server, order(server, PROVIDER)).id


def test_a_failure_that_says_stop_stops():
    from splitplot.calls.batch.native import not_created

    stop = not_created(HttpFailure(Failure("stop", "no_quota", "no money", 429)))
    assert isinstance(stop, Refused) and stop.credentials and not stop.wait
