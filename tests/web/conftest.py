"""A report to look at, and headless Chromium to look with."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from splitplot.report import write_report

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--enable-logging=stderr"),
]
SCHEMES = {"dark": 0, "light": 1}
"""Values of Chromium's preferredColorScheme setting."""

PROBE = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="f" src="%(page)s" style="border:0;display:block;width:%(width)dpx;height:%(height)dpx"></iframe>
<pre id="found">nothing</pre><script>
document.getElementById("f").addEventListener("load", function () {
  var d = this.contentDocument, w = this.contentWindow;
  var found = (function () { %(script)s })();
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>"""


@pytest.fixture(scope="session")
def chromium():
    """Path of the browser."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if not found:
        pytest.skip("no Chromium on this machine")
    return found


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """report.html of the study of the unit tests: holes, hostile texts, every section there is."""
    folder = tmp_path_factory.mktemp("report")
    builder = Path(__file__).resolve().parents[1] / "unit" / "report" / "conftest.py"
    build = runpy.run_path(str(builder))
    study = build["with_chapters"](build["make_study"](folder / "study"))
    write_report(**study.arguments(), output_dir=folder)
    return folder / "report.html"


@pytest.fixture
def browse(chromium, tmp_path):
    """Run Chromium once in a fresh profile; returns (standard output, console messages, net log)."""

    def run(target, *flags, scheme="light"):
        log = tmp_path / "net.json"
        done = subprocess.run(
            [
                chromium,
                *FLAGS,
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
                f"--log-net-log={log}",
                *flags,
                target,
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return done.stdout, console, log.read_text()

    return run


@pytest.fixture
def measure(browse, tmp_path):
    """Evaluate a script body (d: document, w: window of the page) on a page in a frame of given size."""

    def run(page, script, *, width=1280, height=900, scheme="light", fragment=""):
        probe = tmp_path / "probe.html"
        address = page.as_uri() + fragment
        probe.write_text(
            PROBE % {"page": address, "width": width, "height": height, "script": script}
        )
        # The frame and the page are both files: without this flag one may not look into the other.
        out, console, _ = browse(
            probe.as_uri(),
            "--disable-web-security",
            "--dump-dom",
            "--window-size=1400,1000",
            scheme=scheme,
        )
        found = re.search(r'<pre id="found">(.*?)</pre>', out, re.S)
        assert found and found.group(1) != "nothing", console
        text = found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        return json.loads(text)

    return run
