"""The report made anew from an archive alone."""

import json
import resource

import pytest

from splitplot.archive.rebuild import deliver
from splitplot.cli import main
from splitplot.errors import SplitplotError


@pytest.mark.slow
def test_inference_is_byte_for_byte_the_archived_one_without_a_workspace(
    archived, members, tmp_path, monkeypatch, capsys
):
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path / "nowhere")
    assert main(["archive", "--report", str(archived), "--output", "out"]) == 0
    assert "byte for byte the archived one" in capsys.readouterr().out
    out = tmp_path / "nowhere/out"
    for name in ("inference.json", "report.html", "report.md", "report.json", "next.yaml"):
        assert (out / name).read_bytes() == members[name], name
    tables = {name: data for name, data in members.items() if name.startswith("tables/")}
    assert tables and all((out / name).read_bytes() == data for name, data in tables.items())
    assert [path.name for path in (tmp_path / "nowhere").iterdir()] == ["out"]
    assert main(["archive", "--report", str(archived), "--output", "out"]) == 2
    assert "out/inference.json exists" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.slow
def test_numbers_that_the_answers_do_not_give_are_told(members, repack, tmp_path, capsys):
    value = json.loads(members["inference.json"])
    value["n_items"] += 1
    path = repack(members | {"inference.json": json.dumps(value).encode()}, seal=True)
    assert main(["archive", "--report", str(path), "--output", str(tmp_path / "out")]) == 1
    assert "differs from the archived one, though both are of splitplot" in capsys.readouterr().out


def test_of_an_archive_with_problems_no_report_is_made(members, repack, tmp_path, capsys):
    path = repack(members | {"costs.json": b"{}"})
    assert main(["archive", "--report", str(path), "--output", str(tmp_path / "out")]) == 1
    assert "costs.json: 2 bytes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("new", [True, False])
def test_a_full_disk_leaves_nothing_that_blocks_the_next_try(tmp_path, new):
    made, output = tmp_path / "made", tmp_path / "out"
    (made / "tables").mkdir(parents=True)
    files = [made / "inference.json", made / "report.html", made / "tables/cells.csv"]
    for path, size in zip(files, (10, 90_000, 10), strict=True):
        path.write_bytes(b"x" * size)
    if not new:
        output.mkdir()
        (output / "mine.txt").write_text("kept")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))  # as a full disk
    try:
        with pytest.raises(SplitplotError, match="/out: the report could not be written: File too"):
            deliver(files, made, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir() if path != made] == ([] if new else ["out"])
    assert new or [path.name for path in output.iterdir()] == ["mine.txt"]
    deliver(files, made, output)
    assert all(
        (output / path.relative_to(made)).read_bytes() == path.read_bytes() for path in files
    )
    assert new or (output / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["s", "--verify", "x"],
        ["--verify", "x", "--output", "y"],
        ["--verify", "x", "--report", "y"],
        ["--report", "x"],
    ],
)
def test_one_thing_is_done_at_a_time(arguments, capsys):
    assert main(["archive", *arguments]) == 2
    assert "splitplot: archive" in capsys.readouterr().err
