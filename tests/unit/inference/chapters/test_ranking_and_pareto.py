"""The chapters `ranking` and `pareto` on small studies: what is ranked, what is left out, what is said."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.inference.chapters import pareto, ranking
from splitplot.inference.chapters.ranking import level_table, selected
from splitplot.inference.data import load_data
from splitplot.inference.pareto import front
from splitplot.inference.ranking import rank_arms

TEXTS = (
    "trial_id",
    "condition_id",
    "item_id",
    "item_hash",
    "cluster",
    "scorer",
    "outcome",
    "source",
)
NUMBERS = {
    "replication": pa.int32(),
    "strict": pa.float64(),
    "observed": pa.float64(),
    "tokens_out": pa.int64(),
    "usd": pa.float64(),
    "simulated": pa.bool_(),
}


def plan_of(models, conditions):
    trials = [
        {"id": f"{m}--1", "role": "solver", "model": m, "sampling": "warm", "parameters": {}}
        for m in models
    ]
    return {
        "study": "demo",
        "trials": trials,
        "conditions": [{"id": f"{c}--1", "name": c} for c in conditions],
        "cells": [
            {"trial": t["id"], "condition": f"{c}--1", "replications": 1}
            for t in trials
            for c in conditions
        ],
        "scorers": [{"name": "exact"}],
        "analysis": {"alpha": 0.05, "seed": 7},
    }


def row_of(model, condition, item, score, **other):
    return {
        "trial_id": f"{model}--1",
        "condition_id": f"{condition}--1",
        "item_id": f"q{item:04}",
        "item_hash": f"h{item}",
        "cluster": f"q{item:04}",
        "scorer": "exact",
        "outcome": "ok",
        "source": "s",
        "replication": 0,
        "strict": score,
        "observed": score,
        "tokens_out": 10,
        "usd": None,
        "simulated": False,
    } | other


@pytest.fixture
def study(tmp_path):
    """Shares of right answers per model, items and conditions → StudyData and its rows."""

    def make(
        shares,
        items=300,
        conditions=("plain",),
        usd=None,
        change=lambda rows: rows,
        number=0,
        **other,
    ):
        random = np.random.default_rng(3)
        hard = random.uniform(-0.2, 0.2, items)
        rows = [
            row_of(
                model,
                condition,
                item,
                float(random.random() < share + hard[item]),
                usd=None if usd is None else usd[model] * (1 + hard[item]),
                tokens_out=10 + int(100 * (1 + hard[item])),
                **{key: value(item) for key, value in other.items()},
            )
            for model, share in shares.items()
            for condition in conditions
            for item in range(items)
        ]
        rows = change(rows)
        schema = pa.schema([(name, pa.string()) for name in TEXTS] + list(NUMBERS.items()))
        path = tmp_path / f"table{number}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
        return load_data(path, plan_of(list(shares), list(conditions)))

    return make


FOUR = {"a": 0.3, "b": 0.7, "c": 0.5, "d": 0.52}


def test_models_are_ranked_in_order_of_their_means(study):
    entries, flags = ranking.chapter(study(FOUR))
    (entry,) = entries
    assert flags == []
    assert (entry["factor"], entry["metric"], entry["n_items"]) == ("model", "exact", 300)
    assert [row["name"] for row in entry["rows"]] == ["b", "d", "c", "a"]
    means = [row["mean"]["estimate"] for row in entry["rows"]]
    assert means == sorted(means, reverse=True)
    assert entry["rows"][0]["rank_low"] == entry["rows"][0]["rank_high"] == 1
    assert sum(row["p_best"] for row in entry["rows"]) == pytest.approx(1.0)
    assert entry["sentence"].startswith("“b” is first of 4 models on 300 items.")
    json.dumps(entry, allow_nan=False)


def test_the_chapter_is_the_ranking_of_the_item_means(study):
    data = study(FOUR)
    table = level_table(data, "model")
    by_hand = np.stack([data.cell_mean_items(cell)[1] for cell in range(4)], axis=1)
    assert (table.scores == by_hand).all()
    entry = ranking.chapter(data)[0][0]
    direct = rank_arms(by_hand, seed=1)
    assert {row["name"]: (row["rank_low"], row["rank_high"]) for row in entry["rows"]} == {
        name: (direct.rank_low[i], direct.rank_high[i]) for i, name in enumerate("abcd")
    }


def test_models_that_cannot_be_told_apart_are_all_said_to_be_possibly_first(study):
    entry = ranking.chapter(study(dict.fromkeys("abc", 0.5), items=60))[0][0]
    assert "is first is not settled" in entry["sentence"]


def test_some_first_and_the_others_not(study):
    entry = ranking.chapter(study({"a": 0.1, "b": 0.7, "c": 0.7}))[0][0]
    assert (
        "First of 3 models on 300 items may be “b” and “c”; the other one is not."
        in entry["sentence"]
        or "First of 3 models on 300 items may be “c” and “b”; the other one is not."
        in entry["sentence"]
    )


def test_equal_scores_without_ends_have_a_mean_without_limits_and_open_ranks(study):
    def grade(rows):
        for row in rows:
            row["strict"] = row["observed"] = {"a--1": 3.0, "b--1": 5.0, "c--1": 9.0}[
                row["trial_id"]
            ]
        return rows

    entries, flags = ranking.chapter(study({"a": 0.5, "b": 0.5, "c": 0.5}, change=grade))
    first = entries[0]["rows"][0]
    assert (first["name"], first["mean"]["estimate"]) == ("c", 9.0)
    assert first["mean"]["low"] is None and first["mean"]["high"] is None
    assert {(row["rank_low"], row["rank_high"]) for row in entries[0]["rows"]} == {(1, 3)}
    assert [flag.code for flag in flags] == ["ranking_undecided"]


def test_two_levels_are_a_contrast_and_no_ranking(study):
    assert ranking.chapter(study({"a": 0.4, "b": 0.6})) == ([], [])


def test_cells_are_ranked_where_two_factors_vary(study):
    entries, _ = ranking.chapter(study({"a": 0.4, "b": 0.6}, conditions=("plain", "steps")))
    (entry,) = entries
    assert entry["factor"] == "cell"
    assert {row["name"] for row in entry["rows"]} == {
        f"{m} · {c}" for m in "ab" for c in ("plain", "steps")
    }
    factors = [e["factor"] for e in ranking.chapter(study(FOUR, conditions=("plain", "steps")))[0]]
    assert factors == ["model", "cell"]


def test_levels_are_means_over_the_cells_that_all_of_them_have(study):
    data = study(FOUR, conditions=("plain", "steps"))
    table = level_table(data, "model")
    grid = data.grid()
    expected = [
        np.mean([grid.scores(i).mean for i, c in enumerate(grid.cells) if c.model == m], axis=0)
        for m in "abcd"
    ]
    assert table.scores == pytest.approx(np.stack(expected, axis=1))


def test_an_item_that_a_level_lost_is_left_out_for_all_and_that_is_flagged(study):
    def lose(rows):
        for row in rows:
            if row["trial_id"] == "a--1" and row["item_id"] < "q0040":
                row |= {"outcome": "error", "strict": None, "observed": None}
        return rows

    entries, flags = ranking.chapter(study(FOUR, change=lose))
    assert entries[0]["n_items"] == 260
    assert [flag.code for flag in flags] == ["ranking_items"]
    assert "40 items" in flags[0].message


def test_too_few_common_items_are_not_ranked_and_that_is_said(study):
    entries, flags = ranking.chapter(study(FOUR, items=19))
    assert entries == []
    assert flags[0].code == "no_ranking"
    assert "19 items" in flags[0].message and "at least 20" in flags[0].message


def test_below_50_items_there_is_a_ranking_without_chances(study):
    entries, flags = ranking.chapter(study(FOUR, items=40))
    assert {row["p_best"] for row in entries[0]["rows"]} == {None}
    assert flags[0].code == "no_p_best"


def test_fewer_than_five_clusters_are_not_ranked(study):
    entries, flags = ranking.chapter(study(FOUR, cluster=lambda item: f"passage {item % 4}"))
    assert entries == []
    assert "fewer than 5 clusters" in flags[0].message
    grouped = ranking.chapter(study(FOUR, cluster=lambda item: f"passage {item % 60}"))[0][0]
    assert "CR2" in grouped["rows"][0]["mean"]["method"]


def test_the_order_of_the_rows_changes_nothing(study):
    forwards = study(FOUR, usd=dict.fromkeys("abcd", 0.01))
    backwards = study(FOUR, usd=dict.fromkeys("abcd", 0.01), change=lambda r: r[::-1], number=1)
    for chapter in (ranking.chapter, pareto.chapter):
        assert json.dumps(chapter(forwards)[0]) == json.dumps(chapter(backwards)[0])


def test_the_winner_of_a_contrast_gets_its_adjusted_lead(study):
    data = study(FOUR)
    found = selected(data, "model", "b", "a")
    assert (found["of"], found["winner"], found["against"]) == (4, "b", "a")
    assert found["difference"]["low"] > 0
    assert selected(data, "model", "a", "b")["winner"] == "b"
    assert selected(data, "model", "c", "d") is None
    assert selected(study({"a": 0.4, "b": 0.6}), "model", "b", "a") is None


def test_the_front_of_cost_and_score(study):
    usd = {"a": 0.001, "b": 0.02, "c": 0.004, "d": 0.05}
    data = study(FOUR, usd=usd)
    entry, flags = pareto.chapter(data)
    assert flags == []
    assert entry["axis"] == "usd"
    rows = {row["name"]: row for row in entry["rows"]}
    assert [row["name"] for row in entry["rows"]] == ["a", "c", "b", "d"]
    assert {name: row["on_front"] for name, row in rows.items()} == {
        "a": True,
        "b": True,
        "c": True,
        "d": False,
    }
    assert rows["a"]["member_probability"] == 1.0
    assert rows["d"]["member_probability"] < 0.05
    assert rows["b"]["cell"] == {
        "trial": "b--1",
        "model": "b",
        "sampling": "warm",
        "condition": "plain",
    }
    mean = rows["b"]["mean"]
    assert mean["low"] < mean["estimate"] < mean["high"]
    low, high = rows["b"]["usd_interval"]
    assert low < rows["b"]["usd_per_answer"] < high
    assert rows["b"]["usd_per_answer"] == pytest.approx(data.usd_per_answer()[1])
    assert "For the other cell there is one that is at least as cheap" in entry["sentence"]
    json.dumps(entry, allow_nan=False)


def test_a_front_without_prices_is_one_of_tokens(study):
    data = study(FOUR)
    entry, flags = pareto.chapter(data)
    assert entry["axis"] == "tokens_out"
    assert entry["rows"][0]["usd_per_answer"] == pytest.approx(
        np.mean(data.numbers("tokens_out", data.grid()))
    )
    assert [flag.code for flag in flags] == ["pareto_in_tokens"]


def test_a_cell_without_any_known_cost_moves_the_front_to_tokens(study):
    def hide(rows):
        for row in rows:
            if row["trial_id"] == "c--1":
                row["usd"] = None
        return rows

    assert pareto.chapter(study(FOUR, usd=dict.fromkeys("abcd", 0.1), change=hide))[0]["axis"] == (
        "tokens_out"
    )


def test_the_chapter_is_the_front_of_summed_costs(study):
    data = study(FOUR, usd={"a": 0.001, "b": 0.02, "c": 0.004, "d": 0.019})
    grid = data.grid()
    scores = np.stack([data.cell_mean_items(cell)[1] for cell in range(4)], axis=1)
    cost = data.numbers("usd", grid).reshape(4, 300).T
    direct = front(scores, cost, np.ones_like(cost), seed=1)
    rows = {row["name"]: row for row in pareto.chapter(data)[0]["rows"]}
    for i, name in enumerate("abcd"):
        assert rows[name]["usd_per_answer"] == pytest.approx(direct.cost[i])
        assert rows[name]["member_probability"] == pytest.approx(direct.probability[i], abs=0.03)


def test_a_single_cluster_leaves_a_front_without_intervals_or_shares(study):
    data = study(FOUR, usd=dict.fromkeys("abcd", 0.01), cluster=lambda item: "one passage")
    entry, flags = pareto.chapter(data)
    assert {row["mean"]["low"] for row in entry["rows"]} == {None}
    assert "1 cluster" in entry["rows"][0]["mean"]["method"]
    assert {row["member_probability"] for row in entry["rows"]} == {None}
    assert [flag.code for flag in flags] == ["no_membership"]
    assert [flag.code for flag in ranking.chapter(data)[1]] == ["no_ranking"]
    assert selected(data, "model", "b", "a") is None


def test_one_cell_has_no_front(study):
    assert pareto.chapter(study({"a": 0.5})) == (None, [])


def test_hostile_names_stay_data(study):
    name = '<script>alert("x")</script>'
    entry = ranking.chapter(study({name: 0.6, "b": 0.5, "c": 0.4}))[0][0]
    assert name in {row["name"] for row in entry["rows"]}


def test_the_lead_of_a_winner_counts_unusable_answers_as_its_contrast_does(study):
    def unusable(rows):
        return [row | ({"observed": None} if row["item_id"] < "q0040" else {}) for row in rows]

    data = study(FOUR, change=unusable)
    strict, observed = (
        level_table(data, "model", missing=missing) for missing in ("strict", "observed")
    )
    assert (strict.item.size, observed.item.size) == (300, 260)
    found = selected(data, "model", "b", "a", missing="observed")
    means = observed.scores.mean(axis=0)
    gap = means[observed.names.index("b")] - means[observed.names.index("a")]
    assert f"on {observed.item.size:,} items" in found["sentence"]
    assert found["difference"]["estimate"] == pytest.approx(gap)
