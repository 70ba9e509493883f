"""Answers, abstentions and false answers: the section, its flow picture, and the examples that it reads."""

import json
import re
import runpy
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitplot.report import flips as examples
from splitplot.report.cells import Cells
from splitplot.report.endpoints import change, moves
from splitplot.report.plots import flow as plot
from splitplot.report.plots import svg
from splitplot.report.sections import answering
from splitplot.report.wording import NOTHING
from splitplot.report.write import build_view, render_markdown

FIXTURE = runpy.run_path(str(Path(__file__).with_name("answering.py")))
TITLE = "Answers, abstentions and false answers"
PLAN = {
    "trials": [{"id": "t--1", "hash": "1", "model": "m", "sampling": "greedy"}],
    "conditions": [{"id": f"{n}--1", "name": n} for n in ("control", "terse", "long")],
    "cells": [{"trial": "t--1", "condition": f"{n}--1"} for n in ("control", "terse", "long")],
}
CELLS = Cells(PLAN)


def chapter(*arms):
    return FIXTURE["chapter"]("control", *arms, trial="t--1")


def section(found, flipped=()):
    return answering.section({"answering": found}, CELLS, flipped)


def table(found, name):
    """Rows of a table of the section as texts."""
    one = next(t for t in section(found).tables if t.name == name)
    return one.head, [[value.text for value in row] for row in one.rows]


def part_of(text):
    """The section in report.md."""
    return text[text.index(f"## {TITLE}") :].partition("\n## ")[0]


def test_a_study_without_the_chapter_has_no_section():
    for found in (None, {}, {"arms": []}):
        assert answering.section({"answering": found}, CELLS) is None
    assert answering.section({}, CELLS) is None


def test_the_primary_sentences_and_the_price_lead():
    found = chapter("terse")
    found["contrasts"][2]["sentence"] += " (p < 0.001)"
    assert section(found).lead == (
        "Exact match: “terse” has 14.0 points more exact match than “control”.",
        "False answers: “terse” has 42.5 points fewer false answers than “control”.",
        found["price"][0]["sentence"],
    )


def test_what_was_misread_stands_beside_the_false_answers_and_lacking_rates_have_a_reason():
    found = chapter("terse", "direct")
    found["misread"] = {
        "sentence": "Rates are as read.",
        "contrasts": [{"sentence": "Corrected: none."}],
    }
    found["arms"][1]["no_rate"] = {"false_answers": "1 cluster; at least 2 are needed"}
    one = section(found)
    assert "Rates are as read." in one.lead and "Corrected: none." in one.lead
    assert one.lead.index("Corrected: none.") < one.lead.index(found["price"][0]["sentence"])
    why = "Without a rate: false answers with “terse”: 1 cluster; at least 2 are needed."
    assert why in one.notes


def test_without_a_primary_contrast_right_and_false_answers_are_said():
    found = chapter("terse")
    for one in found["contrasts"]:
        one["primary"] = False
    lead = section(found).lead
    assert [text.partition(":")[0] for text in lead[:2]] == ["Exact match", "False answers"]


def test_every_arm_has_its_rates_with_interval_and_items():
    tables = {t.name: t for t in section(chapter("terse")).tables}
    arms = tables["answering-arms"]
    assert arms.head == (
        *("condition", "answers", "exact match", "F1", "false answers", "unsupported claims"),
    )
    control, terse = arms.rows
    assert (control[0].text, control[0].tag) == ("control", "")
    named = section(FIXTURE["chapter"]("base", "terse")).tables[0].rows
    assert [row[0].tag for row in named] == ["control", ""]
    # 54 of 80 answers to unanswerable items are false with the control, 20 with the other
    assert (control[4].text, terse[4].text) == ("67.5%", "25.0%")
    assert terse[4].soft == ("18.9 to 31.1", "40 items")
    assert control[1].soft == ("100 items", "60 answerable", "40 unanswerable")
    assert [row[-2].text for row in tables["answering-withheld"].rows] == ["$0.21", "$0.25"]


