"""The stopping rule: what settles, what does not, and how often it is wrong, by simulation."""

from math import exp, log

import numpy as np
import pytest

from splitplot.inference.intervals import Interval
from splitplot.inference.sequential.eprocess import kt_log_e
from splitplot.inference.sequential.stopping import Look, settled_at, tells, weigh


def discordant(first, second, ties):
    return np.r_[np.ones(first), -np.ones(second), np.zeros(ties)]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.01, 0.2, True),
        (-0.2, -0.01, True),
        (-0.04, 0.04, True),
        (0.01, 0.03, True),
        (-0.04, 0.06, False),
        (-0.05, 0.04, False),
        (0.0, 0.2, False),
    ],
)
def test_an_interval_tells_a_direction_or_lies_inside_the_margin(low, high, told):
    assert tells(Interval(0.0, low, high, 0.95, ""), 0.05) is told


def test_the_evidence_is_the_krichevsky_trofimov_process_and_its_interval():
    found = weigh("b − a", discordant(40, 12, 148), margin=0.02, alpha=0.05)
    assert found.log_e == pytest.approx(kt_log_e(40, 12), abs=1e-9)
    assert found.e_value == pytest.approx(exp(found.log_e))
    assert found.n_items == 200
    assert found.settled and found.difference.low > 0
    assert found.difference.level == 0.95


def test_several_primary_contrasts_share_alpha():
    # log E = 3.3 reaches log 1/0.05 = 3.0 and not log 2/0.05 = 3.7.
    d = discordant(21, 5, 74)
    assert log(20) < kt_log_e(21, 5) < log(40)
    assert weigh("x", d, margin=0.01, alpha=0.05, family=1).settled
    two = weigh("x", d, margin=0.01, alpha=0.05, family=2)
    assert not two.settled
    assert two.difference.level == 0.975


def test_what_bars_a_contrast_leaves_it_open_whatever_the_evidence():
    found = weigh("x", discordant(60, 0, 40), margin=0.02, alpha=0.05, barred="lost answers")
    assert found.log_e > 30 and not found.settled and found.barred == "lost answers"


def test_without_items_there_is_nothing_to_weigh():
    found = weigh("x", np.zeros(0), margin=0.02, alpha=0.05)
    assert (found.log_e, found.e_value, found.difference, found.settled) == (None,) * 3 + (False,)
    assert found.barred


def test_e_values_stay_numbers_that_json_can_hold():
    found = weigh("x", np.ones(5000), margin=0.02, alpha=0.05)
    assert found.log_e > 3000
    assert found.e_value == exp(700)


def test_a_look_is_settled_when_every_contrast_is_and_the_first_such_look_counts():
    open_one = weigh("a", discordant(10, 8, 82), margin=0.02, alpha=0.05)
    closed = weigh("b", discordant(40, 2, 58), margin=0.02, alpha=0.05)
    looks = [
        Look(1, 100, (open_one, closed)),
        Look(2, 100, (closed, closed)),
        Look(3, 100, (open_one, open_one)),
    ]
    assert [look.settled for look in looks] == [False, True, False]
    assert settled_at(looks) == 2
    assert settled_at(looks[:1]) is None
    assert not Look(1, 0, ()).settled


def simulate(draw, margin, family=1, runs=500, items=600, looks=6):
    """Share of studies in which each contrast says a direction, and that it is equivalent."""
    random = np.random.default_rng(19)
    direction = equivalent = 0
    for _ in range(runs):
        contrasts = [draw(random, items) for _ in range(family)]
        for n in np.arange(1, looks + 1) * items // looks:
            found = [weigh("x", d[:n], margin=margin, alpha=0.05, family=family) for d in contrasts]
            limits = [one.difference for one in found]
            direction += any(i.low > 0 or i.high < 0 for i in limits)
            equivalent += any(-margin < i.low and i.high < margin for i in limits)
            if any(one.settled for one in found):
                break
    return direction / runs, equivalent / runs


@pytest.mark.long
def test_arms_that_are_alike_are_rarely_told_apart_at_any_of_six_looks():
    wrong, _ = simulate(lambda r, n: r.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.8, 0.1]), 0.01)
    assert wrong < 0.05


@pytest.mark.long
def test_two_contrasts_together_are_rarely_wrong():
    wrong, _ = simulate(
        lambda r, n: r.choice([-1.0, 0.0, 1.0], n, p=[0.2, 0.6, 0.2]), 0.01, family=2
    )
    assert wrong < 0.05


def test_a_difference_as_large_as_the_margin_is_rarely_called_equivalent():
    _, wrong = simulate(lambda r, n: r.choice([-1.0, 0.0, 1.0], n, p=[0.02, 0.86, 0.12]), 0.1)
    assert wrong < 0.05


def test_a_clear_gap_and_true_equivalence_are_settled_early():
    found, _ = simulate(
        lambda r, n: r.choice([-1.0, 0.0, 1.0], n, p=[0.05, 0.75, 0.2]), 0.01, runs=100
    )
    assert found > 0.95
    _, same = simulate(
        lambda r, n: r.choice([-1.0, 0.0, 1.0], n, p=[0.01, 0.98, 0.01]), 0.05, runs=100
    )
    assert same > 0.95
