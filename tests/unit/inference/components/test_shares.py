"""Shares of variance: intervals that cover, both estimators alike, boundaries said as such."""

from dataclasses import replace

import numpy as np
import pytest

from splitplot.inference.components import shares as shares_module
from splitplot.inference.components.crossed import collapse
from splitplot.inference.components.ems import ems
from splitplot.inference.components.factors import factor_system
from splitplot.inference.components.reml import newton, reml
from splitplot.inference.components.shares import EMS, REML, decompose

from .conftest import TRUTH, crossed, drawn


def with_a_hole(scores):
    holed = scores.copy()
    holed[0, 0, 0, 0] = np.nan
    return holed


def test_shares_add_up_to_1_and_are_those_of_the_components():
    scores = crossed(drawn(100, 3, 4, 2, seed=1))
    found = decompose(scores)
    assert found.method == EMS
    variances = np.maximum(ems(scores).variance, 0)
    shares = [source.share for source in found.sources]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == pytest.approx(list(variances / variances.sum()))


def test_one_lost_answer_changes_the_method_and_hardly_the_numbers():
    scores = drawn(150, 6, 5, 2, seed=2)
    squares, likelihood = decompose(crossed(scores)), decompose(crossed(with_a_hole(scores)))
    assert (squares.method, likelihood.method) == (EMS, REML)
    for a, b in zip(squares.sources, likelihood.sources, strict=True):
        assert a.term == b.term
        assert b.share == pytest.approx(a.share, abs=0.002)
        if a.detectable and a.low is not None:
            assert (b.low, b.high) == pytest.approx((a.low, a.high), abs=0.012)


def test_factor_components_of_cell_means_are_those_of_the_mean_squares():
    """In a balanced design Henderson's projections are the analysis of variance."""
    scores = crossed(drawn(40, 3, 4, 2, seed=3))
    fit, squares = reml(scores), ems(scores)
    assert not any(fit.at_boundary)
    system = factor_system(scores.level)
    found = system.components(fit.fixed[None, :], fit.covariance)[0]
    assert system.terms == ((0,), (1,), (0, 1))
    assert found == pytest.approx(squares.variance[:3], abs=1e-9)


def test_factor_components_are_unbiased_with_cells_left_out():
    """Two of twelve cells were never asked; no noise of items, so the truth is known but for the draw."""
    level = np.array([(m, p) for m in range(4) for p in range(3) if (m, p) not in ((0, 0), (3, 2))])
    system, random, found = factor_system(level), np.random.default_rng(4), []
    for _ in range(4000):
        a, b, c = random.normal(0, 0.3, 4), random.normal(0, 0.2, 3), random.normal(0, 0.1, 10)
        found.append(
            system.components((a[level[:, 0]] + b[level[:, 1]] + c)[None, :], np.zeros((10, 10)))[0]
        )
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(4000)
    assert (np.abs(mean - [0.09, 0.04, 0.01]) < 4 * error).all()


