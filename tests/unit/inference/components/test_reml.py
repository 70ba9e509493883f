"""REML against a literal dense one, statsmodels' MixedLM, expected mean squares, finite differences."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import optimize
from statsmodels.regression.mixed_linear_model import MixedLM

from splitplot.inference.components import likelihood as likelihood_module
from splitplot.inference.components.crossed import collapse
from splitplot.inference.components.ems import ems
from splitplot.inference.components.likelihood import Likelihood
from splitplot.inference.components.moves import cell_means
from splitplot.inference.components.reml import newton, quasi_newton, reml, separable

from .conftest import TRUTH, crossed, drawn, rows_of

ALL = ((), (0,), (1,), (0, 1))


def with_holes(scores, share, seed=0):
    random = np.random.default_rng(seed)
    holed = scores.copy()
    holed[random.random(scores.shape) < share] = np.nan
    return holed


class Dense:
    """The restricted likelihood as it stands in the books: one N × N covariance (N ≤ 200)."""

    def __init__(self, scores, random=ALL):
        item, cell, self.y, level = rows_of(scores)
        assert self.y.size <= 200
        self.x = np.eye(level.shape[0])[cell]
        same_item = item[:, None] == item[None, :]
        self.parts = []
        for chosen in random:
            codes = level[cell][:, list(chosen)]
            same = (codes[:, None, :] == codes[None, :, :]).all(axis=2)
            self.parts.append((same_item & same).astype(float))
        self.parts.append(np.eye(self.y.size))

    def projection(self, variance):
        v = sum(s * part for s, part in zip(variance, self.parts, strict=True))
        inverse = np.linalg.inv(v)
        inner = self.x.T @ inverse @ self.x
        p = inverse - inverse @ self.x @ np.linalg.inv(inner) @ self.x.T @ inverse
        return v, inner, p

    def log_likelihood(self, variance):
        v, inner, p = self.projection(variance)
        n, rank = self.x.shape
        terms = (np.linalg.slogdet(v)[1], np.linalg.slogdet(inner)[1], self.y @ p @ self.y)
        return -0.5 * (sum(terms) + (n - rank) * np.log(2 * np.pi))

    def score(self, variance):
        _, _, p = self.projection(variance)
        py = p @ self.y
        return np.array([0.5 * (py @ g @ py - np.trace(p @ g)) for g in self.parts])

    def information(self, variance):
        _, _, p = self.projection(variance)
        vectors = np.stack([g @ p @ self.y for g in self.parts])
        return 0.5 * vectors @ p @ vectors.T


RAGGED = with_holes(drawn(9, 2, 3, 3, seed=3), 0.25)
POINTS = ([0.05, 0.02, 0.01, 0.02, 0.1], [0.2, 0.0, 0.3, 0.01, 0.05], [0.0, 0.0, 0.0, 0.0, 0.2])


@pytest.mark.parametrize("variance", POINTS)
def test_likelihood_gradient_and_average_information_are_those_of_the_dense_formulas(variance):
    point = Likelihood(crossed(RAGGED), ALL).at(np.array(variance))
    dense = Dense(RAGGED)
    assert point.log_likelihood == pytest.approx(dense.log_likelihood(variance), abs=1e-8)
    assert point.score == pytest.approx(dense.score(variance), rel=1e-7, abs=1e-7)
    assert point.information == pytest.approx(dense.information(variance), rel=1e-7, abs=1e-7)


def test_the_gradient_is_that_of_finite_differences():
    likelihood, at = Likelihood(crossed(RAGGED), ALL), np.array(POINTS[0])
    for index, slope in enumerate(likelihood.at(at).score):
        step = np.zeros(5)
        step[index] = 1e-6
        rise = likelihood.at(at + step).log_likelihood - likelihood.at(at - step).log_likelihood
        assert slope == pytest.approx(rise / 2e-6, rel=1e-4)


def test_item_scores_add_up_to_the_gradient_and_the_estimating_equations_to_0():
    scores = crossed(RAGGED)
    likelihood = Likelihood(scores, ALL)
    point = likelihood.at(np.array(POINTS[0]))
    gradient, influence = likelihood.item_scores(point, scores.squares)
    assert gradient.sum(axis=0) == pytest.approx(point.score, abs=1e-9)
    assert influence.sum(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)


@pytest.mark.long
def test_the_maximum_is_that_of_the_dense_likelihood():
    dense, best = Dense(RAGGED), None
    for start in (-2.0, -4.0):
        found = optimize.minimize(
            lambda x: -dense.log_likelihood(np.exp(x)),
            np.full(5, start),
            method="Nelder-Mead",
            options={"maxiter": 6000, "maxfev": 6000, "xatol": 1e-7, "fatol": 1e-11},
        )
        best = found if best is None or found.fun < best.fun else best
    fit = reml(crossed(RAGGED), ALL)
    assert fit.agree
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-5)
    assert fit.log_likelihood >= -best.fun - 1e-9
    assert fit.variance == pytest.approx(np.exp(best.x), abs=2e-4)


def test_patterns_are_pooled_chunked_and_made_twice_without_a_difference(monkeypatch):
    scores = crossed(with_holes(drawn(60, 2, 3, 2, seed=6), 0.05))
    variance = np.array(POINTS[0])
    whole = Likelihood(scores, ALL)
    assert whole.size.max() > 4 > whole.size.min()
    expected = whole.at(variance)
    monkeypatch.setattr(likelihood_module, "CHUNK_BYTES", 3 * 8 * 36)
    monkeypatch.setattr(likelihood_module, "KEPT_BYTES", 0)
    for pooled in (1, 2, 1000):
        monkeypatch.setattr(likelihood_module, "POOLED", pooled)
        again = Likelihood(scores, ALL).at(variance)
        assert again.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-9)
        assert again.score == pytest.approx(expected.score)
        assert again.information == pytest.approx(expected.information)


def test_in_the_balanced_interior_case_reml_is_expected_mean_squares():
    """Searle, Casella & McCulloch (1992), § 6.6: they coincide where no estimate is negative."""
    scores = crossed(drawn(80, 3, 4, 2, seed=1))
    squares, fit = ems(scores), reml(scores)
    assert (squares.variance[3:] > 0).all()
    assert fit.agree and not any(fit.at_boundary)
    assert fit.variance == pytest.approx(squares.variance[3:], rel=1e-6)


def test_a_negative_mean_square_estimate_is_the_boundary_of_reml():
    scores = next(
        made
        for seed in range(50)
        if ems(made := crossed(drawn(30, 3, 4, 2, seed=seed, item_condition=0.0))).of(
            "item", "condition"
        )
        < -1e-4
    )
    fit = reml(scores)
    assert fit.random == ALL
    assert fit.variance[2] == 0.0
    assert fit.at_boundary == (False, False, True, False, False)
    assert fit.point.score[2] < 0
    assert fit.agree


def frame_of(scores):
    item, cell, y, level = rows_of(scores)
    columns = {"item": item, "model": level[cell, 0], "condition": level[cell, 1], "y": y}
    return pd.DataFrame(columns)


def mixedlm(frame, method, **options):
    model = MixedLM.from_formula(
        "y ~ C(model)*C(condition)",
        groups="item",
        re_formula="1",
        vc_formula={"im": "0+C(model)", "ip": "0+C(condition)"},
        data=frame,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(reml=True, method=method, **options)


def test_crossed_components_are_those_of_statsmodels_with_lbfgs():
    scores = with_holes(
        drawn(60, 2, 3, 2, seed=11, item_model_condition=0.0, item_condition=0.04), 0.1
    )
    reference = mixedlm(frame_of(scores), "lbfgs")
    fit = reml(crossed(scores), ((), (0,), (1,)))
    theirs = [reference.cov_re.iloc[0, 0], *reference.vcomp, reference.scale]
    assert fit.variance == pytest.approx(theirs, rel=2e-3, abs=1e-5)
    assert fit.log_likelihood >= reference.llf - 1e-6
    assert fit.log_likelihood == pytest.approx(reference.llf, abs=1e-3)


def stuck(likelihood, start, total):
    """An optimiser that calls itself converged where it began."""
    return likelihood.at(start)


def test_trap_5_an_optimiser_that_only_says_it_has_converged_is_found_out():
    """statsmodels' default optimiser has been seen `converged` at 149 below the maximum."""
    scores = crossed(with_holes(drawn(60, 3, 3, 2, seed=2), 0.1))
    fit = reml(scores, optimisers=(newton, stuck))
    assert not fit.agree
    assert fit.log_likelihoods[0] - fit.log_likelihoods[1] > 1
    assert fit.log_likelihood == fit.log_likelihoods[0]
    assert reml(scores, optimisers=(newton, quasi_newton)).agree


