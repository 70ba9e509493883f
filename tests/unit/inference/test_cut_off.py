"""Amounts of answers that were cut off, of arms that refuse, of one item, and of uneven arms."""

from dataclasses import replace

import numpy as np
import pytest

from splitplot.inference.cut_off import GONE_ON, LEFT_OUT, counted_otherwise, cut_off_bars, gone_on
from splitplot.inference.evidence import Arm, Evidence
from splitplot.inference.influence import MIN_UNITS, most_influential_ratio
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import RunNoise
from splitplot.inference.ratio import ratio_by_swaps
from splitplot.inference.summary import summarise
from splitplot.inference.taken import Taken

NONE = RunNoise(None, None, None)


def contrast(metric="tokens_out", **other):
    given = {"name": metric, "metric": metric, "factor": "condition", "a": "standard"}
    return given | {"b": "minimal", "margin": 0.1, "scope": "items", "missing": "strict"} | other


@pytest.fixture
def answered(make_plan, write_table):
    def run(rows, *primary, **plan):
        made = make_plan(primary=list(primary), placebo_runs=0, **plan)
        return summarise(write_table(rows, with_costs=True), made, None)

    return run


def rows_of(make_row, a, b, *, cut=(), refused=(), replications=1):
    """Rows with these tokens per item; `cut`, `refused`: positions of such answers of "standard"."""
    rows = []
    for i, pair in enumerate(zip(a, b, strict=True)):
        for condition, tokens in zip(("standard", "minimal"), pair, strict=True):
            mine = condition == "standard"
            outcome = "truncated" if mine and i in cut else "ok"
            outcome = "refused" if mine and i in refused else outcome
            for k in range(replications):
                row = make_row(condition, f"q{i:03d}", i % 2, replication=k, outcome=outcome)
                took = {"tokens_out": int(tokens), "usd": tokens * 1e-5, "latency_s": tokens / 80}
                rows.append(row | took | {"route": "realtime"})
    return rows


def of_tokens(found, code):
    return [f["message"] for f in found["flags"] if (f["code"], f["where"]) == (code, "tokens_out")]


def test_what_was_cut_goes_on_as_the_others_that_got_as_far():
    whole = np.array([5.0, 10, 20, 30, 40])
    cut = np.array([True, True, False, True])
    amounts = np.array([10.0, 25, 7, 90])
    reached = [whole[whole >= c].mean() for c in (10, 25)]
    # No other answer reached 90, so nothing is known of how much longer that one would have been.
    assert gone_on(amounts, cut, whole) == pytest.approx([*reached, 7, 90])


@pytest.mark.long
@pytest.mark.parametrize("shared", [False, True])
def test_arms_alike_of_which_one_is_cut_off_are_not_told_apart_too_often(shared):
    random = np.random.default_rng(3)
    n, runs = 300, 60
    plain = held = 0
    for run in range(runs):
        need = random.gamma(3, 20, n) if shared else np.full(n, 60.0)
        a, b = (need * random.gamma(2, 0.5, n) for _ in range(2))
        limit = np.quantile(a, 0.85)
        found = Taken(np.arange(n), np.minimum(a, limit), b, None, None, n, None)
        others = counted_otherwise(found, a > limit, np.zeros(n, dtype=bool))
        assert set(others) == {LEFT_OUT, GONE_ON}
        said = [one.at("items", NONE, (0.95, 0.9), run) for one in (found, *others.values())]
        shorter = [one.difference.low > 0 for one in said]
        plain, held = plain + shorter[0], held + all(shorter)
    assert plain / runs > 0.3
    assert held / runs < 0.025 + 3 * (0.025 * 0.975 / runs) ** 0.5


def test_an_arm_that_was_cut_off_is_not_called_shorter_for_it(answered, make_row):
    random = np.random.default_rng(4)
    a, b = random.gamma(2, 150, (2, 300))
    limit = np.quantile(a, 0.85)
    rows = rows_of(make_row, np.minimum(a, limit) + 1, b + 1, cut=set(np.flatnonzero(a > limit)))
    [entry] = answered(rows, contrast())["contrasts"]
    assert entry["verdict"] == "NOT SETTLED"
    said = entry["sentence"]
    assert "depends on how answers cut off at the token limit are counted" in said
    assert "%) if they had gone on like those of the other arm that got as far" in said
    assert "15.0% of the answers of “standard” and 0.0% of those of “minimal” were cut off" in said
    assert said.endswith("with cut-off answers counted up to where they were cut off)")
    assert any(reason.startswith("Cut-off answers gone on") for reason in entry["reasons"])
    assert not any(word in said for word in ("better", "points", "scored"))


