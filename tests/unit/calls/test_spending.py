"""What was spent, from the ledger's own files, and whether an item-response table agrees to the cent."""

from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from splitplot.calls import ledger as ledger_module
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.records import Response, Usage
from splitplot.calls.spending import account, reconcile, responses, spending, studies

TRIAL = "0123456789abcdef"


def key(number):
    return f"{number:032x}"


def answer(number, usd, **changes):
    usage = Usage(100, 50, reasoning_tokens=20, cached_tokens=10)
    given = Response(key(number), "ok", usage=usage, usd=usd, route="realtime")
    return replace(given, **({"finished_at": f"t{number}"} | changes))


def failure(number, usd=None, **changes):
    return answer(number, usd, outcome="error", usage=Usage(), **changes)


@pytest.fixture
def at(monkeypatch):
    """at("2026-11-20") sets the day on which records are written, a second apart."""
    clock = {"day": "2026-11-20", "second": 0}

    def now():
        clock["second"] += 1
        return (
            f"{clock['day']}T10:{clock['second'] // 60:02}:{clock['second'] % 60:02}.000000+00:00"
        )

    monkeypatch.setattr(ledger_module, "now", now)
    return lambda day: clock.update(day=day)


def write(root, *given, study="s", trial=TRIAL, **header):
    with LedgerWriter(root, trial, {"study": study, "trial": "t", "model": "m"} | header) as writer:
        for response in given:
            writer.response(replace(response, study=study))


def table(path, *rows):
    """An item-response table of (key or None, outcome, usd)."""
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    keys, outcomes, usd = (list(column) for column in columns)
    types = {"key": pa.string(), "outcome": pa.string(), "usd": pa.float64()}
    arrays = [pa.array(c, t) for c, t in zip((keys, outcomes, usd), types.values(), strict=True)]
    parquet.write_table(pa.table(arrays, names=list(types)), path)
    return path


def test_spend_is_by_study_model_route_and_day(tmp_path, at):
    write(tmp_path, answer(1, 0.5), answer(2, 0.25), failure(3))
    write(tmp_path, answer(4, 0.1, route="batch"), answer(5, 0.1, route="batch"))
    at("2026-11-21")
    write(tmp_path, answer(6, 0.2), study="b", trial="f" * 16, model="other")
    write(tmp_path, answer(7, None), failure(8, 0.05), failure(9, attempts=0))
    rows = spending(responses(tmp_path))
    assert [
        (r.study, r.model, r.route, r.day, r.requests, r.answers, r.usd, r.unpriced) for r in rows
    ] == [
        ("b", "other", "realtime", "2026-11-21", 1, 1, 0.2, 0),
        ("s", "m", "batch", "2026-11-20", 2, 2, 0.2, 0),
        ("s", "m", "realtime", "2026-11-20", 3, 2, 0.75, 0),
        ("s", "m", "realtime", "2026-11-21", 2, 1, 0.05, 1),
    ]
    first = rows[0]
    tokens = (first.tokens_in, first.tokens_out, first.tokens_cached, first.tokens_reasoning)
    assert tokens == (100, 50, 10, 20)
    assert spending(responses(tmp_path, "b")) == rows[:1]
    assert studies(tmp_path) == ["b", "s"]


def test_a_job_that_did_not_name_its_model_has_the_trial_of_one_that_did(tmp_path, at):
    write(tmp_path, answer(1, 0.5), model="")
    write(tmp_path, answer(2, 0.5))
    write(tmp_path, answer(3, 0.5), trial="e" * 16, model="")
    assert [(row.model, row.requests) for row in spending(responses(tmp_path))] == [
        ("e" * 16, 1),
        ("m", 2),
    ]


def test_an_empty_ledger_has_no_rows(tmp_path):
    assert spending(responses(tmp_path / "nowhere")) == []
    assert studies(tmp_path / "nowhere") == []


def test_simulated_answers_are_free_and_not_unpriced(tmp_path, at):
    write(tmp_path, answer(1, None, route="sim", simulated=True), answer(2, 0.0, route="local"))
    assert [(row.route, row.usd, row.unpriced) for row in spending(responses(tmp_path))] == [
        ("local", 0.0, 0),
        ("sim", 0.0, 0),
    ]


