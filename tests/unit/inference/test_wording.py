"""Numbers in words: the examples in the docstrings, and none that reads as something else."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.inference import wording


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(wording).failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01, "1.0 points"),
        (-0.0304, "−3.0 points"),
        (-0.0004, "0.0 points"),
        (0.0, "0.0 points"),
        (12.0, "1,200.0 points"),
    ],
)
def test_differences_read_in_points(value, text):
    assert wording.POINTS.amount(value) == text


def test_decimals_are_as_many_as_keep_every_number_from_reading_as_zero():
    assert wording.POINTS.fitted(0.2, 0.01, None, 0.0).digits == 1
    assert wording.POINTS.fitted(0.2, -0.0003).digits == 2
    assert wording.POINTS.fitted(0.2, -0.00003).digits == 3
    assert wording.POINTS.fitted(1e-7).digits == 3


@given(st.floats(-1, 1), st.integers(1, 3))
def test_a_number_keeps_its_sign_and_is_close_to_the_value(value, digits):
    text = wording.Unit(1.0, "points", digits).number(value)
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.51 * 10**-digits)
    assert not text.startswith("−0.000")
