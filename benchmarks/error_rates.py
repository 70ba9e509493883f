"""How often the default intervals cover the truth and the default tests cry wolf, by simulation.

    python benchmarks/error_rates.py [TABLE …] [--simulations 5000] [--workers 2]
        [--store rows.jsonl] [--markdown docs/error_rates.md]

What is simulated: error_rate_worlds.py; what is counted: error_rate_tables.py. Prints a row as soon as it is
done. --store keeps finished rows, and a run with the same number of simulations goes on from there.
--markdown writes the tables into a page, between `<!-- error rates: TABLE -->` and `<!-- end -->`.
A rate is bold where it is more than a percentage point off on the wrong side (too little coverage or power,
too many false alarms), in italics on the other. Standard error of a share of 0.95 in 5,000: 0.0031.
"""

import argparse
import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
from error_rate_tables import TABLES, Table, settings_of
from error_rate_worlds import DIFFICULTY_SD, INTERACTION_SD, centre_for, mean_score

__all__ = ["DIFFICULTY_SD", "INTERACTION_SD", "centre_for", "mean_score"]

TOLERATED = 0.01
Rates = dict[str, float]


def simulate(name: str, setting: tuple[Any, ...], simulations: int) -> Rates:
    """Mean of every column over the simulations of a row in which it is counted.

    The seed comes from the row's own words."""
    table = TABLES[name]
    random = np.random.default_rng(crc32(repr((name, setting)).encode()))
    one = table.make(*setting)
    found: dict[str, list[float]] = {}
    for run in range(simulations):
        for column, value in one(random, run).items():
            found.setdefault(column, []).append(float(value))
    return {column: float(np.mean(values)) for column, values in found.items()}


def shown(rate: float | None, nominal: float | None, *, errors: bool) -> str:
    """The rate with its mark. errors: too many are too many; else too few are too few."""
    if rate is None:
        return "–"
    text = f"{rate:,.0f}" if rate > 1 else f"{rate:.3f}".removeprefix("0")
    if nominal is None or abs(rate - nominal) <= TOLERATED:
        return text
    return f"**{text}**" if (rate > nominal) == errors else f"*{text}*"


def markdown(table: Table, rows: dict[tuple[Any, ...], Rates]) -> str:
    """The table as Markdown; rows that are not there yet are left out."""
    header = [*table.names, *table.nominal]
    lines = ["| " + " | ".join(header) + " |", "| ---: " * len(header) + "|"]
    for setting in table.settings:
        if setting not in rows:
            continue
        cells = [
            "–"
            if value == 0 and name == "clusters"
            else f"{value:,}"
            if isinstance(value, int)
            else str(value)
            for name, value in zip(table.names, setting, strict=True)
        ]
        cells += [
            shown(rows[setting].get(column), nominal, errors=nominal is not None and nominal < 0.5)
            for column, nominal in table.nominal.items()
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_page(page: Path, found: dict[str, dict[tuple[Any, ...], Rates]]) -> None:
    """Put every table between its two marks; the rest of the page stays."""
    text = page.read_text(encoding="utf-8")
    for name, rows in found.items():
        pattern = re.compile(
            rf"(<!-- error rates: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL
        )
        if not pattern.search(text):
            raise SystemExit(f"{page}: no place for the table {name}")
        body = markdown(TABLES[name], rows)
        text = pattern.sub(lambda m, body=body: f"{m[1]}{body}\n{m[2]}", text)
    page.write_text(text, encoding="utf-8")


def stored(store: Path | None, simulations: int) -> dict[tuple[str, tuple[Any, ...]], Rates]:
    """Rows that an earlier run has left; a torn last line is not one."""
    found = {}
    for line in store.read_text().splitlines() if store and store.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row["asked"] == simulations:
            found[row["table"], tuple(row["setting"])] = row["rates"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates of the default intervals and tests.")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--simulations", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store", type=Path, help="rows that are done, one JSON object a line")
    parser.add_argument("--markdown", type=Path, help="page to write the tables into")
    arguments = parser.parse_args()
    names = arguments.tables or list(TABLES)
    if unknown := [name for name in names if name not in TABLES]:
        parser.error(f"unknown table: {', '.join(unknown)}; known: {', '.join(TABLES)}")
    rows = stored(arguments.store, arguments.simulations)
    todo = [row for row in settings_of(names) if row not in rows]
    with ProcessPoolExecutor(arguments.workers) as pool:
        jobs = {}
        for name, setting in todo:
            number = max(2, round(arguments.simulations * TABLES[name].share))
            jobs[pool.submit(simulate, name, setting, number)] = (name, setting)
        for job in as_completed(jobs):
            name, setting = jobs[job]
            rows[name, setting] = rates = job.result()
            print(name, *setting, {k: round(v, 4) for k, v in rates.items()}, flush=True)
            if arguments.store:
                row = {
                    "table": name,
                    "setting": setting,
                    "asked": arguments.simulations,
                    "rates": rates,
                }
                with arguments.store.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    found = {
        name: {setting: rates for (table, setting), rates in rows.items() if table == name}
        for name in names
    }
    if arguments.markdown:
        write_page(arguments.markdown, found)
    else:
        for name in names:
            print(f"\n{name}\n\n{markdown(TABLES[name], found[name])}")


if __name__ == "__main__":
    main()
