"""The figures: what lies where, that text fits, and that the SVG is plain and always the same."""

import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitplot.report.plots import grid, pareto, rows, svg
from splitplot.report.plots.axis import Axis, log_axis, nice_axis
from splitplot.report.plots.forest import forest
from splitplot.report.wording import POINTS, RAW

values = st.lists(st.floats(-1000, 1000, allow_nan=False), min_size=1, max_size=8)


@given(values)
def test_an_axis_holds_its_values_and_has_few_ticks_in_order(known):
    axis = nice_axis(known)
    assert axis.low < min(known) and max(known) < axis.high
    places = [value for value, _ in axis.ticks]
    assert 1 <= len(places) <= 7
    dust = 1e-6 * (axis.high - axis.low)
    assert places == sorted(places)
    assert places[0] >= axis.low - dust and places[-1] <= axis.high + dust
    assert len({label for _, label in axis.ticks}) == len(places)


def test_an_axis_of_shares_does_not_go_beyond_all_and_nothing():
    axis = nice_axis([2.0, 99.0], within=(0.0, 100.0))
    assert (axis.low, axis.high) == (0.0, 100.0)


def test_a_value_outside_the_axis_stays_on_its_edge():
    axis = Axis(0.0, 10.0)
    assert [axis.at(v, 100, 50) for v in (-5, 0, 2.5, 10, 20)] == [100, 100, 112.5, 150, 150]


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6))
def test_a_logarithmic_axis_holds_its_values_and_equal_ratios_are_equal_lengths(known):
    axis = log_axis(known)
    assert axis.low < min(known) and max(known) < axis.high
    assert len(axis.ticks) <= 6
    middle = (axis.low * axis.high) ** 0.5
    assert axis.share(middle) == pytest.approx(0.5)


def drawn(sheet, name="x"):
    return ElementTree.fromstring(str(sheet.svg(name, "wide", "title", "description")))


def shapes(root, role):
    """(x of the left edge, x of the right edge) of every drawn shape with a class, in order."""
    found = []
    for path in root.iter("path"):
        if role in path.get("class", "").split():
            shift = re.match(r"translate\(([-\d.]+)", path.get("transform", ""))
            xs = [float(x) for x in re.findall(r"[ML] ([-\d.]+)", path.get("d"))]
            xs += [float(x) for x in re.findall(r"C .*? .*? .*? .*? ([-\d.]+)", path.get("d"))]
            move = float(shift[1]) if shift else 0.0
            found.append((min(xs) + move, max(xs) + move))
    return found


def contrast(**over):
    return {
        "name": "a − b",
        "a": "a",
        "b": "b",
        "margin": 0.02,
        "difference": {"estimate": 0.1, "low": 0.05, "high": 0.15, "level": 0.95},
        "noise": {"half_width": 0.03},
        "verdict": "BETTER",
        **over,
    }


@pytest.mark.parametrize("width", [svg.WIDE, svg.NARROW])
def test_the_forest_plot_shows_interval_margin_and_noise_to_scale(width):
    with svg.settings():
        root = drawn(forest([contrast()], POINTS).draw(width))
    band = next(s for s in shapes(root, "fill-band"))
    hatched = next(
        [float(x) for x in re.findall(r"[ML] ([-\d.]+)", p.get("d"))]
        for p in root.iter("path")
        if p.get("fill") == "url(#hatch)"
    )
    zero = sum(band) / 2
    point = (band[1] - zero) / 2  # the margin is 2 points
    assert (min(hatched), max(hatched)) == pytest.approx(
        (zero - 3 * point, zero + 3 * point), abs=0.2
    )
    lines = [s for s in shapes(root, "stroke-ink") if s[1] - s[0] > 9 * point]
    assert lines[0] == pytest.approx((zero + 5 * point, zero + 15 * point), abs=0.5)
    dot = shapes(root, "fill-accent")[0]
    assert sum(dot) / 2 == pytest.approx(zero + 10 * point, abs=0.5)


def test_the_forest_plot_says_which_side_speaks_for_whom():
    with svg.settings():
        root = drawn(forest([contrast()], POINTS).draw(svg.WIDE))
        tokens = drawn(forest([contrast()], replace(RAW, noun="output tokens")).draw(svg.WIDE))
    texts = [t.text for t in root.iter("text")]
    assert "◂ b better" in texts and "a better ▸" in texts
    assert "a higher ▸" in [t.text for t in tokens.iter("text")]


