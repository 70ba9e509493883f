"""The server of the tests itself: what it counts must hold, or nothing does."""

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from splitplot.calls.batch.protocols import provider as provider_of


@pytest.fixture
def make(use, order):
    """make(server, n): upload n requests and create a batch of them; its order and snapshot."""

    def run(server, n=3, **given):
        provider = provider_of(server.provider)
        wish = order(server, provider, n, **given)

        async def work(http):
            sent = replace(wish, refs=await provider.upload(http, wish))
            return sent, await provider.create(http, sent)

        return use(provider, server, work)

    return run


@pytest.fixture
def server(batch_server):
    return batch_server("openai", run_s=1000)


def test_what_was_made_and_billed_outlives_a_kill(make, server):
    make(server, 4)
    server.set(run_s=0, token_limit=5)
    before = server.stats()
    make(server, 2)
    server.restart()
    after = server.stats()
    assert (before["created"], before["billed"]) == (1, 4)
    assert (after["created"], after["billed"], after["lines"]) == (2, 4, 4)
    assert after["calls"]["create"] == 2
    server.set()
    assert server._get("/_settings")["token_limit"] == 4


def test_a_request_that_is_billed_twice_is_seen(make, server):
    order, _ = make(server, 3)
    make(server, 2)  # the same requests again
    assert server.stats()["billed"] == 0
    server.set(run_s=0)
    stats = server.stats()
    keys = order.keys.read_text().split()
    assert (stats["billed"], stats["billed_keys"]) == (5, 3)
    assert stats["billed_more_than_once"] == {keys[0]: 2, keys[1]: 2}
    assert server.billed() == {keys[0]: 2, keys[1]: 2, keys[2]: 1}


def test_the_peak_of_batches_in_flight_is_counted_and_held(make, server):
    server.set(max_in_flight=2)
    make(server), make(server)
    with pytest.raises(Exception, match="in progress"):
        make(server)
    stats = server.stats()
    assert (stats["in_flight"], stats["peak_in_flight"], stats["created"]) == (2, 2, 2)
    server.set(run_s=0)
    make(server)
    stats = server.stats()
    assert (stats["in_flight"], stats["peak_in_flight"]) == (0, 2)


def test_money_is_counted_at_the_prices_of_the_settings(make, server):
    usage = {"input": 100, "output": 10}
    server.set(run_s=0, usage=usage, prices={"input": 1.0, "output": 5.0})
    make(server, 4)
    assert server.stats()["usd"] == pytest.approx(4 * (100 * 1 + 10 * 5) / 1e6)
    server.set(usage="max")
    make(server, 1, parameters={"max_tokens": 77})
    assert server.stats()["batches"][-1]["output_tokens"] == 77


def test_a_line_that_fails_or_expires_is_not_billed(make, server):
    server.set(run_s=0, line_errors=0.5)
    make(server, 4)
    server.set(line_errors=0, expire=0.25)
    make(server, 4)
    assert [batch["billed"] for batch in server.stats()["batches"]] == [2, 1]


def test_answers_can_be_the_sum_of_the_prompt(make, use, collect, server):
    server.set(run_s=0, answers="sum")
    _, made = make(server, 5)
    provider = provider_of("openai")
    ended = use(provider, server, lambda http: provider.look(http, made.id))
    texts = [result.text for result in collect(provider, server, ended)]
    assert texts == ["2", "3", "4", "5", "6"]  # "What is i + 2?"


def test_a_batch_passes_through_its_states_by_the_clock(make, use, server):
    server.set(validate_s=0.15, run_s=0.15)
    provider, (_, made) = provider_of("openai"), make(server)
    words = [made.provider_state]
    until = time.monotonic() + 10
    while words[-1] != "completed" and time.monotonic() < until:
        seen = use(provider, server, lambda http: provider.look(http, made.id))
        words += [seen.provider_state] if seen.provider_state != words[-1] else []
        time.sleep(0.02)
    assert words == ["validating", "in_progress", "completed"]


def test_many_clients_at_once_are_counted_one_by_one(server):
    def call(_):
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{server.base_url}/batches/none")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(100)))
    assert server.stats()["calls"]["retrieve"] == 100


def test_no_key_no_answer(server):
    server.set(require_key="sk-right")
    url = f"{server.base_url}/batches"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    assert refused.value.code == 401
    assert json.load(refused.value)["error"]["code"] == "invalid_api_key"
    request = urllib.request.Request(url, headers={"Authorization": "Bearer sk-right"})
    assert json.load(urllib.request.urlopen(request))["data"] == []
