import re
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.errors import ConfigError
from splitplot.items import load_items

README = """\
---
license: cc0-1.0
configs:
  - config_name: plain
    data_files:
      - {split: train, path: plain/train.jsonl}
      - {split: test, path: plain/test.jsonl}
---
# A data set of one configuration
"""


@pytest.fixture
def repository(tmp_path, lines, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="the optional package `datasets` is missing")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = tmp_path / "repo"
    (folder / "plain").mkdir(parents=True)
    (folder / "README.md").write_text(README)
    train = [{"idx": n, "problem": f"P{n}", "answer": n} for n in range(4)]
    (folder / "plain/train.jsonl").write_text(lines(*train))
    (folder / "plain/test.jsonl").write_text(lines({"idx": 9, "problem": " ", "answer": 9}))
    table = pa.table({"idx": ["a"], "problem": ["P"], "answer": [["x", "y"]], "png": [b"\x89"]})
    (tmp_path / "columns").mkdir()
    pq.write_table(table, tmp_path / "columns/train.parquet")
    return folder


def source(**more):
    mapping = {"id": "idx", "input": "problem", "target": "answer"}
    return {"kind": "hf", "hf": "repo", "config": "plain", "split": "train", "map": mapping, **more}


def test_a_local_repository_is_read_offline_as_the_hub_would_be(repository):
    items, provenance = load_items([source()], root=repository.parent)
    assert [(item.id, item.input, item.targets) for item in items] == [
        (str(n), f"P{n}", (str(n),)) for n in range(4)
    ]
    assert provenance[0]["source"] == items[0].source == "repo:plain:train"
    assert provenance[0]["revision"] is None


def test_a_local_repository_is_recorded_by_the_digest_of_its_files(repository, lines):
    def digest_of():
        return load_items([source(limit=1)], root=repository.parent)[1][0]["sha256"]

    before = digest_of()
    (repository / ".git").mkdir()
    (repository / ".git/HEAD").write_text("hidden files do not count")
    assert digest_of() == before
    (repository / "plain/extra.txt").write_text("x")
    assert digest_of() != before


def test_lists_come_from_parquet_and_other_columns_stay_unread(repository):
    mapping = {"id": "idx", "input": "problem", "targets": "answer"}
    items, _ = load_items([source(hf="columns", config=None, map=mapping)], root=repository.parent)
    assert items[0].targets == ("x", "y")


def test_the_limit_is_the_first_rows(repository):
    assert len(load_items([source(limit=2)], root=repository.parent)[0]) == 2


def test_a_wrong_row_is_named_by_its_number(repository):
    with pytest.raises(ConfigError, match=r"repo:plain:test: row 1: input .* is empty"):
        load_items([source(split="test")], root=repository.parent)


def test_a_missing_column_names_those_that_exist(repository):
    with pytest.raises(ConfigError) as caught:
        load_items([source(map={"input": "problme"})], root=repository.parent)
    assert str(caught.value) == (
        'repo:plain:train: map.input: no column "problme"; did you mean "problem"? '
        "(known: answer, idx, problem)"
    )


@pytest.mark.parametrize("wrong", [{"split": "validation"}, {"config": "plane"}])
def test_an_unknown_split_or_config_is_one_readable_line(repository, wrong):
    with pytest.raises(ConfigError) as caught:
        load_items([source(**wrong)], root=repository.parent)
    message = str(caught.value)
    assert "could not be loaded" in message
    assert "\n" not in message


def test_a_name_that_cannot_be_fetched_is_one_readable_line(repository):
    with pytest.raises(ConfigError) as caught:
        load_items([source(hf="nobody/nothing")], root=repository.parent)
    assert str(caught.value).startswith("nobody/nothing:plain:train: could not be loaded: ")


def test_the_commit_that_a_name_stands_for_is_loaded_and_recorded(repository, monkeypatch):
    import datasets

    commit = "0123456789abcdef0123456789abcdef01234567"
    asked = {}

    def load_dataset(where, **named):
        asked.update(where=where, **named)
        return datasets.Dataset.from_list([{"idx": 1, "problem": "P", "answer": "A"}])

    class Info:
        sha = commit

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *_, **__: Info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    _, [found] = load_items([source(hf="org/name")], root=repository.parent)
    assert asked["revision"] == found["revision"] == commit
    _, [other] = load_items([source(hf="org/name", revision="v1")], root=repository.parent)
    assert asked["revision"] == other["revision"] == "v1"
    assert found["items_sha256"] == other["items_sha256"]
    assert re.fullmatch("[0-9a-f]{64}", found["items_sha256"])


def test_items_of_the_hub_are_recorded_by_the_digest_of_all_that_was_read(repository, monkeypatch):
    """Where nobody tells the commit it is all that tells one version of the data from another."""
    import datasets

    monkeypatch.setattr("splitplot.items.hub.present_commit", lambda name: None)

    def digest_of(**row):
        rows = [
            {"idx": 1, "problem": "P", "answer": "A"} | row,
            {"idx": 2, "problem": "Q", "answer": "B"},
        ]
        monkeypatch.setattr(
            datasets, "load_dataset", lambda *_, **__: datasets.Dataset.from_list(rows)
        )
        _, [found] = load_items([source(hf="org/name")], root=repository.parent)
        assert found["sha256"] is found["revision"] is None
        return found["items_sha256"]

    assert digest_of() == digest_of()
    assert len({digest_of(), digest_of(problem="R"), digest_of(answer="C"), digest_of(idx=3)}) == 4


def test_gsm8k_without_a_path_comes_from_the_hub(repository, monkeypatch):
    import datasets

    rows = [{"question": "Q", "answer": "#### 1,000"}]
    asked = {}

    def load_dataset(where, **named):
        asked.update(where=where, **named)
        return datasets.Dataset.from_list(rows)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    hub = {"kind": "dataset", "dataset": "gsm8k", "path": None, "split": "train"}
    items, _ = load_items([hub], root=repository.parent)
    assert (asked["where"], asked["name"], asked["split"]) == ("openai/gsm8k", "main", "train")
    assert (items[0].id, items[0].targets) == ("gsm8k-train-0000", ("1000",))


def test_without_the_package_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'splitplot\[hub\]'"):
        load_items([source()], root=tmp_path)
