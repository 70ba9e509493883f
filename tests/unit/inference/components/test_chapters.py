"""The chapters `components` and `purchase`, from a table of answers to plain values and sentences."""

import json

import numpy as np
import pytest

from splitplot.inference.chapters import components, purchase
from splitplot.inference.components import design, shares
from splitplot.inference.components.design import crossed_design
from splitplot.inference.components.moves import _ranking_changes, cell_means, moves
from splitplot.inference.components.reml import newton, reml
from splitplot.inference.components.shares import decompose
from splitplot.inference.intervals import z_quantile
from splitplot.inference.paired import paired_difference
from splitplot.inference.prompt_table import differences_by_prompt
from splitplot.inference.scopes import prompts_interval

from .conftest import TRUTH, crossed, drawn


def right_or_wrong(scores):
    return (scores > 0.5).astype(float)


def primary(scope="items", factor="model", a="m1", b="m0"):
    return [{"name": f"{a} − {b}", "factor": factor, "a": a, "b": b, "scope": scope}]


def share(content, name):
    return next(row["share"] for row in content["rows"] if row["name"] == name)


def plain(content):
    """As JSON: refuses NaN, infinity and numpy's own numbers."""
    return json.dumps(content, allow_nan=False, sort_keys=True)


def test_shares_of_a_study_are_those_of_its_answers(make_study):
    content, flags = components.chapter(make_study(drawn(300, 3, 4, 2, seed=1)))
    plain(content)
    assert content["method"] == "expected mean squares"
    assert (content["n_items"], content["n_rows"], content["balanced"]) == (300, 7200, True)
    assert sum(row["share"] for row in content["rows"]) == pytest.approx(1.0)
    assert share(content, "run") == pytest.approx(TRUTH["run"] / 0.2, abs=0.05)
    names = [row["name"] for row in content["rows"]]
    assert names == [
        "model",
        "condition",
        "model × condition",
        "item",
        "item × model",
        "item × condition",
        "item × model × condition",
        "run",
    ]
    hidden = [row["name"] for row in content["rows"] if not row["detectable"]]
    assert len(flags) == len(hidden)


def test_nothing_depends_on_the_order_of_the_rows(make_study):
    scores = right_or_wrong(drawn(60, 2, 3, 2, seed=2))
    scores[3, 1, 0, 1] = np.nan
    order = np.random.default_rng(0).permutation(scores.size)
    for chapter in (components.chapter, purchase.chapter):
        first = chapter(make_study(scores, primary()))
        assert plain(first[0]) == plain(chapter(make_study(scores, primary(), order=order))[0])


def test_a_lost_answer_makes_it_reml_and_an_item_without_answers_is_left_out(make_study):
    scores = drawn(80, 2, 3, 2, seed=3)
    scores[0] = np.nan
    assert components.chapter(make_study(scores))[0]["balanced"]
    scores[1, 0, 0, 0] = np.nan
    content, _ = components.chapter(make_study(scores))
    assert (content["method"], content["n_items"]) == ("item-factorised REML", 79)


def test_the_noise_sentence_has_z_times_the_root_of_twice_the_run_variance(make_study):
    scores = right_or_wrong(drawn(100, 2, 3, 2, seed=4))
    content, _ = components.chapter(make_study(scores))
    within = scores.var(axis=3, ddof=1).mean()
    half = z_quantile(0.95) * np.sqrt(2 * within / 200)
    assert content["noise_half_width"] == pytest.approx(half)
    assert content["sentences"][0] == (
        f"Running the same model twice changes its score by up to about ±{100 * half:.1f} points by "
        "chance alone (95 times in 100), with 100 items answered 2 times."
    )


def test_the_noise_that_is_announced_is_the_noise_between_runs():
    """Two runs of one cell, 4,000 times: 95 in 100 differ by less than z·√(2w/(I·K))."""
    random = np.random.default_rng(5)
    chance = random.beta(1, 1, 50)
    w = (chance * (1 - chance)).mean()
    runs = random.binomial(2, np.broadcast_to(chance, (4000, 2, 50))).mean(axis=2) / 2
    inside = np.abs(runs[:, 0] - runs[:, 1]) <= z_quantile(0.95) * np.sqrt(2 * w / 100)
    assert inside.mean() == pytest.approx(0.95, abs=0.015)


