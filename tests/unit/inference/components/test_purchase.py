"""The decision study: projections against the variance of simulated larger studies, costs by enumeration."""

import numpy as np
import pytest
import yaml

from splitplot.inference.components.purchase import (
    Precision,
    best_option,
    item_price,
    items_left,
    next_study,
    options,
)
from splitplot.inference.intervals import t_quantile, z_quantile
from splitplot.inference.scopes import two_way
from splitplot.study import load_study

ITEM, RUN = 0.08, 0.24


def precision(items=100, replications=2, item=ITEM, run=RUN, **other):
    """A contrast in two cells, its half-width by the t interval."""
    variance = item / items + (run or 0.0) / (items * replications)
    half = t_quantile(0.95, items - 1) * np.sqrt(variance)
    return Precision(items, replications, 1, 2, half, 0.95, item, run, **other)


def simulated_half_width(items, replications, simulations=4000):
    """Half-width of a t interval with the true spread of means of simulated studies."""
    random = np.random.default_rng(items * 10 + replications)
    means = [
        random.normal(0, np.sqrt(ITEM), items).mean()
        + random.normal(0, np.sqrt(RUN / replications), items).mean()
        for _ in range(simulations)
    ]
    return t_quantile(0.95, items - 1) * np.std(means)


@pytest.mark.parametrize(("items", "replications"), [(200, 2), (100, 4), (133, 3), (400, 2)])
def test_projected_half_widths_are_those_of_studies_of_that_size(items, replications):
    projected = precision().projected(items, replications, 1)
    assert projected == pytest.approx(simulated_half_width(items, replications), rel=0.04)


def test_projection_over_random_prompts_follows_the_components():
    """Var = item/I + prompt/P + item_prompt/(I·P) + run/(I·K·P), with Satterthwaite's t."""
    now = Precision(100, 2, 4, 8, 0.1, 0.95, 0.05, 0.2, prompt=0.01, item_prompt=0.02)
    then = 0.05 / 200 + 0.01 / 8 + 0.02 / 1600 + 0.2 / (200 * 3 * 8)
    assert now.variance(200, 3, 8) == pytest.approx(then)
    noise = 0.02 / 1600 + 0.2 / (200 * 3 * 8)
    of_items, of_prompts = 0.05 / 200 + noise, 0.01 / 8 + noise
    df = then**2 / (of_items**2 / 199 + of_prompts**2 / 7 + noise**2 / (199 * 7))
    before = now.variance(100, 2, 4)
    before_noise = 0.02 / 400 + 0.2 / 800
    a, b = 0.05 / 100 + before_noise, 0.01 / 4 + before_noise
    df_before = before**2 / (a**2 / 99 + b**2 / 3 + before_noise**2 / (99 * 3))
    expected = 0.1 * np.sqrt(then / before) * t_quantile(0.95, df) / t_quantile(0.95, df_before)
    assert now.projected(200, 3, 8) == pytest.approx(expected)


def test_components_of_a_two_way_table_project_what_a_larger_table_shows():
    random = np.random.default_rng(3)

    def table(items, prompts):
        made = random.normal(0, 0.3, (items, prompts)) + random.normal(0, 0.25, (items, 1))
        return made + random.normal(0, 0.1, (1, prompts))

    small = [two_way(table(100, 5)) for _ in range(300)]
    parts = {
        "item": np.mean([p.items - p.residual for p in small]) * 100,
        "prompt": np.mean([p.prompts - p.residual for p in small]) * 5,
        "item_prompt": np.mean([p.residual for p in small]) * 500,
    }
    now = Precision(100, 1, 5, 10, 0.1, 0.95, run=0.0, **parts)
    large = np.var([table(200, 10).mean() for _ in range(2000)])
    assert now.variance(200, 1, 10) == pytest.approx(large, rel=0.12)


