"""How many parts a study gets that says how long a job of a local model is to take."""

from math import ceil, floor
from typing import Any

from splitplot import job_resources
from splitplot.errors import ConfigError
from splitplot.study.check import Checked
from splitplot.study.model import Study
from splitplot.study.sources import known_sizes

MOST_PARTS = 999
INSTEAD = "or write `execution.parts` instead"


def parts_of(checked: Checked, label: str) -> int:
    """The parts that let a job of the slowest local model take `execution.part_minutes`.

    A job asks for a part of a trial in all its conditions. Where the study does not say how long, its
    `execution.parts`. An item is never divided: there are at most as many parts. label: the study's
    file, for messages.
    Raises ConfigError where the number of items or a model's speed is not known before data is read, or
    where a job would be longer than its time limit.
    """
    study = checked.study
    minutes = study.execution.part_minutes
    if minutes is None:
        return study.execution.parts
    place = f"{label}: execution.part_minutes: {minutes}"
    rates: dict[tuple[str, str], float] = {}
    endpoints: dict[str, dict[str, Any]] = {}
    replications: dict[tuple[str, str], int] = {}
    for cell in checked.cells:
        model = checked.models[cell.model, cell.route]
        if model.route != "local":
            continue
        rate = (model.endpoint.get("speed") or {}).get("answers_per_minute")
        if rate is None:
            raise ConfigError(
                f"{place}: how fast {cell.model} answers is not known; write "
                f"`speed: {{answers_per_minute: …}}` for it in config/models.yaml, {INSTEAD}"
            )
        trial = (cell.model, cell.sampling)
        rates[trial] = float(rate)
        endpoints[cell.model] = model.endpoint
        replications[trial] = replications.get(trial, 0) + cell.replications
    if not rates:
        raise ConfigError(
            f"{place}: it is for models that the workflow loads (route local), and this study has none; "
            "write `execution.parts` instead"
        )
    items = _items(study, place)
    lengths = {trial: items * replications[trial] / rates[trial] for trial in rates}
    longest = max(lengths.values())
    parts = max(1, min(items, ceil(longest / minutes)))
    if parts > MOST_PARTS:
        raise ConfigError(
            f"{place}: that makes {parts:,} parts, and {MOST_PARTS} are the most; allow at least "
            f"{ceil(longest / MOST_PARTS):,} minutes"
        )
    for (name, _), length in lengths.items():
        _check_limit(place, name, endpoints[name], minutes, length / items)
    return parts


def _check_limit(
    place: str, name: str, endpoint: dict[str, Any], minutes: int, item_takes: float
) -> None:
    """Refuse jobs of a model that its time limit would always end, each try of them.

    item_takes: the minutes of one item in all conditions; where they are more than those asked for, a
    part of one item is longer than that.
    """
    start = float((endpoint.get("speed") or {}).get("start_seconds") or 0) / 60
    limit = job_resources.minutes({"endpoint": endpoint})
    needed = ceil(max(minutes, item_takes) + start)
    if needed <= limit:
        return
    shorter = floor(limit - start)
    way_out = f", or part_minutes: {shorter} at most" if item_takes <= shorter >= 1 else ""
    raise ConfigError(
        f"{place}: with the start of {name} a job of it may take {needed:,} minutes, and its time limit "
        f"is {limit:,}; write `resources: {{runtime_minutes: {needed}}}` or more for it in "
        f"config/models.yaml{way_out}"
    )


def _items(study: Study, place: str) -> int:
    """The number of items, at most, as the study itself says it."""
    counts = known_sizes(study.items)
    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) else None
    if study.sample is not None:
        total = study.sample.size
    if study.budget.policy == "dev":
        dev = study.budget.dev_items
        return dev if total is None else min(dev, total)
    if total is None:
        raise ConfigError(
            f"{place}: how many items items[{counts.index(None)}] has is not known before it is read; "
            f"give it a `limit`, or the study a `sample`, {INSTEAD}"
        )
    return total
