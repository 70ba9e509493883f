"""Random numbers that belong to a draw, and sums without rounding error (fractions, math.fsum)."""

import os
import subprocess
import sys
from fractions import Fraction
from math import fsum
from pathlib import Path

import numpy as np
import pytest

from splitplot.inference.resampling import weights
from splitplot.inference.resampling.bootstrap import bootstrap_sums
from splitplot.inference.resampling.weights import (
    CHUNK,
    bootstrap_weights,
    chunks,
    on_grid,
    stream,
)


def all_rows(generator):
    return np.concatenate([rows.copy() for _, rows in generator])


def test_every_draw_takes_as_many_units_as_there_are():
    rows = all_rows(bootstrap_weights(37, 0, CHUNK, seed=1))
    assert rows.shape == (CHUNK, 37)
    assert (rows.sum(axis=1) == 37).all()
    assert (rows == np.rint(rows)).all()


def test_the_weights_are_multinomial():
    # Multinomial(n, 1/n): mean 1, variance 1 − 1/n, covariance −1/n (Johnson, Kotz & Balakrishnan 1997).
    rows = np.concatenate(
        [all_rows(bootstrap_weights(5, s, CHUNK, seed=2)) for s, _ in chunks(20_000)]
    )
    covariance = np.cov(rows.T)
    expected = np.eye(5) - 1 / 5
    assert np.abs(rows.mean(axis=0) - 1).max() < 4 * np.sqrt(0.8 / 20_000)
    assert np.abs(covariance - expected).max() < 0.05


def test_a_chunk_is_what_its_own_stream_says_draw_by_draw():
    rows = all_rows(bootstrap_weights(11, CHUNK, 3, seed=5))
    random = stream(5, weights.BOOTSTRAP, 1)
    literal = [np.bincount(random.integers(0, 11, 11), minlength=11) for _ in range(3)]
    assert (rows == np.array(literal)).all()


def test_the_first_draws_are_the_same_however_many_are_asked_for():
    columns = np.random.default_rng(0).random((60, 4))
    few = bootstrap_sums(columns, draws=300, seed=9, workers=1)
    many = bootstrap_sums(columns, draws=1_100, seed=9, workers=1)
    assert (few == many[:300]).all()


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_gives_the_same_bits(workers):
    columns = np.random.default_rng(1).normal(size=(500, 7)) / 3
    one = bootstrap_sums(columns, draws=1_300, seed=4, workers=1)
    assert bootstrap_sums(columns, draws=1_300, seed=4, workers=workers).tobytes() == one.tobytes()


def test_chunks_may_be_worked_on_in_any_order(monkeypatch):
    columns = np.random.default_rng(1).normal(size=(500, 7)) / 3
    one = bootstrap_sums(columns, draws=1_300, seed=4, workers=1)
    monkeypatch.setattr(
        "splitplot.inference.resampling.bootstrap.chunks", lambda draws: chunks(draws)[::-1]
    )
    assert bootstrap_sums(columns, draws=1_300, seed=4, workers=2).tobytes() == one.tobytes()


@pytest.mark.parametrize("rows", [1, 7, 250])
def test_the_memory_for_a_block_changes_nothing(monkeypatch, rows):
    columns = np.random.default_rng(1).normal(size=(500, 7)) / 3
    one = bootstrap_sums(columns, draws=600, seed=4, workers=1)
    monkeypatch.setattr(weights, "BLOCK_BYTES", 8 * 500 * rows)
    assert bootstrap_sums(columns, draws=600, seed=4, workers=1).tobytes() == one.tobytes()


def test_the_threads_of_blas_change_nothing():
    program = (
        "import hashlib, numpy as np\n"
        "from splitplot.inference.resampling.bootstrap import bootstrap_means\n"
        "from splitplot.inference.resampling.simultaneous import simultaneous_intervals\n"
        "x = np.random.default_rng(1).normal(size=(3000, 40)) / 7\n"
        "x[:9, 3] = np.nan\n"
        "parts = [bootstrap_means(x, draws=500, seed=1).tobytes(),\n"
        "    repr(simultaneous_intervals(x, seed=1, draws=2000)).encode()]\n"
        "print(hashlib.sha256(b''.join(parts)).hexdigest())\n"
    )
    library = str(Path(weights.__file__).parents[3])
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": library},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "3")
    }
    assert len(found) == 1


def test_on_the_grid_every_order_of_adding_gives_the_exact_sum():
    random = np.random.default_rng(8)
    column = on_grid(random.normal(size=(400, 1)) / 3, 400.0)[:, 0]
    weight = np.bincount(random.integers(0, 400, 400), minlength=400)
    exact = sum(Fraction(float(x)) * int(w) for x, w in zip(column, weight, strict=True))
    for _ in range(20):
        order = random.permutation(400)
        running = 0.0
        for x, w in zip(column[order], weight[order], strict=True):
            running += x * w
        assert Fraction(running) == exact
    assert fsum(column * weight) == float(exact)


def test_the_grid_moves_a_value_by_less_than_four_in_a_trillion_at_28_000_items():
    values = np.random.default_rng(3).random((28_000, 2))
    moved = np.abs(on_grid(values, 28_000.0) - values).max()
    assert 0 < moved < 4e-12
    assert (on_grid(np.array([[0.0], [1.0], [5.0]]), 3.0) == [[0.0], [1.0], [5.0]]).all()


def test_values_that_float_arithmetic_left_a_bit_apart_become_equal():
    # Trap 7: differences recomputed in floats had 13 distinct values instead of 9.
    a, b = np.meshgrid(np.arange(5) / 4, np.arange(1, 6) / 10)
    differences = ((a + b) - a).ravel()
    assert np.unique(differences).size > 5
    assert np.unique(on_grid(differences[:, None], 25.0)).size == 5
