import asyncio
import io
import json
import re
import urllib.request
from dataclasses import replace

import pytest

from splitplot.calls import pricing
from splitplot.calls.batch.gemini import Gemini, _result, _snapshot
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Provider, Refused, Uncertain
from splitplot.calls.chat import usage_of
from splitplot.calls.litellm_route import _import_litellm
from splitplot.calls.pacing import classify
from splitplot.calls.records import Request
from splitplot.errors import ConfigError

FLASH = "gemini-2.5-flash"
KEY = "sk-test-0123456789abcdef"
PROVIDER: Provider = Gemini()
USER = {"role": "user", "content": "What is 1 + 1?"}
CONVERSATIONS = {
    "one turn": [USER],
    "system": [{"role": "system", "content": "Be terse."}, USER],
    "systems": [
        {"role": "system", "content": "Be terse."},
        USER,
        {
            "role": "system",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        },
        USER,
    ],
    "examples": [USER, {"role": "assistant", "content": "2 "}, USER],
    "prefill": [USER, {"role": "assistant", "content": "The answer is \n"}],
    "neighbours": [USER, USER, {"role": "assistant", "content": "a"}, {**USER, "content": "b"}],
    "parts": [
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]}
    ],
    "blank": [{"role": "user", "content": " \n"}, {"role": "assistant", "content": ""}, USER],
    "unicode": [{"role": "user", "content": 'Wie geht’s, "Welt" 🌍\u2028?'}],
}
PARAMETERS = [
    {},
    {"max_tokens": 9},
    {"max_completion_tokens": 77},
    {"max_tokens": 9, "temperature": 0, "seed": 7},
    {"temperature": 1.5, "top_p": 0.5},
    {"temperature": 0.3, "top_k": 4, "stop": ["a", "b"]},
    {"presence_penalty": 0.5, "frequency_penalty": -0.5},
    {"logprobs": True},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "text"}},
    *(
        {"reasoning_effort": effort}
        for effort in ("minimal", "low", "medium", "high", "xhigh", "none", "disable")
    ),
]
LISTED = sorted(
    name.removeprefix("gemini/")
    for name, entry in pricing.price_table().items()
    if name.startswith("gemini/gemini") and entry.get("mode") == "chat"
)
MODELS = [*LISTED, "gemini-4-new", "gemini-1.5-flash", "gemma-3-27b-it"]


@pytest.fixture(scope="module")
def account(batch_server):
    return batch_server("gemini")


@pytest.fixture
def serve(account):
    """serve(**settings): a server that has these settings alone, and what other tests left there."""

    def start(**settings):
        data = json.dumps(settings).encode()
        urllib.request.urlopen(f"{account.url}/_settings", data=data).read()
        return account

    return start


def camel(value):
    """JSON names for protobuf names: Gemini takes both, and litellm writes both."""
    if isinstance(value, dict):
        return {re.sub("_([a-z])", lambda m: m[1].upper(), k): camel(v) for k, v in value.items()}
    return [camel(v) for v in value] if isinstance(value, list) else value


def sent_by_litellm(model, messages, parameters):
    """The body that litellm posts in real time, or None where it refuses to."""
    _import_litellm()
    from litellm.types.utils import CallTypes
    from litellm.utils import return_raw_request

    wish = {"model": f"gemini/{model}", "messages": json.loads(json.dumps(messages))}
    raw = return_raw_request(CallTypes.completion, {**wish, **parameters})
    return camel(raw["raw_request_body"]) if "raw_request_body" in raw else None


def ours(model, messages, parameters):
    PROVIDER.check(parameters, {"model": model})
    return PROVIDER.line(Request("k", {"messages": messages, **parameters}), model)["request"]


# What is sent


