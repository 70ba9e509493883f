"""Intervals for prompts like these: literal mean squares, and error rates by simulation."""

import numpy as np
import pytest

from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.intervals import t_mean, t_quantile
from splitplot.inference.scopes import (
    TooFewPrompts,
    p_value,
    prompts_interval,
    two_way,
)


def drawn(items, prompts, item=0.3, prompt=0.1, rest=0.5, seed=0):
    random = np.random.default_rng(seed)
    table = random.normal(0, rest, (items, prompts)) + random.normal(0, item, (items, 1))
    return table + random.normal(0, prompt, (1, prompts))


def t_over_prompts(table):
    """For exactly these items and prompts like these."""
    return t_mean(table.mean(axis=0))


def pigeonhole_se(table, draws=2_000):
    """Owen (2007): the standard deviation of Σ w_i v_p d_ip / (I·P), w and v multinomial and independent."""
    random, (items, prompts) = np.random.default_rng(1), table.shape
    w = random.multinomial(items, np.full(items, 1 / items), draws)
    v = random.multinomial(prompts, np.full(prompts, 1 / prompts), draws)
    return (np.einsum("bi,ip,bp->b", w, table, v) / table.size).std(ddof=1)


def literal_mean_squares(table):
    items, prompts = table.shape
    mean, of_item, of_prompt = table.mean(), table.mean(axis=1), table.mean(axis=0)
    ms_item = prompts * sum((of_item - mean) ** 2) / (items - 1)
    ms_prompt = items * sum((of_prompt - mean) ** 2) / (prompts - 1)
    rest = sum(
        (table[i, p] - of_item[i] - of_prompt[p] + mean) ** 2
        for i in range(items)
        for p in range(prompts)
    )
    return ms_item, ms_prompt, rest / ((items - 1) * (prompts - 1))


def test_the_standard_error_and_its_degrees_of_freedom_are_those_of_the_two_way_table():
    table = drawn(40, 6, seed=1)
    ms_item, ms_prompt, ms_rest = literal_mean_squares(table)
    whole = ms_item + ms_prompt - ms_rest
    assert whole > max(ms_item, ms_prompt)
    df = whole**2 / (ms_item**2 / 39 + ms_prompt**2 / 5 + ms_rest**2 / (39 * 5))
    interval = prompts_interval(table)
    assert interval.se == pytest.approx(np.sqrt(whole / 240))
    assert interval.df == pytest.approx(df)
    half = t_quantile(0.95, df) * np.sqrt(whole / 240)
    assert (interval.low, interval.high) == pytest.approx(
        (table.mean() - half, table.mean() + half)
    )


def test_the_standard_error_is_never_below_that_of_items_or_of_prompts_alone():
    checked = 0
    for seed in range(60):
        table = drawn(30, 4, item=0.0, prompt=0.0, seed=seed)
        ms_item, ms_prompt, ms_rest = literal_mean_squares(table)
        parts = two_way(table)
        assert parts.variance >= max(ms_item, ms_prompt) / 120 * (1 - 1e-12)
        assert parts.df >= 3
        checked += ms_rest > min(ms_item, ms_prompt)
    assert checked > 10


def test_the_interval_is_never_narrower_than_t_over_items_or_over_prompts():
    shown = set()
    for seed in range(60):
        table = drawn(40, 3, item=0.1, prompt=0.1, rest=0.3, seed=seed)
        interval = prompts_interval(table)
        parts = two_way(table)
        widths = {
            "both": t_quantile(0.95, parts.df) * np.sqrt(parts.variance),
            "items": (t_mean(table.mean(axis=1)).high - table.mean()),
            "prompts": (t_over_prompts(table).high - table.mean()),
        }
        assert interval.high - interval.estimate == pytest.approx(max(widths.values()))
        shown.add(max(widths, key=widths.get))
    assert shown >= {"both", "prompts"}


