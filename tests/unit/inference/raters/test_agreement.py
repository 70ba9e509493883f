"""Alpha and AC1 against published examples and against their definitions, pair by pair."""

from itertools import permutations

import numpy as np
import pytest

from splitplot.inference.agreement import (
    ac1_measure,
    agreement_interval,
    alpha_measure,
    gwet_ac1,
    krippendorff_alpha,
    observed_agreement,
    prevalence,
)

NONE = np.nan
FOUR_CODERS = [
    [1, 1, NONE, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [NONE, 5, 5, 5], [NONE, NONE, 1, 1],
    [NONE, NONE, 3, NONE],
]  # fmt: skip
"""12 units, 4 coders (Krippendorff 2011, section C)."""

TWO_CODERS = [[0, 1], [1, 1], [0, 1], [0, 0], [0, 0], [0, 1], [0, 0], [0, 0], [1, 0], [0, 0]]
"""10 units, 2 coders, 0/1 data (the same, section A)."""


def test_alpha_of_the_worked_example_with_four_coders_and_missing_scores():
    assert krippendorff_alpha(FOUR_CODERS, interval=False) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(FOUR_CODERS, interval=True) == pytest.approx(0.849, abs=5e-4)


def test_alpha_of_the_worked_example_of_two_coders_and_binary_data():
    assert krippendorff_alpha(TWO_CODERS, interval=False) == pytest.approx(0.095, abs=5e-4)


def test_ac1_of_the_same_data_as_gwet_gives_it():
    """0.77544 and an agreement of 0.81818: `cac.raw4raters` of the R package irrCAC (Gwet 2014)."""
    assert gwet_ac1(FOUR_CODERS, [1, 2, 3, 4, 5]) == pytest.approx(0.77544, abs=5e-6)
    assert observed_agreement(FOUR_CODERS) == pytest.approx(0.81818, abs=5e-6)


def by_definition(ratings, distance):
    """Krippendorff's formula written out over all pairs of ratings."""
    units = [[v for v in unit if not np.isnan(v)] for unit in ratings]
    units = [unit for unit in units if len(unit) > 1]
    values = [v for unit in units for v in unit]
    within = sum(distance(a, b) / (len(u) - 1) for u in units for a, b in permutations(u, 2))
    between = sum(distance(a, b) for a, b in permutations(values, 2)) / (len(values) - 1)
    return 1 - within / between


@pytest.mark.parametrize("seed", range(8))
def test_alpha_is_what_its_definition_says_over_all_pairs(seed):
    random = np.random.default_rng(seed)
    ratings = random.integers(0, 4, (15, 3)).astype(float)
    ratings[random.random(ratings.shape) < 0.2] = np.nan
    nominal = by_definition(ratings, lambda a, b: float(a != b))
    squared = by_definition(ratings, lambda a, b: (a - b) ** 2)
    assert krippendorff_alpha(ratings, interval=False) == pytest.approx(nominal)
    assert krippendorff_alpha(ratings, interval=True) == pytest.approx(squared)
    moved = krippendorff_alpha(1000 + 5 * ratings, interval=True)
    assert moved == pytest.approx(squared, abs=1e-8)


def test_with_one_score_nearly_everywhere_alpha_is_zero_and_ac1_is_not():
    ratings = np.ones((40, 2))
    ratings[7, 1] = 0
    assert krippendorff_alpha(ratings, interval=False) == pytest.approx(0.0, abs=1e-12)
    assert observed_agreement(ratings) == 39 / 40
    share = 79 / 80
    chance = 2 * share * (1 - share)
    assert gwet_ac1(ratings, [0, 1]) == pytest.approx((39 / 40 - chance) / (1 - chance))
    assert prevalence(ratings) == share


def test_without_any_variation_there_is_no_alpha_and_no_interval():
    ratings = np.ones((60, 3))
    assert krippendorff_alpha(ratings, interval=False) is None
    assert krippendorff_alpha(ratings, interval=True) is None
    unit = np.arange(60)
    assert agreement_interval(alpha_measure(ratings, interval=False), unit) is None
    assert gwet_ac1(ratings, [0, 1]) == 1.0
    with pytest.raises(ValueError, match="at least two values"):
        gwet_ac1(ratings, [1])


def test_scores_of_one_rater_alone_count_for_nothing():
    assert krippendorff_alpha([[1, NONE], [NONE, 0]], interval=False) is None
    assert observed_agreement([[1, NONE], [NONE, 0]]) is None


def test_items_are_resampled_with_all_their_answers():
    random = np.random.default_rng(5)
    once = random.integers(0, 2, (60, 2)).astype(float)
    thrice = np.repeat(once, 3, axis=0)
    alone = agreement_interval(alpha_measure(once, interval=False), np.arange(60), seed=1)
    together = agreement_interval(
        alpha_measure(thrice, interval=False), np.repeat(np.arange(60), 3), seed=1
    )
    # Copies add nothing: up to the n − 1 of the definition the interval stays as wide.
    assert np.diff(together) == pytest.approx(np.diff(alone), rel=0.05)
    assert agreement_interval(alpha_measure(once[:49], interval=False), np.arange(49)) is None


@pytest.mark.long
def test_the_interval_of_alpha_and_of_ac1_covers():
    random = np.random.default_rng(11)

    def draw(n):
        truth = (random.random(n) < 0.7).astype(float)
        wrong = random.random((n, 3)) < 0.1
        return np.where(wrong, 1 - truth[:, None], truth[:, None])

    crowd = draw(200_000)
    alpha, ac1 = krippendorff_alpha(crowd, interval=False), gwet_ac1(crowd, [0, 1])
    held = np.zeros(2)
    for seed in range(150):
        ratings, unit = draw(100), np.arange(100)
        a = agreement_interval(alpha_measure(ratings, interval=False), unit, seed=seed)
        b = agreement_interval(ac1_measure(ratings, [0, 1]), unit, seed=seed)
        held += [a[0] <= alpha <= a[1], b[0] <= ac1 <= b[1]]
    assert (held / 150 > 0.88).all(), held / 150
