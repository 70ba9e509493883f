"""The `lost` entry of a contrast, from a grid: against filling in by hand and the grid's own variants."""

import numpy as np
import pytest

from splitplot.inference.arms import build_arms
from splitplot.inference.evidence import FIXED, ITEMS
from splitplot.inference.grid import Cell, Grid, Rows
from splitplot.inference.lost import filled_arm, lost_answers
from splitplot.inference.mcnemar import mcnemar_exact, tango
from splitplot.inference.paired import paired_comparison
from splitplot.inference.sensitivity import Alternatives


def make_grid(tables, truncated=None, cluster=None):
    """tables: scores per cell, shape (n_items, replications); NaN is lost. The arms alternate."""
    n, k = tables[0].shape
    cells = [
        Cell(f"t{i // 2}", f"m{i // 2}", "s", f"c{i % 2}", "ab"[i % 2], False)
        for i in range(len(tables))
    ]
    scores = np.concatenate([table.ravel() for table in tables])
    cut = np.zeros(scores.size, dtype=bool) if truncated is None else truncated
    rows = Rows(
        cell=np.repeat(np.arange(len(tables)), n * k),
        item=np.tile(np.repeat(np.arange(n), k), len(tables)),
        replication=np.tile(np.arange(k), n * len(tables)),
        strict=scores,
        observed=np.where(cut, np.nan, scores),
        truncated=cut,
        signature=np.zeros(scores.size, dtype=np.int64),
    )
    codes = np.arange(n) if cluster is None else cluster
    return Grid(cells, [f"i{j:03}" for j in range(n)], codes, rows)


def entry(grid, pairs=((0, 1),), scope=ITEMS, missing="strict", margin=0.05):
    other = Alternatives(grid, list(pairs), 0.05, 7, scope)
    arms = build_arms(grid, list(pairs), missing, missing)
    cluster = other.cluster(arms)
    result = paired_comparison(arms.a, arms.b, cluster=cluster, seed=7)
    return lost_answers(
        other, "A", "B", missing=missing, margin=margin,
        difference=result.difference, equivalence=result.equivalence,
    )  # fmt: skip


def column(*runs):
    """0/1 answers of one replication, written as (value, times)."""
    return np.concatenate([np.full(times, float(value)) for value, times in runs])[:, None]


@pytest.fixture
def clear_lead():
    """80 items: A alone right on 24, B alone on 4, both on 38; 14 answers of B lost where A was right."""
    a = column((1, 24), (0, 4), (1, 38), (1, 14))
    b = column((0, 24), (1, 4), (1, 38), (np.nan, 14))
    return make_grid([a, b])


def test_the_tipping_point_is_one_number_of_the_arm_that_lost_answers(clear_lead):
    found = entry(clear_lead, margin=0.15)
    by_hand = next(x for x in range(15) if tango(38 - x, 4, 80, 0.95).low <= 0.15)
    assert found["tipping"]["verdict"] == "BETTER"
    assert (found["tipping"]["needed"], found["tipping"]["of"]) == (by_hand, 14)
    assert found["tipping"]["sentence"] == (
        f"The verdict flips only if at least {by_hand} of the 14 lost answers of “B” were right."
    )
    assert (found["n_a"], found["n_b"], found["items"]) == (0, 14, 14)


def test_lost_answers_of_the_winner_would_have_had_to_be_wrong():
    a = column((1, 30), (0, 4), (1, 38), (np.nan, 8))
    b = column((0, 30), (1, 4), (1, 38), (0, 8))
    found = entry(make_grid([a, b]), margin=0.215)
    by_hand = next(x for x in range(9) if tango(38 - x, 4, 80, 0.95).low <= 0.215)
    assert found["tipping"]["needed"] == by_hand
    assert found["tipping"]["sentence"].endswith(
        f"{by_hand} of the 8 lost answers of “A” were wrong."
    )


