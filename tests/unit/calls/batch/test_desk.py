"""How often a provider is asked, what is said meanwhile, and a full queue."""

import asyncio
import io
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from splitplot.calls.batch.desk import LONGEST_POLL_S, Desk
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.progress import Waiting
from splitplot.calls.batch.protocol import Result, Snapshot
from splitplot.calls.batch.store import Batch, account_of
from splitplot.calls.credentials import CredentialRefused
from splitplot.calls.pacing import classify
from splitplot.calls.stop import Stopped
from splitplot.errors import SplitplotError

START = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
SETTINGS = {
    "protocol": "openai",
    "base_url": "https://api.example/v1",
    "api_key_env": "LAB_KEY",
    "poll_s": 30,
    "settle_s": 120,
}


class Provider:
    """Answers `look` from a list: snapshots, or failures to raise."""

    tagged = True

    def __init__(self, answers=()):
        self.answers, self.looks = list(answers), 0

    async def look(self, http, batch_id):
        self.looks += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Case:
    def __init__(self, root):
        self.time, self.said, self.provider = START, [], Provider()
        self.desk = Desk(
            root,
            SETTINGS,
            self.provider,
            SimpleNamespace(secret="sk-lab"),
            stop=asyncio.Event(),
            say=self.said.append,
            clock=lambda: self.time,
        )

    def batch(self, step="created"):
        batch = self.desk.store.draft(account_of(SETTINGS), "feed", ["a" * 32])
        intent = {"trial": "feed", "study": "s", "count": 5000, "batch": "openai"}
        batch.write("intent", {"at": self.desk.now(), **intent})
        if step == "created":
            batch.write("sending", {"at": self.desk.now(), "refs": {}})
            batch.write("created", {"at": self.desk.now(), "id": "batch_1"})
        return batch

    def advance(self, batch, *answers):
        self.provider.answers = list(answers)
        asyncio.run(self.desk.advance(batch))


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def running(done=None):
    return Snapshot("batch_1", "running", "in_progress", total=5000, done=done)


def test_a_batch_is_looked_at_less_often_as_it_ages(case):
    batch = case.batch()
    waits = []
    while case.time < START + 24 * 3600:
        case.advance(batch, running())
        waits.append(case.desk.next_look_s(batch))
        case.time += waits[-1]
    assert waits[0] == 30 and waits == sorted(waits) and waits[-1] == LONGEST_POLL_S
    assert case.provider.looks < 250  # 2,880 looks every half minute


def test_a_look_that_another_job_took_a_moment_ago_is_not_repeated(case, tmp_path):
    batch = case.batch()
    case.advance(batch, running())
    other = Case(tmp_path)
    other.time = case.time + 10
    other.advance(batch)  # would fail: there is no answer to give
    assert other.provider.looks == 0


def test_a_provider_that_does_not_answer_is_asked_again_later(case):
    batch = case.batch()
    case.advance(batch, HttpFailure(classify(503, None, "down for maintenance")))
    assert batch.step == "created" and "down for maintenance" in case.said[-1]
    assert case.desk.next_look_s(batch) == 30


def test_a_refused_key_ends_the_job_and_names_the_variable(case):
    batch = case.batch()
    with pytest.raises(CredentialRefused, match="LAB_KEY"):
        case.advance(batch, HttpFailure(classify(401, None, "no such key")))
    assert batch.is_open


def test_a_stopped_job_waits_no_longer(case):
    async def main():
        case.desk.stop.set()
        await case.desk.pause(1000)

    with pytest.raises(Stopped):
        asyncio.run(main())


def test_an_intent_without_a_living_job_is_retired_because_nothing_was_sent(case):
    batch = case.batch(step="intent")
    with batch.lock():
        pass
    case.advance(batch)
    assert batch.step == "retired" and "never sent" in case.said[-1]


def test_a_full_queue_is_left_alone_for_longer_each_time_until_a_batch_ends_well(case):
    waits = []
    for _ in range(8):
        case.batch(step="intent")
        case.desk.was_busy()
        waits.append(case.desk.busy_s())
        case.time += waits[-1]
    assert waits[:3] == [60, 120, 240] and waits[-1] == 1800
    assert case.desk.busy_s() == 0
    case.desk.was_busy(seconds=7200)
    assert case.desk.busy_s() == 1800  # the provider's own word counts, within reason
    case.time -= 86400  # the clock is set back
    assert case.desk.busy_s() == 1800


def test_a_clock_that_was_set_back_keeps_no_batch_from_being_looked_at(case):
    batch = case.batch()
    case.advance(batch, running())
    case.time -= 86400
    assert case.desk.next_look_s(batch) == 0


def gone(status=404):
    return HttpFailure(classify(status, None, "no such batch"))


