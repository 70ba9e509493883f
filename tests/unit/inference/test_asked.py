"""Which pairs are explored beside those that the plan declares."""

from splitplot.inference.answering.shown import shown
from splitplot.inference.asked import MOST_EXPLORED, asked_of_plan, explored
from splitplot.inference.grid import Cell


def cells(models, conditions, samplings=("warm",)):
    return [
        Cell(f"{m}-{s}", m, s, f"{c}--1", c, False)
        for m in models
        for s in samplings
        for c in conditions
    ]


def declared(a, b, factor="condition", **other):
    return {"name": f"{a} − {b}", "factor": factor, "a": a, "b": b} | other


def test_every_pair_of_every_factor_is_explored_but_those_that_are_declared():
    study = cells("xy", "abc")
    asked = asked_of_plan([declared("c", "a")], study)
    found, more = explored(asked, study, ["exact"])
    assert {(one.factor, one.name) for one in found} == {
        ("model", "y − x"),
        ("condition", "b − a"),
        ("condition", "c − b"),
    }
    assert more == 0
    assert not any(one.primary for one in found)


def test_a_declared_pair_is_known_in_either_direction():
    study = cells("x", "ab")
    found, _ = explored(asked_of_plan([declared("a", "b")], study), study, ["exact"])
    assert found == []


def test_pairs_without_a_common_cell_are_left_out():
    study = [cells("x", "a")[0], cells("y", "b")[0]]
    assert explored([], study, ["exact"]) == ([], 0)


def test_declared_contrasts_are_explored_under_the_other_scorers():
    study = cells("x", "ab")
    found, _ = explored(asked_of_plan([declared("a", "b")], study), study, ["exact", "f1"])
    assert [(one.metric, one.name, one.primary) for one in found] == [("f1", "a − b · f1", False)]


def test_what_is_declared_under_another_scorer_is_not_explored_under_it_again():
    study = cells("x", "ab")
    primaries = [declared("a", "b"), declared("b", "a", metric="f1", margin=0.05)]
    found, more = explored(asked_of_plan(primaries, study), study, ["exact", "f1", "numeric"])
    assert [(one.metric, one.name) for one in found] == [("numeric", "a − b · numeric")]
    assert more == 0


def test_the_first_scorer_is_the_score_by_its_own_name_too():
    study = cells("x", "ab")
    asked = asked_of_plan([declared("a", "b", metric="exact")], study)
    assert explored(asked, study, ["exact"])[0] == []


def test_what_a_chapter_of_its_own_shows_is_left_out():
    study = cells("x", "abc")
    asked = asked_of_plan([declared("c", "a")], study)
    found, _ = explored(asked, study, ["exact", "f1"], shown=lambda one: "a" in (one.a, one.b))
    assert [(one.metric, one.name) for one in found] == [("score", "c − b")]


def plan_of(*kinds):
    return {
        "scorers": [{"name": f"my {kind}", "scorer": kind} for kind in kinds],
        "conditions": [{"name": name} for name in "abc"],
        "analysis": {"control": "a"},
    }


def test_the_chapter_on_answering_shows_every_condition_against_the_control_by_its_scorers():
    study = cells("x", "abc")
    asked = asked_of_plan([declared("c", "a"), declared("c", "b")], study)
    names = ["my qa_em", "my no_false_answer", "my numeric"]
    found, _ = explored(
        asked, study, names, shown=shown(plan_of("qa_em", "no_false_answer", "numeric"), study)
    )
    assert {(one.metric, one.name) for one in found} == {
        ("my numeric", "c − a · my numeric"),  # no rate of the chapter
        ("my no_false_answer", "c − b · my no_false_answer"),  # not against the control
        ("my numeric", "c − b · my numeric"),
    }


def test_without_the_chapter_nothing_is_shown_in_it():
    study = cells("x", "ab")
    asked = asked_of_plan([declared("b", "a")], study)
    plan = plan_of("qa_em", "qa_f1", "supported")
    found, _ = explored(asked, study, ["my qa_em", "my qa_f1"], shown=shown(plan, study))
    assert [one.metric for one in found] == ["my qa_f1"]


def test_beyond_a_limit_the_pairs_are_counted_and_not_made():
    study = cells([f"m{i:02d}" for i in range(30)], "a")
    found, more = explored([], study, ["exact"])
    assert len(found) == MOST_EXPLORED
    assert len(found) + more == 30 * 29 // 2
