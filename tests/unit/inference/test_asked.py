"""Which pairs are explored beside those that the plan declares."""

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


def test_beyond_a_limit_the_pairs_are_counted_and_not_made():
    study = cells([f"m{i:02d}" for i in range(30)], "a")
    found, more = explored([], study, ["exact"])
    assert len(found) == MOST_EXPLORED
    assert len(found) + more == 30 * 29 // 2
