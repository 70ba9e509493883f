"""Error rates and coverage of what stands beside a contrast: effect sizes, margins, ratios, joint tests.

    python benchmarks/contrast_methods.py [--simulations 2000] [TABLE …]

Prints the tables of docs/methods_contrasts.md. Standard error of .95 or .05 in 2,000: .005.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
from scipy import stats

from splitplot.inference.effects import cliffs_delta, cliffs_delta_paired, d_z, hodges_lehmann
from splitplot.inference.interaction import ArmsAt, interaction
from splitplot.inference.mcnemar import mcnemar_items, mcnemar_power
from splitplot.inference.omnibus import blocked_f, cochran_q, friedman, omnibus_tests
from splitplot.inference.onesided import one_sided_tests
from splitplot.inference.ratio import compare_ratios, ratio_by_swaps, ratio_of_sums
from splitplot.inference.unpaired import unpaired_comparison, unpaired_difference
from splitplot.inference.wald import JointTest, helmert, joint_zero_test

Random = np.random.Generator
Row = dict[str, object]


def chance(logit):
    return 1 / (1 + np.exp(-logit))


def answers(
    random: Random, n: int, shifts, k: int, centre: float = 0.0, clusters: int | None = None
):
    """Item means of k answers, one column per shift in logits; items and clusters differ."""
    logit = random.normal(centre, 1.5, (n, 1)) + random.normal(0, 0.5, (n, len(shifts)))
    if clusters:
        place = np.arange(n) % clusters
        logit = logit + random.normal(0, 0.5, (clusters, len(shifts)))[place]
    return random.binomial(k, chance(logit + np.asarray(shifts))) / k


def truth(centre: float, shifts):
    """The mean of each column of `answers`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    deviation = np.hypot(1.5, 0.5)
    grid = chance(centre + deviation * nodes[:, None] + np.asarray(shifts))
    return (weights / weights.sum()) @ grid


def deltas(random: Random, runs: int) -> Iterator[Row]:
    for n in (20, 60, 200):
        for shift in (0.0, 1.0):
            target = cliffs_delta_paired(*answers(random, 400_000, (shift, 0.0), 4).T).estimate
            hits, widths = np.zeros(2), np.zeros(2)
            for _ in range(runs):
                a, b = answers(random, n, (shift, 0.0), 4).T
                for j, one in enumerate((cliffs_delta_paired(a, b), cliffs_delta(a, b))):
                    hits[j] += one.low <= target <= one.high
                    widths[j] += one.high - one.low
            yield {
                "items": n,
                "true delta": f"{target:.3f}",
                "paired": hits[0] / runs,
                "independent": hits[1] / runs,
                "width, independent to paired": f"{widths[1] / widths[0]:.2f}",
            }


def medians(random: Random, runs: int) -> Iterator[Row]:
    for n in (20, 60, 200):
        hits = np.zeros(4)
        for _ in range(runs):
            d = random.normal(0.3, 1, n)
            one, other = hodges_lehmann(d, np.zeros(n)), d_z(d, np.zeros(n))
            hits[0] += one.low <= 0.3 <= one.high
            hits[1] += other.low <= 0.3 <= other.high
            skewed = random.exponential(1, n)
            one, other = hodges_lehmann(skewed, np.zeros(n)), d_z(skewed, np.zeros(n))
            hits[2] += one.low <= 1 <= one.high
            hits[3] += other.low <= 1 <= other.high
        names = ("HL, normal", "d_z, normal", "HL for the mean, exponential", "d_z, exponential")
        yield {"items": n} | dict(zip(names, hits / runs, strict=True))


def margins(random: Random, runs: int) -> Iterator[Row]:
    """A is worse than B by exactly the margin (three quarters of a logit), or by the margin on both sides."""
    for centre, k, clusters in ((0, 1, None), (3, 1, None), (0, 3, None), (3, 3, None), (0, 3, 12)):
        for n in (48, 240):
            a, b = truth(centre, (-0.75, 0.0))
            margin, claims = b - a, np.zeros(2)
            cluster = np.arange(n) % clusters if clusters else None
            for run in range(runs):
                x, y = answers(random, n, (-0.75, 0.0), k, centre).T
                found = one_sided_tests(x, y, margin, cluster=cluster, seed=run)
                claims += found.non_inferiority < 0.05, found.equivalence < 0.05
            yield {
                "items": n,
                "p of B": f"{b:.2f}",
                "K": k,
                "clusters": clusters or "–",
                "margin": f"{margin:.3f}",
                "non-inferior": claims[0] / runs,
                "equivalent": claims[1] / runs,
            }


