"""Lost answers against every way of filling them in, one by one."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from splitplot.inference.intervals import Interval
from splitplot.inference.mcnemar import tango
from splitplot.inference.missing import (
    SCANNED,
    covering_interval,
    differential_loss,
    filling,
    tipping_point,
)
from splitplot.inference.paired import paired_difference
from splitplot.inference.signflip import sign_flip_test

LEVEL = 0.9


def binary_case(seed, n=16, lost=6):
    """0/1 answers of two arms, some lost (NaN), here and there both answers of an item."""
    random = np.random.default_rng(seed)
    a = (random.random(n) < 0.85).astype(float)
    b = (random.random(n) < 0.35).astype(float)
    places = random.choice(2 * n, lost, replace=False)
    for place in places:
        (a if place < n else b)[place % n] = np.nan
    return a, b


def filled_binary(a, b, **options):
    best = np.where(np.isnan(a), 1, a) - np.where(np.isnan(b), 0, b)
    worst = np.where(np.isnan(a), 0, a) - np.where(np.isnan(b), 1, b)
    item = np.concatenate([np.flatnonzero(np.isnan(a)), np.flatnonzero(np.isnan(b))])
    return filling(best, worst, item, np.ones(item.size), **options)


def enumerated(a, b, claim, cluster=None):
    """The smallest number of answers against a, over all 2^n ways, with the default interval."""
    places = [(0, i) for i in np.flatnonzero(np.isnan(a))]
    places += [(1, i) for i in np.flatnonzero(np.isnan(b))]
    for count in range(len(places) + 1):
        for against in combinations(places, count):
            x, y = a.copy(), b.copy()
            for arm, i in places:
                adverse = (arm, i) in against
                if arm == 0:
                    x[i] = 0.0 if adverse else 1.0
                else:
                    y[i] = 1.0 if adverse else 0.0
            if paired_difference(x, y, cluster=cluster, level=LEVEL).low <= claim:
                return count
    return None


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("claim", [0.0, 0.1])
def test_the_tipping_point_of_0_1_answers_is_that_of_all_ways_to_fill_them_in(seed, claim):
    a, b = binary_case(seed)
    found = tipping_point(filled_binary(a, b, binary=True), claim, LEVEL)
    assert found.needed == enumerated(a, b, claim)
    assert found.of == 6


def test_these_cases_tip_early_late_and_never():
    found = [
        tipping_point(filled_binary(*binary_case(s), binary=True), 0.1, LEVEL).needed
        for s in range(25)
    ]
    assert None in found
    assert 1 in found
    assert len(set(found)) >= 6


@pytest.mark.parametrize("seed", range(15))
def test_with_clusters_the_tipping_point_is_never_too_high_and_mostly_exact(seed):
    a, b = binary_case(seed, n=18)
    cluster = np.random.default_rng(seed).integers(0, 6, 18)
    found = tipping_point(filled_binary(a, b, cluster=cluster), 0.1, LEVEL)
    exact = enumerated(a, b, 0.1, cluster)
    if exact is None:
        assert found.needed in (None, 6)
    else:
        assert found.needed is not None
        assert exact - 1 <= found.needed <= exact


def replicated_case(seed):
    """Three answers per item and arm; the lost ones are listed as (arm, item)."""
    random = np.random.default_rng(seed)
    a, b = random.binomial(3, 0.8, 14) / 3, random.binomial(3, 0.4, 14) / 3
    lost = [
        (int(arm), int(i))
        for arm, i in zip(random.integers(0, 2, 6), [0, 0, 1, 2, 3, 3], strict=True)
    ]
    for arm, i in lost:  # make room: the lost ones are not among the right ones
        scores = (a, b)[arm]
        scores[i] = min(scores[i], (3 - lost.count((arm, i))) / 3)
    return a, b, lost


@pytest.mark.parametrize("seed", range(15))
def test_with_replications_a_lost_answer_moves_its_item_by_its_share(seed):
    a, b, lost = replicated_case(seed)
    best = a - b + np.bincount([i for arm, i in lost if arm == 0], minlength=14) / 3
    worst = a - b - np.bincount([i for arm, i in lost if arm == 1], minlength=14) / 3
    filled = filling(best, worst, [i for _, i in lost], np.full(6, 1 / 3))
    found = tipping_point(filled, 0.1, LEVEL).needed
    exact = None
    for choice in sorted(product([0, 1], repeat=6), key=sum):
        x, y = a.copy(), b.copy()
        for (arm, i), adverse in zip(lost, choice, strict=True):
            if arm == 0 and not adverse:
                x[i] += 1 / 3
            if arm == 1 and adverse:
                y[i] += 1 / 3
        if paired_difference(np.minimum(x, 1), np.minimum(y, 1), level=LEVEL).low <= 0.1:
            exact = sum(choice)
            break
    if exact is None:
        assert found in (None, 6)
    else:
        assert found is not None
        assert exact - 1 <= found <= exact


def test_a_published_shape_of_the_sentence_can_be_checked_by_hand():
    # 60 items; A alone right on 20, B alone on 3; 14 answers of B are lost where A was right.
    a = np.array([1.0] * 20 + [0.0] * 3 + [1.0] * 23 + [1.0] * 14)
    b = np.array([0.0] * 20 + [1.0] * 3 + [1.0] * 23 + [np.nan] * 14)
    found = tipping_point(filled_binary(a, b, binary=True), 0.2, 0.95)
    by_hand = next(x for x in range(15) if tango(34 - x, 3, 60, 0.95).low <= 0.2)
    assert (found.needed, found.of) == (by_hand, 14)
    assert 0 < by_hand < 14


def test_the_widest_interval_of_0_1_answers_has_the_most_that_differ():
    # What the search rests on: at a given difference Tango's lower limit falls with wins + losses.
    for n in (5, 12, 30):
        for balance in range(-n, n + 1):
            lows = [
                tango((differ + balance) // 2, (differ - balance) // 2, n).low
                for differ in range(abs(balance), n + 1, 2)
            ]
            assert np.all(np.diff(lows) < 1e-12)


def test_many_lost_answers_are_bisected_and_agree_with_the_scan():
    random = np.random.default_rng(1)
    n = 6_000
    a, b = (random.random(n) < 0.7).astype(float), (random.random(n) < 0.6).astype(float)
    b[: SCANNED + 100] = np.nan
    filled = filled_binary(a, b, binary=True)
    found = tipping_point(filled, 0.0, 0.95)
    wins = int((np.where(np.isnan(b), 0, b) < a).sum())
    losses = int((np.where(np.isnan(b), 0, b) > a).sum())
    against = int(((a == 0) & np.isnan(b)).sum())  # those that widen come first
    by_hand = next(
        x
        for x in range(SCANNED + 101)
        if tango(wins - max(0, x - against), losses + min(x, against), n).low <= 0
    )
    assert found.needed == by_hand


def test_arms_with_other_numbers_of_replications_share_a_step():
    # Losing one of three is a third, one of two a half: steps of a sixth.
    filled = filling([0.5, 1.0], [0.0, 2 / 3], [0, 1], [1 / 2, 1 / 3])
    assert filled.step == pytest.approx(1 / 6)
    assert filled.answer.tolist() == [3, 2]
    # The largest answer is counted first: half a point is reached by one answer, not by two.
    assert tipping_point(filled, -1.0, 0.5).needed is None


@pytest.mark.parametrize(
    ("best", "worst", "weight", "reason"),
    [
        ([2.0], [1.0], [1.0], "no known range"),
        ([1.0], [0.5], [1.0], "do not add up"),
        ([1.0], [0.3], [0.7], "one over a whole number"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(best, worst, weight, reason):
    with pytest.raises(ValueError, match=reason):
        filling(best, worst, [0], weight)


def interval(estimate, half, level=0.95):
    return Interval(estimate, estimate - half, estimate + half, level, "t")


def test_the_covering_interval_is_that_of_imbens_and_manski():
    # Their equation 2.6 and 2.7 with both standard errors equal, solved by scipy.
    from scipy.optimize import brentq

    for gap in (0.0, 0.02, 0.1, 1.0):
        c = brentq(lambda c, g=gap: norm.cdf(c + g / 0.05) - norm.cdf(-c) - 0.95, 1, 3)
        found = covering_interval(
            interval(0.1, 1.959964 * 0.05), interval(0.1 + gap, 1.959964 * 0.05)
        )
        assert found.low == pytest.approx(0.1 - c * 0.05, abs=1e-6)
        assert found.high == pytest.approx(0.1 + gap + c * 0.05, abs=1e-6)
    assert c == pytest.approx(1.6449, abs=1e-4)


def test_the_covering_interval_covers_the_difference_wherever_it_lies():
    random = np.random.default_rng(2)
    for truth in (0.1, 0.12, 0.15):
        hits = 0
        for _ in range(2000):
            noise = random.normal(0, 0.02)
            found = covering_interval(
                interval(0.1 + noise, 1.96 * 0.02), interval(0.15 + noise, 1.96 * 0.02)
            )
            hits += found.low <= truth <= found.high
        assert hits / 2000 >= 0.94


def test_differential_loss_is_mcnemar_where_items_are_lost_whole():
    a, b = np.zeros(100), np.zeros(100)
    a[:9], b[9:11] = 1, 1
    p_value, test = differential_loss(a, b)
    assert p_value == pytest.approx(binomtest(2, 11).pvalue)
    assert test.startswith("McNemar exact")


def test_differential_loss_of_replications_flips_the_shares_of_items():
    random = np.random.default_rng(1)
    a, b = random.binomial(3, 0.3, 12) / 3, random.binomial(3, 0.1, 12) / 3
    p_value, test = differential_loss(a, b)
    assert p_value == sign_flip_test(np.round(a - b, 12)).p_value
    assert "on the shares lost" in test
    clusters = np.repeat(np.arange(6), 2)
    assert differential_loss(a, b, cluster=clusters)[0] == pytest.approx(
        sign_flip_test(np.round(a - b, 12), cluster=clusters).p_value
    )


def test_losing_nothing_or_the_same_is_no_difference_of_losses():
    assert differential_loss(np.zeros(5), np.zeros(5))[0] == 1.0
    share = np.array([1 / 3, 2 / 3, 0, 0])
    assert differential_loss(share, share)[0] == 1.0


@pytest.mark.parametrize("replications", [1, 3])
def test_the_test_of_differential_loss_keeps_its_level(replications):
    random = np.random.default_rng(replications)
    rejected = 0
    for seed in range(400):
        both = random.uniform(0, 0.2, 80)  # some items are lost more often, in both arms alike
        a = random.binomial(replications, both) / replications
        b = random.binomial(replications, both) / replications
        rejected += differential_loss(a, b, seed=seed)[0] <= 0.05
    assert rejected / 400 <= 0.07