def test_cells_that_answer_the_same_every_time_are_counted_beside_the_average_noise(make_study):
    scores = right_or_wrong(drawn(60, 2, 3, 2, seed=4))
    scores[:, 0] = scores[:, 0, :, :1]
    content, _ = components.chapter(make_study(scores, greedy=True))
    assert any("3 of 6 cells answer the same" in warning for warning in content["warnings"])
    within = scores.var(axis=3, ddof=1).mean()
    assert content["noise_half_width"] == pytest.approx(z_quantile(0.95) * np.sqrt(within / 60))


def test_one_replication_says_that_the_noise_is_not_known(make_study):
    content, _ = components.chapter(make_study(drawn(60, 2, 3, 1)))
    assert content["noise_half_width"] is None
    assert "is not known" in content["sentences"][0]
    assert "cannot tell them apart" in content["rows"][-1]["label"]
    assert any("One replication" in warning for warning in content["warnings"])


def test_prompt_against_model_is_one_sentence_with_sizes_and_ranges(make_study):
    scores = np.clip(drawn(200, 3, 4, 2, seed=6), 0, 1)
    content, _ = components.chapter(make_study(scores))
    by_name = {row["name"]: row for row in content["rows"]}
    both = by_name["condition"]["variance"] + by_name["model × condition"]["variance"]
    assert content["prompt_sd"] == pytest.approx(np.sqrt(both))
    means = scores.mean(axis=(0, 2, 3))
    assert by_name["model"]["range"] == pytest.approx([means.min(), means.max()])
    sentence = content["sentences"][1]
    assert sentence.startswith("Changing the prompt moves the score by about ")
    assert f"{100 * content['model_sd']:.1f} points (95% interval " in sentence
    assert f"; 3 models, means from {100 * means.min():.1f} to {100 * means.max():.1f})" in sentence
    assert content["ranking_changes"] is None and sentence.endswith(").")


def test_the_ranking_changes_in_the_prompts_where_two_models_change_places(make_study):
    means = np.array([[0.6, 0.6, 0.3, 0.6], [0.5, 0.5, 0.5, 0.5], [0.1, 0.1, 0.1, 0.1]])
    scores = means[None, :, :, None] + np.random.default_rng(1).normal(0, 0.01, (60, 3, 4, 2))
    content, _ = components.chapter(make_study(scores))
    assert content["ranking_changes"] == 0.25
    said = "; the ranking of the models changes in 25.0% of the prompts (chance alone: 0.0%)."
    assert content["sentences"][1].endswith(said)


def test_two_prompts_are_refused_a_claim_about_prompts(make_study):
    content, _ = components.chapter(make_study(np.clip(drawn(60, 2, 2, 2), 0, 1)))
    assert content["prompt_sd"] is None and content["ranking_changes"] is None
    assert "cannot be said of fewer than 3" in content["sentences"][1]
    assert "Changing the prompt" not in " ".join(content["sentences"])


def test_two_optimisers_that_disagree_leave_no_shares_but_a_flag(make_study, monkeypatch):
    def stopped(likelihood, start, total):
        return likelihood.at(start)

    monkeypatch.setattr(shares, "reml", lambda scores: reml(scores, optimisers=(newton, stopped)))
    scores = drawn(60, 2, 2, 2)
    scores[0, 0, 0, 0] = np.nan
    content, flags = components.chapter(make_study(scores))
    assert content is None
    assert [flag.code for flag in flags] == ["components_not_converged"]


def test_designs_with_nothing_to_share_out_have_no_chapter(make_study):
    for scores in (drawn(30, 1, 1, 1), drawn(1, 2, 2, 2), np.full((30, 2, 2, 2), np.nan)):
        assert components.chapter(make_study(scores)) == (None, [])
    content, flags = components.chapter(make_study(np.ones((30, 2, 2, 2))))
    assert content is None
    assert "do not vary" in flags[0].message


def test_one_cell_with_replications_has_item_and_run(make_study):
    content, _ = components.chapter(make_study(drawn(60, 1, 1, 3)))
    assert [row["name"] for row in content["rows"]] == ["item", "run"]