def test_the_contrasts_tell_primary_from_exploratory_and_which_way_is_better():
    found = chapter("terse")
    rows = {r[0].text: r for r in next(t for t in section(found).tables
                                       if t.name == "answering-contrasts").rows}  # fmt: skip
    assert len(rows) == 9
    false, f1, all_ = (rows[n] for n in ("false answers", "F1", "abstentions, all items"))
    assert (false[0].tag, f1[0].tag) == ("primary", "")
    assert [r[4].text for r in (false, f1, all_)] == ["lower", "higher", NOTHING]
    assert [cell.text for cell in false[1:3]] == ["25.0%", "67.5%"]
    assert false[3].text == "−42.5 (−50.8 to −34.2)"
    assert (false[5].text, false[6].text, false[6].soft) == ("0.0004", "0.0008", ("Holm",))
    assert f1[6].soft == ("Benjamini-Hochberg, exploratory",)
    next(c for c in found["contrasts"] if c["primary"])["against"] = -0.05
    rows = next(t for t in section(found).tables if t.name == "answering-contrasts").rows
    assert ("Holm, against −5.0 points",) in [r[6].soft for r in rows]
    _, words = table(found, "answering-words")
    assert [row[-1] for row in words] == [c["sentence"] for c in found["contrasts"]]


def test_the_forest_marks_primary_and_direction_and_tells_its_numbers():
    figure = next(f for f in section(chapter("terse")).figures if f.name == "answering-forest")
    assert "false answers: −42.5 points (−50.8 to −34.2), lower is better" in figure.description
    assert "abstentions, all items: +26.5 points" in figure.description
    drawn = figure.draw.keywords["rows"]
    marks = {row.label: row.marks[0].hollow for row in drawn}
    assert [name for name, hollow in marks.items() if not hollow] == [
        "exact match",
        "false answers",
    ]
    notes = {row.label: row.note for row in drawn}
    assert notes["false answers"] == "◂ lower is better"
    assert notes["exact match"] == "higher is better ▸"
    assert dict(figure.legend) == {
        "interval": "declared as primary, 95% interval",
        "hollow": "not declared as primary",
    }


def test_several_arms_are_grouped_by_rate_and_only_the_declared_one_is_drawn_in_full():
    found = chapter("terse", "long")
    one = section(found)
    assert [f.name for f in one.figures] == ["answering-forest", "answering-flow"]
    heads = [row.label for row in one.figures[0].draw.keywords["rows"] if row.head]
    assert heads[:3] == ["exact match", "F1", "false answers"]
    assert "“terse”" in one.figures[1].caption and "“long”" not in one.figures[1].caption
    _, rows = table(found, "answering-flows-2")
    assert ["false answer with “control”", "long", "4", "0", "50", "54"] in rows
    assert ["false answer with “control”", "terse", "36", "1", "17", "54"] in rows
    assert found["price"][1]["sentence"] in one.notes


def test_a_flow_table_adds_up_to_the_answers_of_both_arms():
    found = chapter("terse")
    for place, flow in enumerate(found["flows"], start=1):
        head, rows = table(found, f"answering-flows-{place}")
        counts = [[int(n) for n in row[1:]] for row in rows]
        assert all(sum(row[:-1]) == row[-1] for row in counts)
        assert sum(row[-1] for row in counts) == flow["n_pairs"]
        after = dict(zip(head[1:-1], map(sum, zip(*counts, strict=True)), strict=False))
        states = found["arms"][1]["states"]
        if "→ right" in after:
            assert after["→ right"] == states["right"]


@pytest.mark.parametrize(
    ("before", "after", "meaning"),
    [
        *(("right", "right", "same"), ("wrong", "abstained", "better"), ("wrong", "right", "better")),
        *(("abstained", "right", "better"), ("right", "abstained", "worse")),
        *(("abstained", "wrong", "worse"), ("held_back", "false_answer", "worse")),
        *(("false_answer", "held_back", "better"), ("abstained", "refused", "other")),
        *(("wrong", "unusable", "other"), ("held_back", "unusable", "worse")),
    ],
)  # fmt: skip
def test_what_a_change_means(before, after, meaning):
    assert change(before, after) == meaning


