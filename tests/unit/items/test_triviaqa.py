"""TriviaQA: the authors' file, rows as on the hub, golds, repeated questions, and what is refused."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.errors import ConfigError
from splitplot.items import load_items

FOLDER = Path(__file__).parent / "official"


def source(path, **more):
    return {"kind": "dataset", "dataset": "triviaqa", "path": path, "split": "validation", **more}


def test_golds_are_value_aliases_normalised_aliases_and_peoples_answers_without_repeats():
    items, provenance = load_items([source("triviaqa.json")], root=FOLDER)
    assert [(item.id, item.targets) for item in items] == [
        (
            "tc_1",
            (
                *("The Grey Heron", "Heron, Grey", "Big Tall Fisher"),
                *("grey heron", "heron grey", "big tall fisher"),
            ),
        ),
        ("qw_2", ("12", "twelve", "a dozen")),
    ]
    assert items[0].context is None
    assert items[0].cluster is None
    assert items[0].metadata == {"rule": "triviaqa"}
    assert items[0].tags == ("closed_book", "answerable")
    assert provenance[0]["rows"] == 2
    assert len(provenance[0]["sha256"]) == 64
    assert "repeats" not in provenance[0]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_question_that_is_there_twice_is_one_item_with_the_golds_of_both(tmp_path, ending):
    # the hub's rc.nocontext has 9,951 questions with web pages and 7,993 with Wikipedia pages under
    # `validation`, 17,944 rows, many questions in both
    text = (FOLDER / "triviaqa.jsonl").read_text()
    if ending == "parquet":
        table = pa.Table.from_pylist([json.loads(line) for line in text.splitlines()])
        pq.write_table(table, tmp_path / "t.parquet")
    else:
        (tmp_path / "t.jsonl").write_text(text)
    items, provenance = load_items([source(f"t.{ending}")], root=tmp_path)
    assert [item.id for item in items] == ["tc_1", "qw_2"]
    assert items[0].targets == (
        *("The Grey Heron", "Heron, Grey", "grey heron", "heron grey"),
        *("Ardea", "ardea"),
    )
    assert (provenance[0]["rows"], provenance[0]["repeats"]) == (2, 1)


def test_the_limit_changes_no_items_content():
    first, _ = load_items([source("triviaqa.jsonl", limit=1)], root=FOLDER)
    every, _ = load_items([source("triviaqa.jsonl")], root=FOLDER)
    assert first == every[:1]


def test_one_id_with_two_questions_is_refused(tmp_path):
    rows = (FOLDER / "triviaqa.jsonl").read_text().replace("qw_2", "tc_1")
    (tmp_path / "t.jsonl").write_text(rows)
    with pytest.raises(ConfigError, match=r't\.jsonl:2: the id "tc_1" is already at t\.jsonl:1'):
        load_items([source("t.jsonl")], root=tmp_path)


GOOD = json.loads((FOLDER / "triviaqa.json").read_text())["Data"][0]


def document(**changes):
    entry = {key: value for key, value in (GOOD | changes).items() if value is not None}
    return json.dumps({"Data": [GOOD, entry]})


def answer(**changes):
    known = GOOD["Answer"] | changes
    return document(Answer={key: value for key, value in known.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.json: the file is empty"),
        ("{]", "t.json:1: not JSON"),
        ("[" * 100_000, "t.json: not JSON that can be read: it is nested too deeply"),
        ("{}", "t.json: `Data` is missing or no list"),
        ('{"Data": []}', "triviaqa:validation (t.json): no items"),
        (document(Question=""), "t.json: Data[1]: `Question` is missing or empty"),
        (document(QuestionId=None), "t.json: Data[1]: `QuestionId` is missing or empty"),
        (document(Answer=None), "t.json: Data[1]: `answer` is missing; TriviaQA's test files"),
        (answer(Value=None), "t.json: Data[1]: Answer: `Value` is missing or empty"),
        (answer(Aliases=None), "t.json: Data[1]: Answer: `Aliases` is missing or no list"),
        (
            answer(NormalizedAliases=[1]),
            "t.json: Data[1]: Answer: `NormalizedAliases` holds what is",
        ),
        (answer(HumanAnswers="x"), "t.json: Data[1]: Answer: `HumanAnswers` is missing or no list"),
    ],
)
def test_what_is_not_the_official_format_is_refused_with_its_place(tmp_path, text, message):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_items([source("t.json")], root=tmp_path)
    assert str(caught.value).startswith(message)


def test_the_hubs_test_split_without_answers_is_refused(tmp_path, lines):
    # as on the hub: https://huggingface.co/datasets/mandarjoshi/trivia_qa, split test
    empty = {"value": "<unk>", "aliases": [], "normalized_aliases": []}
    (tmp_path / "t.jsonl").write_text(
        lines({"question": "Q?", "question_id": "a", "answer": empty})
    )
    with pytest.raises(ConfigError, match=r"t\.jsonl:1: `answer` is missing; .* split validation"):
        load_items([source("t.jsonl")], root=tmp_path)
