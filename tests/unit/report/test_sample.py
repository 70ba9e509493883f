"""The choice of items to show."""

from splitplot.report.cells import Cells
from splitplot.report.sample import Survey, choose, survey


def found(gaps, failures=()):
    """A survey of one contrast with the given gap per item."""
    sums = {item: [[gap, 1.0, 0.0, 1.0]] for item, gap in gaps.items()}
    examples = {((f"t{n}", "c"), "truncated"): item for n, item in enumerate(failures)}
    return Survey(rows=len(gaps), sums=sums, examples=examples)


def test_items_on_which_the_arms_disagree_come_before_others_in_both_directions():
    gaps = {f"i{n}": 0.0 for n in range(200)} | {"a1": 1.0, "a2": 0.5, "b1": -1.0}
    chosen = choose(found(gaps), 1)
    assert chosen[:3] == ["a1", "b1", "a2"]
    assert len(chosen) == 60


def test_a_third_of_the_items_is_drawn_whatever_the_answers_say():
    gaps = {f"i{n}": 1.0 for n in range(100)} | {f"same{n}": 0.0 for n in range(100)}
    chosen = choose(found(gaps), 1)
    assert len([i for i in chosen if i.startswith("same")]) >= 5


def test_every_kind_of_failure_has_an_item():
    chosen = choose(found({f"i{n}": 0.0 for n in range(500)}, failures=["i7", "i400"]), 1)
    assert {"i7", "i400"} <= set(chosen)


def test_other_items_do_not_disturb_the_choice():
    gaps = {f"i{n}": float(n % 3 == 0) for n in range(40)}
    before = choose(found(gaps), 1, most=20)
    after = choose(found(gaps | {"new": 0.0}), 1, most=20)
    assert len(set(before) - set(after)) <= 1


def test_the_choice_does_not_depend_on_the_order_of_the_rows():
    gaps = {f"i{n}": float(n % 3 == 0) for n in range(100)}
    assert choose(found(gaps), 1) == choose(found(dict(reversed(gaps.items()))), 1)


def test_the_first_pass_agrees_with_the_table(study):
    contrasts = study.inference["contrasts"]
    seen = survey(study.table, "numeric", contrasts, Cells(study.plan))
    assert seen.rows == 2 * 2 * 2 * 60 * 2 and seen.simulated == 0
    assert len(seen.sums) == 60
    a, b = seen.means("gcd-0003", 0)
    assert b == 0.0 and a is not None  # item 3 is cut off in every answer of the other condition
    kinds = {outcome for _, outcome in seen.examples}
    assert kinds == {"ok", "truncated", "unparseable", "error", "missing"}
