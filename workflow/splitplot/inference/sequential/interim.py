"""The decision after a look, as its file has it: from the interim table of scores to plain values."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from splitplot.inference.data import StudyData, load_data
from splitplot.inference.sequential.released import look_evidence
from splitplot.inference.sequential.stopping import Look, settled_at
from splitplot.looks import basis, looks_of, primary_cells
from splitplot.scoring.export import item_responses

SCHEMA = 1
NEVER_SENT = "missing"


def decide(folder: Path, plan: dict[str, Any], look: int, *, partial: bool) -> dict[str, Any]:
    """The content of looks/{look}.json: is the question settled after this look, and is the next one asked?

    folder: has the interim scores, {look}/{trial}/{condition}.parquet, of the cells of primary contrasts.
    partial: of answers so far, for a partial report: while some of the look were never sent, the next
        one is not asked (in a whole run what could not be sent is a lost answer, and the next look comes).
    It follows from the answers and the plan alone: the same answers make the same decision.
    """
    tables = [
        folder / str(number) / cell["trial"] / f"{cell['condition']}.parquet"
        for number in range(1, look + 1)
        for cell in primary_cells(plan)
    ]
    with TemporaryDirectory() as scratch:
        joined = Path(scratch) / "item_responses.parquet"
        item_responses(tables, joined)
        data = load_data(joined, plan)
    looks = look_evidence(data, last=look)
    settled = settled_at(looks)
    waiting = _never_sent(data) if partial else 0
    return {
        "schema": SCHEMA,
        "study": plan["study"],
        "basis": basis(plan),
        "look": look,
        "of": looks_of(plan),
        "settled_at": settled,
        "waiting_for": waiting,
        "ask_next": settled is None and waiting == 0,
        "looks": [look_json(one) for one in looks],
    }


def look_json(look: Look) -> dict[str, Any]:
    """One look as plain values, in looks/{look}.json and in inference.json."""
    return {
        "look": look.look,
        "items": look.items,
        "evidence": [
            {
                "contrast": one.contrast,
                "n_items": one.n_items,
                "e_value": one.e_value,
                "log_e": one.log_e,
                "difference": one.difference.to_json() if one.difference else None,
                "settled": one.settled,
                "barred": one.barred,
            }
            for one in look.evidence
        ],
        "settled": look.settled,
    }


def _never_sent(data: StudyData) -> int:
    """Rows of answers that were never sent for."""
    outcome = data.table.text["outcome"]
    if NEVER_SENT not in outcome.names:
        return 0
    return int((outcome.code == outcome.names.index(NEVER_SENT)).sum())
