"""Request keys of a whole cell: what its requests share is rendered, counted and hashed once.

A key is `records.request_key`, the digest of [identity, body, replication] and, in a later wave, its name.
The canonical JSON of a body has its keys sorted, so all before and after the messages is the same for
every request of a trial.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from splitplot.calls.records import KEY_LENGTH
from splitplot.calls.tokens import text_bytes
from splitplot.canonical import canonical_json
from splitplot.items.item import Item
from splitplot.prompts import render
from splitplot.waves import FIRST, wave_suffix

KEPT_BYTES = 64 << 20
"""Of rendered prompts that are kept for the next trial; what is beyond is rendered for each anew."""


class TrialKeys:
    """Keys of the requests of a trial. trial: as in plan.json."""

    def __init__(self, trial: dict[str, Any]) -> None:
        named = sorted(trial["parameters"].items())
        pairs = [(name, f"{canonical_json(name)}:{canonical_json(value)}") for name, value in named]
        before = "".join(f"{pair}," for name, pair in pairs if name < "messages")
        after = "".join(f",{pair}" for name, pair in pairs if name > "messages")
        identity = canonical_json(trial["identity"])
        self._start = hashlib.sha256(_bytes(f'[{identity},{{{before}"messages":'))
        self._end = _bytes(f"{after}}}")

    def of(self, messages: bytes, replications: int, waves: Sequence[str] = (FIRST,)) -> list[str]:
        """The keys of all replications, wave by wave. messages: their canonical JSON."""
        shared = self._start.copy()
        shared.update(messages + self._end)
        keys = []
        for wave in waves:
            end = wave_suffix(wave)
            for replication in range(replications):
                one = shared.copy()
                one.update(b",%d%b]" % (replication, end))
                keys.append(one.hexdigest()[:KEY_LENGTH])
        return keys


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages as canonical JSON; how many they are, and the bytes of their text (see `tokens`)."""

    json: bytes
    count: int
    text: int


class Prompts:
    """The messages of items under conditions, which every trial of a study has in common."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Prompt] = {}
        self._room = KEPT_BYTES

    def of(self, condition: dict[str, Any], item: Item) -> Prompt:
        """The prompt of an item under a condition of the plan. Raises as `prompts.render`."""
        place = (condition["id"], item.id)
        known = self._known.get(place)
        if known is None:
            messages = render(condition["template"], item)
            text = text_bytes({"messages": messages})
            known = Prompt(messages_json(messages), len(messages), text)
            if self._room >= len(known.json):
                self._room -= len(known.json)
                self._known[place] = known
        return known


def messages_json(messages: list[dict[str, str]]) -> bytes:
    """What `TrialKeys.of` takes."""
    return _bytes(canonical_json(messages))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
