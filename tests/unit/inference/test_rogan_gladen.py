"""Rates corrected for a reader that errs: by hand, against the published limits, and by simulation."""

import numpy as np
import pytest

from splitplot.inference.rogan_gladen import (
    Read,
    Reading,
    corrected_difference,
    corrected_rate,
    youden_low,
)

Z = 1.959963984540054


def test_the_estimate_inverts_what_errors_do_to_a_rate():
    """θ = .3 read by a reader of .9 and .95 is .3·.9 + .7·.05."""
    reading = Reading(100, 90, 100, 95)
    found = corrected_rate(Read(0.3 * 0.9 + 0.7 * 0.05, 500, Z), reading)
    assert found.interval.estimate == pytest.approx(0.3)
    assert (reading.sensitivity, reading.specificity) == (0.9, 0.95)
    assert reading.youden == pytest.approx(0.85)


def test_the_limits_are_those_of_the_formula_written_out():
    """Lang & Reiczigel 2014, equations of their R function, with counts in place of rates."""
    positives, n, right1, m1, right0, m0 = 60, 200, 85, 100, 46, 50
    p = (positives + Z**2 / 2) / (n + Z**2)
    se, sp = (right1 + 1) / (m1 + 2), (right0 + 1) / (m0 + 2)
    theta = (p + sp - 1) / (se + sp - 1)
    spread = np.sqrt(
        p * (1 - p) / (n + Z**2)
        + se * (1 - se) / (m1 + 2) * theta**2
        + sp * (1 - sp) / (m0 + 2) * (1 - theta) ** 2
    ) / (se + sp - 1)
    shift = 2 * Z**2 * (theta * se * (1 - se) / (m1 + 2) - (1 - theta) * sp * (1 - sp) / (m0 + 2))
    found = corrected_rate(Read(0.3, n, Z), Reading(m1, right1, m0, right0))
    assert found.interval.low == pytest.approx(theta + shift - Z * spread)
    assert found.interval.high == pytest.approx(theta + shift + Z * spread)
    assert found.variance == pytest.approx(spread**2)


def test_many_labels_without_an_error_change_next_to_nothing():
    from splitplot.inference.intervals import wilson

    found = corrected_rate(Read(0.2, 300, Z), Reading(10**6, 10**6, 10**6, 10**6))
    assert found.interval.estimate == pytest.approx(0.2)
    plain = wilson(60, 300)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (plain.low, plain.high), abs=1e-3
    )


def test_a_reader_that_tells_nothing_corrects_nothing():
    with pytest.raises(ValueError, match="tells nothing apart"):
        corrected_rate(Read(0.4, 100, Z), Reading(40, 20, 40, 20))
    assert youden_low(Reading(40, 22, 40, 21)) < 0 < youden_low(Reading(40, 36, 40, 36))


def test_a_rate_stays_within_its_scale():
    found = corrected_rate(Read(0.04, 100, Z), Reading(100, 99, 100, 95)).interval
    assert (found.estimate, found.low) == (0, 0)
    assert 0 < found.high < 0.1


def test_labels_that_contradict_what_was_read_are_refused():
    """Of 300 answers 3 were read as false; of 100 that decline 20 are read so by themselves."""
    with pytest.raises(ValueError, match="by their errors alone it would have been more"):
        corrected_rate(Read(0.01, 300, Z), Reading(100, 99, 100, 80))


@pytest.mark.parametrize(
    ("truths", "control", "treatment", "labels"),
    [
        ((0.3, 0.3), (0.98, 0.85), (0.98, 0.99), 30),
        ((0.3, 0.3), (0.98, 0.85), (0.98, 0.99), 100),
        ((0.5, 0.2), (0.95, 0.9), (0.95, 0.9), 50),
        ((0.1, 0.05), (1.0, 0.8), (0.99, 0.95), 60),
    ],
)
def test_limits_hold_the_truth_where_the_prompt_changes_how_declining_is_worded(
    truths, control, treatment, labels
):
    """600 studies of 200 paired items: coverage of a rate and of the difference, within .025 of .95."""
    random, n, runs = np.random.default_rng(5), 200, 600
    of_arm, of_gap, raw = [], [], []
    for _ in range(runs):
        shared = random.random(n)
        read, readings = [], []
        for share, (sensitivity, specificity) in zip(truths, (control, treatment), strict=True):
            true = shared < share
            right = random.random(n) < np.where(true, sensitivity, specificity)
            read.append(np.where(right, true, ~true).astype(float))
            found = random.binomial(labels, sensitivity), random.binomial(labels, specificity)
            readings.append(Reading(labels, found[0], labels, found[1]))
        as_read = read[0] - read[1]
        half = Z * as_read.std(ddof=1) / np.sqrt(n)
        raw.append(abs(as_read.mean() - (truths[0] - truths[1])) <= half)
        try:
            first, second = (
                corrected_rate(Read(float(one.mean()), n, Z), reading)
                for one, reading in zip(read, readings, strict=True)
            )
        except ValueError:  # labels that contradict what was read, rare
            continue
        gap = corrected_difference(first, second, float(np.corrcoef(*read)[0, 1]))
        of_arm.append(first.interval.low <= truths[0] <= first.interval.high)
        of_gap.append(gap.low <= truths[0] - truths[1] <= gap.high)
    assert len(of_gap) >= 0.99 * runs
    assert np.mean(of_arm) == pytest.approx(0.955, abs=0.025)
    assert np.mean(of_gap) == pytest.approx(0.957, abs=0.025)
    if control != treatment:
        assert np.mean(raw) < 0.85  # what is read is off by the errors