def ratios(random: Random, runs: int) -> Iterator[Row]:
    """Log-normal costs: log sd of the items, and of A and of B within an item."""
    runs //= 2
    for n in (20, 40, 100, 200):
        for spread, sd_a, sd_b in ((0.7, 0.4, 0.4), (1.2, 0.4, 0.4), (0.7, 0.8, 0.2)):
            target, counts = np.exp((sd_a**2 - sd_b**2) / 2), np.zeros(4)
            for run in range(runs):
                base = random.normal(0, spread, n)
                a, b = (np.exp(base + random.normal(0, sd, n)) for sd in (sd_a, sd_b))
                one, other = ratio_by_swaps(a, b, seed=run), ratio_of_sums(a, b)
                counts[0] += one.low <= target <= one.high
                counts[1] += other.low <= target <= other.high
                counts[2] += np.log(one.high / one.low)
                counts[3] += np.log(other.high / other.low)
            yield {
                "items": n,
                "log sd of items, A, B": f"{spread}, {sd_a}, {sd_b}",
                "swap inversion": counts[0] / runs,
                "delta method": counts[1] / runs,
                "log width, swaps to delta": f"{counts[2] / counts[3]:.2f}",
            }


def prices(random: Random, runs: int) -> Iterator[Row]:
    """Same price per solved item; A costs and solves twice as much. Beside it the swap without SE."""
    runs //= 4
    for n in (20, 40, 80, 200):
        counts = np.zeros(3)
        for run in range(runs):
            base = random.lognormal(0, 0.5, n)
            a, b = np.array([[2], [1]]) * base * random.lognormal(0, 0.3, (2, n))
            right = (random.random((2, n)) < np.array([[0.7], [0.35]])).astype(float)
            if not right.sum(axis=1).all():
                continue
            interval, test = compare_ratios(a, right[0], b, right[1], seed=run)
            counts[0] += interval.low <= 1 <= interval.high
            counts[1] += test.p_value <= 0.05
            signs = random.choice([-1.0, 1.0], (499, n))
            n_, d_ = signs @ (a - b), signs @ (right[0] - right[1])
            total, solved = (a + b).sum(), right.sum()
            with np.errstate(divide="ignore", invalid="ignore"):
                drawn = np.abs(np.log((total + n_) / (total - n_) * (solved - d_) / (solved + d_)))
            counts[2] += (1 + (drawn >= abs(np.log(interval.estimate))).sum()) / 500 <= 0.05
        names = ("covers", "false alarms", "false alarms without SE")
        yield {"items": n} | dict(zip(names, counts / runs, strict=True))


def joint(random: Random, runs: int) -> Iterator[Row]:
    """A is half a logit ahead at every level: difference of the gaps on the scale of scores is 0."""
    for n, levels, centre, k, clusters in (
        (20, 2, 0, 1, None),
        (20, 3, 0, 1, None),
        (20, 5, 0, 1, None),
        (50, 5, 0, 1, None),
        (20, 3, 4, 1, None),
        (50, 3, 4, 1, None),
        (200, 5, 4, 1, None),
        (50, 3, 0, 3, None),
        (60, 3, 0, 1, 6),
        (60, 3, 0, 1, 12),
        (120, 3, 4, 1, 12),
        (240, 3, 0, 3, 24),
    ):
        rejected = 0
        for _ in range(runs):
            scores = answers(random, n, (0.5, 0.0) * levels, k, centre, clusters)
            found = joint_zero_test(
                helmert(scores[:, ::2] - scores[:, 1::2]),
                np.arange(n) % clusters if clusters else None,
            )
            rejected += isinstance(found, JointTest) and found.p_value < 0.05
        yield {
            "items": n,
            "levels": levels,
            "p": f"{truth(centre, (0.0,))[0]:.2f}",
            "K": k,
            "clusters": clusters or "–",
            "false alarms": rejected / runs,
        }


def conditional(random: Random, runs: int) -> Iterator[Row]:
    """How often a verdict becomes conditional where no gap truly turns round."""
    runs //= 2
    for n in (100, 300, 1000):
        for gaps in (
            (0.0, 0.0),
            (0.5, 0.5),
            (0.5, 0.0),
            (1.0, 0.0),
            (1.0, 0.1),
            (1.0, 1.0, 1.0, 0.0),
        ):
            counts = np.zeros(2)
            for run in range(runs):
                shifts = [shift for gap in gaps for shift in (gap, 0.0)]
                scores = answers(random, n, shifts, 1)
                arms = [
                    ArmsAt(str(j), scores[:, 2 * j], scores[:, 2 * j + 1], np.arange(n))
                    for j in range(len(gaps))
                ]
                found = interaction(arms, seed=run)
                counts += found.conditional, found.conditional and found.turns_round
            yield {
                "items": n,
                "gaps in logits": ", ".join(map(str, gaps)),
                "conditional": counts[0] / runs,
                "and said to turn round": counts[1] / runs,
            }


