"""The responses of a part as far as the ledger has them: what a partial report is made of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splitplot.calls.ledger import Ledger
from splitplot.calls.records import Response
from splitplot.files import read_jsonl, write_jsonl


def write_so_far(
    trial_hash: str, requests: Path, ledger_root: Path, output: Path
) -> tuple[int, int]:
    """Write one response per line of requests.jsonl, in its order; what is not there is "missing".

    What the last run left unsent because of a cap stays "over_quota". Sends nothing.
    Returns (requests with an answer or a recorded failure, requests).
    """
    keys = [line["custom_id"] for line in read_jsonl(requests)]
    ledger = Ledger(ledger_root, trial_hash, read_only=True)
    found = ledger.find(keys)
    last_run = requests.with_name("responses.jsonl")
    refused = {
        row["key"]
        for row in (read_jsonl(last_run) if last_run.exists() else ())
        if row["outcome"] == "over_quota"
    }

    def rows() -> Iterator[dict[str, Any]]:
        for key in keys:
            if key in found:
                yield ledger.row(found[key])
            else:
                yield Response(key, "over_quota" if key in refused else "missing").to_json()

    write_jsonl(output, rows())
    return len(found), len(keys)
