"""The study's key `labels`: what it may say, what it makes anew, and that a study without it is as it was."""

import json

import pytest

from splitplot import targets
from splitplot.files import file_sha256
from splitplot.scoring import audit
from splitplot.study import load_study

ABSTAINING = [{"scorer": "exact", "abstain": True}]
ROWS = [
    {"id": "a", "text": "Lyon", "label": "answers"},
    {"id": "b", "text": "I don't know.", "label": "abstains"},
]


@pytest.fixture
def labelled(root):
    """A root with labelled answers; `plan` makes the plan of a study that names them."""

    def write(*rows):
        root.write("labels/mine.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def plan(*rows):
        write(*rows)
        return root.plan(scorers=ABSTAINING, labels="labels/mine.jsonl")

    root.write_labels, root.labelled_plan = write, plan
    return root


def stages(plan, root):
    return {
        stage: targets.stage_version(plan, stage, partial=False, root=root.path).text
        for stage in targets.STAGES
    }


def test_a_study_without_the_key_has_nothing_of_it_in_its_plan(root):
    assert "labels" not in root.plan(scorers=ABSTAINING)
    assert load_study(root.save(), root.path).labels is None


def test_the_plan_has_the_path_and_the_content(labelled):
    plan = labelled.labelled_plan(*ROWS)
    path = labelled.path / "labels/mine.jsonl"
    assert plan["labels"] == {"path": "labels/mine.jsonl", "sha256": file_sha256(path)}


def test_the_key_changes_nothing_that_is_sent_scored_or_frozen(labelled):
    before, after = labelled.plan(scorers=ABSTAINING), labelled.labelled_plan(*ROWS)
    changed = {k for k in before["digests"] if before["digests"][k] != after["digests"][k]}
    assert changed == {"plan"}


def test_a_changed_file_makes_inference_and_report_anew_and_scores_nothing_again(labelled):
    before = stages(labelled.labelled_plan(*ROWS), labelled)
    after = stages(labelled.labelled_plan(*ROWS, ROWS[0] | {"id": "c"}), labelled)
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert changed == {"inference", "report", "rehearsal"}


def test_a_changed_set_of_the_project_makes_inference_anew_only_where_it_is_tried(
    root, monkeypatch
):
    plans = [root.plan(scorers=ABSTAINING), root.plan()]
    before = [stages(plan, root) for plan in plans]
    other = root.write("other.jsonl", json.dumps(ROWS[0]))
    monkeypatch.setattr(audit, "SHIPPED", other)
    after = [stages(plan, root) for plan in plans]
    assert {s for s in before[0] if before[0][s] != after[0][s]} == {"inference", "rehearsal"}
    assert before[1] == after[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": "labels/mien.jsonl"}, 'no such file; did you mean "mine.jsonl"?'),
        ({"labels": "labels"}, "labels: is a folder; give the path of one file"),
        ({"labels": ""}, "labels"),
        ({"labels": ["a.jsonl"]}, "labels"),
        (
            {"labels": "labels/mine.jsonl", "scorers": ["exact"]},
            "no scorer of this study reads abstentions",
        ),
    ],
)
def test_what_cannot_be_tried_is_refused_with_its_place(labelled, changes, said):
    labelled.write_labels(*ROWS)
    message = labelled.refusal(**({"scorers": ABSTAINING} | changes))
    assert "config/studies/s.yaml: labels" in message
    assert said in message


def test_a_wrong_line_is_told_with_study_file_and_line(labelled):
    labelled.write_labels(*ROWS, ROWS[0])
    message = labelled.refusal(scorers=ABSTAINING, labels="labels/mine.jsonl")
    assert "config/studies/s.yaml: labels" in message
    assert 'labels/mine.jsonl:3: id "a" stands in labels/mine.jsonl:1 already' in message
