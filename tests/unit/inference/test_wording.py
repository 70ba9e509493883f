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
        (0.01, "1 point"),
        (0.02, "2 points"),
        (-0.0004, "−0.04 points"),
        (0.0, "0 points"),
        (1.0, "100 points"),
    ],
)
def test_differences_read_in_points(value, text):
    assert wording.POINTS.amount(value) == text


@given(st.floats(-1, 1))
def test_a_number_keeps_its_sign_and_is_close_to_the_value(value):
    text = wording.signed(value)
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=max(0.051, abs(value) * 0.06))
    assert text != "−0"
