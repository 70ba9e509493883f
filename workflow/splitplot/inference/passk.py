"""pass@k and pass^k: the chance that at least one of k answers to a problem is right, and that all k are.

Both are unbiased estimates from n ≥ k answers of which c are right, one per problem; their mean over
problems has the interval of any other mean over items.
"""

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.cells import cell_interval
from splitplot.inference.intervals import Floats, Interval


def pass_at_k(n: ArrayLike, c: ArrayLike, k: int) -> Floats:
    """1 − C(n−c, k)/C(n, k) per problem, as the product 1 − Π_{i=n−c+1…n} (1 − k/i) (Chen et al. 2021).

    n, c: answers and right answers per problem, shape (n_problems,). The product does not overflow where
    the binomials do. Raises ValueError for counts that are impossible, k < 1, and k > n: more draws
    than answers cannot be estimated without bias.
    """
    answers, right = _counts(n, c, k)
    if k == 1:  # the same number as pass^1, to the last bit
        return right / answers
    return 1.0 - _all_from(answers, answers - right, k)


def pass_hat_k(n: ArrayLike, c: ArrayLike, k: int) -> Floats:
    """C(c, k)/C(n, k) per problem: the chance that all of k answers are right (Yao et al. 2024, pass^k).

    Arguments and errors as in `pass_at_k`.
    """
    answers, right = _counts(n, c, k)
    return _all_from(answers, right, k)


def pass_interval(
    per_problem: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Mean of per-problem estimates with the default interval of a cell (`cells.cell_interval`).

    The estimate of a problem carries its own sampling noise, so the variance over problems holds both.
    """
    return cell_interval(per_problem, cluster=cluster, level=level)


def _all_from(answers: Floats, kind: Floats, k: int) -> Floats:
    """C(kind, k)/C(answers, k): k answers drawn without replacement are all of the kind.

    Π_{j<k} (kind − j)/(answers − j), which is 0 as soon as the kind is used up.
    """
    share = np.ones_like(answers)
    for j in range(k):
        share *= np.maximum(kind - j, 0.0) / (answers - j)
    return share


def _counts(n: ArrayLike, c: ArrayLike, k: int) -> tuple[Floats, Floats]:
    answers, right = np.asarray(n, dtype=np.float64), np.asarray(c, dtype=np.float64)
    if answers.ndim != 1 or answers.shape != right.shape or answers.size == 0:
        raise ValueError("need the numbers of answers and of right answers per problem")
    if not (np.isfinite(answers).all() and np.isfinite(right).all()):
        raise ValueError("counts must be numbers")
    if (right < 0).any() or (right > answers).any() or (right % 1).any() or (answers % 1).any():
        raise ValueError("right answers are whole numbers between 0 and the number of answers")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if k > answers.min():
        raise ValueError(f"k = {k} is more than the {int(answers.min())} answers of a problem")
    return answers, right