def test_every_dollar_of_a_study_has_its_line(tmp_path, at):
    write(tmp_path, answer(1, 0.01), answer(2, 0.02), answer(3, 0.04), study="older")
    write(tmp_path, answer(1, 0.08))  # a second answer to what another study had paid for
    write(tmp_path, answer(4, 0.16), answer(5, 0.32), failure(6, 0.64), failure(7))
    write(tmp_path, answer(4, 1.28))  # its own request twice: the earlier one counts
    write(tmp_path, answer(8, 2.56))  # of a condition that is gone
    write(tmp_path, answer(9, None, route="sim", simulated=True))
    path = table(
        tmp_path / "table.parquet",
        *[(key(1), "ok", 0.01), (key(2), "ok", 0.02)],
        *[(key(4), "ok", 0.16), (key(4), "abstained", 0.16)],  # a row for each scorer
        *[(key(5), "truncated", 0.32), (key(6), "error", 0.64), (key(9), "ok", None)],
        (None, "missing", None),
    )
    found = reconcile(tmp_path, "s", path)
    lines = (
        "in_table",
        "not_in_table",
        "twice",
        "billed_failures",
        "free",
        "other_studies",
        "lost",
    )
    told = {name: (getattr(found, name).count, getattr(found, name).usd) for name in lines}
    assert told == {
        "in_table": (3, pytest.approx(0.48)),
        "not_in_table": (1, 2.56),
        "twice": (2, pytest.approx(1.36)),
        "billed_failures": (1, 0.64),
        "free": (1, 0.0),
        "other_studies": (2, pytest.approx(0.03)),
        "lost": (0, 0.0),
    }
    assert found.paid.usd == pytest.approx(0.08 + 0.16 + 0.32 + 0.64 + 1.28 + 2.56)
    assert found.holds and abs(found.difference) < 1e-9


def test_a_table_at_other_prices_or_without_its_ledger_does_not_agree(tmp_path, at):
    write(tmp_path, answer(1, 0.01), answer(2, 0.02))
    rows = [(key(1), "ok", 0.01), (key(2), "ok", 0.02)]
    assert reconcile(tmp_path, "s", table(tmp_path / "a", *rows)).holds
    dearer = table(tmp_path / "b", rows[0], (key(2), "ok", 0.03))
    found = reconcile(tmp_path, "s", dearer)
    assert (found.holds, found.difference) == (False, pytest.approx(-0.01))
    more = table(tmp_path / "c", *rows, (key(3), "ok", 0.0))
    found = reconcile(tmp_path, "s", more)
    assert (found.holds, found.lost.count) == (False, 1)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["s", "other"]),
        st.integers(0, 5),  # the request
        st.sampled_from(["ok", "truncated", "error", "expired"]),
        st.sampled_from([None, 0.0, 0.005, 0.01, 0.333, 12.5]),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=50)
@given(EVENTS, st.sets(st.integers(0, 5)))
def test_whatever_happened_the_lines_add_up_and_the_table_is_the_ledger_s(
    tmp_path_factory, events, asked
):
    root = tmp_path_factory.mktemp("ledger")
    for study, number, outcome, usd in events:
        write(root, answer(number, usd, outcome=outcome), study=study)
    # the table as a run makes it: what the ledger's reader finds for each request
    ledger = Ledger(root, TRIAL)
    found = ledger.find([key(number) for number in asked])
    rows = [(name, r.outcome, r.usd) for name, r in ((n, ledger.read(p)) for n, p in found.items())]
    for study in ("s", "other"):
        result = reconcile(root, study, table(root / "table", *rows))
        assert result.holds, result
        paid = [usd or 0.0 for who, _, _, usd in events if who == study]
        assert result.paid.usd == pytest.approx(sum(paid))
        assert result.paid.count == len(paid)
        total = sum(row.usd for row in spending(responses(root, study)))
        assert total == pytest.approx(sum(paid))


def test_the_account_tells_present_answers_from_the_rest(tmp_path, at):
    write(tmp_path, answer(1, 0.5), answer(2, 0.25), failure(3, 0.125), failure(4))
    write(tmp_path, answer(1, 1.0, finished_at="later"))
    write(tmp_path, answer(5, 8.0), study="other")
    with LedgerWriter(tmp_path, TRIAL, {"study": "s", "reason": "rescue"}) as writer:
        writer.reopen({key(4): ["a:1"]})
    with LedgerWriter(tmp_path, TRIAL, {"study": "s", "reason": "refill"}) as writer:
        writer.reopen({key(3): ["a:2"]})
    found = account(tmp_path, "s", {key(1): "t1"})
    assert (found.counted.count, found.counted.usd) == (1, 0.5)
    assert found.to_json() == {
        "paid": {"count": 5, "usd": 1.875},
        "billed_failures": {"count": 1, "usd": 0.125},
        "elsewhere": {"count": 2, "usd": 1.25},
    }
    assert found.rescued == {key(4)}


def test_reading_takes_each_record_once(tmp_path, at):
    write(tmp_path, *(answer(number, 0.1) for number in range(50)))
    assert Counter(record["key"] for record in responses(tmp_path)) == Counter(map(key, range(50)))
