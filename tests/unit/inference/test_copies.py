"""Copies of items in an analysis: error rates with and without allowing for them, and what is said."""

import numpy as np
import pytest

from splitplot.inference.grid import Grid, Rows
from splitplot.inference.health import copies_flag
from splitplot.inference.paired import paired_comparison
from splitplot.inference.sequential.released import until
from splitplot.inference.summary import summarise

RUNS = 300
MOST = 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)
"""The share of rejections of a true null that 300 runs of a test at .05 exceed once in a thousand times."""


def grid_of(content, cluster=None):
    """A grid without answers, of items with these contents."""
    n = len(content)
    declared = np.arange(n) if cluster is None else np.asarray(cluster)
    nothing, none = np.zeros(0, dtype=np.int64), np.zeros(0)
    rows = Rows(nothing, nothing, nothing, none, none, nothing.astype(bool), nothing)
    return Grid((), [f"q{i:04}" for i in range(n)], declared, rows, np.asarray(content))


def false_alarms(grid, answers, seeds=RUNS):
    """Shares of true nulls that the test and the interval reject: with the clusters as declared, and with
    those of the grid. answers: generator → score per content, of one arm."""
    content, shares = grid.content, np.zeros(4)
    declared = grid.declared if np.unique(grid.declared).size < content.size else None
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        a, b = answers(random)[content], answers(random)[content]
        for place, cluster in ((0, declared), (2, grid.cluster if grid.clustered else None)):
            found = paired_comparison(a, b, cluster=cluster, seed=seed)
            interval = found.difference
            shares[place : place + 2] += (
                found.p_value <= 0.05,
                not interval.low <= 0 <= interval.high,
            )
    return shares / seeds


def coins(contents):
    return lambda random: (random.random(contents) < 0.6).astype(float)


def test_with_four_copies_of_each_item_a_true_null_is_rejected_as_often_as_it_should_be():
    grid = grid_of(np.arange(240) // 4)
    assert (grid.copies.bound, grid.n_clusters) == (4.0, 60)
    test_before, interval_before, test, interval = false_alarms(grid, coins(60))
    assert min(test_before, interval_before) > 0.2
    assert max(test, interval) <= MOST


def test_a_benchmark_that_is_there_twice_with_other_names_of_its_passages():
    """Twenty passages of six questions each, and all of it again as twenty other passages."""
    grid = grid_of(np.tile(np.arange(120), 2), np.repeat(np.arange(40), 6))
    assert (grid.copies.bound, grid.n_clusters) == (2.0, 20)

    def answers(random):
        easy = np.repeat(random.normal(0, 1, 20), 6)
        return (random.random(120) < 1 / (1 + np.exp(-easy))).astype(float)

    test_before, interval_before, test, interval = false_alarms(grid, answers)
    assert min(test_before, interval_before) > 0.09
    assert max(test, interval) <= MOST


def test_at_the_bound_copies_do_hardly_any_harm_and_the_exact_tests_stay():
    content = np.concatenate([np.repeat(np.arange(5), 2), np.arange(5, 195)])
    grid = grid_of(content)
    assert (grid.copies.bound, grid.clustered) == (1.05, False)
    test_before, interval_before, test, interval = false_alarms(grid, coins(195))
    assert (test, interval) == (test_before, interval_before)
    assert max(test, interval) <= MOST + 0.006


def test_what_is_known_at_a_look_does_not_depend_on_copies_that_come_later():
    """The first ten items have no copy among themselves; in all forty every content is there four times."""
    grid = grid_of(np.tile(np.arange(10), 4))
    assert grid.clustered
    look_of = np.repeat([1, 2, 3, 4], 10)
    assert not until(grid, look_of, 1).clustered
    assert until(grid, look_of, 2).n_clusters == 10


@pytest.mark.parametrize(
    ("content", "cluster", "said"),
    [
        (
            np.arange(400) // 4,
            None,
            "300 of 400 items are copies of another: copies count as one cluster, which leaves 100 clusters.",
        ),
        (
            [0, 0, *range(1, 99)],
            None,
            "1 of 100 items is a copy of another: too few to matter, they count as items of their own. The "
            "variance of a difference is at most 1.020 times what it is taken for.",
        ),
        (
            np.tile(np.arange(120), 2),
            np.repeat(np.arange(40), 6),
            "120 of 240 items are copies of another, and 240 have one in another cluster: clusters that "
            "share a copy count as one, which leaves 20 clusters of 40. Drop the copies to have them all.",
        ),
        (
            np.arange(40) // 2,
            np.arange(40) // 4,
            "20 of 40 items are copies of another, all in the cluster of the other: the clusters allow for "
            "that.",
        ),
    ],
)
def test_copies_are_said_in_a_sentence(content, cluster, said):
    assert copies_flag(grid_of(content, cluster)).message == said


def test_items_without_copies_are_not_talked_about():
    assert copies_flag(grid_of(np.arange(30))) is None


def test_a_study_of_copies_is_analysed_by_clusters_and_says_so(make_plan, make_row, write_table):
    random, rows = np.random.default_rng(5), []
    for content in range(40):
        scores = random.random(2) < (0.8, 0.5)
        for copy in range(3):
            for condition, score in zip(("standard", "minimal"), scores, strict=True):
                item = f"q{content:02}-{copy}"
                rows.append(make_row(condition, item, score, item_hash=f"hash-{content}"))
    result = summarise(write_table(rows), make_plan(), None)
    [contrast] = result["contrasts"]
    assert (result["n_items"], result["n_clusters"], result["clustered"]) == (120, 40, True)
    assert contrast["difference"]["method"] == "CR2 clustered t"
    assert contrast["test"].startswith("cluster sign-flip") or "cluster" in contrast["test"]
    assert contrast["n_clusters"] == 40
    [flag] = [flag for flag in result["flags"] if flag["code"] == "duplicate_items"]
    assert flag["message"].startswith("80 of 120 items are copies of another")
    assert result["health"]["duplicate_items"] == 80
    once = [row | {"item_id": row["item_id"][:3]} for row in rows if row["item_id"].endswith("-0")]
    alone = summarise(write_table(once), make_plan(), None)["contrasts"][0]
    assert contrast["difference"]["estimate"] == pytest.approx(alone["difference"]["estimate"])
    assert alone["test"] == "McNemar exact"
