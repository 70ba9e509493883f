"""Procedural tasks of the `reasoning_gym` package as items, prefix-nested and the same on every machine.

The generator runs in a process of its own (`generate.py`): several of its tasks walk over sets of
text, whose order changes with Python's hash seed, and that can only be fixed before a process starts.

All 105 tasks of reasoning_gym 0.1.25 can be generated and kept as JSON (its 106th name, `composite`,
is the mix itself). Two come back changed in a way that matters: `arc_agi` and `rearc` compare the
answer with a tuple of tuples, which JSON keeps as lists; `restore_entry` mends that. Five have no
single right answer and thus no target: `boxnet`, `graph_color`, `propositional_logic`, `rubiks_cube`,
`rush_hour`; only their own verifier can score them. `graph_color` keeps an example solution whose
integer keys become text, which its verifier accepts.
"""

import json
import os
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from splitplot.canonical import canonical_json, digest
from splitplot.errors import ConfigError, SplitplotError, near_miss
from splitplot.items.item import Item
from splitplot.items.load import Placed

GENERATORS = ["reasoning_gym"]
BAD_REQUEST = 2
"""Exit code of the generating process when the request is at fault; its last line says why."""


def load(source: dict[str, Any], root: Path) -> tuple[list[Placed], dict[str, Any]]:
    """Items of a `generate` source and their provenance.

    source: "tasks" {name: {"weight": 1, …fields of the task's own configuration}}, "size", "seed".
    The mix follows the weights exactly at every length; the k-th item of a task depends on seed, task
    and its configuration alone, so a larger size, another weight or another task keeps what is there.
    No question occurs twice within a task.
    Ids are `task-digest-0000`, the digest standing for seed and configuration. Metadata: "task",
    "config" (what the study sets) and "entry", with which `verify` scores an answer.
    Raises ConfigError for unknown tasks, unknown or unfit settings, and for a task that has not so
    many different questions.
    """
    generator = str(source["generate"])
    if generator not in GENERATORS:
        raise ConfigError(
            f'items: unknown generator "{generator}"{near_miss(generator, GENERATORS)}'
        )
    label = f"reasoning_gym:seed={source['seed']}"
    tasks = {name: dict(config or {}) for name, config in source["tasks"].items()}
    request = {"tasks": tasks, "size": source["size"], "seed": source["seed"]}
    version, rows = _generate(request, label)
    placed = []
    for row in rows:
        item = _item(row, source, label)
        placed.append((item, f"{label}: {item.id}"))
    return placed, {
        "source": label,
        "kind": "generate",
        "revision": f"reasoning_gym {version}",
        "sha256": None,
        "request": request,
    }


def verify(answer: str, metadata: dict[str, Any]) -> float:
    """Score of an answer, 0 to 1, by the task's own verifier; `metadata` as in the item.

    Imports reasoning_gym, whose every task comes along, with sympy and matplotlib: about half of the
    second that scoring a cell takes. It cannot be had in pieces: its modules import each other in a
    circle that only the package's own order resolves.
    Raises ConfigError for a task or a setting that the package does not know, else whatever the
    verifier raises.
    """
    task = _verifier(metadata["task"], canonical_json(metadata.get("config") or {}))
    # a copy, since a verifier may write into its entry
    return float(task.score_answer(answer, deepcopy(restore_entry(metadata))))


def restore_entry(metadata: dict[str, Any]) -> dict[str, Any]:
    """The entry as its verifier expects it: boards of `arc_agi` and `rearc` are tuples of tuples."""
    entry: dict[str, Any] = metadata["entry"]
    if metadata["task"] not in ("arc_agi", "rearc"):
        return entry
    inner = dict(entry["metadata"])
    for board in ("input", "output"):
        if isinstance(inner.get(board), list):
            inner[board] = tuple(tuple(line) for line in inner[board])
    return {**entry, "metadata": inner}


def tier_of(task: str, config: dict[str, Any], entry: dict[str, Any]) -> str:
    """Task and difficulty settings in one short line, in alphabetical order of the settings.

    >>> tier_of("gcd", {}, {"metadata": {"difficulty": {"num_terms": [2, 2], "value": [1, 12]}}})
    'gcd num_terms=2 value=1-12'

    The settings are those that the entry reports as its difficulty, else those that the study sets.
    Weights, lists and texts that are no scale are left out; `min_x` and `max_x` become `x`.
    """
    difficulty = entry["metadata"].get("difficulty")
    if not isinstance(difficulty, dict):
        difficulty = {"difficulty": difficulty} if _is_number(difficulty) else config
    settings = {key: value for key, value in difficulty.items() if not key.endswith("_weights")}
    for key in [key for key in settings if key.startswith("min_")]:
        name = key.removeprefix("min_")
        if "max_" + name in settings:
            settings[name] = [settings.pop(key), settings.pop("max_" + name)]
    shown = [f"{key}={_range(settings[key])}" for key in sorted(settings) if _range(settings[key])]
    return " ".join([task, *shown])


def _generate(request: dict[str, Any], label: str) -> tuple[str, list[dict[str, Any]]]:
    library = str(Path(__file__).parents[2])
    paths = [library, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "splitplot.items.generate"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        if done.returncode == BAD_REQUEST:
            raise ConfigError(f"{label}: {told[-1]}")
        raise SplitplotError(f"{label}: the generator failed: " + " | ".join(told[-3:]))
    version, *rows = (json.loads(line) for line in done.stdout.splitlines())
    return version["version"], rows


@cache
def _verifier(task: str, config: str) -> Any:
    from splitplot.items.generate import dataset

    return dataset(task, json.loads(config), seed=0)


def _item(row: dict[str, Any], source: dict[str, Any], label: str) -> Item:
    task, config, entry = row["task"], row["config"], row["entry"]
    name = digest([source["seed"], task, row["settings"]], 6)
    answer = entry["answer"]
    metadata = {"task": task, "entry": entry}
    if config:
        metadata["config"] = config
    return Item(
        id=f"{source.get('id_prefix') or ''}{task}-{name}-{row['index']:04d}",
        input=entry["question"],
        targets=() if answer is None else (str(answer),),
        tier=source.get("tier") or tier_of(task, config, entry),
        tags=tuple(dict.fromkeys([task, row["category"], *(source.get("tags") or ())])),
        metadata=metadata,
        source=label,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range(value: Any) -> str:
    """ "2", "1-12" or "-10..10"; empty for what is no number or pair of numbers."""
    if _is_number(value):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list) and len(value) == 2 and all(_is_number(end) for end in value):
        low, high = map(_range, value)
        return low if low == high else f"{low}..{high}" if value[0] < 0 else f"{low}-{high}"
    return ""
