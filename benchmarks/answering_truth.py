"""System prompts of known effect: how often the intervals and the verdicts of a study are right.

    OPENBLAS_NUM_THREADS=1 python benchmarks/answering_truth.py [--draws 5000] [--seeds 20]
        [--passages 60 150 400] [--worlds NAME …] [--workers 2] [--store runs.jsonl]
        [--markdown docs/methods_answering.md]

What is simulated: answering_worlds.py. The counts are of the library's functions on many draws
(answering_intervals.py); the first seeds of every row go through the whole analysis of a study too
(answering_study.py), and what differs is told. What is counted: answering_tables.py. --store keeps what is
done, and a run goes on from there. --markdown writes the tables into a page, between their two marks,
`<!-- truth: TABLE -->` and `<!-- end -->`. Bold: off on the wrong side by more than a percentage point and by
more than two Monte Carlo standard errors, √(q(1 − q)/number) at the nominal rate q.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
from answering_intervals import observe_directly
from answering_study import observe
from answering_tables import TABLES, Tally, counts, markdown, same, tally
from answering_worlds import ANSWERABLE, WORLDS, draw, icc, truths

Found = dict[str, Any]
Key = tuple[str, int, int]
"""World, passages, and the seed of a study or the number of draws."""

Tallies = dict[tuple[str, int], Tally]


def agrees(key: Key) -> Found:
    """One whole study: {"same": whether it found what the library's functions do}, and both where not."""
    world, passages, _ = key
    whole = observe(WORLDS[world], passages, random_of(key))
    alone = observe_directly(WORLDS[world], passages, random_of(key))
    return {"same": True} if same(whole, alone) else {"same": False, "whole": whole, "alone": alone}


def draw_many(key: Key) -> Tally:
    """The counts of so many draws; the first ones are those of the studies with these seeds."""
    world, passages, draws = key
    arms, true = WORLDS[world], truths(WORLDS[world])
    return tally(
        counts(observe_directly(arms, passages, random_of((world, passages, seed))), true)
        for seed in range(draws)
    )


def random_of(key: Key) -> np.random.Generator:
    """The seed comes from the key's own words."""
    world, passages, seed = key
    return np.random.default_rng([crc32(world.encode()), passages, seed])


def write_page(page: Path, drawn: Tallies) -> None:
    """Put every table between its two marks; the rest of the page stays."""
    text = page.read_text(encoding="utf-8")
    for name in TABLES:
        pattern = re.compile(rf"(<!-- truth: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{page}: no place for the table {name}")
        body = markdown(name, drawn)
        text = pattern.sub(lambda m, body=body: f"{m[1]}{body}\n{m[2]}", text)
    page.write_text(text, encoding="utf-8")


def stored(store: Path | None) -> dict[tuple[str, Key], Any]:
    """("study" or "drawn", key) → what an earlier call found; a torn last line is not one."""
    found = {}
    for line in store.read_text().splitlines() if store and store.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[row["kind"], tuple(row["key"])] = row["found"]
    return found


class Store:
    """Appends what is done. path: None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path and path.exists() and (text := path.read_bytes()) and not text.endswith(b"\n"):
            self._append("\n")

    def add(self, kind: str, key: Key, found: Mapping[str, Any]) -> None:
        self._append(json.dumps({"kind": kind, "key": key, "found": found}) + "\n")

    def _append(self, text: str) -> None:
        if self.path:
            with self.path.open("a") as file:
                file.write(text)


def correlations(passages: int = 200_000) -> dict[str, float]:
    """Correlation of the two answerable questions of a passage: of the control's exact match, and of the
    treatment's differences from it."""
    answered = draw(WORLDS["halved"], passages, np.random.default_rng(1))
    right = {arm: answered[arm].right[:, ANSWERABLE].astype(np.float64) for arm in answered}
    return {
        "exact match of the control": icc(right["control"]),
        "difference": icc(right["treatment"] - right["control"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Whole studies of system prompts of known effect.")
    parser.add_argument("--seeds", type=int, default=20, help="whole studies a row")
    parser.add_argument("--draws", type=int, default=5000, help="a row")
    parser.add_argument("--passages", type=int, nargs="+", default=[60, 150, 400])
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store", type=Path, help="studies that are done, one JSON object a line")
    parser.add_argument("--markdown", type=Path, help="page to write the tables into")
    arguments = parser.parse_args()
    rows = [(world, n) for world in arguments.worlds for n in arguments.passages]
    asked = [("drawn", (*row, arguments.draws)) for row in rows]
    asked += [("study", (*row, seed)) for seed in range(arguments.seeds) for row in rows]
    kept, store = stored(arguments.store), Store(arguments.store)
    found = {one: kept[one] for one in asked if one in kept}
    with ProcessPoolExecutor(arguments.workers) as pool:
        jobs = {
            pool.submit(agrees if kind == "study" else draw_many, key): (kind, key)
            for kind, key in asked
            if (kind, key) not in found
        }
        for job in as_completed(jobs):
            kind, key = jobs[job]
            found[kind, key] = job.result()
            store.add(kind, key, found[kind, key])
    drawn = {row: found["drawn", (*row, arguments.draws)] for row in rows}
    studies = [one for (kind, _), one in found.items() if kind == "study"]
    print(
        f"Whole studies that found the same: {sum(one['same'] for one in studies)} of {len(studies)}"
    )
    print("Correlation within a passage:", {k: round(v, 3) for k, v in correlations().items()})
    for world in arguments.worlds:
        for arm, rates in truths(WORLDS[world]).items():
            print(f"{world}, {arm}:", {rate: round(value, 6) for rate, value in rates.items()})
    for name in TABLES:
        print(f"\n{name}\n\n{markdown(name, drawn)}")
    if arguments.markdown:
        write_page(arguments.markdown, drawn)


if __name__ == "__main__":
    main()
