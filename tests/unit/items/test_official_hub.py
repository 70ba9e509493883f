"""The official question-answering sets from the hub: which repository, and rows laid out as there."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.errors import ConfigError
from splitplot.items import is_remote, load_items
from splitplot.items.load import OFFICIAL

FOLDER = Path(__file__).parent / "official"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """repository(dataset, config, rows): a folder laid out as the hub's, in its place."""
    datasets = pytest.importorskip("datasets", reason="the optional package `datasets` is missing")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def make(dataset, config, rows):
        files = [{"split": "validation", "path": f"{config}/validation.parquet"}]
        configs = [{"config_name": config, "data_files": files}]
        (tmp_path / "repo" / config).mkdir(parents=True)
        text = f"---\nconfigs: {json.dumps(configs)}\n---\n"
        (tmp_path / "repo/README.md").write_text(text)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"repo/{config}/validation.parquet")
        monkeypatch.setitem(OFFICIAL, dataset, "repo")
        return {"kind": "dataset", "dataset": dataset, "path": None, "split": "validation"}

    return make


def test_squad2(repository, tmp_path):
    local = {"kind": "dataset", "dataset": "squad2", "path": "squad2.json", "split": "validation"}
    known, _ = load_items([local], root=FOLDER)
    rows = [
        {
            "id": item.id,
            "title": item.metadata["article"],
            "context": item.context,
            "question": item.input,
            "answers": {"text": list(item.targets), "answer_start": [0] * len(item.targets)},
        }
        for item in known
    ]
    items, provenance = load_items([repository("squad2", "squad_v2", rows)], root=tmp_path)
    assert items == known
    assert provenance[0]["revision"] is None
    assert len(provenance[0]["sha256"]) == 64
    assert "items_sha256" not in provenance[0]


def test_triviaqa_reads_the_configuration_without_documents(repository, tmp_path):
    text = (FOLDER / "triviaqa.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    items, provenance = load_items([repository("triviaqa", "rc.nocontext", rows)], root=tmp_path)
    assert [item.id for item in items] == ["tc_1", "qw_2"]
    assert provenance[0]["repeats"] == 1
    with pytest.raises(ConfigError, match="triviaqa:test: could not be loaded"):
        source = {"kind": "dataset", "dataset": "triviaqa", "path": None, "split": "test"}
        load_items([source], root=tmp_path)


def test_nq_open(repository, tmp_path):
    rows = [json.loads(line) for line in (FOLDER / "nq_open.jsonl").read_text().splitlines()]
    items, _ = load_items([repository("nq_open", "nq_open", rows)], root=tmp_path)
    assert [item.targets[0] for item in items] == ["Runa Aske", "1958", "Nub"]


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("squad2", "rajpurkar/squad_v2"),
        ("triviaqa", "mandarjoshi/trivia_qa"),
        ("nq_open", "google-research-datasets/nq_open"),
    ],
)
def test_without_a_path_they_are_fetched_from_their_authors(dataset, name):
    assert OFFICIAL[dataset] == name
    assert is_remote({"kind": "dataset", "dataset": dataset, "path": None})
    assert not is_remote({"kind": "dataset", "dataset": dataset, "path": "x.json"})
