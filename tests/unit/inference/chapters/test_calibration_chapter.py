"""The chapter `calibration`, from an item-response table with confidences to its entries."""

import json

import numpy as np
import pytest

from splitplot.inference.calibration import ece, ece_debiased, ece_interval
from splitplot.inference.chapters.calibration import chapter
from splitplot.inference.data import load_data
from splitplot.inference.selective import aurc, risk_at

KEY = {"confidence": {"from": "text", "pattern": "(x)", "scale": "percent", "digest": "0" * 16}}


@pytest.fixture
def study(make_plan, make_row, write_with):
    """confidence, score: shape (n_items, replications), for the first cell; the second has no confidence."""

    def make(confidence, score, cluster=None, outcome=None, shuffle=None):
        rows = []
        for i, r in np.ndindex(*confidence.shape):
            told = confidence[i, r]
            rows.append(
                make_row("minimal", f"q{i:03d}", score[i, r], replication=r,
                         outcome=outcome[i, r] if outcome is not None else "ok",
                         confidence=None if np.isnan(told) else float(told))
                | ({} if cluster is None else {"cluster": f"c{cluster[i]}"})
            )  # fmt: skip
            rows.append(
                make_row("standard", f"q{i:03d}", 1, replication=r, confidence=None)
                | ({} if cluster is None else {"cluster": f"c{cluster[i]}"})
            )
        if shuffle is not None:
            rows = [rows[i] for i in np.random.default_rng(shuffle).permutation(len(rows))]
        return load_data(write_with(rows, confidence="double"), make_plan() | KEY)

    return make


def answers(n=80, k=2, seed=1):
    random = np.random.default_rng(seed)
    c = random.choice([0.6, 0.7, 0.9, 1.0], (n, k))
    return c, (random.random((n, k)) < c - 0.2).astype(float)


def test_an_entry_says_what_the_functions_say_of_the_answers_of_the_cell(study):
    c, y = answers()
    entries, flags = chapter(study(c, y))
    [entry] = entries  # the cell without confidences has none
    assert entry["cell"] == {
        "trial": "m-greedy--1",
        "model": "m",
        "sampling": "greedy",
        "condition": "minimal",
    }
    assert (entry["n"], entry["n_units"], entry["share_with_confidence"]) == (160, 80, 1.0)
    unit = np.repeat(np.arange(80), 2)
    assert entry["ece"] == pytest.approx(ece(c.ravel(), y.ravel()))
    assert entry["ece_debiased"] == pytest.approx(ece_debiased(c.ravel(), y.ravel(), unit))
    assert entry["aurc"] == pytest.approx(aurc(c.ravel(), y.ravel()))
    assert entry["risk_at"]["0.5"] == pytest.approx(risk_at(c.ravel(), y.ravel(), 0.5))
    assert entry["brier"] == pytest.approx(
        entry["reliability"] - entry["resolution"] + entry["uncertainty"]
    )
    assert sum(one["n"] for one in entry["bins"]) == 160
    low, high = ece_interval(c.ravel(), y.ravel(), unit, seed=0)
    assert entry["intervals"]["ece"] == pytest.approx({"low": low, "high": high}, abs=0.02)
    assert set(entry["intervals"]) >= {"brier", "aurc", "e_aurc", "risk_at_0.5"}
    assert flags == []
    json.dumps(entries, allow_nan=False)


def test_the_sentence_says_how_sure_and_how_right(study):
    entries, _flags = chapter(study(*answers()))
    text = entries[0]["sentence"]
    assert text.startswith(
        "“m · greedy · minimal” is 82.1% sure on average and scores 65.6%, 16.4 points too sure of itself."
    )
    assert "Over 10 bins confidence and score are " in text
    assert " points apart on average (95% interval " in text
    assert text.endswith("good calibration is refuted.")


def test_the_order_of_the_file_changes_nothing(study):
    c, y = answers()
    assert chapter(study(c, y)) == chapter(study(c, y, shuffle=3))


def test_answers_without_a_confidence_are_counted_and_left_out(study):
    c, y = answers()
    c[:20] = np.nan
    entries, flags = chapter(study(c, y))
    assert (entries[0]["n"], entries[0]["share_with_confidence"]) == (120, 0.75)
    assert [flag.code for flag in flags] == ["confidence_missing"]
    assert "75.0%" in flags[0].message


def test_a_cut_off_answer_counts_as_wrong_with_the_confidence_it_told(study):
    c, y = np.full((60, 1), 0.9), np.ones((60, 1))
    outcome = np.full((60, 1), "ok", dtype=object)
    outcome[:30] = "truncated"
    entries, _flags = chapter(study(c, y, outcome=outcome))
    assert entries[0]["mean_score"] == 0.5
    outcome[:30] = "error"
    entries, _flags = chapter(study(c, y, outcome=outcome))
    assert (entries[0]["mean_score"], entries[0]["n"]) == (1.0, 30)


def test_few_items_have_no_intervals_and_say_so(study):
    entries, flags = chapter(study(*answers(n=40)))
    assert set(entries[0]["intervals"].values()) == {None}
    assert [flag.code for flag in flags] == ["calibration_no_interval"]
    assert flags[0].message.startswith("40 items with a confidence")
    clusters = np.arange(80) // 4
    entries, flags = chapter(study(*answers(), cluster=clusters))
    assert entries[0]["n_units"] == 20
    assert flags[0].message.startswith("20 clusters")


def test_the_same_confidence_everywhere_is_said_to_sort_nothing(study):
    _c, y = answers()
    entries, flags = chapter(study(np.full((80, 2), 0.8), y))
    assert entries[0]["resolution"] == pytest.approx(0.0, abs=1e-15)
    assert "confidence_constant" in [flag.code for flag in flags]


def test_a_study_that_reads_a_confidence_nobody_told_is_flagged(study):
    c, y = answers()
    entries, flags = chapter(study(np.full_like(c, np.nan), y))
    assert entries == []
    assert [flag.code for flag in flags] == ["no_confidence"]


def test_a_study_without_the_key_has_no_chapter(make_plan, make_row, write_table):
    rows = [make_row(c, f"q{i}", 1) for c in ("minimal", "standard") for i in range(30)]
    assert chapter(load_data(write_table(rows), make_plan())) == ([], [])


def test_scores_beyond_0_and_1_are_refused(study):
    c, y = answers()
    entries, flags = chapter(study(c, y * 5))
    assert entries == []
    assert [flag.code for flag in flags] == ["calibration_refused"]