def test_a_contrast_without_an_estimate_keeps_its_row():
    plot = forest([contrast(), contrast(name="c − d", difference=None, noise=None)], POINTS)
    with svg.settings():
        texts = [t.text for t in drawn(plot.draw(svg.WIDE)).iter("text")]
    assert "c − d" in texts and "no estimate" in texts
    assert "c − d: no estimate" in plot.description


def test_without_any_estimate_there_is_no_forest_plot():
    assert forest([contrast(difference=None)], POINTS) is None


def test_a_figure_tells_its_main_numbers_to_who_cannot_see_it():
    told = forest([contrast()], POINTS).description
    assert told == (
        "a − b: +10.0 points, interval 5.0 to 15.0; margin ±2.0 points; run-to-run noise ±3.0 points; "
        "verdict: BETTER."
    )


def test_the_parts_of_a_cell_fill_its_bar_in_proportion():
    counts = {"ok": 50, "truncated": 25, "refused": 10, "unparseable": 5, "error": 10}
    line = grid.Line("m", "greedy", (counts, None))
    figure = grid.grid([line], ["one", "two"])
    with svg.settings():
        root = drawn(figure.draw(svg.WIDE))
    bars = [
        (min(xs), max(xs))
        for path in root.iter("path")
        if len(xs := [float(x) for x in re.findall(r"[ML] ([-\d.]+)", path.get("d"))]) == 4
    ]
    widths = [high - low for low, high in bars]
    assert [w / sum(widths) for w in widths] == pytest.approx([0.5, 0.25, 0.15, 0.10], abs=0.002)
    texts = [t.text for t in root.iter("text")]
    assert "50%" in texts and "10 lost" in texts and "not planned" in texts
    assert (
        figure.description
        == "m greedy, one: 50 of 100 complete, 25 cut off, 15 unreadable, 10 lost."
    )


def test_the_frontier_steps_through_the_cells_that_none_beats():
    points = [
        pareto.Point("cheap", 0.001, 40.0, on_front=True, member=0.9),
        pareto.Point("beaten", 0.004, 30.0),
        pareto.Point("best", 0.01, 70.0, on_front=True),
        pareto.Point("free", 0.0, 10.0),
    ]
    figure = pareto.pareto(points, POINTS, "dollars per answer")
    assert "cheap: $0.001 and 40.0%, not beaten at both (in 90% of redraws)" in figure.description
    assert "free" not in figure.description
    with svg.settings():
        root = drawn(figure.draw(svg.WIDE))
    step = next(p for p in root.iter("path") if p.get("class") == "stroke-accent")
    assert len(re.findall("[ML]", step.get("d"))) == 4
    assert pareto.pareto(points[:1], POINTS, "dollars per answer") is None


HOSTILE = [
    "<script>alert(1)</script>" * 3,
    "$x_1^2$ \\frac{1}{0} %(a)s {b}",
    "\u202e\u200b\x00\x07 hidden",
    "非常に長い名前" * 12,
    "]]>&amp;\"'<!--",
    "one\ntwo\tthree",
    "W" * 90,
    "👩‍💻 می‌خواهم",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [svg.WIDE, svg.NARROW])
def test_a_hostile_name_stays_text_within_its_room(name, width):
    row = rows.Row(name, name, "+1.0 points", "0.5 to 1.5", (rows.Mark(1.0, 0.5, 1.5),), 0.2, 0.1)
    with svg.settings():
        sheet = rows.draw(width, [row, replace(row, head=True, marks=())], sides=(name, name))
        text = str(sheet.svg("x", "wide", name, name))
    root = ElementTree.fromstring(text)
    assert {e.tag for e in root.iter()} == {"svg", "title", "desc", "path", "text"}
    assert not re.search("[\x00-\x08\u200b\u202e]", text)
    boxes_stay_inside(root)


def boxes(root):
    """Boxes of the texts of a drawing: (left, top, right, bottom, words), upright ones alone."""
    found = []
    for text in root.iter("text"):
        if text.get("transform"):
            continue
        size = float(text.get("font-size"))
        long = svg.width_of(text.text, size) * (svg.BOLD if text.get("font-weight") else 1)
        x, y = float(text.get("x")), float(text.get("y"))
        left = x - {"end": long, "middle": long / 2}.get(text.get("text-anchor"), 0.0)
        found.append((left, y - 0.7 * size, left + long, y, text.text))
    return found