def test_a_saving_that_holds_however_cut_off_answers_count_is_spoken(answered, make_row):
    random = np.random.default_rng(5)
    b = random.gamma(3, 60, 200) + 20
    a = b * 0.6 * random.uniform(0.9, 1.1, 200)
    cut = np.flatnonzero(a > np.quantile(a, 0.95))
    a[cut] = a.min() * 3
    [entry] = answered(rows_of(make_row, a, b, cut=set(cut)), contrast())["contrasts"]
    assert entry["verdict"] == "BETTER"
    assert "“standard” is shorter than “minimal”" in entry["sentence"]
    assert "5.0% of the answers of “standard” and 0.0%" in entry["sentence"]


def test_where_most_was_cut_off_there_is_no_verdict_for_the_arm_that_was(answered, make_row):
    random = np.random.default_rng(6)
    a, b = random.gamma(2, 150, (2, 100)) + 1
    cut = set(np.flatnonzero(a > 150))
    found = answered(rows_of(make_row, np.minimum(a, 150), b, cut=cut), contrast())
    [entry] = found["contrasts"]
    assert entry["verdict"] == "NO VERDICT"
    assert (
        f"{len(cut):.1f}% of the answers of “standard” were cut off, so what they would have taken is "
        "not known; raise max_tokens" in entry["sentence"]
    )


def test_an_arm_that_takes_more_though_it_was_cut_off_takes_more(answered, make_row):
    random = np.random.default_rng(7)
    b = random.gamma(3, 20, 100) + 5
    a = b * random.uniform(2, 3, 100)
    cut = set(np.flatnonzero(a > np.quantile(a, 0.5)))
    [entry] = answered(rows_of(make_row, a, b, cut=cut), contrast())["contrasts"]
    assert entry["verdict"] == "WORSE"
    assert "“minimal” is shorter than “standard”" in entry["sentence"]


def test_arms_cut_off_at_the_same_limit_are_not_called_alike(answered, make_row):
    random = np.random.default_rng(8)
    tokens = np.minimum(random.gamma(3, 40, (2, 100)), 60) + 1
    rows = rows_of(make_row, *tokens)
    for row in rows:
        if row["tokens_out"] == 61:
            row |= {"outcome": "truncated", "observed": None, "strict": 0.0}
    [entry] = answered(rows, contrast())["contrasts"]
    assert entry["verdict"] == "NO VERDICT" and "raise max_tokens" in entry["sentence"]


def test_the_bar_needs_the_share_or_the_items():
    """By number of items left and share cut off, with the arm that was cut off ahead."""
    interval = Interval(0.2, 0.1, 0.3, 0.95, "")
    e = Evidence(
        a=Arm("x", 80.0, 0.0, 0.1),
        b=Arm("y", 90.0, 0.0, 0.0),
        difference=interval,
        equivalence=interval,
        margin=0.1,
        margin_is_default=False,
        scope="items",
        alpha=0.05,
        bounded=False,
        binary=False,
        clustered=False,
        n_items=200,
        n_union=200,
        n_clusters=200,
        wins=0,
        losses=0,
        noise=NONE,
    )
    assert cut_off_bars(e, 20) == []
    assert len(cut_off_bars(e, 19)) == 1
    assert len(cut_off_bars(replace(e, a=replace(e.a, truncated=0.21)), 150)) == 1
    behind = replace(e, a=replace(e.a, truncated=0.0), b=replace(e.b, truncated=0.5))
    assert cut_off_bars(behind, 0) == []
    assert cut_off_bars(replace(e, a=replace(e.a, truncated=0.01)), 0) == []


def test_answers_that_were_refused_are_said_in_the_sentence(answered, make_row):
    random = np.random.default_rng(9)
    a, b = random.gamma(8, 40, (2, 100))
    a[::2] = 8
    found = answered(rows_of(make_row, a, b, refused=set(range(0, 100, 2))), contrast())
    assert (
        "50.0% of the answers of “standard” and 0.0% of those of “minimal” were no usable answers"
        in found["contrasts"][0]["sentence"]
    )


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("per", [False, True])
def test_the_log_ratio_without_each_unit_is_that_of_the_others(clustered, per):
    random = np.random.default_rng(10)
    n = 40
    a, b = random.lognormal(0, 1.2, (2, n))
    right = random.integers(0, 2, (2, n)).astype(float) if per else (None, None)
    cluster = np.arange(n) % 8 if clustered else np.arange(n)

    def log_ratio(kept):
        found = np.log(b[kept].sum() / a[kept].sum())
        return found + np.log(right[0][kept].sum() / right[1][kept].sum()) if per else found

    full = log_ratio(np.ones(n, dtype=bool))
    without = np.array([log_ratio(cluster != unit) for unit in np.unique(cluster)])
    share = abs(without - full) / abs(full)
    found = most_influential_ratio(a, b, *right, cluster=cluster if clustered else None)
    assert found.without == pytest.approx(without[share.argmax()])
    assert found.share == pytest.approx(share.max())
    assert found.above == (share > 0.25).sum()


