"""Verdicts on tokens, dollars and seconds: words, references, refusals, families, error rates."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from scipy import stats

from splitplot.amounts import AMOUNTS, log_margin
from splitplot.inference.checks import flags
from splitplot.inference.data import load_data
from splitplot.inference.evidence import FIXED, ITEMS, Arm, Evidence
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import RunNoise
from splitplot.inference.onesided import one_sided_ratio
from splitplot.inference.ratio import ratio_by_swaps
from splitplot.inference.summary import summarise
from splitplot.inference.taken import Taken, by_item, run_variances, saving, taken
from splitplot.inference.verdict import decide, speak

TENTH = log_margin(0.1)


def contrast(metric, a="standard", b="minimal", **other):
    given = {"name": f"{metric} of {a}", "metric": metric, "factor": "condition", "a": a, "b": b}
    return given | {"margin": 0.1, "scope": "items", "missing": "strict"} | other


def rows_of(make_row, n=120, factor=0.77, replications=1, seed=7, conditions=None, **same):
    """Items that need more or less, and a condition that takes `factor` times as much."""
    random, rows = np.random.default_rng(seed), []
    for i in range(n):
        need = random.gamma(3, 20)
        for condition, times in (conditions or {"minimal": 1.0, "standard": factor}).items():
            for k in range(replications):
                tokens = int(need * times * random.uniform(0.8, 1.25)) + 1
                row = make_row(condition, f"q{i:03d}", int(random.random() < 0.6), replication=k)
                took = {"tokens_out": tokens, "usd": tokens * 1e-5, "latency_s": tokens / 80}
                rows.append(row | took | {"route": "realtime"} | same)
    return rows


@pytest.fixture
def answered(make_plan, write_table):
    def run(rows, *primary, **plan):
        made = make_plan(primary=list(primary), placebo_runs=0, **plan)
        return summarise(write_table(rows, with_costs=True), made, None)

    return run


@pytest.mark.parametrize("metric", AMOUNTS)
def test_the_verdict_goes_by_the_ratio_that_the_chapter_shows(answered, make_row, metric):
    found = answered(rows_of(make_row), contrast(metric))
    [entry] = found["contrasts"]
    [shown] = [one for one in found["spent"] if one["amount"] == metric]
    assert entry["effect"] == "ratio" and entry["difference"] is None
    for key in ("estimate", "low", "high"):
        assert entry["ratio"][key] == pytest.approx(shown["ratio"][key], rel=1e-9)
    assert entry["means"] == {"a": shown["mean_a"], "b": shown["mean_b"]}
    if metric != "usd_per_correct":
        assert entry["verdict"] == "BETTER" and entry["wins"] < entry["losses"]


SAID = {
    "tokens_out": "“standard” is shorter than “minimal” on questions like these: it uses 2",
    "usd": "“standard” is cheaper than “minimal” on questions like these: it costs 2",
    "latency_s": "“standard” is faster than “minimal” on questions like these: it takes 2",
}
UNITS = {"tokens_out": "fewer output tokens", "usd": "less", "latency_s": "less time per answer"}


@pytest.mark.parametrize("metric", SAID)
def test_less_is_said_to_be_shorter_cheaper_faster_and_never_better(answered, make_row, metric):
    rows = rows_of(make_row, replications=2)
    [entry] = answered(rows, contrast(metric), replications=2)["contrasts"]
    assert entry["sentence"].startswith(SAID[metric])
    assert f"% {UNITS[metric]} (95% interval " in entry["sentence"]
    assert entry["sentence"].endswith("(p < 0.001 against a true ratio of 1)")
    said = [entry["sentence"], entry["stops_holding"], *entry["reasons"]]
    assert not any("better" in text or "worse" in text or "points" in text for text in said)


def test_naming_the_arms_the_other_way_round_says_the_same(answered, make_row):
    rows = rows_of(make_row)
    one, other = contrast("usd"), contrast("usd", a="minimal", b="standard")
    [first], [second] = (answered(rows, c)["contrasts"] for c in (one, other))
    assert (first["verdict"], second["verdict"]) == ("BETTER", "WORSE")
    assert first["sentence"] == second["sentence"]
    assert second["ratio"]["low"] == pytest.approx(1 / first["ratio"]["high"])


def evidence(low, high, **other):
    """Of log(B/A)."""

    def at(level, by):
        return Interval((low + high) / 2, low + by, high - by, level, "ratio of sums", 0.02)

    return Evidence(
        **{
            "a": Arm("x", 80.0, 0.0, 0.0),
            "b": Arm("y", 90.0, 0.0, 0.0),
            "difference": at(0.95, 0.0),
            "equivalence": at(0.9, (high - low) * 0.08),
            "margin": TENTH,
            "margin_is_default": False,
            "scope": "items",
            "alpha": 0.05,
            "bounded": False,
            "binary": False,
            "clustered": False,
            "n_items": 200,
            "n_union": 200,
            "n_clusters": 200,
            "wins": 60,
            "losses": 140,
            "noise": RunNoise(None, None, "only one"),
            "p_value": 0.0131,
            "smallest_detectable": 0.06,
            "amount": AMOUNTS["tokens_out"],
        }
        | other
    )


@pytest.mark.parametrize(
    ("ratios", "word", "said"),
    [
        ((0.70, 0.85), "BETTER", "Even 15.0% would be more than the 10.0% that you set."),
        ((0.80, 0.95), "BETTER, SIZE OPEN", "but perhaps by less than the 10.0% that you said matter"),
        ((1.20, 1.40), "WORSE", "“y” is shorter than “x” on questions like these: it uses "),
        ((0.95, 1.05), "EQUIVALENT", "“x” and “y” use as many output tokens within 10.0%"),
        ((0.93, 0.99), "EQUIVALENT", "“x” is reliably shorter than “y” on questions like these, but by "),
        ((0.95, 1.20), "NOT BETTER BY MARGIN", "“x” does not save 10.0% or more of the output tokens"),
        ((0.85, 1.10), "NOT SETTLED", "savings above 5.8%"),
    ],
)  # fmt: skip
def test_every_word_has_a_sentence_in_savings(ratios, word, said):
    verdict = speak(evidence(-log(ratios[1]), -log(ratios[0])))
    assert verdict.word == word and said in verdict.sentence
    assert "better" not in verdict.sentence and "points" not in verdict.sentence


def test_a_saving_is_of_the_arm_that_takes_less_in_both_directions():
    sentence = speak(evidence(-log(1.10), -log(0.85))).sentence
    # 1/1.1 = 0.909: “y” takes 9.1% less than “x” where “x” takes 1.1 times as much.
    assert "anything from 9.1% with “y” to 15.0% with “x”" in sentence
    # So a margin of a tenth is 0.9 and 1/0.9, as 0.80 and 1.25 are in bioequivalence.
    for low, high, word in ((0.905, 1.105, "EQUIVALENT"), (0.88, 1.02, "NOT SETTLED")):
        span = [Interval(0, -log(high), -log(low), level, "") for level in (0.95, 0.9)]
        assert decide(*span, TENTH) == word


def test_among_several_comparisons_a_saving_must_hold_for_all_of_them():
    lone = evidence(-log(0.99), -log(0.80), p_value=0.03)
    verdict = speak(replace(lone, family=3, p_adjusted=0.09))
    assert verdict.word == "NOT SETTLED"
    assert "cannot tell which of “x” and “y” is shorter once all 3" in verdict.sentence
    assert "Alone the interval excludes 1" in verdict.reasons[-1]


def test_contrasts_of_an_amount_are_a_family_of_their_own_with_stricter_sizes(answered, make_row):
    rows = rows_of(make_row, conditions={"minimal": 1.0, "standard": 0.77, "long": 1.02})
    pair = contrast("tokens_out"), contrast("tokens_out", a="long", name="second")
    score = contrast("score", name="third", margin=0.02)
    found = answered(rows, *pair, score, conditions=("minimal", "standard", "long"))
    first, second, third = found["contrasts"]
    assert first["family"] == second["family"] == "primary, tokens_out" != third["family"]
    assert first["adjustment"] == "Holm"
    assert first["p_adjusted"] == pytest.approx(2 * first["p_value"])
    assert "97.5% interval" in first["sentence"]
    assert first["simultaneous"] is None


def test_these_items_rest_on_the_noise_of_the_runs_alone(make_plan, make_row, write_table):
    rows = rows_of(make_row, n=60, replications=3)
    plan = make_plan(primary=[contrast("usd")], replications=3)
    data = load_data(write_table(rows, with_costs=True), plan)
    grid, pairs = data.grid(), [(1, 0)]
    found = taken(grid, AMOUNTS["usd"], by_item(data, grid, "usd"), pairs)
    a, b = run_variances(data, grid, AMOUNTS["usd"], pairs, found)
    # Var(log ΣA) = Σ s²/K / (ΣA)², written out from the rows.
    expected = 0.0
    for condition in ("standard", "minimal"):
        arm = [row for row in rows if row["condition_id"].startswith(condition)]
        by = [[r["usd"] for r in arm if r["item_id"] == f"q{i:03d}"] for i in range(60)]
        expected += sum(np.var(v, ddof=1) / 3 for v in by) / sum(map(np.mean, by)) ** 2
    assert float((a + b).sum()) / 60**2 == pytest.approx(expected)


def test_dollars_per_right_answer_vary_from_run_to_run_with_both(make_plan, make_row, write_table):
    rows = rows_of(make_row, n=80, replications=4)
    data = load_data(write_table(rows, with_costs=True), make_plan(replications=4))
    grid, pairs, amount = data.grid(), [(1, 0)], AMOUNTS["usd_per_correct"]
    found = taken(grid, amount, by_item(data, grid, "usd"), pairs)
    a, b = run_variances(data, grid, amount, pairs, found)
    # Against the runs themselves: replications drawn anew within every item, many times.
    random = np.random.default_rng(3)
    cells = {}
    for row in rows:
        cells.setdefault((row["condition_id"], row["item_id"]), []).append(
            (row["usd"], row["strict"])
        )
    logs = []
    for side in ("standard--1", "minimal--1"):
        table = np.array([cells[side, f"q{i:03d}"] for i in range(80)])
        drawn = random.integers(0, 4, (4000, 80, 4))
        sums = table[np.arange(80)[:, None], drawn].sum(axis=(1, 2))
        logs.append(np.log(sums[:, 0] / sums[:, 1]))
    # A bootstrap of K = 4 has (K − 1)/K of the variance.
    seen = np.var(logs[0] - logs[1]) * 4 / 3
    assert float((a + b).sum()) / 80**2 == pytest.approx(seen, rel=0.08)


def test_one_sided_tests_invert_the_swap_interval():
    random = np.random.default_rng(5)
    b = random.lognormal(0, 0.6, 40)
    a = b * random.lognormal(-0.12, 0.15, 40)
    inner = saving(ratio_by_swaps(a, b, level=0.9, seed=4))
    for margin in np.linspace(0.005, 0.25, 40):
        tests = one_sided_ratio(a, b, margin, seed=4)
        assert (tests.superiority_by_margin < 0.05) == (inner.low > margin)
        assert (tests.non_inferiority < 0.05) == (inner.low > -margin)
        assert (tests.equivalence < 0.05) == (-margin < inner.low and inner.high < margin)


@pytest.mark.long
@pytest.mark.parametrize("scope", [ITEMS, FIXED])
def test_a_saving_that_is_none_is_seldom_claimed_and_the_true_one_is_covered(scope):
    random = np.random.default_rng(11)
    n, runs, k = 60, 400 if scope == ITEMS else 2000, 3
    need = random.gamma(3, 20, n)
    false = covered = sized = 0
    none = RunNoise(None, None, None)
    for run in range(runs):
        if scope == ITEMS:
            need = random.gamma(3, 20, n)
        a, b = (need[:, None] * 0.9 * random.lognormal(0, 0.4, (n, k)) for _ in range(2))
        found = Taken(np.arange(n), a.mean(axis=1), b.mean(axis=1), None, None, n, None)
        noise = none
        if scope == FIXED:
            spread = [v.var(axis=1, ddof=1) / k / v.mean() ** 2 for v in (a, b)]
            total = np.concatenate(spread)
            df = (k - 1) * total.sum() ** 2 / (total**2).sum()
            noise = RunNoise(float(np.sqrt(total.sum())) / n, None, None, float(df))
        one = found.at(scope, noise, (0.95, 0.9), run)
        false += one.word(TENTH) in ("BETTER", "BETTER, SIZE OPEN", "WORSE", "WORSE, SIZE OPEN")
        covered += one.difference.low <= 0 <= one.difference.high
        # At a true saving of exactly the margin neither "the same" nor "more than it" is right.
        moved = replace(found, a=found.a * 0.9)
        word = moved.at(scope, noise, (0.95, 0.9), run).word(TENTH)
        sized += word in ("BETTER", "EQUIVALENT")
    assert covered / runs == pytest.approx(0.95, abs=3 * (0.95 * 0.05 / runs) ** 0.5)
    assert false / runs < stats.binom.ppf(0.999, runs, 0.05) / runs
    # .025 of "more", .05 of "the same"
    assert sized / runs < stats.binom.ppf(0.999, runs, 0.075) / runs


REFUSED = [
    ({"usd": 0.0}, "usd", "are 0, and there is no ratio to 0, as its answers are free; use tokens_out"),
    ({"usd": None}, "usd", "are not known; give its price in config/models.yaml"),
    ({"tokens_out": None}, "tokens_out", "are not known; use another metric"),
    ({"route": "batch"}, "latency_s", "the seconds of answers by batch are those of a queue"),
    ({"strict": 0.0}, "usd_per_correct", "was never right, so it has no cost per right answer; use usd"),
    ({"strict": 3.0}, "usd_per_correct", "counted by scores within 0 to 1, and these lie outside"),
]  # fmt: skip


@pytest.mark.parametrize(("same", "metric", "why"), REFUSED)
def test_a_ratio_that_would_mean_nothing_is_refused(answered, make_row, same, metric, why):
    [entry] = answered(rows_of(make_row, **same), contrast(metric))["contrasts"]
    assert entry["verdict"] == "NO VERDICT" and why in entry["sentence"]


def test_seconds_of_different_routes_are_not_compared_and_dollars_are_flagged(answered, make_row):
    rows = rows_of(make_row)
    for row in rows:
        row["route"] = "local" if row["condition_id"].startswith("minimal") else "litellm"
    found = answered(rows, contrast("latency_s"), contrast("usd"))
    seconds, dollars = found["contrasts"]
    assert "asked by different routes (litellm against local)" in seconds["sentence"]
    assert dollars["verdict"] == "BETTER" and "routes_differ" in dollars["flags"]


def test_few_right_answers_give_no_cost_per_right_answer(answered, make_row):
    rows = rows_of(make_row, n=40)
    right = iter(range(1000))
    for row in rows:
        row["strict"] = float(next(right) in (3, 8, 21, 30))
    [entry] = answered(rows, contrast("usd_per_correct"))["contrasts"]
    assert entry["verdict"] == "NO VERDICT"
    assert "so rarely right that its share may be 0" in entry["sentence"]


def test_a_failed_answer_that_was_billed_counts_in_dollars(answered, make_row):
    rows = rows_of(make_row, replications=2)
    failed = [row for row in rows if row["condition_id"].startswith("standard")][0:20:2]
    for row in failed:
        row |= {"outcome": "error", "strict": None, "observed": None, "tokens_out": None}
    [entry] = answered(rows, contrast("usd"), replications=2)["contrasts"]
    by = {side: [r["usd"] for r in rows if r["condition_id"] == side] for side in
          ("standard--1", "minimal--1")}  # fmt: skip
    assert entry["ratio"]["estimate"] == pytest.approx(
        sum(by["standard--1"]) / sum(by["minimal--1"])
    )
    assert entry["lost_share"]["a"] == pytest.approx(10 / 240) and "lost" in entry["flags"]
    assert entry["lost"] is None


def test_scopes_of_prompts_and_datasets_are_refused(answered, make_row):
    [entry] = answered(rows_of(make_row), contrast("usd", scope="datasets"))["contrasts"]
    assert "has no interval for datasets like these" in entry["sentence"]


def test_truncated_answers_count_with_what_they_took():
    e = evidence(0.1, 0.3, a=Arm("x", 80.0, 0.0, 0.1))
    [flag] = [flag for flag in flags(e, "c") if flag.code == "truncation_gap"]
    assert "whole they would have taken more" in flag.message


def test_clusters_widen_the_interval_and_few_of_them_refuse_it(answered, make_row):
    rows = rows_of(make_row, n=120)
    for row in rows:
        row["cluster"] = f"p{int(row['item_id'][1:]) % 12}"
    [entry] = answered(rows, contrast("tokens_out"))["contrasts"]
    assert entry["ratio"]["method"].endswith("CR2") and entry["n_clusters"] == 12
    for row in rows:
        row["cluster"] = f"p{int(row['item_id'][1:]) % 3}"
    [entry] = answered(rows, contrast("tokens_out"))["contrasts"]
    assert "3 clusters, at least 5" in entry["sentence"]


def test_the_default_margin_is_a_tenth_and_is_said_to_be_nobodys(answered, make_row):
    chosen = contrast("usd", margin=None, margin_is_default=True)
    [entry] = answered(rows_of(make_row), chosen)["contrasts"]
    assert entry["margin"] == 0.1 and "default_margin" in entry["flags"]
    assert "the default margin of 10.0%" in entry["sentence"]
