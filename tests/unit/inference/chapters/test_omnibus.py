"""The chapter `omnibus`, from a small item-response table to its entries."""

import json

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import cochrans_q

from splitplot.inference.chapters.omnibus import chapter
from splitplot.inference.data import load_data
from splitplot.inference.paired import paired_difference

CONDITIONS = ("low", "middle", "high")


@pytest.fixture
def study(make_plan, make_row, write_table):
    def make(scores, cluster=None, **plan):
        rows = [
            make_row(condition, f"q{i:03d}", scores[i, k])
            | ({} if cluster is None else {"cluster": f"c{cluster[i]}"})
            for k, condition in enumerate(CONDITIONS)
            for i in range(len(scores))
        ]
        return load_data(write_table(rows), make_plan(conditions=CONDITIONS, primary=[], **plan))

    return make


def test_0_1_scores_of_three_conditions_get_cochrans_q_and_the_largest_gap(study):
    random = np.random.default_rng(0)
    scores = (random.random((120, 3)) < np.array([0.4, 0.5, 0.7])).astype(float)
    [entry], flags = chapter(study(scores))
    expected = cochrans_q(scores.astype(int))
    assert entry["statistic"] == pytest.approx(expected.statistic)
    assert entry["p_value"] == pytest.approx(expected.pvalue)
    assert (entry["factor"], entry["levels"], entry["n_items"]) == (
        "condition",
        list(CONDITIONS),
        120,
    )
    assert entry["metric"] == "exact"
    gap = paired_difference(scores[:, 2], scores[:, 0], level=1 - 0.05 / 3)
    assert (entry["largest_gap"]["a"], entry["largest_gap"]["b"]) == ("high", "low")
    assert entry["largest_gap"]["difference"]["low"] == pytest.approx(gap.low)
    assert "The largest gap, “high” over “low”" in entry["sentence"]
    assert "allowing for all 3 pairs" in entry["sentence"]
    assert flags == []
    json.dumps(entry, allow_nan=False)


def test_other_scores_get_f_and_friedman(study):
    scores = np.random.default_rng(1).random((60, 3))
    entries, _ = chapter(study(scores))
    assert [entry["test"].split()[0] for entry in entries] == ["F", "Friedman"]
    assert len(entries[0]["df"]) == 2


def test_clusters_get_the_wald_test(study):
    random = np.random.default_rng(2)
    [entry], _ = chapter(study(random.random((60, 3)), cluster=np.arange(60) % 12))
    assert "CR2" in entry["test"]


def test_too_few_items_or_clusters_are_refused_with_a_flag(study):
    random = np.random.default_rng(3)
    entries, [flag] = chapter(study(random.random((12, 3))))
    assert entries == []
    assert flag.code == "no_omnibus"
    assert "12 items answered by all" in flag.message
    entries, [flag] = chapter(study(random.random((60, 3)), cluster=np.arange(60) % 3))
    assert entries == []
    assert "fewer than 5 clusters" in flag.message


def test_identical_arms_are_told_apart_by_nothing(study):
    scores = np.repeat(np.random.default_rng(4).integers(0, 2, (40, 1)), 3, axis=1)
    [entry], _ = chapter(study(scores))
    assert entry["p_value"] == 1.0
    assert entry["largest_gap"] is None


def test_two_levels_have_no_entry(make_plan, make_row, write_table):
    rows = [make_row(c, f"q{i}", i % 2) for c in ("minimal", "standard") for i in range(30)]
    assert chapter(load_data(write_table(rows), make_plan())) == ([], [])
