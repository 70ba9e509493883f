"""The GPU-hours that a study asks for: what its jobs reserve at most, and what they probably use."""

from collections.abc import Iterable
from dataclasses import dataclass

from splitplot import job_resources
from splitplot.calls.remaining import Remaining


@dataclass(frozen=True)
class GpuHours:
    """jobs: those with something to ask. at_most: GPUs × time limit, over the jobs, as config/models.yaml
    has them; a job that is repeated asks again. expected: None where the speed of a model is not known,
    and above at_most where time limits are too short.
    """

    jobs: int
    at_most: float
    expected: float | None


def gpu_hours(works: Iterable[Remaining]) -> GpuHours:
    """GPU-hours of the remaining work of the cells of a plan. One job is a part of a trial."""
    trials: dict[str, tuple[Remaining, set[int], int]] = {}
    for work in works:
        if work.trial["route"] != "local" or not job_resources.gpus(work.trial) or not len(work):
            continue
        _, parts, answers = trials.get(work.trial["id"], (work, set(), 0))
        trials[work.trial["id"]] = (work, parts | set(work.part), answers + len(work))
    jobs, at_most, expected = 0, 0.0, 0.0
    known = bool(trials)
    for work, parts, answers in trials.values():
        gpus = job_resources.gpus(work.trial)
        speed = work.trial["endpoint"].get("speed") or {}
        jobs += len(parts)
        at_most += len(parts) * gpus * job_resources.minutes(work.trial) / 60
        rate = speed.get("answers_per_minute")
        if rate is None:
            known = False
        else:
            start = len(parts) * (speed.get("start_seconds") or 0) / 3600
            expected += gpus * (start + answers / rate / 60)
    return GpuHours(jobs, at_most, expected if known else None)
