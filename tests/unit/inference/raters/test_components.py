"""Components with the rater as a factor: recovered where they are known, and equal to a textbook's."""

import numpy as np
import pytest

from splitplot.inference.components.crossed import collapse
from splitplot.inference.components.ems import ems
from splitplot.inference.components.raters import (
    decompose_raters,
    rater_components,
    rater_sums,
    rater_terms,
)

TRUE = {
    ("model",): 0.3, ("rater",): 0.25, ("model", "rater"): 0.15, ("item",): 0.5,
    ("item", "model"): 0.2, ("item", "rater"): 0.1, ("item", "model", "rater"): 0.12,
    ("run",): 0.4, ("answer", "rater"): 0.2,
}  # fmt: skip
SHAPE = dict(zip(("item", "model", "run", "rater"), range(4), strict=True))


def drawn(random, variances, n_items, n_models, replications, n_raters):
    """Scores of items × models × replications × raters with these components."""
    sizes = (n_items, n_models, replications, n_raters)
    scores = np.zeros(sizes)
    for term, variance in variances.items():
        axes = {SHAPE[name] for name in term if name in SHAPE}
        if term[0] in ("run", "answer"):
            axes |= {0, 1, 2}
        shape = [size if axis in axes else 1 for axis, size in enumerate(sizes)]
        scores = scores + random.normal(0, np.sqrt(variance), shape)
    return scores


def estimates(scores):
    sums = rater_sums(scores, ("model",), (scores.shape[1],))
    values = rater_components(sums, np.ones((1, scores.shape[0])))[0]
    return dict(zip(rater_terms(sums), values, strict=True))


def test_every_component_is_recovered_and_the_run_is_free_of_the_raters():
    random = np.random.default_rng(1)
    found = [estimates(drawn(random, TRUE, 30, 3, 2, 4)) for _ in range(600)]
    for term, true in TRUE.items():
        values = np.array([one[term] for one in found])
        error = values.std() / np.sqrt(values.size)
        assert abs(values.mean() - true) < 4 * error, (term, values.mean(), error)


def test_what_raters_disagree_about_in_single_answers_is_no_run_noise():
    random = np.random.default_rng(2)
    noisy = {("item",): 0.2, ("run",): 0.0, ("answer", "rater"): 1.0}
    values = [estimates(drawn(random, noisy, 60, 2, 3, 3))[("run",)] for _ in range(100)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 10


def test_mean_squares_are_those_of_an_analysis_of_variance():
    """Table 3-way with two strata of error, by least squares: statsmodels' type I sums of squares."""
    pandas = pytest.importorskip("pandas")
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    n_items, n_models, n_runs, n_raters = 5, 3, 2, 4
    scores = drawn(np.random.default_rng(3), TRUE, n_items, n_models, n_runs, n_raters)
    index = np.indices(scores.shape).reshape(4, -1)
    rows = pandas.DataFrame(dict(zip(("i", "m", "k", "r"), index, strict=True)))
    rows["y"] = scores.ravel()
    formula = "y ~ C(i)*C(m)*C(r) + C(i):C(m):C(k)"
    square = anova_lm(ols(formula, rows).fit())["mean_sq"]
    rest, run = square["Residual"], square["C(i):C(m):C(k)"]
    im, imr, ir = square["C(i):C(m)"], square["C(i):C(m):C(r)"], square["C(i):C(r)"]
    found = estimates(scores)
    assert found["answer", "rater"] == pytest.approx(rest)
    assert found["run",] == pytest.approx((run - rest) / n_raters)
    assert found["item", "model", "rater"] == pytest.approx((imr - rest) / n_runs)
    assert found["item", "rater"] == pytest.approx((ir - imr) / (n_runs * n_models))
    assert found["item", "model"] == pytest.approx((im - imr - run + rest) / (n_runs * n_raters))
    main = square["C(r)"] - ir - square["C(m):C(r)"] + imr
    assert found["rater",] == pytest.approx(main / (n_runs * n_items * n_models))


def test_with_one_replication_they_are_those_of_the_rater_as_any_other_factor():
    scores = drawn(np.random.default_rng(4), TRUE, 20, 3, 1, 4)
    item, cell = np.indices((20, 12))
    level = [[m, r] for m in range(3) for r in range(4)]
    other = ems(collapse(item.ravel(), cell.ravel(), scores.ravel(), level, ("model", "rater")))
    found = estimates(scores)
    renamed = {("run",): ("item", "model"), ("answer", "rater"): ("run",)}
    for term, value in found.items():
        assert value == pytest.approx(other.of(*renamed.get(term, term)))


def test_few_raters_are_described_and_many_are_a_sample_of_items_only():
    random = np.random.default_rng(6)
    for n_raters, described in ((3, True), (6, False)):
        scores = drawn(random, TRUE, 60, 5, 2, n_raters)
        sources = decompose_raters(rater_sums(scores, ("model",), (5,)), seed=1)
        by_term = {source.term: source for source in sources}
        assert by_term["rater",].descriptive is described
        assert (by_term["rater",].low is None) is described
        assert by_term["answer", "rater"].low is not None
        assert sum(source.share for source in sources) == pytest.approx(1)
        assert all(s.low <= s.high for s in sources if s.low is not None)
    assert ("item", "model", "rater") not in by_term, "part of answer × rater"


def test_shares_of_the_raters_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(7)
    few = {("item",): 0.5, ("item", "rater"): 0.2, ("run",): 0.6, ("answer", "rater"): 0.3}
    total, held = sum(few.values()), {("item", "rater"): 0, ("answer", "rater"): 0}
    for seed in range(80):
        scores = drawn(random, few, 80, 2, 2, 3)
        sums = rater_sums(scores, ("model",), (2,))
        for source in decompose_raters(sums, seed=seed, draws=400):
            if source.term in held:
                held[source.term] += source.low <= few[source.term] / total <= source.high
    assert min(held.values()) > 0.85 * 80, held


def test_a_rater_that_always_agrees_is_not_detectable():
    one = np.random.default_rng(8).normal(size=(60, 2, 2, 1))
    sources = decompose_raters(rater_sums(np.repeat(one, 3, axis=3), ("model",), (2,)))
    assert not any(source.detectable for source in sources if "rater" in source.term)


def test_what_is_no_balanced_design_is_refused():
    scores = np.ones((3, 2, 1, 2))
    with pytest.raises(ValueError, match="do not vary"):
        decompose_raters(rater_sums(scores, ("model",), (2,)))
    with pytest.raises(ValueError, match="at least two raters"):
        rater_sums(scores[..., :1], ("model",), (2,))
    with pytest.raises(ValueError, match="two items"):
        rater_sums(scores[:1], ("model",), (2,))
    with pytest.raises(ValueError, match="graded"):
        rater_sums(scores * np.nan, ("model",), (2,))
