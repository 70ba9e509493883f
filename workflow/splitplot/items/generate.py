"""The process that generates procedural tasks: a request as JSON on stdin, items as JSON lines on stdout.

Run as `PYTHONHASHSEED=0 python -W ignore -m splitplot.items.generate`; see `reasoning_gym.py` for why.
How reasoning_gym seeds: entry i of a task comes from Random(seed + i), so neighbouring seeds would
share nearly all their entries, and some tasks draw tables whose content depends on their size. Hence
seeds derived from (seed, task, block) and blocks of a fixed size.
"""

import dataclasses
import json
import os
import random
import sys
import warnings
from collections.abc import Iterator
from datetime import date, time
from typing import Any, Literal, get_args, get_origin

from splitplot.canonical import digest
from splitplot.errors import ConfigError, near_miss

BLOCK = 500
"""Entries drawn from one seeded data set of a task (the package's own default size)."""
GIVE_UP_AFTER = 500
"""Entries in a row without a new question after which a task is taken to have no more."""
RESERVED = ("seed", "size")


def main() -> None:
    """Answer one request; exit code 2 and one line on stderr when the request is at fault."""
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # some tasks print while they search
    try:
        print(json.dumps({"version": _version()}), file=answers)
        for row in generate(request["tasks"], request["size"], request["seed"]):
            print(json.dumps(row, ensure_ascii=False, allow_nan=False), file=answers)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(ConfigError.exit_code)
    answers.close()


