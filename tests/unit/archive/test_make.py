"""What an archive holds, that it is the same every time, and when none is made."""

import base64
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from splitplot import targets
from splitplot.archive import make_archive, slices
from splitplot.archive.contents import study_files
from splitplot.archive.credentials import check_no_credentials
from splitplot.archive.layout import is_name
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.records import Response
from splitplot.cli import main
from splitplot.errors import SplitplotError
from splitplot.files import file_sha256, write_json
from splitplot.prompts import load_template, template_hash
from splitplot.runs import Run


def test_two_archives_of_one_study_have_the_same_bytes(done, tmp_path):
    _, plan = done
    one = make_archive(plan, Path(), tmp_path / "one.tar.gz")
    os.utime("results/s/report.html")  # later, but no other
    two = make_archive(plan, Path(), tmp_path / "two.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    assert one["sha256"] == two["sha256"] == file_sha256(tmp_path / "one.tar.gz")
    assert (one["answers"], one["bytes"]) == (120, (tmp_path / "one.tar.gz").stat().st_size)


def test_it_holds_the_results_the_study_its_prompts_and_its_models(done, members):
    _, plan = done
    for name in ("plan.json", "items.parquet", "item_responses.parquet", "inference.json",
                 "costs.json", "report.html", "report.md", "report.json",
                 "tables/cells.csv"):  # fmt: skip
        assert members[name] == Path("results/s", name).read_bytes()
    assert members["study/s.yaml"] == Path("config/studies/s.yaml").read_bytes()
    for condition in plan["conditions"]:
        assert members[f"templates/{condition['id']}.md"] == Path(condition["path"]).read_bytes()
    assert yaml.safe_load(members["models.yaml"]) == {
        "models": {"robot": {"model": "sim/robot", "sim": {"seed": 1, "ability": 0.3}}}
    }
    packages = json.loads(members["versions.json"])["packages"]
    assert packages["numpy"] and packages["pyarrow"] and "snakemake" in packages
    assert not any("requests.jsonl" in name or "logs" in name for name in members)


def test_its_part_of_the_ledger_reads_as_the_ledger_does(done, members, tmp_path):
    _, plan = done
    keys = slices.keys_of_table(Path("results/s/item_responses.parquet"))
    trial = plan["trials"][0]["hash"]
    folder = tmp_path / "slice" / trial
    folder.mkdir(parents=True)
    (folder / "slice.jsonl").write_bytes(members[f"ledger/{trial}/slice.jsonl"])
    whole, part = Ledger(Path("results/ledger"), trial), Ledger(tmp_path / "slice", trial)
    wanted = [key.hex() for key in keys[trial]]
    found, there = whole.find(wanted), part.find(wanted)
    assert set(found) == set(there) == set(wanted)
    assert all(whole.row(found[key]) == part.row(there[key]) for key in wanted)


def test_answers_of_other_requests_stay_out_of_the_slice(done, read_members, tmp_path):
    workspace, plan = done
    workspace.finish("t", replications=3)
    assert make_archive(plan, Path(), tmp_path / "s.tar.gz")["answers"] == 120
    (name,) = [name for name in read_members(tmp_path / "s.tar.gz") if "slice" in name]
    lines = read_members(tmp_path / "s.tar.gz")[name].splitlines()
    assert sum(json.loads(line)["kind"] == "response" for line in lines) == 120


def write_ledger(root, name, *records):
    """One ledger file; returns the key of its gaps → names."""
    with LedgerWriter(root, "t1", {"study": "s"}) as writer:
        writer.path = writer.path.with_name(f"{name}.jsonl")
        for record in records:
            if isinstance(record, dict):
                writer.reopen(record)
            else:
                writer.response(record)


def test_gaps_that_were_opened_again_are_open_in_the_slice_too(tmp_path):
    keys = {name: digit * 32 for name, digit in zip("abcd", "0123", strict=True)}
    root = tmp_path / "ledger"
    gaps = [Response(keys[name], "expired") for name in "abc"]
    write_ledger(root, "1", Response("f" * 32, "ok", text="another study's"), *gaps)
    whole = Ledger(root, "t1")
    write_ledger(root, "0", whole.gaps([keys["a"], keys["b"]]))  # sorts before what it opens
    write_ledger(root, "2", Response(keys["b"], "ok", text="late"), Response(keys["d"], "ok"))
    wanted = {bytes.fromhex(key) for key in keys.values()}
    trial = {"hash": "t1", "id": "trial", "model": "m"}
    files = slices.write_slice(root, trial, "s", wanted, tmp_path / "slice" / "t1")
    assert [path.name for path in files] == ["slice.jsonl", "reopened.jsonl"]
    whole, part = Ledger(root, "t1"), Ledger(tmp_path / "slice", "t1")
    expected = whole.find(keys.values())
    assert set(expected) == {keys["b"], keys["c"], keys["d"]}
    assert {key: part.row(place) for key, place in part.find(keys.values()).items()} == {
        key: whole.row(place) for key, place in expected.items()
    }
    assert "another study" not in files[0].read_text()


def refusal(plan, output):
    with pytest.raises(SplitplotError) as caught:
        make_archive(plan, Path(), output)
    assert not output.exists() and not list(output.parent.glob(".*"))
    return str(caught.value)


def test_without_a_report_there_is_no_archive(done, tmp_path):
    _, plan = done
    Path("results/s/report.html").unlink()
    assert "there is no report yet" in refusal(plan, tmp_path / "o" / "s.tar.gz")


@pytest.mark.parametrize(
    "change",
    [
        {"question": "Another one?"},
        {"replications": 1},
        {"analysis": {"primary": {"contrast": ["condition", "b", "a"], "margin": 0.1}}},
    ],
)
def test_a_report_of_the_study_as_it_was_before_is_refused(done, tmp_path, change):
    workspace, _ = done
    text = refusal(workspace.plan(**change), tmp_path / "o" / "s.tar.gz")
    assert "is older than the study" in text and "snakemake" in text


@pytest.mark.parametrize("later", ["item_responses.parquet", "inference.json", "costs.json"])
def test_results_that_are_newer_than_the_report_are_refused(done, tmp_path, later):
    _, plan = done
    os.utime(Path("results/s", later))
    text = refusal(plan, tmp_path / "o" / "s.tar.gz")
    assert f"results/s/{later} is newer than results/s/" in text


def test_a_change_that_reached_the_version_files_alone_is_refused(done, tmp_path):
    """As after `snakemake results/s/estimate.json`: they are those of the study, the numbers are not."""
    workspace, _ = done
    plan = workspace.plan(
        analysis={"primary": {"contrast": ["condition", "b", "a"], "margin": 0.1}}
    )
    targets.bring_up_to_date(plan, partial=False)
    text = refusal(plan, tmp_path / "o" / "s.tar.gz")
    assert "results/s/versions/inference is newer than results/s/inference.json" in text


def record(output, **inputs):
    """What Snakemake notes of a finished job."""
    name = base64.urlsafe_b64encode(output.encode()).decode()
    checksums = {key: f"sha256:{sha256}" for key, sha256 in inputs.items()}
    write_json(Path(".snakemake/metadata", name), {"input_checksums": checksums})


def test_what_is_newer_and_has_the_recorded_content_is_no_change(done, tmp_path):
    _, plan = done
    table, made = "results/s/item_responses.parquet", "results/s/inference.json"
    reports = [str(path) for path in Path("results/s").glob("report.*")]
    reports += ["results/s/next.yaml", *map(str, Path("results/s/tables").iterdir())]
    for output in (made, *reports):
        record(output, **{table: file_sha256(Path(table))})
    os.utime(table)
    assert make_archive(plan, Path(), tmp_path / "one.tar.gz")["answers"] == 120
    record(made, **{table: "0" * 64})
    text = refusal(plan, tmp_path / "o" / "s.tar.gz")
    assert f"{table} is newer than {made}" in text


def test_a_file_that_is_no_archive_of_the_study_is_not_overwritten(done, archived, capsys):
    thesis = Path("thesis.md")
    thesis.write_text("three years")
    assert main(["archive", "s", "--output", "thesis.md"]) == 2
    assert "thesis.md: exists and is no archive of s" in capsys.readouterr().err
    assert thesis.read_text() == "three years"
    thesis.write_bytes(archived.read_bytes()[:40])  # torn: it may have been one
    assert main(["archive", "s", "--output", "thesis.md"]) == 2
    assert main(["archive", "s", "--output", str(archived)]) == 0
    workspace, _ = done
    plan = workspace.finish("other", items=[{"path": "data/items.jsonl", "limit": 5}])
    with pytest.raises(SplitplotError, match="exists and is no archive of other"):
        make_archive(plan, Path(), archived)


def test_a_lost_ledger_is_told_and_not_archived(done, tmp_path):
    _, plan = done
    shutil.rmtree(Path("results/ledger", plan["trials"][0]["hash"]))
    text = refusal(plan, tmp_path / "o" / "s.tar.gz")
    assert "the ledger has no answer to request" in text and "100 more answers" in text


def test_beside_a_run_no_archive_is_made(done, capsys):
    Run(Path(), ["snakemake"]).enter("s")
    other = next(Path(".snakemake/runs").glob("*.run"))
    beside = other.with_name("elsewhere-1.run")
    shutil.copyfile(other, beside)
    code = (
        f"import fcntl, time; f = open({str(beside)!r}, 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); "
        "print(1, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        assert main(["archive", "s"]) == 1
        assert "would hold files of two moments" in capsys.readouterr().err
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert not Path("results/s.splitplot.tar.gz").exists()


def test_no_room_is_one_line_and_leaves_no_half_file(done, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (90_000, hard)
    )  # as a full disk: no file grows further
    try:
        code = main(["archive", "s"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err
    assert code == 1 and error.count("\n") == 1
    assert "results/s.splitplot.tar.gz: File too large" in error
    assert [
        path.name for path in Path("results").iterdir() if path.name not in ("s", "ledger")
    ] == []


def test_an_output_that_cannot_be_is_one_line(done, capsys):
    assert main(["archive", "s", "--output", "config/models.yaml/s.tar.gz"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_header_that_opens_an_account_is_refused(done):
    _, plan = done
    plan = json.loads(json.dumps(plan))
    plan["trials"][0]["endpoint"] = {
        "base_url": "https://a.example/v1",
        "headers": {"X-Trace": "1"},
    }
    check_no_credentials(plan)
    plan["trials"][0]["endpoint"]["headers"] = {"X-Api-Key": "0123456789"}
    with pytest.raises(SplitplotError, match="looks like a credential") as caught:
        check_no_credentials(plan)
    assert "0123456789" not in str(caught.value)


def test_what_a_study_extends_and_an_alias_stands_for_is_in_it(
    new_workspace, read_members, tmp_path
):
    workspace = new_workspace("extending", 5)
    workspace.plan("below")
    plan = workspace.finish("s", extends="below", models=["nick"])
    make_archive(plan, Path(), tmp_path / "s.tar.gz")
    members = read_members(tmp_path / "s.tar.gz")
    assert yaml.safe_load(members["study/extends-1.yaml"])["study"] == "below"
    assert set(yaml.safe_load(members["models.yaml"])["models"]) == {"nick", "robot"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("config/studies/s.yaml", "models:\n", "# mine: sk-proj-0123456789abcdefXYZ\nmodels:\n"),
        ("prompts/b.md", "Think.", "{# export LAB_API_KEY=0123456789abcdef0123 #}Think."),
        ("data/labels.jsonl", "Paris.", "Authorization: Bearer 0123456789abcdef0123"),
    ],
)
def test_a_key_in_a_file_that_people_wrote_is_refused_with_its_line(done, name, old, new):
    workspace, plan = done
    workspace.write("data/labels.jsonl", '{"id": "1"}\n{"id": "2", "text": "Paris."}\n')
    plan = plan | {"labels": {"path": "data/labels.jsonl"}}
    study_files(plan, Path())
    path = Path(name)
    before = path.read_text()
    path.write_text(before.replace(old, new))
    line = before[: before.index(old)].count("\n") + 1
    with pytest.raises(
        SplitplotError, match=rf"{name}:{line}: looks like a key or token"
    ) as caught:
        study_files(plan, Path())
    assert "0123456789" not in str(caught.value)


def test_the_prompt_of_a_placebo_is_the_text_that_was_sent(new_workspace, read_members, tmp_path):
    workspace = new_workspace("placebo", 5)
    system = (
        "Answer from the passage.\n\n- Say: when it has no answer.\n---\n- Do not guess. Be brief."
    )
    front = json.dumps({"system": system, "examples": [{"user": "1 + 1?", "assistant": "2"}]})
    workspace.write("prompts/b.md", f"---\n{front}\n---\nThink. {{{{ input }}}}\n")
    kinds = {
        kind: {"placebo_of": "b", "kind": kind} for kind in ("shuffled", "structure", "share-50")
    }
    conditions = {"a": "prompts/a.md", "b": "prompts/b.md", **kinds}
    plan = workspace.finish(conditions=conditions)
    make_archive(plan, Path(), tmp_path / "s.tar.gz")
    members = read_members(tmp_path / "s.tar.gz")
    for condition in plan["conditions"]:
        workspace.write("read.md", members[f"templates/{condition['id']}.md"].decode())
        template = load_template("read.md", Path())
        assert template == condition["template"]
        assert template_hash(template)[:16] == condition["hash"]
    sent = next(arm for arm in plan["conditions"] if arm["name"] == "shuffled")
    assert (
        b"placebo (shuffled) of b, whose template is prompts/b.md"
        in members[f"templates/{sent['id']}.md"]
    )


@pytest.mark.parametrize(
    "name", ["../a", "a/../b", "/a", "a//b", "a/", ".a", "a\\b", "a\nb", "", "a" * 101, "ä"]
)
def test_names_that_could_lead_elsewhere_are_no_names(name):
    assert not is_name(name)


def test_every_name_in_an_archive_is_one(members):
    assert all(is_name(name) for name in members)
