"""The rehearsal in a browser: it fits a phone, and its bars can be seen in both schemes."""

import json
import re
from pathlib import Path

import pytest

from splitplot.design import make_plan
from splitplot.rehearsal import run
from splitplot.rehearsal.study import Wanted
from splitplot.report.rehearsal import write_page

pytestmark = pytest.mark.browser

STUDY = """
study: s
question: Does it help to think about a very long question that goes on for more than one line?
items: [{path: items.jsonl}]
models: [robot]
sampling: [{name: warm, temperature: 1.0, max_tokens: 20}]
conditions: {steps: steps.md, direct: direct.md}
replications: 2
scorers: [exact]
execution: {route: sim}
analysis:
  primary: {contrast: [condition, steps, direct], margin: 0.05}
  placebo_runs: 0
"""


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """rehearsal.html of a study of 30 items, with few draws."""
    root = tmp_path_factory.mktemp("rehearsal")
    (root / "config/studies").mkdir(parents=True)
    (root / "config/studies/s.yaml").write_text(STUDY)
    (root / "config/models.yaml").write_text(
        "models: {robot: {model: sim/robot, route: sim, sim: {seed: 1}}}"
    )
    for name in ("steps", "direct"):
        (root / f"{name}.md").write_text(f"{name}: {{{{ input }}}}")
    rows = ({"id": str(n), "input": f"{n}?", "target": str(n)} for n in range(30))
    (root / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = make_plan(Path("config/studies/s.yaml"), root)
    from splitplot.calls.estimate import present_items

    items = present_items(plan, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "STUDIES", 6)
        content = run.rehearse(
            plan, items, root, root / "ledger", Wanted(items=[30, 240], draws=30)
        )
    write_page(root / "rehearsal.html", content)
    return root / "rehearsal.html"


OVERFLOW = """
var wide = [];
d.querySelectorAll("body *").forEach(function (e) {
  var r = e.getBoundingClientRect();
  if (r.right > w.innerWidth + 1 && r.width && !e.closest(".scroll, svg, .skip")) wide.push(e.tagName);
});
return {scroll: d.documentElement.scrollWidth, width: w.innerWidth, wide: wide.slice(0, 5)};
"""


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_its_screen(page, measure, width):
    found = measure(page, OVERFLOW, width=width)
    assert found["width"] == width
    assert found["scroll"] <= width and found["wide"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_style_is_applied_and_the_verdicts_of_a_bar_differ(page, measure, scheme):
    script = """
    var fills = {};
    d.querySelectorAll(".legend rect").forEach(function (e) {
      var s = w.getComputedStyle(e);
      fills[e.getAttribute("class")] = s.fill + " " + s.fillOpacity;
    });
    var bar = d.querySelector(".bar-row svg").getBoundingClientRect();
    return {fills: fills, width: bar.width};
    """
    found = measure(page, script, scheme=scheme, width=360)
    fills = list(found["fills"].values())
    assert len(fills) >= 3 and len(set(fills)) == len(fills)
    assert "rgb(0, 0, 0) 1" not in fills and found["width"] > 250


def test_the_browser_asks_nobody_for_anything(page, browse):
    _, console, log = browse(page.as_uri(), "--dump-dom")
    assert console == []
    asked = set(re.findall(r'"url":"([^"]+)"', log))
    # The browser may call its maker on its own account, whatever page is open.
    assert not [url for url in asked if url.startswith(("http", "ws")) and "google" not in url]