@pytest.mark.parametrize("model", [FLASH, "gemini-3-flash-preview", "gemma-3-27b-it", "gemini-9"])
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_messages_are_those_that_litellm_sends_in_real_time(conversation, model):
    messages = CONVERSATIONS[conversation]
    assert ours(model, messages, {}) == sent_by_litellm(model, messages, {})


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
    assert same > 200
    # Refused although litellm sends something: penalties, which it drops without a word, and a model
    # of which its table says two things.
    sent_all_the_same = [(model, p) for model, p, expected in refused if expected is not None]
    assert all("presence_penalty" in p or m == "gemini-exp-1206" for m, p in sent_all_the_same)
    assert not [row for row in refused if "presencePenalty" in str(row[2])]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 9, "max_completion_tokens": 9}, "max_completion_tokens"),
        ({"temperature": 2.5}, "temperature"),
        ({"n": 2}, "n"),
        ({"logprobs": True, "top_logprobs": 3}, "top_logprobs"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
        ({"stop": list("abcdef")}, "stop"),
        ({"tools": []}, "tools"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name_before_anything_is_sent(parameters, named):
    with pytest.raises(ConfigError, match=rf"{FLASH}: sampling: {named}: ") as caught:
        PROVIDER.check(parameters, {"model": FLASH})
    assert "\n" not in str(caught.value)


def test_a_picture_is_refused():
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
    with pytest.raises(ConfigError, match="use route realtime"):
        ours(FLASH, [message], {})


# The server speaks Gemini's protocol: its official SDK says so


def sdk(server):
    from google import genai

    return genai.Client(api_key=KEY, http_options={"base_url": server.url})


@pytest.mark.parametrize("unknown_fields", [False, True])
def test_the_official_sdk_uploads_and_reads_files(serve, unknown_fields):
    from google.genai import types

    server = serve(unknown_fields=unknown_fields)
    client = sdk(server).files
    text = b'{"key": "a", "request": {"contents": []}}\n' * 250_000  # more than one piece of 8 MiB
    config = types.UploadFileConfig(display_name="mine", mime_type="application/jsonl")
    made = client.upload(file=io.BytesIO(text), config=config)
    assert made.display_name == "mine" and made.size_bytes == len(text)
    assert made.mime_type == "application/jsonl" and made.state == types.FileState.ACTIVE
    assert client.get(name=made.name).name == made.name
    assert made.name in {file.name for file in client.list()}
    client.delete(name=made.name)
    with pytest.raises(Exception, match="may not exist"):
        client.get(name=made.name)


def test_batches_have_the_shapes_that_the_official_sdk_reads(serve, requests):
    """Over the SDK's transport: 1.20 speaks of batches with Vertex alone; the fields are those that
    later versions read (python-genai, batches.py: `_BatchJob_from_mldev`, `_CreateBatchJob…_to_mldev`).
    """
    from google.genai import types

    server = serve(line_errors=0.4, shuffle=True)
    client = sdk(server)
    lines = [json.dumps(PROVIDER.line(request, FLASH)) + "\n" for request in requests(5)]
    config = types.UploadFileConfig(display_name="mine", mime_type="application/jsonl")
    file = client.files.upload(file=io.BytesIO("".join(lines).encode()), config=config)
    batch = {"displayName": "sp-1", "inputConfig": {"fileName": file.name}}
    call = client._api_client.request
    made = call("post", f"models/{FLASH}:batchGenerateContent", {"batch": batch})
    assert made["name"].startswith("batches/") and made["metadata"]["displayName"] == "sp-1"
    listed = call("get", "batches?pageSize=1", {})
    assert [o["name"] for o in listed["operations"]] == [made["name"]]
    ended = call("get", made["name"], {})
    about = ended["metadata"]
    state = about["state"].replace("BATCH_", "JOB_")
    assert types.JobState(state) == types.JobState.JOB_STATE_SUCCEEDED and ended["done"]
    job = {
        "name": ended["name"],
        "display_name": about["displayName"],
        "state": state,
        "create_time": about["createTime"],
        "end_time": about["endTime"],
        "model": about["model"],
    }
    assert types.BatchJob.model_validate(job).end_time >= types.BatchJob(**job).create_time
    assert about["batchStats"]["requestCount"] == "5"
    answers = client.files.download(file=about["output"]["responsesFile"])
    rows = [json.loads(line) for line in answers.splitlines()]
    good = [row for row in rows if "response" in row]
    assert (len(rows), len(good)) == (5, 3)
    for row in good:
        answer = types.GenerateContentResponse.model_validate(row["response"])
        assert answer.candidates[0].finish_reason == types.FinishReason.STOP
        assert answer.text.isdigit() and answer.usage_metadata.total_token_count > 0


def test_the_server_holds_requests_against_the_types_of_the_sdk(
    serve, use, collect, tmp_path, order
):
    server = serve()
    good = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    bad = [
        {**good, "seed": 7},
        {**good, "generationConfig": {"maxTokens": 9}},
        {**good, "generationConfig": {"seed": "seven"}},
        {**good, "generationConfig": {"thinkingConfig": {"thinkingLevel": "vast"}}},
        {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "user", "parts": ["x"]}]},
    ]
    wish = order(server, PROVIDER)
    with wish.lines.open("w") as file:
        for n, request in enumerate([good, *bad]):
            file.write(json.dumps({"key": f"r{n}", "request": request}) + "\n")
    results = collect(PROVIDER, server, look(use, server, create(use, server, wish)))
    outcomes = {r.key: r.outcome for r in results}
    assert outcomes == {"r0": "ok", **{f"r{n}": "error" for n in range(1, 7)}}