def test_a_cell_that_failed_altogether_is_left_out_and_said(make_study):
    scores = drawn(80, 3, 3, 2, seed=7)
    scores[:, 2, 2] = np.nan
    data = make_study(scores)
    assert crossed_design(data.grid()).scores.n_cells == 8
    content, _ = components.chapter(data)
    plain(content)
    assert content["method"] == "item-factorised REML"
    assert any("Not every combination" in warning for warning in content["warnings"])


def test_where_all_items_would_take_too_long_a_sample_is_drawn_and_said(make_study, monkeypatch):
    scores = drawn(300, 2, 3, 2, seed=13)
    scores[np.random.default_rng(1).random(scores.shape) < 0.2] = np.nan
    whole, _ = components.chapter(make_study(scores))
    monkeypatch.setattr(design, "MOST_WORK", 100 * 6**3)
    sampled, _ = components.chapter(make_study(scores))
    assert any("random sample of 100 of 300" in warning for warning in sampled["warnings"])
    assert share(sampled, "run") == pytest.approx(share(whole, "run"), abs=0.1)
    assert share(sampled, "run") != share(whole, "run")
    assert plain(sampled) == plain(components.chapter(make_study(scores))[0])


def test_the_logistic_model_stands_beside_right_or_wrong_scores_only(make_study):
    scores = right_or_wrong(drawn(150, 2, 3, 2, seed=8))
    content, _ = components.chapter(make_study(scores, primary()))
    logistic = content["logistic"]
    gap = scores[:, 1].mean() - scores[:, 0].mean()
    assert logistic["difference"]["estimate"] == pytest.approx(gap, abs=0.01)
    assert "if items differ in difficulty alone" in logistic["sentence"]
    shown = [cell["mean"] for cell in logistic["cells"]]
    assert shown == pytest.approx(list(scores.mean(axis=(0, 3)).ravel()), abs=0.01)
    assert components.chapter(make_study(drawn(60, 2, 3, 2), primary()))[0]["logistic"] is None
    scores[:, 0, 0] = 1.0
    content, _ = components.chapter(make_study(scores, primary()))
    assert content["logistic"] is None
    assert any("no finite log-odds" in warning for warning in content["warnings"])


def test_the_purchase_starts_from_the_interval_that_the_contrast_has(make_study):
    scores = right_or_wrong(drawn(120, 2, 3, 2, seed=9))
    content, flags = purchase.chapter(make_study(scores, primary()))
    plain(content)
    means = scores.mean(axis=(2, 3))
    interval = paired_difference(means[:, 1], means[:, 0])
    now = content["now"]
    assert now["half_width"] == pytest.approx((interval.high - interval.low) / 2)
    assert (now["items"], now["replications"], now["answers"]) == (120, 2, 1440)
    assert now["usd"] == pytest.approx(14.40)
    run = scores.var(axis=3, ddof=1).mean(axis=2) / 2 / 3
    assert content["run_share"] == pytest.approx(run.sum() / 120**2 / interval.se**2)
    best = content["rows"][content["best"]]
    assert best["option"] == "2× the items"
    assert f"±{100 * now['half_width']:.1f} points" in content["sentence"]
    assert "$14.40" in content["sentence"] and "120 more items" in content["sentence"]
    assert content["next_study"]["items"] == [{"generate": "reasoning_gym", "size": 240}]
    assert flags == []


def test_each_scope_has_its_own_purchase(make_study):
    scores = right_or_wrong(drawn(120, 2, 4, 2, seed=10))
    these, _ = purchase.chapter(make_study(scores, primary("these items")))
    assert {row["items"] for row in these["rows"]} == {120}
    assert "only replications tell more" in these["sentence"]
    data = make_study(scores, primary("prompts"))
    prompts, _ = purchase.chapter(data)
    assert prompts["now"]["prompts"] == 4
    assert any(row["prompts"] == 8 for row in prompts["rows"])
    pairs = [(p + 4, p) for p in range(4)]
    item, table, names = differences_by_prompt(data.grid(), pairs)
    assert (item.size, names) == (120, ["p0", "p1", "p2", "p3"])
    assert table == pytest.approx(scores[:, 1].mean(axis=2) - scores[:, 0].mean(axis=2))
    interval = prompts_interval(table)
    assert prompts["now"]["half_width"] == pytest.approx((interval.high - interval.low) / 2)


