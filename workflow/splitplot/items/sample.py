"""A seeded, stratified sample: exactly so many items, each stratum in proportion to its size."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from splitplot.canonical import canonical_json
from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.items.qa import is_answerable, kind_of

STRATA: dict[str, Callable[[Item], str | bool | None]] = {
    "source": lambda item: item.source,
    "kind": kind_of,
    "answerable": is_answerable,
    "tier": lambda item: item.tier,
}
"""What items can be stratified by, in the order in which strata are named."""

Values = tuple[str | bool | None, ...]
"""A stratum: the value of each key it is made by."""


def sampled(
    per_source: list[list[Item]], spec: Mapping[str, Any], study_file: str | None = None
) -> tuple[list[list[Item]], dict[str, Any]]:
    """The items that a sample keeps, by source and in study order, and its record for items.json.

    per_source: items of each source, in study order. spec: "size", "seed" and "by", keys of `STRATA`.
    study_file: begins the message.
    Within a stratum those with the smallest hash of seed and id are taken: which other items there are
    changes how many, never which come first, so a larger stratum keeps what a smaller one chose.
    Record: {"source": "sample", "kind": "sample", "rows", "of", "seed", "by", "strata": [{each key of
    `by`, "items": how many there were, "taken"}]}.
    Raises ConfigError where the sample is larger than all items together.
    """
    size, seed, by = int(spec["size"]), int(spec["seed"]), list(spec["by"])
    strata: dict[Values, list[Item]] = {}
    for items in per_source:
        for item in items:
            strata.setdefault(tuple(STRATA[key](item) for key in by), []).append(item)
    total = sum(map(len, strata.values()))
    if size > total:
        where = f"{study_file}: " if study_file else ""
        raise ConfigError(
            f"{where}sample.size: {size:,} items are asked for, and the sources have {total:,}; take at most "
            f"{total:,}, or add sources"
        )
    taken = allocate({values: len(items) for values, items in strata.items()}, size)
    kept = {
        item.id
        for values, items in strata.items()
        for item in sorted(items, key=lambda item: _rank(seed, item.id))[: taken[values]]
    }
    record = {
        "source": "sample",
        "kind": "sample",
        "rows": size,
        "of": total,
        "seed": seed,
        "by": by,
        "strata": [
            {**dict(zip(by, values, strict=True)), "items": len(items), "taken": taken[values]}
            for values, items in strata.items()
        ],
    }
    return [[item for item in items if item.id in kept] for items in per_source], record


def allocate(sizes: Mapping[Values, int], size: int) -> dict[Values, int]:
    """How many items each stratum gives to a sample of `size`: whole numbers that sum to it.

    Proportional to the strata's sizes, what is left over by largest remainders (Hamilton's method). A
    stratum whose share is below one item gets one, and the others share the rest, if `size` suffices for
    one each; it never gives more than it has. Equal remainders are decided by the strata's values.
    sizes: items per stratum, each at least 1, together at least `size`.

    >>> allocate({("a",): 90, ("b",): 9, ("c",): 1}, 10)
    {('a',): 8, ('b',): 1, ('c',): 1}
    """
    rest, left = dict(sizes), size
    while size >= len(sizes):
        together = sum(rest.values())
        below = [values for values, count in rest.items() if left * count < together]
        if not below:
            break
        rest = {values: count for values, count in rest.items() if values not in below}
        left -= len(below)
    together = sum(rest.values())
    taken = {
        values: left * count // together if values in rest else 1 for values, count in sizes.items()
    }
    by_remainder = sorted(
        rest, key=lambda values: (-(left * rest[values] % together), _name(values))
    )
    for values in by_remainder[: size - sum(taken.values())]:
        taken[values] += 1
    return taken


def _name(values: Values) -> str:
    return canonical_json(list(values))


def _rank(seed: int, item_id: str) -> bytes:
    return hashlib.sha256(canonical_json([seed, item_id]).encode("utf-8")).digest()
