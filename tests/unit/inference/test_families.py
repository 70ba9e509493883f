"""One family per question and metric: who is judged together, by what, and what that cannot be bent to."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from splitplot.inference.families import Compared, adjusted, families
from splitplot.inference.resampling.simultaneous import simultaneous_intervals

ITEMS = np.random.default_rng(1).integers(-1, 2, (80, 6)).astype(float)
P = [0.004, 0.03, 0.2, 0.01, 0.04, None]


def compared(name, metric, primary, column, p):
    return Compared(name, metric, primary, ITEMS[:, column], p, bounded=True)


STUDY = [
    compared("a − b", "exact", True, 0, P[0]),
    compared("a − c", "exact", True, 1, P[1]),
    compared("b − c", "exact", True, 2, P[2]),
    compared("d − e", "exact", False, 3, P[3]),
    compared("d − f", "exact", False, 4, P[4]),
    compared("e − f", "exact", False, 5, P[5]),
]
ALONE = {"exact": None}


def test_primary_comparisons_are_adjusted_by_holm_and_the_others_by_benjamini_and_hochberg():
    primary, rest = families(STUDY, ALONE, seed=1)
    assert (primary.kind, primary.adjustment, primary.members) == ("primary", "Holm", (0, 1, 2))
    assert primary.p_adjusted == pytest.approx(tuple(multipletests(P[:3], method="holm")[1]))
    assert (rest.kind, rest.adjustment) == ("exploratory", "Benjamini-Hochberg")
    assert rest.p_adjusted[:2] == pytest.approx(tuple(multipletests(P[3:5], method="fdr_bh")[1]))
    assert rest.p_adjusted[2] is None


def test_looking_at_more_cannot_change_the_primary_family():
    # Trap 25: exploration neither costs the declared comparisons anything nor gives them anything.
    alone = families(STUDY[:3], ALONE, seed=1)[0]
    assert families(STUDY, ALONE, seed=1)[0] == alone


def test_metrics_are_not_pooled():
    # Trap 25: 20 harmless comparisons on a second metric would otherwise dilute or hide the first.
    harmless = [compared(f"x{i}", "length", True, i % 6, 0.9) for i in range(20)]
    found = families([*harmless, *STUDY[:3]], {"exact": None, "length": None}, seed=1)
    assert [family.metric for family in found] == ["length", "exact"]
    assert found[1].p_adjusted == families(STUDY[:3], ALONE, seed=1)[0].p_adjusted


def test_what_is_explored_is_one_list_over_all_metrics():
    # One test per metric would never be adjusted, however many metrics there are.
    metrics = [f"scorer {i}" for i in range(5)]
    explored = [
        compared(m, m, False, i, p) for i, (m, p) in enumerate(zip(metrics, P, strict=False))
    ]
    found = families([*STUDY[:3], *explored], dict.fromkeys([*metrics, "exact"]), seed=1)
    p = [one.p_adjusted[0] for one in found[1:]]
    assert p == pytest.approx(list(multipletests(P[:5], method="fdr_bh")[1]))
    assert [one.metric for one in found] == ["exact", *metrics]
    assert {(one.size, one.pooled, one.adjustment) for one in found[1:]} == {
        (5, True, "Benjamini-Hochberg")
    }
    assert found[0].p_adjusted == families(STUDY[:3], ALONE, seed=1)[0].p_adjusted


def test_the_comparisons_of_a_metric_are_not_split():
    # Trap 25: wherever they stand in the plan, they share one α.
    mixed = [STUDY[0], compared("x", "length", True, 3, 0.5), STUDY[1], STUDY[2]]
    found = families(mixed, {"exact": None, "length": None}, seed=1)
    assert [family.members for family in found] == [(0, 2, 3), (1,)]


def test_a_single_test_is_not_adjusted():
    assert adjusted([0.03], "primary") == ([0.03], "none")
    assert adjusted([0.03, None], "exploratory") == ([0.03, None], "none")
    alone = families(STUDY[:1], ALONE, seed=1)[0]
    assert alone.simultaneous is None
    assert alone.intervals == (None,)


def test_intervals_are_simultaneous_over_the_family_alone():
    primary, _ = families(STUDY, ALONE, seed=1)
    expected = simultaneous_intervals(ITEMS[:, :3], bounded=True, seed=5)
    for ours, theirs in zip(primary.intervals, expected.intervals, strict=True):
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.002)
        assert ours.level == 0.95


def test_the_order_of_the_plan_changes_no_interval():
    forwards = families(STUDY[:3], ALONE, seed=1)[0].intervals
    assert families(STUDY[2::-1], ALONE, seed=1)[0].intervals == forwards[::-1]


def test_a_comparison_at_another_scope_is_adjusted_but_gets_no_interval_over_items():
    fixed = Compared("run noise", "exact", True, None, 0.02)
    family = families([*STUDY[:3], fixed], ALONE, seed=1)[0]
    assert family.p_adjusted == pytest.approx(
        tuple(multipletests([*P[:3], 0.02], method="holm")[1])
    )
    assert family.intervals[3] is None
    assert family.intervals[:3] == families(STUDY[:3], ALONE, seed=1)[0].intervals


def test_clusters_belong_to_their_metric():
    cluster = np.repeat(np.arange(10), 8)
    family = families(STUDY[:3], {"exact": cluster}, seed=1)[0]
    assert "CR2" in family.simultaneous.method
    lonely = families(STUDY[:3], {"exact": np.zeros(80)}, seed=1)[0]
    assert lonely.simultaneous is None
    assert "2" in lonely.problem


def test_the_json_names_every_member():
    names = [one.name for one in STUDY]
    entry = families(STUDY, ALONE, seed=1)[0].to_json(names)
    assert entry["contrasts"] == ["a − b", "a − c", "b − c"]
    assert entry["name"] == "primary, exact"
    assert set(entry["simultaneous"]) == {"method", "critical", "level_each", "draws"}
