import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.items.fields import number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (7.0, "7"),
        (-0.5, "-0.5"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_a_number_becomes_its_shortest_exact_text(value, text):
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_reads_back_as_that_number(value):
    assert float(number_text(value)) == value


def test_numbers_as_ids_and_targets_become_text(load, lines):
    item = load(lines({"id": 12, "input": "x", "targets": [7, 7.5, "07"]}))[0]
    assert (item.id, item.targets) == ("12", ("7", "7.5", "07"))


@pytest.mark.parametrize(
    ("target", "what"),
    [
        (True, "target is true or false"),
        (None, "target is missing or empty"),
        ("", "an empty text is not a target"),
        ({"a": 1}, "target is an object"),
        (["a"], "target is a list; map that column as `targets`"),
    ],
)
def test_what_is_no_target_is_refused_with_its_line(refusal, lines, target, what):
    message = refusal(lines({"id": 1, "input": "x", "target": target}))
    assert message.startswith(f"mine.jsonl:1: {what}")


@pytest.mark.parametrize("targets", [[True], [None], [["a"]], [""], [{}]])
def test_every_entry_of_targets_must_be_a_text_or_a_number(refusal, lines, targets):
    assert refusal(lines({"id": 1, "input": "x", "targets": targets})).startswith("mine.jsonl:1: ")


def test_an_empty_list_of_targets_is_a_question_without_a_right_answer(load, lines):
    assert load(lines({"id": 1, "input": "x", "targets": []}))[0].targets == ()


def test_a_target_that_only_some_rows_have_is_refused_at_the_first_without(refusal, lines):
    rows = [{"id": 1, "input": "x", "target": "a"}, {"id": 2, "input": "x"}]
    assert refusal(lines(*rows)).startswith("mine.jsonl:2: no target, while mine.jsonl:1 has one")
    assert refusal(lines(*reversed(rows))).startswith(
        "mine.jsonl:1: no target, while mine.jsonl:2 has one"
    )


def test_target_and_targets_in_one_row_are_refused(refusal, lines):
    row = {"id": 1, "input": "x", "target": "a", "targets": ["a"]}
    assert "give `target` or `targets`, not both" in refusal(lines(row))


def test_a_mapped_target_that_a_row_lacks_is_refused_with_its_line(refusal, lines):
    rows = [{"id": 1, "input": "x", "answer": "a"}, {"id": 2, "input": "x"}]
    message = refusal(lines(*rows), map={"target": "answer"})
    assert message.startswith('mine.jsonl:2: target (column "answer") is missing or empty')


def test_a_missing_column_names_the_near_miss_and_what_exists(refusal, lines):
    rows = lines({"id": 1, "problem": "x", "answer": "a"})
    assert refusal(rows, map={"input": "problm", "target": "answer"}) == (
        'mine.jsonl:1: map.input: no column "problm"; did you mean "problem"? '
        "(known: answer, id, problem)"
    )


def test_a_file_without_an_input_column_says_how_to_map_one(refusal, lines):
    message = refusal(lines({"id": 1, "question": "x"}))
    assert 'no column "input"' in message
    assert "map: {input: question}" in message


def test_an_optional_column_that_never_occurs_is_refused(refusal, lines):
    rows = lines({"id": 1, "input": "x"}, {"id": 2, "input": "y", "passage": "p"})
    message = refusal(rows, map={"context": "pasage"})
    assert message.startswith('mine.jsonl: map.context: no column "pasage"; did you mean "passage"')


def test_an_optional_column_may_be_missing_in_some_rows(load, lines):
    rows = lines({"id": 1, "input": "x"}, {"id": 2, "input": "y", "passage": "p"})
    assert [item.context for item in load(rows, map={"context": "passage"})] == [None, "p"]


def test_an_unknown_field_in_the_map_is_refused(refusal, lines):
    assert 'unknown field "inptu"; did you mean "input"' in refusal(
        lines({"id": 1, "input": "x"}), map={"inptu": "x"}
    )


def test_columns_of_the_fields_names_are_taken_unless_mapped_away(load, lines):
    row = {"id": 1, "input": "x", "difficulty": "hard"}
    assert load(lines(row), map={"tier": "difficulty", "difficulty": None})[0].tier == "hard"


def test_a_difficulty_in_words_says_what_to_do(refusal, lines):
    row = {"id": 1, "input": "x", "difficulty": "hard"}
    assert "difficulty must be a number, not 'hard'" in refusal(lines(row))


def test_other_columns_are_dropped_unless_listed_as_metadata(load, lines):
    row = {"id": 1, "input": "x", "kept": {"a": [1]}, "dropped": 2}
    assert load(lines(row), metadata=["kept"])[0].metadata == {"kept": {"a": [1]}}


def test_a_missing_metadata_column_is_refused(refusal, lines):
    message = refusal(lines({"id": 1, "input": "x", "kept": 1}), metadata=["kpet"])
    assert message.startswith('mine.jsonl: metadata: no column "kpet"; did you mean "kept"')


def test_items_without_an_id_are_named_after_their_content(load, lines):
    first, second = load(lines({"input": "x"}, {"input": "y"}))
    swapped = load(lines({"input": "y"}, {"input": "x"}))
    assert first.id != second.id
    assert [second.id, first.id] == [item.id for item in swapped]


def test_prefix_tier_and_tags_of_the_source_reach_its_items(load, lines):
    rows = lines({"id": 1, "input": "x", "tags": ["a"]}, {"id": 2, "input": "y", "tier": "hard"})
    items = load(rows, id_prefix="mine-", tier="easy", tags=["b", "a"])
    assert [(item.id, item.tier, item.tags) for item in items] == [
        ("mine-1", "easy", ("a", "b")),
        ("mine-2", "hard", ("b", "a")),
    ]


def test_text_is_kept_to_the_last_blank(load, lines):
    assert load(lines({"id": 1, "input": "  x\r\n\t"}))[0].input == "  x\r\n\t"
