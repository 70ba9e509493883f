"""The whole report, from files to files."""

import json
import re
import subprocess
import sys
import time
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ALLOWED = """html head meta title style body a svg defs pattern line header p span h1 main aside strong
details summary code ul li ol section h2 article div h3 dl dt dd figure figcaption rect circle path desc text
nav table caption thead tbody tr th td abbr label select option input pre b footer script"""


@pytest.fixture(scope="module")
def page(read_page, written):
    return read_page(written)


def test_the_same_inputs_give_the_same_bytes(study, write):
    one, two = write(study, "one"), write(study, "two")
    for name in ("report.html", "report.md", "report.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_the_page_is_well_formed_with_unique_ids_and_no_dead_links(page):
    assert not page.problems and not page.open
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for attrs in page.named("a")]
    assert links and all(link.startswith("#") and link[1:] in ids for link in links)
    for _, attrs in page.elements:
        for name in ("aria-labelledby",):
            assert all(part in ids for part in attrs.get(name, "").split())


def test_the_page_asks_for_nothing_from_outside(written, page):
    html = (written / "report.html").read_text()
    assert not re.search(
        r"""(?:src|href|action|data)\s*=\s*["']?(?!#)[^"'\s>]""", opening_tags(html)
    )
    assert "url(#hatch)" in html and not re.search(r"url\((?!#(hatch|dots|cross)\))", html)
    assert "@import" not in html
    policy = next(a["content"] for a in page.named("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def opening_tags(html):
    """The opening tags alone, without text, style and script."""
    bare = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S)
    tags = re.findall(r"<[a-z][^>]*>", bare)
    return "\n".join(re.sub(r'\sdata-(kind|label|failed)(="[^"]*")?', "", t) for t in tags)


def test_nothing_that_a_model_wrote_becomes_an_element(page):
    allowed = set(ALLOWED.split())
    assert {tag for tag, _ in page.elements} <= allowed
    assert len(page.named("script")) == 1 and len(page.named("h1")) == 1
    assert not any(
        name.startswith("on") or name == "style" for _, attrs in page.elements for name in attrs
    )
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7 * 7 }}" in page.words


def test_hidden_characters_are_shown_and_none_is_left(written):
    for name in ("report.html", "report.md"):
        text = (written / name).read_text()
        assert "⟨U+202E⟩" in text
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\x00\x07]", text)


def test_the_first_things_on_the_page_are_question_verdict_and_interval(page):
    words = page.words
    order = [
        "Does a small model answer better",
        "BETTER",
        "direct is better than stepwise by 9.0 to 33.0 points",
        "+21.0 points",
        "±2.0 points",
        "Differences in score",
        "Data health",
        "Scores per condition",
        "Paired contrasts",
        "Cost and tokens",
        "Answers behind the numbers",
        "Methods and origins",
    ]
    places = [words.index(text, words.index("splitplot report")) for text in order]
    assert places == sorted(places)


def test_every_verdict_is_headed_by_the_question_it_answers(page):
    words = page.words
    for place, question in enumerate(
        (
            "Condition “direct” or “stepwise”?",
            "Sampling “warm” or “greedy”?",
            "Model “smollm2-360m” or “smollm2-135m”?",
        )
    ):
        assert question in words
        assert f"verdict {place + 1} of 3" in words


def test_a_custom_name_stands_beside_the_question_and_the_default_one_does_not(
    study, write, read_page
):
    study.inference["contrasts"][0]["name"] = "main question"
    words = read_page(write(study)).words
    assert "Condition “direct” or “stepwise”? main question" in words
    assert "“greedy”? warm − greedy" not in words


def test_a_box_says_over_what_it_is_averaged(study, write, read_page):
    study.inference["contrasts"][0]["averaged_over"] = "2 samplings (greedy, warm)"
    folder = write(study)
    words = read_page(folder).words
    assert "2 samplings (greedy, warm)" in words
    assert "averaged over 2 samplings" in (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ({"half_width": None, "reason": "one replication only"}, "is not known: one replication"),
        ({"half_width": 0.0, "reason": "both arms repeat"}, "would not move this difference: both"),
        (
            {"half_width": 0.05, "reason": "“a” never changes: all of this comes from “b”"},
            "4.2 times that. “a” never changes: all of this comes from “b”.",
        ),
    ],
)
def test_run_to_run_noise_is_said_with_what_it_rests_on(study, write, noise, said, read_page):
    study.inference["contrasts"][0]["noise"] = {"se_run": None} | noise
    assert said in read_page(write(study)).words


