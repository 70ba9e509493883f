"""The chapter `raters`: every verdict by each rater, and what is said where there is no answer."""

import jsonschema
import pytest

from splitplot.errors import ConfigError
from splitplot.inference import methods
from splitplot.inference.data import load_data
from splitplot.inference.rated import rated_answers
from splitplot.inference.summary import summarise
from splitplot.inference_schema import inference_schema

VALIDATOR = jsonschema.Draft202012Validator(inference_schema())


def summary(plan, table):
    result = summarise(table, plan, None)
    VALIDATOR.validate(result)
    listed = [method["name"] for method in result["methods"]]
    for name in methods.named(result):
        assert name in ("none", "unavailable") or name.startswith(("no interval", *listed)), name
    return result


def codes(result):
    return {flag["code"] for flag in result["flags"]}


def test_a_study_without_raters_has_no_such_chapter(rated_study):
    plan, table = rated_study(raters=())
    result = summary(plan, table)
    assert result["raters"] is None
    assert result["purchase"]["one_more_rater"] is None


def test_by_the_declared_rater_the_contrast_is_the_declared_one(rated_study):
    result = summary(*rated_study())
    [contrast], [by] = result["contrasts"], result["raters"]["contrasts"]
    own = next(row for row in by["rows"] if row["rater"] == by["declared"])
    assert own["difference"] == contrast["difference"]
    assert own["verdict"] == contrast["alone"]
    explored = {c["metric"]: c["difference"] for c in result["exploration"]}
    assert {r["rater"]: r["difference"] for r in by["rows"][1:]} == explored
    estimates = [row["difference"]["estimate"] for row in by["rows"]]
    assert by["mean"]["difference"]["estimate"] == pytest.approx(sum(estimates) / 3)
    like = by["like_these"]
    assert like["difference"]["method"] == "t over items and raters"
    assert like["difference"]["estimate"] == pytest.approx(sum(estimates) / 3)
    assert by["sentence"].startswith("By each of the 3 raters, “standard” is better than")


def test_the_sentence_says_at_which_rater_the_verdict_stops_holding(rated_study):
    result = summary(*rated_study(gap=0.13, raters=("exact", "other")))
    [by] = result["raters"]["contrasts"]
    assert [row["holds"] for row in by["rows"]] == [True, False]
    assert by["sentence"].startswith(
        "By “exact”, “standard” is better than “minimal”; by “other”, the data cannot tell which is "
        "better: there the verdict stops holding."
    )
    assert "raters_disagree" in codes(result)


def test_beside_a_verdict_that_rests_on_more_than_its_interval_no_rater_is_said_to_end_it(
    make_plan, make_row, write_table
):
    """Of four comparisons one has an interval above 0 and does not survive Holm: whatever the other rater
    says, it ends no verdict, and what the intervals say is called that."""
    plus = {"standard": (28, 14), "b": (10, 10), "c": (10, 10), "d": (10, 10)}
    rows = []
    for i in range(150):
        for scorer in ("exact", "other", "kind"):
            rows.append(make_row("minimal", f"q{i:03d}", i >= 40, scorer=scorer))
            for condition, (wins, losses) in plus.items():
                wins = wins if scorer == "exact" else losses
                right = i < wins or 40 + losses <= i
                rows.append(make_row(condition, f"q{i:03d}", right, scorer=scorer))
    contrasts = [
        {"name": f"{a} − minimal", "factor": "condition", "a": a, "b": "minimal", "metric": "score",
         "margin": 0.02, "margin_is_default": False, "scope": "items", "missing": "strict"}
        for a in plus
    ]  # fmt: skip
    plan = make_plan(
        conditions=("minimal", *plus), primary=contrasts, raters=["exact", "other", "kind"]
    )
    plan["scorers"] = [{"name": name} for name in ("exact", "other", "kind")]
    result = summary(plan, write_table(rows))
    first, by = result["contrasts"][0], result["raters"]["contrasts"][0]
    assert (first["alone"], first["verdict"]) == ("BETTER, SIZE OPEN", "NOT SETTLED")
    assert first["p_value"] < 0.05 < first["p_adjusted"]
    assert by["sentence"].startswith(
        "The verdict is NOT SETTLED for reasons other than the raters; by their intervals alone: by "
        "“exact”, “standard” is better than “minimal”; by “other” and “kind”, the data cannot tell which "
        "is better. For questions and raters like these by the interval alone, "
    )
    assert "stops holding" not in by["sentence"]
    assert not [f for f in result["flags"] if f["code"] == "raters_disagree"]
    settled = result["raters"]["contrasts"][1]["sentence"]
    assert settled.startswith("By each of the 3 raters, the data cannot tell which is better.")


def test_raters_like_these_are_judged_over_items_whatever_the_scope(rated_study):
    plan, table = rated_study(replications=1)
    plan["analysis"]["primary"][0]["scope"] = "items"
    over_items = summary(plan, table)["raters"]["contrasts"][0]["like_these"]
    plan["analysis"]["primary"][0]["scope"] = "these items"
    [by] = summary(plan, table)["raters"]["contrasts"]
    assert "exactly these items" in by["mean"]["reason"]
    assert by["like_these"] == over_items | {"holds": None}
    assert by["like_these"]["verdict"] is not None and by["like_these"]["reason"] is None


