"""What is Groq's own: windows and a listing by cursor; the rest is in test_openai_like.py."""

import json
from dataclasses import replace

import groq
import pytest

from splitplot.calls.batch.groq import Groq
from splitplot.errors import ConfigError


@pytest.fixture(scope="module")
def server(batch_server):
    return batch_server("groq")


@pytest.mark.parametrize(
    ("hours", "window"), [(None, "24h"), (24, "24h"), (30, "30h"), (48, "2d"), (168, "7d")]
)
def test_a_window_is_written_as_groq_reads_it(hours, window, use, order, server):
    provider = Groq()
    wish = order(server, provider, settings={"window_h": hours} if hours else {})

    async def work(http):
        return await provider.create(http, replace(wish, refs=await provider.upload(http, wish)))

    provider.check({}, wish.settings)
    made = use(provider, server, work)
    batch = next(b for b in server.stats()["batches"] if b["id"] == made.id)
    assert batch["data"]["completion_window"] == window


def test_a_window_of_more_than_a_week_is_refused_in_words():
    with pytest.raises(ConfigError, match="window_h is 200; allowed: 24 to 168"):
        Groq().check({}, {"window_h": 200})


def test_the_official_client_speaks_with_the_server(server):
    server.set(run_s=1000)
    client = groq.Groq(api_key="k", base_url=server.url, max_retries=0)
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = client.files.create(file=("a.jsonl", json.dumps(line).encode()), purpose="batch")
    wish = {"endpoint": "/v1/chat/completions", "completion_window": "7d"}
    first = client.batches.create(input_file_id=file.id, metadata={"a": "b"}, **wish)
    second = client.batches.create(input_file_id=file.id, **wish)
    assert client.batches.cancel(second.id).status == "cancelled"
    server.set(run_s=0)
    ended = client.batches.retrieve(first.id)
    assert (ended.status, ended.metadata) == ("completed", {"a": "b"})
    assert json.loads(client.files.content(ended.output_file_id).text())["custom_id"] == "a"
    assert [batch.id for batch in client.batches.list().data][:2] == [second.id, first.id]
