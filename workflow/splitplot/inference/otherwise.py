"""The same item scores by other estimators than the default: what the choice of method could change."""

from collections.abc import Callable

from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.effects import hodges_lehmann
from splitplot.inference.evidence import Rival
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats, Interval, is_binary
from splitplot.inference.paired import paired_difference, t_difference
from splitplot.inference.resampling.bootstrap import bootstrap_means, unit_sums
from splitplot.inference.resampling.intervals import (
    NotBootstrapped,
    bca_interval,
    percentile_interval,
)
from splitplot.inference.signflip import sign_flip_interval
from splitplot.inference.wilcoxon import signed_rank_test

SIGN_FLIP_ITEMS = 1_000
"""Up to this many items the panel shows the sign-flip interval: beyond, it is the t interval."""

RESAMPLED_ITEMS = 5_000
"""The same for the bootstrap, whose intervals meet those of t as items become many."""

Levels = tuple[float, float]


def other_estimators(
    a: Floats, b: Floats, *, cluster: Ints | None, levels: Levels, seed: int
) -> list[Rival]:
    """t, sign-flip, Wilcoxon with Hodges-Lehmann, bootstrap; with clusters the bootstrap of clusters, and
    the items as if they stood alone. What does not exist for the scores is absent.

    a, b: score per item, shape (n_items,). levels: of the interval and of the one for equivalence.
    """
    if a.size < 2:
        return []
    found: list[Rival] = []
    if cluster is not None:
        found += _rival(
            "clusters ignored",
            lambda level: paired_difference(a, b, level=level, seed=seed),
            levels,
        )
        return found + _bootstraps(a - b, cluster, levels, seed)
    own = _rival("default", lambda level: paired_difference(a, b, level=level, seed=seed), levels)
    method = own[0].difference.method if own else ""
    student = _rival("t interval over items", lambda level: t_difference(a, b, level), levels)
    known = {method}
    flipped: list[Rival] = []
    if a.size <= SIGN_FLIP_ITEMS:
        flipped = _rival(
            "sign-flip interval",
            lambda level: sign_flip_interval(a - b, level=level, seed=seed),
            levels,
        )
    for rival in student + flipped:
        if rival.difference.method not in known:
            found.append(rival)
            known.add(rival.difference.method)
    if not (is_binary(a) and is_binary(b)):
        found += _signed_rank(a, b, levels)
    return found + _bootstraps(a - b, None, levels, seed)


def _rival(name: str, interval: Callable[[float], Interval], levels: Levels) -> list[Rival]:
    try:
        return [Rival(name, interval(levels[0]), interval(levels[1]))]
    except (TooFewClusters, ValueError):
        return []


def _signed_rank(a: Floats, b: Floats, levels: Levels) -> list[Rival]:
    """Wilcoxon's test, with the interval that belongs to it."""
    try:
        outer, inner = (hodges_lehmann(a, b, level) for level in levels)
    except ValueError:
        return []
    if inner.low == inner.high:  # most items are level: the median says nothing of the others
        return []
    test = signed_rank_test(a, b)
    return [Rival("Wilcoxon signed-rank (Pratt)", outer, inner, p_value=test.p_value)]


def _bootstraps(
    differences: Floats, cluster: Ints | None, levels: Levels, seed: int
) -> list[Rival]:
    """Percentile and BCa, from the same draws of items or of whole clusters."""
    if differences.size > RESAMPLED_ITEMS:
        return []
    try:
        units = unit_sums(differences, cluster)
        draws = bootstrap_means(differences[:, None], cluster, seed=seed)[:, 0]
        estimate, influence = float(units.mean[0]), units.influence[:, 0]
        kinds: dict[str, Callable[[float], Interval]] = {
            "bootstrap, percentile": lambda level: percentile_interval(
                draws, estimate, units=units.n_units, level=level
            ),
            "bootstrap, BCa": lambda level: bca_interval(draws, estimate, influence, level=level),
        }
        return [Rival(name, make(levels[0]), make(levels[1])) for name, make in kinds.items()]
    except (TooFewClusters, NotBootstrapped):
        return []