def test_other_analyses_are_shown_with_the_verdict_of_each_by_itself(study, write, read_page):
    other = study.inference["contrasts"][0]["sensitivity"][1]
    other["verdict"] = "BETTER, SIZE OPEN"
    folder = write(study)
    words = read_page(folder).words
    assert (
        "what “BETTER”, the default analysis, claims holds in 2 of 3 other analyses, each taken by itself"
        in words
    )
    row = "| direct − stepwise | first replication only | +16.0 (1.0 to 31.0) | BETTER, SIZE OPEN | **no** |"
    assert row in (folder / "report.md").read_text()


def test_a_refused_verdict_gives_its_reasons(page):
    assert "NO VERDICT" in page.words
    assert "Only 12 items have answers in both arms (20 are needed)." in page.words


def test_a_default_margin_is_tagged(page):
    assert page.words.count("default margin") == 1


def test_the_page_never_says_significant(written):
    for name in ("report.html", "report.md"):
        assert "significan" not in (written / name).read_text().lower()


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_figure_and_table_says_what_it_is(page):
    pictures = [a for a in page.named("svg") if a.get("role") == "img"]
    assert pictures and all(a.get("aria-labelledby") for a in pictures)
    assert all(a.get("aria-hidden") or a.get("role") == "img" for a in page.named("svg"))
    assert len(page.named("caption")) == len(page.named("table"))
    assert len(page.named("figcaption")) == len(page.named("figure")) == 4


def test_holes_are_announced_with_their_cells(page, written):
    assert "Incomplete 16 of 960 planned answers (1.7%) are missing." in page.words
    assert "splitplot refill demo" in page.words
    assert json.loads((written / "report.json").read_text())["complete"] is False


def test_a_complete_real_study_has_no_banner(study, write, tmp_path, make):
    html = (write(make(tmp_path / "full", holes=False)) / "report.html").read_text()
    assert "<aside" not in html


def test_simulated_answers_are_announced_first(write, tmp_path, make, read_page):
    folder = write(make(tmp_path / "sim", simulated=True, holes=False))
    words = read_page(folder).words
    assert "Simulated answers No model was asked" in words
    assert words.index("Simulated answers") < words.index("BETTER")
    assert "SIMULATED ANSWERS" in (folder / "report.md").read_text()
    assert json.loads((folder / "report.json").read_text())["simulated"] is True


def test_simulated_answers_in_the_table_are_announced_even_if_inference_says_nothing(
    write, tmp_path, make
):
    study = make(tmp_path / "sim", simulated=True)
    study.inference["simulated"] = False
    assert "Simulated answers" in (write(study) / "report.html").read_text()


def test_a_development_run_says_so(study, write):
    study.plan["item_limit"] = 10
    assert "Only the first 10 items were asked" in (write(study) / "report.html").read_text()


def test_a_changed_plan_makes_the_report_exploratory(study, write, read_page):
    study.inference["frozen"]["status"] = "exploratory"
    words = read_page(write(study)).words
    assert "Exploratory The analysis plan was changed" in words


def test_a_count_of_failures_leads_to_such_an_answer(page):
    at = next(
        i
        for i, (tag, attrs) in enumerate(page.elements)
        if tag == "table" and "numbers" in attrs.get("class", "")
    )
    links = [a["href"][1:] for tag, a in page.elements[at : at + 150] if tag == "a"]
    assert len(links) > 12 and all(re.fullmatch(r"a\d+-\d+", link) for link in links)


def test_report_json_holds_the_numbers_unrounded(study, written):
    report = json.loads((written / "report.json").read_text())
    assert report["contrasts"] == study.inference["contrasts"]
    assert report["conditions"] == study.inference["conditions"]
    assert report["verdicts"][0]["verdict"] == "BETTER"
    assert report["digests"] == study.plan["digests"]
    assert report["versions"]["pyarrow"] == pa.__version__
    assert report["costs"]["total_usd"] == 0.0 and report["flags"]