def test_where_nothing_was_lost_there_is_nothing_to_say():
    assert entry(make_grid([column((1, 30), (0, 10)), column((0, 25), (1, 15))])) is None


def test_a_verdict_that_no_filling_turns_says_so(clear_lead):
    found = entry(clear_lead, margin=0.001)
    assert found["tipping"]["needed"] is None
    assert found["tipping"]["sentence"] == (
        "The verdict would stand however the 14 lost answers had turned out."
    )


def test_losses_in_both_arms_are_counted_together():
    a = column((1, 30), (0, 4), (1, 40), (np.nan, 3), (1, 3))
    b = column((0, 30), (1, 4), (1, 40), (0, 3), (np.nan, 3))
    tipping = entry(make_grid([a, b]), margin=0.2)["tipping"]
    by_hand = next((x for x in range(7) if tango(36 - x, 4, 80, 0.95).low <= 0.2), None)
    assert (tipping["needed"], tipping["of"]) == (by_hand, 6)
    assert "against “A” (its own wrong, those of “B” right)" in tipping["sentence"]


def test_equivalence_falls_to_either_side():
    a = column((1, 300), (0, 300), (1, 10), (0, 10), (1, 30))
    b = column((1, 300), (0, 300), (0, 10), (1, 10), (np.nan, 30))
    tipping = entry(make_grid([a, b]), margin=0.04)["tipping"]
    assert tipping["verdict"] == "EQUIVALENT"
    # All lost answers right: 10 against 10. Against A cannot hurt; wrong, they are wins of A.
    wrong = next(x for x in range(31) if tango(10 + x, 10, 650, 0.90).high >= 0.04)
    assert tipping["needed"] == wrong
    assert tipping["sentence"] == (
        f"The verdict flips only if at least {wrong} of the 30 lost answers of “B” were wrong."
    )


def test_an_open_verdict_has_no_tipping_point():
    a, b = column((1, 20), (0, 18), (np.nan, 2)), column((0, 18), (1, 20), (1, 2))
    found = entry(make_grid([a, b]))
    assert found["tipping"] is None
    assert found["bounds"] is not None


def test_bounds_are_the_intervals_with_all_answers_against_and_for_the_first_arm(clear_lead):
    found = entry(clear_lead)["bounds"]
    against, favour = tango(24, 4, 80, 0.95), tango(38, 4, 80, 0.95)
    assert (found["low"]["low"], found["low"]["high"]) == (against.low, against.high)
    assert (found["high"]["low"], found["high"]["high"]) == (favour.low, favour.high)
    assert against.low < found["covering"]["low"] < against.estimate
    assert favour.estimate < found["covering"]["high"] < favour.high


def test_differential_loss_counts_items(clear_lead):
    found = entry(clear_lead)
    assert found["differential_p"] == mcnemar_exact(0, 14)
    assert "McNemar" in found["differential_test"]


def random_tables(seed, n=30, k=3, cells=4, holes=0.1):
    random = np.random.default_rng(seed)
    tables = []
    for index in range(cells):
        scores = (random.random((n, k)) < (0.75 if index % 2 == 0 else 0.35)).astype(float)
        scores[random.random((n, k)) < holes] = np.nan
        tables.append(scores)
    return tables


@pytest.mark.parametrize("seed", range(4))
def test_arms_filled_in_are_those_of_the_variants_of_the_grid(seed):
    grid = make_grid(random_tables(seed))
    other = Alternatives(grid, [(0, 1), (2, 3)], 0.05, 1)
    wrong, right = (build_arms(grid, other.pairs, v, v) for v in ("lost_wrong", "lost_right"))
    for side, low, high in ((0, wrong.a, right.a), (1, wrong.b, right.b)):
        arm = filled_arm(other, side, "strict")
        assert arm.low == pytest.approx(low)
        assert arm.high == pytest.approx(high)
        moved = np.bincount(arm.item, weights=arm.weight, minlength=30)
        assert arm.high - arm.low == pytest.approx(moved)


