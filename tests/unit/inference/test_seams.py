"""What one part of an entry says must not contradict another: verdict, scopes, families, lost answers."""

import numpy as np
import pytest

from splitplot.inference.summary import summarise


def arms(make_row, n, chances, seed=1, replications=1, **other):
    """0/1 answers of two conditions with these chances of being right."""
    random = np.random.default_rng(seed)
    return [
        make_row(condition, f"q{i:03d}", int(random.random() < chance), replication=k, **other)
        for condition, chance in zip(("minimal", "standard"), chances, strict=True)
        for i in range(n)
        for k in range(replications)
    ]


def only(make_plan, write_table, rows, **plan):
    [contrast] = summarise(write_table(rows), make_plan(**plan), None)["contrasts"]
    return contrast


def test_left_out_answers_that_one_arm_has_more_of_make_the_verdict_depend_on_them(
    make_plan, make_row, write_table
):
    rows = arms(make_row, 300, (0.5, 0.5))
    standard = [row for row in rows if row["condition_id"] == "standard--1"]
    for row in [row for row in standard if row["strict"] == 0][:70]:
        row.update(outcome="unparseable", strict=0.0, observed=None)
    plan = make_plan()
    plan["analysis"]["primary"][0]["missing"] = "observed"
    result = summarise(write_table(rows), plan, None)
    [contrast] = result["contrasts"]
    assert contrast["alone"].startswith("BETTER")
    assert contrast["verdict"] == "NOT SETTLED"
    assert "depends on how unusable answers are counted" in contrast["sentence"]
    assert "were no usable answers" in contrast["sentence"]
    assert "unusable_gap" in contrast["flags"]


def test_a_verdict_that_is_not_spoken_is_not_repeated_under_other_names(
    make_plan, make_row, write_table
):
    # Lost answers that could turn the sign: the verdict is open, and so is all that stands beside it.
    rows = arms(make_row, 600, (0.5, 0.48), seed=2)
    lost = [r for r in rows if r["condition_id"] == "standard--1" and r["strict"] == 0][:115]
    for row in lost:
        row.update(outcome="error", strict=None, observed=None)
    contrast = only(make_plan, write_table, rows)
    assert contrast["alone"].startswith("BETTER")
    assert contrast["verdict"] == "NOT SETTLED"
    assert contrast["stops_holding"] is None
    assert contrast["lost"]["tipping"] is None
    assert contrast["lost"]["bounds"] is not None


def test_too_many_lost_answers_leave_no_sentence_that_the_verdict_would_stand(
    make_plan, make_row, write_table
):
    rows = arms(make_row, 200, (0.2, 0.9))
    for row in rows[:50]:
        row.update(outcome="error", strict=None, observed=None)
    contrast = only(make_plan, write_table, rows)
    assert contrast["verdict"] == "NO VERDICT"
    assert contrast["lost"]["tipping"] is None
    assert contrast["stops_holding"] is None
    assert contrast["selected"] is None


def test_a_study_that_may_stop_early_has_the_interval_of_its_verdict_at_its_scope(
    make_plan, make_row, write_table
):
    rows = arms(make_row, 200, (0.45, 0.6), replications=3, sampling="warm")
    plan = make_plan(samplings=("warm",), stopping="anytime", looks=4)
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    [scope] = contrast["scopes"]
    assert scope["difference"] == contrast["difference"]
    assert scope["verdict"] == contrast["verdict"]
    assert contrast["test"] == "e-process"
    assert (
        contrast["sensitivity"][0]["name"] == "as if the number of items had been fixed beforehand"
    )