def test_options_of_a_tier_cost_the_same():
    found = options(precision(), 0.01)
    for tier in (2, 4):
        costs = [option.extra_answers for option in found if option.tier == tier]
        assert max(costs) - min(costs) <= 2 * 3  # 133 items × 3 are one question short of 400
    doubled = found[0]
    assert (doubled.items, doubled.extra_items, doubled.answers, doubled.extra_answers) == (
        200,
        100,
        800,
        400,
    )
    assert doubled.extra_usd == pytest.approx(4.0)
    assert doubled.narrower_per_usd == pytest.approx(doubled.narrower / 4.0)


def test_new_items_beat_more_runs_of_the_old_ones_wherever_items_cost_nothing():
    """K* = 1 where c_item = 0: item/I falls with items alone."""
    found = options(precision(), 0.01)
    best = found[best_option(found)]
    assert (best.items, best.replications) == (200, 2)
    assert best.half_width < min(o.half_width for o in found if o.tier == 2 and o is not best)


def test_where_all_uncertainty_is_run_noise_items_and_runs_are_worth_the_same():
    found = options(precision(item=0.0), 0.01)
    doubled = [option.half_width for option in found if option.tier == 2]
    assert doubled[0] == pytest.approx(doubled[1])
    now = precision(item=0.0)
    assert now.run_share == pytest.approx(1.0)
    assert now.projected(100, 4, 1) == pytest.approx(now.half_width / np.sqrt(2))


def test_about_exactly_these_items_only_runs_help():
    now = Precision(100, 2, 1, 2, 0.05, 0.95, 0.0, RUN)
    found = options(now, 0.01, these_items=True)
    assert {option.items for option in found} == {100}
    assert found[best_option(found)].replications == 4
    assert found[0].half_width == pytest.approx(0.05 / np.sqrt(2))
    assert now._quantile(100, 1, 1.0) == z_quantile(0.95)


def test_a_used_up_benchmark_can_only_be_asked_more_often():
    found = options(precision(), 0.01, items_left=False)
    best = found[best_option(found)]
    assert (best.items, best.replications) == (100, 4)
    assert not found[0].available


def test_one_replication_says_nothing_of_what_more_would_do():
    found = options(precision(replications=1, run=None), 0.01)
    more_runs = [option for option in found if option.replications > 1]
    assert more_runs and all(option.half_width is None for option in more_runs)
    assert found[best_option(found)].items == 200


def test_runs_that_never_differ_are_not_worth_buying():
    found = options(precision(run=0.0), 0.01, these_items=False, items_left=False)
    assert best_option(found) is None


def test_random_prompts_may_be_the_best_purchase():
    now = Precision(200, 2, 4, 8, 0.1, 0.95, 0.01, 0.05, prompt=0.02, item_prompt=0.0)
    found = options(now, 0.01, random_prompts=True)
    best = found[best_option(found)]
    assert (best.prompts, best.answers) == (8, 2 * now.answers)


def test_the_cheapest_number_of_replications_is_the_one_that_enumeration_finds():
    for item_usd in (0.0, 0.02, 0.3, 4.0):
        costs = {
            k: (item_usd + k * 0.02) * (ITEM + RUN / k)  # price × variance: what a precision costs
            for k in range(1, 200)
        }
        cheapest = min(costs, key=costs.get)
        # K is the cheapest as long as an item costs more than one that makes K − 1 as cheap, and no more
        # than one that makes K + 1 as cheap; Cochran's (1977) √(run·c_item/(item·c)) lies within one of it.
        below = item_price(ITEM, RUN, cheapest - 1, 0.02) if cheapest > 1 else 0.0
        assert below <= item_usd <= item_price(ITEM, RUN, cheapest, 0.02)
        assert abs(cheapest - max(1.0, np.sqrt(RUN * item_usd / (ITEM * 0.02)))) < 1


def test_the_price_of_an_item_is_where_one_more_run_becomes_cheaper():
    for k in (1, 2, 5):
        price = item_price(ITEM, RUN, k, 0.02)

        def cost(item_usd, runs):
            return (item_usd + runs * 0.02) * (ITEM + RUN / runs)

        assert cost(price, k) == pytest.approx(cost(price, k + 1))
        assert cost(1.1 * price, k) > cost(1.1 * price, k + 1)
        assert cost(0.9 * price, k) < cost(0.9 * price, k + 1)
    assert item_price(ITEM, None, 1, 0.02) is None
    assert item_price(ITEM, 0.0, 1, 0.02) is None


