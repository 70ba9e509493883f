"""The report in a browser: it fits a phone, follows the reader's scheme, and asks nobody for anything."""

import re

import pytest

pytestmark = pytest.mark.browser

OVERFLOW = """
var wide = [];
d.querySelectorAll("body *").forEach(function (e) {
  var r = e.getBoundingClientRect();
  if (r.right > w.innerWidth + 1 && r.width && !e.closest(".scroll, svg, pre, .skip, .quiet, .stack thead"))
    wide.push(e.tagName + "." + e.className);
});
return {scroll: d.documentElement.scrollWidth, width: w.innerWidth, wide: wide.slice(0, 5)};
"""


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_fits_its_screen(report, measure, width):
    opened = 'd.querySelectorAll("details").forEach(function (e) { e.open = true; });'
    found = measure(report, opened + OVERFLOW, width=width)
    assert found["width"] == width
    assert found["scroll"] <= width and found["wide"] == []


SHOWN = """
var found = [];
d.querySelectorAll("svg[role=img]").forEach(function (svg) {
  var box = svg.getBoundingClientRect();
  if (!box.width) return;
  var scale = box.width / svg.viewBox.baseVal.width, low = 99, out = 0;
  svg.querySelectorAll("text").forEach(function (t) {
    var r = t.getBoundingClientRect();
    low = Math.min(low, scale * parseFloat(w.getComputedStyle(t).fontSize));
    out = Math.max(out, box.left - r.left, r.right - box.right);
  });
  found.push({kind: svg.getAttribute("class"), low: low, out: out, share: box.width / w.innerWidth});
});
return found;
"""


@pytest.mark.parametrize(
    ("width", "kind"), [(360, "narrow"), (390, "narrow"), (820, "wide"), (1280, "wide")]
)
def test_the_drawing_that_fits_the_screen_is_shown_and_its_text_is_readable(
    report, measure, width, kind
):
    """Text is never below 12 pixels, nor cut off by more than what a font is wider than ours."""
    found = measure(report, SHOWN, width=width)
    assert len(found) == 20
    for figure in found:
        assert figure["kind"] == f"fig {kind}"
        assert figure["low"] >= 11.9 and figure["out"] <= 8
        assert width > 400 or figure["share"] > 0.85


def test_figures_are_as_the_policy_of_the_page_wants_them(report, measure):
    script = """
    var ids = {}, twice = [];
    d.querySelectorAll("[id]").forEach(function (e) { if (ids[e.id]) twice.push(e.id); ids[e.id] = 1; });
    return {twice: twice, styled: d.querySelectorAll("[style]").length,
            sheets: d.querySelectorAll("style").length,
            hatched: w.getComputedStyle(d.querySelector("svg [fill='url(#hatch)']")).fill};
    """
    found = measure(report, script)
    assert found["twice"] == [] and found["styled"] == 0 and found["sheets"] == 1
    assert "#hatch" in found["hatched"]


CONTRAST = """
function light(c) {
  var v = c.match(/[\\d.]+/g).slice(0, 3).map(function (x) {
    x = x / 255; return x <= 0.04045 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4); });
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
}
function ratio(a, b) { a = light(a); b = light(b); return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }
var paper = w.getComputedStyle(d.body).backgroundColor, worst = {};
function note(name, fore, back) { worst[name] = Math.min(worst[name] || 99, ratio(fore, back || paper)); }
d.querySelectorAll("h1, p, a, .soft, .word, .tag").forEach(function (e) {
  if (!e.closest(".banner, .verdict")) note("text", w.getComputedStyle(e).color);
});
d.querySelectorAll(".verdict *").forEach(function (e) {
  note("verdict", w.getComputedStyle(e).color, w.getComputedStyle(e.closest(".verdict")).backgroundColor);
});
d.querySelectorAll(".banner *").forEach(function (e) {
  if (e.tagName !== "CODE")
    note("banner", w.getComputedStyle(e).color, w.getComputedStyle(e.closest(".banner")).backgroundColor);
});
d.querySelectorAll("svg text").forEach(function (e) { note("figure text", w.getComputedStyle(e).fill); });
d.querySelectorAll("svg .fill-accent").forEach(function (e) { note("marks", w.getComputedStyle(e).fill); });
d.querySelectorAll("svg .stroke-ink, svg .stroke-soft").forEach(function (e) {
  note("lines", w.getComputedStyle(e).stroke);
});
return {paper: light(paper), worst: worst};
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_figures_stand_out_in_both_schemes(report, measure, scheme):
    """Ratios of WCAG 2.2: 4.5 for text, 3 for marks."""
    found = measure(report, CONTRAST, scheme=scheme)
    assert (found["paper"] > 0.8) if scheme == "light" else (found["paper"] < 0.05)
    worst = found["worst"]
    assert set(worst) == {"text", "verdict", "banner", "figure text", "marks", "lines"}
    assert all(worst[k] >= (3 if k in ("marks", "lines") else 4.5) for k in worst), worst


def test_a_link_to_an_answer_opens_its_item(report, measure):
    script = 'var e = d.getElementById("a3-2"); return e.closest("details").open;'
    assert measure(report, script, fragment="#a3-2") is True


def test_the_filter_narrows_the_items(report, measure):
    script = """
    var kind = d.getElementById("filter-kind"), bar = d.getElementById("filter");
    kind.value = "b";
    bar.dispatchEvent(new w.Event("input"));
    var shown = Array.from(d.querySelectorAll(".item")).filter(function (i) { return !i.hidden; });
    return {hidden: bar.hidden, kinds: shown.map(function (i) { return i.dataset.kind; }),
            said: d.getElementById("filter-said").textContent};
    """
    found = measure(report, script)
    assert found["hidden"] is False
    assert set(found["kinds"]) == {"b"} and found["said"] == f"{len(found['kinds'])} of 60"


def test_the_page_reads_without_its_script(report, browse, tmp_path):
    html = report.read_text()
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"<script>.*?</script>", "", html, flags=re.S))
    out, console, _ = browse(bare.as_uri(), "--dump-dom")
    assert "direct is better than stepwise" in out and console == []
    assert (
        '<div id="filter" class="filter" role="search" aria-label="Filter the items" hidden="">'
        in out
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_asked_of_a_network_and_the_console_is_silent(report, browse, tmp_path, scheme):
    picture = tmp_path / "page.png"
    _, console, log = browse(
        report.as_uri(), f"--screenshot={picture}", "--window-size=1280,2400", scheme=scheme
    )
    assert console == []
    assert picture.stat().st_size > 50_000
    asked = set(re.findall(r'"url":"([^"]+)"', log))
    # The browser may call its maker on its own account, whatever page is open.
    assert not [url for url in asked if url.startswith(("http", "ws")) and "google" not in url]