def test_clusters_of_one_item_change_nothing_and_clusters_of_alike_items_widen():
    table = np.repeat(drawn(12, 5, seed=3), 4, axis=0)
    alone = prompts_interval(table, cluster=np.arange(48))
    assert alone == prompts_interval(table)
    together = prompts_interval(table, cluster=np.repeat(np.arange(12), 4))
    one_each = prompts_interval(table[::4])
    assert together.se == pytest.approx(one_each.se)
    assert together.df == pytest.approx(one_each.df)
    assert together.se > 1.1 * alone.se
    with pytest.raises(TooFewClusters):
        prompts_interval(table, cluster=np.zeros(48))


def test_the_items_part_is_the_clustered_variance_of_the_item_means():
    table = drawn(30, 4, seed=4)
    cluster = np.arange(30) // 5
    expected = cr2_mean(table.mean(axis=1), cluster)
    parts = two_way(table, cluster)
    assert (np.sqrt(parts.items), parts.df_items) == pytest.approx((expected.se, expected.df))


def false_alarms(interval, simulations=400, **design):
    hits = 0
    for seed in range(simulations):
        found = interval(drawn(seed=seed, **design))
        hits += not found.low <= 0 <= found.high
    return hits / simulations


def test_trap_17_a_claim_about_prompts_with_the_error_of_items_alone_cries_wolf_and_more_with_more_items():
    few, many = (
        false_alarms(
            lambda table: t_mean(table.mean(axis=1)), items=items, prompts=5, simulations=200
        )
        for items in (100, 1500)
    )
    assert 0.12 < few < many
    assert many > 0.4


@pytest.mark.parametrize("prompts", [3, 5, 12])
@pytest.mark.parametrize(("item", "prompt"), [(0.3, 0.1), (0.0, 0.1), (0.3, 0.0), (0.0, 0.0)])
def test_the_default_keeps_its_level_for_every_mix_of_items_and_prompts(prompts, item, prompt):
    rate = false_alarms(prompts_interval, items=60, prompts=prompts, item=item, prompt=prompt)
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_t_over_prompts_alone_cries_wolf_where_items_take_to_the_arms_differently():
    """It is .05 only without item × arm; with it the items are a sample too."""
    fine = false_alarms(t_over_prompts, items=60, prompts=12, item=0.0)
    wolf = false_alarms(t_over_prompts, items=60, prompts=12, item=0.3, prompt=0.0)
    assert fine < 0.08
    assert wolf > 0.25


def test_the_pigeonhole_bootstrap_agrees_where_prompts_are_many_and_the_residual_small():
    table = drawn(200, 40, item=0.3, prompt=0.2, rest=0.3, seed=6)
    assert pigeonhole_se(table) == pytest.approx(prompts_interval(table).se, rel=0.1)


def test_fewer_than_three_prompts_are_refused():
    with pytest.raises(TooFewPrompts, match="at least 3"):
        prompts_interval(drawn(50, 2))


def test_equal_differences_get_the_exact_bound_on_the_number_of_prompts():
    interval = prompts_interval(np.full((50, 4), 0.25))
    unseen = 1 - 0.025**0.25
    assert interval.low == pytest.approx(0.25 - unseen * 1.25)
    assert interval.high == pytest.approx(0.25 + unseen * 0.75)
    with pytest.raises(ValueError, match="no known range"):
        prompts_interval(np.full((50, 4), 3.0))


def test_a_residual_without_margins_leaves_an_interval_with_a_width():
    table = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert prompts_interval(table).se > 0


def test_p_values_agree_with_the_interval():
    interval = prompts_interval(drawn(50, 6, seed=2) + 0.1)
    p = p_value(interval)
    assert (p < 0.05) == (interval.low > 0 or interval.high < 0)
    edge = t_quantile(1 - p, interval.df) * interval.se
    assert edge == pytest.approx(abs(interval.estimate))


def test_holes_are_refused():
    table = drawn(10, 4)
    table[0, 0] = np.nan
    with pytest.raises(ValueError, match="answered under every prompt"):
        prompts_interval(table)