def test_the_flow_picture_tells_every_count_to_who_cannot_see_it():
    flows = [
        {"condition": "terse", "control": "control", "answerable": False, "n_pairs": 6,
         "from_to": {"false_answer": {"held_back": 3, "false_answer": 2, "unusable": 0},
                     "held_back": {"false_answer": 1}}},
        {"condition": "terse", "control": "control", "answerable": True, "n_pairs": 1200,
         "from_to": {"right": {"right": 1190, "abstained": 10}}},
    ]  # fmt: skip
    assert plot.flow(flows, "control", "terse").description == (
        "Answerable items: 1,200 answers, “control” to “terse”: right stayed so 1,190, "
        "right to abstained 10. "
        "Unanswerable items: 6 answers, “control” to “terse”: held back to false answer 1, "
        "false answer to held back 3, false answer stayed so 2."
    )


def drawn(figure, width):
    with svg.settings():
        return ElementTree.fromstring(
            str(figure.draw(width).svg(figure.name, "wide", figure.caption, figure.description))
        )


def first_figure(*arms):
    return next(f for f in section(chapter(*arms)).figures if f.name == "answering-flow")


@pytest.mark.parametrize("width", [svg.WIDE, svg.NARROW])
def test_bands_are_as_wide_as_their_counts_and_told_apart_without_colour(width):
    root = drawn(first_figure("terse"), width)
    total = {True: 120, False: 80}
    expected = sorted(
        (plot.FILLS[change(a, b)][0], max(1.0, plot.TALL * n / total[one["answerable"]]))
        for one in chapter("terse")["flows"]
        for a, b, n in moves(one)
    )
    found = []
    for path in root.iter("path"):
        d = path.get("d")
        if d.count("C ") == 2:
            start = float(re.match(r"M [-\d.]+ ([-\d.]+)", d)[1])
            end = float(re.findall(r"C .* [-\d.]+ ([-\d.]+)", d.partition("L ")[2])[0])
            classes = (path.get("class") or "").split()
            pattern = re.fullmatch(r"url\(#(\w+)\)", path.get("fill") or "")
            fill = pattern[1] if pattern else next(c[5:] for c in classes if c.startswith("fill-"))
            found.append((fill, end - start))
    assert [fill for fill, _ in sorted(found)] == [fill for fill, _ in expected]
    assert [w for _, w in sorted(found)] == pytest.approx([w for _, w in expected], abs=0.11)


@pytest.mark.parametrize("width", [svg.WIDE, svg.NARROW])
def test_the_bars_carry_states_and_counts_within_the_drawing(width):
    root = drawn(first_figure("terse"), width)
    texts = [t.text for t in root.iter("text")]
    for words in ("right 75", "70 right", "wrong 39", "25 abstained", "59 held back", "36", "66"):
        assert words in texts
    assert "Answerable items: 120 answers" in texts and "control" in texts and "terse" in texts
    for text in root.iter("text"):
        assert float(text.get("font-size")) >= 12
        x, room = float(text.get("x")), svg.width_of(text.text, float(text.get("font-size")))
        left = {"end": x - room, "middle": x - room / 2}.get(text.get("text-anchor"), x)
        assert left >= -2 and left + room <= width + 2 + 0.1 * room


states_ = st.sampled_from(["right", "abstained", "refused", "unusable", "wrong"])
tables_ = st.dictionaries(
    states_, st.dictionaries(states_, st.integers(0, 300), max_size=5), min_size=1, max_size=5
)


@settings(max_examples=40, deadline=None)
@given(tables_, st.sampled_from([90.0, 150.0]))
def test_no_count_of_a_band_covers_another(from_to, length):
    one = {"answerable": True, "from_to": from_to}
    if not moves(one):
        assert plot.flow([one], "a", "b") is None
        return
    bands = plot._bands(one)[2]
    assert sum(b.thick for b in bands) == pytest.approx(plot.TALL)
    boxes = [
        (share * length, y, svg.width_of(text, svg.SMALL) / 2)
        for text, share, y in plot.counts(bands, length)
    ]
    for (x, y, w), (x2, y2, w2) in combinations(boxes, 2):
        assert abs(x - x2) >= w + w2 or abs(y - y2) >= 12


