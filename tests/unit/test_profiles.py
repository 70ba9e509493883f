"""What the shipped profile for Slurm asks for, by Snakemake's own rule for jobs of several cells."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

PROFILE = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "profiles/slurm/config.yaml").read_text(encoding="utf-8")
)


def whole(entries):
    """The numbers among `NAME=VALUE` entries."""
    pairs = (entry.split("=", 1) for entry in entries)
    return {name: int(value) for name, value in pairs if value.isdecimal()}


def asked_by_a_group(rule, cells):
    from snakemake.resources import GroupResources, Resources

    cell = whole(PROFILE["default-resources"]) | PROFILE["set-resources"].get(rule, {})
    jobs = [SimpleNamespace(resources=cell | {"_cores": 1, "_nodes": 1}, pipe_group=None)] * cells
    limits = Resources.from_mapping({"_cores": PROFILE["cores"]})
    return GroupResources.basic_layered([jobs], limits, run_local=False)


@pytest.mark.parametrize("rule", ["scores", "look_scores"])
def test_scores_of_twenty_cells_ask_for_at_most_half_an_hour(rule):
    """Times add up over the cells that do not go side by side; many partitions end at an hour or less."""
    cells = whole(PROFILE["group-components"])["scores"]
    asked = asked_by_a_group(rule, cells)
    assert cells == 20 and asked["_cores"] == PROFILE["cores"]
    assert (
        5 <= asked["runtime"] <= 30
    )  # five: the signal before the limit comes two to three minutes early
    assert asked["mem_mb"] == PROFILE["cores"] * 2000
    assert asked_by_a_group(rule, 1)["runtime"] >= 5