def test_raters_of_one_mind_about_every_item_bound_no_others(make_plan, make_row, write_table):
    rows = [
        make_row(c, f"q{i:02d}", c == "standard", scorer=s)
        for c in ("minimal", "standard") for i in range(60) for s in ("exact", "kind", "other")
    ]  # fmt: skip
    plan = make_plan(raters=["exact", "kind", "other"])
    plan["scorers"] = [{"name": name} for name in ("exact", "kind", "other")]
    [by] = summary(plan, write_table(rows))["raters"]["contrasts"]
    like, reason = by["like_these"], "all raters gave all items the same difference, and 3 raters "
    assert (like["difference"], like["verdict"]) == (None, None)
    assert like["reason"] == reason + "cannot bound what others would give"
    assert by["sentence"].startswith("By each of the 3 raters, “standard” is better")
    assert f"For raters like these there is no verdict: {like['reason']}." in by["sentence"]


def test_items_that_a_rater_could_not_read_are_counted_where_the_mean_leaves_them_out(
    make_plan, make_row, write_table
):
    rows = [
        make_row(c, f"q{i:02d}", (i + (c == "standard")) % 3 > 0, scorer=s,
                 outcome="unparseable" if s == "other" and i % 3 == 0 else "ok")
        for c in ("minimal", "standard") for i in range(60) for s in ("exact", "kind", "other")
    ]  # fmt: skip
    plan = make_plan(raters=["exact", "kind", "other"])
    plan["scorers"] = [{"name": name} for name in ("exact", "kind", "other")]
    plan["analysis"]["primary"][0]["missing"] = "observed"
    found = summary(plan, write_table(rows))["raters"]
    [by] = found["contrasts"]
    assert found["left_out"] == 0
    assert (by["mean"]["n_items"], by["rows"][0]["n_items"]) == (40, 60)
    assert by["sentence"].endswith(
        "For their mean and for raters like these only 40 of 60 items were read by all raters."
    )


def test_two_raters_do_not_speak_for_others(rated_study):
    result = summary(*rated_study(raters=("exact", "other")))
    [by] = result["raters"]["contrasts"]
    reason = "2 raters cannot speak for others, at least 3 are needed"
    assert by["like_these"]["difference"] is None
    assert by["like_these"]["reason"] == reason
    note = result["purchase"]["one_more_rater"]
    assert note.endswith(f"is not known: {reason}.")
    assert "no line of this table: the interval is that of the scores of “exact”" in note


def test_a_verdict_by_every_rater_may_not_hold_for_raters_like_these(
    make_plan, make_row, write_table
):
    """Three raters, each sure, who disagree about the size: t over raters has two degrees of freedom."""
    favour = {"exact": 10, "kind": 35, "other": 90}
    rows = [
        make_row(c, f"q{i:03d}", 1 if c == "standard" and i < favour[s] else 0, scorer=s)
        for c in ("minimal", "standard")
        for i in range(100)
        for s in favour
    ]
    plan = make_plan(raters=list(favour))
    plan["scorers"] = [{"name": name} for name in favour]
    result = summary(plan, write_table(rows))
    [by] = result["raters"]["contrasts"]
    assert [row["holds"] for row in by["rows"]] == [True, True, True]
    assert by["like_these"]["holds"] is False
    assert "For questions and raters like these, the data cannot tell" in by["sentence"]
    assert "a rater more (4) would take the interval from" in result["purchase"]["one_more_rater"]


def test_answers_that_not_all_graded_are_counted_and_left_out_of_what_needs_all(rated_study):
    plan, table = rated_study(holes=0.05)
    result = summary(plan, table)
    found = result["raters"]
    graded = {row["rater"]: row["n_answers"] for row in found["levels"]}
    assert graded["exact"] == found["n_answers"] == 320
    assert found["left_out"] == 320 - graded["other"] > 0
    parts = found["components"]
    assert parts["n_items"] + parts["items_left_out"] == 80
    assert found["agreement"]["n_answers"] == 320, "two raters are enough for alpha"
    assert "raters_incomplete" in codes(result)


def test_the_mean_of_a_few_raters_is_described_with_their_levels(rated_study):
    found = summary(*rated_study())["raters"]
    rater = next(row for row in found["components"]["rows"] if row["name"] == "rater")
    means = [row["mean"] for row in found["levels"]]
    assert rater["descriptive"] and rater["low"] is None
    assert rater["range"] == pytest.approx([min(means), max(means)])
    assert found["sentences"][0].startswith("“kind” gives most and “exact” least")
    names = [row["name"] for row in found["components"]["rows"]]
    assert {"item × rater", "condition × rater", "answer × rater", "run"} <= set(names)


