"""The rehearsal of a small study: the complete inference, nothing sent, the same bytes each time."""

import json
import re
from copy import deepcopy

import pytest

from splitplot.errors import ConfigError
from splitplot.rehearsal import run
from splitplot.rehearsal.study import Wanted
from splitplot.report.rehearsal import render, write_page


@pytest.fixture
def rehearse(folder, planned, monkeypatch):
    monkeypatch.setattr(run, "STUDIES", 6)

    def make(**changes):
        changes.setdefault("analysis", {})["placebo_runs"] = 3
        plan, items = planned(**{"replications": 2} | changes)
        wanted = Wanted(items=[20, 40], replications=[1, 2], draws=30)
        return run.rehearse(plan, items, folder.path, folder.path / "results/ledger", wanted)

    return make


@pytest.fixture(scope="module")
def kept():
    return []


@pytest.fixture
def content(rehearse, kept):
    """Of the study without changes, computed once: a copy for each test."""
    if not kept:
        kept.append(rehearse())
    return deepcopy(kept[0])


def test_the_whole_analysis_runs_on_simulated_answers(content):
    inference = content["inference"]
    assert inference["simulated"] and inference["n_items"] == 40
    [contrast] = [one for one in inference["contrasts"] if one["primary"]]
    assert contrast["sentence"].startswith("[Simulated answers]")
    assert len(inference["conditions"]) == 2
    none, planned = content["whole"]
    assert [c["gap"] for c in none["contrasts"]] == [0.0]
    assert [c["gap"] for c in planned["contrasts"]] == [0.05]
    shares = [entry["share"] for entry in none["contrasts"][0]["words"].values()]
    assert (none["studies"], sum(shares)) == (6, pytest.approx(1))


@pytest.mark.long
def test_a_rehearsal_is_plain_json_and_the_same_each_time(rehearse):
    one = rehearse()
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    assert rehearse() == one


def test_a_rehearsal_leaves_no_trace_of_a_reading_of_answers(folder, rehearse):
    rehearse()
    assert not (folder.path / "results").exists()


def test_the_gap_that_is_planned_for_is_the_pilots(rehearse):
    content = rehearse(analysis={"pilot": {"gap": 0.3}})
    assert content["whole"][1]["contrasts"][0]["gap"] == 0.3


def test_one_cell_is_nothing_to_rehearse(rehearse):
    with pytest.raises(ConfigError, match="nothing to compare"):
        rehearse(primary=[], conditions={"direct": "prompts/solver/direct.md"})


def test_the_page_allows_its_own_style_alone_and_no_network(content):
    page = render(content)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
    assert "script" not in page and "http" not in page.replace("http-equiv", "")
    assert not re.search(r'\sstyle="', page)
    assert "Rehearsal: simulated answers" in page


def test_what_the_style_says_is_what_the_policy_allows(content):
    import base64
    import hashlib

    page = render(content)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    wanted = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"sha256-{wanted}" in page.replace("&#43;", "+").replace("&#39;", "'")


def test_hostile_names_are_escaped(content, tmp_path):
    content["question"] = "<script>alert(1)</script> \u202eevil"
    content["power"]["contrasts"][0]["name"] = "<b>bold</b>"
    content["inference"]["contrasts"][0]["sentence"] = "<img src=x onerror=alert(1)>\ud800"
    write_page(tmp_path / "page.html", content)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<b>bold" not in page and "<img" not in page
    assert "⟨U+202E⟩" in page and "\u202e" not in page


def test_every_bar_says_its_verdicts_in_words_too(content):
    page = render(content)
    bars = re.findall(r"<title id=\"bar-[^>]*>([^<]+)</title>", page)
    assert len(bars) == 2 * 2  # two numbers of items at two gaps, with the study's replications
    for bar in bars:
        shares = [int(number) for number in re.findall(r"(\d+)%", bar.replace("<1%", "0%"))]
        assert 97 <= sum(shares) <= 103


def test_a_contrast_in_tokens_is_rehearsed_once_and_promised_no_power(rehearse):
    pair = {"contrast": ["condition", "steps", "direct"]}
    found = rehearse(
        primary=[{**pair, "metric": "tokens_out", "margin": 0.2}, {**pair, "name": "s"}]
    )
    tokens, score = found["power"]["contrasts"]
    assert "tokens_out has no scale from 0 to 1" in tokens["refused"] and not score["refused"]
    assert [one["name"] for one in found["whole"][0]["contrasts"]] == ["s"]
    entry = found["inference"]["contrasts"][0]
    assert entry["effect"] == "ratio" and entry["sentence"].startswith("[Simulated answers] ")
    page = render(found)
    assert "tokens_out, margin 20.0%" in page and "20.0 points" not in page


def test_a_study_of_nothing_but_tokens_is_rehearsed_too(rehearse):
    pair = {"contrast": ["condition", "steps", "direct"], "metric": "tokens_out"}
    found = rehearse(primary=pair)
    assert found["whole"][0]["contrasts"] == []
    assert render(found)


def test_whole_studies_are_analysed_over_the_items_that_a_scorer_grades(
    with_answers_to_some, rehearse
):
    with_answers_to_some()
    pair = {"contrast": ["condition", "steps", "direct"], "margin": 0.05}
    found = rehearse(
        scorers=[{"name": "em", "scorer": "qa_em", "over": "answerable"}, "no_false_answer"],
        primary=[{**pair, "metric": name, "name": name} for name in ("no_false_answer", "em")],
    )
    graded = [one["n_items"] for one in found["inference"]["contrasts"] if one["primary"]]
    assert graded == [10, 30]
    for scenario in found["whole"]:
        small, large = scenario["contrasts"]
        assert sum(entry["share"] for entry in large["words"].values()) == pytest.approx(1)
        assert sum(entry["share"] for entry in small["words"].values()) == pytest.approx(1)
        assert "no_false_answer grades 10 of the 40 items" in render(found)


def test_the_places_of_the_first_scorers_items_are_known_by_the_name_that_plans_use(
    with_answers_to_some, planned
):
    with_answers_to_some(8)
    scorers = [{"name": "em", "scorer": "qa_em", "over": "answerable"}, "no_false_answer"]
    plan, items = planned(scorers=scorers)
    [declared] = plan["analysis"]["primary"]
    held = [n for n, item in enumerate(items) if item.targets]
    assert run._places(plan, declared["metric"], items) == tuple(held)
    assert set(run._places(plan, "no_false_answer", items)) == set(range(8)) - set(held)
    assert run._places(plan, "tokens_out", items) == tuple(range(8))
