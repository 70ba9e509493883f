"""NQ-Open: the authors' file, ids from content, and what is refused."""

from pathlib import Path

import pytest

from splitplot.canonical import digest
from splitplot.errors import ConfigError
from splitplot.items import load_items
from splitplot.items.qa import is_answerable, kind_of, rule_of

FOLDER = Path(__file__).parent / "official"
OFFICIAL = Path(__file__).resolve().parents[3] / "../shared/data/nq_open/NQ-open.dev.jsonl"


def source(path="nq_open.jsonl", **more):
    path = str(path)
    return {"kind": "dataset", "dataset": "nq_open", "path": path, "split": "validation", **more}


def test_questions_are_named_after_their_content_and_have_their_golds_once():
    items, provenance = load_items([source(id_prefix="nq-")], root=FOLDER)
    assert [item.targets for item in items] == [
        ("Runa Aske", "Aske", "R. Aske"),
        ("1958",),
        ("Nub", "the Nub"),
    ]
    assert items[1].id == "nq-" + digest([items[1].input, None, []], 12)
    assert items[1].metadata == {"rule": "nq_open"}
    assert items[1].tags == ("closed_book", "answerable")
    assert (provenance[0]["rows"], provenance[0]["repeats"]) == (3, 1)


def test_an_item_has_the_id_that_a_plain_file_without_ids_gives_it(tmp_path, lines):
    items, _ = load_items([source()], root=FOLDER)
    (tmp_path / "mine.jsonl").write_text(
        lines(*({"input": item.input, "targets": item.targets} for item in items))
    )
    plain = {"kind": "path", "path": "mine.jsonl", "format": "jsonl", "map": {}}
    assert [item.id for item in load_items([plain], root=tmp_path)[0]] == [i.id for i in items]


def test_the_official_dev_file_has_3610_questions_with_answers():
    # number of questions: https://huggingface.co/datasets/google-research-datasets/nq_open
    if not OFFICIAL.is_file():
        pytest.skip("the official NQ-Open file is not here")
    items, provenance = load_items([source(OFFICIAL)], root=Path("/"))
    assert len(items) == provenance[0]["rows"] == 3610
    assert "repeats" not in provenance[0]
    assert items[0].targets == ("14 December 1972 UTC", "December 1972")
    assert {(kind_of(i), is_answerable(i), rule_of(i)) for i in items} == {
        ("closed_book", True, "nq_open")
    }
    assert items[:7] == load_items([source(OFFICIAL, limit=7)], root=Path("/"))[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nq_open:validation (n.jsonl): no items"),
        ('{"question": "q", "answer": ["a"]}\n{"question": "r"}', "n.jsonl:2: `answer` is missing"),
        ('{"question": "q", "answer": "a"}', "n.jsonl:1: `answer` is missing or no list"),
        ('{"question": "q", "answer": []}', "n.jsonl:1: `answer` holds no answer"),
        ('{"question": "q", "answer": [" "]}', "n.jsonl:1: `answer` holds no answer"),
        ('{"question": "q", "answer": [7]}', "n.jsonl:1: `answer` holds what is no text"),
        ('{"answer": ["a"]}', "n.jsonl:1: `question` is missing or empty"),
        ('{"question": "q", "answer": ["\\ud800"]}', "n.jsonl:1: targets holds half a character"),
        ("[1]", "n.jsonl:1: every line must be one JSON object"),
        (b'{"question": "\xe9"}', "n.jsonl:1: not UTF-8"),
    ],
)
def test_what_is_not_the_official_format_is_refused_with_its_place(tmp_path, text, message):
    (tmp_path / "n.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_items([source("n.jsonl")], root=tmp_path)
    assert str(caught.value).startswith(message)
