"""Chapter `spent`: how many times the tokens, dollars and seconds of the other arm an arm takes."""

from typing import Any

from splitplot.amounts import AMOUNTS, LATENCY, PER_CORRECT, TOKENS_OUT, USD, Amount
from splitplot.inference.arms import paired_cells
from splitplot.inference.asked import Asked, asked_of_plan, contrast_seed
from splitplot.inference.checks import MIN_ITEMS, Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData
from splitplot.inference.intervals import Interval
from splitplot.inference.taken import Taken, by_item, column_of, taken
from splitplot.inference.wording import level_text, p_text, quoted

SHOWN = tuple(AMOUNTS[name] for name in (USD, TOKENS_OUT, LATENCY, PER_CORRECT))
"""In the order of the chapter."""


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """An entry per asked contrast and amount that both arms have on at least MIN_ITEMS common items."""
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    # What counts per right answer is of those that the first scorer grades.
    grids = {
        amount.name: data.grid() if amount.name == PER_CORRECT else data.answers()
        for amount in SHOWN
    }
    amounts = {
        amount.name: by_item(data, grids[amount.name], column_of(amount)) for amount in SHOWN
    }
    found = []
    for asked in asked_of_plan(primaries, data.cells):
        pairs = paired_cells(data.cells, asked.factor, asked.a, asked.b, asked.name)
        for amount in SHOWN:
            both = taken(grids[amount.name], amount, amounts[amount.name], pairs)
            entry = _entry(data, asked, amount, both)
            found += [entry] if entry else []
    return found, []


def _entry(data: StudyData, asked: Asked, amount: Amount, found: Taken) -> dict[str, Any] | None:
    if found.item.size < MIN_ITEMS or not found.possible:
        return None
    try:
        ratio, p_value, test = found.ratio(data.level, contrast_seed(data.seed, asked))
    except (TooFewClusters, ValueError):
        return None
    return _json(asked, amount, ratio, p_value, test, found)


def _json(
    asked: Asked, amount: Amount, ratio: Interval, p_value: float, test: str, found: Taken
) -> dict[str, Any]:
    verb = "takes" if amount.verb == "uses" else amount.verb
    sentence = (
        f"{quoted(asked.label_a)} {verb} {ratio.estimate:.2f} times the {amount.noun} of "
        f"{quoted(asked.label_b)} ({level_text(ratio.level)} interval {ratio.low:.2f} to "
        f"{ratio.high:.2f}; {p_text(p_value)} if both took the same)."
    )
    mean_a, mean_b = found.means()
    return {
        "contrast": asked.name,
        "amount": amount.name,
        "ratio": ratio.to_json(),
        "p_value": p_value,
        "test": test,
        "n_items": int(found.item.size),
        "mean_a": mean_a,
        "mean_b": mean_b,
        "sentence": sentence,
    }
