"""The same cells observed again: new answers beside the old ones, none of them paid twice."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow


def test_a_wave_asks_everything_again_and_keeps_what_there_was(finished):
    before = set(finished.answers())
    told = finished.snakemake("-n", "--config", "wave=2026-12")
    assert "160 requests; 80 answers are in the ledger, 80 would be sent" in told
    assert not (finished.root / "results/ledger/waves").exists()
    finished.snakemake("--config", "wave=2026-12")
    assert finished.sent() == 160 and before < set(finished.answers())
    table = pq.read_table(finished.path("item_responses.parquet"), columns=["wave", "replication"])
    assert table.group_by(["wave", "replication"]).aggregate([([], "count_all")]).to_pylist() == [
        {"wave": wave, "replication": replication, "count_all": 40}
        for wave in ("", "2026-12")
        for replication in (0, 1)
    ]
    drift = finished.report()["drift"]
    assert drift["waves"] == ["first", "2026-12"] and len(drift["cells"]) == 2
    page = finished.path("report.html").read_text()
    assert "Between waves" in page and drift["sentence"] in page
    for wave in ("first", "2026-12"):
        assert f"wave {wave}, replication 1" in page and f"wave {wave}, replication 2" in page
    # From now on the study has it: without the word, and after its results are gone.
    assert "Nothing to be done" in finished.snakemake()
    shutil.rmtree(finished.path(""))
    finished.snakemake()
    assert finished.sent() == 160 and finished.report()["drift"] == drift


def test_a_wave_of_what_was_never_observed_is_refused(workspace):
    output = workspace.snakemake("--config", "wave=2026-12", ok=False)
    assert "make the report first, without `wave`" in output and "Traceback" not in output
    assert workspace.sent() == 0
    output = workspace.snakemake("--config", "waves=2026-12", ok=False)
    assert "did you mean" in output.lower() and "wave" in output


@pytest.mark.long
def test_the_first_results_do_not_change_with_a_wave_that_is_forgotten(finished):
    first = json.loads(finished.path("inference.json").read_text())
    finished.snakemake("--config", "wave=w2")
    (finished.root / "results/ledger/waves/s.json").unlink()
    finished.snakemake()
    again = json.loads(finished.path("inference.json").read_text())
    del first["frozen"], again["frozen"]
    flags = [flag for flag in again["flags"] if flag["code"] != "extended_after_read"]
    assert again | {"flags": flags} == first and finished.sent() == 160
