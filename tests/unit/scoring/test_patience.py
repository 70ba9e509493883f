"""Patterns of a study that backtrack without end, on texts that make them."""

import re
import signal
import threading
from functools import partial

import pytest

from splitplot.calls.records import Response
from splitplot.scoring import table
from splitplot.scoring.patience import Patience, TooSlow
from splitplot.scoring.score import ScoringError

ENDLESS = r"(a+)+$"
HOSTILE = "a" * 60 + "b"  # 2^59 ways to divide the a among the repetitions
EXACT = {"name": "exact", "scorer": "exact", "options": {}, "digest": "1" * 16}


def regex(**options):
    return {"name": "form", "scorer": "regex", "options": options, "digest": "2" * 16}


@pytest.fixture
def score(one_cell, monkeypatch):
    """score(texts, …of the plan): the table of a cell with these answers, patterns having 0.2 s for each."""
    monkeypatch.setattr(table, "Patience", partial(Patience, 0.2))
    return lambda texts, **plan: one_cell(
        [Response(f"key-of-{n}", "ok", text) for n, text in enumerate(texts)], **plan
    )


@pytest.mark.parametrize("options", [{}, {"group": 1}, {"abstain": True}])
def test_an_endless_pattern_of_a_scorer_ends_naming_file_item_key_and_pattern(
    score, tmp_path, options
):
    with pytest.raises(ScoringError) as caught:
        score(["aa", HOSTILE], scorers=[EXACT, regex(pattern=ENDLESS, **options)])
    message = str(caught.value)
    for part in ("config/studies/demo.yaml", 'scorer "form"', repr(ENDLESS), '"i1"', "key-of-1"):
        assert part in message
    assert not (tmp_path / "scores.parquet").exists()
    assert (tmp_path / "responses.jsonl").exists()


def test_an_endless_pattern_of_the_confidence_ends_naming_it(score):
    spec = {"from": "text", "pattern": ENDLESS, "scale": "percent"}
    with pytest.raises(
        ScoringError, match=re.escape(f"demo.yaml: confidence: pattern {ENDLESS!r}")
    ):
        score([HOSTILE], scorers=[EXACT], confidence=spec)


def test_a_pattern_that_ends_scores_as_it_would_alone(score):
    texts = ["aa", "xaab", "the answer: aa", "b", "a" * 20000]
    spec = {"from": "text", "pattern": r"answer: (\w+)", "scale": "percent"}
    found = score(texts, scorers=[regex(pattern="a+$")], confidence=spec)
    assert [row["score"] for row in found] == [float(bool(re.search("a+$", t))) for t in texts]


def test_time_between_calls_does_not_count_and_the_old_handler_is_back():
    before = signal.getsignal(signal.SIGVTALRM)
    with Patience(0.05) as patience:
        short = patience.bound(re.compile("a+b").search, "short")
        with pytest.raises(TooSlow, match=r"endless computed for more than 0.05 s"):
            patience.bound(re.compile(ENDLESS).search, "endless")(HOSTILE)
        sum(range(3_000_000))
        assert short("aab")
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_call_ends_at_the_limit_and_not_a_tick_later():
    patience = Patience(3.0)
    with pytest.raises(TooSlow, match="third tick computed for more than 3 s"):
        patience.bound(lambda: [patience._tick() for _ in range(3)], "third tick")()
    assert patience.bound(lambda: [patience._tick() for _ in range(2)], "second tick")()


def test_outside_the_main_thread_calls_are_made_without_a_limit():
    found = []

    def work():
        with Patience(0.05) as patience:
            found.append(patience.bound(lambda: 3, "three")())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [3]
