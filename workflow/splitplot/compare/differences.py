"""From two sides to the differences of their arms: by pairs of items where most are common."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.compare import words
from splitplot.compare.answers import observed, without_shared
from splitplot.compare.arms import Match, differences, matches
from splitplot.compare.sides import Side
from splitplot.errors import ConfigError
from splitplot.inference.arms import build_arms
from splitplot.inference.checks import MIN_OVERLAP
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.grid import Cell, Grid, Rows
from splitplot.inference.intervals import is_bounded
from splitplot.inference.measures import kinds
from splitplot.inference.multiplicity import holm
from splitplot.inference.paired import PairedResult, paired_comparison
from splitplot.inference.unpaired import UnpairedResult, unpaired_comparison
from splitplot.scoring.scales import EVENTS

SCHEMA = 1


def compare(
    first: Side, second: Side, named: Sequence[tuple[str, str]] = (), alpha: float = 0.05
) -> dict[str, Any]:
    """Every pair of arms that can be compared, with what differs between them; plain JSON values.

    named: pairs of conditions that the user wants compared. Differences are first − second, in units of the
    score, at level 1 − alpha; `p_adjusted` is Holm's over all comparisons that are shown. `events` is what a
    score of 0 counts, where the scorer counts something ("false answers"): words and tables are of that.
    Raises ConfigError where no arms belong together, or no scorer is common to both.
    """
    scorers = _scorers(first, second)
    if not scorers["common"]:
        raise ConfigError(
            f"{first.name} and {second.name} have no scorer in common: {words.scorers_line(scorers)}"
        )
    found = matches(first, second, named)
    if not found:
        raise ConfigError(words.nothing_to_compare(first, second))
    items, changed = _items(first, second)
    pairs = [_pair(first, second, match, scorers["common"], changed, alpha) for match in found]
    every = [entry for pair in pairs for entry in pair["comparisons"]]
    adjusted = holm([entry["p_value"] for entry in every])
    tests = sum(p is not None for p in adjusted)
    for entry, p in zip(every, adjusted, strict=True):
        entry["p_adjusted"] = p
    for pair in pairs:
        for entry in pair["comparisons"]:
            entry["sentence"] = words.sentence(first, second, pair, entry, tests, alpha)
        pair["sentence"] = words.pair_sentence(first, second, pair)
    return {
        "schema": SCHEMA,
        "level": 1 - alpha,
        "first": _described(first),
        "second": _described(second),
        "items": items,
        "scorers": scorers,
        "n_tests": tests,
        "pairs": pairs,
        "unmatched": {
            "first": _left(first, [match.first for match in found]),
            "second": _left(second, [match.second for match in found]),
        },
    }


def _described(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "study": side.study,
        "wave": side.wave,
        "plan_digest": side.plan["digests"]["plan"],
    }


def _left(side: Side, matched: Sequence[Cell]) -> list[str]:
    return [cell.label for cell in side.cells if cell not in matched]


def _scorers(first: Side, second: Side) -> dict[str, Any]:
    """{"common": [{"first", "second", "digest"}], "differ", "only_first", "only_second"}: of the same
    content, whatever they are called; with the same name and another content; and the rest."""
    ours, theirs = first.scorers(), second.scorers()
    common = []
    for name, code in ours.items():
        same = [other for other, its in theirs.items() if its == code]
        if same:
            other = name if name in same else same[0]
            common.append({"first": name, "second": other, "digest": code})
    known = {entry["first"] for entry in common}, {entry["second"] for entry in common}
    return {
        "common": common,
        "differ": [name for name in ours if name in theirs and ours[name] != theirs[name]],
        "only_first": [name for name in ours if name not in theirs and name not in known[0]],
        "only_second": [name for name in theirs if name not in ours and name not in known[1]],
    }


def _items(first: Side, second: Side) -> tuple[dict[str, int], set[str]]:
    """How many items both have with the same content, with another one, and how many one of them has;
    and the ids of those whose content has changed."""
    contents = [
        {(row["item_id"], row["item_hash"]) for row in _distinct(side, "item_id", "item_hash")}
        for side in (first, second)
    ]
    ids = [{item for item, _ in content} for content in contents]
    same = {item for item, _ in contents[0] & contents[1]}
    changed = (ids[0] & ids[1]) - same
    counts = {
        "same": len(same),
        "changed": len(changed),
        "only_first": len(ids[0] - ids[1]),
        "only_second": len(ids[1] - ids[0]),
    }
    return counts, changed


def _without(rows: Any, items: set[str]) -> Any:
    """The rows of other items than these."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not items:
        return rows
    named = pc.is_in(rows["item_id"].cast(pa.string()), value_set=pa.array(sorted(items)))
    return rows.filter(pc.invert(named))