@pytest.mark.long
@pytest.mark.parametrize("hole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_intervals_of_shares_cover_the_shares_of_the_truth(hole):
    """Factor effects are held fixed: an interval over items speaks of these models and prompts."""
    nothing = dict.fromkeys(
        ("item", "item_model", "item_condition", "item_model_condition", "run"), 0.0
    )
    fixed = drawn(1, 6, 5, 1, seed=99, **nothing)
    none = {"model": 0.0, "condition": 0.0}
    effects = fixed[0, :, :, 0]
    names = ["item", "item × model", "item × condition", "item × model × condition", "run"]
    by_cell = decompose(crossed(np.repeat(fixed, 2, axis=0) + 1e-9 * drawn(2, 6, 5, 2))).sources
    factor = sum(max(0.0, source.variance) for source in by_cell[:3])
    total = sum(TRUTH[name] for name in names) + factor
    hits, runs = np.zeros(5), 100
    for seed in range(runs):
        scores = drawn(100, 6, 5, 2, seed=1000 + seed, **none) + effects[None, :, :, None]
        found = decompose(crossed(with_a_hole(scores) if hole else scores), seed=seed, draws=500)
        for index, name in enumerate(names):
            source = found.of(*name.split(" × "))
            hits[index] += source.low <= TRUTH[name] / total <= source.high
    assert (hits / runs >= 0.88).all(), hits / runs


def test_clusters_are_resampled_whole():
    base = drawn(60, 2, 2, 2, seed=5)
    alike = np.repeat(base, 4, axis=0) + np.random.default_rng(1).normal(0, 0.02, (240, 2, 2, 2))
    cluster = np.repeat(np.arange(60), 4)
    together = decompose(crossed(alike), cluster=cluster).of("item")
    alone = decompose(crossed(alike)).of("item")
    assert together.share == alone.share
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_trap_24_a_variance_at_its_boundary_is_not_detectable_and_never_has_a_p_value():
    scores = next(
        made
        for seed in range(50)
        if ems(made := crossed(drawn(60, 3, 4, 2, seed=seed, item_condition=0.0))).of(
            "item", "condition"
        )
        < -1e-4
    )
    for design in (
        scores,
        replace(scores, count=scores.count + (np.indices(scores.count.shape)[0] == 0)),
    ):
        source = decompose(design).of("item", "condition")
        assert not source.detectable
        assert source.share == 0.0
        assert source.low == 0.0 < source.high
        assert not any("p_value" in name or name == "p" for name in vars(source))


def test_few_levels_are_described_and_have_no_interval():
    found = decompose(crossed(drawn(80, 2, 6, 2, seed=1)))
    assert found.of("model").descriptive and found.of("model").low is None
    assert not found.of("condition").descriptive and found.of("condition").low is not None
    assert found.of("model", "condition").descriptive
    assert not found.of("item", "model").descriptive and found.of("item", "model").low is not None


def test_fewer_than_fifty_items_have_shares_without_intervals():
    """Below 50 the bootstrap covers too little."""
    found = decompose(crossed(drawn(49, 2, 2, 2)))
    assert all(source.low is None and source.high is None for source in found.sources)
    clustered = decompose(crossed(drawn(98, 2, 2, 2)), cluster=np.arange(98) // 2)
    assert all(source.low is None for source in clustered.sources)


def test_replications_that_never_differ_leave_run_noise_not_detectable_with_holes_too():
    scores = np.repeat(drawn(60, 2, 2, 1, seed=1), 2, axis=3)
    holed = scores.copy()
    holed[0, 0, 0] = np.nan
    for design in (scores, holed):
        found = decompose(crossed(design))
        assert found.run_known
        assert not found.of("run").detectable
        assert found.of("item", "model", "condition").detectable
        assert found.agree


def test_three_factors_show_the_higher_interactions_of_the_item_as_one():
    random = np.random.default_rng(8)
    shape = (60, 2, 3, 2, 2)
    scores = random.normal(0, 0.3, shape) + random.normal(0, 0.3, (60, 1, 1, 1, 1))
    level = np.array(list(np.ndindex(shape[1:4])))
    item, *factors, _ = (axis.ravel() for axis in np.indices(shape))
    cell = np.ravel_multi_index(tuple(factors), shape[1:4])
    whole = collapse(item, cell, scores.ravel(), level, ("model", "condition", "sampling"))
    holed = collapse(item[1:], cell[1:], scores.ravel()[1:], level, whole.factors)
    for design in (whole, holed):
        found = decompose(design)
        names = [" × ".join(source.term) for source in found.sources]
        assert names[-6:] == [
            "item",
            "item × model",
            "item × condition",
            "item × sampling",
            "item × combinations",
            "run",
        ]
        assert sum(source.share for source in found.sources) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_intervals_and_another_one_others():
    scores = crossed(drawn(60, 2, 2, 2))
    assert decompose(scores, seed=5) == decompose(scores, seed=5)
    assert decompose(scores, seed=5) != decompose(scores, seed=6)


def test_a_fit_that_did_not_converge_is_passed_on(monkeypatch):
    def stopped(likelihood, start, total):
        return likelihood.at(start)

    monkeypatch.setattr(
        shares_module, "reml", lambda scores: reml(scores, optimisers=(newton, stopped))
    )
    found = decompose(crossed(with_a_hole(drawn(60, 2, 2, 2))))
    assert not found.agree
    assert found.log_likelihoods[0] > found.log_likelihoods[1] + 1


def test_scores_that_do_not_vary_are_refused():
    with pytest.raises(ValueError, match="do not vary"):
        decompose(crossed(np.full((60, 2, 2, 2), 1.0)))
