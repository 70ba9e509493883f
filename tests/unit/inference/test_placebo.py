"""Placebo runs: uniform where nothing is wrong, loud where the analysis is broken; and their chapter.

References: simulation under exchangeability with scipy's goodness-of-fit tests, enumeration of all splits,
statsmodels' exact interval of a share, and `paired_comparison`, whose verdicts the runs must repeat.
"""

import json
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from splitplot.inference.chapters.placebo import chapter
from splitplot.inference.clusters import cluster_sums, cr2_standard_error
from splitplot.inference.data import load_data
from splitplot.inference.paired import paired_comparison
from splitplot.inference.placebo import (
    BINS,
    MAX_WORK,
    MIN_RUNS,
    PATTERNS,
    aa_splits,
    default_analysis,
    false_alarms,
    histogram,
    label_swaps,
    quick_p_value,
    runs_within,
    split_halves,
)
from splitplot.inference.verdict import decide

ALPHA, MARGIN = 0.05, 0.01


def analysis(seed=7):
    return default_analysis(ALPHA, MARGIN, seed)


def without_clusters(a, b, cluster):
    """Broken: every row for itself."""
    return analysis_of_rows(a, b, None)


analysis_of_rows = analysis(11)


def cried(alarms):
    """Whether the rate of false alarms is above nominal beyond doubt."""
    return alarms.share(0.99).low > ALPHA


def logistic(logit):
    return 1 / (1 + np.exp(-logit))


def test_p_values_of_aa_splits_are_uniform_where_replications_are_exchangeable():
    random = np.random.default_rng(1)
    scores = random.normal(size=(80, 1)) + random.normal(size=(80, 4))
    alarms = false_alarms(aa_splits([scores], None, 2000, 1), analysis())
    assert alarms.runs == 2000
    assert stats.chisquare(histogram(alarms.p_values)).pvalue > 0.001
    assert stats.binomtest(alarms.false_alarms, 2000, ALPHA).pvalue > 0.001


def test_p_values_of_label_swaps_are_uniform_even_where_the_arms_differ_much():
    random = np.random.default_rng(2)
    b = random.normal(size=60)
    a = b + 0.8 + random.normal(size=60)
    assert paired_comparison(a, b).p_value < 0.001
    alarms = false_alarms(label_swaps(a, b, None, 2000, 2), analysis())
    assert stats.chisquare(histogram(alarms.p_values)).pvalue > 0.001
    assert stats.binomtest(alarms.false_alarms, 2000, ALPHA).pvalue > 0.001


def test_p_values_of_swapped_clusters_are_uniform():
    random = np.random.default_rng(3)
    cluster = np.sort(random.integers(0, 25, 200))
    a = random.normal(size=25)[cluster] + random.normal(size=200)
    b = random.normal(size=200)
    alarms = false_alarms(label_swaps(a, b, cluster, 2000, 3, cluster), analysis())
    assert stats.chisquare(histogram(alarms.p_values)).pvalue > 0.001
    assert stats.binomtest(alarms.false_alarms, 2000, ALPHA).pvalue > 0.001


def test_label_swaps_catch_an_analysis_that_ignores_clusters():
    random = np.random.default_rng(4)
    cluster = np.repeat(np.arange(20), 10)
    a = logistic(random.normal(0, 1, 20)[cluster] + random.normal(0, 1, 200))
    b = logistic(random.normal(0, 1, 20)[cluster] + random.normal(0, 1, 200))

    def swaps():
        return label_swaps(a, b, cluster, 200, 4, cluster)

    assert cried(false_alarms(swaps(), without_clusters))
    assert not cried(false_alarms(swaps(), analysis()))


def test_label_swaps_catch_an_analysis_of_single_rows_in_place_of_item_means():
    """Trap: McNemar on item × replication pairs, where items differ in how they take to the arms."""
    random = np.random.default_rng(5)
    items, replications = 100, 8
    ease = random.normal(0, 1, (items, 1))
    arms = [
        random.binomial(1, np.tile(logistic(ease + random.normal(0, 1, (items, 1))), replications))
        for _ in range(2)
    ]
    a, b = (arm.astype(float) for arm in arms)
    item = np.repeat(np.arange(items), replications)
    rows = false_alarms(label_swaps(a.ravel(), b.ravel(), item, 200, 5), without_clusters)
    means = false_alarms(label_swaps(a.mean(axis=1), b.mean(axis=1), None, 200, 5), analysis())
    assert cried(rows)
    assert not cried(means)


