"""Copies of items: the bound of what they do to a variance, and the clusters that hold them together."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from splitplot.items.copies import MOST_INFLATED, find_copies


def literal_bound(cluster, content):
    """1 + ordered pairs of copies in different clusters, over items: by looking at every pair."""
    n = len(cluster)
    pairs = sum(
        content[i] is not None and content[i] == content[j] and cluster[i] != cluster[j]
        for i in range(n)
        for j in range(n)
    )
    return 1 + pairs / n


def test_four_copies_of_each_item_are_a_cluster_each():
    found = find_copies(range(40), [n // 4 for n in range(40)])
    assert (found.repeats, found.apart, found.inflation) == (30, 40, 4.0)
    assert found.joined and len(set(found.cluster)) == 10
    assert all(len(set(found.cluster[4 * k : 4 * k + 4])) == 1 for k in range(10))


def test_where_every_item_stands_alone_the_inflation_is_kishs_design_effect():
    content = ["a"] * 3 + ["b"] * 2 + list(range(95))
    found = find_copies(range(100), content)
    assert found.inflation == pytest.approx((3**2 + 2**2 + 95) / 100)
    assert found.repeats == 3


def test_few_copies_leave_the_clusters_as_they_are():
    content = ["a", "a", *range(98)]
    found = find_copies(range(100), content)
    assert found.inflation == 1.02 <= MOST_INFLATED
    assert (found.repeats, found.apart, found.joined) == (1, 2, False)
    assert find_copies(range(40), ["a", "a", *range(38)]).inflation == 1.05
    assert not find_copies(range(40), ["a", "a", *range(38)]).joined
    assert find_copies(range(39), ["a", "a", *range(37)]).joined


def test_copies_within_a_declared_cluster_change_nothing():
    found = find_copies([n // 10 for n in range(40)], [n // 5 for n in range(40)])
    assert (found.repeats, found.apart, found.inflation, found.joined) == (32, 0, 1.0, False)


def test_unknown_contents_are_no_copies_of_each_other():
    found = find_copies(range(10), [None] * 10)
    assert (found.repeats, found.inflation, found.joined) == (0, 1.0, False)


def test_no_items_have_no_copies():
    assert not find_copies([], []).joined


@pytest.mark.parametrize("seed", range(20))
def test_the_clusters_are_the_connected_components_of_clusters_and_copies(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(5, 80))
    cluster = random.integers(0, random.integers(2, n), n).tolist()
    content = [
        None if random.random() < 0.2 else int(c)
        for c in random.integers(0, random.integers(2, n), n)
    ]
    found = find_copies(cluster, content)
    assert found.inflation == pytest.approx(literal_bound(cluster, content))
    if not found.joined:
        assert found.inflation <= MOST_INFLATED
        return
    tied = [
        [a == b or (p is not None and p == q) for b, q in zip(cluster, content, strict=True)]
        for a, p in zip(cluster, content, strict=True)
    ]
    count, expected = connected_components(np.array(tied), directed=False)
    pairs = set(zip(found.cluster, expected.tolist(), strict=True))
    assert len(pairs) == len(set(found.cluster)) == count
    assert list(dict.fromkeys(found.cluster)) == list(range(count))
