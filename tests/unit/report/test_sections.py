"""The sections fed by schema 2 of inference.json: their order, their figures, what they say."""

import json
import re

import pytest

from splitplot.report.cells import Cells
from splitplot.report.section import Rows, Value
from splitplot.report.sections import analyses, contrasts, missing, tests
from splitplot.report.wording import POINTS, RAW
from splitplot.report.write import build_view, render_markdown

TITLES = [
    "Data health",
    "Scores per condition",
    "Answers, abstentions and false answers",
    "Paired contrasts",
    "Where the variation comes from",
    "Does it depend on the rest of the design?",
    "Ranking",
    "Do the raters agree?",
    "Can its confidence be trusted?",
    "Several tries",
    "Cost and tokens",
    "Across datasets",
    "Between waves",
    "What the lost answers could change",
    "Would another analysis say the same?",
    "What to buy next",
    "Does this analysis cry wolf on these data?",
    "When was it settled?",
    "Answers behind the numbers",
    "Methods and origins",
]
OF_CHAPTER = {
    "answering": "Answers, abstentions and false answers",
    "components": "Where the variation comes from",
    "interaction": "Does it depend on the rest of the design?",
    "ranking": "Ranking",
    "raters": "Do the raters agree?",
    "calibration": "Can its confidence be trusted?",
    "pass_at_k": "Several tries",
    "datasets": "Across datasets",
    "drift": "Between waves",
    "purchase": "What to buy next",
    "placebo": "Does this analysis cry wolf on these data?",
    "stopping": "When was it settled?",
}


@pytest.fixture(scope="module")
def page(read_page, whole_report):
    return read_page(whole_report[1])


@pytest.fixture(scope="module")
def markdown(whole_report):
    return (whole_report[1] / "report.md").read_text(encoding="utf-8")


def said_of(study):
    """report.md of a study, which draws no figure."""
    return render_markdown(
        build_view(study.plan, study.inference, study.costs, study.table, study.items)
    )


def test_the_sections_stand_in_the_order_of_the_questions(page, markdown):
    assert page.titles == ["What was found", *TITLES]
    assert re.findall(r"^## (.*)$", markdown, re.M) == ["Verdict", *TITLES]


def test_every_section_has_a_figure_for_wide_screens_and_the_same_for_narrow_ones(page):
    for title in ["What was found", *TITLES[:-2]]:
        kinds = page.drawings[title]
        assert kinds.count("wide") == kinds.count("narrow") >= 1, title


@pytest.mark.parametrize("chapter", OF_CHAPTER)
@pytest.mark.parametrize("absent", ["deleted", None, "empty"])
def test_a_chapter_without_data_leaves_no_heading(whole, chapter, absent):
    if absent == "deleted":
        del whole.inference[chapter]
    else:
        whole.inference[chapter] = None if absent is None else type(whole.inference[chapter])()
    titles = re.findall(r"^## (.*)$", said_of(whole), re.M)
    assert titles == ["Verdict", *(title for title in TITLES if title != OF_CHAPTER[chapter])]


def test_an_inference_of_the_first_schema_still_has_a_report(study, write, read_page):
    titles = read_page(write(study)).titles
    assert titles == [
        "What was found",
        *TITLES[:2],
        "Paired contrasts",
        "Cost and tokens",
        "Would another analysis say the same?",
        *TITLES[-2:],
    ]


def test_the_first_box_says_on_what_the_verdict_depends_and_where_it_stops_holding(whole):
    whole.inference["contrasts"][0]["conditional"] = {
        "on": "model",
        "sentence": "Which is better depends on the model.",
    }
    words = said_of(whole)
    first = words[: words.index("Sampling “warm” or “greedy”?")]
    assert "Which is better depends on the model." in first
    assert "for prompts like these it does not" in first


def test_the_claim_is_shown_at_every_scope_with_the_reason_where_it_is_not(page, markdown):
    assert "| direct − stepwise | prompts like these | **+21.0 (−13.0 to 55.0)**" in markdown
    assert (
        "| direct − stepwise | datasets like these | not computed | one dataset only |" in markdown
    )
    assert "How far each claim reaches" in page.words


