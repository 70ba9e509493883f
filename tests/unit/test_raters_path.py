"""A study with three raters, from its YAML to its report: every stage's own function, simulated answers."""

import json

import jsonschema
import pytest

from splitplot.inference_schema import inference_schema

OWN = '''
def grade(response, item):
    """Right or wrong by the last digit alone: kinder than the others."""
    digits = [character for character in response if character.isdigit()]
    return None if not digits else float(digits[-1] == str(item.targets[0])[-1])
'''


@pytest.fixture(scope="module")
def written(tmp_path_factory, shared_root):
    """(inference.json, folder of the report) of a study that the simulator answered."""
    from splitplot.calls.costs import costs
    from splitplot.calls.fulfil import fulfil
    from splitplot.calls.requests import write_part
    from splitplot.inference.summary import summarise
    from splitplot.items import load_items, write_items
    from splitplot.report import write_report
    from splitplot.scoring.export import item_responses
    from splitplot.scoring.table import score_cell

    root = shared_root.path
    shared_root.write(
        "data/items.jsonl",
        "".join(
            json.dumps({"id": f"{n:03d}", "input": f"{n} + {7 * n}?", "target": 8 * n}) + "\n"
            for n in range(70)
        ),
    )
    shared_root.write("mine.py", OWN)
    plan = shared_root.plan(
        models=["strong", "weak"],
        replications=2,
        scorers=["numeric", "includes", {"name": "kind", "scorer": "mine.py:grade"}],
        analysis={
            "primary": {"contrast": ["model", "strong", "weak"], "margin": 0.02},
            "raters": ["numeric", "includes", "kind"],
            "placebo_runs": 0,
        },
    )
    folder = tmp_path_factory.mktemp("rated")
    items, provenance = load_items(plan["items"], root=root, limit=None, pins=folder / "pins")
    write_items(folder / "items.parquet", items)
    (folder / "items.json").write_text(json.dumps(provenance), encoding="utf-8")
    tables, answers = [], []
    for cell in plan["cells"]:
        place = (cell["trial"], cell["condition"], plan["parts"][0])
        calls = folder / "calls" / "/".join(place)
        calls.mkdir(parents=True)
        write_part(plan, *place, folder / "items.parquet", calls, None)
        fulfil(
            plan=plan,
            trial_id=place[0],
            condition_id=place[1],
            part=place[2],
            folder=calls,
            items=folder / "items.parquet",
            ledger_root=folder / "ledger",
        )
        answers.append((place[0], place[1], [calls / "responses.jsonl"]))
        tables.append(folder / "scores" / place[0] / f"{place[1]}.parquet")
        score_cell(
            plan=plan,
            trial_id=place[0],
            condition_id=place[1],
            items_path=folder / "items.parquet",
            parts=[(place[2], calls / "grid.jsonl", calls / "responses.jsonl")],
            output=tables[-1],
            root=root,
        )
    item_responses(tables, folder / "table.parquet")
    inference = summarise(folder / "table.parquet", plan, None)
    write_report(
        plan=plan,
        inference=inference,
        costs=costs(plan, answers, folder / "ledger"),
        table=folder / "table.parquet",
        items=folder / "items.parquet",
        output_dir=folder / "report",
    )
    return inference, folder / "report"


def test_the_chapter_follows_its_schema_and_has_every_part(written):
    inference, _ = written
    jsonschema.Draft202012Validator(inference_schema()).validate(inference)
    found = inference["raters"]
    assert found["raters"] == ["numeric", "includes", "kind"]
    assert (found["n_answers"], found["left_out"]) == (560, 0)
    levels = {row["rater"]: row["mean"] for row in found["levels"]}
    assert levels["kind"] >= levels["numeric"], "the last digit alone is a weaker demand"
    assert 0 < found["agreement"]["alpha"]["estimate"] <= 1
    assert found["components"]["n_items"] == 70
    [contrast] = found["contrasts"]
    assert [row["rater"] for row in contrast["rows"]] == found["raters"]
    assert contrast["like_these"]["difference"]["method"] == "t over items and raters"


def test_the_report_shows_it_and_its_tables_lie_beside(written):
    import pyarrow.parquet as pq

    inference, folder = written
    page = (folder / "report.html").read_text(encoding="utf-8")
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "Do the raters agree?" in page
    assert "## Do the raters agree?" in text
    assert "One more rater of every answer is no line of this table" in text
    assert "The same difference by the scores of each rater" in page
    rows = pq.read_table(folder / "tables/rater_contrasts.parquet").to_pylist()
    assert [row["kind"] for row in rows] == ["rater", "rater", "rater", "mean", "like these"]
    assert [row["declared"] for row in rows] == [True, False, False, False, False]
    [contrast] = inference["raters"]["contrasts"]
    assert rows[1]["difference"] == contrast["rows"][1]["difference"]["estimate"]
    assert pq.read_table(folder / "tables/raters.parquet").num_rows == 3
    sources = pq.read_table(folder / "tables/rater_components.parquet").column("source")
    assert {"rater", "item × rater", "answer × rater"} <= set(sources.to_pylist())