def test_an_interaction_of_one_metric_says_nothing_of_another(make_plan, make_row, write_table):
    random = np.random.default_rng(3)
    rows = []
    for sampling, turned in (("greedy", 0), ("warm", 1)):
        for condition in ("minimal", "standard"):
            for i in range(150):
                better = condition == "standard"
                plain = int(random.random() < (0.75 if better else 0.5))
                turning = int(random.random() < (0.8 if better != bool(turned) else 0.5))
                row = make_row(condition, f"q{i:03d}", plain, sampling=sampling)
                rows += [row, row | {"scorer": "other", "strict": float(turning)}]
    plan = make_plan(samplings=("greedy", "warm"))
    plan["analysis"]["primary"][0]["metric"] = "other"
    result = summarise(write_table(rows), plan, None)
    [contrast] = result["contrasts"]
    assert contrast["verdict"] == "CONDITIONAL"
    [same] = [
        one
        for one in result["exploration"]
        if one["metric"] == "score" and one["factor"] == "condition"
    ]
    assert same["verdict"].startswith("BETTER")
    assert same["conditional"] is None


def test_bounds_of_lost_answers_hold_for_prompts_like_these_too(make_plan, make_row, write_table):
    random = np.random.default_rng(5)
    rows = []
    for p in range(3):
        for i in range(300):
            b = int(random.random() < 0.7)
            a = int(random.random() < 0.62)
            outcome = "error" if not a and b and random.random() < 0.6 else "ok"
            rows.append(make_row(f"p{p}", f"q{i:03d}", a, sampling="warm", outcome=outcome))
            rows.append(make_row(f"p{p}", f"q{i:03d}", b, sampling="greedy"))
    contrast = {"name": "warm − greedy", "factor": "sampling", "a": "warm", "b": "greedy"}
    found = only(
        make_plan,
        write_table,
        rows,
        conditions=("p0", "p1", "p2"),
        samplings=("greedy", "warm"),
        primary=[contrast | {"scope": "prompts"}],
        random=["condition"],
    )
    assert found["lost"]["bounds"] is not None
    assert found["verdict"] != found["alone"] or found["alone"] == "NOT SETTLED"
    assert not found["verdict"].startswith("BETTER")


def test_identical_scores_of_unknown_length_are_not_called_deterministic(
    make_plan, make_row, write_table
):
    rows = arms(make_row, 60, (0.5, 0.5))
    again = [row | {"replication": 1} for row in rows]
    known = summarise(write_table(rows + again), make_plan(), None)
    assert all(cell["deterministic"] for cell in known["conditions"])
    unknown = [row | {"tokens_out": None} for row in rows + again]
    told = summarise(write_table(unknown), make_plan(), None)
    assert not any(cell["deterministic"] for cell in told["conditions"])


def test_many_declared_contrasts_have_intervals_for_the_family_and_one_does_not(
    make_plan, make_row, write_table
):
    random = np.random.default_rng(8)
    rows = [
        make_row(c, f"q{i:03d}", int(random.random() < chance))
        for c, chance in zip("abcd", (0.5, 0.62, 0.63, 0.64), strict=True)
        for i in range(300)
    ]
    declared = [
        {"name": f"{c} − a", "factor": "condition", "a": c, "b": "a", "margin": 0.02} for c in "bcd"
    ]
    plan = make_plan(conditions=tuple("abcd"), primary=declared)
    result = summarise(write_table(rows), plan, None)
    assert {one["family"] for one in result["contrasts"]} == {"primary, score"}
    assert all(one["adjustment"] == "Holm" for one in result["contrasts"])
    assert all(one["adjustment"] == "Benjamini-Hochberg" for one in result["exploration"])
    assert not any(one["primary"] for one in result["exploration"])
    for one in result["contrasts"]:
        simultaneous, alone = one["simultaneous"], one["difference"]
        assert simultaneous["low"] < alone["low"] < alone["high"] < simultaneous["high"]


@pytest.mark.parametrize("scope", ["items", "fixed"])
def test_every_p_value_has_its_interval_at_the_same_scope(make_plan, make_row, write_table, scope):
    rows = arms(make_row, 80, (0.4, 0.6), replications=2, sampling="warm")
    plan = make_plan(samplings=("warm",))
    plan["analysis"]["primary"][0]["scope"] = scope
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    own = next(one for one in contrast["scopes"] if one["scope"] == scope)
    assert own["difference"] == contrast["difference"]
    noisy = contrast["difference"]["method"].startswith("run-to-run noise")
    assert noisy == (scope == "fixed")
    assert contrast["test"].endswith("run-to-run noise") == (scope == "fixed")