def test_answers_that_nobody_could_read_are_no_agreement(make_plan, make_row, write_table):
    rows = [
        make_row(c, f"q{i:02d}", (i * (2 if s == "exact" else 3)) % 5 > 2, scorer=s,
                 outcome="ok" if i < 60 else "truncated")
        for c in ("minimal", "standard") for i in range(90) for s in ("exact", "other")
    ]  # fmt: skip
    result = summary(make_plan(raters=["exact", "other"]), write_table(rows))
    assert result["raters"]["agreement"]["n_answers"] == 120
    assert result["raters"]["n_answers"] == 180


def test_ac1_stands_beside_alpha_where_one_score_prevails(make_plan, make_row, write_table):
    rows = [
        make_row(c, f"q{i:02d}", not (i in (3, 40) and s == "other"), scorer=s)
        for c in ("minimal", "standard") for i in range(60) for s in ("exact", "other")
    ]  # fmt: skip
    found = summary(make_plan(raters=["exact", "other"]), write_table(rows))["raters"]["agreement"]
    assert found["alpha"]["estimate"] < 0.01
    assert found["ac1"]["estimate"] > 0.95
    assert "alpha is low however rarely raters disagree: Gwet's AC1 is 0.9" in found["sentence"]


def test_raters_that_turn_out_to_use_other_scales_are_not_compared(
    make_plan, make_row, write_table
):
    rows = [
        make_row(c, f"q{i:02d}", i % 2 if s == "exact" else 1 + i % 9, scorer=s)
        for c in ("minimal", "standard") for i in range(30) for s in ("exact", "other")
    ]  # fmt: skip
    result = summary(make_plan(raters=["exact", "other"]), write_table(rows))
    assert result["raters"] is None
    [flag] = [f for f in result["flags"] if f["code"] == "raters_refused"]
    assert "“exact” stayed within 0 to 1, and “other” grades on another scale" in flag["message"]


def test_squared_differences_count_where_scores_are_no_right_or_wrong(
    make_plan, make_row, write_table
):
    rows = [
        make_row(c, f"q{i:02d}", (i % 7) / 6 if s == "exact" else min(1, (i % 7) / 6 + 0.1), scorer=s)
        for c in ("minimal", "standard") for i in range(60) for s in ("exact", "other")
    ]  # fmt: skip
    found = summary(make_plan(raters=["exact", "other"]), write_table(rows))["raters"]["agreement"]
    assert (found["scale"], found["observed"], found["ac1"]) == ("interval", None, None)
    assert 0.9 < found["alpha"]["estimate"] < 1


def test_the_order_of_the_rows_changes_nothing(rated_study, write_table):
    import pyarrow.parquet as pq

    plan, table = rated_study(holes=0.1, n_items=60)
    before = summary(plan, table)["raters"]
    rows = pq.read_table(table).to_pylist()
    assert summary(plan, write_table(rows[::-1], "reversed.parquet"))["raters"] == before


def test_an_answer_that_is_there_twice_is_matched_with_its_own_copy(
    make_plan, make_row, write_table
):
    rows = [
        make_row("minimal", "q1", score, scorer=scorer)
        for scorer in ("exact", "other") for score in (0, 1)
    ]  # fmt: skip
    data = load_data(write_table(rows), make_plan())
    rated = rated_answers(data, ("exact", "other"))
    assert rated.strict.shape == (2, 2)
    assert rated.complete.all()
    assert rated.grid.rows.strict.tolist() == rated.strict.mean(axis=1).tolist()


def test_a_rater_that_is_no_scorer_of_the_plan_is_an_error(rated_study):
    plan, table = rated_study()
    plan["analysis"]["raters"][2] = "othr"
    with pytest.raises(ConfigError, match='did you mean "other"'):
        summarise(table, plan, None)


def test_cells_that_do_not_cross_stand_for_factors(make_plan, make_row, write_table):
    rows = [
        make_row(c, f"q{i:02d}", (i * 7 + 3 * len(c) + (s == "other")) % 3 == 0, sampling=m, scorer=s)
        for c, m in (("minimal", "greedy"), ("standard", "greedy"), ("standard", "warm"))
        for i in range(60) for s in ("exact", "other")
    ]  # fmt: skip
    plan = make_plan(raters=["exact", "other"], samplings=("greedy", "warm"))
    found = summary(plan, write_table(rows))["raters"]["components"]
    assert "cell × rater" in [row["name"] for row in found["rows"]]
    assert "cells stand in place of factors" in " ".join(found["warnings"])


def test_copies_of_an_item_are_held_together_as_in_the_contrast(make_plan, make_row, write_table):
    rows = [
        make_row(c, f"q{i:02d}", (i * 5 + len(c) + (s == "kind")) % 3 == 0, scorer=s,
                 item_hash=f"hash-{i % 40}")
        for c in ("minimal", "standard") for i in range(60) for s in ("exact", "kind", "other")
    ]  # fmt: skip
    plan = make_plan(raters=["exact", "kind", "other"])
    plan["scorers"] = [{"name": name} for name in ("exact", "kind", "other")]
    data = load_data(write_table(rows), plan)
    rated = rated_answers(data, ("exact", "kind"))
    assert rated.grid.cluster.tolist() == data.grid("exact").cluster.tolist()
    assert rated.grid_of(1).cluster.tolist() == data.grid("kind").cluster.tolist()