def row(now, index):
    from dataclasses import asdict

    return asdict(options(now, 0.01)[index])


GENERATED = {"generate": "reasoning_gym", "tasks": ["gcd", "chain_sum"], "size": 60, "seed": 7}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([GENERATED], {"size": 120}),
        ([{"path": "data/items.jsonl", "limit": 30, "tags": ["x"]}], {"limit": 60}),
        ([{"path": "data/items.jsonl"}], {}),
    ],
)
def test_a_study_that_extends_the_fragment_loads_with_what_was_bought(root, items, expected):
    plan = root.plan(items=items, replications=2)
    fragment = next_study(plan, row(precision(), 0))
    text = yaml.safe_dump(fragment)
    root.write("results/s/next_study.yaml", text)
    path = root.save("study: second\nextends: results/s/next_study.yaml\n", study="second")
    study = load_study(path, root.path)
    assert study.study == "second"
    assert study.replications == 2
    assert study.analysis.pilot.source == "s"
    source = study.items[0].model_dump()
    assert {name: source[name] for name in expected} == expected
    assert load_study(root.path / "config/studies/s.yaml", root.path).conditions == study.conditions
    from splitplot.design import make_plan

    kept = ("generate", "path", "tasks", "seed", "tags")
    before, after = plan["items"][0], make_plan(path, root.path)["items"][0]
    assert {k: before.get(k) for k in kept} == {k: after.get(k) for k in kept}


def test_more_replications_leave_the_items_as_they_are(root):
    plan = root.plan(items=[GENERATED], replications=2)
    fragment = next_study(plan, row(precision(), 1))
    assert fragment["replications"] == 4
    assert "items" not in fragment


def test_under_the_development_policy_the_items_are_raised_there(root):
    plan = root.plan(budget={"policy": "dev", "dev_items": 1})
    fragment = next_study(plan, row(precision(), 0))
    assert fragment["budget"] == {"dev_items": 2}
    root.write("results/s/next_study.yaml", yaml.safe_dump(fragment))
    path = root.save("study: second\nextends: results/s/next_study.yaml\n", study="second")
    assert load_study(path, root.path).budget.dev_items == 2


def test_of_a_sampled_study_the_sample_grows_and_the_sources_stay(root):
    items = [{"path": "data/items.jsonl", "limit": 900}]
    plan = root.plan(items=items, sample={"size": 30, "seed": 7, "by": ["kind"]})
    fragment = next_study(plan, row(precision(), 0))
    assert fragment["sample"] == {"size": 60}
    assert "items" not in fragment
    root.write("results/s/next_study.yaml", yaml.safe_dump(fragment))
    path = root.save("study: second\nextends: results/s/next_study.yaml\n", study="second")
    assert load_study(path, root.path).sample.spec() == {"size": 60, "seed": 7, "by": ["kind"]}


def test_under_the_development_policy_a_sample_grows_where_it_would_be_too_small(root):
    dev = {"policy": "dev", "dev_items": 20}
    plan = root.plan(budget=dev, sample={"size": 30})
    fragment = next_study(plan, row(precision(), 0))
    assert (fragment["budget"], fragment["sample"]) == ({"dev_items": 40}, {"size": 40})
    fragment = next_study(root.plan(budget=dev, sample={"size": 90}), row(precision(), 0))
    assert "sample" not in fragment


def test_items_are_left_where_a_source_has_more():
    assert items_left({"items": [{"kind": "path", "limit": None}], "sample": {"size": 5}})
    assert items_left({"items": [{"kind": "generate", "size": 5}]})
    assert items_left({"items": [{"kind": "path", "limit": 5}]})
    assert items_left({"items": [{"kind": "path", "limit": None}], "item_limit": 10})
    assert not items_left({"items": [{"kind": "path", "limit": None}], "item_limit": None})