def _distinct(side: Side, *columns: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = side.table.group_by(list(columns)).aggregate([]).to_pylist()
    return rows


def _pair(
    first: Side,
    second: Side,
    match: Match,
    scorers: Sequence[Mapping[str, str]],
    changed: set[str],
    alpha: float,
) -> dict[str, Any]:
    rows = tuple(
        _without(side.rows(cell), changed)
        for side, cell in ((first, match.first), (second, match.second))
    )
    shared = without_shared(*rows)
    pair: dict[str, Any] = {
        "kind": match.kind,
        "factors": list(match.factors),
        "differs": differences(first, second, match),
        **{
            side: {
                "trial_id": cell.trial,
                "trial_hash": its.trials[cell.trial]["hash"],
                "model": cell.model,
                "sampling": cell.sampling,
                "condition": cell.condition,
                "condition_hash": its.conditions[cell.condition_id]["hash"],
                **observed(own),
            }
            for side, its, cell, own in (
                ("first", first, match.first, rows[0]),
                ("second", second, match.second, rows[1]),
            )
        },
        "answers_shared": shared.n_shared,
        "asked_twice": shared.n_asked_twice,
        "same_answers": shared.all_shared,
        "comparisons": [],
    }
    if not shared.all_shared:
        cells = match.first, match.second
        pair["comparisons"] = [
            _compared(_grid(cells, shared.first, shared.second, scorer), scorer, alpha)
            | {"events": EVENTS.get(kinds(first.plan)[scorer["first"]])}
            for scorer in scorers
        ]
    return pair


def _grid(cells: tuple[Cell, Cell], first: Any, second: Any, scorer: Mapping[str, str]) -> Grid:
    """Both cells under one scorer, over all items of either; an item is its id with its content."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ours = first.filter(pc.equal(first["scorer"], scorer["first"]))
    theirs = second.filter(pc.equal(second["scorer"], scorer["second"]))
    rows = pa.concat_tables([ours, theirs])

    def texts(name: str) -> Any:
        return np.array(rows[name].to_pylist(), dtype=object)

    ids, hashes, clusters = texts("item_id"), texts("item_hash"), texts("cluster")
    both = np.array([f"{a}\x1f{b}" for a, b in zip(ids, hashes, strict=True)], dtype=object)
    names, start, item = np.unique(both, return_index=True, return_inverse=True)
    _, cluster = np.unique(clusters, return_inverse=True)
    _, content = np.unique(hashes, return_inverse=True)
    # The smallest code wins where rows of one item disagree: no row order can matter.
    cluster_of = np.full(names.size, rows.num_rows, dtype=np.int64)
    np.minimum.at(cluster_of, item, cluster)
    tokens = _numbers(rows, "tokens_out")
    return Grid(
        cells,
        names.tolist(),
        cluster_of,
        Rows(
            cell=np.repeat(np.arange(2), [ours.num_rows, theirs.num_rows]),
            item=item.astype(np.int64),
            replication=_numbers(rows, "replication").astype(np.int64),
            strict=_numbers(rows, "strict"),
            observed=_numbers(rows, "observed"),
            truncated=texts("outcome") == "truncated",
            signature=np.where(np.isnan(tokens), -1, tokens).astype(np.int64),
        ),
        content[start].astype(np.int64),
    )


def _numbers(rows: Any, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.fill_null(rows[name].cast(pa.float64()), float("nan")).to_numpy()


def _compared(grid: Grid, scorer: Mapping[str, str], alpha: float) -> dict[str, Any]:
    """One comparison; `difference` is None where `reason` says why."""
    arms = build_arms(grid, [(0, 1)], "strict", "strict")
    each = [grid.scores(cell) for cell in (0, 1)]
    paired = arms.item.size >= MIN_OVERLAP * arms.n_union and arms.item.size > 0
    place = [arms.item] * 2 if paired else [np.flatnonzero(one.count) for one in each]
    values = [one.mean[where] for one, where in zip(each, place, strict=True)]
    seed = int(digest(["compare", scorer["digest"], *(cell.label for cell in grid.cells)]), 16)
    entry: dict[str, Any] = {
        "scorer": scorer["first"],
        "paired": bool(paired),
        "n_common": int(arms.item.size),
        "n_union": arms.n_union,
        "n_first": int(values[0].size),
        "n_second": int(values[1].size),
        "mean_first": float(values[0].mean()) if values[0].size else None,
        "mean_second": float(values[1].mean()) if values[1].size else None,
        "bounded": all(is_bounded(value) for value in values),
        "difference": None,
        "p_value": None,
        "test": None,
        "n_clusters": None,
        "reason": None,
    }
    if not (values[0].size and values[1].size):
        return entry | {"reason": "no item has an answer on either side that could be compared"}
    result: PairedResult | UnpairedResult
    try:
        if paired:
            labels = grid.labels(arms.item, arms.a - arms.b)
            result = paired_comparison(
                arms.a, arms.b, cluster=labels, alpha=alpha, seed=seed % 2**32
            )
            clusters = result.n_clusters
        else:
            codes = [grid.codes(pair) for pair in zip(place, values, strict=True)]
            label = [code[where] for code, where in zip(codes, place, strict=True)]
            clustered = any(np.unique(one).size < one.size for one in label)
            result = unpaired_comparison(
                *values,
                cluster_a=label[0] if clustered else None,
                cluster_b=label[1] if clustered else None,
                alpha=alpha,
                seed=seed % 2**32,
            )
            clusters = min(np.unique(one).size for one in label)
    except (TooFewClusters, ValueError) as problem:
        return entry | {"reason": str(problem)}
    return entry | {
        "difference": result.difference.to_json(),
        "p_value": result.p_value,
        "test": result.test,
        "n_clusters": int(clusters),
    }
