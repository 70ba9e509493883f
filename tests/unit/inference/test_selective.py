"""Risk and coverage against exhaustive enumeration of the orders that ties allow."""

from itertools import permutations, product

import numpy as np
import pytest

from splitplot.inference.resampling.weights import bootstrap_weights, chunks
from splitplot.inference.selective import (
    COVERAGES,
    aurc,
    best_aurc,
    curve,
    e_aurc,
    risk_at,
    selective_intervals,
)


def literal(losses):
    """The area of one order of answers: the mean over i of the mean loss of the first i."""
    return np.mean([np.mean(losses[:i]) for i in range(1, len(losses) + 1)])


def all_orders(confidence, score):
    """Every order of answers in which confidence does not rise, as losses."""
    blocks = []
    for value in sorted(set(confidence), reverse=True):
        losses = [1 - s for c, s in zip(confidence, score, strict=True) if c == value]
        blocks.append(list(permutations(losses)))
    for choice in product(*blocks):
        yield [loss for block in choice for loss in block]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_ties_are_the_mean_over_all_their_orders(seed):
    # Trap: a sort leaves tied answers in the order of the file; lucky and unlucky files differ.
    random = np.random.default_rng(seed)
    confidence = random.choice([0.6, 0.8, 0.9], 9)
    score = random.choice([0.0, 0.5, 1.0], 9) if seed % 2 else random.integers(0, 2, 9)
    areas = [literal(order) for order in all_orders(confidence.tolist(), score.tolist())]
    assert aurc(confidence, score) == pytest.approx(np.mean(areas))
    assert min(areas) - 1e-12 <= aurc(confidence, score) <= max(areas) + 1e-12


def test_a_lucky_and_an_unlucky_order_of_the_file_are_not_the_expected_area():
    confidence = [0.9] * 4 + [0.5] * 4
    score = [1, 1, 0, 1, 0, 1, 0, 1]
    areas = [literal(order) for order in all_orders(confidence, score)]
    expected = aurc(confidence, score)
    assert min(areas) < expected - 0.05
    assert max(areas) > expected + 0.05
    shuffled = np.random.default_rng(1).permutation(8)
    assert aurc(np.take(confidence, shuffled), np.take(score, shuffled)) == expected


def test_without_ties_the_area_is_the_definition():
    random = np.random.default_rng(4)
    confidence, score = random.random(200), random.integers(0, 2, 200)
    order = np.argsort(-confidence)
    assert aurc(confidence, score) == pytest.approx(literal((1 - score)[order]))


def test_the_best_area_is_that_of_the_best_of_all_orders():
    score = [1, 0, 1, 1, 0, 0.5, 1]
    assert best_aurc(score) == pytest.approx(
        min(literal([1 - s for s in order]) for order in permutations(score))
    )


def test_the_best_area_nears_the_limit_of_geifman_and_others():
    # Geifman, Uziel & El-Yaniv 2019 (arXiv:1805.08206), equation 8: r + (1 − r)·log(1 − r).
    score = np.array([1] * 70_000 + [0] * 30_000)
    assert best_aurc(score) == pytest.approx(0.3 + 0.7 * np.log(0.7), abs=1e-4)


def test_perfect_order_has_no_excess_and_no_information_has_the_mean_loss():
    score = np.array([1, 1, 1, 0, 1, 0, 0, 1])
    assert e_aurc(score * 0.5 + 0.3, score) == pytest.approx(0.0, abs=1e-15)
    assert aurc(np.full(8, 0.7), score) == pytest.approx((1 - score).mean())


@pytest.mark.parametrize("coverage", [0.1, 0.3, 0.5, 0.8, 1.0])
def test_risk_at_a_coverage_is_the_mean_over_the_orders_of_ties(coverage):
    confidence = [0.9, 0.9, 0.9, 0.7, 0.7, 0.7, 0.7, 0.2, 0.2, 0.1]
    score = [1, 1, 0, 1, 0, 1, 1, 0, 1, 0]
    count = round(coverage * 10)
    risks = [np.mean(order[:count]) for order in all_orders(confidence, score)]
    assert risk_at(confidence, score, coverage) == pytest.approx(np.mean(risks))


def test_coverage_counts_whole_answers_and_floats_do_not_add_one():
    score = [1.0] * 7 + [0.0] * 3
    confidence = np.linspace(1, 0.1, 10)
    assert risk_at(confidence, score, 0.7) == 0.0  # 0.7·10 is 7.000000000000001 in floats
    assert risk_at(confidence, score, 0.71) == pytest.approx(1 / 8)
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        risk_at(confidence, score, 0.0)


def test_the_curve_ends_at_the_mean_loss():
    random = np.random.default_rng(4)
    confidence, score = random.choice([0.5, 0.9], 50), random.integers(0, 2, 50)
    points = curve(confidence, score)
    assert len(points) == 20
    assert points[-1] == (1.0, pytest.approx((1 - score).mean()))
    assert points[9] == (0.5, pytest.approx(risk_at(confidence, score, 0.5)))


def test_intervals_come_from_resampling_whole_units():
    # The same by repeating rows, the slow way, with the same draws.
    random = np.random.default_rng(2)
    unit = np.repeat(np.arange(60), 3)
    confidence, score = random.choice([0.5, 0.7, 0.9], 180), random.integers(0, 2, 180)
    found = selective_intervals(confidence, score, unit, seed=9)
    areas, excess, risks = [], [], []
    draws = [
        row.astype(int)
        for start, size in chunks(1000)
        for _, rows in bootstrap_weights(60, start, size, seed=9)
        for row in rows
    ]
    for draw in draws:
        w = draw[unit]
        c, y = np.repeat(confidence, w), np.repeat(score, w)
        areas.append(aurc(c, y))
        excess.append(e_aurc(c, y))
        risks.append(risk_at(c, y, 0.5))
    ends = [0.025, 0.975]
    assert found.aurc == pytest.approx(tuple(np.quantile(areas, ends)))
    assert found.e_aurc == pytest.approx(tuple(np.quantile(excess, ends)))
    assert found.risk_at[0.5] == pytest.approx(tuple(np.quantile(risks, ends)))
    assert set(found.risk_at) == set(COVERAGES)


@pytest.mark.long
def test_the_interval_of_the_area_covers_the_area_of_many_answers():
    def draw(n, seed):
        random = np.random.default_rng(seed)
        c = random.choice([0.5, 0.6, 0.7, 0.8, 0.9], n)
        return c, (random.random(n) < c - 0.1).astype(float)

    truth, true_excess = aurc(*draw(2_000_000, 0)), e_aurc(*draw(2_000_000, 0))
    hits = excess = 0
    for seed in range(60):
        found = selective_intervals(*draw(300, [1, seed]), seed=seed)
        hits += found.aurc[0] <= truth <= found.aurc[1]
        excess += found.e_aurc[0] <= true_excess <= found.e_aurc[1]
    assert hits >= 52
    assert excess >= 52


def test_few_units_have_no_interval():
    found = selective_intervals([0.5] * 40, [1.0, 0.0] * 20)
    assert (found.aurc, found.e_aurc, found.risk_at[1.0]) == (None, None, None)
