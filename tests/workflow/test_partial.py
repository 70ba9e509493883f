"""A report with holes: on request, without sending anything, and filled by the next plain run."""

import pytest

pytestmark = pytest.mark.slow

HINT = "snakemake --profile local --config partial=true"


@pytest.fixture
def two_models(workspace, server, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    workspace.models = {
        "models": {
            "open": server.model("open"),
            "closed": server.model("closed", api_key_env="NO_SUCH_KEY"),
        }
    }
    workspace.study["models"] = ["open", "closed"]
    workspace.save()
    return workspace


@pytest.mark.long
def test_a_missing_key_stops_only_its_trial_and_a_partial_report_shows_the_holes(
    two_models, server
):
    output = two_models.snakemake(ok=False)
    assert "the environment variable NO_SUCH_KEY is not set" in output
    assert "Traceback" not in output
    assert "results/s/logs" in output
    assert output.count(HINT) == 1
    assert server.received() == 80  # the other model is answered
    assert not two_models.path("report.html").exists()

    two_models.snakemake("--config", "partial=true")
    assert server.received() == 80
    health = two_models.report()["health"]
    assert (health["grid_rows"], health["filled"]) == (160, 80)
    assert "INCOMPLETE" in two_models.path("report.md").read_text()
    assert "80 of 160 planned answers" in two_models.path("report.html").read_text()
    assert "Nothing to be done" in two_models.snakemake("--config", "partial=true")

    two_models.snakemake(NO_SUCH_KEY="key")
    assert (server.received(), two_models.sent()) == (160, 160)
    assert two_models.report()["health"]["filled"] == 160
    assert "INCOMPLETE" not in two_models.path("report.md").read_text()
    assert "Nothing to be done" in two_models.snakemake(NO_SUCH_KEY="key")


@pytest.mark.long
def test_a_partial_report_has_what_the_ledger_has_of_a_cell_that_has_grown(two_models, server):
    two_models.study["models"] = ["closed"]
    two_models.save()
    two_models.snakemake("results/s/costs.json", NO_SUCH_KEY="key")
    two_models.items += [
        {"id": f"n{n}", "input": f"What is {n} + 9?", "target": n + 9} for n in range(10)
    ]
    two_models.save()
    output = two_models.snakemake("-n", "--config", "partial=true")
    assert "study s: a partial report sends nothing" in output
    two_models.snakemake("--config", "partial=true")
    assert server.received() == 80
    health = two_models.report()["health"]
    assert (health["grid_rows"], health["filled"]) == (120, 80)
    two_models.snakemake("results/s/costs.json", ok=False)
    assert server.received() == 80
