"""The chapter `datasets`, from an item-response table with sources to its entries."""

import json

import numpy as np
import pytest

from splitplot.inference.chapters.datasets import chapter
from splitplot.inference.data import load_data
from splitplot.inference.meta import pool, standard_error
from splitplot.inference.paired import paired_difference


@pytest.fixture
def study(make_plan, make_row, write_with):
    """scores: dataset → shape (n_items, 2 conditions: minimal, standard)."""

    def make(scores, cluster=None, shuffle=None, **plan):
        rows = [
            make_row(condition, f"{name}-{i:03d}", table[i, c], source=name)
            | ({} if cluster is None else {"cluster": f"{name}-{i // cluster}"})
            for name, table in scores.items()
            for c, condition in enumerate(("minimal", "standard"))
            for i in range(len(table))
        ]
        if shuffle is not None:
            rows = [rows[i] for i in np.random.default_rng(shuffle).permutation(len(rows))]
        return load_data(write_with(rows, source="string"), make_plan(**plan))

    return make


def make_scores(gaps, n=60, seed=0):
    random = np.random.default_rng(seed)
    return {
        f"set{i}": (random.random((n, 2)) < np.array([0.4, 0.4 + gap])).astype(float)
        for i, gap in enumerate(gaps)
    }


def test_an_entry_pools_the_default_differences_of_the_datasets(study):
    scores = make_scores([0.4, 0.1, 0.2, 0.5, 0.3, 0.0])
    entries, flags = chapter(study(scores))
    [entry] = entries
    assert entry["contrast"] == "standard − minimal"
    own = [paired_difference(table[:, 1], table[:, 0]) for table in scores.values()]
    assert [row["dataset"] for row in entry["rows"]] == list(scores)
    assert [row["difference"] for row in entry["rows"]] == [one.to_json() for one in own]
    assert {row["n_items"] for row in entry["rows"]} == {60}
    found = pool([one.estimate for one in own], [standard_error(one) for one in own])
    assert entry["fixed"] == found.fixed.to_json()
    assert entry["random"] == found.random.to_json()
    assert entry["prediction"] == found.prediction.to_json()
    assert entry["tau"] ** 2 == pytest.approx(found.tau2)
    assert (entry["q"], entry["q_df"], entry["q_p"]) == (found.q, 5, found.q_p)
    assert flags == []
    json.dumps(entries, allow_nan=False)


def test_leaving_out_a_dataset_is_pooling_the_others(study):
    scores = make_scores([0.4, 0.1, 0.2, 0.5, 0.3])
    rows = chapter(study(scores))[0][0]["leave_one_out"]
    assert [row["without"] for row in rows] == list(scores)
    without = {name: table for name, table in scores.items() if name != "set3"}
    again = chapter(study(without))[0][0]
    assert rows[3]["random"] == again["random"]
    assert rows[3]["fixed"] == again["fixed"]


def test_the_sentence_tells_the_average_the_spread_and_the_next_dataset(study):
    text = chapter(study(make_scores([0.4, 0.0, 0.2, 0.4, -0.1, 0.3])))[0][0]["sentence"]
    assert text.startswith("“standard” is above “minimal” on ")
    assert "of 6 datasets. For datasets like these the difference is " in text
    assert "True differences vary from dataset to dataset with a standard deviation of" in text
    assert "On one further dataset the true difference is expected within" in text


def test_datasets_that_agree_are_not_said_to_be_the_same(study):
    entry = chapter(study(make_scores([0.2] * 6, seed=4)))[0][0]
    assert entry["tau"] == 0.0
    assert "was not detectable (I² 0.0%, 95% interval 0.0% to " in entry["sentence"]


def test_few_datasets_are_flagged_and_two_have_no_prediction(study):
    entries, flags = chapter(study(make_scores([0.3, 0.1])))
    assert [flag.code for flag in flags] == ["few_datasets"]
    assert entries[0]["prediction"] is None
    assert entries[0]["leave_one_out"] == []


def test_a_dataset_with_few_common_items_is_left_out_by_name(study):
    scores = make_scores([0.3, 0.1, 0.2]) | {"tiny": np.ones((19, 2))}
    entries, flags = chapter(study(scores))
    assert [row["dataset"] for row in entries[0]["rows"]] == ["set0", "set1", "set2"]
    left = next(flag for flag in flags if flag.code == "datasets_left_out")
    assert "“tiny” (19 common items)" in left.message


def test_arms_that_never_differ_on_a_dataset_do_not_get_all_of_the_weight(study):
    scores = make_scores([0.3, 0.2, 0.25]) | {"same": np.ones((30, 2))}
    entry = chapter(study(scores))[0][0]
    same = next(row for row in entry["rows"] if row["dataset"] == "same")
    assert same["difference"]["se"] == 0.0
    assert entry["fixed"]["estimate"] > 0.05


def test_one_dataset_has_no_chapter(study):
    assert chapter(study(make_scores([0.3]))) == ([], [])


def test_clusters_reach_every_dataset(study):
    entry = chapter(study(make_scores([0.3, 0.1, 0.2]), cluster=3))[0][0]
    assert {row["difference"]["method"] for row in entry["rows"]} == {"CR2 clustered t"}


def test_the_order_of_the_file_changes_nothing(study):
    scores = make_scores([0.3, 0.1, 0.2])
    assert chapter(study(scores)) == chapter(study(scores, shuffle=4))


def test_a_metric_that_is_no_score_is_left_to_others(study, make_plan):
    primary = make_plan()["analysis"]["primary"][0] | {"metric": "tokens_out"}
    assert chapter(study(make_scores([0.3, 0.1]), primary=[primary])) == ([], [])


def test_every_declared_contrast_of_scores_has_an_entry(study, make_plan):
    one = make_plan()["analysis"]["primary"][0]
    back = one | {"name": "back", "a": "minimal", "b": "standard"}
    entries, _flags = chapter(study(make_scores([0.3, 0.1]), primary=[one, back]))
    assert entries[0]["random"]["estimate"] == pytest.approx(-entries[1]["random"]["estimate"])


def test_a_prediction_beyond_the_scale_is_not_told_as_an_expectation(study):
    entry = chapter(study(make_scores([0.5, 0.0, -0.4])))[0][0]
    assert entry["prediction"]["high"] > 1
    assert "is expected within" not in entry["sentence"]
    assert "these are too few to say" in entry["sentence"]


def test_a_dataset_that_outweighs_the_others_is_flagged(study):
    even = make_scores([0.3, 0.1, 0.2])
    large = make_scores([0.2], n=1500, seed=3)["set0"]
    codes = [flag.code for flag in chapter(study(even))[1]]
    assert "dataset_dominates" not in codes
    _, flags = chapter(study(even | {"big": large}))
    flag = next(flag for flag in flags if flag.code == "dataset_dominates")
    errors = np.array(
        [standard_error(paired_difference(t[:, 1], t[:, 0])) for t in (*even.values(), large)]
    )
    share = errors[3] ** -2 / (errors**-2).sum()
    assert flag.message.startswith(f"“big” has {100 * share:.1f}% of the weight of 4 datasets")
