"""A part that a provider would refuse is refused by us, before anything is sent, with what to do."""

import json
import re

import pytest

from splitplot.calls import sizes as module
from splitplot.calls.batch.protocols import provider
from splitplot.calls.batch.store import Store
from splitplot.calls.estimate import present_items
from splitplot.calls.sizes import check_sizes
from splitplot.errors import ConfigError
from splitplot.items.item import part_of


def limited(case, parts=1, execution=None, **limits):
    """A plan of 12 items × 2 conditions × 2 replications whose batches have these limits."""
    case.items(range(12))
    execution = {"parts": parts, "batch_at_least": 1} | (execution or {})
    plan = case.plan(models=["mini"], execution=execution)
    for trial in plan["trials"] if limits else ():
        trial["batch"] |= limits
    return plan


def check(case, plan):
    check_sizes(plan, present_items(plan, case.path), case.ledger)


def refusal(case, plan):
    with pytest.raises(ConfigError) as caught:
        check(case, plan)
    return str(caught.value)


def lines(case, plan):
    """(part of so many parts, bytes of the line) of every request of a cell, as they would be sent."""
    speaks = provider("openai")
    for trial, request in case.requests(plan):
        line = speaks.line(request, trial["batch"]["model"], trial["batch"])
        size = len(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()) + 1
        yield request, size


def smallest(case, plan, most_requests, most_bytes):
    """By trying every number of parts, each request put where it belongs."""
    items = present_items(plan, case.path)
    ids = [item.id for item in items for _ in range(2)] * 2  # replications, then the conditions
    rows = [
        (number >= 24, name, size)
        for number, (name, size) in enumerate(
            zip(ids, [size for _, size in lines(case, plan)], strict=True)
        )
    ]
    for parts in range(1, 1000):
        counts, sizes = {}, {}
        for cell, name, size in rows:
            place = (cell, part_of(name, parts))
            counts[place] = counts.get(place, 0) + 1
            sizes[place] = sizes.get(place, 0) + size
        if max(counts.values()) <= most_requests and max(sizes.values()) <= most_bytes:
            return parts
    return None


@pytest.mark.parametrize("most", range(1, 25))
def test_the_number_of_parts_that_fits_is_the_smallest_that_does(case, most):
    plan = limited(case, max_requests=most)
    fits = smallest(case, plan, most, 10**9)
    if fits == 1:
        check(case, plan)
        return
    message = refusal(case, plan)
    if fits is None:
        assert "no number of parts up to 999 is enough" in message
        return
    assert f"set execution.parts to {fits}, the smallest" in message
    assert f"holds 24 requests, and openai takes at most {most} in one batch" in message
    check(case, limited(case, parts=fits, max_requests=most))


@pytest.mark.parametrize("most", [300, 600, 1000, 2000, 4000])
def test_bytes_are_those_of_the_lines_that_would_be_sent(case, most):
    plan = limited(case, max_bytes=most)
    fits = smallest(case, plan, 10**9, most)
    message = refusal(case, plan)
    said = re.search(r"execution\.parts to (\d+)", message)
    assert (int(said[1]) if said else None) == fits
    assert f"openai takes at most {most:,} bytes" in message


def test_exactly_the_limit_fits_and_one_byte_less_does_not(case):
    plan = limited(case)
    first = sum(size for _, size in list(lines(case, plan))[:24])
    second = sum(size for _, size in list(lines(case, plan))[24:])
    check(case, limited(case, max_requests=24, max_bytes=max(first, second)))
    message = refusal(case, limited(case, max_bytes=max(first, second) - 1))
    assert message.startswith("config/studies/s.yaml: trial mini-low--")
    assert 'part 0-of-1 of condition "b" holds' in message  # its prompt is the longer one


def test_the_provider_s_own_limits_hold_where_the_user_sets_none(case, monkeypatch):
    monkeypatch.setattr(type(provider("openai")), "limits", module.provider("groq").limits)
    check(case, limited(case))
    from splitplot.calls.batch.protocol import Limits

    monkeypatch.setattr(type(provider("openai")), "limits", Limits(requests=5))
    assert "takes at most 5 in one batch" in refusal(case, limited(case, max_requests=9))


def test_what_is_answered_or_under_way_needs_no_room(case):
    plan = limited(case, max_requests=20)
    refusal(case, plan)
    case.answer(plan, 2)
    keys = [request.key for _, request in case.requests(plan)]
    batch = Store(case.ledger).draft(
        "openai--1", plan["trials"][0]["hash"], keys[2:4] + keys[24:28]
    )
    batch.write("intent", {"at": "2026", "trial": plan["trials"][0]["hash"]})
    check(case, plan)


def test_a_part_that_goes_in_real_time_has_no_limit(case):
    check(case, limited(case, execution={"batch_at_least": 25}, max_requests=3))
    plan = limited(case, execution={"route": "realtime"})
    assert plan["trials"][0]["batch"] is None
    check(case, plan)