def test_effects_and_tests_against_the_margin_stand_with_their_names(page):
    words = page.words
    assert "0.82 (0.37 to no upper end)" in words
    assert "0.29 (0.12 to 0.46)" in words and "Feng & Cliff" in words
    assert "not worse by the margin" in words and "p < 0.0001" in words
    assert "0.0016 after Holm, family “primary, score” of 2" in words


def test_families_over_the_study_are_one_and_say_what_loss_a_p_is_of(whole_report):
    inputs, _folder = whole_report
    inference = json.loads(json.dumps(inputs.inference))
    first, second = inference["contrasts"][:2]
    second |= {"aim": "non-inferiority", "margin": 0.04, "p_adjusted": 0.012}
    inference["families"] = [
        {"name": f"primary, {metric}", "metric": metric, "kind": "primary", "adjustment": "Holm",
         "over": "study", "contrasts": [one["name"]]}
        for metric, one in (("score", first), ("f1", second))
    ]  # fmt: skip
    found = contrasts.section(inference, Cells(inputs.plan), POINTS)
    assert found.lead[-2].endswith("family: “primary, all metrics” (primary, 2 comparisons, Holm).")
    assert found.lead[-1].startswith(
        "The smallest gap and the items to see the margin are for a test"
    )
    for one in (first, second):
        one |= {"smallest_detectable": None, "items_needed": None}
    assert "only one" not in "".join(contrasts.section(inference, Cells(inputs.plan), POINTS).lead)
    last = [row[-1].soft[0] for row in found.tables[0].rows[:2]]
    assert last[0].endswith("after Holm, family “primary, all metrics” of 2")
    assert last[1].startswith(
        "0.012 after Holm, of a loss of 4.0 points, family “primary, all metrics”"
    )
    listed = tests.tables(inference, POINTS)[-1].rows[:2]
    assert [row[1].text for row in listed] == ["primary, all metrics"] * 2
    assert listed[1][-1].soft == ("Holm, of a loss of 4.0 points",)
    for family in inference["families"]:
        family["size"] = 3  # another one has no p-value
    found = contrasts.section(inference, Cells(inputs.plan), RAW)
    assert "3 comparisons" in found.lead[-1]
    assert (
        "of a loss of 0.04 on the score's scale, family “primary, all metrics” of 3"
        in found.tables[0].rows[1][-1].soft[0]
    )


def test_a_contrast_in_tokens_is_a_ratio_in_a_table_of_its_own_and_in_no_figure(page, markdown):
    assert "0.77 (0.70 to 0.84)" in page.words and "SHORTER" in page.words
    assert "“direct” more on 9, equal on 1, “stepwise” more on 50" in page.words
    assert "Ratio **0.77 times**, 95% interval 0.70 to 0.84; margin a saving of 10.0%" in markdown
    assert "move this ratio by up to about ±2.0%" in page.words
    assert (
        "| tokens of direct − stepwise | items like these | **0.77 times (0.70 to 0.84)**"
        in markdown
    )
    assert page.drawings["Paired contrasts"].count("wide") == 1


def test_what_is_not_detectable_is_not_called_nothing(markdown):
    assert "| items × conditions | not detectable | 0.0% to 4.0% |" in markdown
    assert "| models (few levels: describes these) | 8.0% | – | 41.0% to 55.0% |" in markdown


def test_the_sentences_of_inference_are_said_as_they_are(whole_report, page):
    inference = whole_report[0].inference
    said = [
        *inference["components"]["sentences"],
        inference["interaction"][0]["sentence"],
        inference["ranking"][0]["sentence"],
        inference["pareto"]["sentence"],
        inference["datasets"][0]["sentence"],
        inference["contrasts"][0]["lost"]["tipping"]["sentence"],
        inference["purchase"]["sentence"],
        inference["placebo"]["sentence"],
        inference["stopping"]["sentence"],
        inference["omnibus"][0]["sentence"],
    ]
    assert [text for text in said if text not in page.words] == []


def test_all_tests_are_listed_whatever_their_p(whole_report, page):
    methods = page.words[page.words.rindex("Methods and origins") :]
    for contrast in whole_report[0].inference["contrasts"]:
        assert contrast["name"] in methods
    assert "11.20 (1, 59 df)" in methods and "0.62" in methods


