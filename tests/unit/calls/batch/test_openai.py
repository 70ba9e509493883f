"""What is OpenAI's own; the rest is in test_openai_like.py. The official client proves the server."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import openai
import pytest
from openai.types.chat import ChatCompletion

from splitplot.calls.batch.openai import OpenAI

ENDPOINT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def shared(batch_server):
    return batch_server("openai")


@pytest.fixture
def server(shared):
    shared.replace({})
    return shared


@pytest.fixture
def client(server):
    return openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0)


def line(key="k1", model="m", url=ENDPOINT, **body):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
    return {"custom_id": key, "method": "POST", "url": url, "body": body}


def jsonl(*lines):
    return "".join(json.dumps(one) + "\n" for one in lines).encode()


def create(client, data, **given):
    file = client.files.create(file=("in.jsonl", data), purpose="batch")
    wish = {"completion_window": "24h", "endpoint": ENDPOINT, **given}
    return client.batches.create(input_file_id=file.id, **wish)


def test_the_official_client_speaks_with_the_server(client, server):
    server.set(run_s=1000, page_size=2)
    first = create(client, jsonl(line("a"), line("b")), metadata={"splitplot": "x"})
    assert first.status == "in_progress" and first.metadata == {"splitplot": "x"}
    others = [create(client, jsonl(line())) for _ in range(4)]
    assert client.batches.cancel(others[0].id).status == "cancelled"
    listed = [batch.id for batch in client.batches.list(limit=2)]
    assert listed[:5] == [batch.id for batch in reversed([first, *others])]
    server.set(run_s=0)
    ended = client.batches.retrieve(first.id)
    assert (ended.status, ended.request_counts.completed) == ("completed", 2)
    lines = client.files.content(ended.output_file_id).text.splitlines()
    bodies = [json.loads(text)["response"]["body"] for text in lines]
    assert [ChatCompletion.model_validate(body).model for body in bodies] == ["m", "m"]
    assert client.files.delete(ended.input_file_id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(ended.input_file_id)
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(first.id)


def test_the_client_of_the_provider_would_make_two_batches_of_one_lost_answer(server):
    server.set(create_faults=[{"when": "after", "how": "500"}])
    before = server.stats()["created"]
    create(openai.OpenAI(api_key="k", base_url=server.base_url), jsonl(line()))
    assert server.stats()["created"] - before == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"{torn\n", "invalid_json_line"),
        (jsonl({"custom_id": "k"}), "invalid_json_line"),
        (jsonl(line("a"), line("a")), "duplicate_custom_id"),
        (jsonl(line("a"), line("b", model="other")), "mismatched_model"),
        (jsonl(line(url="/v1/embeddings")), "mismatched_url"),
        (jsonl(line("a"), line("b"), line("c")), "too_many_tasks"),
    ],
)
def test_the_server_fails_a_batch_for_what_the_provider_would(data, code, client, server):
    server.set(max_lines=2)
    batch = create(client, data)
    assert (batch.status, batch.errors.data[0].code) == ("failed", code)
    assert server.stats()["batches"][-1]["billed"] == 0


def test_the_server_refuses_what_the_provider_refuses(client):
    with pytest.raises(openai.BadRequestError):
        client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError):
        create(client, jsonl(line()), completion_window="48h")
    with pytest.raises(openai.BadRequestError):
        create(client, jsonl(line()), extra_body={"priority": 1})


@pytest.mark.parametrize("field", [None, "max_tokens", "max_completion_tokens"])
def test_the_limit_of_the_answer_has_the_name_that_the_settings_say(field, requests):
    settings = {"max_tokens_field": field} if field else {}
    body = OpenAI().line(requests(1)[0], "m", settings)["body"]
    assert body[field or "max_completion_tokens"] == 20
    assert len({"max_tokens", "max_completion_tokens"} & set(body)) == 1


def test_a_line_is_the_request_with_the_key_as_custom_id(requests):
    request = requests(1, {"temperature": 0})[0]
    assert OpenAI().line(request, "gpt-x") == {
        "custom_id": request.key,
        "method": "POST",
        "url": ENDPOINT,
        "body": {"model": "gpt-x", "messages": request.body["messages"], "temperature": 0},
    }
    assert "model" not in request.body


def test_a_search_ends_where_batches_are_older_than_the_order(use, order, server):
    server.set(foreign=9, page_size=3, run_s=1000)
    provider = OpenAI()
    wish = order(server, provider)
    use(provider, server, lambda http: upload_and_create(provider, http, wish))
    later = replace(wish, at=(datetime.now(UTC) + timedelta(hours=2)).isoformat(), name="sp-x")
    before = server.stats()["calls"]["list_batches"]
    assert use(provider, server, lambda http: provider.find(http, later)) == []
    assert server.stats()["calls"]["list_batches"] - before == 1


async def upload_and_create(provider, http, order):
    return await provider.create(http, replace(order, refs=await provider.upload(http, order)))


@pytest.mark.long
def test_a_large_batch_is_worked_through_in_seconds_and_each_line_billed_once(
    use, order, collect, server
):
    provider = OpenAI()
    wish = order(server, provider, 20_000)
    made = use(
        provider, server, lambda http: upload_and_create(provider, http, wish), timeout_s=60.0
    )
    ended = use(provider, server, lambda http: provider.look(http, made.id), timeout_s=60.0)
    assert (ended.total, ended.done) == (20_000, 20_000)
    assert sum(1 for r in collect(provider, server, ended) if r.outcome == "ok") == 20_000
    stats = server.stats()
    assert stats["batches"][-1]["billed"] == 20_000