def test_both_optimisers_reach_the_same_maximum_in_every_kind_of_design():
    random = np.random.default_rng(5)
    for seed in range(25):
        shape = (int(random.integers(8, 60)), *(int(n) for n in random.integers(2, 4, 3)))
        none = {name: 0.0 for name in ("item_model", "item_condition") if random.random() < 0.5}
        scores = with_holes(drawn(*shape, seed=seed, **none), 0.3 * random.random(), seed)
        first = reml(crossed(scores))
        assert first.agree, (seed, first.log_likelihoods)
        # At a boundary the gradient points outwards, elsewhere it is 0.
        unit = np.sqrt(np.diag(first.point.information))
        inside = ~np.array(first.at_boundary)
        assert np.abs(first.point.score[inside] / unit[inside]).max() < 1e-3
        assert (first.point.score[~inside] <= 1e-3 * unit[~inside]).all()


def test_trap_16_an_item_that_was_asked_more_often_does_not_count_more():
    random = np.random.default_rng(7)
    hard = np.arange(40) < 20
    item = np.concatenate([np.repeat(np.flatnonzero(hard), 9), np.flatnonzero(~hard)])
    item = np.tile(item, 2)
    cell = np.repeat([0, 1], item.size // 2)
    score = np.where(hard[item], 0.1, 0.9) + random.normal(0, 0.02, item.size)
    scores = collapse(item, cell, score, np.array([[0], [1]]), ("model",))
    by_row = score.mean()
    assert by_row < 0.2
    assert cell_means(scores) == pytest.approx([0.5, 0.5], abs=0.01)
    assert reml(scores).fixed == pytest.approx([0.5, 0.5], abs=0.01)


def test_components_are_near_the_truth_with_a_third_of_the_answers_lost():
    fit = reml(crossed(with_holes(drawn(1500, 3, 4, 2, seed=9), 0.33)))
    truth = [TRUTH[name] for name in ("item", "item × model", "item × condition")]
    truth += [TRUTH["item × model × condition"], TRUTH["run"]]
    error = np.sqrt(np.diag(np.linalg.inv(fit.point.information)))
    assert (error < 0.1 * np.array(truth)).sum() >= 4
    assert (np.abs(fit.variance - truth) < 3.5 * error).all()


def test_only_what_the_cells_tell_apart_is_fitted():
    """Each model has a prompt of its own: item × model and item × prompt are one thing."""
    level = np.array([[0, 0], [1, 1], [2, 2]])
    random = np.random.default_rng(1)
    item, cell = np.divmod(np.arange(90), 3)
    once = collapse(item, cell, random.normal(size=90), level, ("model", "condition"))
    assert separable(once) == ((),)
    twice = collapse(
        np.tile(item, 2), np.tile(cell, 2), random.normal(size=180), level, ("model", "condition")
    )
    assert separable(twice) == ((), (0,))


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="no variance"):
        reml(crossed(np.full((5, 2, 2, 2), 0.5)))
    empty = drawn(5, 2, 2, 2)
    empty[:, 0, 0] = np.nan
    with pytest.raises(ValueError, match="every cell"):
        reml(crossed(empty))
    with pytest.raises(ValueError, match="told apart"):
        reml(crossed(drawn(5, 2, 2, 2)), design=np.ones((4, 2)))


def test_fewer_fixed_effects_may_be_asked_for():
    """Main effects alone: the dense likelihood with the same design."""
    scores = RAGGED
    level = np.array([(m, p) for m in range(2) for p in range(3)])
    design = np.stack([np.ones(6), level[:, 0], level[:, 1] == 1, level[:, 1] == 2], axis=1)
    dense = Dense(scores)
    dense.x = dense.x @ design
    point = Likelihood(crossed(scores), ALL, design).at(np.array(POINTS[0]))
    assert point.log_likelihood == pytest.approx(dense.log_likelihood(POINTS[0]), abs=1e-8)
    assert point.fixed.size == 4
