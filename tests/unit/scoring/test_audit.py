"""The labelled answers, how a file of them is read, and how the detector's readings are counted."""

import json
from collections import Counter
from pathlib import Path

import pytest

from splitplot.errors import ConfigError
from splitplot.files import file_sha256
from splitplot.scoring import KNOWN, version
from splitplot.scoring import audit as audit_module
from splitplot.scoring.abstain import reads
from splitplot.scoring.audit import (
    LABELS,
    READING,
    SHIPPED,
    SHIPPED_LABEL,
    audit,
    is_audited,
    read_labelled,
    read_own,
)

ROWS = [json.loads(line) for line in SHIPPED.read_text(encoding="utf-8").splitlines()]
PREFIX = {"answers": "ans", "abstains": "abs", "refuses": "ref"}
RIGHT = [
    {"id": "a", "text": "Lyon", "label": "answers"},
    {"id": "b", "text": "I don't know.", "label": "abstains", "note": "which river?"},
    {"id": "c", "text": "I can't help with that.", "label": "refuses"},
]


@pytest.fixture
def write(tmp_path):
    def lines(*rows):
        path = tmp_path / "mine.jsonl"
        text = "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
        path.write_text(text, encoding="utf-8")
        return path

    return lines


def test_the_shipped_set_has_answers_of_every_label_and_no_text_twice():
    labels = Counter(row["label"] for row in ROWS)
    assert len(ROWS) >= 260
    assert labels["answers"] >= 120
    assert labels["abstains"] >= 100
    assert labels["refuses"] >= 40
    assert set(labels) == set(LABELS)
    assert len({row["text"].casefold() for row in ROWS}) >= len(ROWS) - 10  # variants of case alone
    for key in ("id", "text"):
        assert len({row[key] for row in ROWS}) == len(ROWS)


def test_the_ids_of_the_shipped_set_tell_the_label_and_count_up():
    for label, prefix in PREFIX.items():
        ids = [row["id"] for row in ROWS if row["label"] == label]
        assert ids == [f"{prefix}-{number:03d}" for number in range(1, len(ids) + 1)]


def test_the_shipped_set_has_the_ways_in_which_people_and_models_write():
    texts = [row["text"] for row in ROWS]
    assert sum("’" in text for text in texts) >= 8
    assert sum("\n" in text for text in texts) >= 8
    assert sum(text.isupper() for text in texts) >= 4
    assert sum(len(text.split()) == 1 for text in texts) >= 15
    assert sum(len(text.split()) >= 25 for text in texts) >= 10
    assert sum(text.lower().lstrip("*#").startswith(("answer:", "a:")) for text in texts) >= 6


def test_every_shipped_answer_is_read_as_a_line_of_the_file():
    lines = read_labelled(SHIPPED, SHIPPED_LABEL)
    assert [(line.id, line.text, line.label, line.note) for line in lines] == [
        (row["id"], row["text"], row["label"], row.get("note", "")) for row in ROWS
    ]


def test_the_name_of_the_shipped_set_is_its_place_in_the_repository(repository):
    assert (repository / SHIPPED_LABEL).resolve() == SHIPPED


def test_the_counts_are_those_of_an_independent_recount():
    found = audit(SHIPPED, "shipped")
    pairs = Counter((row["label"], reads(row["text"])) for row in ROWS)
    assert found["n"] == len(ROWS) == sum(pairs.values())
    for label in LABELS:
        assert found["labels"][label] == sum(row["label"] == label for row in ROWS)
        assert found["confusion"][label] == {read: pairs[label, read] for read in LABELS}
    wrong = [row["id"] for row in ROWS if reads(row["text"]) != row["label"]]
    assert [one["id"] for one in found["wrong"]] == wrong
    assert found["sha256"] == file_sha256(SHIPPED)


