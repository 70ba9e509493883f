"""The restricted likelihood of items crossed with a few factors: it factorises by item.

Cell means of an item: ȳ ~ N(β, Σ), Σ = Σ_T σ²_T G_T + σ²_run diag(1/k), G_T = 1 where two cells agree in
the factors T. Items with the same numbers of replications k share Σ, which is decomposed once for all of
them; unfilled cells are padded with an identity, so that all patterns are one batch of small matrices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from splitplot.inference.components.crossed import CrossedScores, same_level
from splitplot.inference.grid import Bools, Ints
from splitplot.inference.intervals import Floats

CHUNK_BYTES = 2**22
"""Memory for the covariances that are decomposed at a time: they stay in the processor's cache."""

KEPT_BYTES = 2**28
"""Memory for the inverse covariances of all patterns; where they need more they are made twice."""

PRODUCT_BYTES = 2**28
"""Memory for the cross-products of patterns; those of rarer patterns are not kept."""

POOLED = 4
"""From so many items per pattern on, their cross-products stand for them: a step then costs the same for
any number of items."""


SINGULAR = 1e12
"""Condition number of the fixed effects' information beyond which they cannot be told apart."""


@dataclass(frozen=True)
class Point:
    """The restricted log-likelihood at one set of variances, with its derivatives.

    variance: per random term, run last, shape (n_random,). score: gradient. information: average
    information (Gilmour, Thompson & Cullis 1995), shape (n_random, n_random). fixed: generalised least
    squares coefficients, covariance: theirs.
    """

    variance: Floats
    log_likelihood: float
    score: Floats
    information: Floats
    fixed: Floats
    covariance: Floats