def test_aa_splits_catch_ignored_clusters_where_the_runs_of_a_cluster_share_their_luck():
    random = np.random.default_rng(6)
    cluster = np.repeat(np.arange(30), 10)
    luck = random.normal(0, 1, (30, 4))[cluster]
    scores = logistic(luck + random.normal(0, 0.5, (300, 4)))

    def splits():
        return aa_splits([scores], cluster, 200, 6)

    assert cried(false_alarms(splits(), without_clusters))
    assert not cried(false_alarms(splits(), analysis()))


def test_a_split_deals_every_half_equally_often():
    """All C(4, 2) ways to deal four replications, by enumeration."""
    scores = np.array([[1.0, 2.0, 4.0, 8.0]])
    runs = list(aa_splits([scores], None, 6000, 1))
    seen = Counter(round(2 * float(a[0])) for a, _, _ in runs)
    assert set(seen) == {x + y for x, y in combinations((1, 2, 4, 8), 2)}
    assert stats.chisquare(list(seen.values())).pvalue > 0.001
    assert all(float(a[0] + b[0]) == pytest.approx(7.5) for a, b, _ in runs)


def test_an_odd_replication_goes_to_either_half():
    scores = np.array([[1.0, 2.0, 4.0]])
    runs = list(aa_splits([scores], None, 3000, 2))
    seen = Counter(float(a[0]) for a, _, _ in runs)
    assert set(seen) == {1.0, 2.0, 4.0, 1.5, 2.5, 3.0}
    assert stats.chisquare(list(seen.values())).pvalue > 0.001


def test_items_with_one_score_are_left_out_of_a_split_and_cells_are_averaged():
    first = np.array([[0.0, 1.0], [1.0, np.nan], [1.0, 1.0], [np.nan, np.nan]])
    second = np.array([[1.0, 1.0], [0.0, np.nan], [0.0, np.nan], [np.nan, 0.0]])
    for a, b, _ in aa_splits([first, second], None, 50, 3):
        assert a.shape == b.shape == (2,)
        assert a[0] + b[0] == pytest.approx(1.5)  # (0 + 1 + 1 + 1) over two cells
        assert a[1] == b[1] == 1.0
    assert list(aa_splits([second[:, :1]], None, 50, 3)) == []


@pytest.mark.parametrize("clustered", [False, True])
def test_a_run_is_analysed_as_a_real_contrast_is(clustered):
    random = np.random.default_rng(8)
    for trial in range(40):
        a, b = random.binomial(3, (0.6, 0.5), (60, 2)).T / 3
        cluster = np.arange(60) // 5 if clustered else None
        real = paired_comparison(a, b, cluster=cluster, alpha=ALPHA, seed=trial)
        found = analysis(trial)(a, b, cluster)
        assert found.difference == real.difference
        assert found.word == decide(real.difference, real.equivalence, MARGIN)
        error = 4.5 * np.sqrt(real.p_value * (1 - real.p_value) / PATTERNS) + 2 / PATTERNS
        assert abs(found.p_value - real.p_value) < error


def test_the_quick_p_value_is_that_of_the_patterns_drawn_each_studentised_anew():
    random = np.random.default_rng(9)
    cluster = np.repeat(np.arange(9), [1, 2, 3, 1, 4, 2, 2, 3, 2])
    d = random.normal(0.3, 1, 20)

    def t(values):
        mean, se = cr2_standard_error(cluster_sums(values, cluster))
        return abs(mean) / se

    bits = np.random.default_rng(5).bytes(PATTERNS * 2)
    kept = np.unpackbits(np.frombuffer(bits, np.uint8).reshape(PATTERNS, 2), axis=1)[:, :9]
    hits = sum(t(d * (2.0 * row - 1)[cluster]) >= t(d) * (1 - 1e-9) for row in kept)
    assert quick_p_value(d, np.zeros(20), cluster, np.random.default_rng(5)) == pytest.approx(
        (hits + 1) / (PATTERNS + 1)
    )


