"""A contrast at each scope, and the sentence that says where its claim ends."""

import numpy as np
import pytest

from splitplot.inference.evidence import DATASETS, FIXED, ITEMS, PROMPTS
from splitplot.inference.intervals import Interval
from splitplot.inference.scoped import Scoped, where_it_ends
from splitplot.inference.summary import summarise

MARGIN = 0.02


def scoped(scope, low, high):
    interval = Interval((low + high) / 2, low, high, 0.95, "t over items")
    return Scoped(scope, interval, interval)


def test_the_sentence_names_the_last_scope_at_which_the_claim_holds_and_the_first_at_which_not():
    found = [scoped(FIXED, 0.03, 0.07), scoped(ITEMS, 0.025, 0.08), scoped(PROMPTS, -0.02, 0.12)]
    assert where_it_ends(found, MARGIN, "big", "small") == (
        "On questions like these “big” is better than “small”; on questions and prompts like these the "
        "data cannot tell."
    )


def test_a_claim_that_holds_everywhere_is_said_once():
    found = [scoped(FIXED, -0.07, -0.03), scoped(ITEMS, -0.08, -0.01)]
    assert where_it_ends(found, MARGIN, "big", "small") == (
        "The same claim holds on exactly these questions and on questions like these: “small” is better "
        "than “big”."
    )


def test_equivalence_at_one_scope_and_a_gap_at_another_are_not_the_same_claim():
    found = [scoped(FIXED, -0.01, 0.01), scoped(ITEMS, 0.001, 0.05)]
    said = where_it_ends(found, MARGIN, "big", "small")
    assert said.startswith(
        "On exactly these questions “big” and “small” are the same within the margin;"
    )
    assert said.endswith("on questions like these “big” is better than “small”.")


def test_one_scope_has_nothing_to_compare_with():
    unknown = Scoped(FIXED, None, None, reason="one replication")
    assert where_it_ends([unknown, scoped(ITEMS, 0.03, 0.08)], MARGIN, "a", "b") is None


def crossed(make_row, n_items=60, prompts=5, spread=0.0, gap=0.15, seed=1):
    """Two samplings × prompts, 0/1 scores; the gap differs from prompt to prompt by `spread`."""
    random = np.random.default_rng(seed)
    gaps = gap + spread * random.normal(size=prompts)
    rows = []
    for p in range(prompts):
        for i in range(n_items):
            for sampling, chance in (("greedy", 0.5), ("warm", 0.5 + gaps[p])):
                score = int(random.random() < chance)
                rows.append(make_row(f"p{p}", f"q{i:03d}", score, sampling=sampling))
    return rows


def prompts_plan(make_plan, scope, prompts=5):
    contrast = {
        "name": "warm − greedy",
        "factor": "sampling",
        "a": "warm",
        "b": "greedy",
        "scope": scope,
        "margin": 0.01,
    }
    return make_plan(
        conditions=tuple(f"p{p}" for p in range(prompts)),
        samplings=("greedy", "warm"),
        primary=[contrast],
        random=["condition"],
    )


def by_prompt(rows, prompts=5):
    """Difference per item and prompt, straight from the rows."""
    table = {}
    for row in rows:
        sign = 1 if row["trial_id"] == "m-warm--1" else -1
        key = (row["item_id"], row["condition_id"])
        table[key] = table.get(key, 0.0) + sign * row["strict"]
    items = sorted({item for item, _ in table})
    return np.array([[table[item, f"p{p}--1"] for p in range(prompts)] for item in items])


def test_prompts_like_these_take_the_mean_squares_of_items_and_of_prompts(
    make_plan, make_row, write_table
):
    rows = crossed(make_row, spread=0.2)
    plan = prompts_plan(make_plan, "prompts")
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    d = by_prompt(rows)
    n, p = d.shape
    residual = d - d.mean(0) - d.mean(1, keepdims=True) + d.mean()
    ms_item = p * d.mean(1).var(ddof=1)
    ms_prompt = n * d.mean(0).var(ddof=1)
    ms_residual = (residual**2).sum() / ((n - 1) * (p - 1))
    variance = max(ms_item + ms_prompt - ms_residual, ms_item, ms_prompt) / (n * p)
    assert contrast["difference"]["estimate"] == pytest.approx(d.mean())
    assert contrast["difference"]["se"] == pytest.approx(np.sqrt(variance))
    assert "on questions and prompts like these" in contrast["sentence"]
    assert [one["scope"] for one in contrast["scopes"]] == [FIXED, ITEMS, PROMPTS]
    widths = {
        one["scope"]: one["difference"]["high"] - one["difference"]["low"]
        for one in contrast["scopes"]
        if one["difference"]
    }
    assert widths[PROMPTS] > 1.5 * widths[ITEMS]
    assert contrast["items_needed"] is None


def test_a_claim_about_items_says_where_it_ends_when_prompts_are_random(
    make_plan, make_row, write_table
):
    rows = crossed(make_row, n_items=400, spread=0.15, gap=0.1, seed=5)
    plan = prompts_plan(make_plan, "items")
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    words = {one["scope"]: one["verdict"] for one in contrast["scopes"]}
    assert words[ITEMS].startswith("BETTER")
    assert words[PROMPTS] == "NOT SETTLED"
    assert "prompts like these the data cannot tell" in contrast["stops_holding"]


def test_datasets_like_these_pool_the_differences_by_random_effects(
    make_plan, make_row, write_table
):
    random = np.random.default_rng(4)
    gaps = (0.05, 0.1, 0.3, 0.2)
    rows = []
    for number, gap in enumerate(gaps):
        for i in range(80):
            for condition, chance in (("minimal", 0.4), ("standard", 0.4 + gap)):
                score = int(random.random() < chance)
                rows.append(
                    make_row(condition, f"d{number}-q{i:02d}", score) | {"source": f"d{number}"}
                )
    path = write_table(rows)
    plan = make_plan()
    plan["analysis"]["primary"][0]["scope"] = "datasets"
    [contrast] = summarise(path, plan, None)["contrasts"]
    estimates = []
    for number in range(len(gaps)):
        of = {"minimal--1": [], "standard--1": []}
        for row in rows:
            if row["source"] == f"d{number}":
                of[row["condition_id"]].append(row["strict"])
        estimates.append(np.mean(of["standard--1"]) - np.mean(of["minimal--1"]))
    assert min(estimates) < contrast["difference"]["estimate"] < max(estimates)
    assert contrast["difference"]["df"] == 3
    assert "on datasets like these" in contrast["sentence"]
    assert contrast["scopes"][-1]["scope"] == DATASETS
    assert contrast["test"] == "Hartung-Knapp t over 4 datasets"


def test_a_scope_that_the_data_do_not_reach_gives_no_verdict_but_the_reason(
    make_plan, make_row, write_table
):
    rows = crossed(make_row, prompts=2)
    plan = prompts_plan(make_plan, "prompts", prompts=2)
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    assert contrast["verdict"] == "NO VERDICT"
    assert "prompts" in contrast["reasons"][0]
    assert contrast["p_value"] is None
