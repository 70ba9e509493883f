"""The ledger keeps every whole record, finds it by key, and survives torn tails and lost indexes."""

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitplot.calls import ledger as module
from splitplot.calls.ledger import Ledger, LedgerWriter, records, write_index
from splitplot.calls.records import OUTCOMES, Response, Usage, row_of_record
from splitplot.errors import SplitplotError

TRIAL = "0123456789abcdef"


def key(number: int) -> str:
    return f"{random.Random(number).getrandbits(128):032x}"


def write(root: Path, *responses: Response) -> Path:
    with LedgerWriter(root, TRIAL, {"study": "s"}) as writer:
        for response in responses:
            writer.intent(response.key, 1)
            writer.response(response)
    return writer.path


def found_texts(root: Path, keys: list[str]) -> dict[str, str | None]:
    ledger = Ledger(root, TRIAL)
    return {k: ledger.read(position).text for k, position in ledger.find(keys).items()}


def test_an_answer_is_found_by_its_key_and_read_back_unchanged(tmp_path):
    answer = Response(key(1), "ok", text='é \ud83d "{{', usage=Usage(3, 4), raw={"a": [1]}, usd=0.1)
    write(tmp_path, answer, Response(key(2), "truncated", text="x"))
    ledger = Ledger(tmp_path, TRIAL)
    found = ledger.find([key(1), key(3)])
    assert set(found) == {key(1)}
    assert ledger.read(found[key(1)]) == answer


def test_nothing_is_written_when_nothing_is_recorded(tmp_path):
    with LedgerWriter(tmp_path, TRIAL, {}):
        pass
    assert not list(tmp_path.rglob("*"))


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(OUTCOMES)), max_size=40))
@settings(max_examples=40, deadline=None)
def test_every_reader_agrees_with_a_plain_scan(tmp_path_factory, rows):
    root = tmp_path_factory.mktemp("ledger")
    for start in range(0, len(rows), 7):
        write(root, *(Response(key(n), outcome) for n, outcome in rows[start : start + 7]))
    plain: dict[str, str] = {}
    for n, outcome in rows:
        gap = outcome in module.LOST
        answered = key(n) in plain and plain[key(n)] not in module.LOST
        if not answered and (not gap or plain.get(key(n), "error") in module.LOST):
            plain[key(n)] = outcome
    with_index = Ledger(root, TRIAL)
    seen = {k: with_index.read(p).outcome for k, p in with_index.find(map(key, range(31))).items()}
    assert seen.keys() == plain.keys()
    for path in root.rglob("*.idx"):
        path.unlink()
    without = Ledger(root, TRIAL)
    assert {
        k: without.read(p).outcome for k, p in without.find(map(key, range(31))).items()
    } == seen
    assert {k: o in module.LOST for k, o in seen.items()} == {
        k: o in module.LOST for k, o in plain.items()
    }


def test_a_torn_tail_hides_only_the_torn_line(tmp_path):
    path = write(tmp_path, *(Response(key(n), "ok", text=str(n)) for n in range(5)))
    path.with_suffix(".idx").unlink()
    data = path.read_bytes()
    for cut in range(len(data) - 200, len(data)):
        path.write_bytes(data[:cut])
        texts = found_texts(tmp_path, [key(n) for n in range(5)])
        assert [texts.get(key(n)) for n in range(4)] == ["0", "1", "2", "3"]
        assert key(4) not in texts


def test_a_broken_index_is_ignored(tmp_path):
    path = write(tmp_path, Response(key(1), "ok", text="a"))
    for junk in (b"", b"SPLIDX1\n", os.urandom(100)):
        path.with_suffix(".idx").write_bytes(junk)
        assert found_texts(tmp_path, [key(1)]) == {key(1): "a"}


def test_lines_behind_the_index_are_found(tmp_path):
    path = write(tmp_path, Response(key(1), "ok", text="a"))
    line = next(line for line in path.read_text().splitlines() if '"response"' in line)
    with path.open("a") as file:
        file.write(line.replace(key(1), key(2)) + "\n")
    assert set(found_texts(tmp_path, [key(1), key(2)])) == {key(1), key(2)}


