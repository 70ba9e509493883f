"""How well abstentions were read, in the methods part of the report: the same words and numbers twice."""

import copy
import re

import pytest

from splitplot.inference.chapters.audit import rated
from splitplot.report.write import build_view, machine_readable, render_html, render_markdown

COUNTS = {
    "path": "labels/<b>mine</b>.jsonl",
    "sha256": "0" * 64,
    "n": 260,
    "labels": {"answers": 120, "abstains": 100, "refuses": 40},
    "confusion": {
        "answers": {"answers": 115, "abstains": 5, "refuses": 0},
        "abstains": {"answers": 9, "abstains": 90, "refuses": 1},
        "refuses": {"answers": 1, "abstains": 3, "refuses": 36},
    },
    "wrong": [
        {"id": "x", "text": "<script>boo()</script>", "label": "abstains", "read": "answers"}
    ],
}


@pytest.fixture
def audited(study):
    shipped = rated(COUNTS | {"path": "workflow/answers.jsonl"}, "hand-written answers")
    study.inference["audit"] = {"shipped": shipped, "own": None}
    return study


def view_of(study):
    return build_view(study.plan, study.inference, study.costs, study.table, study.items)


def test_a_study_that_reads_no_abstentions_says_nothing_of_it(study):
    for value in (None, "absent"):
        study.inference["audit"] = value
        if value == "absent":
            del study.inference["audit"]
        assert "How well abstentions were read" not in render_markdown(view_of(study))


def test_the_paragraph_and_the_table_stand_under_the_methods(audited):
    page = render_markdown(view_of(audited))
    methods = page.partition("## Methods and origins")[2]
    assert "### How well abstentions were read" in methods
    assert (
        "was tried on 260 hand-written answers: of those that it read as abstentions 91.8%"
        in methods
    )
    assert (
        "| hand-written (260 texts) | abstentions | 98 | 100 | 91.8% (84.7% to 95.8%) "
        "| 90.0% (82.6% to 94.5%) |" in methods
    )
    assert "sampled from no model" in methods
    assert "1 text of 260 in workflow/answers.jsonl" in methods


def test_the_page_says_the_same_and_shows_no_text_of_the_set(audited):
    html = render_html(view_of(audited))
    methods = html.partition('<section id="methods"')[2]
    words = re.sub(r"<[^>]*>", " ", methods)
    assert "91.8%" in words and "84.7% to 95.8%" in words
    assert "How well abstentions were read" in words
    assert "boo()" not in html


def test_own_labels_are_a_second_pair_of_rows_with_a_name_that_breaks_nothing(audited):
    own = rated(copy.deepcopy(COUNTS), "labelled answers")
    audited.inference["audit"]["own"] = own
    view = view_of(audited)
    assert len(view["audit"].tables[0].rows) == 4
    html, page = render_html(view), render_markdown(view)
    assert "<b>mine</b>" not in html
    assert "&lt;b&gt;mine&lt;/b&gt;" in html
    assert "| the study's own (260 texts) | refusals | 37 | 40 |" in page


def test_report_json_has_it_as_it_is(audited):
    found = machine_readable(audited.plan, audited.inference, audited.costs, view_of(audited))
    assert found["audit"] == audited.inference["audit"]
