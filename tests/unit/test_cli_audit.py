"""`splitplot audit`: the detector of abstentions on the project's labelled answers and on a study's own."""

import json

import pytest

from splitplot.cli import main
from splitplot.scoring.audit import SHIPPED, SHIPPED_LABEL

ROWS = [
    {"id": "mine-1", "text": "Lyon", "label": "answers"},
    {"id": "mine-2", "text": "I don't know.", "label": "abstains"},
    {"id": "mine-3", "text": "The\triver\nTarn \x1b[2J" + " and on" * 30, "label": "abstains"},
]


@pytest.fixture
def here(root, monkeypatch):
    monkeypatch.chdir(root.path)
    root.write("mine.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    root.save(scorers=[{"scorer": "exact", "abstain": True}], labels="mine.jsonl")
    return root


def test_without_a_study_the_shipped_answers_are_tried(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["audit"]) == 0
    out = capsys.readouterr().out
    count = len(SHIPPED.read_text(encoding="utf-8").splitlines())
    assert out.startswith(f"{count} labelled answers in {SHIPPED_LABEL}\n")
    assert "abstentions  " in out
    assert "mine.jsonl" not in out


def test_the_answers_of_a_study_are_tried_beside_them(here, capsys):
    assert main(["audit", "s"]) == 0
    own = capsys.readouterr().out.partition("3 labelled answers in mine.jsonl\n")[2]
    lines = [line.split() for line in own.splitlines()]
    assert ["answers", "1", "1", "0", "0"] in lines
    assert ["abstains", "2", "1", "1", "0"] in lines
    assert "abstentions  100.0% (20.7% to 100.0%)  50.0% (9.5% to 90.5%)" in own
    assert "refusals     –                         –" in own


def test_what_was_misread_is_on_one_line_that_harms_no_terminal(here, capsys):
    main(["audit", "s"])
    out = capsys.readouterr().out
    [line] = [line for line in out.splitlines() if line.startswith("mine-3")]
    assert "\x1b" not in out
    assert "abstains  answers  The river Tarn ⟨U+001B⟩[2J and on" in line
    assert line.endswith(" …")


def test_the_texts_can_be_left_out(here, capsys):
    main(["audit", "s", "--counts"])
    out = capsys.readouterr().out
    assert "misread" not in out and "mine-3" not in out
    assert "3 labelled answers in mine.jsonl" in out


def test_as_json_it_is_the_audit_of_inference_json(here, capsys):
    assert main(["audit", "s", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"study", "shipped", "own"}
    assert found["own"]["wrong"] == [ROWS[2] | {"read": "answers"}]
    assert found["own"]["confusion"]["abstains"] == {"answers": 1, "abstains": 1, "refuses": 0}


def test_wrong_labels_are_a_wrong_configuration(here, capsys):
    here.write("mine.jsonl", json.dumps(ROWS[0] | {"label": "answer"}))
    assert main(["audit", "s"]) == 2
    assert 'mine.jsonl:1: unknown label "answer"' in capsys.readouterr().err