def test_long_names_and_a_side_alone_fit_the_drawing():
    one = {"answerable": None, "from_to": {"answered": {"abstained": 4}}}
    figure = plot.flow([one], "x" * 200, "<b>" + "\u202e" + "y" * 200)
    for width in (svg.WIDE, svg.NARROW):
        root = drawn(figure, width)
        texts = [t.text for t in root.iter("text")]
        assert "All items: 4 answers" in texts
        assert "\u202e" not in "".join(texts)
        assert all(svg.width_of(text, 12) <= width for text in texts)


def test_the_control_alone_has_rates_and_nothing_else():
    one = section(chapter())
    assert [t.name for t in one.tables] == ["answering-arms", "answering-withheld"]
    assert one.figures == () and one.lead == ()


def test_before_any_answer_there_is_no_table_of_names_alone():
    found = chapter()
    for arm in found["arms"]:
        arm |= {"n_answers": 0, "usd_per_1000": None, "tokens_in_mean": None, "states": {}}
        arm["rates"] = dict.fromkeys(arm["rates"])
    assert [t.name for t in section(found).tables] == ["answering-arms"]


def test_rates_that_the_study_does_not_measure_are_left_out():
    found = chapter("terse")
    for arm in found["arms"]:
        arm |= {"n_unanswerable": 0, "usd_per_1000": None, "tokens_in_mean": None}
        for name in ("false_answers", "unsupported", "abstention_unanswerable"):
            arm["rates"][name] = None
    kept = ("false_answers", "unsupported", "abstention_unanswerable")
    found["contrasts"] = [c for c in found["contrasts"] if c["endpoint"] not in kept]
    found["flows"] = [f for f in found["flows"] if f["answerable"]]
    for part in ("subgroups", "across_datasets", "threshold", "power", "price", "flips"):
        found[part] = []
    head, rows = table(found, "answering-arms")
    assert head == ("condition", "answers", "exact match", "F1") and len(rows) == 2
    assert "per 1,000 answers" not in table(found, "answering-withheld")[0]
    one = section(found)
    assert [f.name for f in one.figures] == ["answering-forest", "answering-flow"]
    assert "Unanswerable" not in one.figures[1].description
    assert "own scale" not in one.figures[1].caption
    assert not any("flows-2" in t.name for t in one.tables)


def test_a_contrast_without_an_estimate_keeps_its_row():
    found = chapter("terse")
    found["contrasts"][2]["difference"] = None
    one = section(found)
    assert "false answers: no estimate, lower is better" in one.figures[0].description
    (row,) = (r for r in one.figures[0].draw.keywords["rows"] if r.label == "false answers")
    assert (row.marks, row.detail) == ((), "no estimate")
    for contrast in found["contrasts"]:
        contrast["difference"] = None
    assert [f.name for f in section(found).figures] == ["answering-flow"]


def test_what_is_exploratory_says_so_and_power_is_in_words():
    one = section(chapter("terse"))
    parts = next(t for t in one.tables if t.name == "answering-subgroups")
    assert parts.caption.startswith("Exploratory") and parts.folded
    assert [row[0].text for row in parts.rows] == [
        "dataset: squad2",
        "dataset: nq_open",
        "kind: open book",
    ]
    assert parts.rows[0][-1].soft == ("0.004 after Benjamini-Hochberg",)
    assert one.notes[0] == (
        "False answers, “terse” against “control”: with 40 items this study could reliably see only "
        "differences above 14.2 points; about 31 such items would show that the rate is halved."
    )
    found = chapter("terse")
    found["power"][0]["sentence"] = "With 40 questions a difference of 14.2 points would be found."
    assert section(found).notes[0] == found["power"][0]["sentence"]
    datasets = next(t for t in one.tables if t.name == "answering-datasets")
    assert [row[1].text for row in datasets.rows] == [
        *("squad2", "nq_open"),
        "these datasets together",
        "datasets like these",
    ]
    assert "Q = 2.10 on 1 degrees of freedom (p = 0.15), I² = 52%" in datasets.rows[2][3].text
    _, rows = table(chapter("terse"), "answering-threshold")
    assert rows[1] == ["0.50", "36.0%", "14.5%", "−21.5 (−30.5 to −12.5)"]
    assert "Answers that never came are left out of the states: 2 with “terse”." in one.notes


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({}, "each false answer avoided costs $0.0123 (95% interval $0.0100 to $0.0200)."),
        ({"low": None}, "each false answer avoided costs $0.0123 (no interval)."),
        (None, "no cost per avoided false answer: it avoids none."),
    ],
)
def test_the_price_is_said_with_its_interval_or_why_there_is_none(over, said):
    found = chapter("terse")
    cost = {"estimate": 0.0123, "low": 0.01, "high": 0.02, "level": 0.95}
    price = found["price"][0]
    price |= {"sentence": None, "usd_per_avoided": None, "reason": "it avoids none"}
    if over is not None:
        price |= {"usd_per_avoided": cost | over, "reason": None}
    assert section(found).lead[-1] == f"“terse” against “control”: {said}"