# Create


def create(use, server, order, **options):
    async def work(http):
        refs = await PROVIDER.upload(http, order)
        return await PROVIDER.create(http, replace(order, refs=refs))

    return use(PROVIDER, server, work, **options)


def look(use, server, batch):
    return use(PROVIDER, server, lambda http: PROVIDER.look(http, batch.id))


def test_a_batch_is_made_and_its_answers_come_back(serve, order, use, collect):
    usage = {"input": 30, "output": 12, "cached": 10, "reasoning": 5}
    server = serve(answers="echo_key", usage=usage)
    wish = order(server, PROVIDER, 4)
    made = create(use, server, wish)
    assert made.tag == wish.name and made.total == 4
    ended = look(use, server, made)
    assert (ended.state, ended.done, ended.error) == ("ended", 4, None)
    results = collect(PROVIDER, server, ended)
    assert {r.key for r in results} == set(wish.keys.read_text().split())
    first = results[0]
    assert (first.text, first.outcome, first.finish_reason) == (first.key, "ok", "STOP")
    assert first.reasoning == "Let me see." and first.provider_model == "lab-model"
    assert first.provider_id.startswith("resp-")
    # Thoughts are counted apart (google.genai.types.GenerateContentResponseUsageMetadata).
    assert first.raw["usageMetadata"]["candidatesTokenCount"] == 7
    used = first.usage
    assert (used.input_tokens, used.output_tokens) == (30, 12)
    assert (used.cached_tokens, used.reasoning_tokens) == (10, 5)


def test_every_line_of_ours_is_one_that_the_sdk_takes(serve, order, use, collect):
    parameters = {
        "max_tokens": 9000,
        "temperature": 1,
        "top_p": 0.9,
        "top_k": 3,
        "stop": ["x"],
        "seed": 7,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.5,
        "logprobs": True,
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
    }
    server = serve()
    wish = order(server, PROVIDER, 3, parameters=parameters, model=FLASH)
    ended = look(use, server, create(use, server, wish))
    assert [r.outcome for r in collect(PROVIDER, server, ended)] == ["ok"] * 3
    wish = order(server, PROVIDER, 1, parameters={"reasoning_effort": "low"}, model="gemini-3-pro")
    ended = look(use, server, create(use, server, wish))
    assert [r.outcome for r in collect(PROVIDER, server, ended)] == ["ok"]


