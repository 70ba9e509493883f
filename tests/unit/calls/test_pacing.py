import asyncio
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.pacing import (
    Bucket,
    Pace,
    backoff,
    classify,
    token_estimate,
)


# RFC 9110 §15 and the error pages of OpenAI and Anthropic; the decision of each is ours.
@pytest.mark.parametrize(
    ("status", "code", "then"),
    [
        (200, None, "retry"),
        (302, None, "give_up"),
        (400, "invalid_request_error", "give_up"),
        (400, "model_not_found", "give_up"),
        (401, "invalid_api_key", "stop"),
        (402, None, "stop"),
        (403, None, "stop"),
        (404, "model_not_found", "give_up"),
        (408, None, "retry"),
        (409, None, "retry"),
        (413, None, "give_up"),
        (422, None, "give_up"),
        (429, "rate_limit_exceeded", "retry"),
        (429, "insufficient_quota", "stop"),
        (429, "billing_hard_limit_reached", "stop"),
        (500, None, "retry"),
        (503, None, "retry"),
        (529, "overloaded_error", "retry"),
    ],
)
def test_each_status_has_one_consequence(status, code, then):
    assert classify(status, code).then == then


def test_congestion_is_told_from_other_failures():
    assert [s for s in (400, 404, 408, 409, 429, 500, 503, 529) if classify(s).slow_down] == [
        408,
        429,
        500,
        503,
        529,
    ]
    assert classify(None, error=TimeoutError()).slow_down
    assert not classify(None, error=ConnectionRefusedError()).slow_down


def test_a_prompt_that_the_filter_declines_is_refused_not_a_fault():
    for status in (400, 403):
        failure = classify(status, "content_filter", "filtered")
        assert failure.refused and failure.then == "give_up"


def test_exceptions_of_the_transport_are_retried_unless_they_cannot_pass():
    import aiohttp

    assert classify(None, error=TimeoutError()).type == "timeout"
    assert classify(None, error=aiohttp.ServerDisconnectedError()).then == "retry"
    assert classify(None, error=aiohttp.ClientPayloadError("cut")).then == "retry"
    assert classify(None, error=aiohttp.InvalidURL("x")).then == "give_up"


def test_backoff_spreads_over_the_whole_interval_and_respects_what_was_asked():
    random.seed(5)
    for attempt, most in ((1, 1.0), (3, 4.0), (99, 60.0)):
        waits = [backoff(attempt) for _ in range(400)]
        assert 0 <= min(waits) < 0.1 * most and 0.9 * most < max(waits) <= most
    assert all(7 <= backoff(1, 7.0) <= 8 for _ in range(100))


@given(
    per_minute=st.integers(1, 5000),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
def test_no_minute_ever_holds_more_than_the_limit(per_minute, gaps):
    bucket, now, taken = Bucket(per_minute, 0.1, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        for _ in range(5):
            now += bucket.delay(1, now)
            bucket.take(1)
            taken.append(now)
    for start in taken:
        assert sum(start <= t < start + 60 - 1e-6 for t in taken) <= per_minute


def test_a_bucket_reaches_its_limit_when_it_is_always_asked():
    bucket, now, count = Bucket(600, 0.1, 0.0), 0.0, 0
    while now < 600:
        now += bucket.delay(1, now)
        bucket.take(1)
        count += 1
    assert count == pytest.approx(6000, rel=0.01)


def test_a_cost_above_the_capacity_waits_for_a_full_bucket_and_leaves_a_debt():
    bucket = Bucket(600, 6.0, 0.0)  # capacity 60
    assert bucket.delay(100, 0.0) == 0
    bucket.take(100)
    assert bucket.delay(1, 0.0) == pytest.approx(41 / bucket.rate)
    bucket.take(-90)
    assert bucket.delay(1, 0.0) == 0


def test_tokens_are_estimated_from_the_text_and_the_output_allowed():
    body = {"messages": [{"role": "user", "content": "x" * 300}], "max_tokens": 50}
    assert 150 <= token_estimate(body) <= 180
    assert token_estimate({"max_completion_tokens": 7}) == 7
    assert token_estimate({"messages": [], "max_tokens": "many"}) == 0


def test_each_round_of_successes_doubles_the_limit_and_congestion_halves_it_once_a_round():
    async def main():
        pace, loop = Pace(ceiling=50), asyncio.get_running_loop()
        limits = []
        for _ in range(4):
            places = int(pace.limit)
            for _ in range(places):
                await pace.enter()
            for _ in range(places):
                pace.succeeded()
            for _ in range(places):
                pace.leave()
            limits.append(pace.limit)
        assert limits == [16, 32, 50, 50]
        sent_at = loop.time()
        for _ in range(30):
            await pace.enter()
        await asyncio.sleep(0.01)
        for _ in range(30):  # the whole round fails, the limit is halved once
            pace.congested(sent_at)
        assert pace.limit == 25
        for _ in range(25):
            pace.succeeded()
        assert 25.9 < pace.limit < 26.1  # then one more per round
        for _ in range(20):
            await asyncio.sleep(0.001)
            pace.congested(loop.time())
        assert pace.limit == 1

    asyncio.run(main())


def test_the_limit_does_not_grow_where_it_is_not_used():
    async def main():
        pace = Pace(ceiling=50)
        for _ in range(30):
            await pace.enter()
            pace.succeeded()
            pace.leave()
        assert pace.limit == 8

    asyncio.run(main())


def test_no_more_are_in_flight_than_the_limit_and_retries_go_first():
    async def main():
        pace, order = Pace(ceiling=2), []

        async def attempt(name, first):
            await pace.enter(first=first)
            order.append(name)
            assert pace.in_flight <= 2

        for _ in range(2):
            await pace.enter()
        tasks = [asyncio.create_task(attempt(n, n == "retry")) for n in ("a", "b", "retry")]
        await asyncio.sleep(0)
        assert order == []
        for _ in range(3):
            pace.leave()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert order == ["retry", "a", "b"]

    asyncio.run(main())


def test_a_cancelled_wait_takes_no_place():
    async def main():
        pace = Pace(ceiling=1)
        await pace.enter()
        waiting = [asyncio.create_task(pace.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        pace.leave()
        waiting[1].cancel()  # cancelled in the moment in which it was given the place
        await asyncio.wait_for(waiting[2], 1)
        assert pace.in_flight == 1

    asyncio.run(main())


def test_a_pause_holds_everyone_and_then_lets_all_go():
    async def main():
        pace, began = Pace(ceiling=8), time.monotonic()
        pace.pause(0.2)
        await asyncio.gather(*(pace.enter() for _ in range(8)))
        assert 0.19 < time.monotonic() - began < 1

    asyncio.run(main())