def test_a_contrast_of_prompts_has_no_purchase_over_prompts(make_study):
    scores = right_or_wrong(drawn(120, 2, 4, 2, seed=10))
    asked = primary("prompts", "condition", "p1", "p0")
    content, _ = purchase.chapter(make_study(scores, asked))
    assert content["scope"] == "items"
    assert content["now"]["prompts"] == 1


def test_items_lost_under_a_prompt_are_left_out_of_the_table_by_prompt(make_study):
    scores = right_or_wrong(drawn(50, 2, 3, 1, seed=1))
    scores[7, 0, 2] = np.nan
    item, table, _ = differences_by_prompt(make_study(scores).grid(), [(3, 0), (4, 1), (5, 2)])
    assert 7 not in item and table.shape == (49, 3)


def test_clusters_widen_the_item_part_by_their_design_effect(make_study):
    base = drawn(40, 2, 2, 2, seed=11)
    scores = np.clip(np.repeat(base, 3, axis=0), 0, 1)
    alone, _ = purchase.chapter(make_study(scores, primary()))
    together, _ = purchase.chapter(
        make_study(scores, primary(), cluster=np.repeat(np.arange(40), 3))
    )
    assert together["now"]["half_width"] > 1.3 * alone["now"]["half_width"]
    assert together["run_share"] < alone["run_share"]


def test_where_runs_explain_all_the_differences_it_is_said(make_study):
    random = np.random.default_rng(12)
    same = random.random((100, 1, 1, 1)) < 0.5
    flips = random.random((100, 2, 1, 2)) < 0.3
    content, flags = None, []
    for _ in range(20):
        flips = random.random((100, 2, 1, 2)) < 0.3
        content, flags = purchase.chapter(make_study((same ^ flips).astype(float), primary()))
        if flags:
            break
    assert [flag.code for flag in flags] == ["only_run_noise"]
    assert content["run_share"] == pytest.approx(1.0)
    halves = [row["half_width"] for row in content["rows"] if row["tier"] == 2]
    assert halves[0] == pytest.approx(halves[1], rel=0.01)


def test_one_right_or_wrong_answer_per_item_can_buy_items_only(make_study):
    content, _ = purchase.chapter(make_study(right_or_wrong(drawn(80, 2, 1, 1, seed=4)), primary()))
    plain(content)
    assert content["run_share"] is None
    assert "cannot be told from one" in content["sentence"]
    best = content["rows"][content["best"]]
    assert best["items"] == 160
    assert best["half_width"] == pytest.approx(content["now"]["half_width"] / np.sqrt(2), rel=0.01)


def test_unknown_prices_leave_the_dollars_out(make_study):
    content, _ = purchase.chapter(
        make_study(right_or_wrong(drawn(60, 2, 2, 2)), primary(), usd=None)
    )
    plain(content)
    assert content["now"]["usd"] is None
    assert all(
        row["extra_usd"] is None and row["narrower_per_usd"] is None for row in content["rows"]
    )
    assert "$" not in content["sentence"]


def test_a_used_up_source_is_said_and_replications_are_what_can_be_bought(make_study):
    content, _ = purchase.chapter(
        make_study(
            right_or_wrong(drawn(60, 2, 2, 2)), primary(), items=[{"kind": "path", "limit": None}]
        )
    )
    assert not content["items_left"]
    assert content["rows"][content["best"]]["replications"] == 4
    assert "would have to come from elsewhere" in content["sentence"]


def test_odd_data_are_refused_with_a_reason_and_never_raise(make_study):
    same = np.ones((30, 2, 2, 2))
    content, flags = purchase.chapter(make_study(same, primary()))
    assert content is None and "do not vary" in flags[0].message
    content, flags = purchase.chapter(make_study(drawn(30, 2, 2, 1), primary("these items")))
    assert content is None and "not known" in flags[0].message
    assert purchase.chapter(make_study(np.full((30, 2, 2, 1), np.nan), primary())) == (None, [])
    one_cluster = make_study(drawn(30, 2, 2, 2), primary(), cluster=np.zeros(30, dtype=int))
    content, flags = purchase.chapter(one_cluster)
    assert content is None and "cluster" in flags[0].message
    assert components.chapter(one_cluster)[0] is not None


