"""What a job of rule `generate` asks of a batch system, from the `resources` of its model.

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
    "mem_mb": lambda resources: int(resources.get("memory_mb") or JOB_MEMORY_MB),
    "runtime": lambda resources: minutes(resources),
    "gpu": lambda resources: gpus(resources) or None,
    "gpu_model": lambda resources: _text(resources, "gpu_type") if gpus(resources) else None,
    "cpus_per_task": lambda resources: int(resources["cpus"]) if resources.get("cpus") else None,
    "slurm_partition": lambda resources: _text(resources, "partition"),
    "slurm_account": lambda resources: _text(resources, "account"),
    "qos": lambda resources: _text(resources, "qos"),
    "constraint": lambda resources: _text(resources, "constraint"),
}
"""Each resource, as a function of what stands under `resources` of a model."""

GPUS_HERE = "gpus_here"
"""Counted where jobs run on this machine, so that those in hand do not want more GPUs than it has."""


def of_trial(trial: dict[str, Any]) -> dict[str, Any]:
    """What stands under `resources` of a trial's model."""
    return trial["endpoint"].get("resources") or {}


def gpus(resources: dict[str, Any]) -> int:
    """How many GPUs a job gets."""
    return int(resources.get("gpus") or 0)


def minutes(resources: dict[str, Any]) -> int:
    """The time limit of a job, in minutes."""
    return int(resources.get("runtime_minutes") or JOB_MINUTES)


def threads(trial: dict[str, Any]) -> int:
    """CPU threads of a job: what its model asks for, else those of its engine, else one."""
    return int(of_trial(trial).get("cpus") or trial["endpoint"].get("threads") or 1)


def environment(trial: dict[str, Any]) -> str:
    """The conda environment of a job, a file of envs/: vLLM needs one of its own."""
    return "gpu-vllm" if trial["endpoint"].get("engine") == "vllm" else "base"


def _text(resources: dict[str, Any], key: str) -> str | None:
    value = resources.get(key)
    return None if value is None else str(value)
