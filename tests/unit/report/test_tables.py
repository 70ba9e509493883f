"""The tables beside the report, and next.yaml."""

import csv
import json
import math
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from splitplot import paths, targets
from splitplot.report.columns import SPECS

REPOSITORY = Path(__file__).resolve().parents[3]
TYPES = {"text": "string", "number": "double", "count": "int64", "flag": "bool"}


@pytest.mark.parametrize("name", ["tables/ranking.csv", "tables/costs.parquet", "next.yaml"])
def test_a_deleted_table_makes_the_report_out_of_date(root, monkeypatch, name):
    monkeypatch.chdir(root.path)
    plan = root.plan(models=["sims"])
    for path in targets.stage_files(plan, partial=False):
        root.write(path, "")
    assert targets.holes(plan, partial=False) == []
    (root.path / "results/s" / name).unlink()
    assert targets.holes(plan, partial=False) == [f"results/s/{name}"]


def table(folder, name):
    return pq.read_table(folder / f"tables/{name}.parquet").to_pylist()


def read_csv(folder, name):
    with (folder / f"tables/{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_workflow_knows_every_table():
    assert set(paths.REPORT_TABLES) == set(SPECS)


def test_every_table_is_there_as_parquet_and_csv_with_its_columns(whole_report, study, write):
    for folder in (whole_report[1], write(study)):
        for name, spec in SPECS.items():
            schema = pq.read_schema(folder / f"tables/{name}.parquet")
            assert [(f.name, str(f.type)) for f in schema] == [
                (c.name, TYPES[c.kind]) for c in spec.columns
            ]
            assert schema.field(0).metadata[b"description"].decode() == spec.columns[0].meaning
            header = (folder / f"tables/{name}.csv").read_text(encoding="utf-8").splitlines()[0]
            assert header == ",".join(f'"{c.name}"' for c in spec.columns)


def test_no_table_of_a_whole_study_is_empty_and_no_column_never_filled(whole_report):
    folder = whole_report[1]
    never = {}
    for name, spec in SPECS.items():
        rows = table(folder, name)
        assert rows, name
        unused = {c.name for c in spec.columns if all(row[c.name] is None for row in rows)}
        never[name] = {column for column in unused if not column.startswith("odds_ratio")}
    # What the hand-made study has not: ids of lost items, names beside cells, reasoning tokens.
    assert never.pop("cells") == {"items_lost", "rows_lost", "deterministic"}
    # None is found in so few items, and no aim is declared.
    assert never.pop("answering_contrasts") == {"direction", "against"}
    assert never.pop("contrasts") == {"mid_p"} and never.pop("analyses") == {"verdict"}
    assert never.pop("pareto") == {"name"} and never.pop("costs") == {"tokens_reasoning"}
    assert {name: columns for name, columns in never.items() if columns} == {}


def test_the_time_of_a_local_model_stands_in_every_row_of_its_trial(whole_report):
    whole, folder = whole_report
    times = {row["trial"]: row for row in whole.costs["local"]["trials"]}
    for row in table(folder, "costs"):
        for key in ("jobs", "hours", "gpu_hours", "loading_share"):
            assert row[f"trial_{key}"] == times[row["trial_id"]][key]


def test_the_numbers_are_those_of_inference_unrounded(whole_report):
    whole, folder = whole_report
    inference = whole.inference
    every = [*inference["contrasts"], *inference["exploration"]]
    for row, contrast in zip(table(folder, "contrasts"), every, strict=True):
        interval = contrast["difference"] or {}
        assert (row["difference"], row["difference_low"], row["difference_high"]) == tuple(
            interval.get(key) for key in ("estimate", "low", "high")
        )
        assert row["p_value"] == contrast["p_value"] and row["verdict"] == contrast["verdict"]
    shares = [row["share"] for row in table(folder, "components")]
    assert shares == [row["share"] for row in inference["components"]["rows"]]
    assert sum(row["count"] for row in table(folder, "outcomes")) == 960
    assert len(table(folder, "placebo_p_values")) == 60


def test_both_kinds_of_a_table_say_the_same(whole_report):
    folder = whole_report[1]
    for name, spec in SPECS.items():
        kinds = {c.name: c.kind for c in spec.columns}
        for row, text in zip(table(folder, name), read_csv(folder, name), strict=True):
            for key, value in row.items():
                if value is None:
                    assert text[key] == ""
                elif kinds[key] == "number":
                    assert math.isclose(float(text[key]), value, rel_tol=1e-12)
                else:
                    assert text[key] == (str(value).lower() if kinds[key] == "flag" else str(value))


def test_every_cell_of_a_table_is_one_of_the_plan(whole_report):
    whole, folder = whole_report
    plan = whole.plan
    cells = {(c["trial"], c["condition"]) for c in plan["cells"]}
    for name, spec in SPECS.items():
        if "trial_id" in {c.name for c in spec.columns}:
            found = {(row["trial_id"], row["condition_id"]) for row in table(folder, name)}
            assert found <= cells | {(None, None)}, name  # a row may be of no one cell
            assert found & cells, name
    first = table(folder, "contrasts")[0]
    for arm, condition in (("a", "direct"), ("b", "stepwise")):
        of_arm = {tuple(cell.split("/")) for cell in first[f"cells_{arm}"].split()}
        assert of_arm == {c for c in cells if c[1].startswith(condition)}


def test_no_text_of_a_csv_runs_in_a_spreadsheet(whole, write):
    names = ["=1+1", "+1+cmd", "-x", "@SUM(A1)", "\tx", "-1.5", "plain"]
    for name, contrast in zip(names, whole.inference["contrasts"] * 2, strict=False):
        whole.inference["contrasts"] = [*whole.inference["contrasts"], {**contrast, "name": name}]
    folder = write(whole)
    found = [row["contrast"] for row in read_csv(folder, "contrasts")][-8:-1]
    assert found == ["'=1+1", "'+1+cmd", "'-x", "'@SUM(A1)", "'\tx", "-1.5", "plain"]
    assert [row["contrast"] for row in table(folder, "contrasts")][-8:-1] == names


def test_the_same_inputs_give_the_same_bytes(whole, write):
    one, two = write(whole, "one"), write(whole, "two")
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 4 + 2 * len(SPECS)
    for path in files:
        assert (one / path).read_bytes() == (two / path).read_bytes(), path


def test_next_yaml_is_the_study_that_inference_proposes(whole_report):
    whole, folder = whole_report
    path = folder / "next.yaml"
    assert (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        == (whole.inference["purchase"]["next_study"])
    )
    assert path.read_text(encoding="utf-8").startswith("# The next $1.92 buys most")


def test_without_a_purchase_next_yaml_changes_nothing_and_says_why(study, write):
    text = (write(study) / "next.yaml").read_text(encoding="utf-8")
    assert text.startswith("# Nothing to buy") and yaml.safe_load(text) == {}


def test_a_hostile_sentence_stays_a_comment(whole, write):
    whole.inference["purchase"]["sentence"] = (
        "x\nbudget: {max_usd: 1000000}\r\u2028y: 1 " + "z" * 300
    )
    path = write(whole) / "next.yaml"
    assert (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        == (whole.inference["purchase"]["next_study"])
    )


def test_the_page_on_the_report_names_every_table_and_column():
    page = (REPOSITORY / "docs/report.md").read_text(encoding="utf-8")
    part = page.partition("## The tables beside it\n")[2].partition("\n## ")[0]
    for name, spec in SPECS.items():
        line = re.search(rf"^\| `{name}` \| (.*?) \| (.*) \|$", part, re.M)
        assert line, name
        assert line[1] == spec.row
        shown = {f"`{c.name}`" for c in spec.columns}
        intervals = set(re.findall(r"`(\w+)` …", line[2]))
        covered = set(re.findall(r"`\w+`", line[2]))
        covered |= {f"`{n}_{end}`" for n in intervals for end in ("low", "high", "level", "method")}
        covered |= {"`trial_id`", "`condition_id`", "`model`", "`sampling`", "`condition`"}
        assert shown - covered == set(), (name, shown - covered)


def test_report_json_and_the_tables_agree_on_the_verdicts(whole_report):
    folder = whole_report[1]
    report = json.loads((folder / "report.json").read_text())
    assert [row["verdict"] for row in table(folder, "contrasts")] == [
        c["verdict"] for c in (*report["contrasts"], *report["exploration"])
    ]
