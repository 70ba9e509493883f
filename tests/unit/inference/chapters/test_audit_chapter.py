"""Precision and recall of the detector of abstentions: their limits, their words, and where they stand."""

import json
from pathlib import Path

import pytest
from scipy.stats import binomtest

from splitplot.errors import ConfigError
from splitplot.files import file_sha256
from splitplot.inference.chapters.audit import audits, rated
from splitplot.inference.summary import summarise
from splitplot.inference_schema.conduct import Audit
from splitplot.scoring.audit import LABELS, SHIPPED

ABSTAINING = {"name": "exact", "scorer": "exact", "options": {"abstain": True}}
GOOD = [
    {"id": "a", "text": "Lyon", "label": "answers"},
    {"id": "b", "text": "I don't know.", "label": "abstains"},
]
FLOORS = [
    ("abstention", "precision", 0.93),
    ("abstention", "recall", 0.87),
    ("refusal", "precision", 0.92),
    ("refusal", "recall", 0.85),
]
MISREAD = {"id": "c", "text": "The river Tarn", "label": "abstains"}


def counts(*rows):
    """The counts of an audit, by a row of the confusion for each label."""
    confusion = {
        label: dict(zip(LABELS, row, strict=True)) for label, row in zip(LABELS, rows, strict=True)
    }
    n = sum(map(sum, rows))
    labels = {label: sum(row) for label, row in zip(LABELS, rows, strict=True)}
    return {
        "path": "f",
        "sha256": "0",
        "n": n,
        "labels": labels,
        "confusion": confusion,
        "wrong": [],
    }


@pytest.mark.parametrize(
    ("kind", "rate", "part", "whole"),
    [
        ("abstention", "precision", 90, 98),
        ("abstention", "recall", 90, 100),
        ("refusal", "precision", 36, 37),
        ("refusal", "recall", 36, 40),
    ],
)
def test_limits_are_those_of_scipy(kind, rate, part, whole):
    found = rated(counts((115, 5, 0), (9, 90, 1), (1, 3, 36)), "answers")[kind][rate]
    exact = binomtest(part, whole).proportion_ci(0.95, method="wilson")
    assert found["estimate"] == part / whole
    assert found["low"] == pytest.approx(exact.low, abs=1e-12)
    assert found["high"] == pytest.approx(exact.high, abs=1e-12)
    assert (found["level"], found["method"]) == (0.95, "Wilson")


def test_what_has_no_texts_has_no_rate_and_no_words():
    found = rated(counts((3, 0, 0), (2, 0, 0), (0, 0, 0)), "answers")
    assert found["abstention"]["precision"] is None
    assert found["abstention"]["recall"]["estimate"] == 0
    assert found["refusal"] == {"precision": None, "recall": None}
    assert found["sentence"] == (
        "The detector of abstentions was tried on 5 answers: of the abstentions it found 0.0% "
        "(recall, 95% interval 0.0% to 65.8%)."
    )


def test_the_words_tell_both_kinds():
    said = rated(counts((115, 5, 0), (9, 90, 1), (1, 3, 36)), "hand-written answers")["sentence"]
    assert said.startswith(
        "The detector of abstentions was tried on 260 hand-written answers: of those "
    )
    assert "read as abstentions 91.8% were (precision, 95% interval 84.7% to 95.8%), and of" in said
    assert "of the refusals it found 90.0% (recall, 95% interval 76.9% to 96.0%)." in said


@pytest.mark.parametrize(("kind", "rate", "least"), FLOORS)
def test_the_detector_is_no_worse_on_the_shipped_answers_than_it_was(kind, rate, least):
    """No target to be met by patterns for these texts: they were written apart from the patterns."""
    assert audits(None, Path())["shipped"][kind][rate]["estimate"] >= least


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """labels(*rows) writes them to a file, and is what a plan has of it."""
    monkeypatch.chdir(tmp_path)

    def write(*rows):
        path = tmp_path / "mine.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return {"path": "mine.jsonl", "sha256": file_sha256(path)}

    return write


