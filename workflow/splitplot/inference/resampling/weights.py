"""Random numbers that belong to a draw, and sums that do not depend on who adds them up.

The draws 0, 1, 2 … come in chunks of CHUNK. A chunk has a stream of its own, seeded from (seed, kind,
number of the chunk) alone; so the first draws are the same however many are asked for, and any worker
may take any chunk in any order. Blocks of a chunk hold as many draws as fit BLOCK_BYTES: they are read
from the stream one after the other, so their size changes nothing.

Columns are put on a grid of powers of two (`on_grid`) on which a weighted sum has no rounding error:
matrix products are then the same to the last bit with any BLAS, any number of threads and any order.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil, log2

import numpy as np

from splitplot.inference.intervals import Floats

CHUNK = 250
"""Draws per stream of random numbers. Part of the algorithm: another value gives other draws."""

BLOCK_BYTES = 16 * 2**20
"""Memory for the weights that a worker holds at a time. Not part of the algorithm."""

BOOTSTRAP, NORMAL = 1, 3
"""Kinds of streams: the same seed gives unrelated numbers for each."""

EXACT_BITS = 52
"""Whole numbers up to 2^53 are exact in float64; one bit is left for rounding onto the grid."""


def stream(seed: int, kind: int, chunk: int) -> np.random.Generator:
    """The random numbers of a chunk. seed: any whole number from 0, derived from content."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, kind, chunk))))


def chunks(draws: int) -> list[tuple[int, int]]:
    """(first draw, number of draws) of every chunk."""
    return [(start, min(CHUNK, draws - start)) for start in range(0, draws, CHUNK)]


def bootstrap_weights(units: int, start: int, size: int, seed: int) -> Iterator[tuple[int, Floats]]:
    """Multinomial weights of the chunk that starts at a draw: blocks (first draw, shape (≤ size, units)).

    A weight is how often a unit was drawn, `units` times with replacement; a row adds up to `units`.
    The arrays are reused: a block is gone when the next one is asked for.
    """
    random = stream(seed, BOOTSTRAP, start // CHUNK)
    block = np.empty((block_rows(units, size), units))
    for first in range(0, size, block.shape[0]):
        rows = block[: min(block.shape[0], size - first)]
        for row in rows:
            row[:] = np.bincount(random.integers(0, units, units), minlength=units)
        yield start + first, rows


def block_rows(units: int, size: int) -> int:
    """Rows of `units` float64 numbers that fit BLOCK_BYTES: at least 1, at most `size`."""
    return max(1, min(size, BLOCK_BYTES // (8 * max(units, 1))))


def on_grid(columns: Floats, total_weight: float) -> Floats:
    """Columns rounded so that sums with whole weights are exact, if |weights| add up to ≤ total_weight.

    columns: shape (n_units, n_columns). The grid of a column is a power of two: 2^-(52 − ⌈log₂ weight⌉)
    of its largest value, 4e-12 of it at 28,000 units. Every partial sum is then a multiple of the grid
    below 2^53 of it, which float64 holds exactly, so the order of adding does not matter. Values that
    float arithmetic left a few last bits apart (0.1 + 0.2 and 0.3) mostly become equal.
    """
    if not columns.size:
        return columns
    exponent = np.frexp(np.maximum(columns.max(axis=0), -columns.min(axis=0)))[1]
    bits = EXACT_BITS - ceil(log2(max(total_weight, 1.0)))
    grid = np.ldexp(1.0, exponent - bits)
    rounded: Floats = columns / grid
    np.rint(rounded, out=rounded)
    rounded *= grid
    return rounded


def for_each_chunk(
    work: Callable[[int, int], None], todo: Iterable[tuple[int, int]], workers: int | None
) -> None:
    """Call work(first draw, number of draws) for every chunk, in `workers` threads.

    None: one per core that this process may use. Random numbers, counting and matrix products let go
    of the interpreter's lock. Work must write into places of its own.
    """
    usable = getattr(os, "sched_getaffinity", None)  # Linux only
    count = workers or (len(usable(0)) if usable else os.cpu_count() or 1)
    if count == 1:
        for start, size in todo:
            work(start, size)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(lambda chunk: work(*chunk), todo):
            pass
