"""Other estimators of the same difference, each against scipy where it has one."""

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.otherwise import other_estimators

LEVELS = (0.95, 0.9)


def scores(n=80, seed=3):
    random = np.random.default_rng(seed)
    b = random.integers(0, 4, n) / 3
    return np.clip(b + random.integers(-1, 3, n) / 3, 0, 1), b


def by_name(a, b, cluster=None):
    found = other_estimators(a, b, cluster=cluster, levels=LEVELS, seed=1)
    return {rival.name: rival for rival in found}


def test_the_panel_of_graded_scores():
    a, b = scores()
    found = by_name(a, b)
    assert list(found) == [
        "t interval over items",
        "sign-flip interval",
        "Wilcoxon signed-rank (Pratt)",
        "bootstrap, percentile",
        "bootstrap, BCa",
    ]
    student = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found["t interval over items"].difference.low == pytest.approx(student.low)
    reference = stats.bootstrap(
        (a - b,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(5)
    ).confidence_interval
    assert found["bootstrap, BCa"].difference.low == pytest.approx(reference.low, abs=0.006)
    assert found["bootstrap, BCa"].difference.high == pytest.approx(reference.high, abs=0.006)
    signed = found["Wilcoxon signed-rank (Pratt)"]
    assert signed.p_value < 0.05
    assert signed.difference.low > 0


def test_wilcoxon_is_not_asked_of_0_1_scores():
    random = np.random.default_rng(1)
    found = by_name(
        random.integers(0, 2, 90).astype(float), random.integers(0, 2, 90).astype(float)
    )
    assert not any("Wilcoxon" in name for name in found)


def test_with_clusters_the_bootstrap_draws_clusters_and_ignoring_them_is_shown():
    a, b = scores(400)
    cluster = np.repeat(np.arange(80), 5)
    shared = np.random.default_rng(2).normal(0, 0.2, 80)[cluster]
    found = by_name(np.clip(a + shared, 0, 1), b, cluster)
    assert list(found) == ["clusters ignored", "bootstrap, percentile", "bootstrap, BCa"]
    ignored, drawn = found["clusters ignored"].difference, found["bootstrap, percentile"].difference
    assert drawn.high - drawn.low > 1.2 * (ignored.high - ignored.low)


def test_few_items_are_not_bootstrapped_and_one_item_gives_nothing():
    a, b = scores(30)
    assert not any("bootstrap" in name for name in by_name(a, b))
    assert by_name(a[:1], b[:1]) == {}
