"""What is Together's own: the upload, jobs without a tag; the rest is in test_openai_like.py."""

import json
from dataclasses import replace

import pytest
import together

from splitplot.calls.batch.together import Together


@pytest.fixture(scope="module")
def shared(batch_server):
    return batch_server("together")


@pytest.fixture
def server(shared):
    shared.replace({})
    return shared


def upload(use, server, order):
    return use(Together(), server, lambda http: Together().upload(http, order))["input_file_id"]


def test_two_orders_of_the_same_lines_never_share_a_file(use, order, server):
    # a file of a known checksum keeps its id, and a job is known by its file alone
    first, second = order(server, Together()), order(server, Together())
    assert first.lines.read_bytes() == second.lines.read_bytes()
    assert upload(use, server, first) != upload(use, server, second)


def test_an_upload_that_is_repeated_gives_the_same_file(use, order, server):
    wish = order(server, Together())
    assert upload(use, server, wish) == upload(use, server, wish)
    assert list(wish.lines.parent.glob("*.upload.jsonl")) == []


def test_the_lines_arrive_as_they_were_written(use, order, server, tmp_path):
    wish = order(server, Together(), 5)
    client = together.Together(api_key="k", base_url=server.base_url, max_retries=0)
    arrived = client.files.content(upload(use, server, wish)).read().decode().splitlines()
    written = wish.lines.read_text().splitlines()
    assert [json.loads(text) for text in arrived] == [json.loads(text) for text in written]


def test_a_redirected_address_gets_the_whole_file_and_never_the_key(use, order, server):
    server.set(signed_hop=True)
    wish = order(server, Together(), 50)
    provider = Together()

    async def work(http):
        return await provider.create(http, replace(wish, refs=await provider.upload(http, wish)))

    made = use(provider, server, work)
    assert use(provider, server, lambda http: provider.look(http, made.id)).state == "ended"
    assert server.stats()["batches"][-1]["total"] == 50


def test_a_job_is_found_by_its_file_and_no_other_is_taken_for_it(use, order, server):
    server.set(foreign=6)
    provider, wish = Together(), order(server, Together())

    async def work(http):
        sent = replace(wish, refs=await provider.upload(http, wish))
        made = await provider.create(http, sent)
        nothing = await provider.find(http, wish)
        return made, await provider.find(http, sent), nothing

    made, found, nothing = use(provider, server, work)
    assert [(s.id, s.tag) for s in found] == [(made.id, wish.name)]
    assert nothing == []


def test_the_official_client_speaks_with_the_server(server, tmp_path):
    server.set(run_s=1000)
    client = together.Together(api_key="k", base_url=server.base_url, max_retries=0)
    path = tmp_path / "in.jsonl"
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    path.write_text(json.dumps({"custom_id": "a", "body": body}) + "\n")
    file = client.files.upload(file=path, purpose="batch-api", check=False)
    wish = {"endpoint": "/v1/chat/completions", "input_file_id": file.id}
    first = client.batches.create(**wish).job
    second = client.batches.create(**wish).job
    assert first.status == "IN_PROGRESS"
    assert client.batches.cancel(second.id).status == "CANCELLED"
    server.set(run_s=0)
    ended = client.batches.retrieve(first.id)
    assert ended.status == "COMPLETED"
    line = json.loads(client.files.content(ended.output_file_id).read())
    assert line["custom_id"] == "a" and line["response"]["status_code"] == 200
    assert {first.id, second.id} <= {job.id for job in client.batches.list()}
