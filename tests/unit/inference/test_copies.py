"""Copies of items in an analysis: error rates with and without allowing for them, and what is said."""

import numpy as np
import pytest
from scipy.stats import binomtest

from splitplot.inference.arms import Arms
from splitplot.inference.clusters import realised_inflation
from splitplot.inference.data import load_data
from splitplot.inference.grid import Grid, Rows
from splitplot.inference.health import copies_flag
from splitplot.inference.paired import paired_comparison
from splitplot.inference.scoped import datasets
from splitplot.inference.sequential.released import until
from splitplot.inference.summary import summarise
from splitplot.inference.words import DIRECTIONAL

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


@pytest.mark.long
def test_with_four_copies_of_each_item_a_true_null_is_rejected_as_often_as_it_should_be():
    grid = grid_of(np.arange(240) // 4)
    assert (grid.copies.inflation, grid.n_clusters) == (4.0, 60)
    test_before, interval_before, test, interval = false_alarms(grid, coins(60))
    assert min(test_before, interval_before) > 0.2
    assert max(test, interval) <= MOST


def test_a_benchmark_that_is_there_twice_with_other_names_of_its_passages():
    """Twenty passages of six questions each, and all of it again as twenty other passages."""
    grid = grid_of(np.tile(np.arange(120), 2), np.repeat(np.arange(40), 6))
    assert (grid.copies.inflation, grid.n_clusters) == (2.0, 20)

    def answers(random):
        easy = np.repeat(random.normal(0, 1, 20), 6)
        return (random.random(120) < 1 / (1 + np.exp(-easy))).astype(float)

    test_before, interval_before, test, interval = false_alarms(grid, answers)
    assert min(test_before, interval_before) > 0.09
    assert max(test, interval) <= MOST


def test_few_copies_that_vary_as_others_do_hardly_any_harm_and_the_exact_tests_stay():
    content = np.concatenate([np.repeat(np.arange(5), 2), np.arange(5, 195)])
    grid = grid_of(content)
    assert (grid.copies.inflation, grid.clustered) == (1.05, False)
    test_before, interval_before, test, interval = false_alarms(grid, coins(195))
    assert (test, interval) == (test_before, interval_before)
    assert max(test, interval) <= MOST + 0.006


def arms_that_tell(pairs, wins, alone):
    """Scores of A and B: `pairs` contents twice, which alone tell the arms apart, the first `wins` for A."""
    a = np.concatenate([np.repeat(np.arange(pairs) < wins, 2), np.ones(alone, dtype=bool)])
    b = np.concatenate([np.repeat(np.arange(pairs) >= wins, 2), np.ones(alone, dtype=bool)])
    content = np.concatenate([np.repeat(np.arange(pairs), 2), pairs + np.arange(alone)])
    return a.astype(float), b.astype(float), content


def judged(a, b, content, make_plan, make_row, write_table, margin=0.001):
    rows = [
        make_row(condition, f"q{i:04}", score, item_hash=f"h{content[i]}")
        for condition, scores in (("standard", a), ("minimal", b))
        for i, score in enumerate(scores)
    ]
    plan = make_plan()
    plan["analysis"]["primary"][0]["margin"] = margin
    plan["analysis"]["placebo_runs"] = 0
    return summarise(write_table(rows), plan, None)


@pytest.mark.parametrize(("pairs", "wins"), [(4, 4), (24, 17), (24, 7)])
def test_few_copies_that_alone_tell_the_arms_apart_count_once(
    pairs, wins, make_plan, make_row, write_table
):
    """Counted as items they would be 2·pairs discordant ones of 1,000: p = .008 and .0055. The p-value is
    that of McNemar's exact test on the contents, and no direction is spoken where it is above .05."""
    result = judged(
        *arms_that_tell(pairs, wins, 1000 - 2 * pairs), make_plan, make_row, write_table
    )
    [contrast] = result["contrasts"]
    exact = binomtest(wins, pairs).pvalue
    assert binomtest(2 * wins, 2 * pairs).pvalue < 0.01 < 0.05 < exact
    assert contrast["p_value"] == pytest.approx(exact, abs=0.01)
    assert contrast["n_clusters"] == 1000 - pairs
    assert contrast["alone"] in DIRECTIONAL
    assert contrast["verdict"] == "NOT SETTLED"
    assert (
        "the test that takes copies of an item as one does not confirm it" in contrast["sentence"]
    )
    assert "copies_joined" in contrast["flags"] and contrast["odds_ratio"] is None
    flag = next(flag for flag in result["flags"] if flag["code"] == "copies_joined")
    assert flag["message"].endswith(f"which leaves {1000 - pairs} clusters of 1,000 items.")


def test_enough_contents_there_twice_do_make_a_verdict(make_plan, make_row, write_table):
    result = judged(*arms_that_tell(24, 22, 952), make_plan, make_row, write_table)
    [contrast] = result["contrasts"]
    assert contrast["verdict"] in ("BETTER", "BETTER, SIZE OPEN")
    assert contrast["p_value"] <= 0.05


def test_copies_that_do_not_tell_the_arms_apart_leave_the_exact_test(
    make_plan, make_row, write_table
):
    a, b, content = arms_that_tell(4, 4, 992)
    a, b = np.roll(a, 100), np.roll(b, 100)  # now eight items that stand alone tell
    [contrast] = judged(a, b, content, make_plan, make_row, write_table)["contrasts"]
    assert (contrast["test"], contrast["n_clusters"]) == ("McNemar exact", 1000)
    assert "copies_joined" not in contrast["flags"]


@pytest.mark.long
@pytest.mark.parametrize("pairs", [4, 24])
def test_a_direction_is_rarely_spoken_where_copies_alone_tell_and_the_arms_are_alike(pairs):
    _, _, content = arms_that_tell(pairs, 0, 1000 - 2 * pairs)
    grid, spoken, as_items = grid_of(content), 0, 0
    item = np.arange(content.size)
    for seed in range(RUNS):
        first = np.random.default_rng(seed).random(pairs) < 0.5
        d = np.zeros(content.size)
        d[: 2 * pairs] = np.repeat(np.where(first, 1.0, -1.0), 2)
        a, b = (d >= 0).astype(float), (d <= 0).astype(float)
        cluster = grid.labels(item, d)
        assert grid.holds_copies(item, cluster)
        found = paired_comparison(a, b, cluster=cluster, seed=seed)
        outside = not found.difference.low <= 0 <= found.difference.high
        spoken += outside and found.p_value <= 0.05
        as_items += paired_comparison(a, b).p_value <= 0.05
    assert spoken / RUNS <= MOST < as_items / RUNS


def test_the_realised_inflation_is_the_ratio_of_the_sums_of_squares():
    d = np.zeros(1000)
    d[:8] = 1
    joined = np.r_[np.repeat(np.arange(4), 2), np.arange(4, 996)]
    e = d - d.mean()
    sums = [e[joined == label].sum() for label in range(996)]
    assert realised_inflation(d, joined, np.arange(1000)) == pytest.approx(
        sum(np.square(sums)) / sum(e**2)
    )
    assert realised_inflation(d, joined, np.arange(1000)) == pytest.approx(1.99, abs=0.01)
    assert realised_inflation(np.ones(4), [0, 0, 1, 2], [0, 1, 2, 3]) == 1.0
    nested = realised_inflation(d, np.arange(1000) // 8, np.arange(1000) // 2)
    by_hand = [np.square(e.reshape(-1, size).sum(axis=1)).sum() for size in (8, 2)]
    assert nested == pytest.approx(by_hand[0] / by_hand[1])


def test_amounts_and_every_scope_hold_copies_together_too(make_plan, make_row, write_table):
    """Two contents of 400 items are there twice and take all the tokens that A saves."""
    rows = []
    for i in range(400):
        content = f"h{i // 2}" if i < 4 else f"h{i}"
        for condition in ("minimal", "standard"):
            more = 400 if i < 4 and condition == "minimal" else i % 5
            rows.append(
                make_row(
                    condition,
                    f"q{i:03}",
                    i % 2,
                    item_hash=content,
                    tokens_out=20 + more,
                    source=f"data/{i % 2}.jsonl",
                )
            )
    plan = make_plan()
    plan["analysis"]["primary"][0] |= {"metric": "tokens_out", "margin": 0.05}
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    assert contrast["n_clusters"] == 398 and "copies_joined" in contrast["flags"]
    data = load_data(write_table(rows), plan)
    grid = data.grid()
    d = np.zeros(400)
    d[:4] = 1
    a, b = 0.5 + d / 2, 0.5 - d / 2
    arms = Arms(a, b, np.arange(400), None, None, 400)
    dataset = np.repeat([0, 1], 200)
    found = datasets(grid, arms, dataset, (0.95, 0.9), 0)
    labels = grid.labels(np.arange(200), d[:200])
    own = paired_comparison(a[:200], b[:200], cluster=labels)
    assert np.unique(labels).size == 198 and own.test.startswith("studentised sign-flip of whole")
    assert found.difference is not None


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
            "1 of 100 items is a copy of another: they count as items of their own, but as one cluster "
            "wherever they would make the variance of what is compared more than 1.05 times what it is taken "
            "for.",
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
