"""How numbers are said; the examples in the docstrings run too."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.report import content, sample, wording
from splitplot.report.plots import axis, grid

finite = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize("module", [wording, axis, grid, sample, content])
def test_examples_in_the_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_a_difference_is_said_in_points_with_its_interval():
    interval = {"estimate": 0.031, "low": 0.004, "high": 0.058}
    assert wording.difference(interval) == "+3.1 points (0.4 to 5.8)"


def test_negative_numbers_carry_a_true_minus_sign():
    interval = {"estimate": -0.015, "low": -0.075, "high": 0.045}
    assert wording.difference(interval) == "−1.5 points (−7.5 to 4.5)"


def test_a_tiny_difference_is_not_rounded_to_nothing():
    assert wording.points(0.0004) == "+0.04 points"
    assert wording.points(0.0000123, wording.METRICS["usd"]) == "+0.000012 dollars"
    assert wording.points(1e-17) == "0.0 points"
    assert wording.bounds(0.00012, 0.00031) == "0.01 to 0.03"


def test_an_absent_interval_is_said_to_be_absent():
    assert wording.difference(None) == "no estimate"
    assert (
        wording.difference({"estimate": 0.1, "low": None, "high": None})
        == "+10.0 points (no interval)"
    )


def test_scores_that_are_not_shares_keep_their_own_scale():
    interval = {"estimate": 6.5, "low": 6.0, "high": 7.0}
    assert wording.mean(interval, wording.RAW) == "6.50 (6.0 to 7.0)"


@given(finite, st.integers(0, 3), st.booleans())
def test_a_number_never_shows_a_hyphen_or_a_negative_zero(value, digits, signed):
    text = wording.number(value, digits, signed=signed)
    assert "-" not in text
    assert not (text[0] in "−+" and set(text[1:]) <= set("0.,"))


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_share_says_all_or_none_only_when_it_is(part, whole):
    part = min(part, whole)
    text = wording.percent(part, whole)
    assert (text == "100%") == (part == whole)
    assert (text == "0%") == (part == 0)


@given(st.floats(0, 1e8))
def test_a_duration_has_no_sixty_seconds_or_minutes(seconds):
    text = wording.duration(seconds)
    assert "60" not in text.split()[0] or "d" in text.split() or "h" in text.split()


def test_a_date_without_a_zone_is_taken_as_utc_and_no_date_as_nothing():
    assert wording.instant("2026-11-21T10:00:00") == "2026-11-21 10:00 UTC"
    assert wording.instant("soon") == "–"


def test_an_end_of_an_interval_that_is_not_zero_never_reads_as_zero():
    assert wording.bounds(0.0003, 0.06) == "0.03 to 6.00"
    assert wording.bounds(-0.0001, 0.2) == "−0.01 to 20.00"
    assert wording.bounds(0.0, 0.2) == "0.0 to 20.0"