def test_weights_prompts_items_and_digests_are_in_the_methods(page, study):
    for trial in study.plan["trials"]:
        assert trial["hash"] in page.words and trial["endpoint"]["sha256"] in page.words
    for code in study.plan["digests"].values():
        assert code in page.words
    assert "{{ item.input }}" in page.words
    assert "source reasoning_gym · rows 60" in page.words
    assert "snakemake --profile local results/demo/report.html" in page.words


def test_a_study_without_optional_fields_or_contrasts_still_has_a_report(study, write, read_page):
    study.inference = {
        "schema": 1,
        "study": "demo",
        "n_items": 60,
        "conditions": [
            {"trial": c["trial"], "condition": c["condition"], "strict": None, "observed": None}
            for c in study.inference["conditions"]
        ],
        "contrasts": [],
    }
    study.costs = {"schema": 1, "cells": []}
    study.plan = {
        k: study.plan[k] for k in ("schema", "study", "trials", "conditions", "cells", "scorers")
    }
    study.items.with_suffix(".json").unlink()
    page = read_page(write(study))
    assert "This study declares no contrast" in page.words
    assert "Cost and tokens" not in page.words and "Data health" not in page.words
    assert "Answers behind the numbers" in page.words


def test_hostile_names_and_questions_are_escaped_everywhere(study, write, read_page):
    study.plan["question"] = "<b>Is A\u202e better?</b> | `x` \ud800"
    study.inference["contrasts"][0]["name"] = "a | b\n# heading <img src=x>"
    study.inference["flags"][0]["message"] = "</main><script>1</script>"
    folder = write(study)
    page = read_page(folder)
    assert not page.problems and not page.named("img") and len(page.named("script")) == 1
    markdown = (folder / "report.md").read_text()
    assert "\n# heading" not in markdown and "a \\| b" in markdown


def test_a_second_scorer_stands_beside_the_first_and_counts_no_answer_twice(
    study, write, read_page
):
    rows = pq.read_table(study.table)
    second = rows.set_column(
        rows.schema.get_field_index("scorer"), "scorer", pa.array(["judge"] * rows.num_rows)
    )
    pq.write_table(pa.concat_tables([rows, second]), study.table)
    words = read_page(write(study)).words
    assert "judge 1" in words
    assert words.count("replication 1") == 60 * 8


def test_a_study_of_two_thousand_rows_takes_less_than_three_seconds(write, tmp_path, make):
    study = make(tmp_path / "big", n_items=125)
    start = time.perf_counter()
    write(study)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\u202e\u200b" * 3000, marks=pytest.mark.long),
        "<&\"'>" * 4000,
        "long " * 5000,
    ],
)
def test_the_page_stays_under_five_megabytes_whatever_was_answered(write, tmp_path, make, text):
    study = make(tmp_path / "huge", models=3, conditions=5, n_items=70, replications=3, text=text)
    page = write(study) / "report.html"
    assert page.stat().st_size < 5_000_000
    assert "further characters are in item_responses.parquet" in page.read_text()


def test_the_page_stays_small_with_very_many_cells(write, tmp_path, make):
    study = make(
        tmp_path / "wide", models=60, conditions=8, n_items=2, replications=2, text="y" * 900
    )
    page = write(study) / "report.html"
    assert page.stat().st_size < 5_000_000
    assert "more cells are in report.json" in page.read_text()


def test_writing_a_report_loads_no_pandas_and_no_statistics_library(study, tmp_path):
    arguments = {
        name: value for name, value in study.arguments().items() if isinstance(value, dict)
    }
    (tmp_path / "inputs.json").write_text(json.dumps(arguments))
    code = f"""
import json, sys, pathlib
from splitplot.door import _NoPandas
from splitplot.report import write_report
sys.meta_path.insert(0, _NoPandas())
assert not {{"pyarrow", "jinja2", "matplotlib"}} & set(sys.modules)
inputs = json.loads(pathlib.Path({str(tmp_path / "inputs.json")!r}).read_text())
write_report(**inputs, table=pathlib.Path({str(study.table)!r}), items=pathlib.Path({str(study.items)!r}),
             output_dir=pathlib.Path({str(tmp_path / "o")!r}))
print([m for m in ("pandas", "scipy", "statsmodels", "litellm") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
