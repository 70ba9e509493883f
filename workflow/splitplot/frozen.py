"""Whether the analysis plan was fixed before the first response was read.

Every reading of the responses leaves one small file in `results/ledger/reads/{study}/`, where deleting
the results does not reach. The first of them fixes the plan: what differs later is exploratory.
"""

from pathlib import Path
from typing import Any

from splitplot.calls.ledger import now
from splitplot.canonical import digest
from splitplot.files import read_json, write_json


def note_read(ledger_root: Path, plan: dict[str, Any], *, answered: bool = True) -> dict[str, Any]:
    """Record that the study's responses are about to be read under this plan, and compare.

    answered: whether there is any; what was read of nothing fixes nothing, and is not recorded.

    Returns {"analysis_digest", "first_read_at", "status", "extended_after_read"}: status is
    "exploratory" when the analysis differs from the one at the first reading, else "primary";
    extended_after_read tells that items, cells or replications differ from those at that reading.
    """
    analysis = plan["digests"]["analysis"]
    data = digest([plan["digests"]["items"], plan["digests"]["grid"]])
    folder = ledger_root / "reads" / plan["study"]
    readings = [read_json(path) for path in sorted(folder.glob("*.json"))]
    this = {"analysis": analysis, "data": data, "at": now()}
    if answered and not any((old["analysis"], old["data"]) == (analysis, data) for old in readings):
        name = f"{this['at'].replace(':', '')}-{analysis[:8]}-{data[:8]}.json"
        write_json(folder / name, this)
    first = min(readings, key=lambda reading: str(reading["at"]), default=this)
    return {
        "analysis_digest": analysis,
        "first_read_at": first["at"] if answered or readings else None,
        "status": "primary" if first["analysis"] == analysis else "exploratory",
        "extended_after_read": first["data"] != data,
    }
