"""Positions in the figures."""

from hypothesis import given
from hypothesis import strategies as st

from splitplot.report.figures import Axis, dots, forest, nice_axis
from splitplot.report.wording import POINTS

values = st.lists(st.floats(-1000, 1000, allow_nan=False), min_size=1, max_size=8)


def percent(text):
    assert text.endswith("%")
    return float(text[:-1])


@given(values)
def test_an_axis_holds_its_values_and_has_few_ticks_in_order(known):
    axis = nice_axis(known)
    assert axis.low < min(known) and max(known) < axis.high
    places = [percent(x) for x, _ in axis.ticks]
    assert 1 <= len(places) <= 7
    assert places == sorted(places) and places[0] >= 0 and places[-1] <= 100
    assert len({label for _, label in axis.ticks}) == len(places)


def test_a_value_outside_the_axis_stays_on_its_edge():
    axis = Axis(0.0, 10.0, ())
    assert [axis.at(v) for v in (-5, 0, 2.5, 10, 20)] == [
        "0.00%",
        "0.00%",
        "25.00%",
        "100.00%",
        "100.00%",
    ]
    assert axis.span(-5, 5) == ("0.00%", "50.00%")


def contrast(**over):
    return {
        "name": "a − b",
        "a": "a",
        "b": "b",
        "margin": 0.02,
        "difference": {"estimate": 0.1, "low": 0.05, "high": 0.15, "level": 0.95},
        "noise": {"half_width": 0.03},
        "verdict": "BETTER",
        **over,
    }


def test_the_forest_plot_shows_interval_margin_and_noise_around_zero():
    plot = forest([contrast()], POINTS)
    row, zero = plot["rows"][0], percent(plot["zero"])
    marks = {name: percent(x) for name, x in row["marks"].items()}
    assert zero < marks["low"] < marks["estimate"] < marks["high"]
    for band in (row["margin"], row["noise"]):
        left, width = map(percent, band)
        assert abs(left + width / 2 - zero) < 0.02
    assert percent(row["margin"][1]) < percent(row["noise"][1])
    assert (plot["left"], plot["right"]) == ("b better", "a better")


def test_a_contrast_without_an_estimate_keeps_its_row():
    plot = forest([contrast(), contrast(name="c − d", difference=None, noise=None)], POINTS)
    assert [r["name"] for r in plot["rows"]] == ["a − b", "c − d"]
    assert plot["rows"][1]["marks"] is None and plot["rows"][1]["ends"] == "no estimate"


def test_without_any_estimate_there_is_no_forest_plot():
    assert forest([contrast(difference=None)], POINTS) is None


def test_the_dot_plot_marks_the_observed_mean_only_where_it_differs():
    mean = {"estimate": 0.5, "low": 0.4, "high": 0.6, "level": 0.95}
    other = {**mean, "estimate": 0.55}
    plot = dots(
        [
            {"label": "one", "strict": mean, "observed": mean},
            {"label": "two", "strict": mean, "observed": other},
            {"label": "three", "strict": None, "observed": None},
        ],
        POINTS,
    )
    assert [bool(r["observed"]) for r in plot["rows"]] == [False, True]
