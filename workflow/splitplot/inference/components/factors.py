"""Variance components of the factors themselves, from the means of the cells and their covariance.

In a complete crossing they are those of the expected mean squares; with cells left out, Henderson's
(1953) method with projections in sequence, main effects first (Searle, Casella & McCulloch 1992, ch. 5).
"""

from dataclasses import dataclass

import numpy as np

from splitplot.inference.components.crossed import same_level, subsets
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats

RANK = 1e-9


@dataclass(frozen=True)
class FactorSystem:
    """terms: sets of factors that the cells tell apart. basis: orthonormal directions that a term adds to
    those before it, shape (n_cells, rank) each. expectation: E‖basis' μ‖² = expectation @ σ² + noise.
    """

    terms: tuple[tuple[int, ...], ...]
    basis: tuple[Floats, ...]
    expectation: Floats

    def components(self, mean: Floats, covariance: Floats, times: float = 1.0) -> Floats:
        """σ² per term, not clipped. mean: cell means, shape (n_draws, n_cells); covariance: of their noise,
        shape (n_cells, n_cells), taken off `times` times. Returns shape (n_draws, n_terms)."""
        columns = [
            ((mean @ basis) ** 2).sum(axis=1) - times * np.trace(basis.T @ covariance @ basis)
            for basis in self.basis
        ]
        if not columns:
            return np.zeros((mean.shape[0], 0))
        return np.asarray(np.linalg.solve(self.expectation, np.stack(columns)).T, dtype=np.float64)


def factor_system(level: Ints) -> FactorSystem:
    """The system of the cells' levels, shape (n_cells, n_factors)."""
    n_cells = level.shape[0]
    known = np.full((n_cells, 1), 1 / np.sqrt(n_cells))
    terms, bases = [], []
    for chosen in subsets(level.shape[1])[1:]:
        kernel = same_level(level, chosen)
        rest = kernel - known @ (known.T @ kernel)
        values, vectors = np.linalg.eigh(rest @ rest.T)
        basis = vectors[:, values > RANK * max(1.0, float(values.max()))]
        if basis.shape[1]:
            terms.append(chosen)
            bases.append(basis)
            known = np.concatenate([known, basis], axis=1)
    expectation = np.array(
        [[np.trace(b.T @ same_level(level, term) @ b) for term in terms] for b in bases]
    ).reshape(len(terms), len(terms))
    return FactorSystem(tuple(terms), tuple(bases), expectation)
