"""The benchmark of error rates counts what it says: exact p-values and power by enumeration, its pages."""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark_modules():
    """error_rates and error_rate_exact, as they are found when a benchmark is run."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import error_rate_exact
        import error_rates
    finally:
        sys.path.remove(str(BENCHMARKS))
    return error_rates, error_rate_exact


@pytest.mark.parametrize("seed", range(6))
def test_the_exact_sign_flip_p_value_counts_all_patterns(benchmark_modules, seed):
    _, exact = benchmark_modules
    d = np.random.default_rng(seed).integers(-3, 4, 11) / 3
    sums = [abs(np.dot(signs, d)) for signs in product((1, -1), repeat=11)]
    expected = np.mean(np.array(sums) >= abs(d.sum()) - 1e-9)
    assert exact.exact_flip_p(d, 3) == pytest.approx(expected, abs=1e-12)


def test_the_exact_power_of_mcnemar_sums_over_all_tables(benchmark_modules):
    _, exact = benchmark_modules
    n, a_only, b_only = 14, 0.5, 0.1
    power = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            if b + c and stats.binomtest(b, b + c).pvalue <= 0.05:
                chance = [a_only, b_only, 1 - a_only - b_only]
                power += stats.multinomial.pmf([b, c, n - b - c], n, chance)
    assert exact.mcnemar_power(n, a_only, b_only) == pytest.approx(power, abs=1e-9)


def test_a_rate_is_marked_by_the_side_on_which_it_is_off(benchmark_modules):
    rates, _ = benchmark_modules
    assert rates.shown(0.938, 0.95, errors=False) == "**.938**"
    assert rates.shown(0.941, 0.95, errors=False) == ".941"
    assert rates.shown(0.972, 0.95, errors=False) == "*.972*"
    assert rates.shown(0.062, 0.05, errors=True) == "**.062**"
    assert rates.shown(0.0, 0.05, errors=True) == "*.000*"
    assert rates.shown(None, 0.05, errors=True) == "–"


def test_a_run_goes_on_where_the_store_ends_and_writes_its_place_in_the_page(
    benchmark_modules, tmp_path, monkeypatch, capsys
):
    rates, _ = benchmark_modules
    page, store = tmp_path / "page.md", tmp_path / "rows.jsonl"
    page.write_text("before\n<!-- error rates: prompts -->\nold\n<!-- end -->\nafter\n")
    command = ["error_rates.py", "prompts", "--simulations", "2", "--store", str(store)]
    monkeypatch.setattr(sys, "argv", [*command, "--markdown", str(page)])
    rates.main()
    first = page.read_text()
    rows = len(rates.TABLES["prompts"].settings)
    assert first.startswith("before\n<!-- error rates: prompts -->\n| prompts | items |")
    assert first.endswith("<!-- end -->\nafter\n") and "old" not in first
    assert len(store.read_text().splitlines()) == rows
    store.write_text("".join(store.read_text().splitlines(keepends=True)[:-1]) + '{"torn')
    capsys.readouterr()
    rates.main()
    assert len(capsys.readouterr().out.splitlines()) == 1  # the one row that was torn
    assert page.read_text() == first


def test_every_table_has_a_place_in_the_docs(benchmark_modules):
    rates, _ = benchmark_modules
    text = (BENCHMARKS.parent / "docs/error_rates.md").read_text(encoding="utf-8")
    for name, table in rates.TABLES.items():
        body = text.partition(f"<!-- error rates: {name} -->\n")[2].partition("<!-- end -->")[0]
        assert len(body.splitlines()) == 2 + len(table.settings), name