def omnibus(random: Random, runs: int) -> Iterator[Row]:
    for n, arms, centre in ((20, 3, 0), (20, 5, 4), (50, 5, 4), (100, 10, 0), (200, 5, 4)):
        counts = np.zeros(4)
        for run in range(runs):
            counts[0] += (
                cochran_q(answers(random, n, (0.0,) * arms, 1, centre), seed=run).p_value < 0.05
            )
            scores = answers(random, n, (0.0,) * arms, 3, centre)
            found = blocked_f(scores)
            counts[1] += found.p_value < 0.05
            plain = (arms - 1.0, (n - 1) * (arms - 1.0))
            counts[2] += stats.f.sf(found.statistic, *plain) < 0.05
            counts[3] += friedman(scores).p_value < 0.05
        names = ("Cochran Q (K = 1)", "F, corrected (K = 3)", "F, plain", "Friedman")
        p = f"{truth(centre, (0.0,))[0]:.2f}"
        yield {"items": n, "arms": arms, "p": p} | dict(zip(names, counts / runs, strict=True))
    for n, clusters in ((60, 6), (120, 12), (240, 24)):
        count = 0
        for _ in range(runs):
            scores = answers(random, n, (0.0,) * 4, 3, 0, clusters)
            count += omnibus_tests(scores, cluster=np.arange(n) % clusters)[0].p_value < 0.05
        yield {"items": n, "arms": 4, "p": "0.50", "clusters": clusters, "CR2 Wald": count / runs}


def separate(random: Random, runs: int) -> Iterator[Row]:
    """Arms with items of their own."""
    for m, n, centre, k in (
        (20, 40, 0, 1),
        (20, 40, 3, 1),
        (60, 60, 3, 1),
        (20, 40, 0, 3),
        (60, 60, 3, 3),
    ):
        target, counts = float(np.subtract(*truth(centre, (0.75, 0.0)))), np.zeros(2)
        for run in range(runs):
            a, b = (
                answers(random, m, (0.75,), k, centre)[:, 0],
                answers(random, n, (0.0,), k, centre)[:, 0],
            )
            try:
                one = unpaired_difference(a, b)
            except ValueError:
                continue
            counts[0] += one.low <= target <= one.high
            if run < runs // 10:
                same = answers(random, m, (0.0,), k, centre)[:, 0]
                counts[1] += unpaired_comparison(same, b, seed=run).p_value <= 0.05
        p = f"{truth(centre, (0.0,))[0]:.2f}"
        yield {
            "items of A": m,
            "items of B": n,
            "p of B": p,
            "K": k,
            "covers": counts[0] / runs,
            "false alarms": counts[1] / (runs // 10),
        }


def power(random: Random, runs: int) -> Iterator[Row]:
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    for p_b, p_c in (
        (0.02, 0.01),
        (0.11, 0.1),
        (0.15, 0.1),
        (0.1, 0.05),
        (0.3, 0.1),
        (0.5, 0.2),
        (0.3, 0.02),
    ):
        n = ceil(z**2 * (p_b + p_c - (p_b - p_c) ** 2) / (p_b - p_c) ** 2)
        more, exact = ceil(1.05 * n), mcnemar_items(p_b, p_c)
        yield {
            "A alone right": p_b,
            "B alone right": p_c,
            "formula": n,
            "its power": mcnemar_power(n, p_b, p_c),
            "power with 5% more": mcnemar_power(more, p_b, p_c),
            "exact": exact,
            "more than formula": f"{exact / n - 1:.1%}",
        }


TABLES: dict[str, Callable[[Random, int], Iterator[Row]]] = {
    one.__name__: one
    for one in (
        deltas,
        medians,
        margins,
        ratios,
        prices,
        joint,
        conditional,
        omnibus,
        separate,
        power,
    )
}


def shown(value: object) -> str:
    return (
        f"{value:.3f}".removeprefix("0") if isinstance(value, float | np.floating) else str(value)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=list(TABLES), metavar="TABLE")
    parser.add_argument("--simulations", type=int, default=2000)
    given = parser.parse_args()
    for name in given.tables:
        print(f"\n### {name}\n")
        header: list[str] = []
        for row in TABLES[name](np.random.default_rng(crc32(name.encode())), given.simulations):
            if list(row) != header:
                header = list(row)
                print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
            print(f"| {' | '.join(map(shown, row.values()))} |", flush=True)


if __name__ == "__main__":
    main()