def test_a_reader_notices_what_another_job_writes_meanwhile(tmp_path):
    ledger = Ledger(tmp_path, TRIAL)
    assert ledger.find([key(1)]) == {}
    writer = LedgerWriter(tmp_path, TRIAL, {})
    writer.response(Response(key(1), "ok"))
    ledger.refresh()
    assert set(ledger.find([key(1)])) == {key(1)}
    writer.response(Response(key(2), "ok"))
    ledger.refresh()
    assert set(ledger.find([key(1), key(2)])) == {key(1), key(2)}
    writer.close()


def test_a_gap_is_settled_until_it_is_reopened_and_an_answer_beats_it(tmp_path):
    write(tmp_path, Response(key(1), "error"))
    assert Ledger(tmp_path, TRIAL).find([key(1)])[key(1)].gap
    gaps = Ledger(tmp_path, TRIAL).gaps([key(1), key(2)])
    with LedgerWriter(tmp_path, TRIAL, {}) as writer:
        writer.reopen(gaps)
    assert Ledger(tmp_path, TRIAL).find([key(1)]) == {}
    write(tmp_path, Response(key(1), "expired"))
    assert Ledger(tmp_path, TRIAL).find([key(1)])[key(1)].gap
    write(tmp_path, Response(key(1), "ok", text="at last"))
    assert found_texts(tmp_path, [key(1)]) == {key(1): "at last"}
    write(tmp_path, Response(key(1), "error"))
    assert found_texts(tmp_path, [key(1)]) == {key(1): "at last"}


def test_clocks_that_differ_decide_nothing_about_a_reopened_gap(tmp_path, monkeypatch):
    clock = iter(f"2026-01-01T{hour:02}:00:00" for hour in (9, 9, 9, 8, 8, 7, 7, 7))
    monkeypatch.setattr(module, "now", lambda: next(clock))
    write(tmp_path, Response(key(1), "error"))  # by a machine whose clock is ahead
    with LedgerWriter(tmp_path, TRIAL, {}) as writer:
        writer.reopen(Ledger(tmp_path, TRIAL).gaps([key(1)]))
    assert Ledger(tmp_path, TRIAL).find([key(1)]) == {}
    write(tmp_path, Response(key(1), "expired"))
    assert Ledger(tmp_path, TRIAL).find([key(1)])[key(1)].gap


def test_an_index_longer_than_its_file_is_no_index(tmp_path):
    path = write(tmp_path, *(Response(key(n), "ok", text=str(n)) for n in range(5)))
    path.write_bytes(path.read_bytes()[:-50])
    texts = found_texts(tmp_path, [key(n) for n in range(5)])
    assert texts == {key(n): str(n) for n in range(4)}


