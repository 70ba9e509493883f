"""The corpus that comes with the workflow holds what its README promises."""

from collections import Counter
from pathlib import Path

import pytest

from splitplot.files import read_jsonl
from splitplot.items import load_items

ROOT = Path(__file__).resolve().parents[3]
PASSAGES = "config/items/passages.jsonl"
FIELDS = {"id", "passage_id", "title", "context", "question", "targets", "answerable", "tags"}


@pytest.fixture(scope="module")
def rows():
    return list(read_jsonl(ROOT / PASSAGES))


def test_there_are_at_least_44_passages_with_three_questions_each(rows):
    per_passage = Counter(row["passage_id"] for row in rows)
    assert len(per_passage) >= 44
    assert set(per_passage.values()) == {3}
    answerable = Counter(row["passage_id"] for row in rows if row["answerable"])
    assert set(answerable.values()) == {2}


def test_every_row_has_the_same_fields_and_an_id_of_its_own(rows):
    assert all(set(row) == FIELDS for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["question"] for row in rows}) == len(rows)
    assert all(row["id"].startswith(row["passage_id"] + "-") for row in rows)


def test_a_passage_has_one_text_and_a_text_one_passage(rows):
    pairs = {(row["passage_id"], row["title"], row["context"]) for row in rows}
    assert len(pairs) == len({row["context"] for row in rows}) == len(rows) // 3
    assert len({row["title"] for row in rows}) == len(pairs)


def test_passages_are_40_to_90_words_long(rows):
    assert all(40 <= len(row["context"].split()) <= 90 for row in rows)


def test_the_first_target_stands_in_the_passage_word_for_word_and_not_in_the_question(rows):
    for row in rows:
        if row["answerable"]:
            assert row["targets"][0] in row["context"], row["id"]
            assert row["targets"][0].lower() not in row["question"].lower(), row["id"]
            assert len(row["targets"][0].split()) <= 7, row["id"]
            assert len(set(row["targets"])) == len(row["targets"]), row["id"]


def test_questions_without_an_answer_have_no_target(rows):
    assert all(bool(row["targets"]) == row["answerable"] for row in rows)


def test_tags_tell_topic_kind_and_whether_there_is_an_answer(rows):
    for row in rows:
        topic, kind, answer = row["tags"]
        assert topic.isalpha()
        assert kind in {f"asks-{kind}" for kind in ("number", "person", "place", "date", "thing")}
        assert answer == ("answerable" if row["answerable"] else "unanswerable")


def test_texts_are_clean_sentences(rows):
    for row in rows:
        for text in (row["context"], row["question"]):
            assert text == " ".join(text.split())
            assert not set(text) & set('{}<>"`“”’')
        assert row["question"].endswith("?")
        assert row["context"].endswith(".")


def test_the_corpus_loads_as_the_readme_says(rows):
    mapping = {"input": "question", "cluster": "passage_id"}
    source = {"kind": "path", "path": PASSAGES, "format": "jsonl", "map": mapping}
    items, _ = load_items([source], root=ROOT)
    assert len(items) == len(rows)
    assert items[2].targets == ()
    assert items[0].cluster == items[2].cluster == rows[0]["passage_id"]
    readme = (ROOT / "config/items/README.md").read_text(encoding="utf-8")
    assert "map: {input: question, cluster: passage_id}" in readme
    assert f"{len(rows) // 3} short passages" in readme
    assert f"{len(rows)} items" in readme
