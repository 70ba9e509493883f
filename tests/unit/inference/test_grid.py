"""Item means per cell under each analysis, and the arms built from them."""

import numpy as np
import pytest

from splitplot.calls.records import LOST, OUTCOMES
from splitplot.inference import health
from splitplot.inference.arms import build_arms, paired_cells
from splitplot.inference.grid import Cell, Grid, Rows

CELLS = [
    Cell(f"{model}-{sampling}", model, sampling, f"{condition}--1", condition, sampling == "greedy")
    for model in ("m1", "m2")
    for sampling in ("greedy", "warm")
    for condition in ("x", "y")
]
NAN = np.nan


def grid_of(rows, n_items=3):
    """rows: (cell, item, replication, strict, observed, truncated)."""
    columns = list(zip(*rows, strict=True))
    integers = [np.array(c, dtype=np.int64) for c in columns[:3]]
    scores = [np.array(c, dtype=np.float64) for c in columns[3:5]]
    cut = np.array(columns[5], dtype=bool)
    built = Rows(*integers, *scores, cut, np.zeros(len(rows), dtype=np.int64))
    return Grid(CELLS, [f"q{i}" for i in range(n_items)], np.arange(n_items), built)


ROWS = [
    (0, 0, 0, 1.0, 1.0, False),
    (0, 0, 1, 0.0, NAN, True),
    (0, 1, 0, NAN, NAN, False),
    (0, 1, 1, 1.0, 1.0, False),
    (0, 2, 0, NAN, NAN, False),
]


@pytest.mark.parametrize(
    ("variant", "means"),
    [
        ("strict", [0.5, 1.0, NAN]),
        ("observed", [1.0, 1.0, NAN]),
        ("untruncated", [1.0, 1.0, NAN]),
        ("first", [1.0, NAN, NAN]),
        ("lost_wrong", [0.5, 0.5, 0.0]),
        ("lost_right", [0.5, 1.0, 1.0]),
    ],
)
def test_each_variant_counts_answers_as_it_says(variant, means):
    assert grid_of(ROWS).scores(0, variant).mean == pytest.approx(means, nan_ok=True)


def test_run_variance_is_s2_over_k_per_item():
    grid = grid_of([(0, 0, k, s, s, False) for k, s in enumerate((0.0, 1.0, 1.0))])
    assert grid.scores(0).run_variance[0] == pytest.approx(np.var([0, 1, 1], ddof=1) / 3)


def test_shares_and_lost_items():
    grid = grid_of(ROWS)
    assert grid.share("lost", [0]) == pytest.approx(2 / 5)
    assert grid.share("truncated", [0]) == pytest.approx(1 / 3)
    assert grid.lost_items([0]).tolist() == [False, True, True]
    assert grid.replications(0) == 2


def test_an_item_counts_only_in_cells_where_both_arms_have_it():
    # Item 0 in both pairs, item 1 only in the first pair, item 2 only on one side.
    rows = [
        (0, 0, 0, 1.0, 1.0, False),
        (1, 0, 0, 0.0, 0.0, False),
        (2, 0, 0, 0.0, 0.0, False),
        (3, 0, 0, 0.0, 0.0, False),
        (0, 1, 0, 1.0, 1.0, False),
        (1, 1, 0, 1.0, 1.0, False),
        (2, 1, 0, 0.0, 0.0, False),
        (0, 2, 0, 1.0, 1.0, False),
    ]
    arms = build_arms(grid_of(rows), [(0, 1), (2, 3)], "strict", "strict")
    assert arms.item.tolist() == [0, 1]
    assert arms.a.tolist() == [0.5, 1.0]
    assert arms.b.tolist() == [0.0, 1.0]
    assert arms.n_union == 3


@pytest.mark.parametrize(
    ("factor", "a", "b", "expected"),
    [
        ("condition", "x", "y", [(0, 1), (2, 3), (4, 5), (6, 7)]),
        ("model", "m2", "m1", [(4, 0), (5, 1), (6, 2), (7, 3)]),
        ("sampling", "greedy", "warm", [(0, 2), (1, 3), (4, 6), (5, 7)]),
        ("trial", "m1-greedy", "m2-warm", [(0, 6), (1, 7)]),
    ],
)
def test_cells_are_paired_with_the_cell_that_differs_in_the_factor_alone(factor, a, b, expected):
    assert paired_cells(CELLS, factor, a, b, "x") == expected


def test_outcomes_are_those_of_the_records():
    assert set(health.LOST) == set(LOST)
    assert set(health.ALL_OUTCOMES) == {*OUTCOMES, "abstained", "unparseable"}
