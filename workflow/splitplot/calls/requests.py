"""The requests of a cell: items × replications through a template, as canonical bodies with keys."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from splitplot.calls.keys import TrialKeys, messages_json
from splitplot.calls.records import KEY_LENGTH, Request
from splitplot.errors import ConfigError
from splitplot.files import read_json, write_jsonl
from splitplot.items import read_items
from splitplot.items.item import Item
from splitplot.looks import check_alone, looks_of, opens_next, read_identities
from splitplot.prompts import render
from splitplot.trials import trial_of
from splitplot.waves import FIRST, waves_of


def cell_requests(
    trial: dict[str, Any],
    condition: dict[str, Any],
    replications: int,
    items: Iterable[Item],
    waves: Sequence[str] = (FIRST,),
) -> Iterator[tuple[Request, Item, int]]:
    """(request, item, replication) of a cell in item order; trial and condition as in plan.json.

    Replications count through the waves: that of wave w and replication r is w · replications + r.
    """
    keys = TrialKeys(trial)
    for item in items:
        messages = render(condition["template"], item)
        body = {"messages": messages, **trial["parameters"]}
        of_item = keys.of(messages_json(messages), replications, waves)
        for replication, key in enumerate(of_item):
            yield Request(key, body), item, replication


def part_index(part: str) -> tuple[int, int]:
    """("03-of-12") → (3, 12)."""
    index, _, count = part.partition("-of-")
    return int(index), int(count)


def part_keys(folder: Path) -> list[str]:
    """The keys of the requests of a part, in their order."""
    return [key for key, _ in _lines(folder)]


def part_requests(folder: Path, wanted: set[str]) -> Iterator[Request]:
    """The requests of a part with these keys, in their order."""
    for key, text in _lines(folder):
        if key in wanted:
            line = json.loads(text)
            yield Request(key, line["body"], line["url"])


_BEFORE_KEY = b'{"custom_id": "'
_KEY = slice(len(_BEFORE_KEY), len(_BEFORE_KEY) + KEY_LENGTH)


def _lines(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(key, line) of each request. A line as `write_part` writes it is not parsed for its key: most of it
    is the prompt, and it is read several times."""
    with (folder / "requests.jsonl").open("rb") as file:
        for line in file:
            if line.startswith(_BEFORE_KEY) and line[_KEY.stop : _KEY.stop + 1] == b'"':
                yield line[_KEY].decode(), line
            elif line.strip():
                yield json.loads(line)["custom_id"], line


def write_part(
    plan: dict[str, Any],
    trial_id: str,
    condition_id: str,
    part: str,
    items: Path,
    folder: Path,
    decision: Path | None = None,
) -> int:
    """Write requests.jsonl (one line per distinct key) and grid.jsonl (one per item × wave × replication).

    decision: of the look before that of the part; where it asks no more, both files are empty: these
    items were not asked by design.
    Returns the number of distinct requests. Raises ConfigError for items that do not stand alone in a
    study that may stop early.
    """
    if looks_of(plan):
        check_alone(plan, read_identities(items))
    if decision is not None and not opens_next(read_json(decision)):
        write_jsonl(folder / "grid.jsonl", [])
        return write_jsonl(folder / "requests.jsonl", [])
    trial, condition, replications = cell_of(plan, trial_id, condition_id)
    waves = waves_of(plan)
    grid: list[dict[str, Any]] = []
    seen: set[str] = set()

    def lines() -> Iterator[dict[str, Any]]:
        part_items = read_items(items, part=part_index(part))
        of_part = cell_requests(trial, condition, replications, part_items, waves)
        for request, item, running in of_part:
            wave, replication = waves[running // replications], running % replications
            place = {"item_id": item.id, "replication": replication, "key": request.key}
            grid.append(place | ({"wave": wave} if wave else {}))
            if request.key not in seen:
                seen.add(request.key)
                yield {
                    "custom_id": request.key,
                    "method": "POST",
                    "url": request.url,
                    "body": request.body,
                }

    count = write_jsonl(folder / "requests.jsonl", lines())
    write_jsonl(folder / "grid.jsonl", grid)
    return count


def cell_of(
    plan: dict[str, Any], trial_id: str, condition_id: str
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """(trial, condition, replications) of a cell of the plan. Raises ConfigError for an unknown cell."""
    for cell in plan["cells"]:
        if cell["trial"] == trial_id and cell["condition"] == condition_id:
            trial = trial_of(plan, trial_id)
            condition = next(arm for arm in plan["conditions"] if arm["id"] == condition_id)
            return trial, condition, int(cell["replications"])
    raise ConfigError(f"{plan['study']}: there is no cell {trial_id} × {condition_id}")