def test_report_json_and_the_tables_carry_the_chapter(whole_report):
    whole, folder = whole_report
    found = whole.inference["answering"]
    assert json.loads((folder / "report.json").read_text())["answering"] == found
    flows = pq.read_table(folder / "tables/answering_flows.parquet").to_pylist()
    assert sum(row["count"] for row in flows) == 200
    assert {row["n_pairs"] for row in flows} == {120, 80}
    arms = pq.read_table(folder / "tables/answering_arms.parquet").to_pylist()
    assert [a["false_answers"] for a in arms] == [
        a["rates"]["false_answers"]["estimate"] for a in found["arms"]
    ]
    assert [a["n_right"] for a in arms] == [75, 70] and arms[1]["n_lost"] == 2
    contrasts = pq.read_table(folder / "tables/answering_contrasts.parquet").to_pylist()
    assert [c["difference_low"] for c in contrasts] == [
        c["difference"]["low"] for c in found["contrasts"]
    ]


def test_a_study_without_the_chapter_has_its_tables_without_rows(study, write):
    folder = write(study)
    for name in ("arms", "contrasts", "flows"):
        assert pq.read_table(folder / f"tables/answering_{name}.parquet").num_rows == 0
        assert (folder / f"tables/answering_{name}.csv").read_text().count("\n") == 1


def write_answers(folder, rows):
    """A table and items of these answers: (item, condition, replication, scorer, response)."""
    keys = ("item_id", "condition", "replication", "scorer", "response")
    table = [
        {**dict(zip(keys, row, strict=True)), "trial_id": "t--1", "condition_id": f"{row[1]}--1",
         "outcome": "ok"}
        for row in rows
    ]  # fmt: skip
    items = [{"item_id": i, "input": f"question {i}?"} for i in dict.fromkeys(r[0] for r in rows)]
    pq.write_table(pa.Table.from_pylist(table), folder / "table.parquet")
    pq.write_table(pa.Table.from_pylist(items), folder / "items.parquet")
    return folder / "table.parquet", folder / "items.parquet"


def flip(item, direction="right→wrong", condition="terse", replication=0):
    return {"condition": condition, "control": "control", "direction": direction,
            "item_id": item, "trial_id": "t--1", "replication": replication}  # fmt: skip


def test_an_example_has_the_answers_of_both_arms_to_the_same_item_and_replication(tmp_path):
    paths = write_answers(
        tmp_path,
        [
            (item, condition, replication, scorer, f"{condition} {item} {replication}")
            for item in ("a", "b", "c")
            for condition in ("control", "terse", "long")
            for replication in (0, 1)
            for scorer in ("qa_em", "qa_f1")
        ],
    )
    every = {
        "flips": [flip("b", replication=1), flip("zz"), flip("a", "false_answer→held_back", "long")]
    }
    anchors = {("b", ("t--1", "terse")): "a7-2", ("b", ("t--1", "control")): "a7-1"}
    found = examples.flips(every, *paths, CELLS, anchors)
    kept = [(f["item_id"], f["question"], f["before"], f["after"], f["anchor"]) for f in found]
    assert kept == [
        ("a", "question a?", "control a 0", "long a 0", ""),
        ("b", "question b?", "control b 1", "terse b 1", "a7-2"),
        ("zz", None, None, None, ""),
    ]
    tables = {t.name: t for t in section(chapter("terse", "long"), found).tables}
    first, second = tables["answering-flips"].rows
    assert first[0].link == "a7-2" and first[0].soft == ("replication 2",)
    assert [v.text for v in first[1:]] == [
        *("right → wrong", "terse", "question b?", "control b 1", "terse b 1"),
    ]
    assert [v.text for v in second[-3:]] == [NOTHING] * 3
    (more,) = tables["answering-flips-more"].rows
    assert [v.text for v in more[:3]] == ["a", "false answer → held back", "long"]