def test_binary_runs_get_the_exact_binomial_p_value():
    a = np.array([1.0] * 9 + [0.0] * 2 + [1.0] * 20)
    b = np.array([0.0] * 9 + [1.0] * 2 + [1.0] * 20)
    p = quick_p_value(a, b, None, np.random.default_rng(0))
    assert p == pytest.approx(stats.binomtest(9, 11).pvalue)


def test_arms_that_never_differ_have_p_1():
    a = np.full(30, 0.25)
    assert quick_p_value(a, a, None, np.random.default_rng(0)) == 1.0
    assert quick_p_value(a, a, np.arange(30) // 3, np.random.default_rng(0)) == 1.0


def test_the_first_bin_holds_p_up_to_alpha_and_the_last_holds_1():
    counts = histogram([0.005, 0.05, 0.0500001, 0.1, 0.951, 1.0])
    assert (counts[0], counts[1], counts[-1], sum(counts), len(counts)) == (2, 2, 2, 6, BINS)
    values = np.random.default_rng(1).random(500)
    assert histogram(values) == np.histogram(values, BINS, (0, 1))[0].tolist()


def test_a_large_effect_is_repeated_by_the_other_half():
    random = np.random.default_rng(10)
    b = random.random(200) * 0.3
    found = split_halves(b + 0.4, b, None, 100, 1, analysis())
    assert (found.runs, found.claimed, found.confirmed, found.contradicted) == (100, 100, 100, 0)
    assert (found.same_verdict, found.same_sign) == (100, 100)


@pytest.mark.long
def test_halves_of_exchangeable_items_share_their_sign_about_half_of_the_time():
    """Over data sets, not over splits of one: the halves of one sample lean away from each other."""
    same = 0
    for seed in range(400):
        d = np.random.default_rng(seed).normal(size=60)
        same += split_halves(d, np.zeros(60), None, 1, seed, analysis(seed)).same_sign
    assert stats.binomtest(same, 400, 0.5).pvalue > 0.001


def test_whole_clusters_go_to_a_half_and_the_halves_are_of_about_one_size():
    cluster = np.repeat(np.arange(12), [3, 9, 4, 4, 5, 5, 6, 4, 3, 7, 5, 5])
    seen = []

    def look(a, b, codes):
        seen.append(set(codes))
        assert 24 <= a.size <= 36
        return analysis_of_rows(a, b, codes)

    random = np.random.default_rng(3)
    split_halves(random.random(60), random.random(60), cluster, 50, 3, look)
    for first, second in zip(seen[::2], seen[1::2], strict=True):
        assert not first & second
        assert first | second == set(range(12))


def test_runs_that_have_no_interval_are_counted_apart():
    a, b = np.full(30, 5.0), np.full(30, 2.0)

    def only_where_mixed(first, second, cluster):
        if first[0] > second[0]:
            raise ValueError("no interval")
        return analysis_of_rows(first, second, cluster)

    alarms = false_alarms(label_swaps(a, b, None, 60, 1), only_where_mixed)
    assert alarms.runs + alarms.without == 60
    assert 0 < alarms.without < 60


def test_the_work_is_bounded():
    assert runs_within(200, 1_000) == 200
    assert runs_within(200, 100_000) == MAX_WORK // 100_000
    assert runs_within(200, 10_000_000) == MIN_RUNS
    assert runs_within(5, 10_000_000) == 5


# The chapter.


@pytest.fixture
def make_data(make_plan, make_row, write_table):
    def make(rows=None, *, replications=3, items=60, gap=0.0, seed=1, reverse=False, **plan):
        random = np.random.default_rng(seed)
        if rows is None:
            ease = random.normal(0, 1.5, items)
            rows = [
                make_row(
                    condition,
                    f"q{i:03d}",
                    random.random() < logistic(ease[i] + shift),
                    replication=k,
                )
                for condition, shift in (("minimal", 0.0), ("standard", gap))
                for i in range(items)
                for k in range(replications)
            ]
        table = write_table(rows[::-1] if reverse else rows)
        return load_data(table, make_plan(replications=replications, **plan))

    return make


def reasons(content):
    return {(entry["kind"], entry["name"]): entry["reason"] for entry in content["left_out"]}


def test_the_chapter_has_all_kinds_with_their_exact_intervals(make_data):
    content, flags = chapter(make_data())
    assert flags == []
    assert [(entry["kind"], entry["name"], entry["runs"]) for entry in content["kinds"]] == [
        ("A/A split", "standard", 200),
        ("A/A split", "minimal", 200),
        ("label swap", "standard − minimal", 200),
        ("split-half", "standard − minimal", 200),
    ]
    for entry in content["kinds"]:
        bins, counted = (0, 0) if entry["kind"] == "split-half" else (BINS, 200)
        assert (len(entry["p_values"]), sum(entry["p_values"])) == (bins, counted)
        assert entry["share"] == entry["false_alarms"] / 200
        expected = proportion_confint(entry["false_alarms"], 200, method="beta")
        low, high = (float(np.nan_to_num(x)) for x in expected)
        assert (entry["low"], entry["high"]) == pytest.approx((low, high), abs=1e-9)
    placebo = [entry for entry in content["kinds"] if entry["kind"] != "split-half"]
    share = sum(entry["false_alarms"] for entry in placebo) / 600
    assert content["sentence"] == (
        f"In 600 placebo runs on your data this analysis cried wolf {100 * share:.1f}% of the time."
    )
    assert content["left_out"] == []
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_with_one_replication_there_is_no_aa_split_and_the_chapter_says_why(make_data):
    content, _ = chapter(make_data(replications=1))
    assert {entry["kind"] for entry in content["kinds"]} == {"label swap", "split-half"}
    assert "one replication" in reasons(content)["A/A split", "standard"]


def test_where_nothing_differs_there_is_nothing_to_swap_or_to_split(make_data, make_row):
    rows = [
        make_row(condition, f"q{i:02d}", i % 2, replication=k)
        for condition in ("minimal", "standard")
        for i in range(50)
        for k in range(2)
    ]
    content, flags = chapter(make_data(rows, replications=2))
    assert flags == []
    assert "nothing to swap" in reasons(content)["label swap", "standard − minimal"]
    assert "no replication ever differed" in reasons(content)["A/A split", "minimal"]
    assert [entry["kind"] for entry in content["kinds"]] == ["split-half"]
    assert content["kinds"][0]["false_alarms"] == 0
    assert content["sentence"] == "No placebo run could be made on these data."


@pytest.mark.parametrize(("items", "made"), [(19, 0), (20, 3), (39, 3), (40, 4)])
def test_too_few_items_for_a_verdict_are_too_few_for_a_placebo(make_data, items, made):
    content, _ = chapter(make_data(items=items))
    assert len(content["kinds"]) == made
    assert len(content["left_out"]) == 4 - made
    assert all(f"{items} items" in reason for reason in reasons(content).values())


def test_clusters_are_swapped_and_split_whole_and_too_few_are_refused(make_data, make_row):
    random = np.random.default_rng(4)

    def rows(clusters):
        return [
            make_row(
                condition,
                f"q{i:03d}",
                random.random() < 0.5,
                replication=k,
                cluster=f"c{i % clusters}",
            )
            for condition in ("minimal", "standard")
            for i in range(80)
            for k in range(2)
        ]

    content, _ = chapter(make_data(rows(8), replications=2))
    assert {entry["kind"] for entry in content["kinds"]} == {"A/A split", "label swap"}
    assert "within each cluster" in content["kinds"][-1]["sentence"]
    assert (
        reasons(content)["split-half", "standard − minimal"] == "8 clusters: at least 10 are needed"
    )
    content, _ = chapter(make_data(rows(4), replications=2))
    assert content["kinds"] == []


def test_a_rate_above_nominal_is_flagged(make_data, make_row):
    """Four discordant items: Tango's interval leaves 0 out where all four point the same way, which
    by coin tosses happens once in eight times."""
    rows = [
        make_row(condition, f"q{i:02d}", 1 if i >= 4 else condition == "standard")
        for condition in ("minimal", "standard")
        for i in range(40)
    ]
    content, [flag] = chapter(make_data(rows, replications=1, placebo_runs=1000))
    swap = content["kinds"][0]
    assert (flag.code, flag.where) == ("placebo_alarms", "standard − minimal")
    assert stats.binomtest(swap["false_alarms"], 1000, 0.125).pvalue > 0.001


def test_no_runs_are_made_where_none_are_wanted(make_data):
    assert chapter(make_data(placebo_runs=0)) == (None, [])


def test_the_number_of_runs_is_the_one_asked_for(make_data):
    content, _ = chapter(make_data(placebo_runs=30))
    assert {entry["runs"] for entry in content["kinds"]} == {30}


def test_the_order_of_rows_does_not_matter_and_the_seed_does(make_data):
    one, _ = chapter(make_data(gap=0.5))
    assert one == chapter(make_data(gap=0.5, reverse=True))[0]
    assert one != chapter(make_data(gap=0.5, seed=2))[0]


def test_the_same_contrast_the_other_way_round_cries_as_often(make_data):
    def primary(a, b):
        return [{"name": "x", "factor": "condition", "a": a, "b": b, "margin": 0.05}]

    one, _ = chapter(make_data(primary=primary("standard", "minimal")))
    other, _ = chapter(make_data(primary=primary("minimal", "standard")))
    counts = [
        {
            (e["kind"], e["name"]): (e["false_alarms"], e["p_values"])
            for e in content["kinds"]
            if e["kind"] != "split-half"
        }
        for content in (one, other)
    ]
    assert counts[0] == counts[1]


def test_without_a_plan_the_first_pairs_are_run_and_the_rest_is_named(make_data, make_row):
    conditions = ("one", "two", "three", "four")
    random = np.random.default_rng(1)
    rows = [
        make_row(condition, f"q{i:02d}", random.random() < 0.5, replication=k)
        for condition in conditions
        for i in range(30)
        for k in range(2)
    ]
    data = make_data(rows, replications=2, conditions=conditions, primary=[])
    content, _ = chapter(data)
    assert (
        reasons(content)["all", "3 contrasts"] == "placebo runs are made for the first 3 contrasts"
    )
    kinds = Counter(entry["kind"] for entry in content["kinds"])
    assert (kinds["A/A split"], kinds["label swap"]) == (4, 3)


def test_two_contrasts_of_the_same_arms_are_run_once(make_data):
    def primary(name, a, b, **more):
        return {"name": name, "factor": "condition", "a": a, "b": b, **more}

    wide = primary("wide", "minimal", "standard", margin=0.2, scope="datasets")
    content, _ = chapter(make_data(primary=[primary("narrow", "standard", "minimal"), wide]))
    assert [entry["name"] for entry in content["kinds"]] == [
        "standard",
        "minimal",
        "narrow",
        "narrow",
    ]
    assert "the same arms as “narrow”" in reasons(content)["all", "wide"]


def test_a_metric_that_is_no_score_is_left_out(make_data):
    primary = [
        {
            "name": "x",
            "factor": "condition",
            "a": "standard",
            "b": "minimal",
            "metric": "tokens_out",
        }
    ]
    content, _ = chapter(make_data(primary=primary))
    assert reasons(content) == {("all", "x"): "placebo runs are made of scores, not of tokens_out"}


@pytest.mark.parametrize("seed", range(12))
def test_odd_data_are_refused_with_a_reason_and_never_raise(make_data, make_row, seed):
    """Lost arms, holes, one cluster, scales without ends, constant scores, replications that differ."""
    random = np.random.default_rng(seed)
    items, clusters = int(random.choice([1, 25, 45])), int(random.choice([1, 7, 45]))
    scale, level = random.choice([0, 1, 100]), random.choice([0.0, 0.5, 7.0])
    lost = random.choice([0, 0.5, 1], 2)
    rows = [
        make_row(
            condition,
            f"q{i:02d}",
            level + scale * random.random(),
            replication=k,
            cluster=f"c{i % clusters}",
            outcome="error" if random.random() < lost[arm] else "ok",
        )
        for arm, condition in enumerate(("minimal", "standard"))
        for i in range(items)
        for k in range(int(random.integers(1, 4)))
    ]
    content, flags = chapter(make_data(rows, replications=3, placebo_runs=20))
    assert len(content["kinds"]) + len(content["left_out"]) == 4
    assert all(reasons(content).values())
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert all(flag.code == "placebo_alarms" for flag in flags)


def test_runs_of_a_contrast_at_another_scope_name_theirs(make_data):
    def told(scope):
        primary = {"name": "x", "factor": "condition", "a": "standard", "b": "minimal"}
        content, _ = chapter(make_data(primary=[primary | {"scope": scope}], placebo_runs=20))
        return [content["sentence"], *(entry["sentence"] for entry in content["kinds"])]

    assert all("on items like these" in text for text in told("datasets"))
    assert not any("on items like these" in text for text in told("items"))