def boxes_stay_inside(root):
    width, height = map(float, root.get("viewBox").split()[2:])
    for left, top, right, bottom, words in boxes(root):
        assert left >= -3 and right <= width + 3 and top >= 0 and bottom <= height, words


def boxes_stay_apart(root):
    found = boxes(root)
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            apart = (
                one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            )
            assert apart, (one[4], other[4])


@pytest.mark.parametrize("width", [svg.WIDE, svg.NARROW])
def test_no_text_of_any_figure_covers_another_or_leaves_the_drawing(whole, width):
    from splitplot.report.write import build_view

    view = build_view(whole.plan, whole.inference, whole.costs, whole.table, whole.items)
    figures = [view["forest"], view["health"]["grid"], *view["frontier"][1]]
    figures += [f for s in (*view["before"], *view["after"]) for f in s.figures]
    assert len(figures) == 20
    with svg.settings():
        for figure in figures:
            root = drawn(figure.draw(width), figure.name)
            boxes_stay_inside(root)
            boxes_stay_apart(root)
            assert all(float(t.get("font-size")) >= 12 for t in root.iter("text"))


@given(st.text(max_size=80), st.floats(20, 400), st.integers(1, 3))
@settings(deadline=None)
def test_a_fitted_text_keeps_its_room_and_its_beginning(words, room, lines):
    found = svg.fit(words, room, lines=lines)
    assert 1 <= len(found) <= lines
    # One sign at least stands on a line, however little room there is.
    assert all(svg.width_of(line) <= room + 0.01 or len(line.rstrip("…")) <= 1 for line in found)
    shown = "".join(" ".join(svg.visible(words).split()).split())
    kept = "".join("".join(found).split())
    assert shown.startswith(kept.removesuffix("…")) or kept == shown


def test_the_width_of_a_text_is_that_of_the_font_it_is_measured_in():
    """Against matplotlib's own layout of the text."""
    from matplotlib.textpath import TextPath

    for words in ("smollm2-135m · greedy", "WAVE −1.5 points", "illicit"):
        box = TextPath((0, 0), words, size=13).get_extents()
        assert svg.width_of(words) == pytest.approx(box.width, abs=4)


def test_a_drawing_has_no_style_no_colour_no_script_and_no_foreign_id():
    with svg.settings():
        text = str(forest([contrast()], POINTS).draw(svg.WIDE).svg("forest", "wide", "t", "d"))
    assert "style" not in text and "#0101" not in text and not re.search(r"#[0-9a-f]{6}", text)
    assert re.findall(r' id="([^"]*)"', text) == ["forest-wide-title", "forest-wide-desc"]
    assert "xlink" not in text and "xmlns" not in text and "DejaVu" not in text


def test_every_class_of_a_drawing_is_in_the_style_of_the_page():
    from splitplot.report.write import TEMPLATES

    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    sheet_roles = {f"fill-{role}" for role in svg.ROLES} | {"fig"}
    sheet_roles |= {f"stroke-{r}" for r in ("ink", "soft", "line", "accent", "paper")}
    assert {role for role in sheet_roles if f".{role} " not in style} == set()
    patterns = (TEMPLATES / "figures.html.j2").read_text(encoding="utf-8")
    assert all(f'<pattern id="{name}"' in patterns for name in svg.PATTERNS)


def test_a_drawing_is_the_same_in_another_process_whatever_the_users_settings_say(tmp_path):
    code = (
        "from splitplot.report.plots import svg, rows\n"
        "with svg.settings():\n"
        "    row = rows.Row('a', '', '+1', '', (rows.Mark(1.0, 0.5, 1.5),), 0.2, 0.1)\n"
        "    print(rows.draw(760, [row]).svg('x', 'wide', 't', 'd'))\n"
    )
    own = tmp_path / "matplotlibrc"
    own.write_text("svg.fonttype: path\nfont.family: monospace\nlines.scale_dashes: False\n")
    found = set()
    for folder, seed in ((tmp_path, "1"), (tmp_path.parent, "2")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env={"PYTHONHASHSEED": seed, "HOME": str(tmp_path), "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1 and "</svg>" in found.pop()


def test_a_figure_of_very_many_contrasts_is_cut_and_stays_small():
    many = [contrast(name=f"a{n} − b") for n in range(300)]
    figure = forest(many, POINTS)
    with svg.settings():
        text = str(figure.draw(svg.WIDE).svg("forest", "wide", "t", figure.description))
    assert len(text) < 150_000 and "and 292 more contrasts" in figure.description
