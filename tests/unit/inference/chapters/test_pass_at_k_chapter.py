"""The chapter `pass_at_k`, from an item-response table to its entries."""

import json

import numpy as np
import pytest

from splitplot.inference.chapters.pass_at_k import chapter
from splitplot.inference.data import load_data
from splitplot.inference.passk import pass_at_k, pass_hat_k, pass_interval


@pytest.fixture
def study(make_plan, make_row, write_table):
    """scores: shape (n_items, replications) of the first cell, NaN is lost; the second is asked once."""

    def make(scores, cluster=None, samplings=("warm",), tokens=None):
        rows = []
        for i, r in np.ndindex(*scores.shape):
            lost = np.isnan(scores[i, r])
            rows.append(
                make_row("minimal", f"q{i:03d}", 0 if lost else scores[i, r], replication=r,
                         sampling=samplings[0], outcome="error" if lost else "ok")
                | ({} if cluster is None else {"cluster": f"c{cluster[i]}"})
                | ({} if tokens is None else {"tokens_out": int(tokens[i, r])})
            )  # fmt: skip
        rows += [
            make_row("standard", f"q{i:03d}", 1, sampling=samplings[0])
            | ({} if cluster is None else {"cluster": f"c{cluster[i]}"})
            for i in range(len(scores))
        ]
        return load_data(write_table(rows), make_plan(samplings=samplings))

    return make


def tries(n=60, k=6, seed=2):
    random = np.random.default_rng(seed)
    return (random.random((n, k)) < random.beta(1, 1, (n, 1))).astype(float)


def test_a_cell_has_an_entry_per_k_up_to_its_replications(study):
    scores = tries()
    entries, flags = chapter(study(scores))
    assert [entry["k"] for entry in entries] == [1, 2, 3, 5, 6]
    assert {entry["cell"]["condition"] for entry in entries} == {"minimal"}
    c = scores.sum(axis=1)
    for entry in entries:
        n, k = np.full(60, 6), entry["k"]
        assert entry["pass_at_k"] == pytest.approx(pass_interval(pass_at_k(n, c, k)).to_json())
        assert entry["pass_hat_k"] == pytest.approx(pass_interval(pass_hat_k(n, c, k)).to_json())
        assert entry["n_items"] == 60
    assert entries[0]["pass_at_k"] == pytest.approx(entries[0]["pass_hat_k"])
    ends = [entry["pass_at_k"]["estimate"] for entry in entries]
    assert ends == sorted(ends)
    assert flags == []
    json.dumps(entries, allow_nan=False)


def test_items_with_fewer_than_k_answers_are_left_out_and_counted(study):
    scores = tries()
    scores[:7, 0] = np.nan
    entries, flags = chapter(study(scores))
    assert {entry["k"]: entry["n_items"] for entry in entries} == {
        1: 60,
        2: 60,
        3: 60,
        5: 60,
        6: 53,
    }
    [flag] = flags
    assert flag.code == "pass_at_k_items_left_out"
    assert flag.message.startswith("7 items with fewer than 6 answers that reached us are left out")


def test_clusters_widen_the_interval(study):
    scores = np.repeat(tries(n=20), 3, axis=0)
    alone, _ = chapter(study(scores))
    grouped, _ = chapter(study(scores, cluster=np.repeat(np.arange(20), 3)))
    width = [e[1]["pass_at_k"]["high"] - e[1]["pass_at_k"]["low"] for e in (alone, grouped)]
    assert width[1] > 1.4 * width[0]


def test_scores_that_are_not_right_or_wrong_have_none(study):
    assert chapter(study(tries() * 0.5)) == ([], [])


def test_a_cell_that_answers_the_same_every_time_has_none_and_says_why(study):
    entries, flags = chapter(study(np.repeat(tries(k=1), 3, axis=1), samplings=("greedy",)))
    assert entries == []
    assert [flag.code for flag in flags] == ["pass_at_k_deterministic"]


def test_one_item_has_an_interval_only_where_it_is_0_or_1(study):
    entries, flags = chapter(study(np.array([[1.0, 0.0, 1.0]])))
    assert [entry["k"] for entry in entries] == [3]
    assert [flag.code for flag in flags] == ["pass_at_k_no_interval"] * 2
    assert flags[0].message.startswith("No pass@1: ")
