"""The chapter `interaction`, from a small item-response table to its entries."""

import json

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.chapters.interaction import chapter, conditional_on
from splitplot.inference.data import load_data
from splitplot.inference.paired import paired_difference

SAMPLINGS = ("greedy", "warm")


@pytest.fixture
def study(make_plan, make_row, write_table):
    """scores: shape (n_items, 2 samplings, 2 conditions: minimal, standard); NaN leaves the row out."""

    def make(scores, cluster=None, **plan):
        rows = [
            make_row(condition, f"q{i:03d}", scores[i, s, c], sampling=sampling)
            | ({} if cluster is None else {"cluster": f"c{cluster[i]}"})
            for c, condition in enumerate(("minimal", "standard"))
            for s, sampling in enumerate(SAMPLINGS)
            for i in range(len(scores))
            if not np.isnan(scores[i, s, c])
        ]
        return load_data(write_table(rows), make_plan(samplings=SAMPLINGS, **plan))

    return make


def binary(gaps, n=150, seed=0):
    random = np.random.default_rng(seed)
    base = random.normal(0, 1, (n, 1, 1))
    logit = base + np.array([[[0.0, gap] for gap in gaps]])
    return (random.random((n, 2, 2)) < 1 / (1 + np.exp(-logit))).astype(float)


def test_a_contrast_that_turns_round_with_the_sampling_is_conditional_on_it(study):
    scores = binary([1.5, -1.5])
    entries, flags = chapter(study(scores))
    [entry] = entries
    assert (entry["contrast"], entry["factor"], entry["with"]) == (
        "standard − minimal",
        "condition",
        "sampling",
    )
    d = scores[:, :, 1] - scores[:, :, 0]
    expected = stats.ttest_rel(d[:, 0], d[:, 1])
    assert entry["joint"]["p_value"] == pytest.approx(expected.pvalue, rel=1e-6)
    assert entry["sign_differs"] and entry["conditional"]
    simple = paired_difference(scores[:, 0, 1], scores[:, 0, 0])
    assert entry["simple"][0]["level"] == "greedy"
    assert entry["simple"][0]["difference"]["low"] == simple.low
    told = conditional_on(entries, "standard − minimal")
    assert told == {"on": "sampling", "sentence": entry["sentence"]}
    assert told["sentence"].startswith(
        "The answer depends on the sampling: “standard” was ahead of"
    )
    assert conditional_on(entries, "another") is None
    assert flags == []
    json.dumps(entries, allow_nan=False)


def test_a_contrast_that_holds_everywhere_is_not_conditional(study):
    [entry], _ = chapter(study(binary([1.0, 1.0], seed=3)))
    assert not entry["conditional"]
    assert entry["joint"]["p_value"] > 0.05
    assert "is not settled" in entry["sentence"]


def test_large_explorations_get_intervals_and_declared_contrasts_tests_too(study, monkeypatch):
    monkeypatch.setattr("splitplot.inference.chapters.interaction.EXPLORED_ITEMS", 50)
    [declared], _ = chapter(study(binary([0.5, 0.5], n=60)))
    [explored], _ = chapter(study(binary([0.5, 0.5], n=60), primary=[]))
    assert all(one["p_value"] is not None for one in declared["simple"])
    assert all(one["p_value"] is None and one["difference"] for one in explored["simple"])


def test_only_items_answered_everywhere_are_in_the_joint_test(study):
    scores = binary([0.5, 0.5], n=60)
    scores[:10, 1, 0] = np.nan
    [entry], _ = chapter(study(scores))
    assert entry["joint"]["n_items"] == 50
    assert [one["n_items"] for one in entry["simple"]] == [60, 50]


def test_clusters_are_kept_together(study):
    [entry], _ = chapter(study(binary([0.5, 0.5], n=120), cluster=np.arange(120) % 10))
    assert "CR2" in entry["joint"]["test"]
    assert entry["simple"][0]["difference"]["method"] == "CR2 clustered t"


def test_too_few_items_or_clusters_are_refused_with_a_flag(study):
    entries, [flag] = chapter(study(binary([0.5, 0.5], n=12)))
    assert entries == []
    assert (flag.code, flag.where) == ("no_interaction", "standard − minimal")
    assert "12 items answered by both for every sampling" in flag.message
    _, [flag] = chapter(study(binary([0.5, 0.5], n=60), cluster=np.arange(60) % 4))
    assert "fewer than 5 clusters" in flag.message


def test_one_sampling_has_nothing_to_depend_on(make_plan, make_row, write_table):
    rows = [make_row(c, f"q{i}", i % 2) for c in ("minimal", "standard") for i in range(30)]
    assert chapter(load_data(write_table(rows), make_plan())) == ([], [])


def test_contrasts_that_name_what_does_not_exist_are_left_to_others(study):
    wrong = {"name": "x", "factor": "condition", "a": "standard", "b": "nowhere"}
    assert chapter(study(binary([0.5, 0.5], n=30), primary=[wrong])) == ([], [])
    unknown = {**wrong, "b": "minimal", "metric": "elsewhere"}
    assert chapter(study(binary([0.5, 0.5], n=30), primary=[unknown])) == ([], [])
