"""The mean without each item or cluster, against leaving them out one by one."""

import numpy as np
import pytest

from splitplot.inference.influence import MIN_UNITS, leave_one_out, most_influential


def test_the_mean_without_each_item_is_that_of_the_others():
    d = np.random.default_rng(1).normal(size=30)
    literal = [np.delete(d, i).mean() for i in range(30)]
    assert leave_one_out(d, np.ones(30)) == pytest.approx(literal)


@pytest.mark.parametrize("seed", range(5))
def test_the_cluster_found_is_the_one_that_leaving_out_in_turn_finds(seed):
    random = np.random.default_rng(seed)
    cluster = random.choice(["a", "b", "c", "d", "e", "f"], 60)
    d = random.normal(0.3, 1, 60)
    names = np.unique(cluster)
    moved = [abs(d[cluster != name].mean() - d.mean()) / abs(d.mean()) for name in names]
    found = most_influential(d, cluster)
    if max(moved) <= 0.25:
        assert found is None
        return
    name = names[int(np.argmax(moved))]
    assert found.share == pytest.approx(max(moved))
    assert found.without == pytest.approx(d[cluster != name].mean())
    assert (cluster[found.first], found.size) == (name, (cluster == name).sum())
    assert found.above == sum(share > 0.25 for share in moved)


def test_one_item_far_from_the_others_is_found_and_items_alike_are_not():
    d = np.full(40, 0.1)
    d[17] = 4.0
    found = most_influential(d)
    assert (found.first, found.size, found.above) == (17, 1, 1)
    assert found.without == pytest.approx(0.1)
    assert most_influential(np.full(40, 0.1)) is None


def test_a_quarter_itself_is_not_more_than_a_quarter():
    # Without the last of 5 the mean goes from m to (5m − d)/4: by a quarter where d = 0 or d = 2m.
    assert most_influential([1, 1, 1, 1, 0.0]) is None
    assert most_influential([1, 1, 1, 1, -0.1]).first == 4


def test_with_few_units_or_no_gap_nothing_is_said():
    assert most_influential([1.0] * (MIN_UNITS - 2) + [9.0]) is None
    assert most_influential([1.0, -1.0] * 10) is None
    assert most_influential(np.arange(40.0), np.arange(40) % 4) is None


def test_of_items_that_do_as_much_the_first_is_named_and_all_are_counted():
    d = np.zeros(40)
    d[[3, 30]] = 1.0
    found = most_influential(d)
    assert (found.first, found.above) == (3, 2)
