"""Ratios of tokens, dollars and seconds between the arms of a contrast."""

import numpy as np
import pytest

from splitplot.inference.chapters import spent
from splitplot.inference.data import load_data


@pytest.fixture
def write_costs(tmp_path, write_table):
    """A table with the columns of costs, which the shared fixture leaves out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(rows):
        plain = pq.read_table(write_table(rows))
        for name in ("usd", "latency_s"):
            values = pa.array([row.get(name) for row in rows], pa.float64())
            plain = plain.append_column(name, values)
        path = tmp_path / "costs.parquet"
        pq.write_table(plain, path)
        return path

    return write


def rows_of(make_row, n=200, factor=2.0, replications=2):
    random = np.random.default_rng(7)
    rows = []
    for i in range(n):
        need = random.gamma(3, 20)
        for condition, times in (("minimal", 1.0), ("standard", factor)):
            for k in range(replications):
                tokens = int(need * times * random.uniform(0.8, 1.25)) + 1
                row = make_row(condition, f"q{i:03d}", int(random.random() < 0.5), replication=k)
                rows.append(row | {"tokens_out": tokens, "usd": tokens * 1e-5, "latency_s": 0.5})
    return rows


def test_the_ratio_is_that_of_the_sums_and_covers_the_factor_that_was_put_in(
    make_plan, make_row, write_costs
):
    rows = rows_of(make_row)
    found, _ = spent.chapter(load_data(write_costs(rows), make_plan(replications=2)))
    by_amount = {entry["amount"]: entry for entry in found}
    tokens = by_amount["tokens_out"]
    total = {
        condition: sum(row["tokens_out"] for row in rows if row["condition_id"] == condition)
        for condition in ("minimal--1", "standard--1")
    }
    assert tokens["ratio"]["estimate"] == pytest.approx(total["standard--1"] / total["minimal--1"])
    assert tokens["ratio"]["low"] < 2.0 < tokens["ratio"]["high"]
    assert tokens["sentence"].startswith("“standard” takes 2.0")
    assert by_amount["usd"]["ratio"]["estimate"] == pytest.approx(tokens["ratio"]["estimate"])
    # Equal seconds in every item: nothing to estimate an error by, so nothing is said of them.
    assert "latency_s" not in by_amount


def test_dollars_per_right_answer_divide_what_an_arm_cost_by_what_it_got_right(
    make_plan, make_row, write_costs
):
    rows = rows_of(make_row, replications=1)
    found, _ = spent.chapter(load_data(write_costs(rows), make_plan()))
    [entry] = [entry for entry in found if entry["amount"] == spent.PER_CORRECT]

    def price(condition):
        arm = [row for row in rows if row["condition_id"] == condition]
        return sum(row["usd"] for row in arm) / sum(row["strict"] for row in arm)

    assert entry["mean_a"] == pytest.approx(price("standard--1"))
    assert entry["mean_b"] == pytest.approx(price("minimal--1"))
    assert entry["ratio"]["estimate"] == pytest.approx(price("standard--1") / price("minimal--1"))


def test_without_costs_nothing_is_said_of_dollars(make_plan, make_row, write_table):
    rows = rows_of(make_row)
    found, _ = spent.chapter(load_data(write_table(rows), make_plan(replications=2)))
    assert {entry["amount"] for entry in found} == {"tokens_out"}


def test_a_handful_of_items_gives_no_ratio(make_plan, make_row, write_costs):
    rows = rows_of(make_row, n=10)
    assert spent.chapter(load_data(write_costs(rows), make_plan(replications=2)))[0] == []