def test_of_a_ratio_of_one_or_of_few_units_nothing_is_said():
    assert most_influential_ratio(np.arange(1.0, 9), np.arange(1.0, 9)) is None
    few = np.ones(MIN_UNITS - 1)
    assert most_influential_ratio(few, few * [1, 1, 1, 50]) is None
    alone = most_influential_ratio([0, 0, 0, 0, 0, 3.0], np.ones(6) * 2)
    assert alone.first == 5 and np.isinf(alone.without)


def test_one_runaway_answer_that_carries_a_saving_is_named(answered, make_row):
    random = np.random.default_rng(1)
    a, b = random.uniform(90, 110, (2, 60))
    a, b[5] = a * 0.95, 4000
    found = answered(rows_of(make_row, a.astype(int), b.astype(int)), contrast())
    assert found["contrasts"][0]["verdict"] == "BETTER, SIZE OPEN"
    [message] = of_tokens(found, "influential")
    a, b = a.astype(int), b.astype(int)
    left = 100 * (1 - (a.sum() - a[5]) / (b.sum() - b[5]))
    assert message.startswith(f"Without “q005” the saving would be {left:.1f}% with “standard”")
    calm = answered(rows_of(make_row, a * 0.7, np.where(b > 200, 100, b)), contrast())
    assert not of_tokens(calm, "influential")


def test_the_more_erratic_of_two_arms_is_said_to_be_favoured(answered, make_row):
    random = np.random.default_rng(2)
    wild, steady = random.lognormal(5, 1, 60), random.uniform(90, 110, 60)
    found = answered(rows_of(make_row, wild, steady), contrast())
    [message] = of_tokens(found, "uneven_amounts")
    assert "wrongly, that “standard” takes less" in message
    for first, second in ((wild, wild[::-1]), (steady, steady / 2 + 10)):
        assert not of_tokens(
            answered(rows_of(make_row, first, second), contrast()), "uneven_amounts"
        )
    many = random.lognormal(5, 1, 200), random.uniform(90, 110, 200)
    assert not of_tokens(answered(rows_of(make_row, *many), contrast()), "uneven_amounts")


def test_the_interval_does_favour_the_more_erratic_arm():
    """What the flag says, measured: over one in twenty for the arm that varies, hardly ever the other."""
    random = np.random.default_rng(0)
    runs, less, more = 150, 0, 0
    for run in range(runs):
        a, b = random.lognormal(0, 1, 30) / np.exp(0.5), random.uniform(0.8, 1.2, 30)
        found = ratio_by_swaps(a, b, seed=run)
        less, more = less + (found.high < 1), more + (found.low > 1)
    assert less / runs > 0.06 and more / runs < 0.025


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (7, 7, "use as many output tokens on every item (a ratio of 1, 7 output tokens each)"),
        (5, 10, "“standard” takes 0.5 times the output tokens of “minimal” on every item (5 against 10"),
    ],
)  # fmt: skip
def test_where_all_items_have_one_ratio_it_is_said(answered, make_row, a, b, said):
    [entry] = answered(rows_of(make_row, [a] * 40, [b] * 40), contrast())["contrasts"]
    assert entry["verdict"] == "NO VERDICT" and said in entry["sentence"]
    assert "that is the result and needs no interval" in entry["sentence"]


def test_an_arm_without_answers_or_a_known_route_breaks_nothing(answered, make_row):
    random = np.random.default_rng(3)
    metrics = [contrast(m) for m in ("tokens_out", "usd", "latency_s", "usd_per_correct")]
    rows = rows_of(make_row, *(random.gamma(3, 20, (2, 40)) + 1))
    lost = {"outcome": "error", "strict": None, "observed": None, "tokens_out": None}
    lost |= {"usd": None, "latency_s": None, "route": None}
    mine = [row for row in rows if row["condition_id"].startswith("standard")]
    one = answered([row for row in rows if row not in mine], *metrics)
    for row in mine:
        row["route"] = None
    unknown = answered(rows, *metrics)
    assert all("routes_differ" not in entry["flags"] for entry in unknown["contrasts"])
    for row in mine:
        row |= lost
    for found in (one, answered(rows, *metrics)):
        for entry in found["contrasts"]:
            assert entry["verdict"] == "NO VERDICT"
            assert "only 0 items answered by both" in entry["sentence"]


def test_a_reason_that_holds_for_both_arms_is_said_once(answered, make_row):
    random = np.random.default_rng(3)
    rows = rows_of(make_row, *(random.gamma(3, 20, (2, 40)) + 1))
    for row in rows:
        row["strict"] = -1.0
    [entry] = answered(rows, contrast("usd_per_correct"))["contrasts"]
    assert entry["sentence"].count("right answers are counted by scores within 0 to 1") == 1
    assert len(entry["reasons"]) == 1