def generate(tasks: dict[str, dict[str, Any]], size: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows {"task", "index", "config", "settings", "category", "entry"} of a task mix, in order.

    index: k-th item of its task; config: what was set; settings: all of the task's settings.
    Raises ConfigError for what the request gets wrong, before anything is generated.
    """
    configs = {name: {k: v for k, v in tasks[name].items() if k != "weight"} for name in tasks}
    settings = {name: _settings(name, configs[name]) for name in sorted(tasks)}
    weights = {name: _weight(name, tasks[name].get("weight", 1)) for name in sorted(tasks)}
    streams = {name: _distinct(name, configs[name], seed) for name in sorted(tasks)}
    counts = dict.fromkeys(streams, 0)
    for name in sequence(weights, size):
        category, entry = next(streams[name])
        yield {
            "task": name,
            "index": counts[name],
            "config": configs[name],
            "settings": settings[name],
            "category": category,
            "entry": entry,
        }
        counts[name] += 1


def sequence(weights: dict[str, float], size: int) -> Iterator[str]:
    """The task of each item: always the one that is furthest behind its share, ties in name order.

    A fixed function of weights and position: every prefix holds the mix as exactly as whole numbers allow.
    """
    if not weights or size < 1:
        raise ConfigError("give at least one task and a size of at least 1")
    total = sum(weights.values())
    counts = dict.fromkeys(sorted(weights), 0)
    for position in range(1, size + 1):
        name = max(counts, key=lambda task: weights[task] * position / total - counts[task])
        counts[name] += 1
        yield name


def dataset(task: str, config: dict[str, Any], seed: int) -> Any:
    """A seeded data set of a task. Raises ConfigError for unknown tasks and unfit settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarnings of the package's sources
        try:
            from reasoning_gym.factory import DATASETS
        except ModuleNotFoundError:
            raise ConfigError(
                "the package reasoning_gym is not installed; install the locked environment"
            ) from None
    known = [name for name in DATASETS if name != "composite"]
    if task not in known:
        raise ConfigError(f'tasks: unknown task "{task}"{near_miss(task, known)}')
    dataset_class, config_class = DATASETS[task]
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    settable = [name for name in fields if name not in RESERVED]
    values = {}
    for name, value in config.items():
        if name not in settable:
            hint = near_miss(name, [*settable, "weight"])
            if name in RESERVED:
                hint = "; it is set for the whole source, beside `tasks`"
            raise ConfigError(f'tasks.{task}: unknown setting "{name}"{hint}')
        values[name] = _fit(value, fields[name], f"tasks.{task}.{name}")
    try:
        made = config_class(**values, seed=seed, size=BLOCK)
        if hasattr(made, "validate"):
            made.validate()
        return dataset_class(config=made)
    except (AssertionError, ValueError, TypeError, AttributeError, KeyError) as error:
        reason = str(error) or type(error).__name__
        raise ConfigError(f"tasks.{task}: {json.dumps(config)} does not fit: {reason}") from error


def _distinct(task: str, config: dict[str, Any], seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(category, entry) of a task without end, each question once."""
    seen: set[str] = set()
    fruitless = 0
    block = 0
    while True:
        start = int(digest([seed, task, block], 8), 16) >> 1  # 31 bits: numpy takes no more than 32
        data = dataset(task, config, start)
        for index in range(BLOCK):
            random.seed(start + index)  # one task draws from the global generator
            entry = _plain_entry(_entry(data, index, task, config), task)
            if entry["question"] in seen:
                fruitless += 1
                if fruitless == GIVE_UP_AFTER:
                    raise ConfigError(
                        f"tasks.{task}: {json.dumps(config)} has no more than {len(seen)} different "
                        "questions; widen its settings, lower its weight or the size"
                    )
                continue
            fruitless = 0
            seen.add(entry["question"])
            yield data.category, entry
        block += 1


def _entry(data: Any, index: int, task: str, config: dict[str, Any]) -> Any:
    try:
        return data[index]
    except Exception as error:  # not every task checks its settings before it draws
        reason = str(error) or type(error).__name__
        raise ConfigError(f"tasks.{task}: {json.dumps(config)} does not fit: {reason}") from error


def _plain_entry(entry: dict[str, Any], task: str) -> dict[str, Any]:
    """The entry as JSON keeps it. Raises ConfigError where it cannot."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(_plain(entry), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"tasks.{task}: an entry cannot be kept as JSON ({error}); leave it out"
        ) from None
    details = plain["metadata"]
    if task == "time_intervals" and details["task_type"].startswith("time"):
        # times of day carry the date of the day on which they were made, and no verifier reads it
        for key in ("start_time", "end_time"):
            details[key] = details[key].partition(" ")[2]
    return plain


def _plain(value: Any) -> Any:
    """Sets become sorted lists, arrays and numbers of numpy plain ones; the rest is JSON's business."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted(
            (_plain(inner) for inner in value), key=lambda inner: (str(type(inner)), inner)
        )
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def _settings(task: str, config: dict[str, Any]) -> dict[str, Any]:
    """All settings of a task as JSON values, whether set or default: what its items depend on."""
    made = dataset(task, config, seed=0).config
    every = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    kept = {name: value for name, value in every.items() if name not in RESERVED}
    settings: dict[str, Any] = json.loads(json.dumps(_plain(kept), default=str))
    return settings


def _weight(task: str, weight: Any) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
        raise ConfigError(f"tasks.{task}.weight: must be a number above 0, not {weight!r}")
    return float(weight)


def _fit(value: Any, field: Any, place: str) -> Any:
    """The value as the setting's type has it. Raises ConfigError where it cannot be."""
    kind = field.type
    if kind in (date, time):
        try:
            return kind.fromisoformat(value)
        except (TypeError, ValueError):
            raise ConfigError(
                f"{place}: an ISO {kind.__name__} is expected, not {value!r}"
            ) from None
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise ConfigError(f"{place}: must be one of {', '.join(get_args(kind))}, not {value!r}")
    members = getattr(kind, "__members__", None)
    if members is not None:
        if value not in members:
            raise ConfigError(f"{place}: unknown value{near_miss(str(value), [*members])}")
        return members[value]
    if dataclasses.is_dataclass(kind):
        raise ConfigError(f"{place}: cannot be set from a study")
    fits = {
        bool: isinstance(value, bool),
        int: isinstance(value, int) and not isinstance(value, bool),
        float: isinstance(value, int | float) and not isinstance(value, bool),
        str: isinstance(value, str),
    }
    if not fits.get(kind, True):
        raise ConfigError(f"{place}: a value of type {kind.__name__} is expected, not {value!r}")
    is_tuple = kind is tuple or get_origin(kind) is tuple
    return tuple(value) if is_tuple and isinstance(value, list) else value


def _version() -> str:
    from importlib.metadata import version

    return version("reasoning-gym")


if __name__ == "__main__":
    main()
