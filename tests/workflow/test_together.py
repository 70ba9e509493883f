"""Two at a time: runs, studies, and a question asked while a run goes on."""

import json
import time
from copy import deepcopy

import pytest
import yaml

pytestmark = pytest.mark.slow


def test_a_second_run_beside_the_first_is_told_so_and_status_shows_what_is_in_flight(
    workspace, server
):
    workspace.models = {"models": {"slow": server.model("slow")}}
    workspace.study["models"] = ["slow"]
    workspace.save()
    server.set_faults(latency_ms=4000)
    first = workspace.start("snakemake", "--profile", "local")
    deadline = time.monotonic() + 60
    while server.received() < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    code, output = workspace.run("splitplot", "status", "s", "--json")
    cells = json.loads(output)["cells"]
    assert code == 0
    assert sum(cell["in_flight"] for cell in cells) > 0
    assert sum(cell["missing"] + cell["in_flight"] + cell["done"] for cell in cells) == 80

    output = workspace.snakemake(ok=False)
    assert "another run is at work on study s" in output and "LockException" not in output
    assert "Traceback" not in output
    server.set_faults()
    printed, _ = first.communicate(timeout=120)
    assert first.returncode == 0, printed
    assert (server.received(), workspace.sent()) == (80, 80)


def test_two_studies_with_the_same_cells_pay_for_every_request_once(workspace, server):
    workspace.models = {"models": {"shared": server.model("shared")}}
    workspace.study["models"] = ["shared"]
    workspace.save()
    twin = deepcopy(workspace.study) | {"study": "twin", "execution": {"parts": 3}}
    workspace.write("config/studies/twin.yaml", yaml.safe_dump(twin))
    server.set_faults(latency_ms=100)
    workspace.snakemake("--config", "study=s,twin")
    assert (server.received(), workspace.sent()) == (80, 80)
    paid = {}
    for study in ("s", "twin"):
        costs = json.loads((workspace.root / "results" / study / "costs.json").read_text())
        paid[study] = sum(cell["answered"] - cell["reused"] for cell in costs["cells"])
        assert (workspace.root / "results" / study / "report.html").exists()
    assert sum(paid.values()) == 80
