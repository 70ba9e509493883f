"""The documented GSM8K study, on the official file and the local model, from end to end."""

import shutil
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "gsm8k" / "test.jsonl"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.model,
    pytest.mark.skipif(not DATA.exists(), reason=f"no GSM8K test file at {DATA}"),
]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("limit", [3, 30])
def test_the_first_items_of_gsm8k_run_through_the_local_model(workspace, limit):
    study = yaml.safe_load((REPOSITORY / "config/studies/gsm8k.yaml").read_text())
    assert study["items"][0]["limit"] == 30
    study["items"][0] |= {"path": str(DATA), "limit": limit}
    study["sampling"] = [{"name": "short", "temperature": 0, "max_tokens": 48}]
    workspace.write("config/studies/gsm8k.yaml", yaml.safe_dump(study))
    shutil.copytree(REPOSITORY / "prompts", workspace.root / "prompts", dirs_exist_ok=True)
    shutil.copy(REPOSITORY / "config/models.yaml", workspace.root / "config/models.yaml")
    workspace.snakemake("results/gsm8k/report.html")
    report = (workspace.root / "results/gsm8k/report.md").read_text()
    assert workspace.sent() == limit * len(study["conditions"])
    page = (workspace.root / "results/gsm8k/report.html").read_text()
    assert f"gsm8k-test-{limit - 1:04d}" in page
    assert f"{limit} items" in report
