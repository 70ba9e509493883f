"""What so many unanswerable questions can show where few of them, or none, tell the conditions apart."""

import pytest

from splitplot.inference.answering.sizes import one_way
from splitplot.inference.mcnemar import mcnemar_detectable, mcnemar_exact

SAME_HELD = ("held_back", "held_back")


@pytest.mark.parametrize("n", [6, 12, 60, 300])
def test_a_difference_all_one_way_is_what_the_power_of_the_test_says(n):
    """By enumeration: all telling items for one arm, p ≤ .05 from so many on."""
    from scipy.stats import binom

    found = one_way(n, 0.05)
    least = next(k for k in range(1, n + 1) if mcnemar_exact(k, 0) <= 0.05)
    assert found is not None
    assert binom.sf(least - 1, n, found) == pytest.approx(0.8, abs=1e-6)
    assert mcnemar_detectable(n, found) == pytest.approx(found, abs=1e-6)


def test_five_items_find_nothing():
    assert one_way(5, 0.05) is None


def test_questions_that_nobody_answers_falsely_still_would_show_a_difference(summary, pairs):
    found = summary(pairs((("right", "right"), 40), (SAME_HELD, 60)))["answering"]["power"][0]
    assert found["one_way"] is True
    assert found["smallest_detectable"] == pytest.approx(0.129, abs=5e-4)
    assert found["sentence"].startswith(
        "None of 60 unanswerable questions tells “treatment” and “control” apart. A difference of 12.9 "
        "points in false answers would be found 8 times in 10, if all of it went one way."
    )
    assert "too few" not in found["sentence"]


def test_clusters_that_do_not_vary_count_once_each(summary, pairs):
    rows = []
    for cluster in range(12):
        rows += pairs((SAME_HELD, 5), cluster=f"c{cluster}")
    found = summary(rows)["answering"]["power"][0]
    assert found["smallest_detectable"] == pytest.approx(one_way(12, 0.05))


def test_two_items_that_tell_are_too_few_to_go_by(summary, pairs):
    found = summary(pairs((SAME_HELD, 58), (("false_answer", "held_back"), 2)))
    power = found["answering"]["power"][0]
    assert (power["one_way"], power["smallest_detectable"]) == (
        True,
        pytest.approx(one_way(60, 0.05)),
    )
    assert power["sentence"].startswith("Only 2 of 60 unanswerable questions tell ")
