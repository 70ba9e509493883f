"""YAML read with its surprises refused; the surprises are those of YAML 1.1 (yaml.org/type)."""

import pytest

from splitplot.config_file import Document, Place, dotted, overlay, read_document
from splitplot.errors import ConfigError


def read(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return read_document(path, tmp_path)


def refusal(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    return str(caught.value)


def test_values_know_their_line_and_their_text(tmp_path):
    document = read(tmp_path, "a:\n  - 1\n  - b: 1.10\n")
    assert document.value == {"a": [1, {"b": 1.1}]}
    assert document.places[("a", 1, "b")] == Place("file.yaml", 3, "1.10")


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "NO"])
def test_a_truth_value_in_disguise_is_refused_as_value_and_as_key(tmp_path, word):
    assert "true or false" in refusal(tmp_path, f"a: {word}\n")
    assert f'write "{word}" in quotes' in refusal(tmp_path, f"a:\n  {word}: 1\n")
    assert read(tmp_path, f'"{word}": "{word}"').value == {word: word}


@pytest.mark.parametrize("text", ["1.10: a", "1: a", "null: a", "true: a", "[a]: b"])
def test_a_key_that_is_not_text_is_refused(tmp_path, text):
    assert "file.yaml: line 1: a key must be text" in refusal(tmp_path, text)


@pytest.mark.parametrize("number", ["001", "010", "12:30", "1:30:00"])
def test_a_number_that_yaml_reads_in_another_base_is_refused(tmp_path, number):
    assert f"YAML reads {number} as another number" in refusal(tmp_path, f"a: {number}")


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e999"])
def test_a_number_that_is_not_finite_is_refused(tmp_path, number):
    assert "is not a finite number" in refusal(tmp_path, f"a: {number}")


def test_dates_stay_text_and_exponents_need_no_point(tmp_path):
    document = read(tmp_path, "{date: 2025-01-31, small: 1e-2, zero: 0, half: 0.5}")
    assert document.value == {"date": "2025-01-31", "small": 0.01, "zero": 0, "half": 0.5}


def test_duplicate_keys_are_refused_with_both_lines(tmp_path):
    message = refusal(tmp_path, "a: 1\nb: 2\na: 3\n")
    assert message == 'file.yaml: line 3: the key "a" is there already, in line 1'


def test_several_problems_are_reported_together(tmp_path):
    assert len(refusal(tmp_path, "a: yes\nb: 010\na: 1\n").splitlines()) == 3


@pytest.mark.parametrize(
    "text",
    ["a: [1", "a: b: c", "\ta: 1", "a: !!python/object:os.system x", "a: 1\n---\nb: 2", "*x"],
)
def test_what_is_not_plain_yaml_is_one_readable_line(tmp_path, text):
    message = refusal(tmp_path, text)
    assert message.startswith("file.yaml: line ")
    assert len(message.splitlines()) == 1


def test_a_value_that_contains_itself_is_refused(tmp_path):
    assert "part of" in refusal(tmp_path, "a: &x [1, *x]")


def test_merge_keys_and_anchors_work(tmp_path):
    document = read(tmp_path, "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")
    assert document.value["b"] == {"x": 1, "y": 3}


def test_a_file_that_is_missing_or_not_utf8_is_one_readable_line(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    for name, words in (("latin.yaml", "UTF-8"), ("none.yaml", "not found")):
        with pytest.raises(ConfigError, match=f"^{name}: .*{words}"):
            read_document(tmp_path / name, tmp_path)


def test_overlay_merges_mappings_replaces_lists_and_keeps_places():
    base = Document(
        "base.yaml",
        {"a": {"x": 1, "y": [1, 2]}, "b": 1},
        {
            ("a", "x"): Place("base.yaml", 1),
            ("a", "y"): Place("base.yaml", 2),
            ("a", "y", 1): Place("base.yaml", 3),
        },
    )
    top = Document("top.yaml", {"a": {"y": [3]}}, {("a", "y"): Place("top.yaml", 9)})
    merged = overlay(base, top)
    assert merged.value == {"a": {"x": 1, "y": [3]}, "b": 1}
    assert merged.place(("a", "x")) == Place("base.yaml", 1)
    assert merged.place(("a", "y", 1)) == Place("top.yaml", 9)


def test_places_are_written_as_users_write_them():
    assert dotted(("scorers", 1, "name")) == "scorers[1].name"