def test_what_is_read_is_compared_with_what_is_labelled(write, monkeypatch):
    said = {"Lyon": "abstains", "I don't know.": "abstains", "I can't help with that.": "answers"}
    monkeypatch.setattr("splitplot.scoring.abstain.reads", said.__getitem__)
    found = audit(write(*RIGHT), "labels/mine.jsonl")
    assert found["path"] == "labels/mine.jsonl"
    assert found["labels"] == {"answers": 1, "abstains": 1, "refuses": 1}
    assert found["confusion"] == {
        "answers": {"answers": 0, "abstains": 1, "refuses": 0},
        "abstains": {"answers": 0, "abstains": 1, "refuses": 0},
        "refuses": {"answers": 1, "abstains": 0, "refuses": 0},
    }
    assert found["wrong"] == [
        {"id": "a", "text": "Lyon", "label": "answers", "read": "abstains"},
        {"id": "c", "text": "I can't help with that.", "label": "refuses", "read": "answers"},
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "mine.jsonl:4: not JSON"),
        ("[1]", "mine.jsonl:4: every line must be one JSON object"),
        (RIGHT[0] | {"lable": "x"}, 'mine.jsonl:4: unknown key "lable"; did you mean "label"?'),
        (
            RIGHT[0] | {"id": "d", "label": "abstain"},
            'mine.jsonl:4: unknown label "abstain"; did you mean "abstains"? '
            "(known: abstains, answers, refuses)",
        ),
        ({"id": "d", "text": "x"}, 'mine.jsonl:4: "label" is missing; it must be a text'),
        (RIGHT[0] | {"id": 4}, 'mine.jsonl:4: "id" is 4; it must be a text'),
        (
            RIGHT[0] | {"id": "d", "text": " \n"},
            "mine.jsonl:4: \"text\" is ' \\n'; it must be a text",
        ),
        (RIGHT[0] | {"id": "d", "note": None}, 'mine.jsonl:4: "note" is None; it must be a text'),
        (RIGHT[0], 'mine.jsonl:4: id "a" stands in mine.jsonl:1 already'),
        (
            RIGHT[0] | {"id": "d", "label": "refuses"},
            'mine.jsonl:4: "refuses" for a text that is labelled "answers" in mine.jsonl:1',
        ),
    ],
)
def test_a_line_that_is_not_right_is_refused_with_its_place(write, row, said):
    with pytest.raises(ConfigError) as caught:
        read_labelled(write(*RIGHT, row), "mine.jsonl")
    assert said in str(caught.value)


@pytest.mark.parametrize("lacking", ["answers", "abstains"])
def test_without_answers_or_abstentions_nothing_could_be_told(write, lacking):
    rows = [row for row in RIGHT if row["label"] != lacking]
    with pytest.raises(
        ConfigError, match=f"mine.jsonl: no answer is labelled {lacking}; at least one"
    ):
        read_labelled(write(*rows), "mine.jsonl")


def test_refusals_may_be_absent_and_one_text_may_come_twice_with_one_label(write):
    lines = read_labelled(write(RIGHT[0], RIGHT[1], RIGHT[1] | {"id": "d"}), "mine.jsonl")
    assert [line.label for line in lines] == ["answers", "abstains", "abstains"]


def test_a_line_may_name_a_condition_of_the_study(write):
    arms = ["control", "treatment"]
    rows = [RIGHT[0] | {"condition": "control"}, RIGHT[1] | {"condition": "treatment"}, RIGHT[2]]
    lines = read_labelled(write(*rows), "mine.jsonl", arms)
    assert [line.condition for line in lines] == ["control", "treatment", ""]
    found = audit(write(*rows), "mine.jsonl", arms)["by_condition"]
    assert {
        arm: sum(sum(row.values()) for row in rows.values()) for arm, rows in found.items()
    } == {
        "control": 1,
        "treatment": 1,
    }
    with pytest.raises(ConfigError) as caught:
        read_labelled(
            write(*rows, RIGHT[0] | {"id": "d", "condition": "controll"}), "mine.jsonl", arms
        )
    assert (
        'mine.jsonl:4: unknown condition "controll"; did you mean "control"? '
        "(known: control, treatment)" in str(caught.value)
    )
    with pytest.raises(ConfigError, match=r'mine\.jsonl:4: "condition" is empty'):
        read_labelled(write(*rows, RIGHT[0] | {"id": "d", "condition": " "}), "mine.jsonl", arms)


def test_a_file_that_changed_since_the_plan_is_refused(write, tmp_path):
    path = write(*RIGHT)
    labels = {"path": "mine.jsonl", "sha256": file_sha256(path)}
    assert read_own(labels, tmp_path)["n"] == 3
    write(*RIGHT, RIGHT[0] | {"id": "d"})
    with pytest.raises(
        ConfigError, match=r"mine\.jsonl: has changed since the run began; run again"
    ):
        read_own(labels, tmp_path)


def test_every_scorer_that_reads_abstentions_is_known_to_do_so():
    folder = Path(audit_module.__file__).parent
    reading = {
        name
        for name, module in KNOWN.items()
        if folder / "abstain.py"
        in version.library_files(folder / f"{module.rpartition('.')[2]}.py")
    }
    assert reading == set(READING)


@pytest.mark.parametrize(
    ("scorer", "audited"),
    [
        ({"scorer": "exact", "options": {}}, False),
        ({"scorer": "exact", "options": {"abstain": False}}, False),
        ({"scorer": "exact", "options": {"abstain": True}}, True),
        *[({"scorer": name, "options": {}}, True) for name in READING],
    ],
)
def test_a_study_is_audited_where_any_score_depends_on_the_detector(scorer, audited):
    plain = {"scorer": "numeric", "options": {}}
    assert is_audited({"scorers": [plain, scorer]}) is audited