@pytest.mark.parametrize("how", ["reset", "hang", "malformed", "500", "503"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_create_call_without_a_clear_answer_is_uncertain_and_made_once(
    serve, order, use, how, when
):
    server = serve(create_faults=[{"when": when, "how": how}], foreign=4, page_size=2)
    before = server.stats()
    wish = order(server, PROVIDER)
    with pytest.raises(Uncertain):
        create(use, server, wish, timeout_s=0.3)
    after = server.stats()
    assert after["calls"]["create"] == before["calls"].get("create", 0) + 1
    assert after["created"] - before["created"] == (when == "after")
    found = use(PROVIDER, server, lambda http: PROVIDER.find(http, wish))
    assert [s.tag for s in found] == [wish.name] * (when == "after")


def test_a_full_queue_is_waited_for(serve, order, use):
    server = serve(max_in_flight=0, retry_after=7)
    with pytest.raises(Refused) as caught:
        create(use, server, order(server, PROVIDER))
    assert caught.value.wait and not caught.value.credentials
    assert (caught.value.code, caught.value.seconds) == ("RESOURCE_EXHAUSTED", 7)
    server.set(max_in_flight=None, token_limit=1)
    with pytest.raises(Refused) as caught:
        create(use, server, order(server, PROVIDER))
    assert caught.value.wait and "enqueued" in caught.value.message


def failing(status, word, message="no", details=()):
    class Http:
        base_url, secret = "http://here", None

        async def post(self, *_, once, **__):
            assert once
            body = {"error": {"code": status, "status": word, "details": list(details)}}
            raise HttpFailure(classify(status, None, message), body)

    return Http()


@pytest.mark.parametrize(
    ("status", "word", "details", "wait", "credentials", "seconds"),
    [
        (429, "RESOURCE_EXHAUSTED", [{"retryDelay": "34.5s"}], True, False, 34.5),
        (429, "RESOURCE_EXHAUSTED", ["?", {"retryDelay": "soon"}], True, False, None),
        (400, "INVALID_ARGUMENT", [{"reason": "API_KEY_INVALID"}], False, True, None),
        (403, "PERMISSION_DENIED", [], False, True, None),
        (400, "INVALID_ARGUMENT", [], False, False, None),
        (404, "NOT_FOUND", [], False, False, None),
    ],
)
def test_a_refusal_says_whether_to_wait_to_mend_the_key_or_to_give_up(
    order, serve, status, word, details, wait, credentials, seconds
):
    wish = replace(order(serve(), PROVIDER), refs={"file": "files/a"})
    with pytest.raises(Refused) as caught:
        asyncio.run(PROVIDER.create(failing(status, word, details=details), wish))
    refused = caught.value
    assert (refused.wait, refused.credentials, refused.seconds) == (wait, credentials, seconds)
    assert refused.status == status and refused.message == "no"


def test_a_key_that_google_calls_invalid_is_a_refused_key_at_every_call(order, serve):
    body = {"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}]}}

    class Http:
        base_url, secret = "http://here", None

        async def get(self, *_):
            raise HttpFailure(classify(400, None, "API key not valid"), body)

    wish = order(serve(), PROVIDER)
    for call in (PROVIDER.look(Http(), "batches/1"), PROVIDER.find(Http(), wish)):
        with pytest.raises(HttpFailure) as caught:
            asyncio.run(call)
        assert caught.value.failure.then == "stop"


def test_an_answer_without_a_name_is_uncertain(order, serve):
    class Http:
        base_url, secret = "http://here", None

        async def post(self, *_, **__):
            return {"metadata": {}}

    wish = replace(order(serve(), PROVIDER), refs={"file": "files/a"})
    with pytest.raises(Uncertain, match="names no batch"):
        asyncio.run(PROVIDER.create(Http(), wish))


def test_a_wrong_key_is_refused_at_the_upload(serve, order, use):
    server = serve(require_key="sk-right-0123456789")
    wish = order(server, PROVIDER)
    with pytest.raises(HttpFailure) as caught:
        create(use, server, wish)
    assert caught.value.failure.then == "stop"
    assert create(use, server, wish, api_key="sk-right-0123456789").id


def test_an_upload_that_breaks_is_begun_anew(order, serve, monkeypatch):
    from splitplot.calls.batch import gemini

    failures = [classify(503), classify(None, error=ConnectionResetError()), None]
    starts = []

    class Http:
        base_url, secret = "http://here/v1beta", None

        async def sleep(self, seconds):
            pass

        async def raw(self, method, path, *, body, headers):
            starts.append((method, path, headers["X-Goog-Upload-Command"]))
            return None, {"X-Goog-Upload-URL": "http://there"}, 200

        async def post_file(self, url, file, *, once, headers):
            assert once and url == "http://there" and headers["X-Goog-Upload-Offset"] == "0"
            if failure := failures.pop(0):
                raise HttpFailure(failure)
            return {"file": {"name": "files/a"}}, {}

    monkeypatch.setattr(gemini, "backoff", lambda *_: 0)
    refs = asyncio.run(PROVIDER.upload(Http(), order(serve(), PROVIDER)))
    assert refs == {"file": "files/a"}
    assert starts == [("POST", "http://here/upload/v1beta/files", "start")] * 3


# Find


def test_our_batch_is_found_by_its_name_or_its_file_over_many_pages(serve, order, use):
    server = serve(page_size=2, foreign=6)
    wishes = [order(server, PROVIDER) for _ in range(3)]
    made = [create(use, server, wish) for wish in wishes]
    found = use(PROVIDER, server, lambda http: PROVIDER.find(http, wishes[0]))
    assert [(s.id, s.tag) for s in found] == [(made[0].id, wishes[0].name)]
    uploaded = server.stats()["batches"][-1]["data"]["fileName"]
    unnamed = replace(wishes[0], name="sp-other", refs={"file": uploaded})
    found = use(PROVIDER, server, lambda http: PROVIDER.find(http, unnamed))
    assert [(s.id, s.tag) for s in found] == [(made[2].id, "sp-other")]
    nobody = replace(wishes[0], name="sp-nobody")
    assert use(PROVIDER, server, lambda http: PROVIDER.find(http, nobody)) == []


def test_a_batch_that_is_made_late_is_found_later(serve, order, use):
    fault = {"when": "after", "how": "reset", "late_s": 0.15}
    server = serve(create_faults=[fault], list_delay_s=1000)
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
    assert [s.tag for s in found] == [wish.name]


def test_a_listing_that_never_ends_is_left(order, serve):
    class Http:
        base_url, calls = "http://here", 0

        async def get(self, *_):
            Http.calls += 1
            return {"operations": [{"name": 7}, None, {}], "nextPageToken": "again"}

    assert asyncio.run(PROVIDER.find(Http(), order(serve(), PROVIDER))) == []
    assert Http.calls == 2


def test_reads_are_tried_again(serve, order, use, collect):
    server = serve()
    wish = order(server, PROVIDER)
    made = create(use, server, wish)
    server.set(fail_gets=4)
    assert len(use(PROVIDER, server, lambda http: PROVIDER.find(http, wish))) == 1
    ended = look(use, server, made)
    server.set(fail_gets=3, half_written=1)
    assert len(collect(PROVIDER, server, ended)) == 3


# Look, results, cancel, discard


def test_a_state_that_nobody_knows_is_running(serve, order, use):
    server = serve(unknown_state=100, unknown_fields=True, run_s=100)
    made = create(use, server, order(server, PROVIDER))
    assert (made.state, made.provider_state) == ("running", "BATCH_STATE_HIBERNATING")
    server.set(unknown_state=0)
    assert look(use, server, made).provider_state == "BATCH_STATE_RUNNING"


def state_of(**operation):
    snapshot = _snapshot({"name": "batches/1", **operation})
    return snapshot.state, snapshot.expired, snapshot.cancelled, snapshot.error


def test_the_words_of_the_sdk_are_understood_too():
    file = {"dest": {"fileName": "files/a"}}
    done = {"metadata": {"state": "JOB_STATE_SUCCEEDED", **file}}
    assert state_of(**done) == ("ended", False, False, None)
    assert _snapshot({"name": "b", **done}).refs == {"file": "files/a"}
    for word in ("BATCH_STATE_", "JOB_STATE_"):
        assert state_of(metadata={"state": word + "EXPIRED"})[:2] == ("ended", True)
        assert state_of(metadata={"state": word + "CANCELLED"})[::2] == ("ended", True)
        assert state_of(metadata={"state": word + "PAUSED"})[0] == "running"
    partly = {"state": "JOB_STATE_PARTIALLY_SUCCEEDED", "output": {"responsesFile": "files/b"}}
    assert state_of(metadata=partly)[0] == "ended"


def test_success_without_a_file_is_waited_for_until_the_operation_is_done():
    about = {"state": "BATCH_STATE_SUCCEEDED"}
    assert state_of(metadata=about)[0] == "running"
    assert state_of(metadata=about, done=True)[0] == "ended"


def test_a_failed_batch_says_why_even_in_a_few_words():
    about = {"state": "BATCH_STATE_FAILED"}
    assert state_of(metadata=about)[3] == ("failed", "the batch ended as BATCH_STATE_FAILED")
    error = {"code": 8, "message": "too\nmuch"}
    assert state_of(metadata=about, error=error)[3] == ("RESOURCE_EXHAUSTED", "too much")
    assert state_of(done=True, error={"code": 999})[3] == ("999", "the batch ended as unknown")
    assert state_of(done=True, metadata=[], error=7, response="no")[0] == "ended"


def test_a_batch_that_fails_as_a_whole_has_an_error_and_no_results(serve, order, use, collect):
    server = serve(fail_whole=["NOT_FOUND", "models/lab-model is not found"])
    ended = look(use, server, create(use, server, order(server, PROVIDER)))
    assert ended.state == "ended"
    assert ended.error == ("NOT_FOUND", "models/lab-model is not found")
    assert collect(PROVIDER, server, ended) == []


def test_a_batch_that_is_gone_is_a_404(serve, use):
    with pytest.raises(HttpFailure) as caught:
        use(PROVIDER, serve(), lambda http: PROVIDER.look(http, "batches/gone"))
    assert caught.value.status == 404


def test_results_that_are_gone_are_a_404_and_no_refused_key(serve, order, use, collect):
    server = serve()
    ended = look(use, server, create(use, server, order(server, PROVIDER)))
    gone = replace(ended, refs={"file": "files/batch-gone"})
    with pytest.raises(HttpFailure) as caught:
        collect(PROVIDER, server, gone)
    assert (caught.value.status, caught.value.failure.then) == (404, "give_up")


def test_disorder_duplicates_torn_and_foreign_lines_do_no_harm(serve, order, use, collect):
    server = serve(shuffle=True, duplicate=0.5, torn_lines=6, half_written=2, unknown_fields=True)
    wish = order(server, PROVIDER, 20)
    ended = look(use, server, create(use, server, wish))
    results = collect(PROVIDER, server, ended)
    keys = wish.keys.read_text().split()
    assert {r.key for r in results} == {*keys, "nobody-asked"}
    ours = [r.key for r in results if r.key in keys]
    assert len(ours) == 30 and list(dict.fromkeys(ours)) != keys
    assert {r.outcome for r in results} == {"ok"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ([400, "INVALID_ARGUMENT", "bad"], ("INVALID_ARGUMENT", "bad", 400)),
        ([500, "INTERNAL", "sorry"], ("INTERNAL", "sorry", 500)),
        ([429, "RESOURCE_EXHAUSTED", "later"], ("RESOURCE_EXHAUSTED", "later", 429)),
    ],
)
def test_lines_that_failed_are_unbilled_rows_with_their_reason(
    serve, order, use, collect, error, expected
):
    server = serve(line_errors=0.5, line_error=error)
    ended = look(use, server, create(use, server, order(server, PROVIDER, 4)))
    assert ended.done == 2
    results = collect(PROVIDER, server, ended)
    failed = [r for r in results if r.outcome == "error"]
    assert len(failed) == 2 and not any(r.billed for r in failed)
    assert {tuple(r.error.values()) for r in failed} == {expected}
    assert sum(r.billed for r in results) == server.stats()["batches"][-1]["billed"]


def test_an_expired_batch_brings_what_was_answered(serve, order, use, collect):
    server = serve(expire=0.5)
    ended = look(use, server, create(use, server, order(server, PROVIDER, 4)))
    assert ended.expired and not ended.cancelled and ended.done == 2
    assert [r.outcome for r in collect(PROVIDER, server, ended)] == ["ok"] * 2
    server = serve(expire=0)
    ended = look(use, server, create(use, server, order(server, PROVIDER)))
    assert ended.expired and collect(PROVIDER, server, ended) == []


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
        return seen

    ended = use(PROVIDER, server, work)[-1]
    assert ended.cancelled and len(collect(PROVIDER, server, ended)) == 2


def test_cancelling_an_unknown_batch_is_an_error(serve, use):
    with pytest.raises(HttpFailure):
        use(PROVIDER, serve(), lambda http: PROVIDER.cancel(http, "batches/0"))


def test_the_input_is_removed_once_and_a_second_time_does_no_harm(serve, order, use):
    server = serve()
    wish = order(server, PROVIDER)

    async def work(http):
        refs = await PROVIDER.upload(http, wish)
        before = server.stats()["files"]
        await PROVIDER.discard(http, refs)
        await PROVIDER.discard(http, refs)
        await PROVIDER.discard(http, {})
        return before - server.stats()["files"]

    assert use(PROVIDER, server, work) == 1


def row(**response):
    return _result({"key": "k", "response": response})


REFUSED = [
    "SAFETY",
    "RECITATION",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
    "SPII",
    "IMAGE_SAFETY",
]


@pytest.mark.parametrize(
    ("finish", "text", "outcome"),
    [
        ("STOP", "4", "ok"),
        ("STOP", " ", "empty"),
        ("MAX_TOKENS", "4", "truncated"),
        *((word, "", "refused") for word in REFUSED),
        ("OTHER", "4", "ok"),
        ("A_NEW_WORD", "4", "ok"),
        (None, "4", "ok"),
    ],
)
def test_each_finish_reason_of_the_sdk_has_its_outcome(finish, text, outcome):
    from google.genai.types import FinishReason

    assert {*REFUSED, "STOP", "MAX_TOKENS"} <= {reason.value for reason in FinishReason}
    content = {"parts": [{"text": text}]}
    result = row(candidates=[{"content": content, "finishReason": finish}])
    assert (result.outcome, result.finish_reason, result.text) == (outcome, finish, text)


def test_a_blocked_prompt_is_a_refusal():
    result = row(promptFeedback={"blockReason": "SAFETY"}, usageMetadata={"promptTokenCount": 4})
    assert (result.outcome, result.finish_reason) == ("refused", "SAFETY")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (4, 0)


@pytest.mark.parametrize("candidates", [None, [], [7], {"content": {}}, "text"])
def test_an_answer_without_a_candidate_is_a_malformed_row(candidates):
    result = row(candidates=candidates)
    assert (result.outcome, result.error["type"]) == ("error", "malformed") and result.billed


def test_all_the_tokens_may_have_gone_into_thoughts():
    usage = {"promptTokenCount": 5, "thoughtsTokenCount": 90, "totalTokenCount": 95}
    result = row(candidates=[{"finishReason": "MAX_TOKENS", "content": {}}], usageMetadata=usage)
    assert (result.outcome, result.text, result.usage.output_tokens) == ("truncated", None, 90)
    # As litellm's is_candidate_token_count_inclusive: here the candidates hold the thoughts.
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 20, "thoughtsTokenCount": 15}
    result = row(candidates=[{"content": {}}], usageMetadata={**usage, "totalTokenCount": 25})
    assert (result.usage.output_tokens, result.usage.reasoning_tokens) == (20, 15)


@pytest.mark.parametrize(
    "usage",
    [
        {"promptTokenCount": 5, "candidatesTokenCount": 9, "totalTokenCount": 14},
        {"promptTokenCount": 5, "thoughtsTokenCount": 9, "totalTokenCount": 14},
        {
            "promptTokenCount": 50,
            "candidatesTokenCount": 9,
            "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 30,
            "totalTokenCount": 63,
        },
        {
            "promptTokenCount": 5,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 15,
            "totalTokenCount": 25,
        },
    ],
)
def test_tokens_are_counted_as_in_real_time(usage):
    from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig

    theirs = VertexGeminiConfig.calculate_usage({"usageMetadata": usage})
    expected = usage_of({"usage": json.loads(theirs.model_dump_json())})
    found = row(candidates=[{"content": {}}], usageMetadata=usage).usage
    assert (found.input_tokens, found.output_tokens) == (
        expected.input_tokens,
        expected.output_tokens,
    )
    assert (found.cached_tokens or 0) == (expected.cached_tokens or 0)
    assert (found.reasoning_tokens or 0) == (expected.reasoning_tokens or 0)


def test_the_key_travels_in_a_header():
    headers = PROVIDER.headers("sk-1", {"headers": {"x-goog-user-project": "p"}})
    assert headers == {"x-goog-api-key": "sk-1", "x-goog-user-project": "p"}


def test_a_base_url_with_and_without_its_version_is_the_same_place(serve, order, use, monkeypatch):
    server = serve()
    for base_url in (server.url, server.url + "/v1beta"):
        monkeypatch.setattr(server, "base_url", base_url)
        assert create(use, server, order(server, PROVIDER)).id
