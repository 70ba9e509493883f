"""From graded answers to looks: the order of items, what bars a look, and that the future changes nothing."""

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.inference.chapters.stopping import chapter
from splitplot.inference.data import load_data
from splitplot.inference.sequential.interim import decide
from splitplot.inference.sequential.released import look_evidence
from splitplot.looks import look_of_item
from splitplot.scoring.schema import SCHEMA

LOOKS = 4
EMPTY = {
    field.name: None if field.nullable else "" if field.type == pa.string() else 0
    for field in SCHEMA
}
"""A row of the item-response table without content."""


@pytest.fixture
def plan(make_plan):
    made = make_plan(stopping="anytime", looks=LOOKS)
    made["digests"] |= dict.fromkeys(("scores", "items", "grid"), "0")
    made["parts"] = [f"{n}-of-{LOOKS}" for n in range(LOOKS)]
    return made


@pytest.fixture
def rows(make_row):
    """rows(items, scores): both conditions of each item; scores(number) → (minimal, standard)."""

    def make(items, scores, **other):
        return [
            make_row(condition, f"q{number}", score, **other)
            for number in range(items)
            for condition, score in zip(("minimal", "standard"), scores(number), strict=True)
        ]

    return make


@pytest.fixture
def looks_in(write_table, plan):
    def look(rows, last=None, **analysis):
        plan["analysis"] |= analysis
        return look_evidence(load_data(write_table(rows), plan), last)

    return look


def clear(number):
    """Standard is right on most items on which minimal is wrong."""
    draw = random.Random(number)
    return (draw.random() < 0.3, draw.random() < 0.7)


def alike(number):
    draw = random.Random(number)
    return (draw.random() < 0.5, draw.random() < 0.5)


def in_look(number, look):
    return look_of_item(f"q{number}", LOOKS) == look


def test_a_look_holds_the_items_whose_hash_is_in_its_range_and_those_before(rows, looks_in):
    looks = looks_in(rows(400, alike))
    expected = [sum(look_of_item(f"q{n}", LOOKS) <= k for n in range(400)) for k in (1, 2, 3, 4)]
    assert [look.items for look in looks] == expected
    assert expected[-1] == 400
    assert [look.evidence[0].n_items for look in looks] == expected
    assert not any(look.settled for look in looks)


def test_a_clear_gap_ends_the_looks_and_what_comes_later_changes_nothing(rows, looks_in, make_row):
    table = rows(400, clear)
    looks = looks_in(table)
    assert looks[-1].settled and looks[-1].look < LOOKS
    assert looks[-1].evidence[0].difference.low > 0
    last = looks[-1].look
    early = [row for row in table if look_of_item(row["item_id"], LOOKS) <= last]
    reversed_later = [
        row | {"strict": 1 - row["strict"], "observed": None} if row not in early else row
        for row in table
    ]
    assert looks_in(early) == looks == looks_in(reversed_later)
    assert looks_in(table, last=last) == looks


def test_the_order_of_the_rows_changes_no_bit(rows, looks_in):
    table = rows(300, lambda n: (random.Random(n).choice([0, 1 / 3, 2 / 3]), 1 / 3))
    shuffled = random.Random(1).sample(table, len(table))
    assert looks_in(table) == looks_in(shuffled)


def test_few_items_settle_nothing(rows, looks_in):
    first, *_ = looks_in(rows(60, lambda n: (0, 1)))
    assert first.evidence[0].n_items < 20
    assert first.evidence[0].difference.low > 0
    assert "at least 20" in first.evidence[0].barred
    assert not first.settled


def test_a_look_with_too_many_lost_answers_is_not_settled(rows, looks_in):
    def with_losses(every):
        table = rows(400, clear)
        for number, row in enumerate(table):
            if number % every == 0:
                row |= {"outcome": "error", "strict": None, "observed": None}
        return looks_in(table)

    assert with_losses(40)[-1].settled  # a twentieth of one arm
    lossy = with_losses(8)  # a quarter of it
    assert not any(look.settled for look in lossy)
    assert lossy[-1].evidence[0].barred == (
        "25.0% of the answers of “minimal” are lost, more than 20%"
    )
    assert lossy[-1].evidence[0].log_e > 5


def test_unusable_answers_count_by_the_missing_rule_of_the_contrast(rows, looks_in, plan):
    table = rows(400, lambda n: (n % 2, n % 2))
    for row in table:
        number = int(row["item_id"][1:])
        if row["condition_id"] == "minimal--1" and number % 8 == 1:
            row |= {"outcome": "refused", "strict": 0.0, "observed": None}
    strict, *_ = looks_in(table)
    plan["analysis"]["primary"][0]["missing"] = "observed"
    observed, *_ = looks_in(table)
    assert strict.evidence[0].difference.estimate > 0.05
    assert observed.evidence[0].difference.estimate == 0
    assert observed.evidence[0].n_items < strict.evidence[0].n_items


def test_clusters_and_scores_outside_0_to_1_settle_nothing(rows, looks_in):
    clustered = [row | {"cluster": f"c{int(row['item_id'][1:]) // 4}"} for row in rows(400, clear)]
    looks = looks_in(clustered)
    assert len(looks) == LOOKS and not any(look.settled for look in looks)
    assert "clusters" in looks[-1].evidence[0].barred
    assert looks[-1].evidence[0].difference is None
    looks = looks_in(rows(400, lambda n: (0.0, 7.0)))
    assert "outside 0 to 1" in looks[-1].evidence[0].barred
    assert not any(look.settled for look in looks)


