"""What is Azure OpenAI's own: two ways to address it, its key, its files; see test_openai_like.py."""

import json
from dataclasses import replace

import openai
import pytest

from splitplot.calls.batch.azure import Azure
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Refused

DATED = {"api_version": "2024-10-21"}


@pytest.fixture(scope="module")
def shared(batch_server):
    return batch_server("azure")


@pytest.fixture
def server(shared):
    shared.replace({})
    return shared


async def through(provider, http, order):
    sent = replace(order, refs=await provider.upload(http, order))
    made = await provider.create(http, sent)
    ended = await provider.look(http, made.id)
    found = await provider.find(http, sent)
    await provider.cancel(http, made.id)
    await provider.discard(http, sent.refs)
    return ended, found


@pytest.mark.parametrize("settings", [{}, DATED], ids=["v1", "dated"])
@pytest.mark.parametrize("suffix", ["", "/openai", "/openai/v1"])
def test_every_call_goes_to_the_surface_that_the_settings_name(
    settings, suffix, use, order, collect, server, monkeypatch
):
    monkeypatch.setattr(server, "base_url", server.url + suffix)
    provider, wish = Azure(), order(server, Azure(), settings=settings)
    ended, found = use(
        provider, server, lambda http: through(provider, http, wish), settings=settings
    )
    assert [snapshot.id for snapshot in found] == [ended.id]
    results = collect(provider, server, ended, settings=settings)
    assert {r.outcome for r in results} == {"ok"} and len(results) == 3


def test_a_success_has_an_error_file_without_a_byte(use, order, collect, server):
    provider, wish = Azure(), order(server, Azure())
    ended, _ = use(provider, server, lambda http: through(provider, http, wish))
    error_file = ended.refs["error_file_id"]
    data = openai.OpenAI(api_key="k", base_url=f"{server.url}/openai/v1").files.content(error_file)
    assert data.content == b""
    assert len(collect(provider, server, ended)) == 3


def test_a_new_file_is_waited_for_before_it_is_used(use, order, server):
    server.set(file_pending_s=0.03)
    provider, wish = Azure(), order(server, Azure())
    ended, _ = use(provider, server, lambda http: through(provider, http, wish))
    assert ended.done == 3


def test_a_file_that_is_never_processed_is_a_failure_before_anything_is_created(use, order, server):
    server.set(file_pending_s=1000)
    provider, wish, before = Azure(), order(server, Azure()), server.stats()["created"]
    with pytest.raises(HttpFailure):
        use(provider, server, lambda http: provider.upload(http, wish))
    assert server.stats()["created"] == before


def test_a_deployment_whose_queue_is_full_at_once_is_waited_for(use, order, server):
    # "fail fast": Azure's guide to batches, "Queueing batch jobs"
    server.set(refuse_create=[[400, "token_limit_exceeded", "The queue is full."]])
    provider, wish = Azure(), order(server, Azure())
    with pytest.raises(Refused) as refused:
        use(provider, server, lambda http: through(provider, http, wish))
    assert refused.value.wait and refused.value.code == "token_limit_exceeded"


def test_the_key_travels_in_the_header_of_azure():
    assert Azure().headers("k", DATED) == {"api-key": "k", "api-version": "2024-10-21"}
    assert Azure().headers("k", {}) == {"api-key": "k"}


@pytest.mark.parametrize("dated", [True, False])
def test_the_official_client_speaks_with_the_server(dated, server):
    server.set(run_s=1000)
    if dated:
        client = openai.AzureOpenAI(
            api_key="k", azure_endpoint=server.url, api_version="2024-10-21", max_retries=0
        )
    else:
        client = openai.OpenAI(api_key="k", base_url=f"{server.url}/openai/v1", max_retries=0)
    body = {"model": "deployment", "messages": [{"role": "user", "content": "hi"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/chat/completions", "body": body}
    file = client.files.create(file=("a.jsonl", json.dumps(line).encode()), purpose="batch")
    assert client.files.retrieve(file.id).status == "processed"
    wish = {"endpoint": "/chat/completions", "completion_window": "24h"}
    first = client.batches.create(input_file_id=file.id, **wish)
    second = client.batches.create(input_file_id=file.id, **wish)
    assert client.batches.cancel(second.id).status == "cancelled"
    server.set(run_s=0)
    ended = client.batches.retrieve(first.id)
    assert ended.status == "completed"
    assert json.loads(client.files.content(ended.output_file_id).text)["custom_id"] == "a"
    assert [batch.id for batch in client.batches.list(limit=2)][:2] == [second.id, first.id]
