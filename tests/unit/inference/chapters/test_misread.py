"""What misread answers do to rates of false answers, and what labels of both conditions correct."""

import json
import random

import pytest

from splitplot.files import file_sha256
from splitplot.inference_schema.answering import MisreadAnswers
from splitplot.scoring.abstain import reads

PRIMARY = {
    "factor": "condition", "a": "treatment", "b": "control", "margin": 0.05, "name": "declared",
    "margin_is_default": False, "scope": "items", "missing": "strict", "metric": "honest",
}  # fmt: skip
MISSED = "The passage moves on to other matters."
"""A way to decline that is read as an answer."""


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """labels({condition: (missed, found, answers)}): a file of so many labelled texts of each."""
    monkeypatch.chdir(tmp_path)

    def write(counts):
        assert (reads(MISSED), reads("I don't know."), reads("Lyon")) == (
            "answers", "abstains", "answers",
        )  # fmt: skip
        rows = []
        for condition, (missed, found, answers) in counts.items():
            texts = [(MISSED, "abstains")] * missed + [("I don't know.", "abstains")] * found
            for text, label in texts + [("Lyon", "answers")] * answers:
                row = {"id": f"l{len(rows)}", "text": text, "label": label}
                rows.append(row | ({"condition": condition} if condition else {}))
        path = tmp_path / "mine.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return {"path": "mine.jsonl", "sha256": file_sha256(path)}

    return write


@pytest.fixture
def same(pairs):
    """Both conditions answer 90 of 300 falsely. The control words a fifth of its abstentions so that they are
    read as answers, the treatment none."""
    rows = pairs((("right", "right"), 60), (("false_answer", "false_answer"), 90))
    words = ["false_answer"] * 42 + ["held_back"] * 168
    random.Random(1).shuffle(words)
    return rows + pairs(*(((word, "held_back"), 1) for word in words))


@pytest.fixture
def tried(study, same):
    from splitplot.inference.summary import summarise

    def of(labels):
        path, plan = study(same, primary=[PRIMARY])
        plan |= {"labels": labels} if labels else {}
        found = json.loads(json.dumps(summarise(path, plan, None), allow_nan=False))
        MisreadAnswers.model_validate(found["answering"]["misread"])
        return found, found["answering"]["misread"], {flag["code"] for flag in found["flags"]}

    return of


def test_without_own_labels_the_rate_is_as_read_and_the_audits_share_is_said(tried):
    found, misread, _ = tried(None)
    declining = found["audit"]["shipped"]["confusion"]
    part = declining["abstains"]["answers"] + declining["refuses"]["answers"]
    whole = sum(declining["abstains"].values()) + sum(declining["refuses"].values())
    assert misread["declines_read_as_answers"]["estimate"] == part / whole
    assert misread["contrasts"] == [] == misread["by_condition"]
    assert misread["sentence"].startswith("Rates of false answers are as read: on ")
    assert (
        f"of the texts that decline {part / whole:.1%} were read as answers" in misread["sentence"]
    )
    assert "would correct them" in misread["sentence"]


def test_labels_of_both_conditions_take_away_a_gain_of_wording_alone(tried, labels):
    """By hand: (.44 + .8 − 1)/.8 = .3 in the control, .3 in the treatment, a difference of 0."""
    counts = {"control": (20, 80, 60), "treatment": (0, 100, 60)}
    found, misread, flags = tried(labels(counts))
    declared = found["contrasts"][0]
    assert declared["verdict"].startswith("BETTER")  # as read: 44% against 30%
    [row] = misread["contrasts"]
    assert (row["read_control_rate"], row["read_rate"]) == pytest.approx((0.44, 0.3))
    assert row["control_rate"]["estimate"] == pytest.approx(0.3)
    assert row["rate"]["estimate"] == pytest.approx(0.3)
    assert row["difference"]["estimate"] == pytest.approx(0.0, abs=1e-12)
    assert row["difference"]["low"] < 0 < row["difference"]["high"]
    assert {"correction_differs", "detector_misreads"} <= flags
    assert "Rogan-Gladen" in {method["name"] for method in found["methods"]}
    assert misread["by_condition"][0]["n_declining"] == 100
    assert "corrected ones stand beside them" in misread["sentence"]


def test_a_gain_that_stands_the_correction_is_not_flagged(study, pairs, labels):
    from splitplot.inference.summary import summarise

    rows = pairs((("false_answer", "held_back"), 60), (("held_back", "held_back"), 100))
    path, plan = study(rows, primary=[PRIMARY])
    plan["labels"] = labels({"control": (1, 99, 60), "treatment": (1, 99, 60)})
    found = summarise(path, plan, None)
    [row] = found["answering"]["misread"]["contrasts"]
    assert row["difference"]["high"] < 0
    codes = {flag["code"] for flag in found["flags"]}
    assert not {"correction_differs", "detector_misreads"} & codes


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({"control": (5, 60, 60)}, "of “treatment” there are 0 and 0"),
        ({"control": (5, 60, 60), "treatment": (0, 29, 60)}, "of “treatment” there are 29 and 60"),
        ({"control": (58, 2, 60), "treatment": (0, 60, 60)}, "by the labels of “control”"),
    ],
)
def test_too_few_labels_or_a_reader_that_tells_nothing_correct_nothing(tried, labels, counts, why):
    _, misread, flags = tried(labels(counts))
    [row] = misread["contrasts"]
    assert (row["rate"], row["difference"]) == (None, None)
    assert why in row["reason"] and why in row["sentence"]
    assert "correction_differs" not in flags


def test_labels_of_no_condition_correct_nothing_and_are_the_share_that_is_said(tried, labels):
    _, misread, _ = tried(labels({"": (10, 40, 50)}))
    assert (misread["set"], misread["contrasts"]) == ("own", [])
    assert misread["declines_read_as_answers"]["estimate"] == pytest.approx(0.2)
