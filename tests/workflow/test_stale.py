"""The stale-result trap: a change, a failure half-way, a second run. The old number must not stand."""

import json
import os
import time

import pytest

pytestmark = pytest.mark.slow

INFERENCE = "results/s/inference.json"


def inference(workspace):
    """The numbers of which the report is made."""
    return json.loads(workspace.path("inference.json").read_text())


def break_scoring(workspace) -> None:
    """A scorer of the user's own that fails on its first use and works on the next."""
    workspace.write(
        "my/scorer.py",
        "from pathlib import Path\n"
        "def score(response, item):\n"
        "    flag = Path('broken')\n"
        "    if flag.exists():\n"
        "        raise RuntimeError('not today')\n"
        "    return 1.0\n",
    )
    workspace.study["scorers"] = ["my/scorer.py:score"]
    workspace.save()
    workspace.write("broken", "")


@pytest.mark.long
@pytest.mark.parametrize("target", ["results/s/report.html", "all"])
def test_a_change_that_fails_once_is_not_forgotten(finished, target):
    before = finished.report()["contrasts"]
    break_scoring(finished)
    output = finished.snakemake(target, ok=False)
    assert "not today" in output
    (finished.root / "broken").unlink()
    output = finished.snakemake(target)
    assert "Nothing to be done" not in output
    assert finished.report()["contrasts"] != before
    assert finished.report()["conditions"][0]["strict"]["estimate"] == 1.0
    assert finished.sent() == 80


@pytest.mark.parametrize(
    "victim",
    [
        "responses.jsonl",
        pytest.param("*.parquet", marks=pytest.mark.long),
        pytest.param("costs.json", marks=pytest.mark.long),
    ],
)
def test_a_deleted_file_in_the_middle_is_made_again_though_the_report_stands(finished, victim):
    for path in finished.path(".").rglob(victim):
        path.unlink()
    finished.snakemake()
    assert list(finished.path(".").rglob(victim))
    assert finished.sent() == 80


def test_two_changes_at_once_leave_no_cell_behind(finished):
    """A new condition must not hide that the scores of the old cells are out of date."""
    finished.write("my/scorer.py", "def score(response, item):\n    return 1.0\n")
    finished.write("prompts/c.md", "Be brief. {{ input }}\n")
    finished.study["conditions"]["c"] = "prompts/c.md"
    finished.study["scorers"] = ["my/scorer.py:score"]
    finished.save()
    finished.snakemake(INFERENCE)
    assert [row["strict"]["estimate"] for row in inference(finished)["conditions"]] == [1.0] * 3


@pytest.mark.long
def test_a_way_back_is_a_change_too(finished):
    before = inference(finished)["contrasts"]
    finished.write("my/scorer.py", "def score(response, item):\n    return 1.0\n")
    finished.study["scorers"] = ["my/scorer.py:score"]
    finished.save()
    finished.snakemake(INFERENCE)
    assert inference(finished)["contrasts"] != before
    finished.study["scorers"] = ["numeric"]
    finished.save()
    finished.snakemake(INFERENCE)
    assert inference(finished)["contrasts"] == before


@pytest.mark.long
def test_an_item_file_of_an_old_date_is_a_change_too(finished):
    """What `cp -p`, `mv` or a backup leave: new content, old date."""
    data = finished.root / "data/items.jsonl"
    for item in finished.items:
        item["target"] = -1
    finished.save()
    os.utime(data, (1_600_000_000, 1_600_000_000))
    finished.snakemake(INFERENCE)
    assert inference(finished)["conditions"][0]["strict"]["estimate"] == 0.0
    assert finished.sent() == 80


@pytest.mark.long
def test_files_from_a_clock_that_was_ahead_hide_no_change(finished):
    """Snakemake refuses to go on from them, and says so; with their dates mended all is well."""
    results = [path for path in finished.path(".").rglob("*") if path.is_file()]
    ahead = time.time() + 7200
    for path in results:
        os.utime(path, (ahead, ahead))
    finished.write("my/scorer.py", "def score(response, item):\n    return 1.0\n")
    finished.study["scorers"] = ["my/scorer.py:score"]
    finished.save()
    assert "clock skew" in finished.snakemake("results/s/report.html", ok=False)
    for path in finished.path(".").rglob("*"):
        os.utime(path)
    finished.snakemake("results/s/report.html")
    assert finished.report()["conditions"][0]["strict"]["estimate"] == 1.0
