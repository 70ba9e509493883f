"""Placebo runs: the analysis of a contrast made again where the true difference is known to be nought.

A/A splits compare two halves of one arm's replications, label swaps exchange A and B at random, and
split halves ask whether one half of the items repeats what the other half says. docs/placebo.md says
what each of them can and cannot show.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitplot.inference.clusters import TooFewClusters, cluster_sums
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import (
    EQUAL,
    Floats,
    Interval,
    clopper_pearson,
    is_binary,
)
from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.paired import paired_difference
from splitplot.inference.signflip import TOLERANCE
from splitplot.inference.verdict import decide

BINS = 20
"""Bins of the histogram of p-values: with 20, the first one holds p ≤ 0.05."""

PATTERNS = 199
"""Random sign patterns behind a placebo p-value, in place of the 9,999 of a real contrast: exact all
the same, (b + 1)/200, and fine enough for bins of 0.05. The cry of wolf goes by the interval."""

MAX_WORK = 5_000_000
"""Items times runs of one kind on one contrast; beyond it there are fewer runs, at least MIN_RUNS."""

MIN_RUNS = 20

Run = tuple[Floats, Floats, Ints | None]
"""Item scores of two arms and the cluster of each item (None: every item stands alone)."""


@dataclass(frozen=True)
class Finding:
    """What the analysis says of one run. word: of `verdict.decide`. p_value: two-sided, of 0."""

    difference: Interval
    word: str
    p_value: float

    @property
    def direction(self) -> int:
        """1 or −1 where the interval leaves 0 out (A better, B better), else 0."""
        return int(self.difference.low > 0) - int(self.difference.high < 0)


Analysis = Callable[[Floats, Floats, Ints | None], Finding]
"""(a, b, cluster) of a run → what is found. May raise ValueError or TooFewClusters: no interval."""


@dataclass(frozen=True)
class Alarms:
    """Runs without a true difference. false_alarms: those whose interval left 0 out all the same.

    verdicts: how often each word was found. p_values: one per run. without: runs that could not be
    analysed (no interval exists); they do not count in `runs`.
    """

    runs: int
    false_alarms: int
    verdicts: dict[str, int]
    p_values: tuple[float, ...]
    without: int = 0

    def share(self, level: float = 0.95) -> Interval:
        """Share of false alarms with its exact interval: what other draws from these data would give."""
        return clopper_pearson(self.false_alarms, self.runs, level)


@dataclass(frozen=True)
class Repeats:
    """Runs in which the items were split into halves and each half analysed by itself.

    same_verdict, same_sign: runs in which the second half repeats the word, the sign, of the first.
    contradicted: runs in which the halves claim opposite directions, so that one of them is wrong.
    claimed, confirmed: runs in which the first half claims a direction, and the second the same one.
    """

    runs: int
    same_verdict: int
    same_sign: int
    contradicted: int
    claimed: int
    confirmed: int
    without: int = 0


def default_analysis(alpha: float, margin: float, seed: int) -> Analysis:
    """The analysis of a real contrast: `paired_difference` at both levels and `decide`.

    Its intervals and word are those of `paired_comparison`; its p-value is that of McNemar's exact test
    or of the studentised sign-flip test on PATTERNS patterns, drawn anew for every run from `seed`.
    """
    random = np.random.default_rng([seed, PATTERNS])  # not the stream that made the runs

    def analyse(a: Floats, b: Floats, cluster: Ints | None) -> Finding:
        difference = paired_difference(a, b, cluster=cluster, level=1 - alpha)
        inner = paired_difference(a, b, cluster=cluster, level=1 - 2 * alpha)
        return Finding(
            difference, decide(difference, inner, margin), quick_p_value(a, b, cluster, random)
        )

    return analyse


def false_alarms(runs: Iterable[Run], analysis: Analysis) -> Alarms:
    """Analyse runs in which nothing is there to be found."""
    alarms = without = 0
    words: Counter[str] = Counter()
    p_values: list[float] = []
    for a, b, cluster in runs:
        finding = _found(analysis, a, b, cluster)
        if finding is None:
            without += 1
            continue
        alarms += finding.direction != 0
        words[finding.word] += 1
        p_values.append(finding.p_value)
    return Alarms(len(p_values), alarms, dict(sorted(words.items())), tuple(p_values), without)


def aa_splits(cells: Sequence[Floats], cluster: Ints | None, runs: int, seed: int) -> Iterator[Run]:
    """The replications of one arm, split at random into two halves that play A and B.

    cells: per cell of the arm the scores, shape (n_items, replications), NaN where there is none. Items
        with fewer than two scores in a cell are left out of it. An odd one out goes to either half at random.
    cluster: code per item, shape (n_items,). The items of a cluster share the split of their replications
        (item by item without clusters), so that what their runs have in common stays together.
    Yields nothing where no item has two scores in any cell.
    """
    count = [np.isfinite(scores).sum(axis=1) for scores in cells]
    used = np.sum([n >= 2 for n in count], axis=0)
    kept = np.flatnonzero(used)
    if not kept.size:
        return
    unit = np.arange(used.size) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    units = int(unit.max()) + 1
    random = np.random.default_rng(seed)
    labels = None if cluster is None else cluster[kept]
    for _ in range(runs):
        halves = np.zeros((2, used.size))
        for scores, n in zip(cells, count, strict=True):
            key = random.random((units, scores.shape[1]))[unit]
            side = random.integers(0, 2, units)[unit]
            halves += _halves(scores, key, side, n)
        first, second = halves[:, kept] / used[kept]
        yield first, second, labels


def label_swaps(
    a: Floats, b: Floats, unit: Ints | None, runs: int, seed: int, cluster: Ints | None = None
) -> Iterator[Run]:
    """The scores of a real contrast with A and B exchanged at random, a whole unit at a time.

    a, b: shape (n,). unit: what is swapped together, as codes, shape (n,); None: every entry by itself.
    cluster: what the analysis is told of clusters.
    """
    codes = np.arange(a.size) if unit is None else np.unique(unit, return_inverse=True)[1]
    units = int(codes.max()) + 1
    random = np.random.default_rng(seed)
    for _ in range(runs):
        swap = random.integers(0, 2, units)[codes] == 1
        yield np.where(swap, b, a), np.where(swap, a, b), cluster


def split_halves(
    a: Floats, b: Floats, cluster: Ints | None, runs: int, seed: int, analysis: Analysis
) -> Repeats:
    """Does the second half of the items say what the first half says?

    Items (whole clusters, where there are any) are dealt at random into two halves of about the same
    number of items. Arguments as above.
    """
    unit = np.arange(a.size) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    size = np.bincount(unit)
    random = np.random.default_rng(seed)
    verdict = sign = contradicted = claimed = confirmed = without = 0
    for _ in range(runs):
        order = random.permutation(size.size)
        reached = np.cumsum(size[order])
        cut = 1 + int(np.argmin(np.abs(2 * reached[:-1] - a.size)))
        in_first = np.zeros(size.size, dtype=np.bool_)
        in_first[order[:cut]] = True
        findings = [
            _found(analysis, a[half], b[half], None if cluster is None else cluster[half])
            for half in (in_first[unit], ~in_first[unit])
        ]
        one, two = findings
        if one is None or two is None:
            without += 1
            continue
        verdict += one.word == two.word
        sign += _sign(one.difference.estimate) == _sign(two.difference.estimate)
        contradicted += one.direction * two.direction < 0
        claimed += one.direction != 0
        confirmed += one.direction != 0 and one.direction == two.direction
    return Repeats(runs - without, verdict, sign, contradicted, claimed, confirmed, without)


def quick_p_value(a: Floats, b: Floats, cluster: Ints | None, random: np.random.Generator) -> float:
    """Two-sided p-value of a difference of 0, by the test that a real contrast of this design gets."""
    d = a - b
    if cluster is None and is_binary(a) and is_binary(b):
        return mcnemar_exact(int((d > EQUAL).sum()), int((d < -EQUAL).sum()))
    if cluster is None:
        statistic = _mean_statistic(d, random)
        slack = TOLERANCE * float(np.abs(d).sum())
    else:
        statistic, slack = _clustered_statistic(d, cluster, random), 0.0
    least = float(statistic[0]) * (1 - TOLERANCE) - slack
    return (1 + int((statistic[1:] >= least).sum())) / (1 + PATTERNS)


def runs_within(asked: int, items: int) -> int:
    """How many of the runs asked for the work limit allows, for one kind on one contrast."""
    return min(asked, max(MIN_RUNS, MAX_WORK // max(1, items)))


def histogram(p_values: Sequence[float]) -> list[int]:
    """Counts of p-values in BINS equal bins, each without its lower and with its upper end."""
    places = np.ceil(np.asarray(p_values, dtype=np.float64) * BINS - TOLERANCE).astype(np.int64) - 1
    counts = np.bincount(np.clip(places, 0, BINS - 1), minlength=BINS)
    return [int(count) for count in counts]


def _halves(scores: Floats, key: Floats, side: Ints, count: Ints) -> Floats:
    """Means of the two halves of each item's scores, shape (2, n_items); 0 for items with fewer than two.

    key: the order in which an item's scores are dealt. side: which half gets the odd one out.
    """
    known = np.isfinite(scores)
    order = np.argsort(np.where(known, key, np.inf), axis=1, kind="stable")
    dealt = np.take_along_axis(np.where(known, scores, 0.0), order, axis=1)
    half = count // 2 + (count % 2) * side
    place = np.arange(scores.shape[1])
    in_first = place < half[:, None]
    total = dealt.sum(axis=1)
    first = np.where(in_first, dealt, 0.0).sum(axis=1)
    enough = count >= 2
    rest = np.where(enough, count - half, 1)
    means = np.stack([first / np.where(enough, half, 1), (total - first) / rest])
    return np.where(enough, means, 0.0)


def _found(analysis: Analysis, a: Floats, b: Floats, cluster: Ints | None) -> Finding | None:
    try:
        return analysis(a, b, cluster)
    except (ValueError, TooFewClusters):
        return None


def _mean_statistic(d: Floats, random: np.random.Generator) -> Floats:
    """|sum| as observed and under each pattern: it rises with the studentised statistic."""
    total = float(d.sum())
    sums = 2 * np.einsum("ij,j->i", _patterns(d.size, random), d) - total
    statistic: Floats = np.abs(np.concatenate([[total], sums]))
    return statistic


def _clustered_statistic(d: Floats, cluster: Ints, random: np.random.Generator) -> Floats:
    """t² with CR2's variance, as observed and under each pattern of signs of whole clusters."""
    sums = cluster_sums(d, cluster)
    n, size, total = sums.n_items, sums.size, sums.total
    spread = 1 - size / n
    kept = _patterns(size.size, random)
    signs = np.concatenate([np.ones((1, size.size)), 2.0 * kept - 1.0])
    mean = np.einsum("ij,j->i", signs, total) / n
    cross = np.einsum("ij,j->i", signs, total * size / spread)
    squares = float((total**2 / spread).sum())
    variance = (squares - 2 * mean * cross + mean**2 * float((size**2 / spread).sum())) / n**2
    nothing = variance <= TOLERANCE**2 * squares
    t2: Floats = np.where(nothing, np.inf, mean**2 / np.where(nothing, 1.0, variance))
    still = np.abs(mean) * n <= TOLERANCE * float(np.abs(total).sum())
    return np.where(still, 0.0, t2)


def _patterns(units: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """PATTERNS random rows of 1 (kept) and 0 (flipped), shape (PATTERNS, units)."""
    width = -(-units // 8)
    packed = np.frombuffer(random.bytes(PATTERNS * width), dtype=np.uint8)
    return np.unpackbits(packed.reshape(PATTERNS, width), axis=1, count=units)


def _sign(value: float) -> int:
    return int(value > EQUAL) - int(value < -EQUAL)