def test_all_primary_contrasts_must_be_settled(rows, looks_in, plan, make_row):
    table = rows(400, clear) + [make_row("third", f"q{n}", clear(n)[1]) for n in range(400)]
    noisy = random.Random(5)
    for row in table:
        if row["condition_id"] == "third--1" and noisy.random() < 0.3:
            row |= {"strict": 1 - row["strict"], "observed": 1 - row["observed"]}
    plan["conditions"].append({"id": "third--1", "name": "third"})
    plan["cells"].append({"trial": "m-greedy--1", "condition": "third--1", "replications": 1})
    primary = plan["analysis"]["primary"]
    primary.append(primary[0] | {"name": "standard − third", "b": "third"})
    looks = looks_in(table)
    assert looks[0].evidence[0].settled is True
    assert [one.difference.level for one in looks[0].evidence] == [0.975, 0.975]
    assert looks[0].settled is looks[0].evidence[1].settled
    assert len(looks) > 1


def test_the_chapter_tells_what_was_asked_and_saved(rows, write_table, plan):
    table = rows(400, clear)
    data = load_data(write_table(table), plan)
    settled = look_evidence(data)[-1].look
    asked = [row for row in table if look_of_item(row["item_id"], LOOKS) <= settled]
    value, flags = chapter(load_data(write_table(asked), plan | {"planned_items": 400}))
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert (value["rule"], value["settled_at"], value["planned_items"]) == ("anytime", settled, 400)
    assert value["asked_items"] == len(asked) // 2
    assert value["saved_share"] == 1 - len(asked) / 2 / 400
    assert value["looks"][-1]["settled"] is True
    assert f"Settled after look {settled} of 4" in value["sentence"]
    assert {flag.code for flag in flags} == {"stopped_early"}


def test_the_chapter_of_a_study_that_goes_to_the_end_saves_nothing(rows, write_table, plan):
    value, flags = chapter(load_data(write_table(rows(400, alike)), plan | {"planned_items": 400}))
    assert value["settled_at"] is None
    assert (value["asked_items"], value["saved_share"]) == (400, 0)
    assert value["sentence"].startswith("Not settled by the last of 4 looks: all 400 items")
    assert flags == []


def test_the_chapter_of_a_running_study_says_so(rows, write_table, plan):
    table = [r for r in rows(400, alike) if look_of_item(r["item_id"], LOOKS) <= 2]
    value, _ = chapter(load_data(write_table(table), plan | {"planned_items": 400}))
    assert value["sentence"].startswith("Not settled so far, after 2 looks of 4")
    assert 0.4 < value["saved_share"] < 0.6


def test_a_study_of_fixed_size_has_no_such_chapter(rows, write_table, make_plan):
    assert chapter(load_data(write_table(rows(40, alike)), make_plan())) == (None, [])


@pytest.fixture
def decided(tmp_path, plan):
    """decided(rows, look): the decision from interim tables of the looks up to this one."""

    def run(rows, look, partial=False):
        for number in range(1, look + 1):
            for condition in ("minimal", "standard"):
                mine = [
                    {name: row.get(name, empty) for name, empty in EMPTY.items()}
                    for row in rows
                    if row["condition_id"] == f"{condition}--1"
                    and look_of_item(row["item_id"], LOOKS) == number
                ]
                path = tmp_path / "looks" / str(number) / "m-greedy--1" / f"{condition}--1.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.Table.from_pylist(mine, schema=SCHEMA), path)
        return decide(tmp_path / "looks", plan, look, partial=partial)

    return run


def test_a_decision_stays_whatever_later_looks_hold(rows, decided):
    table = rows(400, clear)
    first = next(look for look in range(1, 4) if decided(table, look)["settled_at"])
    before = decided(table, first)
    assert (before["settled_at"], before["ask_next"]) == (first, False)
    for other in (table, [r for r in table if look_of_item(r["item_id"], LOOKS) <= first]):
        later = decided(other, 3)
        assert (later["settled_at"], later["ask_next"]) == (first, False)
        assert later["looks"] == before["looks"]
    assert decided(table, first) == before
    assert json.loads(json.dumps(before, allow_nan=False)) == before


def test_without_a_decision_the_next_look_is_asked(rows, decided):
    found = decided(rows(400, alike), 2)
    assert (found["settled_at"], found["ask_next"], found["waiting_for"]) == (None, True, 0)
    assert [look["look"] for look in found["looks"]] == [1, 2]
    assert (found["look"], found["of"]) == (2, 4)


def test_a_partial_report_waits_for_answers_that_were_never_sent_and_a_whole_run_does_not(
    rows, decided
):
    table = rows(400, alike)
    table[0] |= {"outcome": "missing", "strict": None, "observed": None}
    look = look_of_item(table[0]["item_id"], LOOKS)
    found = decided(table, max(look, 1), partial=True)
    assert (found["ask_next"], found["waiting_for"]) == (False, 1)
    assert decided(table, max(look, 1))["ask_next"] is True


def test_the_same_answers_under_another_plan_have_another_basis(rows, decided, plan):
    before = decided(rows(200, alike), 1)["basis"]
    plan["digests"]["analysis"] = "other"
    assert decided(rows(200, alike), 1)["basis"] != before
