"""What somebody may have done to an archive, and the line that tells of it."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from splitplot.archive import verify
from splitplot.archive.unpack import unpack
from splitplot.cli import main


def problems(path):
    return verify(path)["problems"]


def test_an_archive_as_it_was_made_is_whole(archived, capsys):
    found = verify(archived)
    assert (found["problems"], found["study"]) == ([], "s")
    assert main(["archive", "--verify", str(archived)]) == 0
    assert found["sha256"] in capsys.readouterr().out


def test_a_changed_archive_ends_with_1_and_a_line_per_problem(members, repack, capsys):
    del members["costs.json"]
    path = repack(members | {"report.md": b"better by far"})
    assert main(["archive", "--verify", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "report.md: 13 bytes, by MANIFEST.json" in lines[0]
    assert "costs.json: missing" in lines[1]
    assert main(["archive", "--verify", str(path), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


def test_no_byte_of_what_it_holds_can_be_changed_unnoticed(archived, tmp_path):
    """A few bits of the compression (a code that nothing uses) may be either, and nothing else comes out."""
    data = archived.read_bytes()
    places = [*range(12), *range(12, len(data), len(data) // 60), *range(len(data) - 8, len(data))]
    (tmp_path / "into").mkdir()
    for place in places:
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        archived.write_bytes(changed)
        found = unpack(archived, tmp_path / "into", lambda name: False)
        assert found.problems or gzip.decompress(changed) == gzip.decompress(data), place


@pytest.mark.parametrize("cut", [0, 5, 1000, -9, -1])
def test_a_file_that_was_cut_off_is_told(archived, cut):
    data = archived.read_bytes()
    archived.write_bytes(data[:cut])
    assert problems(archived)


def test_what_follows_the_end_is_told(archived, members, repack):
    data = archived.read_bytes()
    archived.write_bytes(data + b"x")
    assert problems(archived)
    archived.write_bytes(data + gzip.compress(b"x" * 600, mtime=0))
    assert problems(archived) == ["there is something after its last member"]


def test_one_changed_byte_of_a_member_is_told(members, repack):
    text = members["inference.json"]
    path = repack(members | {"inference.json": text.replace(b"0", b"1", 1)})
    assert problems(path) == ["inference.json: its SHA-256 is not that of MANIFEST.json"]


def test_a_member_too_few_and_one_too_many_are_told(members, repack):
    del members["report.html"]
    path = repack(members | {"more.txt": b"more"})
    assert problems(path) == [
        "more.txt: not in MANIFEST.json, so it was added",
        "report.html: missing",
    ]


def test_a_member_that_is_there_twice_is_told(members, repack):
    again = tarfile.TarInfo("costs.json")
    assert problems(repack(members, [(again, b"{}")])) == ["costs.json: there more than once"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", ".hidden", "a\nb"])
def test_nothing_is_written_outside_the_folder(members, repack, tmp_path, name):
    path = repack(members, [(tarfile.TarInfo(name), b"evil")])
    (tmp_path / "deep/into").mkdir(parents=True)
    found = unpack(path, tmp_path / "deep/into")
    assert ["no member may have this name" in problem for problem in found.problems] == [True]
    assert not list(tmp_path.rglob("*evil*")) and not Path("/tmp/evil").exists()


def test_a_manifest_may_not_name_a_place_outside_either(members, repack):
    manifest = json.loads(members["MANIFEST.json"])
    manifest["members"]["../evil"] = {"sha256": "0" * 64, "size": 4}
    path = repack(members | {"MANIFEST.json": json.dumps(manifest).encode()})
    assert problems(path) == ["MANIFEST.json names '../evil', which no member may be called"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_links_and_devices_are_refused(members, repack, kind):
    info = tarfile.TarInfo("costs2.json")
    info.type, info.linkname = kind, "/etc/passwd"
    (problem,) = problems(repack(members, [(info, b"")]))
    assert "a link, a device or no plain file" in problem


def test_a_header_that_asks_for_a_gigabyte_of_memory_is_not_followed(members, repack, tmp_path):
    bomb = tarfile.TarInfo("bomb")
    bomb.type, bomb.size = tarfile.XHDTYPE, 1 << 40
    path = tmp_path / "bomb.tar.gz"
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        info = tarfile.TarInfo("MANIFEST.json")
        info.size = len(members["MANIFEST.json"])
        packed.write(info.tobuf(tarfile.GNU_FORMAT))
        packed.write(members["MANIFEST.json"] + bytes(-info.size % 512))
        packed.write(bomb.tobuf(tarfile.GNU_FORMAT))
    (problem,) = problems(path)
    assert "no plain file" in problem


def test_an_added_member_larger_than_all_is_not_read_to_its_end(members, repack):
    found = problems(repack(members, [(tarfile.TarInfo("large"), bytes(8 << 20))]))
    assert found[0] == "large: not in MANIFEST.json, so it was added"
    assert "larger than all others" in found[1]


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b"[" * 100_000, b'{"schema": 2, "study": "s", "members": {}}', b"\xff"],
)
def test_a_manifest_that_is_none_is_told(members, repack, text):
    (problem,) = problems(repack(members | {"MANIFEST.json": text}))
    assert problem.startswith("MANIFEST.json ")


def test_a_size_below_zero_reads_nothing(members, tmp_path):
    path = tmp_path / "negative.tar.gz"
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        info = tarfile.TarInfo("MANIFEST.json")
        info.size = -5
        packed.write(info.tobuf(tarfile.GNU_FORMAT) + members["MANIFEST.json"])
    (problem,) = problems(path)
    assert "a size below 0" in problem


@pytest.mark.parametrize("name", ["plan.json", "item_responses.parquet"])
@pytest.mark.parametrize("data", [b"{}", b"no such thing", b"[]"])
def test_members_that_are_not_what_they_are_called_are_told(members, repack, name, data):
    (problem,) = problems(repack(members | {name: data}, seal=True))
    assert problem.startswith(("its plan, table or ledger is none", "plan.json: is not the plan"))


def test_a_table_that_names_a_ledger_elsewhere_is_told(members, repack, tmp_path):
    table = pq.read_table(io.BytesIO(members["item_responses.parquet"]))
    place = table.schema.get_field_index("trial_hash")
    outside = [[f"../../{tmp_path.name}"] * table.num_rows]
    into = io.BytesIO()
    pq.write_table(table.set_column(place, table.schema.field(place), outside), into)
    (problem,) = problems(repack(members | {"item_responses.parquet": into.getvalue()}, seal=True))
    assert "is not the hash of a trial" in problem


def test_another_file_is_no_archive(tmp_path):
    (tmp_path / "x").write_bytes(b"PK\x03\x04")
    assert problems(tmp_path / "x") == ["it is no .tar.gz file"]


def edited(members, change):
    """The members with `change(record)` made to every response of the slice; None drops it."""
    (name,) = [name for name in members if name.endswith("slice.jsonl")]
    lines = []
    for line in members[name].splitlines():
        record = json.loads(line)
        record = change(record) if record["kind"] == "response" else record
        if record is not None:
            lines.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
    return members | {name: b"".join(lines)}


def test_a_text_that_was_changed_in_the_ledger_is_told_though_all_sums_agree(members, repack):
    done = []

    def change(record):
        if not done:
            done.append(record["key"])
            return record | {"text": "42"}
        return record

    (problem,) = problems(repack(edited(members, change), seal=True))
    assert problem.startswith("item_responses.parquet: item 'i")
    assert problem.endswith(f"its text is not that of the ledger's answer to request {done[0]}")


def test_a_text_that_was_changed_in_the_table_is_told_though_all_sums_agree(members, repack):
    table = pq.read_table(io.BytesIO(members["item_responses.parquet"]))
    texts = table["response"].to_pylist()
    place = table.schema.get_field_index("response")
    changed = table.set_column(place, table.schema.field(place), [["42", *texts[1:]]])
    into = io.BytesIO()
    pq.write_table(changed, into)
    path = repack(members | {"item_responses.parquet": into.getvalue()}, seal=True)
    assert len(problems(path)) == 1


def test_answers_that_were_taken_out_of_the_ledger_are_told(members, repack):
    path = repack(edited(members, lambda record: None), seal=True)
    found = problems(path)
    assert len(found) == 21
    assert "the ledger has no answer to request" in found[0]
    assert found[-1] == "item_responses.parquet: 100 more answers like these"


def test_sealed_without_a_change_it_is_whole(members, repack):
    assert problems(repack(edited(members, lambda record: record), seal=True)) == []