@pytest.fixture
def result(make_plan, make_row, write_table):
    def summary(scorer, **plan):
        rows = [make_row(arm, f"q{n}", n % 2) for n in range(12) for arm in ("standard", "minimal")]
        return summarise(write_table(rows), make_plan() | {"scorers": [scorer]} | plan, None)

    return summary


def test_a_study_that_reads_no_abstentions_has_no_audit(result):
    assert result(ABSTAINING | {"options": {}})["audit"] is None


def test_a_study_that_does_has_that_of_the_shipped_answers(result):
    found = result(ABSTAINING)
    assert Audit.model_validate(found["audit"]).own is None
    assert found["audit"]["own"] is None
    assert found["audit"]["shipped"]["n"] == len(SHIPPED.read_text(encoding="utf-8").splitlines())
    assert "Wilson" in [method["name"] for method in found["methods"]]


def test_its_own_labels_stand_beside_them(result, labels):
    found = result(ABSTAINING, labels=labels(*GOOD))
    own = found["audit"]["own"]
    assert Audit.model_validate(found["audit"]).own is not None
    assert (own["path"], own["n"], own["wrong"]) == ("mine.jsonl", 2, [])
    assert (
        own["abstention"]["precision"]["estimate"] == own["abstention"]["recall"]["estimate"] == 1
    )
    assert own["refusal"] == {"precision": None, "recall": None}
    assert own["declining"]["declines_read_as_answers"]["estimate"] == 0
    # Two labels prove nothing: the lower limits are 21%.
    assert "detector_misreads" in [flag["code"] for flag in found["flags"]]


def test_a_detector_that_fails_on_the_own_labels_is_flagged(result, labels):
    found = result(ABSTAINING, labels=labels(*GOOD, MISREAD))
    [flag] = [flag for flag in found["flags"] if flag["code"] == "detector_misreads"]
    assert "of the texts that decline 50.0% were read as answers" in flag["message"]
    assert found["audit"]["own"]["wrong"] == [MISREAD | {"read": "answers"}]


def confused(missed, found, answers):
    """Rows of `counts` for so many declining texts that are missed and found, and answers."""
    return {"confusion": counts((answers, 0, 0), (missed, found, 0), (0, 0, 0))["confusion"]}


@pytest.mark.parametrize(
    ("control", "treatment", "flagged"),
    [
        ((15, 85, 100), (0, 100, 100), "of “control”"),  # 92.5% of all: the pooled share hides it
        ((1, 99, 100), (1, 99, 100), None),
        ((0, 30, 100), (0, 100, 100), "of “control”"),  # thirty of thirty may be 88.6%
    ],
)
def test_the_flag_goes_by_the_limits_of_each_condition(control, treatment, flagged):
    from splitplot.inference.chapters.audit import _flags

    missed, found, answers = (sum(pair) for pair in zip(control, treatment, strict=True))
    both = counts((answers, 0, 0), (missed, found, 0), (0, 0, 0))
    both["by_condition"] = {
        name: confused(*arm)["confusion"]
        for name, arm in (("control", control), ("treatment", treatment))
    }
    flags = _flags(rated(both, "answers"))
    assert bool(flags) == bool(flagged)
    assert flagged is None or flagged in flags[0].message


def test_abstentions_read_as_refusals_are_no_error_of_declining():
    found = rated(counts((100, 0, 0), (0, 80, 20), (0, 0, 0)), "answers")
    assert found["declining"]["declines_read_as_answers"]["estimate"] == 0
    read = rated(counts((100, 0, 0), (0, 100, 0), (50, 0, 50)), "answers")["declining"]
    exact = binomtest(50, 200).proportion_ci(0.95, method="wilson")
    assert read["declines_read_as_answers"]["low"] == pytest.approx(exact.low)


def test_labels_that_are_not_those_of_the_plan_stop_the_inference(result, labels):
    stale = labels(*GOOD)
    labels(*GOOD, MISREAD)
    with pytest.raises(ConfigError, match=r"mine\.jsonl: has changed since the run began"):
        result(ABSTAINING, labels=stale)
