"""The page on comparing two system prompts runs as it stands, and prints what it shows."""

import json
import re
from contextlib import closing

import pytest

from .pages import REPOSITORY, Terminal, blocks, follow

PAGE = "system_prompt_ab.md"
ASKING = ("5. Run", "6. Read the report")
"""Headings under which a real model is asked, or its answers are read."""


def test_the_study_on_the_page_is_the_one_that_comes_along():
    page = (REPOSITORY / "docs" / PAGE).read_text(encoding="utf-8")
    study = (REPOSITORY / "config/studies/system_prompt_ab.yaml").read_text(encoding="utf-8")
    shown = re.search(r"^```yaml\n(study: system_prompt_ab\n.*?)^```", page, re.M | re.S)[1]
    assert shown == study.partition("\n")[2]


def test_what_hangs_on_the_model_is_asked_for_where_its_own_first_words_are_printed():
    lines = [line for block in blocks(PAGE) for line in block.lines]
    hanging = [line for line in lines if line.where]
    assert 0 < len(hanging) < len(lines) / 10
    assert all(line.text.startswith(line.where) for line in hanging)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_asks_no_real_model_runs_as_written(tmp_path):
    every = blocks(PAGE)
    assert {block.heading for block in every} >= set(ASKING)
    with closing(Terminal(tmp_path)) as terminal:
        known = [block for block in every if block.heading not in ASKING]
        follow(terminal, known, same_figures=True)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(1500)
def test_the_small_models_answers_and_their_report_are_as_shown(tmp_path):
    with closing(Terminal(tmp_path)) as terminal:
        follow(terminal, blocks(PAGE, end="8. The same on data as published"))
    [results] = tmp_path.glob("*/results/system_prompt_ab")
    report = (results / "report.md").read_text(encoding="utf-8").replace("\\", "")
    for found in json.loads((results / "inference.json").read_bytes())["contrasts"]:
        assert f"**{found['verdict']}**: {found['sentence']}" in report
