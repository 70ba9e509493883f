"""The commit of a name on the hub is settled once, and outlives the results. No network."""

import json
import subprocess
import sys

import pytest

from splitplot import paths
from splitplot.calls.estimate import present_items
from splitplot.errors import ConfigError
from splitplot.items import load_items
from splitplot.items.pins import pin_path, pinned

FIRST, SECOND = "1" * 40, "2" * 40
GSM8K = {"kind": "dataset", "dataset": "gsm8k", "path": None, "split": "test"}


@pytest.fixture
def hub(monkeypatch):
    """A hub with one commit, whose questions name the revision that they were loaded at."""
    datasets = pytest.importorskip("datasets", reason="the optional package `datasets` is missing")

    class Hub:
        commit = FIRST
        asked = 0

    def dataset_info(_, name, **__):
        Hub.asked += 1
        if Hub.commit is None:
            raise ConnectionError("no network")
        return type("Info", (), {"sha": Hub.commit})

    def load_dataset(where, revision, **_):
        text = f"{where} at {revision}?"
        row = {"id": "1", "input": text, "target": "a"}
        official = {"question": text, "answer": "#### 1"}
        return datasets.Dataset.from_list([official if where == "openai/gsm8k" else row])

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", dataset_info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return Hub


def source(**more):
    return {"kind": "hf", "hf": "org/name", "split": "train", "map": {}, **more}


def load(tmp_path, *sources, **options):
    items, provenance = load_items(
        list(sources), root=tmp_path, pins=tmp_path / paths.REVISIONS, **options
    )
    return [item.input for item in items], provenance


def pins(tmp_path):
    return sorted((tmp_path / paths.REVISIONS).glob("*.json"))


def test_a_later_run_reads_the_commit_of_the_first_one_though_the_hub_has_moved_on(hub, tmp_path):
    before = load(tmp_path, source())
    hub.commit = SECOND
    assert load(tmp_path, source()) == before
    assert before[0] == [f"org/name at {FIRST}?"]
    assert hub.asked == 1


def test_the_pin_says_what_when_and_the_provenance_tells_it(hub, tmp_path):
    _, (record,) = load(tmp_path, source())
    (path,) = pins(tmp_path)
    pin = json.loads(path.read_text())
    assert path.name.startswith("org-name--")
    assert (pin["hub"], pin["revision"]) == ("org/name", FIRST)
    assert record["revision"] == FIRST
    assert record["pinned"] == f"at first use, {pin['at']}"


def test_every_study_and_every_split_shares_the_pin(hub, tmp_path):
    load(tmp_path, source())
    hub.commit = SECOND
    texts, _ = load(
        tmp_path, source(split="test", config="other"), source(hf="org/b", id_prefix="b")
    )
    assert texts == [f"org/name at {FIRST}?", f"org/b at {SECOND}?"]


def test_gsm8k_from_the_hub_is_pinned_too(hub, tmp_path):
    before = load(tmp_path, GSM8K)
    hub.commit = SECOND
    assert load(tmp_path, GSM8K) == before
    assert before[0] == [f"openai/gsm8k at {FIRST}?"]


def test_a_revision_in_the_study_comes_first_and_pins_nothing(hub, tmp_path):
    load(tmp_path, source())
    texts, (record,) = load(tmp_path, source(revision="v2"))
    assert texts == ["org/name at v2?"]
    assert "pinned" not in record
    load(tmp_path, source(hf="org/other", revision="v2"))
    assert len(pins(tmp_path)) == 1


def test_a_local_folder_is_digested_and_not_pinned(tmp_path, monkeypatch):
    pytest.importorskip("datasets", reason="the optional package `datasets` is missing")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "org/name").mkdir(parents=True)
    row = {"id": "1", "input": "?", "target": "a"}
    (tmp_path / "org/name/train.jsonl").write_text(json.dumps(row) + "\n")
    _, (record,) = load(tmp_path, source())
    assert pins(tmp_path) == []
    assert "pinned" not in record
    assert len(record["sha256"]) == 64


def test_a_local_file_of_the_official_format_is_not_pinned(tmp_path):
    (tmp_path / "g.jsonl").write_text('{"question": "Q", "answer": "#### 1"}\n')
    load(tmp_path, GSM8K | {"path": "g.jsonl"})
    assert pins(tmp_path) == []


def test_without_a_network_nothing_is_pinned_and_what_is_pinned_is_used(hub, tmp_path):
    hub.commit = None
    assert load(tmp_path, source())[1][0]["revision"] is None
    assert pins(tmp_path) == []
    hub.commit = FIRST
    load(tmp_path, source())
    hub.commit = None
    assert load(tmp_path, source())[1][0]["revision"] == FIRST


def test_a_dry_run_reads_pins_and_writes_none(hub, tmp_path):
    plan = {"study": "s", "items": [source()], "item_limit": None, "digests": {"items": "x"}}
    plan["study_file"] = "config/studies/s.yaml"
    assert present_items(plan, tmp_path)[0].input == f"org/name at {FIRST}?"
    assert not (tmp_path / paths.LEDGER).exists()
    load(tmp_path, source())
    hub.commit = SECOND
    assert present_items(plan, tmp_path)[0].input == f"org/name at {FIRST}?"


def test_of_two_first_uses_the_first_writer_wins(tmp_path, monkeypatch):
    def overtaken(name):
        """While this process asks the hub, another one has asked, and writes."""
        code = (
            "import sys; from pathlib import Path; from splitplot.items import hub, pins\n"
            f"hub.present_commit = lambda name: {FIRST!r}\n"
            "pins.pinned({}, sys.argv[1], Path(sys.argv[2]))\n"
        )
        subprocess.run([sys.executable, "-c", code, name, str(tmp_path)], check=True)
        return SECOND

    monkeypatch.setattr("splitplot.items.hub.present_commit", overtaken)
    assert pinned({}, "org/name", tmp_path)[0]["revision"] == FIRST


def test_names_that_read_alike_have_pins_of_their_own(tmp_path):
    names = ["org/name", "org-name", "Org/Name", "o" * 60 + "/a", "o" * 60 + "/b"]
    assert len({pin_path(tmp_path, name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"hub": "org/b", "revision": "1", "at": "2"}']
)
def test_a_file_that_is_no_pin_of_the_name_is_one_readable_line(tmp_path, content):
    path = pin_path(tmp_path, "org/name")
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        pinned({}, "org/name", tmp_path)
    assert str(caught.value).startswith(f"{path}: is not the pin of org/name; it must hold")
    assert "\n" not in str(caught.value)
