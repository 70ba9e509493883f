"""Batches on disk: steps, names, what is open, and who may work on it."""

import subprocess
import sys

import pytest

from splitplot.calls.batch.store import Batch, Store, account_of, open_keys

TRIAL = "feedfacefeedface"
KEYS = ["a" * 32, "b" * 32, "c" * 32]
AT = "2026-03-01T10:00:00.000000+00:00"


@pytest.fixture
def make(tmp_path):
    def make(keys=KEYS, account="openai--12345678", trial=TRIAL, at=AT):
        batch = Store(tmp_path).draft(account, trial, keys)
        batch.write("intent", {"at": at, "trial": trial, "count": len(keys)})
        return batch

    return make


def in_another_process(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_draft_is_nobodys_business_until_its_intent_is_written(tmp_path):
    store = Store(tmp_path)
    batch = store.draft("openai--1", TRIAL, KEYS)
    assert batch.step is None and not batch.is_open
    assert store.open_batches() == [] and list(store.all_batches()) == []
    batch.write("intent", {"at": AT, "trial": TRIAL})
    assert [b.name for b in store.open_batches()] == [batch.name]


@pytest.mark.parametrize("closing", ["collected", "retired"])
def test_a_batch_is_open_from_its_intent_until_it_is_collected_or_retired(tmp_path, make, closing):
    batch, store = make(), Store(tmp_path)
    for step in ("sending", "created", "ended"):
        batch.write(step, {"at": AT})
        assert batch.step == step and batch.is_open
        assert open_keys(tmp_path, TRIAL) == set(KEYS)
    batch.write(closing, {"at": AT})
    assert not batch.is_open
    assert store.open_batches() == [] and open_keys(tmp_path, TRIAL) == set()
    assert [b.name for b in store.all_batches()] == [batch.name]


def test_what_another_store_closed_is_noticed(tmp_path, make):
    batch, store = make(), Store(tmp_path)
    assert len(store.open_batches()) == 1
    Batch(batch.folder).write("retired", {"at": AT})
    assert store.open_batches() == []


def test_the_same_keys_get_the_same_name_until_an_attempt_has_been_made(tmp_path):
    store = Store(tmp_path)
    first = store.draft("openai--1", TRIAL, KEYS)
    assert store.draft("openai--1", TRIAL, reversed(KEYS)).name == first.name
    assert store.draft("openai--1", TRIAL, KEYS[:2]).name != first.name
    assert store.draft("openai--2", TRIAL, KEYS).name != first.name
    assert store.draft("openai--1", "another trial", KEYS).name != first.name
    first.write("intent", {"at": AT, "trial": TRIAL})
    assert store.draft("openai--1", TRIAL, KEYS).name != first.name


def test_a_name_is_a_tag_that_every_provider_takes(make):
    # The narrowest rule is Fireworks': lower-case letters, digits, hyphens, a letter first, ≤ 63.
    name = make().name
    assert name.startswith("sp-") and len(name) == 35
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_keys_keep_the_order_of_the_lines(make):
    assert make(keys=["c" * 32, "a" * 32]).keys() == ["c" * 32, "a" * 32]


def test_batches_are_listed_by_age_account_and_trial(tmp_path, make):
    late = make(keys=["1" * 32], at="2026-03-01T12:00:00+00:00")
    early = make(keys=["2" * 32], at="2026-03-01T11:00:00+00:00", account="groq--87654321")
    other = make(keys=["3" * 32], trial="another")
    store = Store(tmp_path)
    assert [b.name for b in store.open_batches(trial=TRIAL)] == [early.name, late.name]
    assert [b.name for b in store.open_batches(account="groq--87654321")] == [early.name]
    assert {b.name for b in store.open_batches()} == {late.name, early.name, other.name}


LOCK = """
import sys
from pathlib import Path
from splitplot.calls.batch.store import Batch
with Batch(Path(sys.argv[1])).lock() as mine:
    print(mine)
"""


def test_only_one_process_at_a_time_takes_a_batch_further(make):
    batch = make()
    with batch.lock() as mine:
        assert mine
        assert in_another_process(LOCK, batch.folder) == "False"
    assert in_another_process(LOCK, batch.folder) == "True"


def test_a_look_is_remembered_and_may_be_lost(make):
    batch = make()
    assert batch.seen() == {}
    batch.note({"at": AT, "state": "in_progress", "done": 3})
    assert Batch(batch.folder).seen()["done"] == 3


@pytest.mark.parametrize("change", ["protocol", "base_url", "account", "api_key_env"])
def test_an_account_is_told_by_where_and_as_whom_one_asks(change):
    batch = {
        "protocol": "fireworks",
        "base_url": "https://a.example",
        "account": "me",
        "api_key_env": "KEY",
    }
    assert account_of(batch) == account_of(batch | {"poll_s": 3, "model": "other"})
    assert account_of(batch | {change: "another"}) != account_of(batch)
