"""A feed that can be looked into, and the search for the request that kills an engine."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.engines.feeding import Isolation, Source
from splitplot.calls.records import Request


def request(number):
    return Request(f"{number:032x}", {"messages": [], "n": number})


def test_what_is_given_back_comes_next_and_nothing_is_lost():
    async def main():
        async def feed():
            for number in range(5):
                yield request(number)

        source = Source(feed(), asyncio.Event())
        first = [await source.take() for _ in range(3)]
        source.give_back(first)
        return [r.body["n"] async for r in source], await source.take()

    assert asyncio.run(main()) == ([0, 1, 2, 3, 4], None)


def test_a_feed_that_keeps_one_waiting_is_left_with_its_request_for_later():
    async def main():
        async def feed():
            await asyncio.sleep(0.2)
            yield request(7)

        source = Source(feed(), asyncio.Event())
        early = await source.take(0.01)
        return early, await source.take()

    early, late = asyncio.run(main())
    assert early is None and late.body["n"] == 7


def test_a_stop_ends_a_feed_that_waits_for_another_job():
    async def main():
        async def feed():
            await asyncio.sleep(60)
            yield request(1)

        stop = asyncio.Event()
        source = Source(feed(), stop)
        asyncio.get_running_loop().call_later(0.05, stop.set)
        taken = await source.take()
        await source.close()
        return taken

    assert asyncio.run(asyncio.wait_for(main(), 5)) is None


@given(st.integers(1, 300), st.sets(st.integers(0, 299), max_size=3), st.booleans())
def test_the_requests_that_kill_are_given_up_and_all_others_answered_once(count, poison, at_once):
    """at_once: the engine writes at its end alone, so that a death takes every answer with it."""
    isolation = Isolation()
    answered, given_up, main = [], [], [request(n) for n in range(count)]
    killers = {n for n in poison if n < count}

    def run(requests):
        """(answered, left) of an engine that dies of the first killer."""
        for place, one in enumerate(requests):
            if one.body["n"] in killers:
                return ([], requests) if at_once else (requests[:place], requests[place:])
        return requests, []

    group = None
    while main or isolation.groups:
        group = isolation.next_group()
        requests = group.requests if group else main
        main = main if group else []
        done, left = run(requests)
        answered += done
        if left:
            culprit = isolation.died(left, len(done), group.fruitless if group else 0)
            if culprit is not None:
                given_up.append(culprit)
    assert sorted(r.body["n"] for r in given_up) == sorted(killers)
    assert sorted(r.body["n"] for r in answered) == sorted(set(range(count)) - killers)
    assert isolation.deaths <= len(killers) * (2 + count.bit_length() + 1)
