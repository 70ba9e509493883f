"""The simulated answers of a whole study: its grid, its means, and a table that the inference reads."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from splitplot.inference.asked import asked_of_plan
from splitplot.inference.assumptions import Components
from splitplot.inference.data import load_data, solver_cells
from splitplot.rehearsal.answers import Layout, as_grid, draw_study, write_table
from splitplot.rehearsal.money import money_of
from splitplot.scoring.schema import SCHEMA

TWO = [{"name": "cold", "temperature": 0}, {"name": "warm", "temperature": 1.0}]
PRIMARY = [
    {"contrast": ["condition", "steps", "direct"], "margin": 0.05},
    {"contrast": ["sampling", "cold", "warm"], "margin": 0.05},
]


@pytest.fixture
def layout(planned):
    def make(n=None, cluster=None, components=None, **changes):
        plan, items = planned(
            **{
                "primary": PRIMARY,
                "sampling": TWO,
                "replications": 3,
                "scorers": ["numeric", "exact"],
            }
            | changes
        )
        cells = solver_cells(plan)
        asked = asked_of_plan(plan["analysis"]["primary"], cells)
        c = components or Components(0.5, 0.25, 0.2, (0.25 - 0.25**2 - 0.2**2) ** 0.5)
        count = n or len(items)
        return (
            plan,
            items,
            Layout(cells, (3,) * len(cells), asked, [c] * len(asked), count, cluster),
        )

    return make


def test_every_contrast_has_its_gap_and_its_item_by_arm_variance(layout):
    _, _, where = layout(n=60_000)
    scores = draw_study(where, [0.1, -0.06], np.random.default_rng(1))
    mean = {
        (c.condition, c.sampling): s.mean(axis=0) for c, s in zip(where.cells, scores, strict=True)
    }
    steps = (mean["steps", "cold"] + mean["steps", "warm"]) / 2
    direct = (mean["direct", "cold"] + mean["direct", "warm"]) / 2
    assert (steps - direct).mean() == pytest.approx(0.1, abs=0.01)
    cold = (mean["steps", "cold"] + mean["direct", "cold"]) / 2
    warm = (mean["steps", "warm"] + mean["direct", "warm"]) / 2
    assert (cold - warm).mean() == pytest.approx(-0.06, abs=0.01)
    # between single answers of arms that differ in one factor: 2(item_arm² + run²) = 2(0.25 − item²)
    warm_cells = [s for c, s in zip(where.cells, scores, strict=True) if c.sampling == "warm"]
    d = warm_cells[0][0] - warm_cells[1][0]
    assert d.var() == pytest.approx(2 * (0.25 - 0.25**2), rel=0.03)


def test_at_temperature_0_every_replication_is_the_same(layout):
    _, _, where = layout()
    for cell, part in zip(
        where.cells, draw_study(where, [0, 0], np.random.default_rng(2)), strict=True
    ):
        same = bool((part == part[0]).all())
        assert part.shape == (3, 40) and same == (cell.sampling == "cold")


def test_the_table_is_complete_and_gives_the_same_grid(layout, tmp_path):
    plan, items, where = layout()
    rng = np.random.default_rng(3)
    scores = draw_study(where, [0.05, 0.0], rng)
    expected = {(a.trial, a.condition): a for a in money_of(plan, items, tmp_path).answers}
    path = tmp_path / "t.parquet"
    write_table(path, plan, where, items, scores, expected, rng)
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == 4 * 3 * 40 * 2  # cells × replications × items × scorers
    assert set(table["simulated"].to_pylist()) == {True}
    assert min(table["tokens_out"].to_pylist()) >= 1
    read = load_data(path, plan).grid()
    direct = as_grid(where, [item.id for item in items], scores, range(len(items)))
    assert read.items == direct.items
    for cell in range(4):
        assert np.array_equal(read.scores(cell).mean, direct.scores(cell).mean)
        assert read.deterministic(cell) == direct.deterministic(cell)


def test_items_of_a_cluster_are_alike(layout):
    c = Components(0.5, 0.3, 0.2, (0.25 - 0.3**2 - 0.2**2) ** 0.5, cluster_share=0.5)
    _, _, where = layout(n=40_000, cluster=np.arange(40_000) // 2, components=c)
    part = draw_study(where, [0, 0], np.random.default_rng(4))[2].mean(axis=0)
    pairs = part.reshape(-1, 2)
    assert np.cov(pairs.T)[0, 1] == pytest.approx(0.5 * (0.3**2 + 0.2**2), rel=0.1)


def test_a_scorer_has_simulated_rows_of_the_items_that_it_grades(layout, tmp_path):
    scorers = [
        "numeric",
        {"name": "closed", "scorer": "exact", "over": "closed_book"},
        {"name": "open", "scorer": "exact", "over": "open_book"},
    ]
    plan, items, where = layout(scorers=scorers)
    rng = np.random.default_rng(3)
    scores = draw_study(where, [0.05, 0.0], rng)
    expected = {(a.trial, a.condition): a for a in money_of(plan, items, tmp_path).answers}
    items = [replace(item, context="A passage.") if n % 4 else item for n, item in enumerate(items)]
    write_table(tmp_path / "t.parquet", plan, where, items, scores, expected, rng)
    rows = pq.read_table(tmp_path / "t.parquet").to_pylist()
    per_scorer = {
        name: {row["item_id"] for row in rows if row["scorer"] == name}
        for name in ("numeric", "closed", "open")
    }
    assert per_scorer["numeric"] == {item.id for item in items}
    assert per_scorer["closed"] == {item.id for item in items if item.context is None}
    assert per_scorer["open"] == {item.id for item in items if item.context is not None}
    assert all(per_scorer.values())
