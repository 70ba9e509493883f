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


@pytest.mark.timeout(600)
def test_the_first_thirty_items_of_gsm8k_run_through_the_local_model(workspace):
    study = yaml.safe_load((REPOSITORY / "config/studies/gsm8k.yaml").read_text())
    study["items"][0]["path"] = str(DATA)
    study["sampling"] = [{"name": "short", "temperature": 0, "max_tokens": 48}]
    workspace.write("config/studies/gsm8k.yaml", yaml.safe_dump(study))
    shutil.copytree(REPOSITORY / "prompts", workspace.root / "prompts", dirs_exist_ok=True)
    shutil.copy(REPOSITORY / "config/models.yaml", workspace.root / "config/models.yaml")
    workspace.snakemake("results/gsm8k/report.html")
    report = (workspace.root / "results/gsm8k/report.md").read_text()
    assert workspace.sent() == 30 * len(study["conditions"])
    assert "gsm8k-test-0029" in (workspace.root / "results/gsm8k/report.html").read_text()
    assert "30 items" in report
