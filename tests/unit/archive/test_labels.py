"""What inference reads beside table and plan goes with the archive: the study's own labelled answers."""

import json
from pathlib import Path

import pytest

from splitplot.archive import make_archive, rebuild
from splitplot.errors import SplitplotError


@pytest.mark.slow
def test_a_study_with_labels_is_made_anew_without_them_lying_there(new_workspace, tmp_path):
    workspace = new_workspace("labelled", 8)
    texts = [("Paris.", "answers"), ("I don't know.", "abstains"), ("I can't help.", "refuses")]
    lines = [
        json.dumps({"id": str(n), "text": text, "label": label})
        for n, (text, label) in enumerate(texts)
    ]
    workspace.write("data/labels.jsonl", "\n".join(lines) + "\n")
    scorers = [{"scorer": "exact", "abstain": True}]
    plan = workspace.finish(scorers=scorers, labels="data/labels.jsonl")
    make_archive(plan, Path(), tmp_path / "s.tar.gz")
    audit = json.loads(Path("results/s/inference.json").read_bytes())["audit"]
    assert audit["own"]["n"] == 3
    Path("data/labels.jsonl").unlink()
    assert rebuild(tmp_path / "s.tar.gz", tmp_path / "out")["identical"]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("there", [False, True])
def test_labels_outside_of_the_workspace_are_read_from_the_archive(
    new_workspace, tmp_path, read_members, repack, there
):
    """Also where a file lies at their path: it is the reader's, and a stranger's plan may name any."""
    workspace = new_workspace("labelled", 8)
    outside = tmp_path / "elsewhere.jsonl"
    lines = [{"id": "1", "text": "Paris.", "label": "answers"}]
    lines += [{"id": "2", "text": "I don't know.", "label": "abstains"}]
    outside.write_text("".join(json.dumps(line) + "\n" for line in lines))
    scorers = [{"scorer": "exact", "abstain": True}]
    plan = workspace.finish(scorers=scorers, labels=str(outside))
    make_archive(plan, Path(), tmp_path / "s.tar.gz")
    if there:
        outside.write_text("a private letter\n")
    else:
        outside.unlink()
    assert rebuild(tmp_path / "s.tar.gz", tmp_path / "out")["identical"]
    members = read_members(tmp_path / "s.tar.gz")
    del members["labels.jsonl"]
    with pytest.raises(SplitplotError, match=r"labels\.jsonl: missing"):
        rebuild(repack(members, seal=True), tmp_path / "without")