class Likelihood:
    """Data and design of one fit; `at` evaluates, `item_scores` splits the gradient by item."""

    def __init__(
        self,
        scores: CrossedScores,
        random: tuple[tuple[int, ...], ...],
        design: Floats | None = None,
    ) -> None:
        """random: sets of factors that vary by item, () for the item itself; `run` is added.
        design: fixed effects of the cells, shape (n_cells, n_fixed); default one per cell.

        Raises ValueError where the fixed effects cannot be told apart.
        """
        filled = scores.count > 0
        kept = filled.any(axis=1)
        if not kept.any() or not filled.any(axis=0).all():
            raise ValueError("every cell needs at least one answer")
        self.design = np.eye(scores.n_cells) if design is None else np.asarray(design, np.float64)
        self.kernel = np.stack([same_level(scores.level, chosen) for chosen in random])
        self.indicator = [_indicator(scores.level, chosen) for chosen in random]
        self.kept = kept
        counts, code = np.unique(scores.count[kept], axis=0, return_inverse=True)
        # Common patterns first; items in the order of their patterns, so that those of one are neighbours.
        frequent = np.argsort(-np.bincount(code.ravel()), kind="stable")
        code = np.argsort(frequent, kind="stable")[code.ravel()]
        self.order: Ints = np.argsort(code, kind="stable")
        self.pattern: Ints = code[self.order]
        counts = counts[frequent]
        self.filled: Bools = counts > 0
        self.inverse_count: Floats = np.where(self.filled, 1 / np.maximum(counts, 1), 0.0)
        self.size: Floats = np.bincount(self.pattern).astype(np.float64)
        self.mean = scores.mean[kept][self.order]
        # Cross-products are taken around the cells' means, where they lose no digits.
        self.centre: Floats = self.mean.sum(axis=0) / filled.sum(axis=0)
        self.sums = np.zeros((self.size.size, scores.n_cells))
        np.add.at(self.sums, self.pattern, (self.mean - self.centre) * self.filled[self.pattern])
        matrix = 8 * scores.n_cells**2
        self.chunk = max(1, CHUNK_BYTES // matrix)
        self.pooled = min(int((self.size >= POOLED).sum()), PRODUCT_BYTES // matrix)
        self.products = np.empty((self.pooled, scores.n_cells, scores.n_cells))
        bounds = np.searchsorted(self.pattern, np.arange(self.pooled + 1))
        for g, (low, high) in enumerate(pairwise(bounds)):
            around = (self.mean[low:high] - self.centre) * self.filled[g]
            self.products[g] = around.T @ around
        self.n_rows, self.n_means = scores.n_rows, int(filled.sum())
        self.within = float(scores.squares.sum())
        self.log_counts = float(np.log(np.maximum(scores.count, 1)).sum())

    @property
    def n_random(self) -> int:
        """Number of variances, run included."""
        return len(self.indicator) + 1

    def at(self, variance: Floats) -> Point:
        """Log-likelihood, gradient and average information. variance: run last, which must be above 0.

        Raises numpy.linalg.LinAlgError where a covariance is not positive definite.
        """
        fixed, covariance, log_det, known = self._fixed(variance)
        spread = self.design @ covariance @ self.design.T
        n_random, run = self.n_random, variance[-1]
        score, quadratic = np.zeros(n_random), 0.0
        working = np.zeros((n_random, n_random))
        carried = np.zeros((n_random, self.mean.shape[1]))
        for chunk, items in self._chunks():
            weight = self._weights(variance, chunk, known)
            size, diagonal = self.size[chunk], self.inverse_count[chunk]
            trace = self._traces(weight, spread, diagonal)
            score -= 0.5 * np.einsum("g,gt->t", size, trace)
            parts = (
                self._of_patterns(weight, chunk, fixed)
                if chunk.stop <= self.pooled
                else self._of_items(weight, chunk, items, fixed)
            )
            quadratic += parts[0]
            score += 0.5 * parts[1]
            working += parts[2]
            carried += parts[3]
        free = self.n_rows - self.n_means
        score[-1] += 0.5 * (self.within / run - free) / run
        information = 0.5 * (working - carried @ spread @ carried.T)
        information[-1, -1] += 0.5 * self.within / run**3
        log_likelihood = -0.5 * (
            log_det
            - float(np.linalg.slogdet(covariance)[1])
            + quadratic
            + free * np.log(run)
            + self.within / run
            + self.log_counts
            + (self.n_rows - fixed.size) * np.log(2 * np.pi)
        )
        return Point(variance, float(log_likelihood), score, information, fixed, covariance)

    def item_scores(self, point: Point, squares: Floats) -> tuple[Floats, Floats]:
        """The gradient and the fixed effects' estimating equations, item by item.

        squares: sum of squares over replications of each item of `CrossedScores`, shape (n_items,).
        Returns shapes (n_items, n_random) and (n_items, n_fixed), 0 for items without answers; over items
        they add up to `point.score` and to 0.
        """
        _, covariance, _, known = self._fixed(point.variance)
        spread = self.design @ covariance @ self.design.T
        gradient = np.zeros((self.mean.shape[0], self.n_random))
        influence = np.zeros((self.mean.shape[0], point.fixed.size))
        run = point.variance[-1]
        replicated = np.zeros((self.kept.size, self.n_random))
        for chunk, items in self._chunks():
            weight = self._weights(point.variance, chunk, known)
            place, diagonal = self.pattern[items] - chunk.start, self.inverse_count[chunk]
            trace = self._traces(weight, spread, diagonal)
            residual = (self.mean[items] - self.design @ point.fixed) * self.filled[chunk][place]
            u = _times(weight, place, residual)
            vectors = self._working(u, diagonal[place])
            gradient[items] = 0.5 * (np.einsum("ic,ict->it", u, vectors) - trace[place])
            extra = (1 / np.where(diagonal > 0, diagonal, 1.0) - 1).sum(axis=1)
            gradient[items, -1] -= 0.5 * extra[place] / run
            influence[items] = u @ self.design
        where = np.flatnonzero(self.kept)[self.order]
        replicated[where] = gradient
        replicated[:, -1] += 0.5 * squares / run**2
        all_influence = np.zeros((self.kept.size, point.fixed.size))
        all_influence[where] = influence
        return replicated, all_influence

    def _of_items(
        self, weight: Floats, chunk: slice, items: slice, fixed: Floats
    ) -> tuple[float, Floats, Floats, Floats]:
        """Σ over items of r'Wr, u'G_T u, q_T'W q_S and W q_T, with r the residual, u = W r, q_T = G_T u."""
        place = self.pattern[items] - chunk.start
        residual = (self.mean[items] - self.design @ fixed) * self.filled[chunk][place]
        each = weight[place]
        u = (each @ residual[:, :, None])[:, :, 0]
        vectors = self._working(u, self.inverse_count[chunk][place])
        moved = each @ vectors
        return (
            float(np.einsum("ic,ic->", residual, u)),
            np.einsum("ic,ict->t", u, vectors),
            np.einsum("ict,ics->ts", vectors, moved, optimize=True),
            moved.sum(axis=0).T,
        )

    def _of_patterns(
        self, weight: Floats, chunk: slice, fixed: Floats
    ) -> tuple[float, Floats, Floats, Floats]:
        """The same from the cross-products of each pattern's items: Σ u u' = W (Σ r r') W."""
        filled, size = self.filled[chunk], self.size[chunk]
        shift = (self.design @ fixed - self.centre) * filled
        total = self.sums[chunk]
        mixed = total[:, :, None] * shift[:, None, :]
        square = self.products[chunk] - mixed - mixed.transpose(0, 2, 1)
        square += size[:, None, None] * shift[:, :, None] * shift[:, None, :]
        residual = total - size[:, None] * shift
        outer = weight @ square @ weight
        u = (weight @ residual[:, :, None])[:, :, 0]
        diagonal = self.inverse_count[chunk]
        left = [*(weight @ kernel for kernel in self.kernel), weight * diagonal[:, None, :]]
        right = [*(outer @ kernel for kernel in self.kernel), outer * diagonal[:, None, :]]
        moved = weight @ self._working(u, diagonal)
        return (
            float(np.einsum("gcd,gcd->", weight, square)),
            np.array([np.einsum("gcc->", product) for product in right]),
            np.array([[np.einsum("gcd,gdc->", a, b) for b in right] for a in left]),
            moved.sum(axis=0).T,
        )

    def _fixed(self, variance: Floats) -> tuple[Floats, Floats, float, Floats | None]:
        """β, its covariance, Σ log|Σ_i|, and the inverse covariances of all patterns if they fit."""
        n_cells = self.mean.shape[1]
        precision, right, log_det = np.zeros((n_cells, n_cells)), np.zeros(n_cells), 0.0
        known: Floats | None = None
        if self.size.size * precision.nbytes <= KEPT_BYTES:
            known = np.empty((self.size.size, n_cells, n_cells))
        for chunk, _ in self._chunks():
            weight, logs = self._decomposed(variance, chunk)
            if known is not None:
                known[chunk] = weight
            log_det += float((self.size[chunk] * logs).sum())
            precision += np.einsum("g,gcd->cd", self.size[chunk], weight)
            total = self.sums[chunk] + self.size[chunk][:, None] * self.centre * self.filled[chunk]
            right += (weight @ total[:, :, None]).sum(axis=(0, 2))
        precision = self.design.T @ precision @ self.design
        if np.linalg.cond(precision) > SINGULAR:
            raise ValueError("the fixed effects cannot be told apart on these cells")
        covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
        return covariance @ (self.design.T @ right), covariance, log_det, known

    def _weights(self, variance: Floats, chunk: slice, known: Floats | None) -> Floats:
        return known[chunk] if known is not None else self._decomposed(variance, chunk)[0]

    def _decomposed(self, variance: Floats, chunk: slice) -> tuple[Floats, Floats]:
        """Inverse covariance of each pattern, 0 in unfilled cells, and the logarithm of its determinant."""
        filled = self.filled[chunk]
        both = filled[:, :, None] & filled[:, None, :]
        between = np.einsum("t,tcd->cd", variance[:-1], self.kernel)
        covariance = np.where(both, between, 0.0)
        at = np.arange(filled.shape[1])
        covariance[:, at, at] += np.where(filled, variance[-1] * self.inverse_count[chunk], 1.0)
        factor = np.linalg.cholesky(covariance)
        logs = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        return np.where(both, np.linalg.inv(covariance), 0.0), logs

    def _chunks(self) -> Iterator[tuple[slice, slice]]:
        """Patterns, and the items that have them: pooled patterns and others never in one chunk."""
        n = self.size.size
        starts = [*range(0, self.pooled, self.chunk), *range(self.pooled, n, self.chunk), n]
        for start, stop in pairwise(starts):
            low, high = np.searchsorted(self.pattern, [start, stop])
            yield slice(start, stop), slice(int(low), int(high))

    def _traces(self, weight: Floats, spread: Floats, diagonal: Floats) -> Floats:
        """tr(P_i G_T) of one item of each pattern and random term, shape (n_patterns, n_random)."""
        projected = weight - weight @ spread @ weight
        found = [np.einsum("gcd,cd->g", projected, kernel) for kernel in self.kernel]
        found.append(np.einsum("gcc,gc->g", projected, diagonal))
        return np.stack(found, axis=1)

    def _working(self, u: Floats, diagonal: Floats) -> Floats:
        """G_T u per item and random term, shape (n_items, n_cells, n_random)."""
        found = [(u @ indicator) @ indicator.T for indicator in self.indicator]
        return np.stack([*found, diagonal * u], axis=2)


def _times(weight: Floats, place: Ints, vectors: Floats) -> Floats:
    """weight[place] @ vectors, without a copy of the matrix for every item of a common pattern.

    place: pattern of each item, ascending. vectors: shape (n_items, n_cells).
    """
    result = np.empty_like(vectors)
    bounds = np.searchsorted(place, np.arange(weight.shape[0] + 1))
    for g, (low, high) in enumerate(pairwise(bounds)):
        result[low:high] = vectors[low:high] @ weight[g]
    return result


def _indicator(level: Ints, chosen: tuple[int, ...]) -> Floats:
    """Which combination of levels a cell has: Z with Z Z' = `same_level`, shape (n_cells, n_groups)."""
    _, code = np.unique(level[:, list(chosen)], axis=0, return_inverse=True)
    indicator: Floats = np.eye(int(code.max()) + 1)[code.ravel()]
    return indicator