def test_replications_and_pairs_of_cells_share_the_weight_of_an_item():
    found = entry(make_grid(random_tables(1)), pairs=[(0, 1), (2, 3)], margin=0.15)
    assert found["tipping"]["of"] == found["n_a"] + found["n_b"]
    assert 0 < found["tipping"]["needed"] <= found["tipping"]["of"]
    assert "sign-flip" in found["differential_test"]


def test_clusters_reach_the_test_and_the_interval():
    tables = random_tables(2, n=40, k=1, cells=2)
    alone = entry(make_grid(tables))
    grouped = entry(make_grid(tables, cluster=np.repeat(np.arange(10), 4)))
    assert "cluster" in grouped["differential_test"]
    assert grouped["bounds"]["low"]["method"] == "CR2 clustered t"
    assert alone["bounds"]["low"]["method"] == "Tango score"


def test_unusable_answers_stay_out_where_only_usable_ones_count():
    a, b = column((1, 30), (0, 10), (np.nan, 4)), column((0, 30), (1, 10), (1, 4))
    cut = np.zeros(88, dtype=bool)
    cut[:5] = True  # five of A's right answers were cut off
    grid = make_grid([a, b], truncated=cut)
    other = Alternatives(grid, [(0, 1)], 0.05, 1)
    arm = filled_arm(other, 0, "observed")
    assert np.isnan(arm.high[:5]).all()
    assert not np.isnan(filled_arm(other, 0, "strict").high).any()
    assert entry(grid, missing="observed")["tipping"]["of"] == 4


def test_scores_without_a_known_range_have_no_bounds():
    random = np.random.default_rng(1)
    a, b = random.normal(5, 1, (30, 1)), random.normal(3, 1, (30, 1))
    a[0] = np.nan
    found = entry(make_grid([a, b]))
    assert (found["bounds"], found["tipping"]) == (None, None)
    assert found["n_a"] == 1


def test_a_claim_about_these_items_has_bounds_and_no_tipping_point():
    found = entry(make_grid(random_tables(3)), pairs=[(0, 1)], scope=FIXED)
    assert found["tipping"] is None
    assert found["bounds"]["low"]["method"] == "run-to-run noise, t"


def test_a_cut_off_answer_is_wrong_and_leaving_it_out_is_another_analysis():
    # Trap: complete pairs drop what one arm failed to finish. Of 100 items A cuts off 30, all of them hard
    # ones that B gets right half of the time: without them A looks better, with them it is worse.
    a = column((1, 45), (0, 25), (0, 30))
    b = column((1, 35), (0, 35), (1, 15), (0, 15))
    cut = np.zeros(200, dtype=bool)
    cut[70:100] = True
    other = Alternatives(make_grid([a, b], truncated=cut), [(0, 1)], 0.05, 1)
    strict = build_arms(other.grid, other.pairs, "strict", "strict")
    assert (strict.a - strict.b).mean() == pytest.approx(-0.05)
    (without,) = other.truncation("strict")
    assert without.difference.estimate == pytest.approx(10 / 70)
    assert without.difference.low > 0
    assert "cut-off" in without.supposing
    (counted,) = other.truncation("observed")
    assert counted.difference.estimate == pytest.approx(-0.05)


def test_a_single_cluster_or_no_common_item_has_no_test_and_no_crash():
    tables = random_tables(2, k=1, cells=2)
    for changed in (np.zeros(30, dtype=np.int64), None):
        if changed is None:
            tables[0][:], tables[1][:15] = np.nan, np.nan
        other = Alternatives(make_grid(tables, cluster=changed), [(0, 1)], 0.05, 7)
        found = lost_answers(
            other, "A", "B", missing="strict", margin=0.05, difference=None, equivalence=None
        )  # fmt: skip
        assert found["n_a"] > 0
        assert found["tipping"] is None
        assert found["differential_p"] is None or changed is None
