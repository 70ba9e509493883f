"""Items that are there more than once: what copies do to a variance, and the clusters that allow for it.

A copy is answered as its original is, so two of them tell little more than one. Counted as if each stood
alone they make intervals too short; as one cluster they do not.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

MOST_INFLATED = 1.05
"""Up to so many times the variance copies count as items of their own: a test at .05 then rejects .056 of
true nulls, which costs less than the exact tests for items that stand alone are worth."""


@dataclass(frozen=True)
class Copies:
    """What is known of the copies among some items.

    n_items: all items. repeats: those that repeat the content of an earlier one. apart: those with a
    copy in another cluster. inflation: the variance of a mean is so many times what it is taken for with
    the clusters as they are, if copied items vary as the others do. together: label per item with all
    copies in one cluster; None where no copy is in another cluster.
    """

    n_items: int
    repeats: int
    apart: int
    inflation: float
    together: tuple[int, ...] | None

    @property
    def joined(self) -> bool:
        """Whether copies make clusters, or join those there are, whatever is compared."""
        return self.inflation > MOST_INFLATED

    @property
    def cluster(self) -> tuple[int, ...] | None:
        """`together` where copies are joined whatever is compared; None where the clusters stay."""
        return self.together if self.joined else None


def find_copies(cluster: Sequence[Hashable], content: Sequence[Hashable | None]) -> Copies:
    """The copies among items, and the clusters that hold them together.

    cluster: label per item; content: equal values for items of the same content, None where unknown.

    The inflation: pairs of copies in different clusters are taken for uncorrelated. Are they equal, and vary
    as other items do, the variance is 1 + (number of such ordered pairs)/n times the one it is taken for.
    Where every item stands alone that is Σ m²/n, m the number of items of each content (Kish's design
    effect at a correlation of 1). It is no bound: where the copies alone tell two arms apart it is more
    (`inference.clusters.realised_inflation`). Joined are the connected components of "same cluster" and
    "same content": only they are independent of each other.
    """
    n = len(cluster)
    known = [
        (what, where) for what, where in zip(content, cluster, strict=True) if what is not None
    ]
    times, inside = Counter(what for what, _ in known), Counter(known)
    if len(times) == len(known):
        return Copies(n, 0, 0, 1.0, None)
    spread = {what for (what, _), size in inside.items() if size < times[what]}
    pairs = sum(times[what] ** 2 for what in spread)
    pairs -= sum(size**2 for (what, _), size in inside.items() if what in spread)
    return Copies(
        n,
        len(known) - len(times),
        sum(times[what] for what in spread),
        1 + pairs / n,
        _components(cluster, content, spread) if spread else None,
    )


def _components(
    cluster: Sequence[Hashable], content: Sequence[Hashable | None], spread: set[Hashable]
) -> tuple[int, ...]:
    """A number per item, equal where a chain of clusters and copies leads from one to the other: 0, 1 …
    by first appearance."""
    number = {label: place for place, label in enumerate(dict.fromkeys(cluster))}
    parent = list(range(len(number)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    first: dict[Hashable, int] = {}
    for label, what in zip(cluster, content, strict=True):
        if what in spread:
            here = root(number[label])
            there = root(first.setdefault(what, here))
            parent[max(here, there)] = min(here, there)
    roots = [root(number[label]) for label in cluster]
    place = {node: place for place, node in enumerate(dict.fromkeys(roots))}
    return tuple(place[node] for node in roots)