@pytest.mark.long
def test_no_design_makes_a_chapter_raise_or_speak_of_nan(make_study):
    random = np.random.default_rng(21)
    for seed in range(40):
        shape = tuple(int(n) for n in random.integers((2, 1, 1, 1), (60, 4, 5, 4)))
        scores = drawn(*shape, seed=seed)
        if random.random() < 0.6:
            scores = right_or_wrong(scores)
        if random.random() < 0.3:
            scores[:] = scores[..., :1]  # replications that never differ
        scores[random.random(scores.shape) < random.choice([0, 0.05, 0.6])] = np.nan
        if random.random() < 0.3:
            scores[:, random.random(shape[1:3]) < 0.4] = np.nan
        cluster = random.integers(0, 6, shape[0]) if random.random() < 0.4 else None
        last = f"m{shape[1] - 1}"
        asked = primary(str(random.choice(["items", "these items", "prompts"])), a=last)
        data = make_study(scores, asked if shape[1] > 1 else [], cluster=cluster)
        for chapter in (components.chapter, purchase.chapter):
            content, flags = chapter(data)
            plain(content)
            plain([flag.to_json() for flag in flags])
            if content is None:
                continue
            for row in content["rows"]:
                assert row.get("share", 0) >= 0
                if row.get("low") is not None:
                    assert 0 <= row["low"] <= row["high"] <= 1


def test_identical_models_and_prompts_are_not_said_to_move_the_score(make_study):
    # An estimate above 0 is there in three of four such studies; what is said rests on resampling items.
    random = np.random.default_rng(5)
    above, said = 0, 0
    for _ in range(12):
        chance = random.uniform(0.2, 0.9, (60, 1, 1, 1))
        scores = (random.random((60, 3, 4, 2)) < chance).astype(float)
        content, _ = components.chapter(make_study(scores))
        rows = {row["name"]: row["variance"] for row in content["rows"]}
        above += rows["condition"] + rows["model × condition"] > 0
        told = content["prompt_sd"], content["model_sd"], content["ranking_changes"]
        said += told != (None, None, None)
        if told == (None, None, None):
            sentence = content["sentences"][1]
            assert "the prompt moves the score by too little to be detected (4 prompts" in sentence
            assert "ranking" not in sentence
    assert above >= 6
    assert said <= 1


def test_what_chance_does_to_the_ranking_is_what_studies_without_interaction_show(make_study):
    # Reference: the share in fresh studies in which models and prompts only add up.
    random = np.random.default_rng(6)
    model, n = np.array([0.0, 0.05, 0.1]), 100

    def scores(interaction):
        mean = 0.5 + model[:, None] + interaction
        return mean[None, :, :, None] + random.normal(0, 0.4, (n, 3, 4, 1))

    fresh = []
    for _ in range(300):
        x = crossed(scores(np.zeros((3, 4))))
        fresh.append(_ranking_changes(x, cell_means(x)))
    strong = np.array([[0.5, 0, 0, -0.5], [0, 0, 0, 0], [-0.5, 0, 0, 0.5]])
    chance = []
    for seed in range(20):
        x = crossed(scores(strong))
        found = moves(x, decompose(x, seed=seed, draws=250), cell_means(x), seed=seed)
        assert found.ranking_changes >= 0.25
        chance.append(found.by_chance)
    assert np.mean(chance) == pytest.approx(np.mean(fresh), abs=0.12)


def test_more_answers_are_not_advised_where_datasets_or_looks_decide(make_study):
    scores = right_or_wrong(drawn(60, 2, 2, 2))
    content, [flag] = purchase.chapter(make_study(scores, primary("datasets")))
    assert content is None and flag.code == "purchase_refused"
    assert "more datasets are what narrows" in flag.message
    data = make_study(scores, primary())
    assert purchase.chapter(data)[0] is not None
    data.plan["analysis"].update(stopping="anytime", looks=5)
    content, [flag] = purchase.chapter(data)
    assert content is None and "asks until it is settled" in flag.message