def test_the_best_purchase_is_marked_and_where_its_study_is(whole):
    words = said_of(whole)
    assert "twice the items [best]" in words
    assert "results/demo/next.yaml holds the best of these" in words
    whole.inference["purchase"]["next_study"] = None
    assert "next.yaml" not in said_of(whole)


def test_report_json_carries_every_chapter_as_it_is(whole_report):
    whole, folder = whole_report
    report = json.loads((folder / "report.json").read_text())
    assert report["schema"] == 2
    for chapter in (*OF_CHAPTER, "families", "omnibus", "pareto"):
        assert report[chapter] == whole.inference[chapter]


@pytest.mark.long
def test_null_in_every_optional_place_is_no_error(whole, write, read_page):
    """Each leaf of the chapters and contrasts set to null, a quarter of them at a time."""

    def leaves(value, path=()):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from leaves(inner, (*path, key))
        elif isinstance(value, list):
            for place, inner in enumerate(value[:2]):
                yield from leaves(inner, (*path, place))
        else:
            yield path

    # What makes a row a row: without these an entry says nothing at all.
    needed = {"k", "confidence", "accuracy", "n", "p_values", "contrasts", "levels"}
    needed |= {"name", "contrast", "with", "level", "dataset"}
    chapters = {**{c: whole.inference[c] for c in (*OF_CHAPTER, "pareto", "omnibus")},
                "contrasts": whole.inference["contrasts"]}  # fmt: skip
    paths = [p for p in leaves(chapters) if not needed & set(map(str, p))]
    assert len(paths) > 300
    before = json.dumps(whole.inference)
    for start in range(4):
        whole.inference = json.loads(before)
        for path in paths[start::4]:
            inner = whole.inference
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = None
        page = read_page(write(whole))
        assert page.titles[-1] == "Methods and origins"
        assert re.findall(r".{40}\bNone\b.{20}", page.words) == []


def test_hostile_names_in_every_chapter_are_escaped(whole, write):
    text = json.dumps(whole.inference).replace("direct \\u2212 stepwise", "<img src=x>\\u202e$a_b$")
    text = text.replace("smollm2-360m", "</svg><script>1</script>").replace("gcd", "=cmd|'x'!A1")
    whole.inference = json.loads(text)
    folder = write(whole)
    html = (folder / "report.html").read_text(encoding="utf-8")
    bare = re.sub(r"<script>.*?</script>", "", html, count=1, flags=re.S)
    assert "<img" not in html and html.count("<script>") == 1 and "\u202e" not in bare
    assert "&lt;/svg&gt;&lt;script&gt;1&lt;/script&gt;" in html


def test_a_verdict_holds_in_so_many_of_the_analyses_that_give_one():
    kinds = [{"name": n, "difference": {"estimate": 0.1}, "holds": h}
             for n, h in (("a", True), ("b", False), ("c", None), ("d", True))]  # fmt: skip
    assert analyses.holding({"sensitivity": kinds}) == (2, 3)
    assert analyses.section({"contrasts": [{"name": "x", "sensitivity": []}]}, POINTS) is None


def test_no_section_speaks_of_lost_answers_where_none_was_lost():
    some = {"name": "x", "lost": {"n_a": 0, "n_b": 0}}
    assert missing.section({"contrasts": [some, {"name": "y"}]}, POINTS) is None


def test_pairs_are_said_with_the_names_of_the_arms():
    split = {"a": "x", "b": "y", "discordant": {"a_only": 1200, "b_only": 3}}
    assert contrasts.pairs_text(split) == "“x” alone right on 1,200, “y” alone right on 3"


def test_a_table_leaves_out_columns_that_are_empty_in_every_row():
    rows = Rows(("name", "one", "two"))
    rows.add("a", None, "1")
    rows.add("b", "", Value("2"))
    (table,) = rows.table("t", "caption")
    assert table.head == ("name", "two")
    assert Rows(("name",)).table("t", "caption") == ()
    with pytest.raises(ValueError, match="1 values under 3 headings"):
        rows.add("c")
