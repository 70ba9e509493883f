"""What a job of rule `generate` asks of a batch system, from what the plan says of its model.

The names on the left are those of Snakemake and of its executor for Slurm. None: not asked for.
"""

from collections.abc import Callable
from typing import Any

JOB_MEMORY_MB = 4000
"""Memory of a job whose model does not say: enough for a small one."""

JOB_MINUTES = 60
"""Time limit of a job whose model does not say."""

Ask = Callable[[dict[str, Any]], int | str | None]

ASKED: dict[str, Ask] = {
    "mem_mb": lambda trial: int(_given(trial).get("memory_mb") or JOB_MEMORY_MB),
    "runtime": lambda trial: minutes(trial),
    "gpu": lambda trial: gpus(trial) or None,
    "gpu_model": lambda trial: _text(trial, "gpu_type") if gpus(trial) else None,
    # An engine runs on one node; GPUs that Slurm had found on two would be idle there, and missed here.
    "nodes": lambda trial: 1,
    # Never left to the rule's threads: `cores` of a profile cuts those without a word.
    "cpus_per_task": lambda trial: threads(trial),
    "slurm_partition": lambda trial: _text(trial, "partition"),
    "slurm_account": lambda trial: _text(trial, "account"),
    "qos": lambda trial: _text(trial, "qos"),
    "constraint": lambda trial: _text(trial, "constraint"),
}
"""Each resource, as a function of a trial of the plan."""

GPUS_HERE = "gpus_here"
"""Counted where jobs run on this machine, so that those in hand do not want more GPUs than it has."""


def gpus(trial: dict[str, Any]) -> int:
    """How many GPUs a job gets: what its model asks for, else what its engine will use.

    An engine takes the GPUs that it sees, asked for or not: one that goes uncounted shares its GPU.
    """
    endpoint = trial["endpoint"]
    asked = _given(trial).get("gpus")
    if asked is not None:
        return int(asked)
    if endpoint.get("engine") == "vllm":
        return int(endpoint["tensor_parallel"])
    return 1 if endpoint.get("gpu_layers") else 0


def minutes(trial: dict[str, Any]) -> int:
    """The time limit of a job, in minutes."""
    return int(_given(trial).get("runtime_minutes") or JOB_MINUTES)


def threads(trial: dict[str, Any]) -> int:
    """CPU threads of a job: what its model asks for, else those of its engine, else one."""
    return int(_given(trial).get("cpus") or trial["endpoint"].get("threads") or 1)


def environment(trial: dict[str, Any]) -> str:
    """The conda environment of a job, a file of envs/: vLLM needs one of its own."""
    return "gpu-vllm" if trial["endpoint"].get("engine") == "vllm" else "base"


def _given(trial: dict[str, Any]) -> dict[str, Any]:
    return trial["endpoint"].get("resources") or {}


def _text(trial: dict[str, Any], key: str) -> str | None:
    value = _given(trial).get(key)
    return None if value is None else str(value)