def test_examples_are_few_of_each_direction_and_their_texts_are_cut(tmp_path):
    hidden = "\u200b \u202e" * 500
    rows = [(f"i{n}", c, 0, "qa_em", hidden if n else "y" * 100_000)
            for n in range(60) for c in ("control", "terse")]  # fmt: skip
    paths = write_answers(tmp_path, rows)
    directions = [f"{a}→{b}" for a in ("right", "wrong", "abstained", "refused") for b in "abcd"]
    every = {"flips": [flip(f"i{n}", d) for d in directions for n in range(5)]}
    found = examples.flips(every, *paths, CELLS, {})
    assert len(found) == examples.MOST_FLIPS
    for direction in {f["direction"] for f in found}:
        assert sum(f["direction"] == direction for f in found) <= examples.PER_DIRECTION
    assert found[0]["before"].startswith("yyyy")
    assert found[0]["before"].endswith("(99,680 more characters)")
    assert max(len(f["after"]) for f in found) < 400
    assert examples.flips(None, *paths, CELLS, {}) == []


def test_on_the_page_an_example_leads_to_its_answers(whole_report, read_page):
    whole, folder = whole_report
    page = read_page(folder)
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    view = build_view(whole.plan, whole.inference, whole.costs, whole.table, whole.items)
    (one,) = (s for s in view["before"] if s.anchor == "answering")
    rows = [r for t in one.tables if t.name.startswith("answering-flips") for r in t.rows]
    links = {row[0].text: row[0].link for row in rows if row[0].link}
    sampled = {item["id"] for item in view["answers"]["items"]}
    assert links and set(links) == {row[0].text for row in rows} & sampled
    assert set(links.values()) <= ids
    anchor = links["gcd-0000"]
    cell = next(c for i in view["answers"]["items"] for c in i["cells"] if c["anchor"] == anchor)
    assert cell["label"].endswith("stepwise")


def test_hostile_names_and_answers_stay_text(whole, write):
    bad = "</svg><script>1</script>\u202e$a_b$"
    text = json.dumps(whole.inference["answering"])
    for name in ("direct", "stepwise", "squad2", "exact_match", "right"):
        text = text.replace(f'"{name}"', json.dumps(f"{bad}{name}"))
    whole.inference["answering"] = json.loads(text)
    folder = write(whole)
    html = (folder / "report.html").read_text(encoding="utf-8")
    bare = re.sub(r"<script>.*?</script>", "", html, count=1, flags=re.S)
    assert html.count("<script>") == 1 and "\u202e" not in bare and " style=" not in bare
    assert "&lt;/svg&gt;&lt;script&gt;1&lt;/script&gt;⟨U+202E⟩$a_b$stepwise" in html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; "
        r"base-uri 'none'; form-action 'none'",
        policy.replace("&#39;", "'"),
    )
    assert "<script>" not in part_of((folder / "report.md").read_text(encoding="utf-8"))


def test_the_markdown_has_sentences_and_tables(whole):
    words = part_of(
        render_markdown(
            build_view(whole.plan, whole.inference, whole.costs, whole.table, whole.items)
        )
    )
    assert "“stepwise” has 42.5 points fewer false answers than “direct”." in words
    assert "| false answers [primary] | 25.0% | 67.5% | **−42.5 (−50.8 to −34.2)** (95%" in words
    assert "| false answer with “direct” | 36 | 1 | 17 | 54 |" in words
    assert "| gcd-0000 (" in words and "false answer → held back" in words
    assert "None" not in words