def test_a_batch_that_the_provider_denies_is_not_given_up_but_said_with_its_key(case):
    """The key may be that of another account: what is paid must not become gaps."""
    batch = case.batch()
    for _ in range(5):
        case.advance(batch, gone())
        case.time += 60
    assert batch.step == "created"
    with pytest.raises(SplitplotError, match=r"batch_1.*LAB_KEY.*splitplot cancel s"):
        case.desk.check_there(batch)
    case.advance(batch, running())
    case.desk.check_there(batch)  # found again, with the right key


def test_a_cancelled_batch_that_the_provider_has_removed_is_closed(case):
    batch = case.batch()
    batch.want_cancelled()
    with pytest.raises(KeyError):  # it goes on to the results, which are not there in this test
        case.advance(batch, gone())
    assert batch.step == "ended" and batch.read("ended")["cancelled"]


def test_the_line_for_people_says_how_far_and_how_long_still(case):
    batch = case.batch()
    stream = io.StringIO()
    waiting = Waiting(case.desk, "trial × a, part 0-of-2", stream)
    case.advance(batch, running(done=1000))
    case.time += 600
    waiting.show([batch])
    assert case.said[-1] == (
        "trial × a, part 0-of-2: openai batch_1 is in_progress, 1,000 of 5,000 after 10 min, "
        "about 40 min left"
    )
    said = len(case.said)
    waiting.show([batch])
    assert len(case.said) == said  # nothing new to say
    waiting.show([], "a slot: 4 batches are in flight")
    assert case.said[-1].endswith("waiting for a slot: 4 batches are in flight")
    assert stream.getvalue() == ""  # no terminal


def test_a_terminal_gets_a_line_when_something_changes_or_a_minute_has_passed(case, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    time_ = [1000.0]
    monkeypatch.setattr("splitplot.calls.batch.progress.time.monotonic", lambda: time_[0])
    batch, stream = case.batch(), Terminal()
    waiting = Waiting(case.desk, "t", stream)
    case.advance(batch, running(done=10))
    for seconds, lines in ((0, 1), (30, 1), (31, 2), (30, 2)):
        time_[0] += seconds
        waiting.show([batch])
        assert stream.getvalue().count("\n") == lines
    assert len(case.said) == 1


class Searched(Provider):
    """Lists batches of others that have ended; listing takes `seconds`."""

    tagged = False

    def __init__(self, case, seconds, others=()):
        super().__init__()
        self.case, self.seconds, self.read = case, seconds, []
        self.others = [Snapshot(name, "ended", "completed") for name in others]

    async def find(self, http, order):
        self.case.time += self.seconds
        return self.others

    async def results(self, http, snapshot, folder):
        self.read.append(snapshot.id)
        for key in ("b" * 32,):
            yield Result(key, "ok")


def sending(case, provider, **more):
    """A batch whose create call nobody has heard of again, at this provider."""
    case.provider = case.desk.provider = provider
    batch = case.batch(step="intent")
    intent = batch.read("intent") | {"sent_model": "m", "settings": SETTINGS}
    batch.write("intent", intent)
    batch.write("sending", {"at": case.desk.now(), "refs": {}, **more})
    return Batch(batch.folder)


def test_a_batch_is_given_up_by_a_search_that_began_late_enough_not_by_one_that_took_long(case):
    batch = sending(case, Searched(case, seconds=100))
    for began, given_up in ((0, False), (100, False), (200, True)):
        assert case.time == START + began
        asyncio.run(case.desk.reconcile(batch))
        assert (batch.step == "retired") is given_up


def test_the_results_of_a_batch_that_is_somebody_elses_are_read_once(case):
    batch = sending(case, Searched(case, seconds=10, others=["theirs-1", "theirs-2"]))
    for _ in range(3):
        asyncio.run(case.desk.reconcile(batch))
    assert case.provider.read == ["theirs-1", "theirs-2"]


def test_a_batch_sent_with_another_key_is_not_given_up(case):
    """The list of another account says nothing about it; only cancelling closes it then."""
    batch = sending(case, Searched(case, seconds=0), key_mark="00000000")
    for _ in range(4):
        asyncio.run(case.desk.advance(batch))
        case.time += 200
    assert batch.step == "sending"
    with pytest.raises(SplitplotError, match="LAB_KEY"):
        case.desk.check_there(batch)
    batch.want_cancelled()
    asyncio.run(case.desk.advance(batch))
    assert batch.step == "retired"


def test_the_mark_of_a_key_tells_nothing_but_whether_it_is_the_same(case):
    mark = case.desk.key_mark
    assert len(mark) == 8 and "sk-lab" not in mark
    case.desk.http = SimpleNamespace(secret="sk-other")
    assert case.desk.key_mark != mark
