"""Expected mean squares against statsmodels' analysis of variance, a literal expectation, and the truth."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from splitplot.inference.components.crossed import collapse
from splitplot.inference.components.ems import components_of, ems, item_sums

from .conftest import TRUTH, crossed, drawn

TERMS = {
    "C(model)": ("model",),
    "C(condition)": ("condition",),
    "C(model):C(condition)": ("model", "condition"),
    "C(item)": ("item",),
    "C(item):C(model)": ("item", "model"),
    "C(item):C(condition)": ("item", "condition"),
    "C(item):C(model):C(condition)": ("item", "model", "condition"),
}


def frame_of(scores):
    names = ("item", "model", "condition", "run")
    axes = [axis.ravel() for axis in np.indices(scores.shape)]
    return pd.DataFrame(dict(zip(names, axes, strict=True)) | {"y": scores.ravel()})


def literal_components(scores):
    """Mean squares by statsmodels; their expectations tr(A ZZ')/df with the projections written out."""
    frame = frame_of(scores)
    table = anova_lm(ols("y ~ C(item)*C(model)*C(condition)", frame).fit())
    mean_square = {term: table.loc[name, "mean_sq"] for name, term in TERMS.items()}
    mean_square["run",] = table.loc["Residual", "mean_sq"]
    shape = dict(zip(("item", "model", "condition", "run"), scores.shape, strict=True))

    def kronecker(part):
        whole = np.ones((1, 1))
        for name, n in shape.items():
            whole = np.kron(whole, part(name, n))
        return whole

    def projection(term):
        inside = term if term != ("run",) else tuple(shape)
        if term == ("run",):  # within cells: identity over everything but centred replications
            return kronecker(
                lambda name, n: np.eye(n) - np.ones((n, n)) / n if name == "run" else np.eye(n)
            )
        return kronecker(
            lambda name, n: (
                np.eye(n) - np.ones((n, n)) / n if name in inside else np.ones((n, n)) / n
            )
        )

    def kernel(term):
        inside = tuple(shape) if term == ("run",) else term
        return kronecker(lambda name, n: np.eye(n) if name in inside else np.ones((n, n)))

    terms = list(mean_square)
    expected = np.empty((len(terms), len(terms)))
    for row, term in enumerate(terms):
        a = projection(term)
        for column, other in enumerate(terms):
            expected[row, column] = np.sum(a * kernel(other)) / np.trace(a)
    solved = np.linalg.solve(expected, [mean_square[term] for term in terms])
    return dict(zip(terms, solved, strict=True))


def test_components_solve_the_expected_mean_squares_of_statsmodels_anova():
    scores = drawn(5, 2, 3, 2, seed=4)
    found = ems(crossed(scores))
    for term, value in literal_components(scores).items():
        assert found.of(*term) == pytest.approx(value, abs=1e-12), term


def test_components_are_unbiased():
    estimates = []
    for seed in range(200):
        found = ems(crossed(drawn(30, 3, 4, 2, seed=seed)))
        estimates.append(found.variance)
    mean, se = np.mean(estimates, axis=0), np.std(estimates, axis=0) / np.sqrt(200)
    for term, value, error in zip(found.terms, mean, se, strict=True):
        truth = TRUTH.get(" × ".join(term), 0.0)
        assert abs(value - truth) < 4 * error, term


def test_a_component_that_is_not_there_is_estimated_around_0_and_not_clipped():
    low = [
        ems(crossed(drawn(30, 3, 4, 2, seed=seed, item_condition=0.0))).of("item", "condition")
        for seed in range(60)
    ]
    assert min(low) < 0 < max(low)


def test_one_replication_leaves_the_highest_interaction_inside_the_run():
    scores = drawn(400, 3, 4, 1, seed=1)
    found = ems(crossed(scores))
    assert ("item", "model", "condition") not in found.terms
    expected = TRUTH["run"] + TRUTH["item × model × condition"]
    assert found.of("run") == pytest.approx(expected, rel=0.1)
    assert found.of("item") == pytest.approx(TRUTH["item"], rel=0.3)
    with pytest.raises(KeyError):
        found.of("item", "model", "condition")


def test_a_single_cell_gives_item_and_run():
    """One-way random effects: σ²_item = (MS between − MS within)/K (Searle, Casella & McCulloch, ch. 3)."""
    scores = np.random.default_rng(2).normal(size=(12, 3))
    item = np.repeat(np.arange(12), 3)
    found = ems(collapse(item, np.zeros(36, dtype=int), scores.ravel(), np.zeros((1, 0)), ()))
    between = 3 * scores.mean(axis=1).var(ddof=1)
    within = scores.var(axis=1, ddof=1).mean()
    assert found.terms == (("item",), ("run",))
    assert found.variance == pytest.approx([(between - within) / 3, within])


def test_three_factors_are_told_apart():
    random = np.random.default_rng(8)
    shape = (300, 2, 3, 2, 2)
    scores = random.normal(0, 0.3, shape) + random.normal(0, 0.2, (300, 1, 3, 2, 1))
    scores += random.normal(0, 0.4, (300, 1, 1, 1, 1))
    level = np.array(list(product(range(2), range(3), range(2))))
    item, *factors, _ = (axis.ravel() for axis in np.indices(shape))
    cell = np.ravel_multi_index(tuple(factors), shape[1:4])
    found = ems(collapse(item, cell, scores.ravel(), level, ("a", "b", "c")))
    assert found.of("item") == pytest.approx(0.16, rel=0.2)
    assert found.of("item", "b", "c") == pytest.approx(0.04, rel=0.2)
    assert found.of("run") == pytest.approx(0.09, rel=0.1)
    assert abs(found.of("item", "a", "b", "c")) < 0.01


def test_weights_of_one_are_the_items_as_they_are_and_doubled_items_count_twice():
    scores = drawn(20, 2, 3, 2, seed=5)
    sums = item_sums(crossed(scores))
    twice = np.repeat(scores[:10], 2, axis=0)
    weight = np.zeros((1, 20))
    weight[0, :10] = 2
    assert components_of(sums, weight)[0] == pytest.approx(ems(crossed(twice)).variance)


def test_replications_that_agree_have_no_run_variance_at_all():
    """0.1 + 0.2 is not 0.3 in floats: what arithmetic leaves of equal scores is no variance."""
    scores = np.repeat(np.array([[0.1 + 0.2, 0.3], [0.7, 0.1]])[:, :, None, None], 3, axis=3)
    scores[0, 0, 0] = [0.3, 0.1 + 0.2, 0.3]
    assert crossed(scores).squares.tolist() == [0.0, 0.0]


def test_holes_are_refused():
    scores = drawn(10, 2, 2, 2)
    scores[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="equal replications"):
        ems(crossed(scores))
    with pytest.raises(ValueError, match="at least two items"):
        ems(crossed(drawn(1, 2, 2, 2)))
    with pytest.raises(ValueError, match="one level"):
        ems(crossed(drawn(9, 1, 2, 2)))
