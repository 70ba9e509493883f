"""The trials of a plan, as plan.json has them."""

from typing import Any, cast

from splitplot import paths
from splitplot.errors import SplitplotError


def trial_of(plan: dict[str, Any], trial_id: str) -> dict[str, Any]:
    """A trial of the plan, by its id.

    Raises SplitplotError where the plan has none of that name: a job that waited at Slurm reads the plan
    of the run that is newest.
    """
    for trial in plan["trials"]:
        if trial["id"] == trial_id:
            return cast(dict[str, Any], trial)
    raise SplitplotError(
        f"trial {trial_id} is no longer in {paths.PLAN.format(study=plan['study'])}: the study was changed "
        "after this job was submitted; a job that is still at Slurm can go: scancel it"
    )
