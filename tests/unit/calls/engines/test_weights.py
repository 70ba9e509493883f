"""A folder of weights is known by a digest that another training of the model changes."""

import os
import subprocess
import sys

import pytest

from splitplot.calls.engines import weights
from splitplot.calls.engines.weights import folder_sha256, weights_sha256
from splitplot.errors import ConfigError

BIG = 3 * 2**20


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "WHOLE_BYTES", 2**20)
    monkeypatch.setattr(weights, "BLOCK_BYTES", 2**12)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-00001.safetensors").write_bytes(os.urandom(BIG))
    return tmp_path


def test_what_an_engine_reads_is_part_of_the_digest(folder):
    seen = {folder_sha256(folder)}
    big = folder / "model-00001.safetensors"
    for change in (
        lambda: (folder / "config.json").write_text('{"a": 1}'),
        lambda: (folder / "tokenizer.json").write_text("{}"),
        lambda: big.write_bytes(os.urandom(BIG)),  # same names, same sizes: another training
        lambda: big.write_bytes(big.read_bytes()[:-1] + b"!"),
        lambda: big.rename(folder / "model-00002.safetensors"),
    ):
        change()
        seen.add(folder_sha256(folder))
    assert len(seen) == 6


def test_what_no_engine_reads_is_not(folder):
    before = folder_sha256(folder)
    for name in ("README.md", "LICENSE", ".gitattributes"):
        (folder / name).write_text("x")
    (folder / "onnx").mkdir()
    os.utime(folder / "config.json", ns=(1, 1))
    assert folder_sha256(folder) == before


def test_the_digest_to_paste_is_printed_by_a_command(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    command = [sys.executable, "-m", "splitplot.calls.engines.weights"]
    command += [str(tmp_path), str(tmp_path / "config.json")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert said == [folder_sha256(tmp_path), weights_sha256(tmp_path / "config.json")]


@pytest.mark.parametrize(
    ("argument", "code", "message"),
    [
        (None, 2, "usage: python -m splitplot.calls.engines.weights PATH"),
        ("none", 1, "none: No such file or directory"),
        (
            "empty",
            2,
            "empty: no files of a model in this folder (those of sub-folders do not count)",
        ),
    ],
)
def test_what_has_no_digest_is_one_line_and_an_exit_code(tmp_path, argument, code, message):
    (tmp_path / "empty/snapshots").mkdir(parents=True)
    (tmp_path / "empty/README.md").write_text("x")
    (tmp_path / "config.json").write_text("{}")
    command = [sys.executable, "-m", "splitplot.calls.engines.weights"]
    command += [str(tmp_path / "config.json"), str(tmp_path / argument)] if argument else []
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("splitplot: ") and message in line


def test_a_file_of_weights_that_is_not_on_a_node_names_the_node(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^node \S+: weights\.path: no\.gguf: no such file; bring it"
    ):
        weights.find_weights({"path": "no.gguf"}, tmp_path)
    with pytest.raises(ConfigError, match=r"^node \S+: weights: package no_such is not installed"):
        weights.find_weights({"package": "no_such", "file": "m.gguf"}, tmp_path)