def test_a_ledger_of_more_files_than_a_process_may_open_is_read(tmp_path):
    count = 400
    for number in range(count):
        write(tmp_path, Response(key(number), "ok", text=str(number)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count // 2, hard))
    try:
        ledger = Ledger(tmp_path, TRIAL)
        found = ledger.find([key(number) for number in range(count)])
        assert {ledger.read(position).text for position in found.values()} == {
            str(number) for number in range(count)
        }
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_of_two_answers_the_earlier_counts_for_every_reader(tmp_path):
    write(tmp_path, Response(key(1), "ok", text="first"))
    write(tmp_path, Response(key(1), "ok", text="second"))
    assert found_texts(tmp_path, [key(1)]) == {key(1): "first"}


def test_a_look_up_maps_the_index_and_does_not_read_the_answers(tmp_path):
    path = write(tmp_path, *(Response(key(n), "ok", text="x" * 50) for n in range(500)))
    data = path.read_bytes()
    path.write_bytes(b"#" * len(data))  # the answers are gone, their index is not
    assert len(Ledger(tmp_path, TRIAL).find([key(n) for n in range(500)])) == 500


@pytest.mark.parametrize("per_look_up", [0, 10**9])
def test_keys_are_found_one_by_one_and_by_passing_the_whole_index(
    tmp_path, monkeypatch, per_look_up
):
    monkeypatch.setattr(module, "SCANNED_PER_LOOK_UP", per_look_up)
    twin = key(3)[:16] + "f" * 16  # the first word of another key
    keys = [*(key(n) for n in range(40)), twin]
    write(tmp_path, *(Response(k, "ok", text=k) for k in keys[::2]), Response(twin, "ok", text="t"))
    write(tmp_path, *(Response(k, "error") for k in keys[:20]))
    write(tmp_path, *(Response(k, "ok", text="later") for k in keys[:10]))
    wanted = [*keys[5:30], twin, "0" * 32, "f" * 32]
    ledger = Ledger(tmp_path, TRIAL)
    found = ledger.find(wanted)
    texts = {k: ledger.read(position).text for k, position in found.items() if not position.gap}
    assert texts == {
        **{k: k for k in keys[6:30:2]},
        **{keys[n]: "later" for n in (5, 7, 9)},
        twin: twin,
    }
    gaps = {k for k, position in found.items() if position.gap}
    assert gaps == {keys[n] for n in range(11, 20, 2)}


def test_a_row_is_the_json_of_the_response_whatever_version_wrote_the_record(tmp_path):
    whole = Response(key(1), "ok", text="é", usage=Usage(3, 4), raw={"a": [1]}, usd=0.1)
    path = write(tmp_path, whole)
    (record,) = (record for record in records(path) if record["kind"] == "response")
    older = {name: record[name] for name in ("kind", "key", "gap", "at", "outcome", "text")}
    newer = {**record, "mood": "good", "usage": {**record["usage"], "watts": 3}}
    for given_record in (record, older, newer, record | {"usage": None}):
        row = row_of_record(given_record)
        response = Response.from_json(given_record)
        assert json.dumps(row) == json.dumps(response.to_json())
    assert row_of_record(record) == whole.to_json()


def test_after_a_failed_write_the_file_takes_nothing_more(tmp_path, monkeypatch):
    writer = LedgerWriter(tmp_path, TRIAL, {})
    writer.response(Response(key(1), "ok"))

    def full(file: int, data: bytes) -> int:
        return real(file, data[: len(data) // 2])

    real = os.write
    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(SplitplotError, match="cannot write the ledger"):
        writer.response(Response(key(2), "ok"))
    monkeypatch.setattr(module.os, "write", real)
    with pytest.raises(SplitplotError, match="an earlier write failed"):
        writer.response(Response(key(3), "ok"))
    assert set(found_texts(tmp_path, [key(1), key(2), key(3)])) == {key(1)}


WRITER = """
import random, sys
from pathlib import Path
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response
writer = LedgerWriter(Path(sys.argv[1]), sys.argv[2], {})
for number in range(1_000_000):
    key = f"{random.Random(number).getrandbits(128):032x}"
    writer.response(Response(key, "ok", text=str(number)))
    print(number, flush=True)
"""


def test_a_kill_loses_no_acknowledged_record(tmp_path):
    numbers = set()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "ledger"), TRIAL],
            stdout=subprocess.PIPE,
            text=True,
        )
        numbers |= {int(process.stdout.readline()) for _ in range(300)}
        process.kill()
        numbers |= {int(line) for line in process.stdout.read().splitlines()}
        process.wait()
    texts = found_texts(tmp_path / "ledger", [key(n) for n in numbers])
    assert texts == {key(n): str(n) for n in numbers}


def test_records_are_one_json_object_per_line_and_begin_with_kind_and_key(tmp_path):
    path = write(tmp_path, Response(key(1), "ok"))
    kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
    assert kinds == ["open", "intent", "response"]
    assert [record["kind"] for record in records(path)] == kinds
    write_index(path)
    assert path.with_suffix(".idx").stat().st_size == module.HEADER.size + 24
