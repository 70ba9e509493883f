"""Two studies at a time; two runs are in test_stopping.py."""

import json
from copy import deepcopy

import pytest
import yaml

pytestmark = pytest.mark.slow


@pytest.mark.long
def test_two_studies_with_the_same_cells_pay_for_every_request_once(workspace, server):
    workspace.models = {"models": {"shared": server.model("shared")}}
    workspace.study["models"] = ["shared"]
    workspace.save()
    twin = deepcopy(workspace.study) | {"study": "twin", "execution": {"parts": 3}}
    workspace.write("config/studies/twin.yaml", yaml.safe_dump(twin))
    server.set_faults(latency_ms=100)
    workspace.snakemake("results/s/costs.json", "results/twin/costs.json")
    assert (server.received(), workspace.sent()) == (80, 80)
    paid = {}
    for study in ("s", "twin"):
        costs = json.loads((workspace.root / "results" / study / "costs.json").read_text())
        paid[study] = sum(cell["answered"] - cell["reused"] for cell in costs["cells"])
    assert sum(paid.values()) == 80
